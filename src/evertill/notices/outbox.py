"""Write a notice into the outbox."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.ids import id_at
from evertill.storage import Connection, Statements

sql = Statements.of(__package__)


async def enqueue(
    connection: Connection, *, kind: str, recipient: str, facts: Mapping[str, object], now: datetime
) -> UUID:
    """
    Put a notice into the outbox, in the caller's transaction; returns its id.

    Args:
        kind: One of notices/letters.py's: order_confirmed, password_reset, …

        facts: What the letter needs to know, JSON-able.
    """
    id_ = id_at(now)
    await connection.execute(sql["enqueue"], id_, kind, recipient, msgspec.json.encode(facts).decode(), now)
    return id_
