"""The record of what staff did."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec

from evertill.ids import id_at
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)

_FACTS = msgspec.json.Decoder(dict[str, object])
ACTIONS_SHOWN_MAX = 100


class Program(msgspec.Struct, frozen=True):
    """Who acts where it is no person but an API client (clients/model.py)."""

    client_id: UUID


Actor: TypeAlias = UUID | Program  # a member of staff by id, or a program


class Action(msgspec.Struct, frozen=True):
    """One thing that was done."""

    at: datetime
    name: str | None  # whose doing; None: the system's own
    verb: str
    reason: str
    facts: Mapping[str, object]


async def record_action(
    connection: Connection,
    *,
    staff_id: UUID | None,
    client_id: UUID | None = None,
    verb: str,
    subject: str,
    reason: str,
    facts: Mapping[str, object],
    now: datetime,
) -> None:
    """
    Write down who did what and why, in the transaction that does it.

    Args:
        staff_id: None where it was the system, a command or an API client.

        client_id: The API client whose doing it was; never beside a member of staff.

        verb: ship, cancel, refund, set_stock, add_staff, …

        subject: What it was done to: "order:<id>", "sku:<sku>", "staff:<id>".

        facts: What a later reader needs, JSON-able. No secrets.
    """
    encoded = msgspec.json.encode(facts).decode()
    await connection.execute(sql["record_action"], id_at(now), staff_id, client_id, now, verb, subject, reason, encoded)


async def actions_of(connection: Connection | Pool, *, subject: str) -> tuple[Action, ...]:
    """What was done to a subject, newest first, a hundred at the most."""
    rows = await connection.fetch(sql["actions_of"], subject, ACTIONS_SHOWN_MAX)
    return tuple(
        Action(row["at"], row["name"], row["verb"], row["reason"], _FACTS.decode(row["facts"])) for row in rows
    )
