"""
Putting many deals into a sale event from a CSV, a row a deal.

    title,kind,value,skus,begins at,ends at,units
    A fifth off mugs,percent,20,MUG;MUG-RED,2026-11-27T08:00,2026-11-27T20:00,1000

Needed are title, kind, value, begins at, ends at, and skus or products; there may be members from, members only,
stackable, units, per customer, claim minutes. Times are local to the event's zone; several SKUs or products stand in
one cell with semicolons between them; a percentage is in percent, amounts are written as people do ("4.99"). A bad row
is told with its line and column. What then becomes of the others is the operator's choice: they are kept, or nothing is
changed.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from uuid import UUID

import msgspec

from evertill.catalog.incoming import RowProblem
from evertill.deals.doubting import Warned, undone, warnings
from evertill.deals.local import written, zone_named
from evertill.deals.model import Kind, SaleEvent
from evertill.deals.planning import (
    PlannedDeal,
    check_reason,
    check_running,
    known_of,
    lock_event,
    pressed,
    write_deals,
)
from evertill.deals.plans import CLAIM_MINUTES_USUAL, DEAL_SKUS_MAX, DealPlan, DealTerms, read_deal
from evertill.idempotency import Key, remember
from evertill.money import to_minor
from evertill.refusals import Invalid, Malformed, TooLarge
from evertill.staff import Actor
from evertill.storage import Connection, Pool

Value = TypeVar("Value")

BYTES_MAX = 1_048_576
ROWS_MAX = 500
PROBLEMS_MAX = 500

_NEEDED = ("title", "kind", "value", "begins at", "ends at")
# How the file names what a plan calls otherwise.
COLUMNS = {
    "title": "title", "kind": "kind", "value": "value", "skus": "skus", "handles": "products",
    "begins_at": "begins at", "ends_at": "ends at", "members_from": "members from", "members_only": "members only",
    "stackable": "stackable", "units": "units", "per_customer": "per customer", "claim_minutes": "claim minutes",
}  # fmt: skip
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}


class DealsImported(msgspec.Struct, frozen=True):
    """What an import came to."""

    deal_ids: tuple[UUID, ...]  # in the order of the file
    problems: tuple[RowProblem, ...]


class DealsForeseen(msgspec.Struct, frozen=True):
    """What an import would come to."""

    deals: tuple[PlannedDeal, ...]  # in the order of the file; their ids are nobody's
    problems: tuple[RowProblem, ...]
    warned: tuple[Warned, ...]  # of those deals


class ParsedDeal(msgspec.Struct, frozen=True):
    """A row that can be read; whether the plan can be is seen with the catalogue."""

    line: int
    plan: DealPlan


async def import_deals(
    pool: Pool,
    content: bytes | Sequence[ParsedDeal],
    *,
    event_id: UUID,
    currency: str,
    keep_good_rows: bool,
    reason: str,
    key: Key,
    by: Actor,
    now: datetime,
) -> DealsImported:
    """
    Plan the deals of a CSV, all of them in one transaction.

    Args:
        content: The file, up to a mebibyte and 500 rows, in UTF-8; or as many rows that were read already.

        currency: ISO 4217: in which its amounts are written. SKUs of another cannot be in it.

        keep_good_rows: Whether the others are planned where some are bad. If not, one bad row leaves everything as it
            was, and the answer holds no deals.

        key: Names this very import: pressing twice plans once.

    Raises:
        NotFound: There is no such event.
        Malformed: The file cannot be read as a CSV at all, or lacks a column; nothing was planned.
        TooLarge: It is larger than that.
        Invalid: No reason was given.
        Conflict: The event was stopped or would be too full; the key was used for something else.
    """
    check_reason(reason)
    parsed = _parsed(content, currency)
    async with pool.acquire() as connection, connection.transaction():
        known = await pressed(connection, key, DealsImported)
        if known is not None:
            return known
        event, _ = await lock_event(connection, event_id)
        check_running(event)
        deals, problems = await _terms_of(connection, event, parsed, currency=currency)
        if problems and not keep_good_rows:
            deals = []
        planned = await write_deals(connection, event, deals, reason=reason, by=by, now=now) if deals else ()
        answer = DealsImported(
            deal_ids=tuple(each.deal.id for each in planned),
            problems=problems,
        )
        await remember(connection, key=key, answer=msgspec.json.encode(answer).decode(), now=now)
        return answer


async def foresee_import(
    pool: Pool,
    content: bytes | Sequence[ParsedDeal],
    *,
    event_id: UUID,
    currency: str,
    by: Actor,
    now: datetime,
) -> DealsForeseen:
    """
    What an import of that file would come to, its good rows kept. It is done and undone again; nothing stays.

    Raises:
        NotFound, Malformed, TooLarge, Conflict: As import_deals.
    """
    parsed = _parsed(content, currency)
    async with pool.acquire() as connection, undone(connection):
        event, _ = await lock_event(connection, event_id)
        check_running(event)
        deals, problems = await _terms_of(connection, event, parsed, currency=currency)
        if not deals:
            return DealsForeseen((), problems, ())
        planned = await write_deals(connection, event, deals, reason="", by=by, now=now)
        made = {each.deal.id for each in planned}
        warned = await warnings(connection, event_id=event_id)
        return DealsForeseen(planned, problems, tuple(each for each in warned if made & {each.deal_id, each.other_id}))


def _parsed(content: bytes | Sequence[ParsedDeal], currency: str) -> Sequence[ParsedDeal | RowProblem]:
    if isinstance(content, bytes):
        return list(read_rows(content, currency=currency))
    if len(content) > ROWS_MAX:
        raise _too_many_rows()
    return content


async def _terms_of(
    connection: Connection, event: SaleEvent, parsed: Sequence[ParsedDeal | RowProblem], *, currency: str
) -> tuple[list[DealTerms], tuple[RowProblem, ...]]:
    """What the rows come to with the catalogue as it is, and what is wrong with the others."""
    problems = [row for row in parsed if isinstance(row, RowProblem)]
    rows = [row for row in parsed if isinstance(row, ParsedDeal)]
    catalogue = await known_of(connection, [row.plan for row in rows])
    deals: list[DealTerms] = []
    for row in rows:
        try:
            terms = read_deal(row.plan, event=event, known=catalogue)
        except Invalid as refusal:
            problems += [RowProblem(row.line, COLUMNS[each.field], each.problem) for each in refusal.fields]
            continue
        if terms.currency != currency:
            problems.append(RowProblem(row.line, "skus", f"These are sold in {terms.currency}, not in {currency}."))
            continue
        deals.append(terms)
    return deals, tuple(sorted(problems, key=lambda problem: problem.line)[:PROBLEMS_MAX])


def example(event: SaleEvent, *, sku: str) -> str:
    """A file for that event that can be read, and planned where the shop has the SKU: to begin from."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS.values())
    begins, ends = (written(moment, zone_named(event.time_zone)) for moment in (event.opens_at, event.closes_at))
    writer.writerow(["A fifth off", "percent", "20", sku, "", begins, ends, "", "no", "no", "1000", "2", "15"])
    writer.writerow(["As many as there are", "percent", "12.5", sku, "", begins, ends, "", "no", "yes", "", "", ""])
    return text.getvalue()


# ---- the file


def read_rows(content: bytes, *, currency: str) -> Iterator[ParsedDeal | RowProblem]:
    """
    Rows and problems in the order of the file.

    Raises:
        Malformed: It is not UTF-8, not a CSV, or its header lacks a column that is needed.
        TooLarge: It has more bytes or rows than are read at once.
    """
    if len(content) > BYTES_MAX:
        raise TooLarge("file_too_large", f"A file of deals has at most {BYTES_MAX:,} bytes. Nothing was planned.")
    records = _records(_text(content))
    columns = _header(records)
    for count, (line, cells) in enumerate(records):
        if count == ROWS_MAX:
            raise _too_many_rows()
        row = _Row(line, cells, columns)
        if any(cell.strip() for cell in cells[len(columns) :]):
            yield RowProblem(line, "", f"has {len(cells)} cells where the header has {len(columns)}")
            continue
        plan = _plan(row, currency)
        yield from row.problems
        if not row.problems:
            yield ParsedDeal(line, plan)


def _too_many_rows() -> TooLarge:
    return TooLarge("file_too_large", f"A file of deals has at most {ROWS_MAX} rows. Nothing was planned.")


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        sentence = f"The file is not UTF-8: see line {line:,}. Save it as “CSV UTF-8”. Nothing was planned."
        raise Malformed("unreadable_file", sentence) from error
    if "\0" in text:
        raise Malformed("unreadable_file", "The file holds a NUL byte: it is not a text. Nothing was planned.")
    return text


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, with their first line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        sentence = (
            f"The row that begins on line {line:,} cannot be read: is a quotation mark left open? Nothing was planned."
        )
        raise Malformed("unreadable_file", sentence) from error


def _header(records: Iterator[tuple[int, list[str]]]) -> list[str]:
    header = next(records, None)
    if header is None:
        raise Malformed("empty_file", "The file is empty. It begins with a line of column names.")
    names = [" ".join(name.replace("_", " ").split()).casefold() for name in header[1]]
    known = set(COLUMNS.values())
    if twice := sorted({name for name in names if name in known and names.count(name) > 1}):
        raise Malformed("no_header", f"The first line names the column {twice[0]} twice: leave one of them out.")
    missing = [name for name in _NEEDED if name not in names]
    if "skus" not in names and "products" not in names:
        missing.append("skus or products")
    if missing:
        sentence = f"The first line must name the columns; it lacks: {', '.join(missing)}."
        if len(names) == 1 and (";" in names[0] or "\t" in header[1][0]):
            sentence += " It seems to be separated by semicolons or tabs: save it separated by commas."
        raise Malformed("no_header", sentence)
    return names


class _Row:
    """One record, its cells by column; what is wrong with it is gathered while it is read."""

    def __init__(self, line: int, cells: Sequence[str], columns: Sequence[str]) -> None:
        self.line = line
        self.problems: list[RowProblem] = []
        self._cells = dict(zip(columns, (cell.strip() for cell in cells), strict=False))

    def text(self, column: str) -> str:
        return self._cells.get(column, "")

    def read(self, column: str, parse: Callable[[str], Value], otherwise: Value) -> Value:
        """What a cell says; a ValueError of the parser becomes a problem of this row."""
        try:
            return parse(self.text(column))
        except ValueError as error:
            self.problems.append(RowProblem(self.line, column, str(error)))
            return otherwise


def _plan(row: _Row, currency: str) -> DealPlan:
    kind = row.read("kind", _kind, Kind.PERCENT)
    none: int | None = None
    minutes = row.read("claim minutes", _whole_or_none, none)
    nothing: tuple[str, ...] = ()
    return DealPlan(
        title=row.text("title"),
        kind=kind,
        value=row.read("value", lambda text: parse_value(text, kind, currency), 0),
        begins_at=row.text("begins at"),
        ends_at=row.text("ends at"),
        skus=row.read("skus", _names, nothing),
        handles=row.read("products", _names, nothing),
        members_from=row.text("members from"),
        members_only=row.read("members only", _yes_or_no, False),
        stackable=row.read("stackable", _yes_or_no, False),
        units=row.read("units", _whole_or_none, none),
        per_customer=row.read("per customer", _whole_or_none, none),
        claim_minutes=CLAIM_MINUTES_USUAL if minutes is None else minutes,
    )


# ---- cells: each gives a value or raises ValueError with a reason for people


def parse_value(text: str, kind: Kind, currency: str) -> int:
    """
    A deal's value as it is kept: hundredths of a percent, or minor units.

    Args:
        text: "20", "12.5 %", "4.99": a full stop before the decimals.

    Raises:
        ValueError: It is no such number.
    """
    number = text.removesuffix("%").strip() if kind is Kind.PERCENT else text
    what = "A percentage, such as 20 or 12.5" if kind is Kind.PERCENT else f"An amount in {currency}, such as 4.99"
    if not number or len(number) > 20 or not set(number) <= set("0123456789."):
        raise ValueError(f"{what}.")
    try:
        if kind is not Kind.PERCENT:
            return to_minor(Decimal(number), currency)
        hundredths = Decimal(number) * 100
        if hundredths != hundredths.to_integral_value():
            raise ValueError(number)
        return int(hundredths)
    except (ValueError, InvalidOperation):
        raise ValueError(f"{what}, with no more decimals than it can have.") from None


def _kind(text: str) -> Kind:
    try:
        return Kind(text.casefold())
    except ValueError:
        raise ValueError(f"One of {', '.join(Kind)}.") from None


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(";") if name.strip()))
    if len(names) > DEAL_SKUS_MAX:
        raise ValueError(f"At most {DEAL_SKUS_MAX:,} in one deal.")
    return names


def _whole_or_none(text: str) -> int | None:
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise ValueError("A whole number, written with digits only.")
    return int(text)


def _yes_or_no(text: str) -> bool:
    try:
        return _YES[text.casefold()]
    except KeyError:
        raise ValueError("yes or no.") from None
