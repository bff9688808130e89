"""What workers tell of themselves: sums, rates, percentiles, time to sell-out, and the last minute."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from evertill.figures import prometheus_text
from evertill.pulse.minute import SKUS_SHOWN_MAX, LastMinute
from evertill.pulse.model import (
    FRESH,
    Audited,
    Pulse,
    Seen,
    Told,
    holders_between,
    less,
    percentile,
    second_between,
    seconds_left,
    sum_of,
)
from evertill.resilience.durations import BOUNDS_S, Durations

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

figures = st.dictionaries(st.sampled_from(["refused|pay", "refused|bot", "orders|taken"]), st.integers(0, 10**9))


def told(
    counters: dict[str, float] | None = None,
    gauges: dict[str, float] | None = None,
    *,
    moved: dict[str, int] | None = None,
    at: datetime = NOON,
    pid: int = 7,
    audited: Audited | None = None,
) -> Told:
    """A worker's row."""
    pulse = Pulse(pid, NOON - SECOND, gauges or {}, counters or {}, moved or {}, audited)
    return Told(at, pulse.counters, pulse)


def seen(counters: dict[str, float], gauges: dict[str, float] | None = None, *, at: datetime = NOON) -> Seen:
    """One worker, seen at that moment."""
    return sum_of([told(counters, gauges, at=at)], at=at)


@given(st.lists(figures, max_size=5))
def test_what_all_say_is_the_sum_of_what_each_says(each: list[dict[str, float]]) -> None:
    """Counters and gauges alike, whoever has counted what."""
    whole = sum_of([told(counters, counters) for counters in each], at=NOON)
    for name in {name for counters in each for name in counters}:
        assert whole.counters[name] == whole.gauges[name] == sum(counters.get(name, 0) for counters in each)
    assert len(whole.workers) == len(each)


def test_a_silent_worker_counts_with_what_it_did_and_not_with_what_it_does() -> None:
    """Its orders stay counted, and the departed's; its requests under way, its units and its audit are gone."""
    audit = Audited(1.0, 0.1, {})
    silent = told({"orders|taken": 5}, {"under_way": 3}, moved={"MUG": 9}, at=NOON - FRESH - SECOND, audited=audit)
    departed = Told(NOON - timedelta(days=1), {"orders|taken": 100}, None)
    alive = told({"orders|taken": 1}, {"under_way": 1, "limit": 64}, moved={"MUG": 2}, pid=8)
    whole = sum_of([silent, departed, alive], at=NOON)
    assert whole.counters["orders|taken"] == 106
    assert (whole.gauges["under_way"], whole.moved["MUG"], whole.audited) == (1, 2, None)
    assert [(worker.pid, worker.limit, worker.under_way) for worker in whole.workers] == [(8, 64, 1)]


def test_the_newest_audit_is_the_one_that_is_told() -> None:
    """Where another worker became the auditor."""
    audits = [Audited(2.0, 0.1, {"oversold": 0}), Audited(9.0, 0.1, {"oversold": 1}), Audited(4.0, 0.1, {})]
    assert sum_of([told(audited=audit) for audit in audits], at=NOON).audited == audits[1]


@given(figures, figures)
def test_no_rate_is_ever_negative(before: dict[str, float], after: dict[str, float]) -> None:
    """A counter that is smaller than it was has begun anew: it grew by what it says."""
    grown = less(after, before)
    assert set(grown) == set(after)
    for name, value in grown.items():
        assert value == (after[name] - before.get(name, 0) if after[name] >= before.get(name, 0) else after[name])
        assert value >= 0


def test_rates_are_what_was_counted_over_the_time_it_took() -> None:
    """Two seconds apart: ten orders are five a second; sixty asks in three groups are twenty a group."""
    before = seen({"orders|taken": 100, "groups|till": 7, "group_asks|till": 40, "refused|bot": 1})
    after = seen(
        {
            "orders|taken": 110, "orders|confirmed": 8, "groups|till": 10, "group_asks|till": 100,
            "groups|tickets": 2, "group_asks|tickets": 5, "refused|bot": 2,
        },
        {"limit": 64, "under_way": 3, "lane_running|pay": 2, "lane_waiting|browse": 4},
        at=NOON + 2 * SECOND,
    )  # fmt: skip
    lately = second_between(before, after)
    assert (lately.taken, lately.confirmed, lately.declined) == (5.0, 4.0, 0.0)
    assert lately.group_size == {"till": 20.0, "tickets": 2.5}
    assert (lately.limit, lately.under_way) == (64, 3)
    assert (lately.lanes["pay"].running, lately.lanes["browse"].waiting, lately.lanes["bot"].refused) == (2, 4, 0.5)
    assert (lately.took, lately.paying) == ({}, None)
    assert second_between(after, after).group_size == {}


def test_pages_and_programs_that_pay_are_told_apart_and_together() -> None:
    """A hundred payments by program within 5 ms, a hundred by page between 10 and 25."""
    after = seen({"request_seconds_bucket|pay|0": 100, "request_seconds_bucket|page pay|2": 100}, at=NOON + SECOND)
    lately = second_between(seen({}), after)
    assert set(lately.took) == {"pay", "page pay"}
    assert lately.took["pay"].p99 == pytest.approx(0.00495)
    assert lately.took["page pay"].p50 == pytest.approx(0.0175)
    assert lately.paying is not None
    assert lately.paying.p50 == pytest.approx(0.005)
    assert lately.paying.p95 == pytest.approx(0.0235)


def test_holders_are_told_longest_first_and_only_those_who_held() -> None:
    """In seconds per second: two of ten seconds are 0.2 connections."""
    before = seen({"connection_holds|till|a.b": 5, "connection_held_seconds|till|a.b": 1.0})
    after = seen(
        {
            "connection_holds|till|a.b": 25, "connection_held_seconds|till|a.b": 3.0,
            "connection_waited_seconds|till|a.b": 1.0,
            "connection_holds|desk|c.d": 1, "connection_held_seconds|desk|c.d": 5.0,
        },
        at=NOON + 10 * SECOND,
    )  # fmt: skip
    first, second = holders_between(before, after, 10)
    assert (first.pool, first.caller, first.held) == ("desk", "c.d", 0.5)
    assert (second.pool, second.caller, second.held, second.waited, second.count) == ("till", "a.b", 0.2, 0.1, 2.0)
    assert holders_between(after, after, 10) == []
    assert holders_between(before, after, 1) == [first]


# ---------------------------------------------------------------- percentiles


@pytest.mark.parametrize(
    ("counted", "share", "seconds"),
    [
        ({}, 0.5, None),
        ({0: 100}, 0.5, 0.0025),  # in the middle of the first bucket
        ({0: 100}, 1.0, 0.005),
        ({0: 50, 1: 50}, 0.5, 0.005),  # just between two
        ({0: 50, 1: 50}, 0.75, 0.0075),
        ({3: 1}, 0.0, 0.025),
        ({9: 100}, 0.95, 0.9875),
        ({14: 3}, 0.5, 10.0),  # beyond the last bound nothing more is known
        ({0: 99, 14: 1}, 0.99, 0.005),
        ({0: 98, 14: 2}, 0.99, 10.0),
    ],
)
def test_a_percentile_lies_where_its_bucket_says(counted: dict[int, int], share: float, seconds: float | None) -> None:
    """Within a bucket in a straight line."""
    counts = [counted.get(place, 0) for place in range(len(BOUNDS_S) + 1)]
    assert percentile(counts, share) == (None if seconds is None else pytest.approx(seconds))


@given(st.lists(st.floats(0, 20), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_percentile_is_off_by_its_bucket_at_most(times: list[float], share: float) -> None:
    """It lies in the bucket of the time that so many requests took at most."""
    durations = Durations()
    for seconds in times:
        durations.add(seconds)
    found = percentile(durations.counts, share)
    assert found is not None
    assert found == pytest.approx(min(found, BOUNDS_S[-1]))
    rank = share * len(times)
    exact = next(seconds for place, seconds in enumerate(sorted(times), start=1) if place >= rank)
    bucket = bisect_left(BOUNDS_S, exact)
    low, high = (BOUNDS_S[bucket - 1] if bucket else 0.0), BOUNDS_S[min(bucket, len(BOUNDS_S) - 1)]
    assert low - 1e-9 <= found <= high + 1e-9


@given(st.lists(st.integers(0, 100), min_size=15, max_size=15).filter(any))
def test_percentiles_are_in_order(counts: list[int]) -> None:
    """More requests took less than a longer time."""
    found = [percentile(counts, share) for share in (0.0, 0.25, 0.5, 0.95, 0.99, 1.0)]
    assert found == sorted(each for each in found if each is not None)


# ---------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("free", "per_minute", "seconds"),
    [(0, 0, 0.0), (0, 50, 0.0), (-3, 1, 0.0), (10, 0, None), (10, -4, None), (10, 10, 60.0), (1_000, 60, 1_000.0)],
)
def test_time_to_sell_out(free: int, per_minute: int, seconds: float | None) -> None:
    """None where units do not go, or come back; nothing where there are none."""
    assert seconds_left(free, per_minute) == seconds


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(-5, 5), st.floats(0, 30)), max_size=40))
def test_the_last_minute_forgets_what_is_older(moves: list[tuple[str, int, float]]) -> None:
    """What it says is what moved in the last sixty seconds, whole seconds counted; nothing where more came back."""
    minute, now = LastMinute(), 0.0
    moved: list[tuple[str, int, int]] = []
    for sku, units, wait in moves:
        now += wait
        minute.add({sku: units}, now)
        moved.append((sku, units, int(now)))
    for sku in "ABC":
        lately = sum(units for each, units, at in moved if each == sku and at > int(now) - 60)
        assert minute.most().get(sku, 0) == max(lately, 0)


def test_of_many_skus_those_that_move_most_are_told() -> None:
    """However many there are: the pulse stays as small as it is."""
    minute = LastMinute()
    minute.add({f"SKU-{number}": number for number in range(10_000)}, 1.0)
    most = minute.most()
    assert list(most) == [f"SKU-{number}" for number in range(9_999, 9_999 - SKUS_SHOWN_MAX, -1)]


# ---------------------------------------------------------------- Prometheus


def test_prometheus_reads_what_is_told() -> None:
    """Names, labels and values; a histogram whose buckets are cumulative and end with all."""
    pulse = told(
        {
            "groups|till": 3, "group_asks|till": 60, "orders|not taken": 2, "refused|pay": 1,
            "connection_holds|sandbox provider|a.b|c": 4, "connection_held_seconds|sandbox provider|a.b|c": 0.5,
            "request_seconds_bucket|pay|0": 2, "request_seconds_bucket|pay|14": 1, "request_seconds_sum|pay": 20.5,
        },
        {"limit": 64, "pool_connections|till|busy": 2},
        audited=Audited(1_000.0, 0.25, {"oversold": 1}),
    )  # fmt: skip
    text = prometheus_text(sum_of([pulse], at=NOON)).decode()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["evertill_workers_seen",] == samples["evertill_workers",] == 1
    assert samples["evertill_groups_total", ("groups", "till")] == 3
    assert samples["evertill_group_asks_total", ("groups", "till")] == 60
    assert samples["evertill_orders_total", ("ending", "not taken")] == 2
    assert samples["evertill_limit",] == 64
    assert samples["evertill_pool_connections", ("pool", "till"), ("state", "busy")] == 2
    assert samples["evertill_connection_holds_total", ("caller", "a.b|c"), ("pool", "sandbox provider")] == 4
    assert samples["evertill_request_seconds_bucket", ("kind", "pay"), ("le", "0.005")] == 2
    assert samples["evertill_request_seconds_bucket", ("kind", "pay"), ("le", "+Inf")] == 3
    assert samples["evertill_request_seconds_count", ("kind", "pay")] == 3
    assert samples["evertill_request_seconds_sum", ("kind", "pay")] == 20.5
    assert samples["evertill_audit_anomalies", ("kind", "oversold")] == 1
