"""The outbox: write a notice into it, see how it stands, have a letter tried again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from evertill.ids import id_at
from evertill.refusals import Conflict
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)

# A letter taken by a sender that dies is due again after this; longer than sending can take.
LEASE = timedelta(seconds=60)
UNSENT_SHOWN_MAX = 50


class QueueState(msgspec.Struct, frozen=True):
    """How the outbox stands."""

    waiting: int
    oldest: datetime | None  # since when the longest waits
    given_up: int


class Unsent(msgspec.Struct, frozen=True):
    """A letter that waits, or was given up."""

    id: UUID
    kind: str
    recipient: str
    created_at: datetime
    due_at: datetime | None
    tries: int
    given_up_at: datetime | None
    last_error: str | None

    def can_be_hurried(self, now: datetime) -> bool:
        """Whether trying it at once makes sense, and cannot send it twice."""
        return self.due_at is None or self.due_at > now + LEASE


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


async def queue_state(connection: Connection | Pool) -> QueueState:
    """How many letters wait, since when, and how many were given up."""
    row = await connection.fetchrow(sql["queue_state"])
    assert row is not None
    return QueueState(**dict(row))


async def unsent(connection: Connection | Pool) -> tuple[Unsent, ...]:
    """Letters given up, then letters that wait, fifty of each at the most."""
    return tuple(Unsent(**dict(row)) for row in await connection.fetch(sql["unsent"], UNSENT_SHOWN_MAX))


async def try_again(connection: Connection, *, letter_id: UUID, now: datetime) -> None:
    """
    Have a letter sent at once that was given up or put off.

    Raises:
        Conflict: It was sent, or is being sent at this moment.
    """
    if await connection.fetchrow(sql["try_again"], letter_id, now, LEASE) is None:
        raise Conflict("nothing_to_send", "This letter was sent meanwhile, or is being sent at this moment.")
