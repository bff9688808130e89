"""What is sold, as a shopper sees it: shelves of cards, products and their offers. Values and pure decisions only."""

from collections.abc import Sequence
from enum import Enum
from uuid import UUID

import msgspec

PAGE_SIZE = 24
PAGES_MAX = 500
COUNTED_MAX = PAGE_SIZE * PAGES_MAX  # beyond this nobody counts: a shelf says "12,000" and narrower words help more
WORDS_MAX = 200  # characters of a search
CARD_SKUS_MAX = 20  # of a product: those whose deals a shelf tells of
FEW_LEFT_MAX = 5  # units at or below which a shopper is told to hurry

# A product without options has one variant; nothing is to be chosen.
SINGLE_OPTION = ("Title", "Default Title")  # how a Shopify export writes "no options"


class Sort(Enum):
    """In which order a shelf stands. Relevance means something in a search only; elsewhere it is popularity."""

    POPULAR = "popular"
    NEWEST = "newest"
    PRICE_LOW = "price_low"
    PRICE_HIGH = "price_high"
    RELEVANCE = "relevance"


class StockState(Enum):
    """What a shopper is told about units."""

    IN_STOCK = "in_stock"
    FEW_LEFT = "few_left"  # the number is told
    SOLD_OUT = "sold_out"


def stock_state(free_units: int) -> StockState:
    """What to say of that many free units: sold out at 0 (or, seen for an instant, below), few left up to 5."""
    if free_units <= 0:
        return StockState.SOLD_OUT
    return StockState.FEW_LEFT if free_units <= FEW_LEFT_MAX else StockState.IN_STOCK


class Card(msgspec.Struct, frozen=True):
    """A product on a shelf."""

    handle: str
    title: str
    category_slug: str | None
    image_url: str | None  # None: a picture is drawn from handle, title and category
    price_minor: int  # of the cheapest variant that can be bought; of the cheapest where all are sold out
    price_max_minor: int  # of the dearest, likewise
    compare_at_minor: int | None  # the cheapest one's old price, where it is higher than its price
    currency: str
    free_units: int  # of all its variants
    skus: tuple[str, ...] = ()  # of what can be bought; of everything where nothing can; the cheapest 20
    prices_minor: tuple[int, ...] = ()  # of each
    offers: int = 1  # how many those are in all
    label: str = ""  # of a deal

    @property
    def stock_state(self) -> StockState:
        return stock_state(self.free_units)


class Category(msgspec.Struct, frozen=True):
    """A category with something in it."""

    slug: str
    name: str
    products: int  # on sale, counted up to COUNTED_MAX


class Shelf(msgspec.Struct, frozen=True):
    """One page of products in some order."""

    cards: tuple[Card, ...]
    total: int  # products in all, counted up to COUNTED_MAX
    page: int  # from 1
    pages: int  # 0 where nothing was found
    sort: Sort


class Home(msgspec.Struct, frozen=True):
    """What the first page shows."""

    popular: tuple[Card, ...]
    categories: tuple[Category, ...]


class CategoryName(msgspec.Struct, frozen=True):
    """Where a product stands: enough for a link."""

    slug: str
    name: str


class Offer(msgspec.Struct, frozen=True):
    """One variant: what can be put into a cart."""

    sku: str
    option_values: tuple[str, ...]  # one per option name of the product
    price_minor: int
    compare_at_minor: int | None  # the old price, where it is higher than the price
    currency: str
    image_url: str | None
    free_units: int

    @property
    def stock_state(self) -> StockState:
        return stock_state(self.free_units)

    @property
    def label(self) -> str:
        """Its option values as people read them: "Red / Large"; "" where there is nothing to choose."""
        return option_label(self.option_values)


class Product(msgspec.Struct, frozen=True):
    """A product with everything its page shows."""

    id: UUID
    handle: str
    title: str
    description_html: str  # cleaned at import, safe to show
    vendor: str
    category: CategoryName | None
    tags: tuple[str, ...]
    option_names: tuple[str, ...]  # at most three
    image_url: str | None
    offers: tuple[Offer, ...]  # at least one, in the merchant's order

    @property
    def buyable(self) -> tuple[Offer, ...]:
        """What of it can be bought."""
        return tuple(offer for offer in self.offers if offer.free_units > 0)

    @property
    def cheapest(self) -> Offer:
        """What its price is told "from": nobody is drawn in by what is sold out, unless everything is."""
        return min(self.buyable or self.offers, key=lambda offer: offer.price_minor)

    @property
    def dearest(self) -> Offer:
        return max(self.buyable or self.offers, key=lambda offer: offer.price_minor)


class OfferOfProduct(msgspec.Struct, frozen=True):
    """One variant with what a cart line or an order line says of its product."""

    sku: str
    handle: str
    title: str
    option_label: str  # "" where there is nothing to choose
    category_slug: str | None
    price_minor: int
    currency: str
    image_url: str | None
    free_units: int
    on_sale: bool  # False: its product was taken off the shelves

    @property
    def name(self) -> str:
        """Title and options in one: "Tea towel (Red / Large)"."""
        return f"{self.title} ({self.option_label})" if self.option_label else self.title


def option_label(option_values: Sequence[str]) -> str:
    """Option values as people read them: "Red / Large"."""
    return " / ".join(option_values)
