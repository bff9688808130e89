"""Events and deals for programs: what /deals.json says."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.deals.board import Reading
from evertill.deals.model import Phase, SaleEvent
from evertill.deals.showing import DealSeen, Section, event_section


class ItemTold(msgspec.Struct, frozen=True):
    """A SKU at the deal's price, in minor units."""

    sku: str
    title: str
    url: str
    price_minor: int
    list_price_minor: int
    lowest_price_30_days_minor: int | None  # of the 30 days before the reduction begins
    reduction_minor: int  # against that; 0: there is none to announce


class DealTold(msgspec.Struct, frozen=True):
    """A deal and how it stands."""

    id: UUID
    title: str
    state: Phase
    begins_at: datetime
    ends_at: datetime
    members_from: datetime | None
    members_only: bool
    currency: str
    units: int | None  # null: not limited
    units_left: int | None
    claimed_percent: int | None
    per_customer: int | None
    items: tuple[ItemTold, ...]  # the first few
    skus: int  # how many it is on


class EventTold(msgspec.Struct, frozen=True):
    """A sale event with its deals."""

    slug: str
    name: str
    state: Section
    theme: str
    time_zone: str
    opens_at: datetime
    closes_at: datetime
    members_from: datetime | None
    ended_at: datetime | None
    url: str
    calendar_url: str
    deals: tuple[DealTold, ...]


class EventsTold(msgspec.Struct, frozen=True):
    """What /deals.json says."""

    events: tuple[EventTold, ...]


def events_told(reading: Reading, events: Sequence[SaleEvent], *, address: str) -> bytes:
    """
    Those events as JSON; the same as long as nothing changes.

    Args:
        address: The shop's, without a slash at the end.
    """
    return msgspec.json.encode(EventsTold(tuple(_event(reading, event, address) for event in events)))


def event_told(reading: Reading, event: SaleEvent, *, address: str) -> bytes:
    """One event as JSON."""
    return msgspec.json.encode(_event(reading, event, address))


def _event(reading: Reading, event: SaleEvent, address: str) -> EventTold:
    page = f"{address}/deals/{event.slug}"
    return EventTold(
        slug=event.slug, name=event.name, state=event_section(event, reading.moment), theme=event.theme,
        time_zone=event.time_zone, opens_at=event.opens_at, closes_at=event.closes_at,
        members_from=event.members_from, ended_at=event.ended_at, url=page, calendar_url=f"{page}.ics",
        deals=tuple(_deal(reading, seen, address) for seen in reading.deals if seen.event.id == event.id),
    )  # fmt: skip


def _deal(reading: Reading, seen: DealSeen, address: str) -> DealTold:
    deal, told = seen.deal, reading.told[seen.deal.id]
    return DealTold(
        id=deal.id, title=deal.title, state=told.phase, begins_at=deal.begins_at, ends_at=deal.ends_at,
        members_from=deal.members_from, members_only=deal.members_only, currency=deal.currency, units=deal.units,
        units_left=deal.left, claimed_percent=told.share, per_customer=deal.per_customer,
        items=tuple(
            ItemTold(
                sku=item.sku, title=item.title, url=f"{address}/products/{item.handle}",
                price_minor=(saved := seen.saving(item)).price_minor, list_price_minor=item.list_minor,
                lowest_price_30_days_minor=item.lowest_minor, reduction_minor=saved.reduced_minor,
            )
            for item in seen.items
        ),
        skus=seen.skus_in_all,
    )  # fmt: skip
