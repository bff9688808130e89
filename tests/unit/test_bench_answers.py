"""The bench's arithmetic: who arrives when, what an answer means, how percentiles and endings are counted."""

import itertools
import random
import statistics

import pytest
from bench.answers import Patience, Said, retry_after_seconds, said_to_completing, said_to_opening
from bench.arrivals import Tally, poisson_arrivals
from bench.buyers import latency_of


def _answer(body: str = "", *headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, f"content-length: {len(body)}", "", body]).encode()


def test_arrivals_are_a_poisson_process_that_a_seed_replays() -> None:
    """In order, as many as were asked for, and gaps that remember nothing: as spread as they are long."""
    moments = poisson_arrivals(500, 20, random.Random(7))
    assert moments == poisson_arrivals(500, 20, random.Random(7)) != poisson_arrivals(500, 20, random.Random(8))
    assert moments == sorted(moments)
    assert 0 < moments[0] < moments[-1] < 20
    assert abs(len(moments) - 10_000) < 5 * 100  # five standard deviations
    gaps = [later - sooner for sooner, later in itertools.pairwise(moments)]
    assert statistics.mean(gaps) == pytest.approx(1 / 500, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(1 / 500, rel=0.05)
    counts = [sum(1 for moment in moments if second <= moment < second + 1) for second in range(20)]
    assert len(set(counts)) > 1  # no metronome


@pytest.mark.parametrize(
    ("seconds", "p50", "p99", "most"),
    [
        ([], 0, 0, 0),
        ([0.002], 2, 2, 2),
        ([n / 1000 for n in range(100, 0, -1)], 51, 100, 100),
        ([0.001] * 989 + [1.0] * 11, 1, 1000, 1000),
    ],
)
def test_percentiles_are_exact(seconds: list[float], p50: float, p99: float, most: float) -> None:
    """Of all that was measured, in whatever order."""
    found = latency_of(seconds)
    assert (found.p50_ms, found.p99_ms, found.max_ms) == pytest.approx((p50, p99, most))


_LATER = "retry-after: 2"


@pytest.mark.parametrize(
    ("status", "answer", "opening", "completing"),
    [
        (201, _answer('{"status":"ready_for_complete"}'), Said.OPENED, Said.NOTHING),
        (201, _answer('{"status":"incomplete"}'), Said.NOTHING, Said.NOTHING),
        (200, _answer('{"messages":[{"code":"out_of_stock"}]}'), Said.SOLD_OUT, Said.SOLD_OUT),
        (200, _answer('{"status":"completed"}'), Said.NOTHING, Said.COMPLETED),
        (200, _answer('{"status":"completed","messages":[{"code":"out_of_stock"}]}'), Said.SOLD_OUT, Said.NOTHING),
        (200, _answer('{"status":"complete_in_progress"}'), Said.NOTHING, Said.NOTHING),
        (503, _answer('{"code":"too_busy"}', _LATER), Said.NOT_NOW, Said.NOT_NOW),
        (503, _answer('{"code":"too_busy"}'), Said.NOTHING, Said.NOTHING),
        (500, _answer('{"status":"completed"}', _LATER), Said.NOTHING, Said.NOTHING),
        (429, _answer("", _LATER), Said.NOTHING, Said.NOTHING),
    ],
)
def test_an_answer_means_one_thing_or_nothing(status: int, answer: bytes, opening: Said, completing: Said) -> None:
    """503 counts as "not now" only where it says when to come again; two answers in one are none."""
    assert said_to_opening(status, answer) is opening
    assert said_to_completing(status, answer) is completing


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("retry-after: 3", 3.0),
        ("Retry-After:   12", 12.0),
        ("retry-after: 0", 0.0),
        ("retry-after: 60", 60.0),
        ("retry-after: 61", None),  # longer than a run waits
        ("retry-after: -1", None),
        ("retry-after: soon", None),
        ("retry-after:", None),
        ("x-retry-after: 3", None),
        ("server: x", None),
    ],
)
def test_retry_after_is_read_as_it_is_written(header: str, seconds: float | None) -> None:
    """Whole seconds within reason; what stands in the body is not looked at."""
    assert retry_after_seconds(_answer("\r\nretry-after: 9\r\n", header)) == seconds


def test_patience_ends() -> None:
    """So many waits and no more; every "not now" is counted, the last one too."""
    patience = Patience(2)
    assert [patience.wait_seconds(_answer("", _LATER)) for _ in range(4)] == [2.0, 2.0, None, None]
    assert patience.told == 4
    assert Patience(5).wait_seconds(_answer()) is None


def test_every_arrival_has_one_ending_and_only_the_measured_ones_are_timed() -> None:
    """Who comes while the shop warms up is served and counted, but is in no percentile."""
    tally = Tally(begins=10.0, ends=20.0)
    for intended in (9.0, 11.0, 12.0, 13.0, 14.0, 19.5):
        tally.arrived(intended, intended + 0.001)
    assert tally.under_way == 6
    tally.done(9.0, 9.1, 10.5)  # came before, ended within: goodput, no latency
    tally.done(11.0, 11.25, 11.75)
    tally.done(19.5, 20.5, 21.0)  # came within, ended after: latency, no goodput
    tally.turned_away(12.0, 12.5, 12.625)
    tally.gave_up()
    tally.failed("500")
    assert tally.under_way == 0
    assert (tally.offered_measured, tally.completed_measured, tally.refused_measured) == (5, 2, 1)
    assert tally.wholes == [0.75, 1.5]
    assert tally.opens == [0.25, 1.0]
    assert tally.completes == [0.5, 0.5]
    assert tally.refusals == [0.625]  # from when he meant to come
    assert tally.refusals_sent == [0.125]
    assert len(tally.lates) == 5
