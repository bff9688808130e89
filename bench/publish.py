"""A run's figures into bench/README.md, between two marks."""

import re
from pathlib import Path

from bench.peak_report import sheets
from bench.results import PurchaseRun, Results

_README = Path(__file__).parent / "README.md"
_BETWEEN = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)
_BETWEEN_PEAK = re.compile(r"(?<=<!-- figures of the peak -->\n).*(?=<!-- end of figures of the peak -->)", re.DOTALL)


def publish(results: Results) -> None:
    """Put the figures of this run in the place of the former ones."""
    text = _README.read_text()
    _README.write_text(_BETWEEN.sub(lambda _: _figures(results), text))


def publish_peak(results: Results) -> None:
    """The same of a run at the peak."""
    text = _README.read_text()
    _README.write_text(_BETWEEN_PEAK.sub(lambda _: _peak_figures(results), text))


def _figures(results: Results) -> str:
    return "\n".join(
        [
            *_head(results),
            *_purchase_table(results),
            "| page, 16 connections | pages/s | p50 / p99 ms | CPU ms: shop | PostgreSQL |",
            "| --- | ---: | ---: | ---: | ---: |",
            *(
                f"| {run.page} | {run.load.per_second:,.0f} | {run.load.last.p50_ms:.1f} / {run.load.last.p99_ms:.1f} "
                f"| {run.app_cpu_ms:.2f} | {run.postgres_cpu_ms:.2f} |"
                for run in results.pages
            ),
            "",
            *_ratio_table(results),
        ]
    )


def _peak_figures(results: Results) -> str:
    parts = [
        *_head(results),
        "![Orders per second by workers](results/peak-workers.svg)",
        "",
        *_purchase_table(results),
    ]
    for sheet in sheets(results):
        parts += [f"![{sheet.title}](results/{sheet.picture}.svg)", ""]
        if sheet.picture == "peak-overload":
            parts += [f"![{sheet.title}: latencies](results/{sheet.picture}-latency.svg)", ""]
        parts += [f"{sheet.title}:", "", f"| {' | '.join(sheet.columns)} |"]
        parts += [f"| --- |{' ---: |' * (len(sheet.columns) - 1)}"]
        parts += [*(f"| {' | '.join(row)} |" for row in sheet.rows), ""]
    return "\n".join([*parts, *_ratio_table(results)])


def _head(results: Results) -> list[str]:
    machine = results.machine
    return [
        f"{machine.started_at:%Y-%m-%d}, commit `{machine.commit}`: {machine.cpu}, {machine.cores} cores for shop, "
        f"database and load together; PostgreSQL {machine.postgres}, Python {machine.python}.",
        "",
    ]


def _purchase_table(results: Results) -> list[str]:
    return [
        "| who buys | workers | buyers | orders/s | open p50 / p99 ms | complete p50 / p99 ms "
        "| CPU ms per purchase: shop | PostgreSQL | load | asks per group | refused |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_purchases(run) for run in results.purchases),
        "",
        "| pgbench floor, 16 clients | orders/s, median | best |",
        "| --- | ---: | ---: |",
        *(
            f"| {name} | {results.floor(name) or 0:,.0f} | {results.floor_best(name) or 0:,.0f} |"
            for name in dict.fromkeys(run.name for run in results.floors)
        ),
        "",
    ]


def _ratio_table(results: Results) -> list[str]:
    return [
        "| ratio of medians | value | to reach |",
        "| --- | ---: | --- |",
        *(
            f"| {ratio.name} | {ratio.value:.2f} | {_reach(ratio.reach, ratio.at_least, ratio.reached)} |"
            for ratio in results.ratios
        ),
        "",
    ]


def _purchases(run: PurchaseRun) -> str:
    load = run.load
    group = "" if run.group_size is None else f"{run.group_size:.0f}"
    return (
        f"| {run.scenario} | {run.workers} | {run.buyers} | {load.per_second:,.0f} "
        f"| {load.first.p50_ms:.1f} / {load.first.p99_ms:.1f} | {load.last.p50_ms:.1f} / {load.last.p99_ms:.1f} "
        f"| {run.app_cpu_ms:.2f} | {run.postgres_cpu_ms:.2f} | {load.cpu_ms_each:.2f} | {group} | {load.refused:,} |"
    )


def _reach(reach: float | None, at_least: bool, reached: bool) -> str:
    if reach is None:
        return "for comparison"
    return f"{'≥' if at_least else '≤'} {reach:g}: {'reached' if reached else 'not reached'}"
