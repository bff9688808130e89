"""The deals on SKUs, and claims, as they stand at a moment. Carts and checkout ask here; it knows nothing of plans."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from evertill.deals.history import deal_of
from evertill.deals.model import Deal
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__, "reading.sql")

SKUS_MAX = 1_000  # asked for at once
DEALS_OF_SKU_MAX = 20


class DealsSeen(msgspec.Struct, frozen=True):
    """The deals on some SKUs that were not over at a moment, paused ones and ones to come included."""

    of_sku: Mapping[str, tuple[Deal, ...]]  # only SKUs that have one; in the order they begin
    moment: datetime


async def deals_of_skus(connection: Connection | Pool, skus: Collection[str]) -> DealsSeen:
    """
    The deals on SKUs that are not over. Which of them is somebody's is for pricing.py: best_deal.

    Args:
        skus: 1 to 1,000.
    """
    asked = sorted(set(skus))
    assert 1 <= len(asked) <= SKUS_MAX, len(asked)
    rows = await connection.fetch(sql["deals_of_skus"], asked, DEALS_OF_SKU_MAX)
    of_sku: dict[str, tuple[Deal, ...]] = {}
    for row in rows:
        if row["id"] is not None:
            of_sku[row["sku"]] = (*of_sku.get(row["sku"], ()), deal_of(row))
    return DealsSeen(of_sku, rows[0]["now"])


class HeldUntil(msgspec.Struct, frozen=True):
    """How long claims hold, at a moment."""

    until: Mapping[UUID, datetime]  # only of those that hold
    moment: datetime
    rain_checks: frozenset[UUID]  # those among them that are


async def held_until(connection: Connection | Pool, claims: Collection[UUID]) -> HeldUntil:
    """How long claims hold their units yet; one that is missing holds none."""
    rows = await connection.fetch(sql["held_until"], list(claims))
    until = {row["id"]: at_home(row) for row in rows if row["id"] is not None}
    rain_checks = frozenset(row["id"] for row in rows if row["grant_id"] is not None)
    return HeldUntil(until, rows[0]["now"], rain_checks)


def at_home(row: asyncpg.Record) -> datetime:
    """When a claim is over, in the time of its sale event, as people there read clocks."""
    moment: datetime = row["expires_at"]
    return moment.astimezone(ZoneInfo(row["time_zone"]))
