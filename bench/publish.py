"""A run's figures into bench/README.md, between two marks."""

import re
from pathlib import Path

from bench.results import PurchaseRun, Results

_README = Path(__file__).parent / "README.md"
_BETWEEN = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)


def publish(results: Results) -> None:
    """Put the figures of this run in the place of the former ones."""
    text = _README.read_text()
    _README.write_text(_BETWEEN.sub(lambda _: _figures(results), text))


def _figures(results: Results) -> str:
    machine = results.machine
    return "\n".join(
        [
            f"{machine.started_at:%Y-%m-%d}, commit `{machine.commit}`: {machine.cpu}, {machine.cores} cores for shop, "
            f"database and load together; PostgreSQL {machine.postgres}, Python {machine.python}.",
            "",
            "| who buys | buyers | orders/s | open p50 / p99 ms | complete p50 / p99 ms | CPU ms per purchase: shop "
            "| PostgreSQL | load | asks per group |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            *(_purchases(run) for run in results.purchases),
            "",
            "| pgbench floor, 16 clients | orders/s, median | best |",
            "| --- | ---: | ---: |",
            *(
                f"| {name} | {results.floor(name) or 0:,.0f} | {results.floor_best(name) or 0:,.0f} |"
                for name in dict.fromkeys(run.name for run in results.floors)
            ),
            "",
            "| page, 16 connections | pages/s | p50 / p99 ms | CPU ms: shop | PostgreSQL |",
            "| --- | ---: | ---: | ---: | ---: |",
            *(
                f"| {run.page} | {run.load.per_second:,.0f} | {run.load.last.p50_ms:.1f} / {run.load.last.p99_ms:.1f} "
                f"| {run.app_cpu_ms:.2f} | {run.postgres_cpu_ms:.2f} |"
                for run in results.pages
            ),
            "",
            "| ratio of medians | value | to reach |",
            "| --- | ---: | --- |",
            *(
                f"| {ratio.name} | {ratio.value:.2f} | {_reach(ratio.reach, ratio.at_least, ratio.reached)} |"
                for ratio in results.ratios
            ),
            "",
        ]
    )


def _purchases(run: PurchaseRun) -> str:
    load = run.load
    return (
        f"| {run.scenario} | {run.buyers} | {load.per_second:,.0f} | {load.first.p50_ms:.1f} / {load.first.p99_ms:.1f} "
        f"| {load.last.p50_ms:.1f} / {load.last.p99_ms:.1f} | {run.app_cpu_ms:.2f} | {run.postgres_cpu_ms:.2f} "
        f"| {load.cpu_ms_each:.2f} | {run.group_size:.0f} |"
    )


def _reach(reach: float | None, at_least: bool, reached: bool) -> str:
    if reach is None:
        return "for comparison"
    return f"{'≥' if at_least else '≤'} {reach:g}: {'reached' if reached else 'not reached'}"
