"""A sale event for people's calendars (RFC 5545): the whole of it, and each of its deals."""

from collections.abc import Sequence
from datetime import UTC, datetime

from icalendar import Calendar, Event, vText

from evertill.deals.model import SaleEvent
from evertill.deals.showing import DealSeen, first_moment

CALENDAR_DEALS_MAX = 200
_PRODUCT = "-//Evertill//Deals//EN"


def calendar_of(
    event: SaleEvent, deals: Sequence[DealSeen], *, shop_name: str, address: str, moment: datetime
) -> bytes:
    """
    The event and the first 200 of its deals.

    Args:
        deals: In the order they begin.

        address: The shop's, without a slash at the end.

        moment: When this was so.
    """
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    # Said to be text: by themselves these two would not be escaped.
    calendar["NAME"] = calendar["X-WR-CALNAME"] = vText(event.name)
    page = f"{address}/deals/{event.slug}"
    begins = first_moment(event)
    calendar.add_component(
        _entry(f"event-{event.id}", f"{event.name} at {shop_name}", begins, event.closes_at, event.ended_at,
               event.version, page, moment)
    )  # fmt: skip
    for seen in deals[:CALENDAR_DEALS_MAX]:
        deal = seen.deal
        item = seen.items[0] if seen.items else None
        calendar.add_component(
            _entry(
                f"deal-{deal.id}", f"{deal.title} ({event.name})", deal.begins_at, deal.ends_at,
                deal.ended_at or deal.event_ended_at, deal.version,
                f"{address}/products/{item.handle}" if item else page, moment,
            )
        )  # fmt: skip
    written: bytes = calendar.to_ical()
    return written


def _entry(
    name: str, summary: str, begins: datetime, ends: datetime, stopped: datetime | None, version: int, page: str,
    moment: datetime,
) -> Event:  # fmt: skip
    """One entry. What was stopped ends then; what was stopped before it began is cancelled."""
    entry = Event()
    entry.add("uid", f"{name}@evertill")
    entry.add("dtstamp", moment.astimezone(UTC).replace(microsecond=0))
    entry.add("sequence", version - 1)
    entry.add("summary", summary)
    is_cancelled = stopped is not None and stopped <= begins
    entry.add("dtstart", begins.astimezone(UTC))
    entry.add("dtend", (ends if stopped is None or is_cancelled else min(ends, stopped)).astimezone(UTC))
    entry.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    entry.add("transp", "TRANSPARENT")  # nobody is busy because of a sale
    entry.add("url", page)
    return entry
