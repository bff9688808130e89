"""What a run of the bench says: its ratios, its tables, its charts."""

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.arrivals import Flow
from bench.books import Books, faults
from bench.buyers import Latency, Load
from bench.charts import Bars, Curve, Level, bars, lines
from bench.crowd import Rushed
from bench.floors import FloorRun
from bench.machine import Machine
from bench.peak_report import pictures, sheets
from bench.publish import publish_peak
from bench.results import (
    FLOOD,
    FLOODED,
    UNDISTURBED,
    CrowdRun,
    Filling,
    FlowRun,
    GrowthRun,
    PurchaseRun,
    Results,
    peak_ratios,
)
from msgspec.structs import replace

README = Path(__file__).parents[2] / "bench" / "README.md"
_MACHINE = Machine("cpu", 2, 8.0, "Linux", "3.11", "18", "abc", False, datetime(2026, 1, 1, tzinfo=UTC))
_QUICK = Latency(10.0, 20.0, 30.0)
_LOAD = Load(1_000.0, 9_000, 10_000, _QUICK, _QUICK, 0.1, 1.0, 0, 0, ())
_FLOW = Flow(
    arrivals=100, completed=90, refused=10, given_up=0, unanswered=0, errors=0, samples=(), told_to_wait=0,
    offered_per_second=1_000.0, goodput_per_second=950.0, refused_per_second=50.0, open=_QUICK, complete=_QUICK,
    whole=_QUICK, refusal=_QUICK, refusal_sent=_QUICK, late=_QUICK, waited=0, connections_lost=0, nice=0,
    seconds_in_all=10.0, cpu_s=1.0, cpu_s_before=0.5,
)  # fmt: skip
_RUSHED = Rushed(
    people=20, completed=10, sold_out=10, errored=0, samples=(), told_not_now=3, not_nows=5, asked_twice=2, changed=0,
    sold_out_after=1.5, all_answered_after=2.5, answer=_QUICK, curve=((0.0, 0, 0), (2.5, 10, 20)), cpu_s=1.0,
    cpu_s_before=0.5,
)  # fmt: skip


def _bought(scenario: str, per_second: float, *, workers: int = 1, app_cpu_ms: float = 0.75) -> PurchaseRun:
    load = replace(_LOAD, per_second=per_second)
    return PurchaseRun(scenario, 256, load, app_cpu_ms, 0.25, 0.0, None, workers, 0, ())


def _flow(name: str, times: float, goodput: float, p99_ms: float) -> FlowRun:
    flow = replace(_FLOW, goodput_per_second=goodput, whole=Latency(1.0, p99_ms, p99_ms))
    return FlowRun(name, times, 1_000.0, flow, 1.0, 0.5, 0.2, True, ())


def _results() -> Results:
    return Results(
        _MACHINE,
        quick=False,
        purchases=[
            _bought("spread", 1_000), _bought("hot", 900), _bought("spread", 2_000, workers=2),
            _bought("hot", 2_000, workers=2),
        ],
        floors=[FloorRun("statements, spread", 2_000.0, 1.0), FloorRun("statements, hot", 1_000.0, 1.0)],
        overload=[_flow("calm", 0.8, 800, 100), _flow("same", 1, 1_100, 150), _flow("much", 10, 990, 300)],
        flood=[
            _flow(UNDISTURBED, 0.5, 500, 100), _flow(FLOODED, 0.5, 500, 140), _flow(FLOOD, 5, 3_000, 9_000),
        ],
        crowds=[CrowdRun(10, 10, 5, _RUSHED, ())],
        growth=[
            GrowthRun(10_000, 1_000, _bought("spread", 1_000)),
            GrowthRun(1_000_000, 1_000, _bought("spread", 900, app_cpu_ms=0.85)),
            GrowthRun(10_000, 50_000, _bought("spread", 800, app_cpu_ms=1.0)),
        ],
        fillings=[Filling(10_000, 1_000, 1, 0.1), Filling(1_000_000, 1_000, 90, 4), Filling(10_000, 50_000, 2, 0.2)],
    )  # fmt: skip


def test_promises_at_the_peak_are_held_against_what_was_measured() -> None:
    """Each with its own base, and the side on which it is kept."""
    found = {ratio.name: (round(ratio.value, 6), ratio.reached) for ratio in peak_ratios(_results(), buyers=256)}
    assert found["hot / spread, workers: 1"] == (0.9, False)
    assert found["hot / spread, workers: 2"] == (1.0, True)
    assert found["spread / statement floor, workers: 1"] == (0.5, False)
    assert found["hot / statement floor, workers: 2"] == (2.0, True)
    assert found["goodput at 10 × capacity / best"] == (0.9, True)
    assert found["purchase p99 at 10 × capacity / at 0.8 ×"] == (3.0, False)
    assert found["refusal p99 at 10 × capacity, ms"] == (20.0, True)
    assert found["purchase p99 in a flood of browsers / undisturbed"] == (1.4, True)
    assert found["crowd: units missing or oversold"] == (0.0, True)
    assert found["CPU per order with 1,000,000 orders / with 10,000"] == (1.1, True)
    assert found["CPU per order with 50,000 SKUs / with 1,000"] == (1.25, False)
    assert found["orders/s with 50,000 SKUs / with 1,000"] == (0.8, False)


@pytest.mark.parametrize(("sold", "completed"), [(11, 11), (9, 9), (10, 11)])
def test_a_crowd_that_was_oversold_undersold_or_misled_is_not_well(sold: int, completed: int) -> None:
    """Whatever the tables and the people say must be the same, and the units there were."""
    results = _results()
    results.crowds = [CrowdRun(10, sold, 5, replace(_RUSHED, completed=completed), ())]
    assert not all(ratio.reached for ratio in peak_ratios(results, buyers=256) if ratio.name.startswith("crowd"))


def test_a_run_is_sound_only_where_everybody_was_answered_and_the_books_balance() -> None:
    """One person without an answer, or one row too many, and the bench ends with an error."""
    assert not _results().unsound
    for flaw in ("errors", "unanswered"):
        results = _results()
        results.overload[1] = replace(results.overload[1], flow=replace(_FLOW, **{flaw: 1}))
        assert results.unsound
    results = _results()
    results.crowds = [CrowdRun(10, 10, 5, replace(_RUSHED, changed=1), ())]
    assert results.unsound
    results = _results()
    results.growth[0] = replace(results.growth[0], run=replace(results.growth[0].run, faults=("orders: 1",)))
    assert results.unsound


def test_what_was_wrong_before_is_not_held_against_a_run() -> None:
    """But one more of it is, and so is any row more or less than people were told of."""
    before = Books(5, 0, 10, 10, 0, 5, 5, {"sums_differ": 30, "not_told": 0})
    after = Books(7, 0, 14, 14, 0, 7, 7, {"sums_differ": 30, "not_told": 0})
    assert faults(before, after, acknowledged=2, units_each=2) == ()
    one_more = replace(after, claimed=1, anomalies={"sums_differ": 31, "not_told": 0})
    assert faults(before, one_more, acknowledged=2, units_each=2) == ("claimed: 1, expected 0", "1 more of sums_differ")


def test_every_part_has_its_table_and_its_picture() -> None:
    """Rows are as wide as their heads; a part that was not run has neither."""
    for sheet in sheets(_results()):
        assert sheet.rows
        assert {len(row) for row in sheet.rows} == {len(sheet.columns)}
    drawn = dict(pictures(_results()))
    assert set(drawn) == {"peak-workers", "peak-overload-latency", *(sheet.picture for sheet in sheets(_results()))}
    for picture in drawn.values():
        ElementTree.fromstring(picture)
    nothing = Results(_MACHINE, quick=False)
    assert not any(sheet.rows for sheet in sheets(nothing))
    assert not dict(pictures(nothing))
    assert peak_ratios(nothing, buyers=256) == []


def test_a_run_at_the_peak_takes_the_place_of_the_former_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its marks; the rest of the page stays, and every table is as wide as its head."""
    page = tmp_path / "README.md"
    page.write_text(README.read_text())
    monkeypatch.setattr("bench.publish._README", page)
    results = _results()
    results.ratios = peak_ratios(results, buyers=256)
    publish_peak(results)
    once = page.read_text()
    publish_peak(results)
    assert page.read_text() == once
    assert once.count("| hot / spread, workers: 2 | 1.00 | ≥ 0.95: reached |") == 1
    before, _, rest = README.read_text().partition("<!-- figures of the peak -->\n")
    assert once.startswith(before)
    assert once.endswith(rest[rest.index("<!-- end of figures of the peak -->") :])
    figures = once[len(before) : once.index("<!-- end of figures of the peak -->")]
    for table in re.findall(r"(?:^\|.*\n)+", figures, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_charts_say_what_they_show() -> None:
    """A curve and a bar are where their values are, and nothing in a label is markup."""
    curve, level = Curve("up", "#000", [(0, 1), (1, 10)]), Level("l", "#111", 5)
    drawn = lines("a < b", [curve], below="x", categories=["a", "b"], levels=[level])
    assert "a &lt; b" in drawn
    assert 'points="95.0,338.0 545.0,50.0"' in drawn
    assert "up: 10" in drawn
    assert 'height="320.0"' in bars("b", ["one"], [Bars("s", "#000", [100.0])])
