"""A run's figures as tables for people, and as a picture."""

from rich.console import Console
from rich.table import Table

from bench.buyers import Latency
from bench.charts import BLUE, GREY, RED, Curve, Level, lines
from bench.peak_report import Sheet, sheets
from bench.results import Results

BUYERS = (1, 16, 64, 256)


def print_report(results: Results, console: Console) -> None:
    """The tables."""
    machine = results.machine
    changed = " with changes" if machine.changed else ""
    console.print(
        f"\n{machine.cpu}, {machine.cores} cores, {machine.memory_gb} GB; PostgreSQL {machine.postgres}, Python "
        f"{machine.python}; commit {machine.commit}{changed}; workers: {results.workers}; {results.seconds:.0f} s",
        highlight=False,
    )
    peak = [_sheet(sheet) for sheet in sheets(results)]
    for table in (_purchases(results), _floors(results), _pages(results), *peak, _ratios(results)):
        if table.row_count:
            console.print(table)
    if results.round_trips:
        trips = results.round_trips
        console.print(
            f"Round trips per purchase at {trips.buyers} buyers, counted by PostgreSQL's log over {trips.purchases:,} "
            f"purchases: till {trips.till:.2f}, opening sessions {trips.sessions:.2f}, provider {trips.provider:.2f}, "
            f"everything else (letters, duties) {trips.other:.2f}",
            highlight=False,
        )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _sheet(sheet: Sheet) -> Table:
    table = _table(sheet.title, *sheet.columns)
    for row in sheet.rows:
        table.add_row(*row)
    return table


def _purchases(results: Results) -> Table:
    table = _table(
        "Purchases through the API (p50 / p99 in ms; CPU in ms per purchase)", "who buys", "workers", "buyers",
        "orders/s", "open", "complete", "app", "PostgreSQL", "load", "others", "group", "refused", "errors", "books",
    )  # fmt: skip
    for run in results.purchases:
        load = run.load
        table.add_row(
            run.scenario, str(run.workers), str(run.buyers), f"{load.per_second:,.0f}",
            _latency(load.first), _latency(load.last),
            f"{run.app_cpu_ms:.2f}", f"{run.postgres_cpu_ms:.2f}", f"{load.cpu_ms_each:.2f}",
            f"{run.others_cpu_share:.0%}", "" if run.group_size is None else f"{run.group_size:.0f}",
            f"{load.refused:,}", str(load.errors),
            "balance" if not run.faults else "; ".join(run.faults),
        )  # fmt: skip
    return table


def _latency(latency: Latency) -> str:
    return f"{latency.p50_ms:.1f} / {latency.p99_ms:.1f}"


def _floors(results: Results) -> Table:
    table = _table("pgbench floors, 16 clients", "rows", "orders/s, median", "best", "runs")
    for name in dict.fromkeys(run.name for run in results.floors):
        runs = [run for run in results.floors if run.name == name]
        table.add_row(name, f"{results.floor(name) or 0:,.0f}", f"{results.floor_best(name) or 0:,.0f}", str(len(runs)))
    return table


def _pages(results: Results) -> Table:
    table = _table("Pages, 16 connections", "page", "pages/s", "p50/p99 ms", "CPU ms: app", "PostgreSQL", "errors")
    for run in results.pages:
        load = run.load
        table.add_row(
            run.page, f"{load.per_second:,.0f}", _latency(load.last),
            f"{run.app_cpu_ms:.2f}", f"{run.postgres_cpu_ms:.2f}", str(load.errors),
        )  # fmt: skip
    return table


def _ratios(results: Results) -> Table:
    table = _table("Ratios of medians", "what", "value", "reach", "")
    for ratio in results.ratios:
        if ratio.reach is None:
            table.add_row(ratio.name, f"{ratio.value:.2f}", "", "for comparison")
        else:
            sign = "≥" if ratio.at_least else "≤"
            reached = "reached" if ratio.reached else "NOT REACHED"
            table.add_row(ratio.name, f"{ratio.value:.2f}", f"{sign} {ratio.reach:g}", reached)
    return table


# ---------------------------------------------------------------- the picture

_SERIES = (("spread", "200 SKUs", BLUE), ("hot", "one hot SKU", RED))
_LINES = (
    ("statements, spread", "pgbench, spread", BLUE),
    ("statements, hot", "pgbench, hot", RED),
    ("round trip, spread", "pgbench, one trip", GREY),
)


def picture(results: Results) -> str:
    """Orders per second by buyers beside the floors, as SVG."""
    return lines(
        "Orders per second through the API, and what pgbench with the same rows",
        [
            Curve(
                label,
                colour,
                [(place, value) for place, buyers in enumerate(BUYERS) if (value := results.orders(scenario, buyers))],
            )
            for scenario, label, colour in _SERIES
        ],
        below="buyers at once",
        categories=[str(buyers) for buyers in BUYERS],
        levels=[Level(label, colour, value) for name, label, colour in _LINES if (value := results.floor(name))],
    )
