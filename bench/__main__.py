"""
`python -m bench [--quick] [--only NAME]`: measure, print tables, write bench/results/.

`--peak` measures the other half: workers, a crowd, too much load, a flood of browsers, tables that have grown.
"""

import argparse
import sys
from pathlib import Path

import msgspec
import uvloop
from msgspec.structs import replace
from rich.console import Console

from bench import peak
from bench.growth import NoRoom, check_room, sizes
from bench.loads import keep_apart
from bench.machine import PROJECT
from bench.measuring import PARTS, measure
from bench.peak_report import pictures
from bench.publish import publish, publish_peak
from bench.report import BUYERS, picture, print_report
from bench.results import Results

_RESULTS = Path(__file__).parent / "results"


def write(results: Results, *, peak: bool) -> Path:
    """The results as JSON, and the pictures where there is something to draw."""
    _RESULTS.mkdir(exist_ok=True)
    machine = results.machine
    kind = "-peak" if peak else ""
    path = _RESULTS / f"{machine.started_at:%Y%m%dT%H%M%SZ}-{machine.commit}{kind}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    if peak:
        for name, drawn in pictures(results):
            (_RESULTS / f"{name}.svg").write_text(drawn)
    elif results.orders("spread", BUYERS[-1]) and results.floors:
        (_RESULTS / "latest.svg").write_text(picture(results))
    return path


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="What the shop can do on this machine.")
    parser.add_argument(
        "--peak", action="store_true", help="workers, overload, flood, crowd and growth: twelve minutes"
    )
    parser.add_argument("--quick", action="store_true", help="about one minute, and less to be trusted")
    parser.add_argument(
        "--only",
        action="append",
        choices=(*PARTS, *peak.PARTS),
        help="only this part; may be given several times; those of the peak bring --peak with them",
    )
    parser.add_argument("--workers", type=int, default=1, help="of the shop, where a part does not say it itself")
    parser.add_argument("--orders", type=_count, nargs="+", help="for growth: how many are behind the shop")
    parser.add_argument("--skus", type=_count, nargs="+", help="for growth: how many it sells")
    parser.add_argument("--apart", action="store_true", help="give the load half of the cores, the shop the others")
    parser.add_argument("--publish", action="store_true", help="put the figures into bench/README.md")
    asked = parser.parse_args()
    only = frozenset(asked.only or ())
    at_peak = asked.peak or bool(only & set(peak.PARTS))
    if at_peak and only - set(peak.PARTS):
        parser.error(f"a run at the peak has the parts {', '.join(peak.PARTS)}")
    if asked.publish and (asked.only or asked.apart):
        parser.error("only a whole run on all cores is published")
    if (asked.orders or asked.skus) and not at_peak:
        parser.error("--orders and --skus are for growth: say --peak, or --only growth")
    if asked.apart:
        keep_apart()
    console = Console()
    if not console.is_terminal:
        console = Console(width=200 if at_peak else 140)
    if at_peak:
        plan = peak.QUICK if asked.quick else peak.FULL
        plan = replace(plan, orders=tuple(asked.orders or plan.orders), skus=tuple(asked.skus or plan.skus))
        parts = only or frozenset(peak.PARTS)
        if "growth" in parts:
            try:
                check_room(sizes(plan.orders, plan.skus))  # before minutes have been spent on the rest
            except NoRoom as error:
                parser.error(str(error))
        results = uvloop.run(
            peak.measure_peak(plan, quick=asked.quick, parts=parts, workers=asked.workers, console=console)
        )
    else:
        results = uvloop.run(
            measure(quick=asked.quick, parts=only or frozenset(PARTS), workers=asked.workers, console=console)
        )
    results.apart = asked.apart
    print_report(results, console)
    console.print(f"Written: {write(results, peak=at_peak).relative_to(PROJECT)}", highlight=False)
    if asked.publish:
        (publish_peak if at_peak else publish)(results)
    if results.unsound:
        console.print("Something did not balance, or was not answered: see above.", style="red")
        sys.exit(1)


def _count(text: str) -> int:
    if not text.replace("_", "").isdigit() or int(text) < 1_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1,000 or more")
    return int(text)


if __name__ == "__main__":
    main()
