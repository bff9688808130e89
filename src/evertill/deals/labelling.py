"""What deals put on the shelves and on a product's page: prices that are everybody's now, and how its deal stands."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from evertill.catalog.model import Card, Product
from evertill.deals.board import Board, Reading
from evertill.deals.history import Before, lowest_prices
from evertill.deals.model import Deal, Phase
from evertill.deals.planning import event_of
from evertill.deals.pricing import Applied, Saving, best_deal, deal_price, reduction_begins
from evertill.deals.reading import SKUS_MAX, DealsSeen, deals_of_skus, sql
from evertill.deals.showing import DealSeen, Item, Section, Told, arranged, tell
from evertill.storage import Pool

ELSE_LIVE_MAX = 4  # what is offered instead of a deal that is fully claimed

# Which of a product's deals its page tells of: what can be had now comes first.
_RANKS = {
    phase: rank
    for rank, phase in enumerate(
        (Phase.LIVE, Phase.MEMBERS, Phase.CLAIMED, Phase.PAUSED, Phase.UPCOMING, Phase.SOLD_OUT, Phase.ENDED)
    )
}


async def labelled(pool: Pool, board: Board, cards: Sequence[Card]) -> tuple[Card, ...]:
    """The cards of a shelf, with the prices of deals for everybody; limited ones are told, but not priced."""
    skus = [sku for card in cards for sku in card.skus][:SKUS_MAX]
    if board.empty or not skus:
        return tuple(cards)
    seen = await deals_of_skus(pool, skus)
    return tuple(label(card, seen) for card in cards)


def label(card: Card, seen: DealsSeen) -> Card:
    """
    A card as deals have it at that moment.

    A limited deal's price is not told: it may be gone when its page is there, and on one's way there it is said.
    """
    deals = {sku: seen.of_sku[sku] for sku in card.skus if sku in seen.of_sku}
    if not deals:
        return card
    prices, is_deal, is_limited = [], False, False
    for sku, list_minor in zip(card.skus, card.prices_minor, strict=True):
        mine = [deal for deal in deals.get(sku, ()) if deal.currency == card.currency]
        unlimited = [deal for deal in mine if not deal.limited]
        applied = best_deal(unlimited, list_minor=list_minor, moment=seen.moment, member=False)
        best = best_deal(mine, list_minor=list_minor, moment=seen.moment, member=False)
        prices.append(applied.price_minor if applied else list_minor)
        is_deal = is_deal or applied is not None
        is_limited = is_limited or (best is not None and best.deal.limited)
    if not is_deal and not is_limited:
        return card
    all_told = card.offers <= len(prices)
    return replace(
        card,
        price_minor=min(prices),
        price_max_minor=max(prices) if all_told else max(card.price_max_minor, *prices),
        # An old price of the merchant's is not what a deal takes off from.
        compare_at_minor=None if is_deal else card.compare_at_minor,
        label="Limited deal" if is_limited else "Deal",
    )


class ProductDeals(msgspec.Struct, frozen=True):
    """What deals make of a product at a moment."""

    applied: Mapping[str, Applied]  # by SKU: whose price is everybody's now
    seen: DealSeen | None  # the one its page tells of, on the SKU it tells it of
    told: Told | None
    instead: tuple[DealSeen, ...]  # what else is live, where that one cannot be had
    moment: datetime

    @property
    def item(self) -> Item | None:
        return self.seen.items[0] if self.seen is not None else None

    @property
    def saved(self) -> Saving | None:
        return self.seen.saving(self.seen.items[0]) if self.seen is not None else None

    @property
    def only_at_list(self) -> bool:
        """Whether it can be bought at its list price only, because all units of its deal are in somebody's cart."""
        return not self.applied and self.told is not None and self.told.phase is Phase.CLAIMED


NO_DEALS = ProductDeals({}, None, None, (), datetime.min.replace(tzinfo=UTC))


async def deals_on(pool: Pool, board: Board, product: Product) -> ProductDeals:
    """What deals make of this product now."""
    if board.empty:
        return NO_DEALS
    found = await deals_of_skus(pool, [offer.sku for offer in product.offers][:SKUS_MAX])
    if not found.of_sku:
        return NO_DEALS
    applied: dict[str, Applied] = {}
    for offer in product.offers:
        mine = [deal for deal in found.of_sku.get(offer.sku, ()) if deal.currency == offer.currency]
        best = best_deal(mine, list_minor=offer.price_minor, moment=found.moment, member=False)
        if best is not None:
            applied[offer.sku] = best
    told_of = _told_of(product, found, applied)
    if told_of is None:
        return NO_DEALS
    sku, deal = told_of
    offer = next(offer for offer in product.offers if offer.sku == sku)
    event = await pool.fetchrow(sql["event_by_id"], deal.event_id)
    (lowest,) = await lowest_prices(pool, [Before(sku, reduction_begins(deal))])
    assert event is not None  # deals refer to theirs
    item = Item(
        sku=sku, handle=product.handle, title=product.title, option_label=offer.label,
        category=product.category.slug if product.category else None, image_url=offer.image_url,
        list_minor=offer.price_minor, lowest_minor=lowest, free_units=offer.free_units,
    )  # fmt: skip
    seen = DealSeen(deal, event_of(event), (item,), 1)
    told = tell(deal, found.moment)
    instead: tuple[DealSeen, ...] = ()
    if told.phase in (Phase.CLAIMED, Phase.PAUSED, Phase.SOLD_OUT):
        instead = _else_live(await board.seen(), deal)
    return ProductDeals(applied, seen, told, instead, found.moment)


def _told_of(product: Product, found: DealsSeen, applied: Mapping[str, Applied]) -> tuple[str, Deal] | None:
    """The deal to tell of, and on which SKU: what applies before what comes or was; the lowest price, the sooner."""
    choices = [
        (
            applied.get(offer.sku) is None or applied[offer.sku].deal.id != deal.id,
            _RANKS[deal.phase(found.moment)],
            deal_price(offer.price_minor, kind=deal.kind, value=deal.value),
            deal.begins_at,
            deal.id,
            offer.sku,
            deal,
        )
        for offer in product.offers
        for deal in found.of_sku.get(offer.sku, ())
        if deal.currency == offer.currency
    ]
    if not choices:
        return None
    best = min(choices, key=lambda choice: choice[:6])
    return best[5], best[6]


def _else_live(reading: Reading, deal: Deal) -> tuple[DealSeen, ...]:
    live = arranged(reading.deals, Section.LIVE, reading.moment)
    return tuple(
        seen for seen in live
        if seen.items and seen.deal.id != deal.id and reading.told[seen.deal.id].phase is Phase.LIVE
    )[:ELSE_LIVE_MAX]  # fmt: skip


def priced(product: Product, applied: Mapping[str, Applied]) -> Product:
    """The product as it costs now, its merchant's old prices left out where a deal applies."""
    return replace(
        product,
        offers=tuple(
            replace(offer, price_minor=applied[offer.sku].price_minor, compare_at_minor=None)
            if offer.sku in applied
            else offer
            for offer in product.offers
        ),
    )
