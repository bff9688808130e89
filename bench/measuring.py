"""
One run on one database and one shop: who buys, who looks, what stood in the books before and after.

    floors ─► purchases (200 SKUs, one hot SKU) ─► floors ─► purchases ─► …   interleaved, so that a slow minute
                                                                              of the machine slows both
"""

import asyncio
import itertools
import re
import time
from collections.abc import Sequence
from typing import TypeAlias

import msgspec
from rich.console import Console

from bench.books import faults, read_books
from bench.buyers import Ask, Load
from bench.floors import FLOORS, Floor, prepare_floors, run_floor
from bench.loads import play
from bench.machine import Machine, this_machine
from bench.processes import machine_busy_seconds
from bench.report import BUYERS
from bench.results import PageRun, PurchaseRun, Results, RoundTrips, ratios
from bench.round_trips import begin_counting, end_counting
from bench.shop import HOT, SPREAD, Database, Serving, data_folder, database, get, serving

PARTS = ("spread", "hot", "floors", "pages", "round-trips")

Baskets: TypeAlias = tuple[tuple[str, ...], ...]

BASKETS: dict[str, Baskets] = {
    "spread": tuple((SPREAD[i], SPREAD[(i * 7 + step) % 200]) for i in range(200) for step in (3, 71, 138)),
    "hot": ((HOT, HOT),),  # two lines of the same SKU: the same rows as a spread order, one stock row
    "hot, 1 line": ((HOT,),),
}
_WORDS = ("teapot", "red+basket", "wooden", "paper+lantern", "vintage+clock", "enamel")
PAGES: dict[str, tuple[str, ...]] = {
    "product page": tuple(f"/products/{sku.lower()}" for sku in SPREAD),
    "search": tuple(f"/search?q={words}" for words in _WORDS),
    "home": ("/",),
}
VISITORS = 16
_seeds = itertools.count(1)  # no two loads of a run share their people's choices, nor their keys


class Plan(msgspec.Struct, frozen=True):
    """How long everything takes, in seconds."""

    rounds: int
    floor: int
    warm: float
    crowd: float  # 256 buyers, each round
    ladder: float  # 1, 16 and 64 buyers, once
    pages: float
    counting: float


FULL = Plan(rounds=3, floor=3, warm=1.5, crowd=9, ladder=6, pages=6, counting=4)
QUICK = Plan(rounds=1, floor=2, warm=1, crowd=4, ladder=2, pages=2, counting=2)


class Bench:
    """One run on one database and one shop."""

    def __init__(self, warm: float, database: Database, shop: Serving, results: Results, console: Console) -> None:
        self._warm = warm
        self._database = database
        self._shop = shop
        self._results = results
        self._console = console

    async def run(self, plan: Plan, parts: frozenset[str]) -> None:
        """Everything that was asked for."""
        await self.open_the_shop()
        if "floors" in parts:
            await prepare_floors(self._database.connection)
        for number in range(plan.rounds):
            if "floors" in parts:
                await self.floors(FLOORS, plan.floor)
            for scenario in ("spread", "hot"):
                if scenario in parts:
                    await self.buy(scenario, BUYERS[-1], plan.crowd)
            if number == 0:
                await self._ladder(parts, plan.ladder)
        if "pages" in parts:
            for page in PAGES:
                await self._look(page, plan.pages)
        if "round-trips" in parts:
            await self._count_round_trips(plan.counting)
        if "floors" in parts and plan.rounds > 1:
            await self.floors(FLOORS, plan.floor)

    async def open_the_shop(self) -> None:
        """A first crowd nobody measures: connections open, plans made, tables known to the planner."""
        await self.load(64, 3.0, baskets=BASKETS["spread"])
        await self._database.connection.execute("VACUUM ANALYZE")

    async def _ladder(self, parts: frozenset[str], seconds: float) -> None:
        for scenario in ("spread", "hot"):
            if scenario in parts:
                for buyers in BUYERS[:-1]:
                    await self.buy(scenario, buyers, seconds)
        if "hot" in parts:
            await self.buy("hot, 1 line", BUYERS[-1], seconds)

    async def buy(self, scenario: str, buyers: int, seconds: float) -> None:
        """Let buyers buy, and note it."""
        run = await self.bought(scenario, buyers, seconds)
        self._results.purchases.append(run)
        self.say(told(run))

    async def bought(
        self, scenario: str, buyers: int, seconds: float, *, baskets: Baskets | None = None, random_keys: bool = False
    ) -> PurchaseRun:
        """Let buyers buy, and count afterwards."""
        baskets = BASKETS[scenario] if baskets is None else baskets
        await self.calm_down()
        books, letters, groups = await read_books(self._database), await self._letters(), await self._groups()
        app, postgres, busy, began = (
            self._shop.cpu_seconds(), self._database.cpu_seconds(), machine_busy_seconds(), time.monotonic(),
        )  # fmt: skip
        load = await self.load(buyers, seconds, baskets=baskets, random_keys=random_keys)
        app, postgres = self._shop.cpu_seconds() - app, self._database.cpu_seconds() - postgres
        busy, took = machine_busy_seconds() - busy, time.monotonic() - began
        done = max(load.done_in_all, 1)
        ours = app + postgres + load.cpu_ms_each * done / 1000 + load.cpu_s_before
        after = await self._groups()
        return PurchaseRun(
            scenario=scenario,
            buyers=buyers,
            load=load,
            app_cpu_ms=app * 1000 / done,
            postgres_cpu_ms=postgres * 1000 / done,
            others_cpu_share=max(busy - ours, 0.0) / (took * self._results.machine.cores),
            group_size=(after[1] - groups[1]) / max(after[0] - groups[0], 1) if groups and after else None,
            workers=self._shop.workers,
            letters=await self._letters() - letters,
            faults=faults(
                books,
                await read_books(self._database),
                acknowledged=load.done_in_all,
                units_each=len(baskets[0]),
            ),
        )

    async def floors(self, floors: Sequence[Floor], seconds: int) -> None:
        """Let pgbench write the rows, one way after the other."""
        for floor in floors:
            await self.calm_down()
            run = await run_floor(floor, self._database, seconds=seconds)
            self._results.floors.append(run)
            self.say(f"floor, {floor.name}: {run.per_second:,.0f} orders/s")

    async def _look(self, page: str, seconds: float) -> None:
        await self.calm_down()
        app, postgres = self._shop.cpu_seconds(), self._database.cpu_seconds()
        load = await self.load(VISITORS, seconds, paths=PAGES[page])
        done = max(load.done_in_all, 1)
        app, postgres = self._shop.cpu_seconds() - app, self._database.cpu_seconds() - postgres
        self._results.pages.append(PageRun(page, load, app * 1000 / done, postgres * 1000 / done))
        self.say(
            f"{page}: {load.per_second:,.0f} pages/s, p99 {load.last.p99_ms:.1f} ms, {load.refused} refused, "
            f"{load.errors} errors"
        )

    async def _count_round_trips(self, seconds: float) -> None:
        await self.calm_down()
        start = await begin_counting(self._database)
        load = await self.load(BUYERS[-1], seconds, baskets=BASKETS["spread"])
        counted = await end_counting(self._database, start)
        done = max(load.done_in_all, 1)
        self._results.round_trips = RoundTrips(
            buyers=BUYERS[-1], purchases=load.done_in_all, till=counted["till"] / done,
            sessions=counted["sessions"] / done, provider=counted["provider"] / done, other=counted["other"] / done,
        )  # fmt: skip
        self.say(f"round trips: {counted['till'] / done:.2f} per order in the till")

    async def load(
        self,
        people: int,
        seconds: float,
        *,
        baskets: Baskets = (),
        paths: tuple[str, ...] = (),
        random_keys: bool = False,
    ) -> Load:
        """Let people buy or look for a while, in a process of their own."""
        ask = Ask(
            self._shop.host, self._shop.port, people, self._warm, seconds, next_seed(), baskets, paths, random_keys
        )
        return await play("bench.buyers", ask, Load)

    async def calm_down(self) -> None:
        """Everything starts from the same place: no letters left over from before, a checkpoint behind us."""
        connection = self._database.connection
        await connection.execute("UPDATE outbox SET sent_at = now(), due_at = NULL WHERE due_at < 'infinity'")
        await connection.execute("CHECKPOINT")

    async def _letters(self) -> int:
        return int(await self._database.connection.fetchval("SELECT count(*) FROM kept_letter"))

    async def _groups(self) -> tuple[float, float] | None:
        """The till's groups and asks so far, from the shop's own figures: they are those of one worker."""
        if self._shop.workers > 1:
            return None
        text = await asyncio.to_thread(get, self._shop.host, self._shop.port, "/metrics")

        def figure(name: str) -> float:
            found = re.search(rf'^{name}{{[^}}]*"till"[^}}]*}} (\S+)', text, re.MULTILINE)
            return float(found[1]) if found else 0.0

        return figure("evertill_groups_total"), figure("evertill_group_asks_total")

    def say(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False, markup=False)


def told(run: PurchaseRun) -> str:
    """A run in one sentence."""
    load = run.load
    return (
        f"{run.scenario}, {run.buyers} buyers, workers: {run.workers}: {load.per_second:,.0f} orders/s, complete p99 "
        f"{load.last.p99_ms:.1f} ms, {load.errors} errors{' ' + load.samples[0] if load.samples else ''}"
        f"{', DOES NOT BALANCE: ' + '; '.join(run.faults) if run.faults else ''}"
    )


async def machine_with(opened: Database) -> Machine:
    """This machine, with that database on it."""
    return this_machine(str(await opened.connection.fetchval("SHOW server_version")))


def next_seed() -> int:
    """Of the next load."""
    return next(_seeds)


async def measure(*, quick: bool, parts: frozenset[str], workers: int, console: Console) -> Results:
    """Start everything, measure, stop everything."""
    began = time.monotonic()
    with data_folder() as data:
        async with database(data) as opened:
            results = Results(await machine_with(opened), quick, workers)
            with serving(data, workers=workers) as shop:
                plan = QUICK if quick else FULL
                await Bench(plan.warm, opened, shop, results, console).run(plan, parts)
            results.seconds = round(time.monotonic() - began, 1)
            results.ratios = ratios(results)
    return results
