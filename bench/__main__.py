"""
`python -m bench [--quick] [--only NAME]`: measure, print tables, write bench/results/.

    floors ─► purchases (200 SKUs, one hot SKU) ─► floors ─► purchases ─► …   interleaved, so that a slow minute
                                                                              of the machine slows both
"""

import argparse
import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console

from bench.books import faults, read_books
from bench.buyers import Ask, Load
from bench.floors import FLOORS, prepare_floors, run_floor
from bench.machine import PROJECT, this_machine
from bench.processes import machine_busy_seconds
from bench.publish import publish
from bench.report import BUYERS, picture, print_report
from bench.results import PageRun, PurchaseRun, Results, RoundTrips, ratios
from bench.round_trips import begin_counting, end_counting
from bench.shop import HOT, SPREAD, Database, Serving, data_folder, database, get, serving
from evertill.audit import audit_at
from evertill.clock import utc_now

PARTS = ("spread", "hot", "floors", "pages", "round-trips")
_RESULTS = Path(__file__).parent / "results"

_BASKETS = {
    "spread": tuple((SPREAD[i], SPREAD[(i * 7 + step) % 200]) for i in range(200) for step in (3, 71, 138)),
    "hot": ((HOT, HOT),),  # two lines of the same SKU: the same rows as a spread order, one stock row
    "hot, 1 line": ((HOT,),),
}
_WORDS = ("teapot", "red+basket", "wooden", "paper+lantern", "vintage+clock", "enamel")
_PAGES = {
    "product page": tuple(f"/products/{sku.lower()}" for sku in SPREAD),
    "search": tuple(f"/search?q={words}" for words in _WORDS),
    "home": ("/",),
}
_VISITORS = 16


class Plan(msgspec.Struct, frozen=True):
    """How long everything takes, in seconds."""

    rounds: int
    floor: int
    warm: float
    crowd: float  # 256 buyers, each round
    ladder: float  # 1, 16 and 64 buyers, once
    pages: float
    counting: float


_FULL = Plan(rounds=3, floor=3, warm=1.5, crowd=9, ladder=6, pages=6, counting=4)
_QUICK = Plan(rounds=1, floor=2, warm=1, crowd=4, ladder=2, pages=2, counting=2)


class Bench:
    """One run on one database and one shop."""

    def __init__(self, plan: Plan, database: Database, shop: Serving, results: Results, console: Console) -> None:
        self._plan = plan
        self._database = database
        self._shop = shop
        self._results = results
        self._console = console
        self._seed = 0

    async def run(self, parts: frozenset[str]) -> None:
        """Everything that was asked for."""
        await self._open_the_shop()
        if "floors" in parts:
            await prepare_floors(self._database.connection)
        for number in range(self._plan.rounds):
            if "floors" in parts:
                await self._floors()
            for scenario in ("spread", "hot"):
                if scenario in parts:
                    await self.buy(scenario, BUYERS[-1], self._plan.crowd)
            if number == 0:
                await self._ladder(parts)
        if "pages" in parts:
            for page in _PAGES:
                await self._look(page)
        if "round-trips" in parts:
            await self._count_round_trips()
        if "floors" in parts and self._plan.rounds > 1:
            await self._floors()

    async def _open_the_shop(self) -> None:
        """A first crowd nobody measures: connections open, plans made, tables known to the planner."""
        await self._load(64, 3.0, baskets=_BASKETS["spread"])
        await self._database.connection.execute("VACUUM ANALYZE")

    async def _ladder(self, parts: frozenset[str]) -> None:
        for scenario in ("spread", "hot"):
            if scenario in parts:
                for buyers in BUYERS[:-1]:
                    await self.buy(scenario, buyers, self._plan.ladder)
        if "hot" in parts:
            await self.buy("hot, 1 line", BUYERS[-1], self._plan.ladder)

    async def buy(self, scenario: str, buyers: int, seconds: float) -> None:
        """Let buyers buy, and count afterwards."""
        await self._calm_down()
        connection = self._database.connection
        books, letters, groups = await read_books(connection), await self._letters(), await self._groups()
        app, postgres, busy, began = (
            self._shop.cpu_seconds(), self._database.cpu_seconds(), machine_busy_seconds(), time.monotonic(),
        )  # fmt: skip
        load = await self._load(buyers, seconds, baskets=_BASKETS[scenario])
        app, postgres = self._shop.cpu_seconds() - app, self._database.cpu_seconds() - postgres
        busy, took = machine_busy_seconds() - busy, time.monotonic() - began
        done = max(load.done_in_all, 1)
        ours = app + postgres + load.cpu_ms_each * done / 1000 + load.cpu_s_before
        after = await self._groups()
        run = PurchaseRun(
            scenario=scenario,
            buyers=buyers,
            load=load,
            app_cpu_ms=app * 1000 / done,
            postgres_cpu_ms=postgres * 1000 / done,
            others_cpu_share=max(busy - ours, 0.0) / (took * self._results.machine.cores),
            group_size=(after[1] - groups[1]) / max(after[0] - groups[0], 1),
            letters=await self._letters() - letters,
            faults=(
                *faults(
                    books,
                    await read_books(connection),
                    acknowledged=load.done_in_all,
                    units_each=len(_BASKETS[scenario][0]),
                ),
                *await self._anomalies(),
            ),
        )
        self._results.purchases.append(run)
        self._say(
            f"{scenario}, {buyers} buyers: {load.per_second:,.0f} orders/s, complete p99 {load.last.p99_ms:.1f} ms, "
            f"{load.errors} errors{' ' + load.samples[0] if load.samples else ''}"
            f"{', DOES NOT BALANCE: ' + '; '.join(run.faults) if run.faults else ''}"
        )

    async def _floors(self) -> None:
        for floor in FLOORS:
            await self._calm_down()
            run = await run_floor(floor, self._database, seconds=self._plan.floor)
            self._results.floors.append(run)
            self._say(f"floor, {floor.name}: {run.per_second:,.0f} orders/s")

    async def _look(self, page: str) -> None:
        await self._calm_down()
        app, postgres = self._shop.cpu_seconds(), self._database.cpu_seconds()
        load = await self._load(_VISITORS, self._plan.pages, paths=_PAGES[page])
        done = max(load.done_in_all, 1)
        app, postgres = self._shop.cpu_seconds() - app, self._database.cpu_seconds() - postgres
        self._results.pages.append(PageRun(page, load, app * 1000 / done, postgres * 1000 / done))
        self._say(f"{page}: {load.per_second:,.0f} pages/s, p99 {load.last.p99_ms:.1f} ms, {load.errors} errors")

    async def _count_round_trips(self) -> None:
        await self._calm_down()
        start = await begin_counting(self._database)
        load = await self._load(BUYERS[-1], self._plan.counting, baskets=_BASKETS["spread"])
        counted = await end_counting(self._database, start)
        done = max(load.done_in_all, 1)
        self._results.round_trips = RoundTrips(
            buyers=BUYERS[-1], purchases=load.done_in_all, till=counted["till"] / done,
            sessions=counted["sessions"] / done, provider=counted["provider"] / done, other=counted["other"] / done,
        )  # fmt: skip
        self._say(f"round trips: {counted['till'] / done:.2f} per order in the till")

    async def _load(
        self,
        people: int,
        seconds: float,
        *,
        baskets: tuple[tuple[str, ...], ...] = (),
        paths: tuple[str, ...] = (),
    ) -> Load:
        """Run the load in a process of its own."""
        self._seed += 1
        ask = Ask(self._shop.host, self._shop.port, people, self._plan.warm, seconds, self._seed, baskets, paths)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.buyers", stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT
        )
        out, _ = await process.communicate(msgspec.json.encode(ask))
        if process.returncode != 0:
            raise RuntimeError(f"the load process ended with {process.returncode}")
        return msgspec.json.decode(out, type=Load)

    async def _calm_down(self) -> None:
        """Everything starts from the same place: no letters left over from before, a checkpoint behind us."""
        connection = self._database.connection
        await connection.execute("UPDATE outbox SET sent_at = now(), due_at = NULL WHERE due_at < 'infinity'")
        await connection.execute("CHECKPOINT")

    async def _letters(self) -> int:
        return int(await self._database.connection.fetchval("SELECT count(*) FROM kept_letter"))

    async def _anomalies(self) -> list[str]:
        """What the shop's own audit finds."""
        report = await audit_at(self._database.url, now=utc_now())
        return [f"{anomaly.kind} {anomaly.subject}" for anomaly in report.shown()]

    async def _groups(self) -> tuple[float, float]:
        """The till's groups and asks so far, from the shop's own figures."""
        text = await asyncio.to_thread(get, self._shop.host, self._shop.port, "/metrics")

        def figure(name: str) -> float:
            found = re.search(rf'^{name}{{[^}}]*"till"[^}}]*}} (\S+)', text, re.MULTILINE)
            return float(found[1]) if found else 0.0

        return figure("evertill_groups_total"), figure("evertill_group_asks_total")

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False, markup=False)


async def measure(*, quick: bool, parts: frozenset[str], workers: int, console: Console) -> Results:
    """Start everything, measure, stop everything."""
    began = time.monotonic()
    with data_folder() as data:
        async with database(data) as opened:
            results = Results(this_machine(str(await opened.connection.fetchval("SHOW server_version"))), quick)
            with serving(data, workers=workers) as shop:
                await Bench(_QUICK if quick else _FULL, opened, shop, results, console).run(parts)
            results.seconds = round(time.monotonic() - began, 1)
            results.ratios = ratios(results)
    return results


def write(results: Results) -> Path:
    """The results as JSON, and the picture where there is something to draw."""
    _RESULTS.mkdir(exist_ok=True)
    machine = results.machine
    path = _RESULTS / f"{machine.started_at:%Y%m%dT%H%M%SZ}-{machine.commit}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    if results.orders("spread", BUYERS[-1]) and results.floors:
        (_RESULTS / "latest.svg").write_text(picture(results))
    return path


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="What the shop can do on this machine.")
    parser.add_argument("--quick", action="store_true", help="about one minute, and less to be trusted")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part; may be given several times")
    parser.add_argument("--workers", type=int, default=1, help="of the shop; its figures per group are one worker's")
    parser.add_argument("--publish", action="store_true", help="put the figures into bench/README.md")
    asked = parser.parse_args()
    if asked.publish and asked.only:
        parser.error("only a whole run is published")
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    results = uvloop.run(
        measure(quick=asked.quick, parts=frozenset(asked.only or PARTS), workers=asked.workers, console=console)
    )
    print_report(results, console)
    console.print(f"Written: {write(results).relative_to(PROJECT)}", highlight=False)
    if asked.publish:
        publish(results)
    if any(run.faults or run.load.errors for run in results.purchases):
        console.print("Something did not balance, or was not answered: see above.", style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
