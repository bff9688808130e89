"""
`python -m bench.rush [--times 3] [--seconds 20] [--workers 1]`: more people than can be served, who stand in line.

    capacity   256 buyers in a closed loop, the waiting room off
    rush       so many times that many come a second, for so long; the shop opens a room by itself; whoever is told to
               come again does (bench/patient.py), until everybody is served

What a line is for: nobody is turned away for good, and checkout works on at its pace until the line is empty.
"""

import argparse
import asyncio
import statistics
import sys
import time

import msgspec
import uvloop
from rich.console import Console

from bench.arrivals import Stream
from bench.books import faults, read_books
from bench.buyers import Ask, Load
from bench.charts import Curve, Level, lines
from bench.loads import play
from bench.machine import this_machine
from bench.measuring import BASKETS, next_seed
from bench.patient import Rush
from bench.shop import HERE, Database, data_folder, database, serving

_CONNECTIONS = 2_000
# All come from one address, as behind one proxy that is not named to the shop.
_ROOM = {
    "EVERTILL_WAITING_ROOM_BY_ITSELF": "true",
    "EVERTILL_WAITING_ROOM_PER_ADDRESS": "1000000",
    "EVERTILL_WAITING_ROOM_PER_ADDRESS_MINUTE": "1000000",
}
_STEADY = 0.1, 0.9  # of the time that people are served in: neither its beginning nor its end


class Asked(msgspec.Struct, frozen=True):
    """What the command was asked for."""

    times: float
    seconds: float
    workers: int


class Moment(msgspec.Struct, frozen=True):
    """A line at one moment."""

    seconds: float  # since the first came, or a little before
    issued: int
    called: int
    inside_max: int


async def _measure(asked: Asked, console: Console) -> None:
    with data_folder() as data:
        async with database(data) as opened:
            with serving(data, workers=asked.workers) as shop:
                for seconds in (3.0, 6.0):  # nobody counts the first
                    ask = Ask(shop.host, shop.port, 256, 1.0, seconds, next_seed(), BASKETS["spread"])
                    capacity = (await play("bench.buyers", ask, Load)).per_second
            console.print(f"capacity: {capacity:,.0f} orders/s")
            before = await read_books(opened)
            with serving(data, workers=asked.workers, settings=_ROOM) as shop:
                await asyncio.sleep(2)
                app, postgres = shop.cpu_seconds(), opened.cpu_seconds()
                stream = Stream(
                    shop.host, shop.port, _CONNECTIONS, 0.0, asked.seconds, next_seed(), baskets=BASKETS["spread"],
                    per_second=capacity * asked.times,
                )  # fmt: skip
                line: list[Moment] = []
                watching = asyncio.create_task(_watch(opened, line))
                rush = await play("bench.patient", stream, Rush)
                watching.cancel()
                cores = [
                    (cpu / rush.seconds_in_all)
                    for cpu in (shop.cpu_seconds() - app, opened.cpu_seconds() - postgres, rush.cpu_s)
                ]
            wrongs = faults(before, await read_books(opened), acknowledged=rush.served, units_each=2)
            _tell(console, asked, capacity, rush, cores, await _room(opened))
            _draw(asked, capacity, rush, line)
            console.print(f"books: {wrongs or 'balance'}")


async def _watch(opened: Database, line: list[Moment]) -> None:
    """How the line stands, every second."""
    began = time.monotonic()
    while True:
        row = await opened.connection.fetchrow(
            "SELECT issued, now_serving, inside_max FROM waiting_room ORDER BY created_at DESC LIMIT 1"
        )
        if row is not None:
            line.append(Moment(time.monotonic() - began, *row))
        await asyncio.sleep(1)


async def _room(opened: Database) -> str:
    rows = await opened.connection.fetch("SELECT opened_by, state, issued, now_serving FROM waiting_room")
    return "; ".join(
        f"{row['opened_by']}, {row['state']}, {row['now_serving']:,} of {row['issued']:,} called" for row in rows
    )


def _tell(console: Console, asked: Asked, capacity: float, rush: Rush, cores: list[float], room: str) -> None:
    served = rush.served_by_second
    steady = served[int(len(served) * _STEADY[0]) : int(len(served) * _STEADY[1])]
    pace = statistics.mean(steady) if steady else 0.0
    console.print(
        f"{rush.people:,} came in {asked.seconds:g} s, {asked.times:g} times as many as can be served; {rush.served:,} "
        f"were served in {rush.seconds_in_all:.0f} s, {rush.unserved} not, {rush.errors} errors {rush.samples or ''}\n"
        f"room: {room or 'none'}; the first place was given after {rush.first_place_after:.1f} s\n"
        f"served/s between the first and last tenth of the time: {pace:,.0f}, of the capacity {pace / capacity:.2f}\n"
        f"inside, p50 / p99: {rush.inside.p50_ms:.0f} / {rush.inside.p99_ms:.0f} ms; from arrival to order "
        f"{rush.whole.p50_ms / 1000:.1f} / {rush.whole.p99_ms / 1000:.1f} s\n"
        f"told to come again: {rush.told_full:,} without a place, {rush.told_place:,} with one, "
        f"{rush.paying_told:,} who were paying\n"
        f"served in another order than they came, p99: {rush.overtaken:.0%} of all\n"
        f"busy cores: shop {cores[0]:.2f}, PostgreSQL {cores[1]:.2f}, load {cores[2]:.2f}; load late p99 "
        f"{rush.late.p99_ms:.1f} ms"
    )


def _draw(asked: Asked, capacity: float, rush: Rush, line: list[Moment]) -> None:
    times = f"{asked.times:g} times as many people as can be served, for {asked.seconds:g} s"
    served = [(float(second), float(orders)) for second, orders in enumerate(rush.served_by_second)]
    results = HERE / "results"
    results.joinpath("rush.svg").write_text(
        lines(
            f"{times}: orders per second",
            [Curve("served", "#2563eb", served, dots=False)],
            below="seconds since the first came",
            levels=[Level("capacity", "#6b7280", capacity)],
        )
    )
    if not line:  # no room was opened
        return
    results.joinpath("rush-line.svg").write_text(
        lines(
            f"{times}: the line",
            [
                Curve("places given", "#6b7280", [(moment.seconds, moment.issued) for moment in line], dots=False),
                Curve("called", "#2563eb", [(moment.seconds, moment.called) for moment in line], dots=False),
            ],
            below="seconds since the first came",
        )
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.rush")
    parser.add_argument("--times", type=float, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(f"{this_machine('18').cpu}")
    uvloop.run(_measure(Asked(given.times, given.seconds, given.workers), console))


if __name__ == "__main__":
    main()
