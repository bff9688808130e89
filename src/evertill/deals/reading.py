"""
Sale events and deals as pages show them. Each answer holds for a moment, which comes with it and is the database's:
whoever shows it asks the deals where they stand at that moment, not at one of their own.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from evertill.deals.history import deal_of
from evertill.deals.model import SaleEvent
from evertill.deals.planning import EVENT_DEALS_MAX, PlannedDeal, event_of
from evertill.deals.standing import SKUS_MAX, DealsSeen, deals_of_skus
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__, "reading.sql")

__all__ = ["SKUS_MAX", "DealsSeen", "EventSeen", "EventsSeen", "deals_of_skus", "event_by_slug", "events_seen"]

EVENTS_MAX = 50  # of a list


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


async def event_by_slug(connection: Connection | Pool, slug: str) -> EventSeen | None:
    """An event with all its deals, whether it is over or not; None: there is none."""
    row = await connection.fetchrow(sql["event"], slug) if "\0" not in slug else None
    return await _event_seen(connection, row) if row is not None else None


async def event_by_id(connection: Connection | Pool, event_id: UUID) -> EventSeen | None:
    """The same by its id."""
    row = await connection.fetchrow(sql["event_of_id"], event_id)
    return await _event_seen(connection, row) if row is not None else None


async def deal_by_id(connection: Connection | Pool, deal_id: UUID) -> EventSeen | None:
    """The event of a deal, with that deal alone; None: there is none."""
    row = await connection.fetchrow(sql["event_of_deal"], deal_id)
    if row is None:
        return None
    deals = await connection.fetch(sql["deal"], deal_id)
    return EventSeen(event_of(row), _planned(deals), row["now"])


async def events_planned(connection: Connection | Pool, *, before: UUID | None) -> tuple[SaleEvent, ...]:
    """Every event there is, the last planned first; of those planned before that one fifty at the most."""
    rows = await connection.fetch(sql["events_planned"], before, EVENTS_MAX)
    return tuple(event_of(row) for row in rows)


async def _event_seen(connection: Connection | Pool, row: asyncpg.Record) -> EventSeen:
    deals = await connection.fetch(sql["deals_of_event"], row["id"], EVENT_DEALS_MAX)
    return EventSeen(event_of(row), _planned(deals), row["now"])


def _planned(rows: Iterable[asyncpg.Record]) -> tuple[PlannedDeal, ...]:
    return tuple(PlannedDeal(deal_of(row), tuple(row["skus"])) for row in rows)


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


def _first(event: SaleEvent) -> datetime:
    return event.members_from or event.opens_at
