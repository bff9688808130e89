"""The last 24 hours, and what waits: the console's first page."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from evertill import notices, orders
from evertill.catalog.model import FEW_LEFT_MAX
from evertill.ids import floor_id
from evertill.ops.history import Entry, entry_from
from evertill.orders.reading import Day
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)

_SPAN = timedelta(hours=24)
_LATELY_SHOWN = 8


class Hour(msgspec.Struct, frozen=True):
    """One hour of selling."""

    start: datetime
    orders: int
    revenue_minor: int


class OpenEnds(msgspec.Struct, frozen=True):
    """What waits for the payment provider."""

    unsettled: int  # orders, pending or held
    oldest: datetime | None  # since when the oldest of them
    captures: int
    voids: int
    refunds: int


class LowStock(msgspec.Struct, frozen=True):
    """SKUs on the shelves that run out."""

    few: int
    none: int


class Overview(msgspec.Struct, frozen=True):
    """Everything the first page shows."""

    day: Day
    hours: tuple[Hour, ...]  # oldest first; the first and the last are parts of an hour, so that they sum up to the day
    open_ends: OpenEnds
    low_stock: LowStock
    mail: notices.QueueState
    lately: tuple[Entry, ...]


async def overview(pool: Pool, *, now: datetime) -> Overview:
    """How the shop does: 24 hours up to now, and what waits at this moment."""
    since = now - _SPAN
    async with pool.acquire() as connection:
        day = await orders.day(connection, since=since)
        rows = await connection.fetch(sql["hours"], floor_id(since))
        ends = await connection.fetchrow(sql["open_ends"])
        low = await connection.fetchrow(sql["low_stock"], FEW_LEFT_MAX)
        mail = await notices.queue_state(connection)
        lately = await connection.fetch(sql["lately"], _LATELY_SHOWN)
    assert ends is not None
    assert low is not None
    return Overview(
        day=day,
        hours=every_hour(since, now, [Hour(row["hour"], row["orders"], row["revenue_minor"]) for row in rows]),
        open_ends=OpenEnds(**dict(ends)),
        low_stock=LowStock(**dict(low)),
        mail=mail,
        lately=tuple(entry_from(row) for row in lately),
    )


def every_hour(since: datetime, now: datetime, sold: Sequence[Hour]) -> tuple[Hour, ...]:
    """Every hour from one moment to another; one without orders is there with none."""
    by_start = {hour.start: hour for hour in sold}
    start = since.replace(minute=0, second=0, microsecond=0)
    hours = []
    while start < now:
        hours.append(by_start.get(start, Hour(start, 0, 0)))
        start += timedelta(hours=1)
    return tuple(hours)
