"""Shops that have grown: each on a PostgreSQL of its own, so that they can be measured in turns."""

import contextlib
import random
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from bench.shop import WORK, Database, data_folder, database
from evertill.storage import Connection

_BITE = 100_000  # orders written in one go
# What the disk must have room for, somewhat more than was measured; indexes included.
_BYTES_PER_ORDER = 7_000
_BYTES_PER_SKU = 1_500
_BYTES_PER_SHOP = 2_500_000_000  # the log that is kept (max_wal_size)
_BASKETS = 20_000
_SQL = (Path(__file__).parent / "growth.sql").read_text()

_SKU = """
CREATE OR REPLACE FUNCTION pg_temp.bench_sku(number bigint) RETURNS text IMMUTABLE LANGUAGE sql AS
    $$ SELECT 'BENCH-' || lpad(number::text, greatest(4, length(number::text)), '0') $$
"""


class NoRoom(Exception):
    """The disk is too small for what was asked."""


class Size(msgspec.Struct, frozen=True):
    """How large a shop is."""

    orders: int
    skus: int


class Shop(msgspec.Struct, frozen=True):
    """A shop of that size, its database open, nobody serving yet."""

    size: Size
    data: Path
    database: Database


def sizes(orders: Sequence[int], skus: Sequence[int]) -> tuple[Size, ...]:
    """The smallest of both, then more orders on the fewest SKUs, then more SKUs under the fewest orders."""
    orders, skus = sorted(orders), sorted(skus)
    return (
        Size(orders[0], skus[0]),
        *(Size(more, skus[0]) for more in orders[1:]),
        *(Size(orders[0], more) for more in skus[1:]),
    )


def check_room(wanted: Sequence[Size]) -> None:
    """
    Refuse what the disk has no room for.

    Raises:
        NoRoom: Naming what is needed and what is free.
    """
    needed = sum(size.orders * _BYTES_PER_ORDER + size.skus * _BYTES_PER_SKU + _BYTES_PER_SHOP for size in wanted)
    free = shutil.disk_usage(WORK.parent).free
    if needed > free * 0.9:
        raise NoRoom(
            f"{sum(size.orders for size in wanted):,} orders and {sum(size.skus for size in wanted):,} SKUs need about "
            f"{needed / 1e9:.0f} GB on the checkout's disk, {free / 1e9:.0f} GB are free: name fewer with --orders "
            "or --skus"
        )


def baskets(skus: int) -> tuple[tuple[str, str], ...]:
    """Two of all SKUs, by chance: what is bought from a shop of that size."""
    chance = random.Random(skus)
    return tuple(
        (f"BENCH-{a:04d}", f"BENCH-{b:04d}") for a, b in (chance.sample(range(skus), 2) for _ in range(_BASKETS))
    )


@contextlib.asynccontextmanager
async def shops(wanted: Sequence[Size]) -> AsyncIterator[list[Shop]]:
    """A database for each, with its SKUs and no orders yet."""
    async with AsyncExitStack() as stack:
        opened = []
        for size in wanted:
            data = stack.enter_context(data_folder())
            opened.append(Shop(size, data, await stack.enter_async_context(database(data, skus=size.skus))))
        yield opened


async def fill(shop: Shop) -> float:
    """
    Write the orders behind a shop that has sold something; returns the seconds it took.

    Raises:
        RuntimeError: It has sold nothing: there is nothing to copy.
    """
    began, connection = time.monotonic(), shop.database.connection
    if not await connection.fetchval("SELECT count(*) FROM orders WHERE state = 'confirmed'"):
        raise RuntimeError("the past is copied from a purchase: let the shop sell something first")
    await connection.execute(_SKU)
    await _set(connection, "skus", shop.size.skus)
    await _set(connection, "orders", shop.size.orders)
    for first in range(1, shop.size.orders + 1, _BITE):
        await _set(connection, "first", first)
        await _set(connection, "last", min(first + _BITE - 1, shop.size.orders))
        async with connection.transaction():
            await connection.execute(_SQL)
    await connection.execute("VACUUM ANALYZE")
    return time.monotonic() - began


async def _set(connection: Connection, name: str, value: int) -> None:
    await connection.execute("SELECT set_config('bench.' || $1, $2, false)", name, str(value))
