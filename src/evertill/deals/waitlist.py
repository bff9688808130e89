"""The places somebody has in the lines of deals, as their page shows them; and those of a browser that signs in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from evertill.deals.claiming import place_of, waiting_sql
from evertill.deals.granting import written
from evertill.deals.model import ClaimState
from evertill.deals.waiting import Place, PlaceState
from evertill.storage import Connection, Pool

SHOWN_MAX = 50
_SHOWN_AFTER = timedelta(days=2)  # what came to an end


class PlaceSeen(msgspec.Struct, frozen=True):
    """A place as it stood at a moment."""

    place: Place
    state: PlaceState  # as it is, where nobody has written it down yet
    title: str  # of the product
    handle: str | None
    image_url: str | None
    options: Sequence[str]
    deal_title: str
    currency: str
    price_minor: int | None  # of one unit, as offered
    units: int | None  # as offered
    until: str  # in the time of the deal's event; "": nothing is offered
    ahead: int
    joined: int  # how many ever joined this line
    offered: int  # to how many of them something was offered
    paused: bool
    ended: bool


async def places_of(
    connection: Connection | Pool, *, holder: str, customer_id: UUID | None, moment: datetime | None = None
) -> tuple[PlaceSeen, ...]:
    """
    The places of a browser, and of its customer in any: offers first, then where they wait, then what ended of late.

    Args:
        moment: Instead of the database's clock, for tests.
    """
    rows = await connection.fetch(waiting_sql["places_of"], holder, customer_id, moment, _SHOWN_AFTER, SHOWN_MAX)
    return tuple(_seen(row) for row in rows)


async def bring_along(connection: Connection, *, holder: str, customer_id: UUID) -> None:
    """Who signs in brings the places of their browser along. Doing it again changes nothing."""
    async with connection.transaction():
        deals = [row["id"] for row in await connection.fetch(waiting_sql["lock_deals_of_holder"], holder)]
        if deals:
            await connection.execute(waiting_sql["bring_along"], holder, customer_id, deals)


def _seen(row: asyncpg.Record) -> PlaceSeen:
    place, moment = place_of(row), row["moment"]
    ended = moment >= row["deal_ends_at"] or row["deal_ended_at"] is not None or row["event_ended_at"] is not None
    held = row["claim_state"] == ClaimState.HELD and moment < row["claim_expires_at"]
    return PlaceSeen(
        place=place,
        state=_state(place, row, ended=ended, held=held),
        title=row["title"],
        handle=row["handle"],
        image_url=row["image_url"],
        options=tuple(row["option_values"] or ()),
        deal_title=row["deal_title"],
        currency=row["currency"],
        price_minor=row["price_minor"],
        units=row["offered_quantity"],
        until=written(place.offered_until, row["time_zone"]) if place.offered_until is not None else "",
        ahead=row["ahead"],
        joined=row["joined"],
        offered=row["offered"],
        paused=row["paused_at"] is not None,
        ended=ended,
    )


def _state(place: Place, row: asyncpg.Record, *, ended: bool, held: bool) -> PlaceState:
    """Where it stands: what became of an offer or of the deal is true before a caller has written it down."""
    if place.state is PlaceState.WAITING and ended:
        return PlaceState.OVER
    if place.state is not PlaceState.OFFERED or held:
        return place.state
    return PlaceState.TAKEN if row["claim_state"] in (ClaimState.ORDERED, ClaimState.BOUGHT) else PlaceState.MISSED
