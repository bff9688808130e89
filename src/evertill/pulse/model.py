"""
A worker's pulse: what it knows of itself, told once a second; and what all pulses say together.

    each worker ──► its row of worker_pulse ──► all rows, summed: Seen ──► two of them, compared: Second
                          │ not told for a minute: its counters are folded into the row of the departed

Figures are kept flat, by name and labels ("refused|pay"), so that one statement can add them up whatever they are.
Counters only ever grow; gauges say how it is now.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate

import msgspec

from evertill.resilience.durations import BOUNDS_S

Figures = Mapping[str, float]

FRESH = timedelta(seconds=5)  # a pulse that is older says nothing of the present
FORGOTTEN = timedelta(minutes=1)  # a worker that was silent for so long is gone
LANES = ("pay", "checkout", "line", "console", "cart", "browse", "bot")  # the most important first
KINDS = ("open", "pay", "page pay")
PAYING = ("pay", "page pay")
GROUPS = ("till", "sessions", "tickets", "claims")


def figure(name: str, *labels: str) -> str:
    """What a figure is called: its name and the values of its labels."""
    return "|".join((name, *labels))


class Audited(msgspec.Struct, frozen=True):
    """What the last audit found, in the worker that audits."""

    finished: float  # seconds since 1970
    seconds: float
    anomalies: dict[str, int]  # by kind


class Pulse(msgspec.Struct, frozen=True):
    """What one worker knows of itself."""

    pid: int
    since: datetime  # when it started
    gauges: dict[str, float]
    counters: dict[str, float]
    moved: dict[str, int]  # units that left the free ones in the last minute, of the SKUs that moved most
    audited: Audited | None = None


class Told(msgspec.Struct, frozen=True):
    """A pulse, and when it was told. The departed have counters, and no pulse."""

    at: datetime
    counters: dict[str, float]
    pulse: Pulse | None


class Alive(msgspec.Struct, frozen=True):
    """A worker that told its pulse lately."""

    pid: int
    since: datetime
    told_at: datetime
    limit: int
    under_way: int


class Seen(msgspec.Struct, frozen=True):
    """What all workers say together, at one moment."""

    at: datetime
    workers: tuple[Alive, ...]
    gauges: Figures
    counters: Figures
    moved: Mapping[str, int]
    audited: Audited | None
    whole: bool = True  # False: the database did not answer, and this is what one worker knows of itself


def sum_of(told: Iterable[Told], *, at: datetime, whole: bool = True) -> Seen:
    """
    What the workers say together.

    Gauges are the fresh pulses' alone. Counters are everybody's, the silent and the departed too: what was counted
    has happened, whatever became of whoever counted it.
    """
    gauges: Counter[str] = Counter()
    counters: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    workers, audits = [], []
    for each in told:
        _add(counters, each.counters)
        pulse = each.pulse
        if pulse is None or at - each.at > FRESH:
            continue
        _add(gauges, pulse.gauges)
        moved.update(pulse.moved)
        workers.append(
            Alive(
                pid=pulse.pid,
                since=pulse.since,
                told_at=each.at,
                limit=int(pulse.gauges.get("limit", 0)),
                under_way=int(pulse.gauges.get("under_way", 0)),
            )
        )
        if pulse.audited is not None:
            audits.append(pulse.audited)
    return Seen(
        at=at,
        workers=tuple(sorted(workers, key=lambda worker: (worker.since, worker.pid))),
        gauges=gauges,
        counters=counters,
        moved=moved,
        audited=max(audits, key=lambda audited: audited.finished, default=None),
        whole=whole,
    )


def _add(total: "Counter[str]", figures: Figures) -> None:
    for name, value in figures.items():
        total[name] += value  # type: ignore[assignment]  # a Counter of seconds is one, too


def less(counters: Figures, base: Figures) -> dict[str, float]:
    """Counters without what was counted before; a counter that began anew counts as it stands."""
    return {name: value - base.get(name, 0) if value >= base.get(name, 0) else value
            for name, value in counters.items()}  # fmt: skip


# ---------------------------------------------------------------- two moments, compared


class Took(msgspec.Struct, frozen=True):
    """How long requests took, in seconds: half of them, 95 and 99 of a hundred, took less."""

    p50: float
    p95: float
    p99: float


class LaneLately(msgspec.Struct, frozen=True):
    """One lane: what goes on in it, and per second."""

    running: int
    waiting: int
    admitted: float
    refused: float


class Holder(msgspec.Struct, frozen=True):
    """Who holds connections: in seconds per second, which is how many at once on average."""

    pool: str
    caller: str
    held: float
    waited: float
    count: float  # per second


class Second(msgspec.Struct, frozen=True):
    """How the shop did in the last seconds: rates per second, and what goes on."""

    at: datetime
    taken: float
    confirmed: float
    declined: float
    held: float
    not_taken: float
    group_size: Mapping[str, float]  # asks a group, by the groups' name, where there was any
    took: Mapping[str, Took]  # by kind, where there was any
    paying: Took | None  # pages and programs together
    limit: int
    under_way: int
    lanes: Mapping[str, LaneLately]


def second_between(before: Seen, after: Seen) -> Second:
    """How the shop did between two moments."""
    seconds = max((after.at - before.at).total_seconds(), 0.001)
    grown = less(after.counters, before.counters)

    def rate(name: str, *labels: str) -> float:
        return grown.get(figure(name, *labels), 0) / seconds

    took = {kind: found for kind in KINDS if (found := took_of(counts_of(grown, kind))) is not None}
    lanes = {
        lane: LaneLately(
            running=int(after.gauges.get(figure("lane_running", lane), 0)),
            waiting=int(after.gauges.get(figure("lane_waiting", lane), 0)),
            admitted=rate("admitted", lane),
            refused=rate("refused", lane),
        )
        for lane in LANES
    }
    return Second(
        at=after.at,
        taken=rate("orders", "taken"),
        confirmed=rate("orders", "confirmed"),
        declined=rate("orders", "declined"),
        held=rate("orders", "held"),
        not_taken=rate("orders", "not taken"),
        group_size={
            name: grown.get(figure("group_asks", name), 0) / written
            for name in GROUPS
            if (written := grown.get(figure("groups", name), 0))
        },
        took=took,
        paying=took_of([sum(each) for each in zip(*(counts_of(grown, kind) for kind in PAYING), strict=True)]),
        limit=int(after.gauges.get("limit", 0)),
        under_way=int(after.gauges.get("under_way", 0)),
        lanes=lanes,
    )


def holders_between(before: Seen, after: Seen, most: int) -> list[Holder]:
    """Who held connections between two moments, the longest first."""
    seconds = max((after.at - before.at).total_seconds(), 0.001)
    grown = less(after.counters, before.counters)
    holders = []
    for name, held in grown.items():
        kind, _, rest = name.partition("|")
        if kind == "connection_held_seconds" and grown.get(f"connection_holds|{rest}", 0) > 0:
            pool, _, caller = rest.partition("|")
            holders.append(
                Holder(
                    pool=pool,
                    caller=caller,
                    held=held / seconds,
                    waited=grown.get(f"connection_waited_seconds|{rest}", 0) / seconds,
                    count=grown[f"connection_holds|{rest}"] / seconds,
                )
            )
    return sorted(holders, key=lambda holder: (-holder.held, holder.pool, holder.caller))[:most]


def counts_of(counters: Figures, kind: str) -> list[float]:
    """How many requests of a kind fell into each bucket."""
    return [counters.get(figure("request_seconds_bucket", kind, str(place)), 0) for place in range(len(BOUNDS_S) + 1)]


def took_of(counts: Sequence[float]) -> Took | None:
    """The percentiles one looks at; None where nothing was counted."""
    p50, p95, p99 = (percentile(counts, share) for share in (0.5, 0.95, 0.99))
    return None if p50 is None or p95 is None or p99 is None else Took(p50, p95, p99)


def percentile(counts: Sequence[float], share: float) -> float | None:
    """
    The time that this share of requests took at most, in seconds; None where nothing was counted.

    Within a bucket times are taken to be spread evenly; beyond the last bound the bound itself is said, for nothing
    more is known.

    Args:
        counts: Per bucket of BOUNDS_S, and one for what is beyond.

        share: Of all requests, 0 to 1.

    Source: Prometheus' histogram_quantile.
    """
    reached = list(accumulate(counts))
    if not reached[-1]:
        return None
    rank = share * reached[-1]
    place = bisect_left(reached, rank)
    while not counts[place]:  # rank 0 of a histogram whose first buckets are empty
        place += 1
    if place == len(BOUNDS_S):
        return BOUNDS_S[-1]
    low = BOUNDS_S[place - 1] if place else 0.0
    within = (rank - (reached[place] - counts[place])) / counts[place]
    return low + (BOUNDS_S[place] - low) * min(max(within, 0.0), 1.0)


def seconds_left(free: int, per_minute: int) -> float | None:
    """How long free units last if they go on like that: 0 where there are none, None where they do not go."""
    if free <= 0:
        return 0.0
    return free * 60 / per_minute if per_minute > 0 else None
