"""
Derive the demo's catalogue, baskets and hours from the UCI Online Retail data set.

    python tools/derive_demo_catalog.py online_retail.parquet

Writes src/evertill/catalog/online_retail/: products.csv, baskets.json, hours.json and REPORT.json. The same input
gives the same bytes. Every rule by which rows are dropped stands in RULES below and is counted in REPORT.json.
Needs pyarrow, which the product itself does not.

Source: Daqing Chen (2015), Online Retail, UCI Machine Learning Repository, https://doi.org/10.24432/C5BW33, CC BY 4.0.
"""

import csv
import hashlib
import json
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow.parquet

OUTPUT = Path(__file__).parent.parent / "src/evertill/catalog/online_retail"

BASKETS = 2_000
BASKET_LINES_MAX = 12
BASKET_QUANTITY_MAX = 12  # the shop's buyers were retailers as well: hundreds of one article are no shopper's basket
PRICE_DAYS = 92  # the price is the usual one of an article's last three months


@dataclass(frozen=True, slots=True)
class Line:
    """One line of one invoice, as it stands in the data set."""

    invoice: str
    code: str
    description: str
    quantity: int
    at: datetime
    price: float


@dataclass(slots=True)
class Article:
    """What the clean lines of one stock code say."""

    code: str
    names: Counter[str] = field(default_factory=Counter)
    invoices: set[str] = field(default_factory=set)
    prices: list[tuple[datetime, int]] = field(default_factory=list)  # when, pence

    @property
    def name(self) -> str:
        return max(self.names.items(), key=lambda item: (item[1], item[0]))[0]

    @property
    def first_seen(self) -> datetime:
        return min(at for at, _ in self.prices)

    @property
    def price_pence(self) -> int:
        last = max(at for at, _ in self.prices)
        recent = Counter(pence for at, pence in self.prices if (last - at).days <= PRICE_DAYS)
        return max(recent.items(), key=lambda item: (item[1], -item[0]))[0]


_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_SHORT_FORMS: Sequence[tuple[str, str]] = _WORDS["short_forms"]
_SMALL_WORDS, _KEPT_WORDS, _COLOURS, _SIZES = (
    frozenset(_WORDS[name].split()) for name in ("small_words", "kept_words", "colours", "sizes")
)


# ---- dirt: what is dropped, in this order; a line counts under the first rule that meets it

_CHARGES = frozenset({"PACKING CHARGE", "NEXT DAY CARRIAGE"})
_ARTICLE_CODE = re.compile(r"[0-9]{5}[A-Z]{0,2}")
_UNITS = re.compile(r"[0-9]+(g|cm)\b|\b[xl]\b|[0-9]+cmx|[0-9]x[0-9]", re.IGNORECASE)


def _is_note(line: Line) -> bool:
    """Article names are in capitals; what somebody typed in small letters is a note: damaged, check, found, ???"""
    letters = [letter for letter in _UNITS.sub("", line.description) if letter.isalpha()]
    return sum(letter.islower() for letter in letters) * 2 > len(letters)


RULES: Sequence[tuple[str, str, Callable[[Line], bool]]] = (
    ("cancellation", "The invoice number begins with C: a cancelled or returned line.",
     lambda line: line.invoice.startswith("C")),
    ("bad_debt", "The invoice number begins with A: an adjustment of bad debt.",
     lambda line: line.invoice.startswith("A")),
    ("no_article", "The code is not five digits with up to two letters: postage (POST, DOT, C2), manual entries (M), "
     "discounts (D), bank and Amazon fees, samples, gift vouchers, another shop's articles (DCGS); or it is carriage "
     "or packing.",
     lambda line: not _ARTICLE_CODE.fullmatch(line.code.upper()) or line.description.upper() in _CHARGES),
    ("no_sale", "The quantity is zero or negative without being a cancellation: stock written off.",
     lambda line: line.quantity <= 0),
    ("no_price", "The price is zero or negative: given away, or a note of the warehouse.",
     lambda line: line.price < 0.01),
    ("no_description", "The description is missing.",
     lambda line: line.description in ("", "Unknown")),
    ("note", "The description is a note, told by its small letters or its question marks.",
     lambda line: _is_note(line) or "?" in line.description),
)  # fmt: skip


def read_lines(path: str) -> Iterator[Line]:
    columns = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice"]
    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(columns=columns):
        values = batch.to_pydict()
        for invoice, code, description, quantity, at, price in zip(*(values[name] for name in columns), strict=True):
            yield Line(invoice, code, " ".join((description or "").split()), quantity, at, price)


def clean(lines: Iterable[Line], dropped: Counter[str]) -> Iterator[Line]:
    seen: set[Line] = set()
    for line in lines:
        rule = next((name for name, _, meets in RULES if meets(line)), None)
        if rule is None and line in seen:
            rule = "duplicate"
        if rule is None:
            seen.add(line)
            yield line
        else:
            dropped[rule] += 1


# ---- names: from capitals and the warehouse's short forms to what a shop window says

_LITTLE_UNITS = re.compile(r"^\d+(\.\d+)?(x\d+)*(cm|g|ml|mm|m|kg|pc|pcs)?(x\d+(cm)?)*$", re.IGNORECASE)


def titled(name: str) -> str:
    """WHITE HANGING HEART T-LIGHT HOLDER as a shop writes it: White Hanging Heart T-Light Holder."""
    name = name.upper().replace("“", '"').replace("”", '"')
    for pattern, replacement in _SHORT_FORMS:
        name = re.sub(pattern, replacement, name)
    if name.count('"') == 1:
        name = name.replace('"', "")
    words = name.strip().split(" ")
    return " ".join(_cased(word, first=index == 0) for index, word in enumerate(words))


def _cased(word: str, *, first: bool) -> str:
    if word in _KEPT_WORDS:
        return word
    if word.lower() in _SMALL_WORDS and not first:
        return word.lower()
    if _LITTLE_UNITS.match(word):
        return word.lower()
    if word.startswith("D'") and len(word) > 2:
        return "d'" + word[2:].capitalize()
    if re.fullmatch(r"\d+'S", word):
        return word.lower()
    return re.sub(r"[A-Z]+('[A-Z]+)?", lambda part: part[0].capitalize(), word)


# ---- categories: the first rule that finds one of its words in a title wins

OTHER = "More Gifts"
_CATEGORY_PATTERNS = [
    (rule["name"], re.compile(rf"\b(?:{rule['words'].replace(chr(10), '')})\b", re.IGNORECASE))
    for rule in _WORDS["category"]
]


def category_of(title: str) -> str:
    return next((name for name, pattern in _CATEGORY_PATTERNS if pattern.search(title)), OTHER)


# ---- variants: codes that share their digits and differ by a few words in their titles


@dataclass(frozen=True, slots=True)
class Variants:
    """Articles that become one product."""

    title: str
    option_name: str
    values: tuple[str, ...]  # one per article


def variants_of(titles: Sequence[str]) -> Variants | None:
    """
    Titles of one code's digits as variants of one product; None where they are rather products of their own.

    Conservative: two words or more are common to all, they stand at the beginning or end, and what differs is
    a colour, a size, a letter, or a design of at most three words.
    """
    words = [title.split(" ") for title in titles]
    shortest = min(len(each) for each in words)
    head = _common([each[:shortest] for each in words])
    tail = _common([each[head:][::-1] for each in words]) if head < shortest else 0
    middles = [each[head : len(each) - tail] for each in words]
    common = [word for word in words[0][:head] + words[0][len(words[0]) - tail :] if word.isalpha()]
    values = tuple(_value(middle) for middle in middles)
    vague = _SMALL_WORDS | _COLOURS | _SIZES | {"design", "beaded", "assorted", "style", "shape"}
    plain = [word for word in common if word.lower() not in vague]
    if len(plain) < 2 or len(set(values)) < len(values) or not all(values) or max(map(len, middles)) > 3:
        return None
    name = _option_name(values)
    title = " ".join(words[0][:head] + (words[0][len(words[0]) - tail :] if tail else [])).strip(" ,/-&")
    title = re.sub(r"^(of|with|and|in|&|design)\s+|\s+(of|with|and|in|on|&|colour)$", "", title, flags=re.IGNORECASE)
    return Variants(title[:1].upper() + title[1:], name, values)


def _value(middle: Sequence[str]) -> str:
    value = re.sub(
        r"^(and|with|in|of)\s+|\s+(and|with|in|of|design)$", "", " ".join(middle).strip(" ,/-&"), flags=re.IGNORECASE
    )
    return value[:1].upper() + value[1:]


def _common(rows: Sequence[Sequence[str]]) -> int:
    """How many items all rows begin with alike."""
    count = 0
    for column in zip(*rows, strict=False):
        if len(set(column)) > 1:
            break
        count += 1
    return count


def _option_name(values: Sequence[str]) -> str:
    parts = [set(re.findall(r"[a-z&']+", value.lower())) for value in values]
    if all(len(value.strip('"')) == 1 for value in values):
        return "Letter"
    if all(part <= _SIZES or re.match(r"\d+(cm)?x", value) for part, value in zip(parts, values, strict=True)):
        return "Size"
    return "Colour" if all(part & _COLOURS for part in parts) else "Design"


# ---- the whole


@dataclass(frozen=True, slots=True)
class Row:
    """A line of products.csv: one variant."""

    handle: str
    title: str
    category: str
    option_name: str
    option_value: str
    sku: str
    price_pence: int
    popularity: int
    first_seen: str


def rows_of(articles: dict[str, Article]) -> list[Row]:
    by_digits: defaultdict[str, list[Article]] = defaultdict(list)
    for code in sorted(articles):
        by_digits[code[:5]].append(articles[code])
    handles: set[str] = set()
    rows: list[Row] = []
    for group in by_digits.values():
        titles = [titled(article.name) for article in group]
        variants = variants_of(titles) if len(group) > 1 else None
        if variants is None:
            for article, title in zip(group, titles, strict=True):
                rows.append(_row(_handle(title, article.code, handles), title, "", "", article))
            continue
        handle = _handle(variants.title, group[0].code[:5], handles)
        for article, value in zip(group, variants.values, strict=True):
            rows.append(_row(handle, variants.title, variants.option_name, value.strip('"'), article))
    return rows


def _row(handle: str, title: str, option_name: str, option_value: str, article: Article) -> Row:
    return Row(
        handle, title, category_of(title), option_name, option_value, article.code,
        article.price_pence, len(article.invoices), article.first_seen.date().isoformat(),
    )  # fmt: skip


def _handle(title: str, code: str, handles: set[str]) -> str:
    handle = re.sub(r"[^a-z0-9]+", "-", title.lower().replace("'", "")).strip("-")
    if handle in handles:
        handle = f"{handle}-{code.lower()}"
    handles.add(handle)
    return handle


def baskets_of(lines: Sequence[Line]) -> list[dict[str, int]]:
    """Real invoices drawn by the hash of their number, as SKU to quantity, both bounded."""
    invoices: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        invoices[line.invoice][line.code.upper()] += line.quantity
    drawn = sorted(invoices, key=lambda invoice: hashlib.sha256(invoice.encode()).digest())[:BASKETS]
    return [
        {sku: min(quantity, BASKET_QUANTITY_MAX) for sku, quantity in list(invoices[name].items())[:BASKET_LINES_MAX]}
        for name in drawn
    ]


def hours_of(lines: Sequence[Line]) -> list[list[int]]:
    """Invoices by weekday (Monday first) and hour."""
    counts = [[0] * 24 for _ in range(7)]
    for at in {line.invoice: line.at for line in lines}.values():
        counts[at.weekday()][at.hour] += 1
    return counts


def main(path: str) -> None:
    dropped: Counter[str] = Counter()
    source = list(read_lines(path))
    lines = list(clean(source, dropped))
    articles: dict[str, Article] = {}
    for line in lines:
        article = articles.setdefault(line.code.upper(), Article(line.code.upper()))
        article.names[line.description] += 1
        article.invoices.add(line.invoice)
        article.prices.append((line.at, round(line.price * 100)))
    rows = rows_of(articles)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with (OUTPUT / "products.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row.__dataclass_fields__)
        writer.writerows([getattr(row, name) for name in Row.__dataclass_fields__] for row in rows)
    _write("baskets.json", json.dumps(baskets_of(lines), separators=(",", ":")).replace("},", "},\n"))
    _write("hours.json", json.dumps(hours_of(lines)).replace("], ", "],\n"))
    _write("REPORT.json", json.dumps(_report(source, lines, dropped, articles, rows), indent=2, ensure_ascii=False))


def _report(
    source: Sequence[Line], lines: Sequence[Line], dropped: Counter[str], articles: dict[str, Article], rows: list[Row]
) -> dict[str, object]:
    codes = {line.code for line in source}
    whys = [(name, why) for name, why, _ in RULES]
    whys.append(("duplicate", "The same line stands there twice: invoice, code, description, quantity, price, minute."))
    handles = Counter(row.handle for row in rows)
    return {
        "source_lines": len(source),
        "kept_lines": len(lines),
        "dropped": [{"rule": name, "why": why, "lines": dropped[name]} for name, why in whys],
        "source_codes": len(codes),
        "codes_joined_by_case": len(codes) - len({code.upper() for code in codes}),
        "codes_without_a_clean_line": len({code.upper() for code in codes}) - len(articles),
        "products": len(handles),
        "variants": len(rows),
        "products_with_several_variants": sum(count > 1 for count in handles.values()),
        "variants_per_category": dict(Counter(row.category for row in rows).most_common()),
        "baskets": BASKETS,
    }


def _write(name: str, text: str) -> None:
    (OUTPUT / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
