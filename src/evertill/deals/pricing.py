"""
What a thing costs at a deal's price, and what is saved by it. The one place where deals become amounts.

    list price ──► deal_price (rounded once, per unit) ──► best_deal (lowest, earlier, id) ──► saving (of one unit)

Several units cost and save so many times one unit: nothing is rounded twice, and sums are exact.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.deals.model import Deal, Kind

WHOLE = 10_000  # a percentage is kept in hundredths of a percent


def deal_price(list_minor: int, *, kind: Kind, value: int) -> int:
    """
    The price of one unit in minor units: 1 at least, and never above the list price.

    Args:
        list_minor: The price without the deal, 1 or more.

        kind: Of a percentage the discount is rounded half up to the minor unit, then taken off.

        value: As Kind says; more than 0.
    """
    match kind:
        case Kind.PERCENT:
            wanted = list_minor - (2 * list_minor * value + WHOLE) // (2 * WHOLE)
        case Kind.AMOUNT:
            wanted = list_minor - value
        case Kind.PRICE:
            wanted = value
    return max(1, min(list_minor, wanted))


class Applied(msgspec.Struct, frozen=True):
    """The deal whose price somebody may have, and that price of one unit."""

    deal: Deal
    price_minor: int

    @property
    def deal_id(self) -> UUID:
        return self.deal.id


def best_deal(deals: Iterable[Deal], *, list_minor: int, moment: datetime, member: bool) -> Applied | None:
    """
    Which of a SKU's deals is somebody's at this moment: the lowest price; of equal ones the one that began earlier,
    then the one with the lower id. None where the list price is the best there is.

    A deal all of whose units are claimed is nobody's any more who has no claim; what a claim holds, it holds at its own
    price.

    Args:
        deals: In any order; all of the currency of the list price.

        member: Whether the asker is a member at this moment.
    """
    return _best(
        [deal for deal in deals if deal.open_to(moment, member=member) and deal.left != 0], list_minor=list_minor
    )


def _best(deals: Iterable[Deal], *, list_minor: int) -> Applied | None:
    applied = [Applied(deal, deal_price(list_minor, kind=deal.kind, value=deal.value)) for deal in deals]
    return min(
        (each for each in applied if each.price_minor < list_minor),
        key=lambda each: (each.price_minor, each.deal.begins_at, each.deal.id),
        default=None,
    )


def to_claim(deals: Iterable[Deal], *, list_minor: int, moment: datetime, member: bool) -> Applied | None:
    """
    The deal of which units must be claimed before the SKU is somebody's at its best price; None: there is nothing to
    claim. One all of whose units are claimed is still meant: some may come back, and why there are none is told.
    """
    best = _best(
        [deal for deal in deals if deal.open_to(moment, member=member) and (deal.left != 0 or deal.claimed)],
        list_minor=list_minor,
    )
    return best if best is not None and best.deal.limited else None


def standing(deals: Iterable[Deal], *, list_minor: int, moment: datetime, member: bool) -> Applied | None:
    """The best deal among those that need no claim: whoever qualifies just pays its price."""
    return best_deal([deal for deal in deals if not deal.limited], list_minor=list_minor, moment=moment, member=member)


# ---- what everybody pays, over time


class PriceFrom(msgspec.Struct, frozen=True):
    """What everybody pays from a moment on."""

    since: datetime
    price_minor: int
    deal_id: UUID | None  # None: it is the list price


def prices_ahead(deals: Sequence[Deal], *, list_minor: int, moment: datetime) -> tuple[PriceFrom, ...]:
    """
    What one SKU costs everybody from this moment on, as things are planned: now, and at each change to come.

    A price for members only is not everybody's. Whether units are left does not matter: a price that ended early
    because everything was sold did apply, and to count it longer makes no saving look larger.

    Args:
        deals: Of this SKU, in any order.
    """
    turns = {moment} | {turn for deal in deals for turn in (deal.begins_at, deal.ends_at) if turn > moment}
    prices: list[PriceFrom] = []
    for turn in sorted(turns):
        best = _best([deal for deal in deals if deal.open_to(turn, member=False)], list_minor=list_minor)
        price = PriceFrom(turn, best.price_minor, best.deal_id) if best else PriceFrom(turn, list_minor, None)
        if not prices or (prices[-1].price_minor, prices[-1].deal_id) != (price.price_minor, price.deal_id):
            prices.append(price)
    return tuple(prices)


# ---- what is saved


class Saving(msgspec.Struct, frozen=True):
    """
    What one unit costs less, told so that it is true. price + saved is the list price, exactly.

    A *reduction* is announced against the prior price: the lowest of the 30 days before it began (Directive 98/6/EC,
    article 6a; Court of Justice, C-330/23: a percentage or a word of praise must rest on it, not on the last or the
    list price). Where the price is not below it there is no reduction to announce, whatever the list price says.

    Source: https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:62023CJ0330
    """

    list_minor: int
    price_minor: int
    lowest_minor: int | None  # the prior price; None: nobody knows what it cost before

    @property
    def saved_minor(self) -> int:
        """Against the list price."""
        return self.list_minor - self.price_minor

    @property
    def saved_percent(self) -> int:
        """Against the list price, in whole percent, rounded down: never more than is saved."""
        return self.saved_minor * 100 // self.list_minor

    @property
    def reduced_minor(self) -> int:
        """Against the lowest price of the 30 days before: what may be called a reduction. 0: there is none."""
        return 0 if self.lowest_minor is None else max(0, self.lowest_minor - self.price_minor)

    @property
    def reduced_percent(self) -> int:
        """The same in whole percent, rounded down."""
        return self.reduced_minor * 100 // self.lowest_minor if self.lowest_minor else 0


def saving(list_minor: int, *, price_minor: int, lowest_minor: int | None) -> Saving:
    """
    What is saved on one unit.

    Args:
        price_minor: Of a deal: 1 to the list price.

        lowest_minor: The lowest price of the 30 days before the reduction began (history.py: lowest_price). Where one
            deal follows another, the first one's price counts for the second: that is the rule where the law of a
            country makes no exception for reductions that grow step by step (article 6a(5)), and the safe one where it
            does.
    """
    assert 1 <= price_minor <= list_minor, (list_minor, price_minor)
    return Saving(list_minor, price_minor, lowest_minor)


def reduction_begins(deal: Deal) -> datetime:
    """Before which moment the lowest price is looked for: the first at which anybody may have the deal's price."""
    return min(deal.begins_at, deal.members_from or deal.begins_at)
