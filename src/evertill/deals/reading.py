"""
Sale events and deals as pages show them. Each answer holds for a moment, which comes with it and is the database's:
whoever shows it asks the deals where they stand at that moment, not at one of their own.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from evertill.deals.history import deal_of
from evertill.deals.model import Deal, SaleEvent
from evertill.deals.planning import EVENT_DEALS_MAX, PlannedDeal, event_of
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__, "reading.sql")

EVENTS_MAX = 50  # of a list
SKUS_MAX = 1_000  # asked for at once
DEALS_OF_SKU_MAX = 20


class EventSeen(msgspec.Struct, frozen=True):
    """A sale event with its deals, as they were at a moment."""

    event: SaleEvent
    deals: tuple[PlannedDeal, ...]  # in the order they begin
    moment: datetime


class EventsSeen(msgspec.Struct, frozen=True):
    """Sale events, as they stood at a moment."""

    live: tuple[SaleEvent, ...]  # open to somebody
    upcoming: tuple[SaleEvent, ...]  # the next to open first
    ended: tuple[SaleEvent, ...]  # the last to close first
    moment: datetime


class DealsSeen(msgspec.Struct, frozen=True):
    """The deals on some SKUs that were not over at a moment, paused ones and ones to come included."""

    of_sku: Mapping[str, tuple[Deal, ...]]  # only SKUs that have one; in the order they begin
    moment: datetime


async def event_by_slug(connection: Connection | Pool, slug: str) -> EventSeen | None:
    """An event with all its deals, whether it is over or not; None: there is none."""
    row = await connection.fetchrow(sql["event"], slug) if "\0" not in slug else None
    if row is None:
        return None
    deals = await connection.fetch(sql["deals_of_event"], row["id"], EVENT_DEALS_MAX)
    return EventSeen(
        event=event_of(row),
        deals=tuple(PlannedDeal(deal_of(deal), tuple(deal["skus"])) for deal in deals),
        moment=row["now"],
    )


async def events_seen(connection: Connection | Pool) -> EventsSeen:
    """The events there are, 50 of those that are not over and 50 of those that are at the most."""
    rows = await connection.fetch(sql["not_over"], EVENTS_MAX)
    moment: datetime = rows[0]["now"]
    events = [event_of(row) for row in rows if row["id"] is not None]
    over = await connection.fetch(sql["over"], moment, EVENTS_MAX)
    return EventsSeen(
        live=tuple(event for event in events if moment >= _first(event)),
        upcoming=tuple(event for event in events if moment < _first(event)),
        ended=tuple(event_of(row) for row in over),
        moment=moment,
    )


class HeldUntil(msgspec.Struct, frozen=True):
    """How long claims hold, at a moment."""

    until: Mapping[UUID, datetime]  # only of those that hold
    moment: datetime


async def held_until(connection: Connection | Pool, claims: Collection[UUID]) -> HeldUntil:
    """How long claims hold their units yet; one that is missing holds none."""
    rows = await connection.fetch(sql["held_until"], list(claims))
    until = {row["id"]: at_home(row) for row in rows if row["id"] is not None}
    return HeldUntil(until, rows[0]["now"])


def at_home(row: asyncpg.Record) -> datetime:
    """When a claim is over, in the time of its sale event, as people there read clocks."""
    moment: datetime = row["expires_at"]
    return moment.astimezone(ZoneInfo(row["time_zone"]))


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


def _first(event: SaleEvent) -> datetime:
    return event.members_from or event.opens_at
