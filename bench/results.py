"""What a run of the bench found, as it is written to bench/results/."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

import msgspec

from bench.arrivals import Flow
from bench.buyers import Load
from bench.crowd import Rushed
from bench.floors import FloorRun
from bench.machine import Machine

UNDISTURBED, FLOODED, FLOOD = "purchases, undisturbed", "purchases, in a flood", "the flood"


class PurchaseRun(msgspec.Struct, frozen=True):
    """Buyers who bought for a while."""

    scenario: str  # spread, hot, hot 1 line
    buyers: int
    load: Load
    app_cpu_ms: float  # per purchase, of the shop's processes
    postgres_cpu_ms: float
    others_cpu_share: float  # of the machine, by nobody of ours: noise
    group_size: float | None  # asks per group of the till; unknown with several workers
    workers: int
    letters: int  # confirmations kept or sent meanwhile, at the same cost
    faults: tuple[str, ...]  # what did not balance when counted afterwards; empty


class PageRun(msgspec.Struct, frozen=True):
    """Visitors who looked at pages for a while."""

    page: str
    load: Load
    app_cpu_ms: float
    postgres_cpu_ms: float


class RoundTrips(msgspec.Struct, frozen=True):
    """Statements per purchase, counted by PostgreSQL's own log; BEGIN and COMMIT count like any other."""

    buyers: int
    purchases: int
    till: float  # placing and settling
    sessions: float  # opening the checkout
    provider: float  # the sandbox's own
    other: float  # letters, duties, pages


class CrowdRun(msgspec.Struct, frozen=True):
    """Far more people than units."""

    units: int
    sold: int  # as the stock's table says
    connections: int
    rushed: Rushed
    faults: tuple[str, ...]


class FlowRun(msgspec.Struct, frozen=True):
    """People who arrived whether or not there were answers."""

    name: str  # purchases at so many times the capacity; purchases beside a flood; the flood
    times_capacity: float  # of purchases, or of pages
    capacity: float  # per second: the best of a closed loop just before
    flow: Flow
    app_cpu: float  # cores that were busy with it
    postgres_cpu: float
    load_cpu: float
    kept_up: bool  # the load process sent people in time: else it was the bottleneck
    faults: tuple[str, ...]


class GrowthRun(msgspec.Struct, frozen=True):
    """Buyers in a shop that has grown."""

    orders: int
    skus: int
    run: PurchaseRun


class Filling(msgspec.Struct, frozen=True):
    """How a shop was made to have grown."""

    orders: int
    skus: int
    seconds: float
    gigabytes: float


class Ratio(msgspec.Struct, frozen=True):
    """A promise, and how it stands."""

    name: str
    value: float
    reach: float | None  # None: for comparison only
    at_least: bool = True  # else: at the most

    @property
    def reached(self) -> bool:
        return self.reach is None or (self.value >= self.reach if self.at_least else self.value <= self.reach)


class Results(msgspec.Struct):
    """A whole run."""

    machine: Machine
    quick: bool
    workers: int = 1
    apart: bool = False  # the load had half of the cores to itself
    seconds: float = 0.0
    purchases: list[PurchaseRun] = []
    floors: list[FloorRun] = []
    pages: list[PageRun] = []
    round_trips: RoundTrips | None = None
    crowds: list[CrowdRun] = []
    overload: list[FlowRun] = []
    flood: list[FlowRun] = []
    growth: list[GrowthRun] = []
    fillings: list[Filling] = []
    ratios: list[Ratio] = []

    @property
    def worker_counts(self) -> tuple[int, ...]:
        """With how many workers purchases were made."""
        return tuple(sorted({run.workers for run in self.purchases}))

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Orders and SKUs of the shops that had grown, as they were made."""
        return tuple(dict.fromkeys((run.orders, run.skus) for run in self.growth))

    def grown(self, size: tuple[int, int], figure: Callable[[PurchaseRun], float]) -> float:
        """A figure of purchases in a shop of that many orders and SKUs: the median of its runs."""
        return median(figure(run.run) for run in self.growth if (run.orders, run.skus) == size)

    @property
    def unsound(self) -> bool:
        """Whether something did not balance, or somebody got no answer to go by."""
        return (
            any(run.faults or run.load.errors for run in self.purchases)
            or any(run.faults or run.rushed.errored or run.rushed.changed for run in self.crowds)
            or any(run.faults or run.flow.errors or run.flow.unanswered for run in (*self.overload, *self.flood))
            or any(run.run.faults or run.run.load.errors for run in self.growth)
        )

    def orders(self, scenario: str, buyers: int, workers: int | None = None) -> float | None:
        """Orders per second: the median of its runs, with that many workers where it is said; None: it was not run."""
        return _median(
            run.load.per_second
            for run in self.purchases
            if (run.scenario, run.buyers) == (scenario, buyers) and workers in (None, run.workers)
        )

    def complete_p99_ms(self, scenario: str, buyers: int) -> float | None:
        """The slowest hundredth of completions: the median of its runs."""
        return _median(
            run.load.last.p99_ms for run in self.purchases if (run.scenario, run.buyers) == (scenario, buyers)
        )

    def floor(self, name: str) -> float | None:
        """Transactions per second: the median of its runs."""
        return _median(run.per_second for run in self.floors if run.name == name)

    def floor_best(self, name: str) -> float | None:
        """The same at its best."""
        return max((run.per_second for run in self.floors if run.name == name), default=None)


# What the promises are measured against: the fastest way to write the rows statement by statement, faster than a shop
# can that holds stock before it asks for payment ("phases" is that shop).
_FLOOR = "statements"


def ratios(results: Results, *, buyers: int = 256) -> list[Ratio]:
    """How the run stands to what was promised; what was not measured is left out."""
    spread, hot = results.orders("spread", buyers), results.orders("hot", buyers)
    one_line = results.orders("hot, 1 line", buyers)
    trips = results.round_trips
    wanted: Sequence[tuple[str, float | None, float | None, float | None, bool]] = (
        ("spread / statement floor", spread, results.floor(f"{_FLOOR}, spread"), 0.6, True),
        ("hot / statement floor", hot, results.floor(f"{_FLOOR}, hot"), 1.5, True),
        ("hot / spread", hot, spread, 0.9, True),
        ("complete p99 at 1 buyer, ms", results.complete_p99_ms("spread", 1), 1.0, 15.0, False),
        ("till round trips per order", trips.till if trips else None, 1.0, 1.0, False),
        ("spread / best statement floor", spread, results.floor_best("statements, spread"), None, True),
        ("hot / best statement floor", hot, results.floor_best("statements, hot"), None, True),
        ("hot, 1 line / statement floor", one_line, results.floor("statements, hot, 1 line"), None, True),
        ("spread / statements, stock first", spread, results.floor("statements, stock first, spread"), None, True),
        ("hot / statements, stock first", hot, results.floor("statements, stock first, hot"), None, True),
        ("spread / phases", spread, results.floor("phases, spread"), None, True),
        ("hot / phases", hot, results.floor("phases, hot"), None, True),
        ("spread / one round trip", spread, results.floor("round trip, spread"), None, True),
        ("hot / one round trip", hot, results.floor("round trip, hot"), None, True),
        ("spread / lean statements", spread, results.floor("lean statements, spread"), None, True),
        ("hot / lean statements", hot, results.floor("lean statements, hot"), None, True),
    )
    return [
        Ratio(name, value / base, reach, at_least)
        for name, value, base, reach, at_least in wanted
        if value is not None and base is not None
    ]


def cpu_ms_per_order(run: PurchaseRun) -> float:
    """Of the shop and of PostgreSQL together."""
    return run.app_cpu_ms + run.postgres_cpu_ms


def peak_ratios(results: Results, *, buyers: int) -> list[Ratio]:
    """How a run at the peak stands to what was promised; what was not measured is left out."""
    return [*_of_workers(results, buyers), *_of_crowd(results), *_of_overload(results), *_of_flood(results),
            *_of_growth(results)]  # fmt: skip


def _of_workers(results: Results, buyers: int) -> Iterator[Ratio]:
    for workers in results.worker_counts:
        spread, hot = (results.orders(scenario, buyers, workers) for scenario in ("spread", "hot"))
        for name, value, base, reach in (
            ("hot / spread", hot, spread, 0.95),
            ("spread / statement floor", spread, results.floor("statements, spread"), 1.0),
            ("hot / statement floor", hot, results.floor("statements, hot"), 2.0),
        ):
            if value and base:
                yield Ratio(f"{name}, workers: {workers}", value / base, reach)


def _of_crowd(results: Results) -> Iterator[Ratio]:
    for run in results.crowds:
        rushed = run.rushed
        yield Ratio("crowd: units missing or oversold", abs(run.sold - run.units), 0, at_least=False)
        yield Ratio(
            "crowd: people told they have one beyond those sold", abs(rushed.completed - run.sold), 0, at_least=False
        )
        yield Ratio("crowd: people without a definite answer", rushed.errored + rushed.changed, 0, at_least=False)
        yield Ratio("crowd: seconds until sold out", rushed.sold_out_after, None)
        yield Ratio("crowd: seconds until everybody knew", rushed.all_answered_after, None)


def _of_overload(results: Results) -> Iterator[Ratio]:
    if not results.overload:
        return
    calm = results.overload[0]
    best = max(calm.capacity, *(run.flow.goodput_per_second for run in results.overload))
    for run in results.overload[1:]:
        flow, times = run.flow, f"{run.times_capacity:g} × capacity"
        asked = run is results.overload[-1]
        yield Ratio(f"goodput at {times} / best", flow.goodput_per_second / best, 0.9 if asked else None)
        if flow.completed and calm.flow.whole.p99_ms:
            ratio = flow.whole.p99_ms / calm.flow.whole.p99_ms
            yield Ratio(f"purchase p99 at {times} / at {calm.times_capacity:g} ×", ratio, 2.0, at_least=False)
        if flow.refused:
            yield Ratio(f"refusal p99 at {times}, ms", flow.refusal.p99_ms, 50.0, at_least=False)


def _of_flood(results: Results) -> Iterator[Ratio]:
    alone, beside = (
        [run.flow.whole.p99_ms for run in results.flood if run.name == name] for name in (UNDISTURBED, FLOODED)
    )
    if alone and beside and median(alone):
        yield Ratio(
            "purchase p99 in a flood of browsers / undisturbed", median(beside) / median(alone), 1.5, at_least=False
        )


def _of_growth(results: Results) -> Iterator[Ratio]:
    if not results.growth:
        return
    small = results.sizes[0]
    for size in results.sizes[1:]:
        what = f"{size[0]:,} orders" if size[0] != small[0] else f"{size[1]:,} SKUs"
        than = f"{small[0]:,}" if size[0] != small[0] else f"{small[1]:,}"
        cost = results.grown(size, cpu_ms_per_order) / results.grown(small, cpu_ms_per_order)
        rate = results.grown(size, _rate) / results.grown(small, _rate)
        yield Ratio(f"CPU per order with {what} / with {than}", cost, 1.15, at_least=False)
        yield Ratio(f"orders/s with {what} / with {than}", rate, 0.85)


def _rate(run: PurchaseRun) -> float:
    return run.load.per_second


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None
