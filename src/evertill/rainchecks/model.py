"""
The nouns of rain checks, and who gets one when many should. Pure.

    an outage ──► a grant (staff, or the system itself) ──gives──► rain checks: claims of a long life

    rain check:  open ──in an order──► ordered ──paid──► redeemed
                  │  ▲                    │ declined: open again
                  │  └────────────────────┘
                  └──► expired, or withdrawn by staff

A rain check is a claim (deals/model.py) that names its grant: held, ordered, bought, released. It is carried through
the till as every claim is, and counted in stock alone: what a deal gave away is what its own claims say
(docs/decisions/0018).
"""

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

PEOPLE_MAX = 10_000  # who get a rain check by one grant
UNITS_MAX = 1_000_000
DAYS = range(1, 91)
EACH = range(1, 1_000)


class Who(enum.StrEnum):
    """Whom a deal's outage cost the deal."""

    LOST = "lost"  # whose claim was given back in a period, and who has no other
    CARTS = "carts"  # whose cart holds it at this moment, unclaimed
    NAMED = "named"  # customers, by e-mail


class Chosen(msgspec.Struct, frozen=True):
    """Who is to get rain checks for a deal, for how much, and for how long."""

    deal_id: UUID
    who: Who
    units: int  # set aside: never more are given
    days: int
    sku: str = ""  # of the deal's; "": all of them
    since: datetime | None = None  # of LOST: claims that were given back from here on
    until: datetime | None = None  # and before here
    emails: tuple[str, ...] = ()  # of NAMED, as they were typed
    each: int = 1  # of NAMED: units of a rain check


class Asked(msgspec.Struct, frozen=True):
    """One who would get a rain check."""

    sku: str
    quantity: int
    holder: str  # the browser, or of_customer
    customer_id: UUID | None
    email: str = ""  # "": nobody knows where to write to


class Given(msgspec.Struct, frozen=True):
    """What a grant comes to, or would."""

    people: int  # who are meant
    wanted: int  # units they would need
    given: int  # rain checks
    units: int  # in them
    told: int  # of whom an e-mail is known
    more: bool  # there are more people than one grant may have
    unknown: tuple[str, ...] = ()  # e-mails of nobody's account
    grant_id: UUID | None = None  # None: it is only foreseen


def of_customer(customer_id: UUID) -> str:
    """Whose a customer's rain check is: no browser's of its own, so that it is theirs in every one."""
    return f"customer:{customer_id}"


def share_out(asked: Sequence[Asked], *, units: int, free: Mapping[str, int]) -> list[Asked]:
    """
    Who gets a rain check: first come, first served, each whole or not at all.

    Args:
        asked: In the order in which they come.

        units: Set aside, over all SKUs.

        free: Of each SKU; one that is missing has none.
    """
    left, shelves, given = units, dict(free), []
    for each in asked:
        if each.quantity <= min(left, shelves.get(each.sku, 0)):
            left -= each.quantity
            shelves[each.sku] -= each.quantity
            given.append(each)
    return given


class RainCheck(msgspec.Struct, frozen=True):
    """A rain check that is open, as its owner sees it."""

    id: UUID
    sku: str
    title: str
    handle: str
    quantity: int
    price_minor: int  # of one unit
    currency: str
    until: datetime  # in the zone of its sale event


class Grant(msgspec.Struct, frozen=True):
    """What was given at one time, and what has become of it."""

    id: UUID
    granted_at: datetime
    ends_at: datetime
    name: str | None  # of staff; None: the system itself
    why: str
    units: int  # set aside
    given: int  # in rain checks
    people: int
    open: int  # units that can be redeemed yet
    ordered: int
    redeemed: int
    expired: int
    withdrawn: int
