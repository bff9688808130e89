"""What people are told of a deal: in which words, with which prices, and when. Values and pure decisions only."""

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from babel.dates import format_datetime, get_timezone_name

from evertill.deals.local import zone_named
from evertill.deals.model import Deal, Phase, SaleEvent
from evertill.deals.pricing import Saving, deal_price, saving

FEW_MAX = 10  # units at or below which they are counted out, and
_FEW_OF = 20  # a twentieth of all, where that is more

# How an event's pages look; a theme we do not know looks plain.
THEMES = ("plain", "night", "frost", "blossom")


class Section(enum.StrEnum):
    """Where a deal stands on the page."""

    LIVE = "live"
    UPCOMING = "upcoming"
    ENDED = "ended"


_SECTIONS = {
    Phase.UPCOMING: Section.UPCOMING,
    Phase.MEMBERS: Section.LIVE,
    Phase.LIVE: Section.LIVE,
    Phase.PAUSED: Section.LIVE,
    Phase.CLAIMED: Section.LIVE,
    Phase.SOLD_OUT: Section.ENDED,
    Phase.ENDED: Section.ENDED,
}
_RANKS = {phase: rank for rank, phase in enumerate((Phase.LIVE, Phase.MEMBERS, Phase.CLAIMED, Phase.PAUSED))}


class Item(msgspec.Struct, frozen=True):
    """A SKU a deal is on, as its product is shown."""

    sku: str
    handle: str
    title: str
    option_label: str
    category: str | None
    image_url: str | None
    list_minor: int
    lowest_minor: int | None  # of the 30 days before the reduction begins; None: it had no price then
    free_units: int


class DealSeen(msgspec.Struct, frozen=True):
    """A deal as it is shown: with its event, and the first of what it is on."""

    deal: Deal
    event: SaleEvent
    items: tuple[Item, ...]  # may be empty: what it is on was taken off the shelves
    skus_in_all: int

    def saving(self, item: Item) -> Saving:
        """What one unit costs by it, and what is saved."""
        price = deal_price(item.list_minor, kind=self.deal.kind, value=self.deal.value)
        return saving(item.list_minor, price_minor=price, lowest_minor=item.lowest_minor)

    @property
    def products(self) -> tuple[Item, ...]:
        """One item of each product among those shown, the cheapest of each."""
        cheapest: dict[str, Item] = {}
        for item in self.items:
            known = cheapest.get(item.handle)
            if known is None or item.list_minor < known.list_minor:
                cheapest[item.handle] = item
        return tuple(cheapest.values())

    @property
    def prices_differ(self) -> bool:
        """Whether "from" belongs before its price."""
        return self.skus_in_all > len(self.items) or len({self.saving(item).price_minor for item in self.items}) > 1


class Told(msgspec.Struct, frozen=True):
    """What is said of a deal at a moment, to everybody."""

    phase: Phase
    badge: str
    sentence: str  # "" where badge and time say it all
    when: str  # before the time: "Ends"
    at: datetime | None
    share: int | None  # of its units that are claimed or sold, in whole percent; None: it is not limited
    left: str  # "Only 7 left" where they are few, else ""


def tell(deal: Deal, moment: datetime) -> Told:
    """What to say of a deal."""
    phase = deal.phase(moment)
    badge, sentence, when, at = _words(deal, phase)
    is_open = phase in (Phase.LIVE, Phase.MEMBERS)
    return Told(phase, badge, sentence, when, at, share_claimed(deal), _left(deal) if is_open else "")


def _words(deal: Deal, phase: Phase) -> tuple[str, str, str, datetime | None]:
    members = " for members" if deal.members_only else ""
    early = deal.members_from if deal.members_from != deal.begins_at else None
    match phase:
        case Phase.UPCOMING if early and not deal.members_only:
            return "Coming up", "Members may begin earlier.", "Members from", early
        case Phase.UPCOMING:
            return f"Coming up{members}", "", "Opens", deal.begins_at
        case Phase.MEMBERS if deal.members_only:
            return "Live for members", "", "Ends", deal.ends_at
        case Phase.MEMBERS:
            return "Early access for members", "", "Opens to everybody", deal.begins_at
        case Phase.LIVE:
            return f"Live{members or ' now'}", "", "Ends", deal.ends_at
        case Phase.PAUSED:
            return "Paused", "Nothing can be claimed at this moment. What is in carts is kept.", "Ends", deal.ends_at
        case Phase.CLAIMED:
            return (
                "Fully claimed",
                "All are in somebody’s cart. What is not bought comes back here.",
                "Ends",
                deal.ends_at,
            )
        case Phase.SOLD_OUT:
            return "Sold out", "All were sold at this price.", "", None
        case Phase.ENDED:
            return "Ended", "The list price applies again.", "", None


def share_claimed(deal: Deal) -> int | None:
    """In whole percent, never 100 while some are left, never 0 once somebody has one."""
    if deal.units is None:
        return None
    taken = deal.claimed + deal.sold
    if taken == 0:
        return 0
    return 100 if taken >= deal.units else max(1, taken * 100 // deal.units)


def _left(deal: Deal) -> str:
    left = deal.left
    if deal.units is None or left is None or not 0 < left <= max(FEW_MAX, deal.units // _FEW_OF):
        return ""
    return f"Only {left:,} left"


def section_of(deal: Deal, moment: datetime) -> Section:
    """Where it stands on the page."""
    return _SECTIONS[deal.phase(moment)]


def arranged(deals: Sequence[DealSeen], section: Section, moment: datetime) -> list[DealSeen]:
    """Those of one section: what can be had and ends first, what opens first, what ended last."""
    found = [seen for seen in deals if section_of(seen.deal, moment) is section]
    match section:
        case Section.LIVE:
            found.sort(key=lambda seen: (_RANKS[seen.deal.phase(moment)], seen.deal.ends_at, seen.deal.id))
        case Section.UPCOMING:
            found.sort(key=lambda seen: (seen.deal.begins_at, seen.deal.id))
        case Section.ENDED:
            found.sort(key=lambda seen: (seen.deal.ends_at, seen.deal.id), reverse=True)
    return found


# ---- events


class Sale(msgspec.Struct, frozen=True):
    """That a sale is on, or near: what every page of the shop says of it."""

    name: str
    slug: str
    live: bool


_NEAR = timedelta(days=7)


def sale_of(events: Sequence[SaleEvent], moment: datetime) -> Sale | None:
    """The sale to point to: the one that is on and closes first, else the next that opens within seven days."""
    going = [event for event in events if event.ended_at is None and event.closes_at > moment]
    on = [event for event in going if first_moment(event) <= moment]
    if on:
        event = min(on, key=lambda event: event.closes_at)
        return Sale(event.name, event.slug, live=True)
    near = [event for event in going if first_moment(event) - moment <= _NEAR]
    if not near:
        return None
    event = min(near, key=first_moment)
    return Sale(event.name, event.slug, live=False)


def first_moment(event: SaleEvent) -> datetime:
    """When it opens to somebody."""
    return event.members_from or event.opens_at


def event_section(event: SaleEvent, moment: datetime) -> Section:
    """Whether it is on, to come, or over."""
    if event.ended_at is not None or event.closes_at <= moment:
        return Section.ENDED
    return Section.LIVE if first_moment(event) <= moment else Section.UPCOMING


def theme_of(event: SaleEvent | None) -> str:
    """One of THEMES."""
    return event.theme if event is not None and event.theme in THEMES else THEMES[0]


# ---- times


def local_time(moment: datetime, zone: str, locale: str) -> str:
    """A time as people write it where the sale is: "Fri 27 Nov, 08:00 GMT"."""
    info = zone_named(zone)
    local = moment.astimezone(info)
    name = get_timezone_name(local, width="short", locale=locale)
    return f"{format_datetime(local, 'EEE d MMM, HH:mm', tzinfo=info, locale=locale)} {name}"


def how_long(left: timedelta) -> str:
    """A time to come as pages count it down (static/deals.js, too): "3 days", "5 h 12 min", "4 min 09 s"."""
    seconds = max(0, int(left.total_seconds()))
    if seconds >= 48 * 3600:
        return f"{seconds // 86400} days"
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
    return f"{seconds // 60} min {seconds % 60:02} s"
