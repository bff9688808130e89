"""
Putting products into the catalogue, while the shop serves.

    file ──► read_products ──► groups of 2,000 variants ──► staged by COPY ──► set-based upserts, one short transaction

Importing the same file twice changes nothing: products are known by their handle, variants by their SKU, rows
that are the same are not written, and stock moves by the difference to what the last import stated.
"""

import asyncio
import codecs
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import asyncpg
import msgspec

from evertill.catalog.incoming import ParsedProduct, ParsedVariant, RowProblem, slug_of
from evertill.catalog.shopify import TOO_LONG_LINE, read_products
from evertill.deals.history import note_prices
from evertill.ids import id_at, new_id
from evertill.refusals import Malformed
from evertill.storage import Connection, Pool, Statements

log = logging.getLogger(__name__)
sql = Statements.of(__package__, "importing.sql")

GROUP_VARIANTS = 2_000  # rows of a transaction; kept under the 3,000 of docs/decisions
LINE_BYTES_MAX = 1_048_576  # read at once
_TRIES_MAX = 5  # of a group that met a lock or a conflict
_IMPORT_LOCK = 0x45564552_494D50  # any 64-bit number of our own

_PASSING = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)


class ImportReport(msgspec.Struct, frozen=True):
    """What an import came to."""

    products: int = 0  # accepted, new or known
    variants: int = 0  # accepted, new or known
    unchanged: int = 0  # variants that were the same already, their product and stock included
    problems: int = 0

    def plus(self, other: "ImportReport") -> "ImportReport":
        return ImportReport(
            products=self.products + other.products,
            variants=self.variants + other.variants,
            unchanged=self.unchanged + other.unchanged,
            problems=self.problems + other.problems,
        )


def ignore_progress(done: int, total: int) -> None:
    """For those who watch no progress."""


async def import_products(
    connection: Connection | Pool,
    path: Path,
    *,
    currency: str,
    now: datetime,
    on_problem: Callable[[RowProblem], None],
    on_progress: Callable[[int, int], None] = ignore_progress,
) -> ImportReport:
    """
    Import a Shopify product CSV. Bad rows are told and left out; the rest is imported.

    A product or variant that the file no longer names stays as it is.

    Args:
        currency: ISO 4217, of all prices.

        on_problem: Told each bad row, about in the order of the file.

        on_progress: Told bytes done and bytes in all, after each group.

    Raises:
        Malformed: The file cannot be read as a CSV at all; nothing was imported.
    """
    bytes_total = await asyncio.to_thread(check_file, path)
    with _opened(path) as file:
        return await write_products(
            connection,
            read_products(_text_lines(file), currency=currency),
            source=path.name,
            currency=currency,
            now=now,
            on_problem=on_problem,
            on_group=lambda: on_progress(file.tell(), bytes_total),
        )


async def write_products(
    connection: Connection | Pool,
    incoming: Iterable[ParsedProduct | RowProblem],
    *,
    source: str,
    currency: str,
    now: datetime,
    on_problem: Callable[[RowProblem], None],
    on_group: Callable[[], None] = lambda: None,
) -> ImportReport:
    """
    Write products from any source in groups, each group in a transaction of its own.

    Args:
        source: What it is called, such as the file's name: the note of every stock movement it makes.
    """
    report = ImportReport()
    note = source.encode("utf-8", "replace").decode()  # a file may be named in bytes that are no text
    async with AsyncExitStack() as stack:
        if isinstance(connection, Pool):
            connection = await stack.enter_async_context(connection.acquire())
        await connection.execute(sql["make_staging"])
        for products, problems in _groups(incoming):
            written, refused = await _write_group(connection, products, note=note, currency=currency, now=now)
            for problem in sorted([*problems, *refused], key=lambda problem: problem.line):
                on_problem(problem)
            report = report.plus(written).plus(ImportReport(problems=len(problems) + len(refused)))
            on_group()
        await connection.execute(sql["forget_named"])
        if report.variants > report.unchanged:
            # The planner's idea of a catalogue that was empty a moment ago would cost every page dearly.
            await connection.execute("ANALYZE category, product, variant, stock")
    return report


# ---- the file


def check_file(path: Path) -> int:
    """
    Look through a file before anything of it is imported; its size in bytes.

    Raises:
        Malformed: It is not there, empty, not a text, or not UTF-8: where and why.
    """
    offset, line, line_begins = 0, 0, True
    decoder = codecs.getincrementaldecoder("utf-8")()  # a line too long to be read at once may be cut inside a letter
    with _opened(path) as file:
        bytes_total = os.fstat(file.fileno()).st_size
        for piece in iter(partial(file.readline, LINE_BYTES_MAX), b""):
            line += line_begins
            line_begins = piece.endswith(b"\n")
            if offset == 0 and (kind := _other_kind(piece)):
                raise Malformed("unreadable_file", f"{path.name} is {kind}. Save it as “CSV UTF-8”.")
            if (nul := piece.find(b"\x00")) >= 0:
                place = f"a NUL byte at line {line:,}, byte {offset + nul:,} of the file"
                raise Malformed("unreadable_file", f"{path.name} is not a text file: it holds {place}.")
            begun = len(decoder.getstate()[0])
            try:
                decoder.decode(piece, final=offset + len(piece) >= bytes_total)
            except UnicodeDecodeError as error:
                at = offset - begun + error.start
                place = f"line {line:,}, byte {at:,} of the file (0x{error.object[error.start]:02X})"
                sentence = f"{path.name} is not UTF-8: {place}. Save it as “CSV UTF-8”. Nothing was imported."
                raise Malformed("unreadable_file", sentence) from error
            offset += len(piece)
    if offset == 0:
        raise Malformed("empty_file", f"{path.name} is empty. A product CSV begins with a line of column names.")
    return offset


def _opened(path: Path) -> BinaryIO:
    try:
        if not path.is_file():
            raise Malformed("no_file", f"There is no file {path}." if not path.exists() else f"{path} is not a file.")
        return path.open("rb")
    except OSError as error:
        raise Malformed("unreadable_file", f"{path} cannot be read: {error.strerror}.") from error


def _other_kind(first_line: bytes) -> str | None:
    """What a file is that is no UTF-8 text, told by how it begins."""
    if first_line.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "encoded as UTF-16"
    if first_line.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "a workbook or an archive, not a CSV"
    if first_line.startswith(b"\x1f\x8b"):
        return "compressed"
    return None


def _text_lines(file: BinaryIO) -> Iterator[str]:
    """The lines; of one that is too long to be in any record, just what makes its row be told and left out."""
    for line in iter(partial(file.readline, LINE_BYTES_MAX), b""):
        if len(line) < LINE_BYTES_MAX:
            yield line.decode("utf-8")
            continue
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(LINE_BYTES_MAX)
        yield TOO_LONG_LINE


# ---- the groups


def _groups(
    incoming: Iterable[ParsedProduct | RowProblem],
) -> Iterator[tuple[list[ParsedProduct], list[RowProblem]]]:
    """Products of about GROUP_VARIANTS variants together, with the problems met between them."""
    products: list[ParsedProduct] = []
    problems: list[RowProblem] = []
    variants = 0
    for item in incoming:
        if isinstance(item, RowProblem):
            problems.append(item)
        else:
            if products and variants + len(item.variants) > GROUP_VARIANTS:
                yield products, problems
                products, problems, variants = [], [], 0
            products.append(item)
            variants += len(item.variants)
        if len(problems) >= GROUP_VARIANTS:
            yield products, problems
            products, problems, variants = [], [], 0
    if products or problems:
        yield products, problems


async def _write_group(
    connection: Connection, products: Sequence[ParsedProduct], *, note: str, currency: str, now: datetime
) -> tuple[ImportReport, list[RowProblem]]:
    """One group in one transaction; tried again where it met a lock or a conflict that passes."""
    if not products:
        return ImportReport(), []
    for tries_left in reversed(range(_TRIES_MAX)):
        try:
            async with connection.transaction():
                return await _write(connection, products, note=note, currency=currency, now=now)
        except _PASSING as error:
            if not tries_left:
                raise
            log.warning("import_group_again tries_left=%d error=%r", tries_left, error)
            await asyncio.sleep(0.2 * (_TRIES_MAX - tries_left))
    raise AssertionError("unreachable")


async def _write(
    connection: Connection, products: Sequence[ParsedProduct], *, note: str, currency: str, now: datetime
) -> tuple[ImportReport, list[RowProblem]]:
    await connection.execute(sql["one_at_a_time"], _IMPORT_LOCK)
    await _stage(connection, products, now)
    problems = await _refuse(connection)
    await connection.execute(sql["write_categories"])
    changed_products = await _lines(connection, "write_products", now)
    changed_variants = await _lines(connection, "write_variants", currency)
    await note_prices(connection, await _skus(connection, changed_variants))
    changed_variants |= await _lines(connection, "write_new_stock", note, now)
    await connection.execute(sql["lock_stock"])
    changed_variants |= await _lines(connection, "change_stock", note, now)
    problems += [_stock_problem(row) for row in await connection.fetch(sql["stock_not_changed"])]
    staged = await connection.fetch(sql["staged_variants"])
    return (
        ImportReport(
            products=len({row["product_line"] for row in staged}),
            variants=len(staged),
            unchanged=sum(
                row["line"] not in changed_variants and row["product_line"] not in changed_products for row in staged
            ),
        ),
        problems,
    )


async def _stage(connection: Connection, products: Sequence[ParsedProduct], now: datetime) -> None:
    await connection.copy_records_to_table("staged_product", records=[_product_row(product) for product in products])
    await connection.copy_records_to_table(
        "staged_variant",
        records=[
            _variant_row(product, position, variant, now)
            for product in products
            for position, variant in enumerate(product.variants, start=1)
        ],
    )
    await connection.execute("ANALYZE staged_product, staged_variant")


def _product_row(product: ParsedProduct) -> tuple[object, ...]:
    """In the order of staged_product's columns."""
    slug = slug_of(product.category_name) if product.category_name else ""
    return (
        product.line, new_id(), product.handle, product.title, product.description_html, product.vendor,
        slug or None, product.category_name, product.tags, product.option_names, product.image_url, product.status,
        product.popularity, product.first_seen,
    )  # fmt: skip


def _variant_row(product: ParsedProduct, position: int, variant: ParsedVariant, now: datetime) -> tuple[object, ...]:
    """In the order of staged_variant's columns."""
    return (
        variant.line, product.line, position, variant.sku, variant.option_values,
        variant.price_minor, variant.compare_at_minor, variant.quantity, variant.image_url, id_at(now),
    )  # fmt: skip


async def _refuse(connection: Connection) -> list[RowProblem]:
    """Take out of the staged group what only the file as a whole, or the shop, can tell is wrong."""
    problems = []
    await connection.execute(sql["name_handles"])
    for row in await connection.fetch(sql["refuse_scattered"]):
        reason = f"{row['handle']} was already on line {row['first_line']}: the rows of a product must stand together"
        problems.append(RowProblem(row["line"], "Handle", reason))
    await connection.execute(sql["drop_orphans"])
    await connection.execute(sql["name_skus"])
    for row in await connection.fetch(sql["refuse_repeated"]):
        reason = f"{row['sku']} was already on line {row['first_line']}"
        problems.append(RowProblem(row["line"], "Variant SKU", reason))
    for row in await connection.fetch(sql["refuse_foreign"]):
        reason = f"{row['sku']} already belongs to the product {row['handle']}"
        problems.append(RowProblem(row["line"], "Variant SKU", reason))
    await connection.execute(sql["drop_empty"])
    return problems


def _stock_problem(row: asyncpg.Record) -> RowProblem:
    change = row["quantity"] - (row["imported"] or 0)
    reason = (
        f"stock of {row['sku']} stays at {row['on_hand']:,}: a change by {change:+,} would leave fewer than the "
        f"{row['promised']:,} that are already sold or being paid for (the row's other columns were imported)"
        if change < 0 or row["imported"] is None
        else f"stock of {row['sku']} stays at {row['on_hand']:,}: with {change:,} more it would be too large to count"
    )
    return RowProblem(row["line"], "Variant Inventory Qty", reason)


async def _lines(connection: Connection, statement: str, *arguments: object) -> set[int]:
    return {row["line"] for row in await connection.fetch(sql[statement], *arguments)}


async def _skus(connection: Connection, lines: set[int]) -> list[str]:
    return [row["sku"] for row in await connection.fetch(sql["skus_of_lines"], list(lines))]
