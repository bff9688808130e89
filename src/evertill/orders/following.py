"""
Who follows an order is told when it changes: a platform gives an address, and every change is an event for it.

Events are written in the transaction that made them true (the first by the till, when an order is confirmed);
whoever speaks the follower's protocol takes what is due, tells it, and writes what came of it.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)

# An event taken by a teller that dies is due again after this; longer than telling can take.
_LEASE = timedelta(seconds=30)


class OrderEvent(msgspec.Struct, frozen=True):
    """That an order changed, taken to be told."""

    id: UUID
    order_id: UUID
    address: str
    body: str | None  # what was told at an earlier try
    made_at: datetime
    tries: int  # this one included


async def follow(connection: Connection | Pool, *, session_id: UUID, address: str, now: datetime) -> None:
    """Have that address told of the order this session becomes."""
    await connection.execute(sql["follow"], session_id, address, now)


async def announce(connection: Connection, *, order_id: UUID, now: datetime) -> None:
    """An order has changed; in the transaction that changed it."""
    await connection.execute(sql["announce"], order_id, now)


async def take_due_events(pool: Pool, *, now: datetime, at_most: int) -> list[OrderEvent]:
    """Take a bite of the events that are due."""
    rows = await pool.fetch(sql["take_due_events"], now, at_most, _LEASE)
    return [OrderEvent(**dict(row)) for row in rows]


async def keep_body(pool: Pool, *, event_id: UUID, body: str) -> None:
    """Write down what is told, before it is told for the first time."""
    await pool.execute(sql["keep_event_body"], event_id, body)


async def event_sent(pool: Pool, *, event_id: UUID, now: datetime) -> None:
    """It was told."""
    await pool.execute(sql["event_sent"], event_id, now)


async def event_failed(pool: Pool, *, event_id: UUID, error: str, due: datetime | None, now: datetime) -> None:
    """It was not told; due again then, or given up (None)."""
    await pool.execute(sql["event_failed"], event_id, error, due, now)
