"""
The demo's catalogue, baskets and hours: real ones of a UK gift shop, from the UCI Online Retail data set.

Derived by tools/derive_demo_catalog.py; source, licence and changes are in ATTRIBUTION.md beside this file.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import groupby

import msgspec

from evertill.catalog.importing import ImportReport, ignore_progress, write_products
from evertill.catalog.incoming import ParsedProduct, ParsedVariant, RowProblem
from evertill.storage import Connection, Pool

CURRENCY = "GBP"

_LAST_DAY = datetime(2011, 12, 9, tzinfo=UTC)  # of the data: in the demo, today
_RARELY_BOUGHT = 300  # only articles bought less often are made scarce: a shop reorders what sells


class Dropped(msgspec.Struct, frozen=True):
    """What one rule of cleaning dropped."""

    rule: str
    why: str
    lines: int


class Derivation(msgspec.Struct, frozen=True):
    """How the catalogue came out of the data: REPORT.json."""

    source_lines: int
    kept_lines: int
    dropped: tuple[Dropped, ...]
    source_codes: int
    codes_joined_by_case: int
    codes_without_a_clean_line: int
    products: int
    variants: int
    products_with_several_variants: int
    variants_per_category: dict[str, int]
    baskets: int


class DemoReport(msgspec.Struct, frozen=True):
    """What loading came to, and what the catalogue was made from."""

    imported: ImportReport
    derivation: Derivation


def ignore_problem(problem: RowProblem) -> None:
    """In a shop that sells already, an article's SKU may be another product's: counted, and left out."""


async def load_demo_catalog(
    connection: Connection | Pool,
    *,
    now: datetime,
    on_progress: Callable[[int, int], None] = ignore_progress,
    on_problem: Callable[[RowProblem], None] = ignore_problem,
) -> DemoReport:
    """
    Put the demo's products on sale, through the same writer as every import. Doing it twice changes nothing.

    Args:
        now: The data's last day is moved here: what was new then is new now.

        on_progress: Told variants done and variants in all, after each group.
    """
    total = derivation().variants
    read = 0

    def counted() -> Iterator[ParsedProduct]:
        nonlocal read
        for product in demo_products(now=now):
            read += len(product.variants)
            yield product

    imported = await write_products(
        connection,
        counted(),
        source="the demo's catalogue",
        currency=CURRENCY,
        now=now,
        on_problem=on_problem,
        on_group=lambda: on_progress(read, total),
    )
    return DemoReport(imported=imported, derivation=derivation())


def demo_products(*, now: datetime) -> Iterator[ParsedProduct]:
    """The products in the order of their stock codes."""
    rows = enumerate(csv.DictReader(_text("products.csv").splitlines()), start=2)
    for handle, group in groupby(rows, key=lambda numbered: numbered[1]["handle"]):
        yield _product(handle, list(group), now)


@cache
def derivation() -> Derivation:
    """How the catalogue came out of the data."""
    return msgspec.json.decode(_text("REPORT.json"), type=Derivation)


@cache
def baskets() -> tuple[dict[str, int], ...]:
    """Real baskets of the year, as SKU to quantity (1 to 12): what a load of buyers buys."""
    return msgspec.json.decode(_text("baskets.json"), type=tuple[dict[str, int], ...])


@cache
def invoices_by_hour() -> tuple[tuple[int, ...], ...]:
    """How many invoices the shop wrote by weekday (Monday first) and hour, over the year."""
    return msgspec.json.decode(_text("hours.json"), type=tuple[tuple[int, ...], ...])


def demo_report_text() -> str:
    """For the terminal: where the catalogue comes from, and by which rules the dirt was dropped and how much."""
    made = derivation()
    width = max(len(f"{dropped.lines:,}") for dropped in made.dropped)
    return "\n".join(
        [
            "Catalogue: UCI Online Retail (Daqing Chen, 2015, doi 10.24432/C5BW33, CC BY 4.0), cleaned and derived.",
            f"{made.kept_lines:,} of {made.source_lines:,} invoice lines are clean. Dropped:",
            *(f"  {dropped.lines:>{width},}  {dropped.why}" for dropped in made.dropped),
            f"Of {made.source_codes:,} stock codes, {made.codes_joined_by_case:,} differed only by case, and "
            f"{made.codes_without_a_clean_line:,} have no clean line.",
            f"That leaves {made.variants:,} articles: {made.products:,} products, "
            f"{made.products_with_several_variants:,} of them with variants, in {len(made.variants_per_category)} "
            "categories. Names, prices and popularity are real; stock is made up from popularity.",
        ]
    )


def _product(handle: str, rows: list[tuple[int, dict[str, str]]], now: datetime) -> ParsedProduct:
    line, first = rows[0]
    bought = sum(int(row["popularity"]) for _, row in rows)
    first_seen = min(datetime.fromisoformat(row["first_seen"]).replace(tzinfo=UTC) for _, row in rows)
    times = "once" if bought == 1 else f"{bought:,} times"
    return ParsedProduct(
        line=line,
        handle=handle,
        title=first["title"],
        description_html=f"<p>From our {first['category'].replace('&', '&amp;')} range. Bought {times} last year.</p>",
        vendor="",
        category_name=first["category"],
        tags=(),
        option_names=(first["option_name"],) if first["option_name"] else (),
        image_url=None,
        status="active",
        variants=tuple(_variant(number, row) for number, row in rows),
        popularity=bought,
        first_seen=now - (_LAST_DAY - first_seen),
    )


def _variant(line: int, row: dict[str, str]) -> ParsedVariant:
    return ParsedVariant(
        line=line,
        sku=row["sku"],
        option_values=(row["option_value"],) if row["option_value"] else (),
        price_minor=int(row["price_pence"]),
        compare_at_minor=None,
        quantity=_units(row["sku"], int(row["popularity"])),
        image_url=None,
    )


def _units(sku: str, popularity: int) -> int:
    """
    First stock of an article, the same at every load: what half a year to a year and a half sells, and ten more.

    Of what is rarely bought, one in fifty is sold out and one in twenty nearly so: a shop is never wholly full.
    """
    chance, share, few, *_ = hashlib.sha256(sku.encode()).digest()
    if popularity < _RARELY_BOUGHT and chance < 5:
        return 0
    if popularity < _RARELY_BOUGHT and chance < 18:
        return 1 + few % 5
    return 10 + popularity * (50 + share * 100 // 255) // 100


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
