"""The limit follows latency: it grows while there is room, falls when all wait, and is not fooled by a rush."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.resilience.limit import LIMIT_MAX, LIMIT_MIN, START, TOLERANCE, Limit

QUIET_S = 0.002


class Worker:
    """A worker whose requests take longer the more are under way: fixed + each × under way, as work in groups does."""

    def __init__(self, limit: Limit, *, each_s: float, fixed_s: float = QUIET_S) -> None:
        self.limit = limit
        self.each_s = each_s
        self.fixed_s = fixed_s
        self.now = 0.0

    def serve(self, under_way: int, seconds: float, kind: str = "pay") -> None:
        """That many at once for that long."""
        until = self.now + seconds
        while self.now < until:
            takes = self.fixed_s + self.each_s * under_way
            for _ in range(under_way):
                self.now += takes / under_way
                self.limit.sample(kind, takes, under_way=under_way, now=self.now)

    def crowd(self, seconds: float) -> None:
        """As many as are let in, always."""
        for _ in range(math.ceil(seconds / 0.5)):
            self.serve(self.limit.value, 0.5)


def taught(limit: Limit, *, each_s: float, quiet_s: float = QUIET_S) -> Worker:
    """A worker that has seen a quiet hour."""
    worker = Worker(limit, each_s=each_s, fixed_s=quiet_s)
    worker.serve(1, 3.0)
    return worker


def test_it_settles_where_latency_is_what_is_tolerated() -> None:
    """In a crowd that never ends: at the tolerance, with room for a queue of about the limit's square root."""
    limit = Limit()
    worker = taught(limit, each_s=0.0004)
    worker.crowd(60)
    latency_s = QUIET_S + 0.0004 * limit.value
    assert TOLERANCE * 0.9 < latency_s / limit.quiet_times()["pay"] < TOLERANCE * 1.35


@pytest.mark.parametrize("slower", [1, 2, 5])
def test_a_slower_machine_is_let_as_full_as_a_fast_one(slower: int) -> None:
    """What counts is how many times longer than on a quiet worker, not milliseconds: groups are as large."""
    limits = []
    for factor in (1, slower):
        limit = Limit()
        taught(limit, each_s=0.0004 * factor, quiet_s=QUIET_S * factor).crowd(60)
        limits.append(limit.value)
    assert limits[1] == pytest.approx(limits[0], rel=0.15)


def test_it_falls_when_everything_takes_longer_and_comes_back() -> None:
    """A database in trouble is asked less; when it is well again, as much as before."""
    limit = Limit()
    worker = taught(limit, each_s=0.0002)
    worker.crowd(60)
    well = limit.value
    worker.each_s *= 4
    worker.crowd(30)
    in_trouble = limit.value
    assert in_trouble < well / 2
    worker.each_s /= 4
    worker.crowd(60)
    assert limit.value == pytest.approx(well, rel=0.15)


def test_it_does_not_grow_where_nobody_needs_more() -> None:
    """Nothing is learnt about more than were there."""
    limit = Limit()
    worker = taught(limit, each_s=0.0001)
    before = limit.value
    worker.serve(before // 3, 30)
    assert limit.value == before == START


def test_a_rush_does_not_teach_that_rush_is_normal() -> None:
    """An hour of it later the quiet times are still those of a quiet worker."""
    limit = Limit()
    worker = taught(limit, each_s=0.0004)
    quiet = dict(limit.quiet_times())
    worker.crowd(3600)
    assert limit.quiet_times() == quiet


def test_a_worker_that_starts_in_a_rush_is_not_fooled() -> None:
    """What it has never seen quiet it takes for three milliseconds, not for what it sees first."""
    limit = Limit()
    worker = Worker(limit, each_s=0.002)
    worker.crowd(60)
    assert limit.quiet_times() == {}
    assert limit.value < START


def test_kinds_that_take_long_by_nature_are_measured_against_themselves() -> None:
    """A slow kind does not look like a slow worker."""
    limit = Limit()
    worker = taught(limit, each_s=0.0)
    worker.fixed_s = 0.2
    worker.serve(1, 20.0, kind="report")
    before = limit.value
    worker.serve(3, 5.0, kind="report")
    assert limit.value >= before


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 3_000)), min_size=200, max_size=600))
def test_it_stays_within_its_bounds_whatever_is_measured(samples: list[tuple[float, int]]) -> None:
    """Also for times of zero, half a minute, and thousands at once."""
    limit, now = Limit(), 0.0
    for seconds, under_way in samples:
        now += 0.01
        limit.sample("pay", seconds, under_way=under_way, now=now)
        assert LIMIT_MIN <= limit.value <= LIMIT_MAX
