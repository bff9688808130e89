"""Who is a member."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import asyncpg

from evertill.members.model import Kind, Membership, Memberships
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)

MEMBERSHIPS_MAX = 100  # of a customer: the latest


async def members_among(
    connection: Connection | Pool, customer_ids: Collection[UUID], moment: datetime | None = None
) -> set[UUID]:
    """
    Those of these customers who are members.

    Args:
        moment: At which; None: now, by the database's clock.
    """
    if not customer_ids:
        return set()
    rows = await connection.fetch(sql["members_among"], list(set(customer_ids)), moment)
    return {row["customer_id"] for row in rows}


async def memberships_of(
    connection: Connection | Pool, customer_id: UUID, moment: datetime | None = None
) -> Memberships:
    """
    What a customer has and had.

    Args:
        moment: At which; None: now, by the database's clock.
    """
    rows = await connection.fetch(sql["memberships"], customer_id, moment, MEMBERSHIPS_MAX)
    return Memberships(tuple(_membership_of(row) for row in rows if row["id"] is not None), rows[0]["moment"])


def _membership_of(row: asyncpg.Record) -> Membership:
    return Membership(
        id=row["id"],
        customer_id=row["customer_id"],
        kind=Kind(row["kind"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        ended_at=row["ended_at"],
        given_by=row["given_by"],
        why=row["why"],
        created_at=row["created_at"],
    )
