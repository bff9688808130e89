"""Products and stock, as staff look at them: whatever their status, with every unit accounted for."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.catalog.model import FEW_LEFT_MAX, option_label
from evertill.ops.history import Entry, history_of
from evertill.refusals import NotFound
from evertill.stock.changing import Level
from evertill.stock.movements import Reason
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)

PAGE_SIZE = 50
PAGES_MAX = 200
MOVEMENTS_SHOWN = 20
_WORDS_MAX = 200


class ProductRow(msgspec.Struct, frozen=True):
    """A product in a list."""

    handle: str
    title: str
    vendor: str
    status: str
    variants: int
    price_minor: int | None  # none where it has no variants
    price_max_minor: int | None
    currency: str | None
    on_hand: int
    free: int


class VariantRow(msgspec.Struct, frozen=True):
    """One variant with its units."""

    label: str  # "Red / Large"; "" where there is nothing to choose
    price_minor: int
    compare_at_minor: int | None
    currency: str
    level: Level


class ProductFile(msgspec.Struct, frozen=True):
    """A product with its variants and what staff did to any of them."""

    id: UUID
    handle: str
    title: str
    vendor: str
    category: str | None
    status: str
    created_at: datetime
    updated_at: datetime
    variants: tuple[VariantRow, ...]
    history: tuple[Entry, ...]


class MovementRow(msgspec.Struct, frozen=True):
    """Units that came or went."""

    id: UUID
    sku: str
    units: int
    reason: Reason
    note: str
    moved_at: datetime
    name: str | None  # of whoever's doing it was; none where it was an import or a parcel
    order_id: UUID | None
    order_number: str | None


class LevelRow(msgspec.Struct, frozen=True):
    """A SKU in the list of stock."""

    level: Level
    handle: str | None  # none where its product is gone
    title: str
    label: str
    status: str | None


async def products(pool: Pool, *, words: str, status: str | None, page: int) -> tuple[ProductRow, ...]:
    """
    Products, the most bought first, fifty a page.

    Args:
        words: Of its texts, its handle, or a SKU; "": all.

        page: From 1 to 200.
    """
    rows = await pool.fetch(sql["products"], asked(words), status, PAGE_SIZE, PAGE_SIZE * (page - 1))
    return tuple(ProductRow(**dict(row)) for row in rows)


async def product_file(pool: Pool, *, handle: str) -> ProductFile:
    """
    One product with its variants and their units.

    Raises:
        NotFound: There is none by that handle.
    """
    row = await pool.fetchrow(sql["product"], handle.replace("\0", ""))
    if row is None:
        raise NotFound("product_not_found", "There is no such product.")
    variants = [
        VariantRow(
            label=option_label([value for value in variant["option_values"] if value != "Default Title"]),
            price_minor=variant["price_minor"],
            compare_at_minor=variant["compare_at_minor"],
            currency=variant["currency"],
            level=Level(variant["sku"], variant["on_hand"], variant["claimed"], variant["sold"]),
        )
        for variant in await pool.fetch(sql["variants"], row["id"])
    ]
    subjects = [f"product:{row['id']}", *(f"sku:{variant.level.sku}" for variant in variants)]
    return ProductFile(
        id=row["id"],
        handle=row["handle"],
        title=row["title"],
        vendor=row["vendor"],
        category=row["category"],
        status=row["status"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        variants=tuple(variants),
        history=await history_of(pool, subjects=subjects),
    )


async def movements(pool: Pool, *, skus: Sequence[str], before: UUID | None = None) -> tuple[MovementRow, ...]:
    """
    What came and went of these SKUs, newest first, twenty at the most.

    Args:
        before: The last movement of the page before.
    """
    rows = await pool.fetch(sql["movements"], skus, before, MOVEMENTS_SHOWN)
    return tuple(MovementRow(**{**dict(row), "reason": Reason(row["reason"])}) for row in rows)


async def levels(pool: Pool, *, words: str, low: bool, after: tuple[int, str] | None = None) -> tuple[LevelRow, ...]:
    """
    Stock, the scarcest first, fifty at the most.

    Args:
        words: Of the product's texts, or the beginning of a SKU; "": all.

        low: Only what has five free units or fewer.

        after: Free units and SKU of the last row of the page before.
    """
    free, sku = after if after is not None else (None, None)
    rows = await pool.fetch(sql["levels"], asked(words), FEW_LEFT_MAX if low else None, free, sku, PAGE_SIZE)
    return tuple(
        LevelRow(
            level=Level(row["sku"], row["on_hand"], row["claimed"], row["sold"]),
            handle=row["handle"],
            title=row["title"] or "",
            label=option_label([value for value in row["option_values"] or () if value != "Default Title"]),
            status=row["status"],
        )
        for row in rows
    )


def asked(words: str) -> str | None:
    """Words as a statement takes them; None where there are none."""
    return words.replace("\0", "")[:_WORDS_MAX].strip() or None
