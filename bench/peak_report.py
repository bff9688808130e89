"""The figures of a run at the peak: each table once, for the terminal and for the page, and a picture of each part."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from bench.buyers import Latency
from bench.charts import BLUE, GREEN, GREY, RED, Bars, Curve, Level, bars, lines
from bench.results import FLOOD, FlowRun, Results, cpu_ms_per_order


class Sheet(msgspec.Struct, frozen=True):
    """A table of text; empty where its part was not run."""

    title: str
    picture: str  # its file in results/, without .svg
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def sheets(results: Results) -> tuple[Sheet, ...]:
    """One table per part."""
    return (_overload(results), _flood(results), _crowd(results), _growth(results))


def _overload(results: Results) -> Sheet:
    columns = (
        "times capacity", "came/s", "served/s", "refused/s", "purchase p50 / p99 ms", "open", "complete",
        "refusal p50 / p99 ms", "told to wait", "gave up", "errors", "busy cores: shop", "PostgreSQL", "load",
        "load late p99 ms", "books",
    )  # fmt: skip
    return Sheet(
        "More people than can be served (open loop)", "peak-overload", columns,
        [(f"{run.times_capacity:g}", *_flow(run)) for run in results.overload],
    )  # fmt: skip


def _flow(run: FlowRun) -> tuple[str, ...]:
    flow = run.flow
    return (
        f"{flow.offered_per_second:,.0f}", f"{flow.goodput_per_second:,.0f}", f"{flow.refused_per_second:,.0f}",
        _latency(flow.whole), _latency(flow.open), _latency(flow.complete),
        _latency(flow.refusal) if flow.refused else "", f"{flow.told_to_wait:,}", f"{flow.given_up:,}",
        f"{flow.errors + flow.unanswered:,}", f"{run.app_cpu:.2f}", f"{run.postgres_cpu:.2f}", f"{run.load_cpu:.2f}",
        f"{flow.late.p99_ms:.1f}{'' if run.kept_up else ': did not keep up'}", _books(run.faults),
    )  # fmt: skip


def _flood(results: Results) -> Sheet:
    columns = (
        "who", "came/s", "served/s", "refused/s", "p50 / p99 ms", "open", "complete", "refusal p50 / p99 ms", "errors",
        "load late p99 ms", "books",
    )  # fmt: skip
    rows = []
    for run in results.flood:
        flow, pages = run.flow, run.name == FLOOD
        rows.append(
            (
                run.name, f"{flow.offered_per_second:,.0f}", f"{flow.goodput_per_second:,.0f}",
                f"{flow.refused_per_second:,.0f}", _latency(flow.whole), "" if pages else _latency(flow.open),
                "" if pages else _latency(flow.complete), _latency(flow.refusal) if flow.refused else "",
                f"{flow.errors + flow.unanswered:,}",
                f"{flow.late.p99_ms:.1f}{'' if run.kept_up else ': did not keep up'}",
                "" if pages else _books(run.faults),
            )
        )  # fmt: skip
    return Sheet("Purchases at half capacity, and browsers at five times theirs", "peak-flood", columns, rows)


def _crowd(results: Results) -> Sheet:
    columns = (
        "people", "connections", "units", "sold", "told it is theirs", "told it is sold out", "no definite answer",
        "told 503 at least once", "sold out after s", "everybody answered after s", "answer p50 / p99 ms",
        "asked twice / other answer", "books",
    )  # fmt: skip
    rows = [
        (
            f"{run.rushed.people:,}", f"{run.connections:,}", f"{run.units:,}", f"{run.sold:,}",
            f"{run.rushed.completed:,}", f"{run.rushed.sold_out:,}", f"{run.rushed.errored:,}",
            f"{run.rushed.told_not_now:,}", f"{run.rushed.sold_out_after:.1f}", f"{run.rushed.all_answered_after:.1f}",
            _latency(run.rushed.answer), f"{run.rushed.asked_twice} / {run.rushed.changed}", _books(run.faults),
        )
        for run in results.crowds
    ]  # fmt: skip
    return Sheet("The crowd before one product", "peak-crowd", columns, rows)


def _growth(results: Results) -> Sheet:
    columns = (
        "orders", "SKUs", "orders/s", "CPU ms per order: shop", "PostgreSQL", "open p50 ms", "complete p50 ms",
        "database GB", "filled in s", "books",
    )  # fmt: skip
    rows = []
    for size in results.sizes:
        filling = next(one for one in results.fillings if (one.orders, one.skus) == size)
        found = tuple(fault for run in results.growth if (run.orders, run.skus) == size for fault in run.run.faults)
        figures = [
            f"{results.grown(size, figure):{form}}"
            for figure, form in (
                (lambda run: run.load.per_second, ",.0f"), (lambda run: run.app_cpu_ms, ".2f"),
                (lambda run: run.postgres_cpu_ms, ".2f"), (lambda run: run.load.first.p50_ms, ".1f"),
                (lambda run: run.load.last.p50_ms, ".1f"),
            )
        ]  # fmt: skip
        filled = (f"{filling.gigabytes:.1f}", f"{filling.seconds:.0f}")
        rows.append((f"{size[0]:,}", f"{size[1]:,}", *figures, *filled, _books(found)))
    return Sheet("64 buyers in shops that have grown (medians)", "peak-growth", columns, rows)


def _latency(latency: Latency) -> str:
    return f"{latency.p50_ms:.1f} / {latency.p99_ms:.1f}"


def _books(found: Sequence[str]) -> str:
    return "; ".join(found) if found else "balance"


# ---------------------------------------------------------------- the pictures


def pictures(results: Results) -> Iterator[tuple[str, str]]:
    """The name and the SVG of each part that was run."""
    if results.purchases and results.floors:
        yield "peak-workers", _workers_picture(results)
    if results.overload:
        yield "peak-overload", _overload_picture(results)
        yield "peak-overload-latency", _latency_picture(results)
    if results.flood:
        yield "peak-flood", _flood_picture(results)
    if results.crowds:
        yield "peak-crowd", _crowd_picture(results)
    if results.growth:
        yield "peak-growth", _growth_picture(results)


def _workers_picture(results: Results) -> str:
    counts, buyers = results.worker_counts, results.purchases[0].buyers
    series = [
        Bars(label, colour, [results.orders(scenario, buyers, workers) for workers in counts])
        for scenario, label, colour in (("spread", "200 SKUs", BLUE), ("hot", "one hot SKU", RED))
    ]
    levels = [
        Level(label, colour, value)
        for name, label, colour in (
            ("statements, spread", "pgbench, spread", BLUE), ("statements, hot", "pgbench, hot", RED),
        )
        if (value := results.floor(name))
    ]  # fmt: skip
    groups = ["1 worker" if workers == 1 else f"{workers} workers" for workers in counts]
    return bars(f"Orders per second, {buyers} buyers", groups, series, levels=levels)


def _overload_picture(results: Results) -> str:
    runs = results.overload
    return lines(
        "Purchases per second, however many come",
        [
            Curve("completed", BLUE, [(n, run.flow.goodput_per_second) for n, run in enumerate(runs)]),
        ],
        below="people who come, times the capacity",
        categories=[f"{run.times_capacity:g} ×" for run in runs],
        levels=[Level("closed loop", GREY, runs[0].capacity)],
    )


def _latency_picture(results: Results) -> str:
    runs = list(enumerate(results.overload))
    return lines(
        "Milliseconds until the answer, p99, from the intended arrival",
        [
            Curve("purchase", BLUE, [(n, run.flow.whole.p99_ms) for n, run in runs if run.flow.completed]),
            Curve("refusal", RED, [(n, run.flow.refusal.p99_ms) for n, run in runs if run.flow.refused]),
        ],
        below="people who come, times the capacity",
        categories=[f"{run.times_capacity:g} ×" for _, run in runs],
    )


def _flood_picture(results: Results) -> str:
    runs = {run.name: run for run in results.flood if run.name != FLOOD}  # the last of each
    figures: tuple[tuple[str, Callable[[FlowRun], float]], ...] = (
        ("open p50", lambda run: run.flow.open.p50_ms), ("open p99", lambda run: run.flow.open.p99_ms),
        ("complete p50", lambda run: run.flow.complete.p50_ms), ("complete p99", lambda run: run.flow.complete.p99_ms),
        ("purchase p99", lambda run: run.flow.whole.p99_ms),
    )  # fmt: skip
    return bars(
        "Milliseconds of a purchase, alone and in a flood of browsers",
        [name for name, _ in figures],
        [
            Bars(run.name.removeprefix("purchases, "), colour, [figure(run) for _, figure in figures])
            for run, colour in zip(runs.values(), (BLUE, RED), strict=False)
        ],
    )


def _crowd_picture(results: Results) -> str:
    run = results.crowds[-1]
    curve = run.rushed.curve
    return lines(
        f"{run.rushed.people:,} people for {run.units:,} units",
        [
            Curve("have an answer", BLUE, [(at, answered) for at, _, answered in curve], dots=False),
            Curve("have one", GREEN, [(at, sold) for at, sold, _ in curve], dots=False),
        ],
        below="seconds since the opening",
    )


def _growth_picture(results: Results) -> str:
    groups = [f"{_short(orders)} orders, {_short(skus)} SKUs" for orders, skus in results.sizes]
    return bars(
        "CPU of one order, ms",
        groups,
        [
            Bars("shop", BLUE, [results.grown(size, lambda run: run.app_cpu_ms) for size in results.sizes]),
            Bars("PostgreSQL", GREEN, [results.grown(size, lambda run: run.postgres_cpu_ms) for size in results.sizes]),
            Bars("both", GREY, [results.grown(size, cpu_ms_per_order) for size in results.sizes]),
        ],
    )


def _short(count: int) -> str:
    return f"{count / 1e6:g} m" if count >= 1_000_000 else f"{count / 1e3:g} k"
