"""
`python -m bench.line [--tickets 1000000]`: what it costs to wait, and what the last ticket costs beside the first.

    polls     everybody who waits asks /line/now, 64 connections, a room open: answers a second, CPU of the shop,
              statements PostgreSQL was asked meanwhile
    tickets   ten thousand taken by 256 at a time from an empty line, and again behind that many others
"""

import argparse
import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console

from bench.buyers import Ask, Load
from bench.loads import play
from bench.machine import this_machine
from bench.shop import Database, data_folder, database, serving
from evertill.app import open_shop
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.waitingroom import Guards, Plan, Taking
from evertill.waitingroom.planning import make_room

_POLLERS, _POLL_SECONDS = 64, 8.0
_TAKEN, _AT_ONCE = 10_000, 256
_ROUNDS = 3


class Polls(msgspec.Struct, frozen=True):
    """What the waiting ask for."""

    per_second: float
    p99_ms: float
    shop_us_each: float  # CPU
    statements: float  # PostgreSQL was asked meanwhile, whoever asked


class Taken(msgspec.Struct, frozen=True):
    """Ten thousand tickets."""

    behind: int
    per_second: float
    us_each: float  # CPU of the taker and of PostgreSQL


async def polls(data: Path, opened: Database) -> Polls:
    """Let the waiting ask."""
    with serving(data) as shop:
        await asyncio.sleep(2)  # the worker has read of the room
        before, statements = shop.cpu_seconds(), await _statements(opened)
        ask = Ask(shop.host, shop.port, _POLLERS, 1.0, _POLL_SECONDS, 1, (), ("/line/now",))
        load = await play("bench.buyers", ask, Load)
        if load.errors:
            raise RuntimeError(f"polls went wrong: {load.samples}")
        cpu = (shop.cpu_seconds() - before) / load.done_in_all
        return Polls(load.per_second, load.last.p99_ms, cpu * 1e6, await _statements(opened) - statements)


async def take(shop: Shop, opened: Database, *, behind: int) -> Taken:
    """Ten thousand people come, 256 at a time."""
    room_id = await opened.connection.fetchval("SELECT id FROM waiting_room")
    began, cpu = time.perf_counter(), time.process_time() + opened.cpu_seconds()
    for start in range(0, _TAKEN, _AT_ONCE):
        comers = [
            Taking(room_id, os.urandom(32), new_id(), utc_now()) for _ in range(start, min(start + _AT_ONCE, _TAKEN))
        ]
        await asyncio.gather(*(shop.tickets.take(comer) for comer in comers))
    took, cpu = time.perf_counter() - began, time.process_time() + opened.cpu_seconds() - cpu
    return Taken(behind, _TAKEN / took, cpu / _TAKEN * 1e6)


async def _statements(opened: Database) -> float:
    return float(
        await opened.connection.fetchval("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
    )


async def _fill(opened: Database, tickets: int) -> None:
    await opened.connection.execute(
        "INSERT INTO ticket (room_id, number, holder, customer_id, state, issued_at)"
        " SELECT room.id, room.issued + n, decode(md5(n::text) || md5((-n)::text), 'hex'), gen_random_uuid(),"
        "        'waiting', now()"
        "   FROM waiting_room AS room, generate_series(1, $1) AS n",
        tickets,
    )
    await opened.connection.execute("UPDATE waiting_room SET issued = issued + $1", tickets)
    await opened.connection.execute("VACUUM ANALYZE ticket")


async def _measure(tickets: int, console: Console) -> None:
    with data_folder() as data:
        async with database(data) as opened, AsyncExitStack() as stack:
            settings = Settings(database_url=opened.url, data=data)
            shop = await open_shop(settings, Signer(b"bench" * 8), utc_now, stack)
            await make_room(opened.connection, Plan("The bench", Guards.CHECKOUT), opened_by="staff", now=utc_now())
            await opened.connection.execute("UPDATE waiting_room SET state = 'paused'")
            await take(shop, opened, behind=0)  # nobody measures: connections open, plans made
            first = [await take(shop, opened, behind=_TAKEN * (1 + number)) for number in range(_ROUNDS)]
            await _fill(opened, tickets)
            last = [await take(shop, opened, behind=tickets) for _ in range(_ROUNDS)]
            for taken in (*first, *last):
                console.print(
                    f"tickets behind {taken.behind:,}: {taken.per_second:,.0f}/s, {taken.us_each:.0f} µs of CPU each"
                )
            each = [sorted(taken.us_each for taken in some)[_ROUNDS // 2] for some in (last, first)]
            console.print(f"the last ticket / the first, CPU, medians of {_ROUNDS}: {each[0] / each[1]:.2f}")
            seen = await polls(data, opened)
            console.print(
                f"polls: {seen.per_second:,.0f}/s, p99 {seen.p99_ms:.1f} ms, {seen.shop_us_each:.0f} µs of the shop's "
                f"CPU each ({1e6 / seen.shop_us_each:,.0f} a core); PostgreSQL did {seen.statements:,.0f} transactions "
                "meanwhile, those of the worker's duties"
            )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.line")
    parser.add_argument("--tickets", type=int, default=1_000_000)
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(f"{this_machine('18').cpu}")
    uvloop.run(_measure(asked.tickets, console))


if __name__ == "__main__":
    main()
