"""Browsing: the first page, categories, shelves, search, one product, and offers for cart and checkout."""

import re
from collections.abc import Iterable
from uuid import UUID

import asyncpg

from evertill.catalog.model import (
    CARD_SKUS_MAX,
    COUNTED_MAX,
    PAGE_SIZE,
    PAGES_MAX,
    WORDS_MAX,
    Card,
    Category,
    CategoryName,
    Home,
    Offer,
    OfferOfProduct,
    Product,
    Shelf,
    Sort,
    option_label,
)
from evertill.refusals import NotFound
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)

_HOME_CARDS = 12
_HANDLE_MAX = 255
_SKU_MAX = 120
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_PLAIN_WORD = re.compile(r"\w{2,}")


async def home(connection: Connection | Pool) -> Home:
    """What the first page shows: the most bought products and all categories."""
    row = await connection.fetchrow(sql["shelf_all_popular"], _HOME_CARDS, 0, 0)
    return Home(
        popular=await _cards(connection, row["ids"] if row else []),
        categories=await categories(connection),
    )


async def categories(connection: Connection | Pool) -> tuple[Category, ...]:
    """Every category with something on sale, in the order of their names."""
    rows = await connection.fetch(sql["categories"], COUNTED_MAX)
    return tuple(Category(row["slug"], row["name"], row["products"]) for row in rows)


async def shelf(connection: Connection | Pool, *, category: str | None, sort: Sort, page: int) -> Shelf:
    """
    One page of a category, or of everything.

    Args:
        category: Its slug; None for all products. An unknown one is an empty shelf.

        page: From 1; brought into 1 … 500. A page past the end has no cards.
    """
    if sort is Sort.RELEVANCE:
        sort = Sort.POPULAR
    page = _bounded(page)
    window = (PAGE_SIZE, (page - 1) * PAGE_SIZE, COUNTED_MAX)
    if category is None:
        row = await connection.fetchrow(sql[f"shelf_all_{sort.value}"], *window)
    else:
        row = await connection.fetchrow(sql[f"shelf_{sort.value}"], *window, _storable(category))
    return await _shelf(connection, row, page, sort)


async def search(connection: Connection | Pool, *, words: str, sort: Sort, page: int) -> Shelf:
    """
    One page of what matches some words: all of them, the last one also as the beginning of a word.

    Quotes, "or" and "-" work as on the web. A SKU typed exactly finds its product.

    Args:
        words: As typed; what is past 200 characters is not read. Empty: an empty shelf.

        page: From 1; brought into 1 … 500.
    """
    page = _bounded(page)
    words = _storable(words)[:WORDS_MAX].strip()
    if not words:
        return Shelf(cards=(), total=0, page=page, pages=0, sort=sort)
    head, _, last = words.rpartition(" ")
    prefix = last if _PLAIN_WORD.fullmatch(last) else None
    asked = (PAGE_SIZE, (page - 1) * PAGE_SIZE, COUNTED_MAX, words, head, prefix)
    if sort in (Sort.PRICE_LOW, Sort.PRICE_HIGH):
        row = await connection.fetchrow(sql["search_by_price"], *asked, 1 if sort is Sort.PRICE_LOW else -1)
    else:
        row = await connection.fetchrow(sql["search"], *asked, sort.value)
    return await _shelf(connection, row, page, sort)


async def product(connection: Connection | Pool, *, handle: str) -> Product:
    """
    A product on sale with all its offers.

    Raises:
        NotFound: There is none by that handle, or it was taken off the shelves.
    """
    rows = await connection.fetch(sql["product"], _storable(handle)[: _HANDLE_MAX + 1])
    if not rows:
        raise NotFound("product_not_found", "This product is not in the shop. It may have been taken off the shelves.")
    first = rows[0]
    return Product(
        id=first["id"],
        handle=first["handle"],
        title=first["title"],
        description_html=first["description_html"],
        vendor=first["vendor"],
        category=CategoryName(first["category_slug"], first["category_name"]) if first["category_slug"] else None,
        tags=tuple(first["tags"]),
        option_names=tuple(first["option_names"]),
        image_url=first["product_image_url"],
        offers=tuple(_offer(row) for row in rows),
    )


async def offers_by_sku(connection: Connection | Pool, skus: Iterable[str]) -> dict[str, OfferOfProduct]:
    """
    What a cart or an order says of those SKUs. One that is unknown is missing from the answer; one whose
    product was taken off the shelves is there with on_sale False.

    Args:
        skus: Any texts, in any number that a cart may hold.
    """
    askable = [sku for sku in skus if len(sku) <= _SKU_MAX and not _UNSTORABLE.search(sku)]
    if not askable:
        return {}
    rows = await connection.fetch(sql["offers_by_sku"], askable)
    return {row["sku"]: _offer_of_product(row) for row in rows}


async def _shelf(connection: Connection | Pool, row: asyncpg.Record | None, page: int, sort: Sort) -> Shelf:
    assert row is not None  # the statements give exactly one row
    total = row["total"]
    return Shelf(
        cards=await _cards(connection, row["ids"]),
        total=total,
        page=page,
        pages=-(-total // PAGE_SIZE),
        sort=sort,
    )


async def _cards(connection: Connection | Pool, ids: list[UUID]) -> tuple[Card, ...]:
    if not ids:
        return ()
    return tuple(_card(row) for row in await connection.fetch(sql["cards"], ids, CARD_SKUS_MAX))


def _card(row: asyncpg.Record) -> Card:
    many = min(row["offers"], CARD_SKUS_MAX)
    return Card(**{**row, "skus": tuple(row["skus"][:many]), "prices_minor": tuple(row["prices_minor"][:many])})


def _offer(row: asyncpg.Record) -> Offer:
    return Offer(
        sku=row["sku"],
        option_values=tuple(row["option_values"]),
        price_minor=row["price_minor"],
        compare_at_minor=row["compare_at_minor"],
        currency=row["currency"],
        image_url=row["image_url"],
        free_units=row["free_units"],
    )


def _offer_of_product(row: asyncpg.Record) -> OfferOfProduct:
    return OfferOfProduct(
        sku=row["sku"],
        handle=row["handle"],
        title=row["title"],
        option_label=option_label(row["option_values"]),
        category_slug=row["category_slug"],
        price_minor=row["price_minor"],
        currency=row["currency"],
        image_url=row["image_url"],
        free_units=row["free_units"],
        on_sale=row["on_sale"],
    )


def _bounded(page: int) -> int:
    return min(max(page, 1), PAGES_MAX)


def _storable(text: str) -> str:
    """A shopper's text without what PostgreSQL cannot hold: control characters become blanks."""
    return _UNSTORABLE.sub(" ", text)
