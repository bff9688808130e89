"""
The peak: more workers, a crowd before one product, more people than can be served, browsers in the way, and a past.

    workers ─► overload ─► flood ─► crowd, on one database ─► growth, on databases of its own
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console

from bench.arrivals import Flow, Stream
from bench.books import faults, read_books
from bench.crowd import Rush, Rushed
from bench.floors import FLOORS, prepare_floors
from bench.growth import Shop, Size, baskets, check_room, fill, shops, sizes
from bench.loads import play
from bench.measuring import BASKETS, PAGES, VISITORS, Bench, machine_with, next_seed, told
from bench.results import (
    FLOOD,
    FLOODED,
    UNDISTURBED,
    CrowdRun,
    Filling,
    FlowRun,
    GrowthRun,
    Results,
    cpu_ms_per_order,
    peak_ratios,
)
from bench.shop import Database, Serving, data_folder, database, serving

PARTS = ("workers", "overload", "flood", "crowd", "growth")
BUYERS = 256
GROWTH_BUYERS = 64

_FLOORS = tuple(floor for floor in FLOORS if floor.name in ("statements, spread", "statements, hot"))
_RARE = "BENCH-0300"  # what the crowd wants: nobody buys it otherwise
# So many are free from now on, and the movement that says so; gives how many are sold.
_LEAVE = """
    WITH had AS (SELECT sku, on_hand FROM stock WHERE sku = $1 FOR NO KEY UPDATE),
         put AS (UPDATE stock SET on_hand = claimed + sold + $2 FROM had WHERE stock.sku = had.sku
                 RETURNING stock.sku, sold, stock.on_hand - had.on_hand AS units),
         moved AS (INSERT INTO stock_movement (id, sku, units, reason, note, moved_at)
                   SELECT uuidv7(), sku, units, 'import', 'for the crowd', now() FROM put WHERE units <> 0)
    SELECT sold FROM put
"""
_BROWSED = PAGES["product page"][:20] + PAGES["search"] * 2  # three product pages to two searches, about
_LATE_MS_MAX = 10.0  # a load process that is later than this at its p99 did not keep up


class Plan(msgspec.Struct, frozen=True):
    """How much of everything, and how long it takes, in seconds."""

    workers: tuple[int, ...]
    rounds: int  # of workers' and of growth's turns
    floor: int
    warm: float
    buy: float  # one turn of 256 buyers, or of 64 in a shop that has grown
    levels: tuple[float, ...]  # times the capacity; the first is the calm one
    level: float
    flood: float
    connections: int
    people: int
    units: int
    orders: tuple[int, ...]
    skus: tuple[int, ...]


FULL = Plan(
    workers=(1, 2, 4), rounds=2, floor=3, warm=1.5, buy=7, levels=(0.8, 1, 2, 5, 10), level=10, flood=10,
    connections=2_000, people=20_000, units=1_000, orders=(10_000, 1_000_000), skus=(1_000, 1_000_000),
)  # fmt: skip
QUICK = Plan(
    workers=(1, 2), rounds=1, floor=1, warm=0.5, buy=2, levels=(0.8, 1, 2, 5, 10), level=2, flood=2,
    connections=500, people=2_000, units=100, orders=(1_000, 20_000), skus=(1_000, 5_000),
)  # fmt: skip


class Peak:
    """One run on one database, with a shop in front of it that is started anew where it must be."""

    def __init__(self, plan: Plan, data: Path, opened: Database, results: Results, console: Console) -> None:
        self._plan = plan
        self._data = data
        self._database = opened
        self._results = results
        self._console = console

    async def run(self, parts: frozenset[str]) -> None:
        """Everything that was asked for but growth."""
        if "workers" in parts:
            await self._workers()
        if parts & {"overload", "flood", "crowd"}:
            with serving(self._data, workers=self._results.workers) as shop:
                bench = self._bench(shop)
                await bench.open_the_shop()
                if "overload" in parts:
                    await self._overload(bench, shop)
                if "flood" in parts:
                    await self._flood(bench, shop)
                if "crowd" in parts:
                    await self._crowd(bench, shop)

    async def _workers(self) -> None:
        """Floors and each number of workers in turns, in a shop started for the turn."""
        for number in range(self._plan.rounds):
            for workers in self._plan.workers:
                with serving(self._data, workers=workers) as shop:
                    bench = self._bench(shop)
                    await bench.open_the_shop()
                    if number == 0 and workers == self._plan.workers[0]:
                        await prepare_floors(self._database.connection)
                    await bench.floors(_FLOORS, self._plan.floor)
                    for scenario in ("spread", "hot"):
                        await bench.buy(scenario, BUYERS, self._plan.buy)

    async def _overload(self, bench: Bench, shop: Serving) -> None:
        capacity = await self._capacity(bench)
        for times in self._plan.levels:
            await bench.calm_down()
            name = f"purchases at {times:g} × capacity"
            run = await self._flows(
                shop, self._purchases(shop, capacity * times, self._plan.level), name, times, capacity
            )
            self._results.overload.append(run)
            self._tell(bench, run)

    async def _flood(self, bench: Bench, shop: Serving) -> None:
        """Purchases at half the capacity, alone and beside the flood, in turns."""
        capacity = await self._capacity(bench)
        pages = (await bench.load(VISITORS, self._plan.flood / 2, paths=_BROWSED)).per_second
        bench.say(f"pages, {VISITORS} connections: {pages:,.0f} pages/s")
        for _ in range(self._plan.rounds):
            for name in (UNDISTURBED, FLOODED):
                await bench.calm_down()
                for run in await self._half_capacity(shop, name, capacity, pages):
                    self._results.flood.append(run)
                    self._tell(bench, run)

    async def _half_capacity(self, shop: Serving, name: str, capacity: float, pages: float) -> list[FlowRun]:
        seconds = self._plan.flood
        purchases = self._purchases(shop, capacity / 2, seconds)
        if name == UNDISTURBED:
            return [await self._flows(shop, purchases, name, 0.5, capacity)]
        flood = Stream(  # it is there before the purchases, and outlasts them
            shop.host, shop.port, self._plan.connections // 2, self._plan.warm, seconds + 3, next_seed(),
            paths=_BROWSED, per_second=pages * 5,
        )  # fmt: skip
        beside = asyncio.create_task(play("bench.arrivals", flood, Flow))
        run = await self._flows(shop, purchases, name, 0.5, capacity)
        flow = await beside
        return [run, FlowRun(FLOOD, 5, pages, flow, 0.0, 0.0, _cores(flow), _kept_up(flow), ())]

    async def _crowd(self, bench: Bench, shop: Serving) -> None:
        await bench.calm_down()
        plan, connection = self._plan, self._database.connection
        had = await connection.fetchval(_LEAVE, _RARE, plan.units)
        books = await read_books(self._database)
        rush = Rush(shop.host, shop.port, plan.people, 0.0, 0.0, next_seed(), ((_RARE,),), connections=plan.connections)
        rushed = await play("bench.crowd", rush, Rushed)
        sold = await connection.fetchval("SELECT sold FROM stock WHERE sku = $1", _RARE) - had
        wrongs = faults(books, await read_books(self._database), acknowledged=rushed.completed, units_each=1)
        run = CrowdRun(plan.units, sold, plan.connections, rushed, wrongs)
        self._results.crowds.append(run)
        bench.say(
            f"crowd: {rushed.people:,} people, {run.sold:,} of {run.units:,} units sold "
            f"in {rushed.sold_out_after:.1f} s, everybody answered in {rushed.all_answered_after:.1f} s, "
            f"{rushed.errored} without an answer{' ' + rushed.samples[0] if rushed.samples else ''}"
            f"{_unbalanced(run.faults)}"
        )

    async def _capacity(self, bench: Bench) -> float:
        """The best of the closed loop at this moment."""
        found = []
        for buyers in (64, BUYERS):
            run = await bench.bought("spread", buyers, self._plan.level / 2)
            bench.say(f"capacity: {told(run)}")
            found.append(run.load.per_second)
        return max(found)

    def _purchases(self, shop: Serving, per_second: float, seconds: float) -> Stream:
        return Stream(
            shop.host, shop.port, self._plan.connections, self._plan.warm, seconds, next_seed(),
            baskets=BASKETS["spread"], per_second=per_second,
        )  # fmt: skip

    async def _flows(self, shop: Serving, stream: Stream, name: str, times: float, capacity: float) -> FlowRun:
        """Let people arrive and buy, and count afterwards."""
        books = await read_books(self._database)
        app, postgres = shop.cpu_seconds(), self._database.cpu_seconds()
        flow = await play("bench.arrivals", stream, Flow)
        app, postgres = shop.cpu_seconds() - app, self._database.cpu_seconds() - postgres
        return FlowRun(
            name, times, capacity, flow,
            app_cpu=app / flow.seconds_in_all,
            postgres_cpu=postgres / flow.seconds_in_all,
            load_cpu=_cores(flow),
            kept_up=_kept_up(flow),
            faults=faults(books, await read_books(self._database), acknowledged=flow.completed, units_each=2),
        )  # fmt: skip

    def _tell(self, bench: Bench, run: FlowRun) -> None:
        flow = run.flow
        bench.say(
            f"{run.name}: {flow.offered_per_second:,.0f}/s came, {flow.goodput_per_second:,.0f}/s served, "
            f"{flow.refused_per_second:,.0f}/s refused; p99 {flow.whole.p99_ms:.0f} ms, refusals "
            f"{flow.refusal.p99_ms:.0f} ms; {flow.errors + flow.unanswered} errors"
            f"{' ' + flow.samples[0] if flow.samples else ''}{'' if run.kept_up else ', THE LOAD DID NOT KEEP UP'}"
            f"{_unbalanced(run.faults)}"
        )

    def _bench(self, shop: Serving) -> Bench:
        return Bench(self._plan.warm, self._database, shop, self._results, self._console)


async def grow(plan: Plan, results: Results, console: Console) -> None:
    """Shops of several sizes, filled one after the other, then measured in turns."""
    wanted = sizes(plan.orders, plan.skus)
    check_room(wanted)
    async with shops(wanted) as opened:
        for shop in opened:
            with _opened(shop, plan, results, console) as bench:
                await bench.load(GROWTH_BUYERS, 2.0, baskets=baskets(shop.size.skus))  # something to copy
            seconds = await fill(shop)
            size = await shop.database.connection.fetchval("SELECT pg_database_size(current_database())")
            results.fillings.append(Filling(shop.size.orders, shop.size.skus, round(seconds, 1), round(size / 1e9, 2)))
            _say(console, f"{_described(shop.size)}: filled in {seconds:.0f} s, {size / 1e9:.1f} GB")
        for shop in opened:
            with _opened(shop, plan, results, console) as bench:  # nobody measures it: the tables are read in
                await bench.load(GROWTH_BUYERS, plan.buy / 2, baskets=baskets(shop.size.skus), random_keys=True)
        for _ in range(plan.rounds):
            for shop in opened:
                with _opened(shop, plan, results, console) as bench:
                    run = await bench.bought(
                        "spread", GROWTH_BUYERS, plan.buy, baskets=baskets(shop.size.skus), random_keys=True
                    )
                results.growth.append(GrowthRun(shop.size.orders, shop.size.skus, run))
                _say(console, f"{_described(shop.size)}: {told(run)}; {cpu_ms_per_order(run):.2f} ms of CPU each")


@contextlib.contextmanager
def _opened(shop: Shop, plan: Plan, results: Results, console: Console) -> Iterator[Bench]:
    """That shop, serving; for less than the minute after which its auditor reads everything."""
    with serving(shop.data) as served:
        yield Bench(plan.warm, shop.database, served, results, console)


async def measure_peak(plan: Plan, *, quick: bool, parts: frozenset[str], workers: int, console: Console) -> Results:
    """Start everything, measure, stop everything."""
    began = time.monotonic()
    with data_folder() as data:
        async with database(data) as opened:
            results = Results(await machine_with(opened), quick, workers)
            await Peak(plan, data, opened, results, console).run(parts)
    if "growth" in parts:
        await grow(plan, results, console)
    results.seconds = round(time.monotonic() - began, 1)
    results.ratios = peak_ratios(results, buyers=BUYERS)
    return results


def _described(size: Size) -> str:
    return f"{size.orders:,} orders, {size.skus:,} SKUs"


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, highlight=False, markup=False)


def _cores(flow: Flow) -> float:
    return flow.cpu_s / flow.seconds_in_all


def _kept_up(flow: Flow) -> bool:
    return flow.late.p99_ms <= _LATE_MS_MAX


def _unbalanced(found: tuple[str, ...]) -> str:
    return f", DOES NOT BALANCE: {'; '.join(found)}" if found else ""
