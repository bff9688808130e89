"""
The demo's deal day as a plan: when it runs, which deals it has, and which product each is on. Pure.

    best sellers, one of each category in turn ──► the first that has enough units ──► one deal each

The figures of a deal that has been on for hours (units sold, units in carts) are no figures here: they say what is to
be bought and claimed before the shop opens (opening.py).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from evertill.deals import Kind
from evertill.deals.local import written
from evertill.deals.plans import CLAIM_MINUTES_USUAL, DealPlan, EventPlan

ZONE = "Europe/London"  # where the shop of the data stands
SLUG = "deal-days-"
PRICE_MINOR_MIN = 125  # below it a discount is some pennies
_PENCE = 5  # prices of the data end in them
_CLOSES_AT_HOUR = 22
_OPEN_FOR = timedelta(hours=4)
_MEMBERS_EARLIER = timedelta(hours=2)
_SHELF_PRODUCTS = 12  # of a deal on a whole shelf


class Seller(msgspec.Struct, frozen=True):
    """A product that may be on a deal."""

    handle: str
    category: str
    sku: str
    price_minor: int
    free: int
    created_at: datetime


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """A deal of the day for which no product has been found yet. Times are in minutes from now."""

    title: str
    kind: Kind
    off: int  # percent of the list price, about: amounts and prices end in five pence
    begins: int | None = None  # None: with the event
    ends: int | None = None  # None: with the event
    units: int | None = None
    per_customer: int | None = None
    claim_minutes: int = CLAIM_MINUTES_USUAL
    members_only: bool = False
    members_from: int | None = None
    shelf: bool = False  # on the best sellers of one category instead of one product
    sold: int = 0  # units bought before the shop opens
    carted: int = 0  # units claimed, and not bought yet
    then: str = ""  # "paused", "ended": what staff did then

    @property
    def limited(self) -> bool:
        """As of a deal: whether its units are claimed before they are bought."""
        return self.units is not None or self.per_customer is not None


class DayDeal(msgspec.Struct, frozen=True):
    """A sketch with what it is on."""

    sketch: Sketch
    sellers: tuple[Seller, ...]
    plan: DealPlan


_HOUR = 60

SKETCHES = (
    # live, limited
    Sketch(title="Deal of the day", kind=Kind.PERCENT, off=30, units=400, per_customer=2, sold=96, carted=14),
    Sketch(title="Lightning deal", kind=Kind.PERCENT, off=40, begins=-40, ends=50, units=120, claim_minutes=5, sold=44,
           carted=19),
    Sketch(title="While they last", kind=Kind.PERCENT, off=35, begins=-180, ends=8 * _HOUR, units=90, claim_minutes=30,
           sold=66, carted=18),
    Sketch(title="Gone in a blink", kind=Kind.PRICE, off=45, begins=-25, ends=2 * _HOUR, units=36, claim_minutes=120,
           sold=20, carted=16),
    Sketch(title="A round price", kind=Kind.PRICE, off=30, begins=-120, ends=4 * _HOUR, units=250, sold=41, carted=9),
    Sketch(title="Money off", kind=Kind.AMOUNT, off=25, begins=-90, ends=3 * _HOUR, units=180, sold=23, carted=7),
    Sketch(title="Two for each home", kind=Kind.PERCENT, off=20, per_customer=2, sold=12, carted=4),
    Sketch(title="Members’ price", kind=Kind.PERCENT, off=30, units=150, members_only=True),
    Sketch(title="Members first", kind=Kind.AMOUNT, off=30, begins=40, units=150, members_from=-20),
    Sketch(title="Evening special", kind=Kind.PERCENT, off=25, begins=-60, ends=6 * _HOUR, units=80, sold=9,
           then="paused"),
    # live, as many as there are
    Sketch(title="A fifth off", kind=Kind.PERCENT, off=20, sold=16),
    Sketch(title="Less all day", kind=Kind.AMOUNT, off=15, sold=11),
    Sketch(title="The price of the day", kind=Kind.PRICE, off=20, sold=8),
    Sketch(title="A tenth off what sells best", kind=Kind.PERCENT, off=10, shelf=True, sold=10),
    # to come
    Sketch(title="Lightning deal", kind=Kind.PERCENT, off=40, begins=3, ends=63, units=100, claim_minutes=5),
    Sketch(title="Money off", kind=Kind.AMOUNT, off=30, begins=12, ends=90, units=120),
    Sketch(title="Gone in a blink", kind=Kind.PRICE, off=45, begins=30, ends=75, units=40, claim_minutes=5),
    Sketch(title="A fifth off", kind=Kind.PERCENT, off=20, begins=75, ends=8 * _HOUR),
    Sketch(title="Lightning deal", kind=Kind.PERCENT, off=35, begins=3 * _HOUR, ends=5 * _HOUR, units=150,
           claim_minutes=5),
    Sketch(title="One for each home", kind=Kind.PERCENT, off=40, begins=16 * _HOUR, units=300, per_customer=1),
    # over, or nearly: what nobody could have had is not shown as if it had been there
    Sketch(title="Early bird", kind=Kind.PERCENT, off=40, units=24, ends=60, sold=24),
    Sketch(title="First hours", kind=Kind.PRICE, off=25, units=60, ends=60, sold=14, then="ended"),
    Sketch(title="A short one", kind=Kind.PERCENT, off=30, begins=-180, ends=2 * _HOUR, units=60, sold=21,
           then="ended"),
    Sketch(title="Last minutes", kind=Kind.AMOUNT, off=20, begins=-180, ends=4, units=80, sold=33, carted=5),
)  # fmt: skip


def plan_of_day(now: datetime, *, slug: str) -> EventPlan:
    """Two days of deals: since some hours ago, until tomorrow evening."""
    zone = ZoneInfo(ZONE)
    opens = (now - _OPEN_FOR).replace(minute=0, second=0, microsecond=0)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return EventPlan(
        slug=slug,
        name="Deal Days",
        theme="night",
        time_zone=ZONE,
        opens_at=written(opens, zone),
        closes_at=f"{tomorrow.isoformat()}T{_CLOSES_AT_HOUR}:00",
        members_from=written(opens - _MEMBERS_EARLIER, zone),
    )


def just_opened(opens_at: datetime, now: datetime) -> bool:
    """Whether a day that opened then was planned within the last hour or two: it opens as many hours before."""
    return now - opens_at < _OPEN_FOR + 2 * timedelta(hours=1)


def slug_of_day(now: datetime, taken: Sequence[str]) -> str:
    """A slug of its own for every day, and for a second event on one day."""
    slug = f"{SLUG}{now.astimezone(ZoneInfo(ZONE)).date().isoformat()}"
    return next(each for each in (slug, *(f"{slug}-{number}" for number in range(2, 200))) if each not in taken)


def deals_of_day(sellers: Sequence[Seller], *, event: EventPlan, now: datetime) -> Iterator[DayDeal]:
    """
    A product for each sketch, as far as there are some; none is on two deals.

    Args:
        sellers: Those to choose from, the first choice first.

        event: Within which they are.
    """
    left = list(sellers)
    for sketch in SKETCHES:
        needed = max(sketch.units or 0, sketch.sold + sketch.carted)
        first = next((seller for seller in left if seller.free >= needed), None)
        if first is None:
            continue
        chosen = [first]
        if sketch.shelf:
            same = [seller for seller in left if seller.category == first.category and seller is not first]
            chosen += same[: _SHELF_PRODUCTS - 1]
        left = [seller for seller in left if seller not in chosen]
        yield DayDeal(sketch, tuple(chosen), _plan(sketch, chosen, event, now))


def value_of(kind: Kind, off: int, price_minor: int) -> int:
    """
    A deal's value that takes about so much off that price.

    Args:
        off: Percent, 1 to 99.
    """
    rounded = max(_PENCE, (price_minor * off + 50 * _PENCE) // (100 * _PENCE) * _PENCE)
    match kind:
        case Kind.PERCENT:
            return off * 100
        case Kind.AMOUNT:
            return rounded
        case Kind.PRICE:
            return price_minor - rounded


def _plan(sketch: Sketch, sellers: Sequence[Seller], event: EventPlan, now: datetime) -> DealPlan:
    zone = ZoneInfo(ZONE)

    def at(minutes: int | None, otherwise: str) -> str:
        return otherwise if minutes is None else written(now + timedelta(minutes=minutes), zone)

    return DealPlan(
        title=sketch.title,
        kind=sketch.kind,
        value=value_of(sketch.kind, sketch.off, sellers[0].price_minor),
        begins_at=at(sketch.begins, event.opens_at),
        ends_at=at(sketch.ends, event.closes_at),
        skus=tuple(seller.sku for seller in sellers),
        members_from=at(sketch.members_from, ""),
        members_only=sketch.members_only,
        units=sketch.units,
        per_customer=sketch.per_customer,
        claim_minutes=sketch.claim_minutes,
    )
