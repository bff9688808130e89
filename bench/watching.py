"""
`python -m bench.watching [--watchers 500] [--seconds 10] [--deals 60]`: what it costs to look at a deal day.

    pages     /deals with so many deals live, 64 connections: pages a second, CPU of the shop, transactions for each
    watchers  so many streams open while a claim is written every tenth of a second: messages a second, CPU of the shop
              for each, beside the same second with claims and no watcher; and how late the last watcher is told

One worker. Claims are written into the deals' rows, not made by the till: what is measured is the showing.
"""

import argparse
import asyncio
import json
import sys
import time

import msgspec
import uvloop
from rich.console import Console

from bench.buyers import Ask, Load
from bench.loads import play
from bench.machine import this_machine
from bench.shop import SPREAD, Database, Serving, data_folder, database, get, serving

_LOOKERS = 64
_CLAIM_SECONDS = 0.1
_BATCH = 100  # streams opened at once

_DEALS = """
WITH event AS (
    INSERT INTO sale_event (id, slug, name, time_zone, opens_at, closes_at, created_at)
    VALUES (gen_random_uuid(), 'bench', 'The bench', 'UTC', now(), now() + interval '1 day', now()) RETURNING id
), made AS (
    INSERT INTO deal (id, event_id, title, kind, value, currency, begins_at, ends_at, units, created_at)
    SELECT gen_random_uuid(), event.id, 'A fifth off', 'percent', 2000, 'GBP', now(), now() + interval '1 day', 1000,
           now()
      FROM event, generate_series(1, $1) RETURNING id
)
INSERT INTO deal_sku (deal_id, sku)
SELECT id, sku
  FROM (SELECT id, row_number() OVER () AS place FROM made) AS made
  JOIN unnest($2::text[]) WITH ORDINALITY AS offered (sku, place) USING (place)"""
# One more is claimed of every deal; full, they begin anew.
_CLAIM = "UPDATE deal SET claimed = (claimed + 1) % 1000"


class Watched(msgspec.Struct, frozen=True):
    """What came of some seconds with watchers."""

    watchers: int
    messages_per_second: float  # of all of them
    bytes_each: float
    spread_ms: float  # from the first watcher that was told to the last, median of all messages
    shop_cores: float  # CPU seconds in a second


async def pages(shop: Serving, opened: Database, seconds: float) -> tuple[Load, float, float]:
    """Let people look; the load, CPU of the shop in microseconds for each page, and PostgreSQL's transactions."""
    before, statements = shop.cpu_seconds(), await _transactions(opened)
    ask = Ask(shop.host, shop.port, _LOOKERS, 1.0, seconds, 1, (), ("/deals",))
    load = await play("bench.buyers", ask, Load)
    if load.errors:
        raise RuntimeError(f"looks went wrong: {load.samples}")
    cpu = (shop.cpu_seconds() - before) / load.done_in_all * 1e6
    return load, cpu, await _transactions(opened) - statements


async def watched(shop: Serving, opened: Database, *, watchers: int, seconds: float) -> Watched:
    """Let people watch while units are claimed."""
    told: dict[str, list[float]] = {}
    sizes: list[int] = []
    tasks: list[asyncio.Task[None]] = []
    for start in range(0, watchers, _BATCH):
        ready = [asyncio.Event() for _ in range(min(_BATCH, watchers - start))]
        tasks += [asyncio.create_task(_watch(shop, told, sizes, each)) for each in ready]
        async with asyncio.timeout(30):
            await asyncio.gather(*(each.wait() for each in ready))
    claiming = asyncio.create_task(_claim(opened))
    await asyncio.sleep(3)
    told.clear()
    sizes.clear()
    began, cpu = time.perf_counter(), shop.cpu_seconds()
    await asyncio.sleep(seconds)
    took, cpu = time.perf_counter() - began, shop.cpu_seconds() - cpu
    spreads = sorted(max(times) - min(times) for times in told.values() if len(times) == watchers) or [0.0]
    messages, sent = len(sizes), sum(sizes)
    broken = [task for task in tasks if task.done()]
    for task in (*tasks, claiming):
        task.cancel()
    ended = await asyncio.gather(*tasks, claiming, return_exceptions=True)
    if broken:
        raise RuntimeError(f"{len(broken)} streams ended by themselves: {ended[0]!r}")
    if watchers and not messages:
        raise RuntimeError("nobody was told anything")
    return Watched(
        watchers, messages / took, sent / max(messages, 1), spreads[len(spreads) // 2] * 1000, cpu / took
    )  # fmt: skip


async def _watch(shop: Serving, told: dict[str, list[float]], sizes: list[int], ready: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection(shop.host, shop.port, limit=4 * 1024 * 1024)
    try:
        writer.write(b"GET /deals.stream HTTP/1.1\r\nhost: bench\r\naccept: text/event-stream\r\n\r\n")
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"no stream: {status!r}")
        async for line in reader:
            if line.startswith(b"data: "):
                ready.set()
                sizes.append(len(line))
                # The moment it is of names a message: it stands first in it.
                told.setdefault(str(line[:60]), []).append(time.perf_counter())
    finally:
        writer.close()


async def _claim(opened: Database) -> None:
    while True:
        await opened.connection.execute(_CLAIM)
        await asyncio.sleep(_CLAIM_SECONDS)


async def _transactions(opened: Database) -> float:
    return float(
        await opened.connection.fetchval("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
    )


async def _measure(watchers: int, seconds: float, deals: int, console: Console) -> None:
    with data_folder() as data:
        async with database(data) as opened:
            await opened.connection.execute(_DEALS, deals, list(SPREAD[:deals]))
            with serving(data) as shop:
                await asyncio.to_thread(_wait_for_deals, shop)
                load, cpu, transactions = await pages(shop, opened, seconds)
                console.print(
                    f"pages of {deals} deals: {load.per_second:,.0f}/s, p99 {load.last.p99_ms:.1f} ms, {cpu:,.0f} µs "
                    f"of the shop's CPU each ({1e6 / cpu:,.0f} a core), {transactions / load.done_in_all:.2f} of "
                    "PostgreSQL's transactions each: one says who looks, none how deals stand"
                )
                alone = await watched(shop, opened, watchers=0, seconds=seconds)
                some = await watched(shop, opened, watchers=watchers, seconds=seconds)
                each = (some.shop_cores - alone.shop_cores) / some.messages_per_second
                console.print(
                    f"watchers: {watchers:,} are told {some.messages_per_second:,.0f} messages/s of "
                    f"{some.bytes_each:,.0f} bytes by {some.shop_cores:.2f} cores ({alone.shop_cores:.2f} with none), "
                    f"{each * 1e6:,.1f} µs each ({1 / each if each > 0 else 0:,.0f} a core), the last "
                    f"{some.spread_ms:.0f} ms after the first"
                )


def _wait_for_deals(shop: Serving) -> None:
    while not json.loads(get(shop.host, shop.port, "/deals.json"))["events"]:
        time.sleep(0.2)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.watching")
    parser.add_argument("--watchers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--deals", type=int, default=60)
    asked = parser.parse_args()
    if not 1 <= asked.deals <= len(SPREAD):
        parser.error(f"--deals: from 1 to {len(SPREAD)}")
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(f"{this_machine('18').cpu}")
    uvloop.run(_measure(asked.watchers, asked.seconds, asked.deals, console))


if __name__ == "__main__":
    main()
