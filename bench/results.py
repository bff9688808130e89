"""What a run of the bench found, as it is written to bench/results/."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

import msgspec

from bench.buyers import Load
from bench.floors import FloorRun
from bench.machine import Machine


class PurchaseRun(msgspec.Struct, frozen=True):
    """Buyers who bought for a while."""

    scenario: str  # spread, hot, hot 1 line
    buyers: int
    load: Load
    app_cpu_ms: float  # per purchase, of the shop's processes
    postgres_cpu_ms: float
    others_cpu_share: float  # of the machine, by nobody of ours: noise
    group_size: float  # asks per group of the till
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
    seconds: float = 0.0
    purchases: list[PurchaseRun] = []
    floors: list[FloorRun] = []
    pages: list[PageRun] = []
    round_trips: RoundTrips | None = None
    ratios: list[Ratio] = []

    def orders(self, scenario: str, buyers: int) -> float | None:
        """Orders per second: the median of its runs, None where it was not run."""
        return self._median(scenario, buyers, lambda run: run.load.per_second)

    def complete_p99_ms(self, scenario: str, buyers: int) -> float | None:
        """The slowest hundredth of completions: the median of its runs."""
        return self._median(scenario, buyers, lambda run: run.load.last.p99_ms)

    def _median(self, scenario: str, buyers: int, figure: Callable[[PurchaseRun], float]) -> float | None:
        return _median(figure(run) for run in self.purchases if (run.scenario, run.buyers) == (scenario, buyers))

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


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None
