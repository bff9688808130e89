"""
Reading the product CSV that Shopify exports: several rows a product, the rows of one product side by side.

    lines ──► records (quoting undone) ──► rows of one handle ──► ParsedProduct, and a RowProblem for each bad row

A product's own columns stand in its first row. Each row with a SKU or a price is a variant; a row with neither
only brings a further picture. A bad row is left out, its neighbours are not; where the first row's product
columns are bad, there is no product to put the other rows into. Columns nobody asks for are ignored.

Source: https://help.shopify.com/en/manual/products/import-export/using-csv (both its older and newer column names).
"""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import TypeVar

import nh3

from evertill.catalog.incoming import ParsedProduct, ParsedVariant, RowProblem
from evertill.catalog.model import SINGLE_OPTION
from evertill.money import to_minor
from evertill.refusals import Malformed

Value = TypeVar("Value")

VARIANTS_MAX = 2_048  # of one product: Shopify's own limit
QUANTITY_MAX = 10_000_000  # units
RECORD_CHARACTERS_MAX = 1_048_576
TOO_LONG_LINE = "x" * (RECORD_CHARACTERS_MAX + 1)  # stands for one that nobody would hold in memory
_RESUMES_MAX = 100  # times that reading starts again one line after an unclosed quotation mark

_NEEDED = ("handle", "title", "variant sku", "variant price")
_NEWER_NAMES = {
    "url handle": "handle",
    "description": "body (html)",
    "published on online store": "published",
    "sku": "variant sku",
    "price": "variant price",
    "compare-at price": "variant compare at price",
    "inventory quantity": "variant inventory qty",
    "product image url": "image src",
    "variant image url": "variant image",
}
_OPTIONS = (1, 2, 3)
_READ = {
    *_NEEDED, *_NEWER_NAMES.values(), "vendor", "type", "tags", "status",
    *(f"option{n} {part}" for n in _OPTIONS for part in ("name", "value")),
}  # fmt: skip
_STATUSES = ("active", "draft", "archived")
_PUBLISHED = {"": True, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

# What a description may hold: text and its structure, nothing that loads, links or looks.
_DESCRIPTION_TAGS = {"p", "br", "ul", "ol", "li", "b", "strong", "i", "em", "h3", "h4"}

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_HANDLE = re.compile(r"\w[\w.~-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>]+")


def read_products(lines: Iterable[str], *, currency: str) -> Iterator[ParsedProduct | RowProblem]:
    """
    Products and problems of a file in the order of its rows, one product in memory at a time.

    Args:
        lines: The file's lines with their line ends.

        currency: ISO 4217; prices with more decimal places than it has are problems.

    Raises:
        Malformed: There is no header, or it lacks a column that is needed.
    """
    records = _records(lines)
    columns, width = _header(records)
    rows: list[_Row] = []
    left_out = False
    for record in records:
        if isinstance(record, RowProblem):
            yield record
            continue
        row = _Row(record[0], record[1], columns, width)
        if row.is_blank():
            continue
        if problem := row.problem_as_a_whole():
            yield problem
            continue
        if rows and row.text("handle") != rows[0].text("handle"):
            yield from _product(rows, currency)
            rows, left_out = [], False
        if len(rows) < 2 * VARIANTS_MAX:
            rows.append(row if not rows else row.without_body())
        elif not left_out:
            left_out = True
            reason = f"its product has more than {2 * VARIANTS_MAX:,} rows: this one and those behind it are left out"
            yield row.problem("handle", reason)
    if rows:
        yield from _product(rows, currency)


# ---- from lines to records


class _Lines:
    """Lines that are counted, and remembered while their record is under way, so that they can be read again."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._fresh = iter(lines)
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._characters = 0
        self.first_line = 1  # of the record under way

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._fresh)
        self._taken.append(line)
        self._characters += len(line)
        if self._characters > RECORD_CHARACTERS_MAX:
            raise csv.Error("record too long")
        return line

    def begin_record(self) -> None:
        self.first_line += len(self._taken)
        self._taken.clear()
        self._characters = 0

    def read_again(self) -> bool:
        """Take all lines of this record but its first back into what is still to be read; whether there were any."""
        self._again.extendleft(reversed(self._taken[1:]))
        more = len(self._taken) > 1
        del self._taken[1:]
        return more


def _records(lines: Iterable[str]) -> Iterator[tuple[int, list[str]] | RowProblem]:
    """Records with their first line. One that cannot be read is a problem, and reading goes on behind it."""
    source = _Lines(lines)
    reader = csv.reader(source, strict=True)
    resumes = 0
    while True:
        source.begin_record()
        try:
            yield source.first_line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield RowProblem(source.first_line, "", _quoting_reason(str(error)))
            # A quotation mark that is never closed swallows the rows behind it: they are read again without it.
            if resumes < _RESUMES_MAX and source.read_again():
                resumes += 1
            reader = csv.reader(source, strict=True)


def _quoting_reason(error: str) -> str:
    if error.startswith("unexpected end of data"):
        return "a quotation mark is opened here and never closed"
    if error.startswith("field larger"):
        return "a text longer than 131,072 characters begins here; is a closing quotation mark missing?"
    if error.startswith("record too long"):
        return f"the row that begins here is longer than {RECORD_CHARACTERS_MAX:,} characters"
    if error.startswith("new-line character"):
        return "a line ends in a lone carriage return; save the file with ordinary line ends"
    return 'a quotation mark is left open, or stands inside a quoted text (there, write it twice: "")'


def _header(records: Iterator[tuple[int, list[str]] | RowProblem]) -> tuple[dict[str, tuple[int, str]], int]:
    """Where each column stands and how the file names it; and how many there are."""
    for record in records:
        if isinstance(record, RowProblem):
            raise Malformed("unreadable_file", f"The header cannot be read: {record}.")
        names = [name.removeprefix("\ufeff").strip() for name in record[1]]
        if not any(names):
            continue
        columns: dict[str, tuple[int, str]] = {}
        for index, name in enumerate(names):
            known = _NEWER_NAMES.get(name.casefold(), name.casefold())
            if known in _READ and known in columns and columns[known][1].casefold() == name.casefold():
                raise Malformed("no_header", f"The first line names the column {name} twice: leave one of them out.")
            columns.setdefault(known, (index, name))
        missing = [name for name in _NEEDED if name not in columns]
        if missing:
            raise Malformed("no_header", _missing_sentence(missing, names))
        return columns, len(names)
    raise Malformed("empty_file", "The file is empty. A product CSV begins with a line of column names.")


def _missing_sentence(missing: list[str], names: list[str]) -> str:
    wanted = ", ".join(_titled(name) for name in missing)
    text = f"The first line must name the columns; it lacks: {wanted}."
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        text += " It seems to be separated by semicolons or tabs: save it separated by commas."
    return text


def _titled(name: str) -> str:
    return name.title().replace("Sku", "SKU").replace("(Html)", "(HTML)")


class _Row:
    """One record, its cells by column; what is wrong with it is gathered while it is read."""

    __slots__ = ("_cells", "_columns", "_width", "line", "problems")

    def __init__(self, line: int, cells: list[str], columns: dict[str, tuple[int, str]], width: int) -> None:
        self.line = line
        self._cells = cells
        self._columns = columns
        self._width = width
        self.problems: list[RowProblem] = []

    def text(self, column: str) -> str:
        """The cell without blanks around it; "" where the file has no such column or the row ends before it."""
        index = self._columns.get(column, (len(self._cells),))[0]
        return self._cells[index].strip() if index < len(self._cells) else ""

    def read(self, column: str, parse: Callable[[str], Value], otherwise: Value) -> Value:
        """What a cell says; a ValueError of the parser becomes a problem of this row."""
        try:
            return parse(self.text(column))
        except ValueError as error:
            self.problems.append(self.problem(column, str(error)))
            return otherwise

    def problem(self, column: str, reason: str) -> RowProblem:
        return RowProblem(self.line, self._columns[column][1] if column in self._columns else _titled(column), reason)

    def is_blank(self) -> bool:
        return not any(cell.strip() for cell in self._cells)

    def is_variant(self) -> bool:
        return any(self.text(column) for column in ("variant sku", "variant price", "option1 value"))

    def without_body(self) -> "_Row":
        """A row behind the first needs no description: a product of a thousand rows stays small in memory."""
        index = self._columns.get("body (html)", (len(self._cells),))[0]
        if index < len(self._cells):
            self._cells[index] = ""
        return self

    def problem_as_a_whole(self) -> RowProblem | None:
        """What keeps this row from being read at all."""
        if any(cell.strip() for cell in self._cells[self._width :]):
            cells = f"has {len(self._cells)} cells where the header has {self._width}"
            return RowProblem(self.line, "", f"{cells}; is a text with a comma not quoted?")
        if any(_UNSTORABLE.search(cell) for cell in self._cells):
            return RowProblem(self.line, "", "holds a character that is no text (NUL or half a surrogate pair)")
        try:
            _handle(self.text("handle"))
        except ValueError as error:
            return self.problem("handle", str(error))
        return None


# ---- from rows to a product


def _product(rows: list[_Row], currency: str) -> Iterator[ParsedProduct | RowProblem]:
    first = rows[0]
    variant_rows = [row for row in rows if row.is_variant()]
    if not variant_rows:
        yield first.problem("variant sku", "the product has no row with a SKU and a price")
        return
    title = first.read("title", _text(255, needed=True), "")
    description = first.read("body (html)", _description, "")
    vendor = first.read("vendor", _text(255), "")
    category = first.read("type", _text(255), "")
    no_tags: tuple[str, ...] = ()
    tags = first.read("tags", _tags, no_tags)
    status = _status(first)
    option_names = _option_names(first)
    image_url = next((row.read("image src", _image, None) for row in rows if row.text("image src")), None)
    product_is_bad = bool(first.problems)
    if product_is_bad and len(variant_rows) > 1:
        reason = f"without these columns there is no product for its {len(variant_rows)} variants, none is imported"
        first.problems.append(RowProblem(first.line, "", reason))
    variants = _variants(variant_rows, option_names, currency)
    for row in rows:
        yield from row.problems
    if variants and not product_is_bad:
        yield ParsedProduct(
            line=first.line,
            handle=first.text("handle"),
            title=title,
            description_html=description,
            vendor=vendor,
            category_name=category or None,
            tags=tags,
            option_names=option_names,
            image_url=image_url,
            status=status,
            variants=tuple(variants),
        )


def _variants(rows: list[_Row], option_names: tuple[str, ...], currency: str) -> list[ParsedVariant]:
    """The variants that can be; what is wrong with the others is left in their rows."""
    variants: list[ParsedVariant] = []
    lines: dict[tuple[str, ...], int] = {}
    for row in rows:
        variant = _variant(row, option_names, currency)
        if len(variants) == VARIANTS_MAX:
            row.problems.append(row.problem("handle", f"its product has more than {VARIANTS_MAX:,} variants"))
        elif variant.option_values in lines:
            reason = f"the same options as on line {lines[variant.option_values]}"
            row.problems.append(row.problem("option1 value", reason))
        if not row.problems:
            lines[variant.option_values] = row.line
            variants.append(variant)
    return variants


def _variant(row: _Row, option_names: tuple[str, ...], currency: str) -> ParsedVariant:
    return ParsedVariant(
        line=row.line,
        sku=row.read("variant sku", _sku, ""),
        option_values=_option_values(row, option_names),
        price_minor=row.read("variant price", lambda text: parse_price(text, currency), 0),
        compare_at_minor=row.read("variant compare at price", lambda text: _old_price(text, currency), None),
        quantity=row.read("variant inventory qty", parse_quantity, None),
        image_url=row.read("variant image", _image, None),
    )


def _option_names(first: _Row) -> tuple[str, ...]:
    names = [first.read(f"option{n} name", _text(255), "") for n in _OPTIONS]
    if (names[0], first.text("option1 value")) == SINGLE_OPTION:
        return ()
    return tuple(names[: names.index("")] if "" in names else names)


def _option_values(row: _Row, names: tuple[str, ...]) -> tuple[str, ...]:
    values = tuple(row.read(f"option{n} value", _text(255, needed=True), "") for n in _OPTIONS[: len(names)])
    for n in _OPTIONS[len(names) :]:
        value = row.text(f"option{n} value")
        if value and value != SINGLE_OPTION[1]:
            reason = f"{_shown(value)} has no name: the product's first row has no Option{n} Name"
            row.problems.append(row.problem(f"option{n} value", reason))
    return values


def _status(first: _Row) -> str:
    published = first.read("published", _published, True)
    status = first.read("status", _known_status, "")
    if status in ("", "active"):
        return "active" if published else "draft"
    return status


# ---- cells: each gives a value or raises ValueError with a reason for people


def parse_price(text: str, currency: str) -> int:
    """
    A price as minor units: more than 0, a full stop before the decimals, nothing else.

    Raises:
        ValueError: With the reason, and how to write it where that can be guessed.
    """
    if not text:
        raise ValueError("missing")
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise ValueError(_price_advice(text))
    try:
        minor = to_minor(Decimal(text), currency)
    except ValueError:
        raise ValueError(f"{text} has more decimal places than {currency} has") from None
    if minor == 0:
        raise ValueError("is 0, but must be more than 0")
    return minor


def parse_quantity(text: str) -> int | None:
    """
    Units, 0 or more; None for an empty cell.

    Raises:
        ValueError: With the reason.
    """
    if not text:
        return None
    if re.fullmatch(r"-[0-9]+(\.[0-9]+)?", text):
        raise ValueError(f"{_shown(text)} is negative, but must be 0 or more")
    if re.fullmatch(r"[0-9]+\.[0-9]+", text):
        raise ValueError(f"{_shown(text)} is no whole number")
    if not re.fullmatch(r"[0-9]+", text):
        raise ValueError(f"{_shown(text)} is no number: write it with digits only, such as 1200")
    if len(text) > 12 or int(text) > QUANTITY_MAX:
        raise ValueError(f"{_shown(text)} is more than {QUANTITY_MAX:,}")
    return int(text)


def _price_advice(text: str) -> str:
    digits = re.sub(r"[^0-9.,-]", "", text)
    if digits.startswith("-"):
        return f"{_shown(text)} is negative, but must be more than 0"
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", digits):
        return f"{_shown(text)} holds a comma: write {digits.replace(',', '')}"
    if re.fullmatch(r"[0-9]{1,3}(\.?[0-9]{3})*,[0-9]{1,2}", digits):
        return f"{_shown(text)} holds a comma: write {digits.replace('.', '').replace(',', '.')}"
    if digits != text and re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", digits):
        return f"{_shown(text)} is no plain number: write {digits}"
    return f"{_shown(text)} is no price: write it like 12.99, below 1000000000"


def _old_price(text: str, currency: str) -> int | None:
    # Shopify writes 0 where there is no old price.
    return None if not text or re.fullmatch(r"0+(\.0+)?", text) else parse_price(text, currency)


def _handle(text: str) -> str:
    if not text:
        raise ValueError("missing")
    if len(text) > 255:
        raise ValueError("longer than 255 characters")
    if not _HANDLE.fullmatch(text):
        raise ValueError(f"{_shown(text)} cannot be part of an address: use letters, digits and dashes")
    return text


def _sku(text: str) -> str:
    if not text:
        raise ValueError("missing: every variant needs a SKU of its own")
    if len(text) > 120:
        raise ValueError("longer than 120 characters")
    if _CONTROL.search(text):
        raise ValueError("holds a line break or another control character")
    return text


def _text(characters_max: int, *, needed: bool = False) -> Callable[[str], str]:
    def parse(text: str) -> str:
        text = " ".join(_CONTROL.sub(" ", text).split())
        if needed and not text:
            raise ValueError("missing")
        if len(text) > characters_max:
            raise ValueError(f"longer than {characters_max} characters")
        return text

    return parse


def _description(text: str) -> str:
    return nh3.clean(text, tags=_DESCRIPTION_TAGS, attributes={}).strip() if text else ""


def _tags(text: str) -> tuple[str, ...]:
    parse = _text(255)
    tags = tuple(dict.fromkeys(tag for tag in map(parse, text.split(",")) if tag))
    if len(tags) > 250:
        raise ValueError("more than 250 tags")
    return tags


def _image(text: str) -> str | None:
    if not text:
        return None
    if len(text) > 2_048:
        raise ValueError("longer than 2,048 characters")
    if not _WEB_ADDRESS.fullmatch(text):
        raise ValueError(f"{_shown(text)} is no address that begins with https://")
    return text


def _known_status(text: str) -> str:
    status = text.casefold()
    if status and status not in _STATUSES:
        raise ValueError(f"{_shown(text)} is not one of {', '.join(_STATUSES)}")
    return status


def _published(text: str) -> bool:
    if text.casefold() not in _PUBLISHED:
        raise ValueError(f"{_shown(text)} is neither TRUE nor FALSE")
    return _PUBLISHED[text.casefold()]


def _shown(text: str) -> str:
    """A cell as quoted in a reason: not longer than a line can bear."""
    return repr(text if len(text) <= 40 else text[:39] + "…")
