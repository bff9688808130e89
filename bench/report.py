"""A run's figures as tables for people, and as a picture."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.buyers import Latency
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
    for table in (_purchases(results), _floors(results), _pages(results), _ratios(results)):
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


def _purchases(results: Results) -> Table:
    table = _table(
        "Purchases through the API (p50 / p99 in ms; CPU in ms per purchase)", "who buys", "buyers", "orders/s",
        "open", "complete", "app", "PostgreSQL", "load", "others", "group", "errors", "books",
    )  # fmt: skip
    for run in results.purchases:
        load = run.load
        table.add_row(
            run.scenario, str(run.buyers), f"{load.per_second:,.0f}", _latency(load.first), _latency(load.last),
            f"{run.app_cpu_ms:.2f}", f"{run.postgres_cpu_ms:.2f}", f"{load.cpu_ms_each:.2f}",
            f"{run.others_cpu_share:.0%}", f"{run.group_size:.0f}", str(load.errors),
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

_WIDTH, _HEIGHT = 760, 420
_LEFT, _END, _TOP, _BOTTOM = 70, 570, 50, 50
_SERIES = (("spread", "200 SKUs", "#0b6bcb"), ("hot", "one hot SKU", "#c2410c"))
_LINES = (
    ("statements, spread", "pgbench, spread", "#0b6bcb"),
    ("statements, hot", "pgbench, hot", "#c2410c"),
    ("round trip, spread", "pgbench, one trip", "#6b7280"),
)


def picture(results: Results) -> str:
    """Orders per second by buyers beside the floors, as SVG."""
    curves = [
        (label, colour, [(buyers, value) for buyers in BUYERS if (value := results.orders(scenario, buyers))])
        for scenario, label, colour in _SERIES
    ]
    floors = [(label, colour, value) for name, label, colour in _LINES if (value := results.floor(name))]
    top = _round_up(max([value for *_, value in floors] + [value for *_, points in curves for _, value in points]))
    labels = [(_y(value, top), f"{label}: {value:,.0f}", colour) for label, colour, value in floors]
    labels += [(_y(points[-1][1], top), f"{label}: {points[-1][1]:,.0f}", c) for label, c, points in curves if points]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="13" role="img" '
            'font-family="system-ui, sans-serif" aria-label="Orders per second by buyers, beside the pgbench floors">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            f'<text x="{_LEFT}" y="26" font-size="15" font-weight="600">Orders per second through the API, and what '
            "pgbench with the same rows</text>",
            *_axes(top),
            *(_floor_line(_y(value, top), colour) for _, colour, value in floors),
            *(part for _, colour, points in curves for part in _curve(points, colour, top)),
            *(f'<text x="{_END + 10}" y="{y + 4:.1f}" fill="{c}">{text}</text>' for y, text, c in _apart(labels)),
            "</svg>",
            "",
        ]
    )


def _axes(top: float) -> list[str]:
    parts = []
    for value in (top * step / 5 for step in range(6)):
        y = _y(value, top)
        parts.append(f'<line x1="{_LEFT}" x2="{_END}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#4b5563">{value:,.0f}</text>')
    below = _HEIGHT - _BOTTOM + 20
    parts += [f'<text x="{_x(b):.1f}" y="{below}" text-anchor="middle" fill="#4b5563">{b}</text>' for b in BUYERS]
    middle = (_LEFT + _END) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 10}" text-anchor="middle" fill="#4b5563">buyers at once</text>')
    return parts


def _floor_line(y: float, colour: str) -> str:
    return f'<line x1="{_LEFT}" x2="{_END}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-dasharray="5 4"/>'


def _curve(points: Sequence[tuple[int, float]], colour: str, top: float) -> list[str]:
    places = [(f"{_x(buyers):.1f}", f"{_y(value, top):.1f}") for buyers, value in points]
    line = " ".join(f"{x},{y}" for x, y in places)
    return [
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2.5"/>',
        *(f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>' for x, y in places),
    ]


def _x(buyers: int) -> float:
    return _LEFT + 25 + BUYERS.index(buyers) * (_END - _LEFT - 50) / (len(BUYERS) - 1)


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)


def _round_up(value: float) -> float:
    step = next(step for step in (250, 500, 1_000, 2_500, 5_000, 10_000) if value <= step * 5 or step == 10_000)
    return float(-(-value // step) * step)


def _apart(labels: list[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """Labels moved down until none covers another."""
    placed: list[tuple[float, str, str]] = []
    for y, text, colour in sorted(labels):
        lowest = placed[-1][0] + 16 if placed else 0.0
        placed.append((max(y, lowest), text, colour))
    return placed
