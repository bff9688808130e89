"""Products on their way in, from whatever file: read and checked, not yet written."""

import re
import unicodedata
from datetime import datetime

import msgspec


class RowProblem(msgspec.Struct, frozen=True):
    """Why a row of a file was not imported."""

    line: int  # of the file, from 1; where a row spans several, its first
    column: str  # as the file names it; "" where it is the row as a whole
    reason: str

    def __str__(self) -> str:
        place = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{place}: {self.reason}"


class ParsedVariant(msgspec.Struct, frozen=True):
    """One thing to buy."""

    line: int
    sku: str
    option_values: tuple[str, ...]
    price_minor: int  # more than 0
    compare_at_minor: int | None
    quantity: int | None  # units, 0 or more; None: the file does not say
    image_url: str | None


class ParsedProduct(msgspec.Struct, frozen=True):
    """A product with at least one variant."""

    line: int
    handle: str
    title: str
    description_html: str  # cleaned
    vendor: str
    category_name: str | None
    tags: tuple[str, ...]
    option_names: tuple[str, ...]
    image_url: str | None
    status: str  # active, draft or archived
    variants: tuple[ParsedVariant, ...]
    popularity: int = 0  # how often it was bought before; 0 where nobody knows
    first_seen: datetime | None = None  # since when it is sold; None: from now on


def slug_of(name: str) -> str:
    """How a category is named in an address: "Kitchen & Dining" is kitchen-dining. At most 100 characters."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = _dashed(ascii_name) or _dashed(name)  # a name in another script keeps its own letters
    return slug[:100].strip("-")


def _dashed(text: str) -> str:
    return re.sub(r"[\W_]+", "-", text.casefold()).strip("-")
