"""The deals of a sale event over time, worked out in whole numbers: the page draws them as they are."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from evertill.deals import Deal, SaleEvent

WIDE = 1_000  # the drawing is that wide, however long the event
_NARROWEST = 6  # so that a deal of minutes can be seen in an event of weeks
_DAYS_MARKED = 12  # more are marked by weeks


class Span(msgspec.Struct, frozen=True):
    """One deal from left to right: first what is for members alone, then for everybody."""

    deal_id: UUID
    members_x: int
    x: int
    end_x: int


class Mark(msgspec.Struct, frozen=True):
    """A midnight of the event's zone."""

    x: int
    at: datetime  # local


class Calendar(msgspec.Struct, frozen=True):
    """A drawing WIDE wide."""

    begins_at: datetime
    ends_at: datetime
    spans: tuple[Span, ...]  # in the order of the deals
    marks: tuple[Mark, ...]
    now_x: int | None  # None: it is not in the drawing


def calendar_of(event: SaleEvent, deals: Sequence[Deal], *, zone: ZoneInfo, moment: datetime) -> Calendar:
    """The deals over the days of their event, and over what stands out of it."""
    begins = min([event.members_from or event.opens_at, *(_first(deal) for deal in deals)])
    ends = max([event.closes_at, *(deal.ends_at for deal in deals)])

    def x_of(at: datetime) -> int:
        return round(WIDE * ((at - begins) / (ends - begins)))

    def span(deal: Deal) -> Span:
        first, begin = x_of(_first(deal)), x_of(deal.begins_at)
        end = max(x_of(min(deal.ends_at, deal.ended_at or deal.ends_at)), first)
        first = min(first, WIDE - _NARROWEST)
        end = max(end, first + _NARROWEST)
        return Span(deal.id, first, min(begin, end), end)

    return Calendar(
        begins_at=begins,
        ends_at=ends,
        spans=tuple(span(deal) for deal in deals),
        marks=tuple(Mark(x_of(at), at.astimezone(zone)) for at in _midnights(begins, ends, zone)),
        now_x=x_of(moment) if begins <= moment <= ends else None,
    )


def _first(deal: Deal) -> datetime:
    return deal.members_from or deal.begins_at


def _midnights(begins: datetime, ends: datetime, zone: ZoneInfo) -> list[datetime]:
    """Local midnights between two moments; of a long time not every one."""
    first = begins.astimezone(zone).date() + timedelta(days=1)
    days = max((ends.astimezone(zone).date() - first).days, 0)
    step = max(1, 7 * -(-days // (7 * _DAYS_MARKED)) if days > _DAYS_MARKED else 1)
    marks = [datetime.combine(first + timedelta(days=day), time(), zone) for day in range(0, days + 1, step)]
    return [mark for mark in marks if mark <= ends]
