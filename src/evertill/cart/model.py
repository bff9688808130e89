"""
The nouns of a cart and its pure decisions.

A line remembers the price it was put in at. What has changed since is never silently taken over: each line
says what troubles it, and a cart is ready for checkout when no line is troubled. A line of a limited deal is held by a
claim, whole, at the deal's price; once it is not held any more it is offered at the price of now.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from evertill.catalog.model import OfferOfProduct
from evertill.deals.costing import Cost
from evertill.deals.model import Claim, ClaimState
from evertill.deals.pricing import Applied, Saving
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound

QUANTITY_MAX = 999
LINES_MAX = 100

_WHOLE_NUMBER = re.compile(r"0{0,9}[1-9][0-9]{0,2}", re.ASCII)
_PRICE = re.compile(r"[0-9]{1,15}", re.ASCII)
_PRICE_FIELD = "price:"


class Trouble(StrEnum):
    """What stands between a line and its purchase."""

    GONE = "gone"  # no longer sold
    SOLD_OUT = "sold_out"
    TOO_FEW = "too_few"  # some are left, fewer than wanted
    PRICE_CHANGED = "price_changed"  # since it was put in
    CLAIM_OVER = "claim_over"  # it is no longer held
    ORDERED = "ordered"  # it is in an order whose payment has not ended


class Line(msgspec.Struct, frozen=True):
    """One SKU one wants, beside what it is and costs at this moment."""

    sku: str
    quantity: int
    price_when_added_minor: int
    offer: OfferOfProduct | None  # None: nobody knows this SKU any more
    cost: Cost | None = None  # of one unit; None: the list price
    held: Claim | None = None  # what holds it at this moment
    lost: Claim | None = None  # what held it, and does not any more
    claimable: Applied | None = None  # the deal of which it could be claimed
    put_in: int = 0  # units that were put in, where the claim holds fewer

    @property
    def sold(self) -> bool:
        """Whether it is still on the shelves."""
        return self.offer is not None and self.offer.on_sale

    @property
    def title(self) -> str:
        return self.offer.title if self.offer else f"Article {self.sku}"

    @property
    def price_minor(self) -> int:
        """Of one unit at this moment; 0 where it is no longer sold."""
        if self.offer is None or not self.sold:
            return 0
        return self.offer.price_minor if self.cost is None else self.cost.price_minor

    @property
    def saving(self) -> Saving | None:
        """What is saved by its deal on one unit; None: nothing."""
        return self.cost.saving if self.cost is not None and self.cost.price_minor < self.cost.list_minor else None

    @property
    def total_minor(self) -> int:
        """The line at today's price; 0 where it is no longer sold."""
        return self.quantity * self.price_minor

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What stands between this line and its purchase: nothing, most of the time."""
        if not self.offer or not self.sold:
            return (Trouble.GONE,)
        if self.lost is not None and self.lost.state is ClaimState.ORDERED:
            return (Trouble.ORDERED,)
        found = []
        if self.held is None and self.offer.free_units <= 0:
            found.append(Trouble.SOLD_OUT)
        elif self.held is None and self.offer.free_units < self.quantity:
            found.append(Trouble.TOO_FEW)
        if self.lost is not None:
            found.append(Trouble.CLAIM_OVER)
        if self.price_minor != self.price_when_added_minor:
            found.append(Trouble.PRICE_CHANGED)
        return tuple(found)


class Cart(msgspec.Struct, frozen=True):
    """What one wants, in the order it was put in."""

    lines: tuple[Line, ...]
    moment: datetime | None = None  # the database's, where claims hold or deals apply

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal_minor(self) -> int:
        """At today's prices, before delivery; what is no longer sold counts nothing."""
        return sum(line.total_minor for line in self.lines)

    @property
    def repriced(self) -> tuple[Line, ...]:
        """The lines whose new price has not been accepted yet."""
        told = {Trouble.PRICE_CHANGED, Trouble.CLAIM_OVER}
        return tuple(line for line in self.lines if told.intersection(line.troubles))

    @property
    def ready(self) -> bool:
        """Whether it can go to checkout as it stands."""
        return bool(self.lines) and not any(line.troubles for line in self.lines)


def read_quantity(text: str) -> int:
    """
    A quantity as a form sends it.

    Raises:
        Invalid: It is no whole number from 1 to 999: "2.5", "1e3", "-1", "" and "0" are not.
    """
    if not _WHOLE_NUMBER.fullmatch(text):
        raise _quantity_refused("invalid_quantity", f"The quantity must be a whole number from 1 to {QUANTITY_MAX}.")
    return int(text)


def still_sold(offer: OfferOfProduct | None) -> OfferOfProduct:
    """
    The offer, if it can be put into a cart.

    Raises:
        NotFound: The SKU is unknown (None), or off the shelves.
    """
    if offer is None or not offer.on_sale:
        raise NotFound("unknown_sku", "This is not sold here, or no longer. Your cart is as it was.")
    return offer


def quantity_after_adding(offer: OfferOfProduct, quantity: int, *, in_cart: int, other_lines: int) -> int:
    """
    What a line holds once that many more are put in.

    Args:
        offer: The SKU as it stands now.

        in_cart: Units of it in the cart already.

        other_lines: How many other SKUs the cart holds.

    Raises:
        Conflict: The cart has as many lines as it may have.
        Invalid: Together more than is free, or than one order can carry.
    """
    check_room(in_cart=in_cart, other_lines=other_lines)
    return _possible(offer, in_cart + quantity, in_cart)


def check_room(*, in_cart: int, other_lines: int) -> None:
    """
    Whether one more line fits, where it is one more.

    Raises:
        Conflict: The cart has as many as it may have.
    """
    if in_cart == 0 and other_lines >= LINES_MAX:
        raise Conflict(
            "cart_full",
            f"Your cart already holds {LINES_MAX} different things, which is as many as one order can carry. "
            "Please check out with these first, or take something out.",
        )


def quantity_after_setting(offer: OfferOfProduct, quantity: int) -> int:
    """
    What a line holds once it is set to that quantity.

    Raises:
        Invalid: More than is free, or than one order can carry.
    """
    return _possible(offer, quantity, 0)


def _possible(offer: OfferOfProduct, wanted: int, in_cart: int) -> int:
    if wanted > offer.free_units:
        facts = {"sku": offer.sku, "free_units": max(offer.free_units, 0)}
        raise _quantity_refused("not_enough_stock", _too_many(offer.free_units, in_cart), **facts)
    if not 1 <= wanted <= QUANTITY_MAX:
        already = f" Your cart holds {in_cart} already." if in_cart else ""
        raise _quantity_refused("invalid_quantity", f"One order can carry 1 to {QUANTITY_MAX} of these.{already}")
    return wanted


def _too_many(free_units: int, in_cart: int) -> str:
    if free_units <= 0:
        return "This has just sold out."
    left = f"Only {free_units} {'is' if free_units == 1 else 'are'} left"
    if not in_cart:
        return f"{left}."
    if in_cart >= free_units:
        return f"{left}, and your cart holds {in_cart} already."
    return f"{left}, and your cart holds {in_cart} already: you can add {free_units - in_cart} more."


def _quantity_refused(code: str, sentence: str, **facts: object) -> Invalid:
    return Invalid(code, sentence, fields=[FieldProblem("quantity", sentence)], facts=facts)


def read_shown_prices(form: Mapping[str, str]) -> dict[str, int]:
    """The prices a cart page showed, by SKU, as its form repeats them: fields named price:SKU. Nonsense is left out."""
    return {
        name.removeprefix(_PRICE_FIELD): int(value)
        for name, value in form.items()
        if name.startswith(_PRICE_FIELD) and _PRICE.fullmatch(value)
    }
