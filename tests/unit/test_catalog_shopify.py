"""Reading a Shopify export: what becomes a product, and what is told about every row that does not."""

import contextlib
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.catalog.incoming import ParsedProduct, RowProblem, slug_of
from evertill.catalog.shopify import VARIANTS_MAX, parse_price, parse_quantity, read_products
from evertill.refusals import Malformed

COLUMNS = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Option1 Name", "Option1 Value",
    "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value", "Variant SKU", "Variant Inventory Qty",
    "Variant Price", "Variant Compare At Price", "Image Src", "Variant Image", "Status", "Gift Card",
)  # fmt: skip
MUG = {"Handle": "mug", "Title": "Mug", "Variant SKU": "MUG", "Variant Price": "4.50"}


def lines_of(text: str) -> list[str]:
    """A text cut behind its line feeds, and nowhere else."""
    return list(io.StringIO(text, newline="\n"))


def file_of(*rows: dict[str, str]) -> list[str]:
    """The lines of a CSV with all columns, one row a line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return lines_of(text.getvalue())


def read(lines: list[str], currency: str = "GBP") -> tuple[list[ParsedProduct], list[RowProblem]]:
    """Products and problems of a file."""
    items = list(read_products(lines, currency=currency))
    return (
        [item for item in items if isinstance(item, ParsedProduct)],
        [item for item in items if isinstance(item, RowProblem)],
    )


def test_rows_of_one_handle_become_one_product() -> None:
    """Product columns come from the first row, a variant from each row that has one, further pictures from nowhere."""
    products, problems = read(
        file_of(
            {
                "Handle": "tea-towel", "Title": "Tea  towel",
                "Body (HTML)": "<p onclick=x>Dry <b>well</b></p><script>x</script>",
                "Vendor": "Loom", "Type": "Kitchen & Dining", "Tags": "linen, gift,linen", "Published": "TRUE",
                "Option1 Name": "Colour", "Option1 Value": "Red", "Variant SKU": "TT-R", "Variant Inventory Qty": "12",
                "Variant Price": "7.50", "Variant Compare At Price": "9.00", "Image Src": "https://img.example/1.jpg",
                "Status": "active",
            },
            {"Handle": "tea-towel", "Option1 Value": "Blue", "Variant SKU": "TT-B", "Variant Price": "8",
             "Variant Image": "https://img.example/b.jpg"},
            {"Handle": "tea-towel", "Image Src": "https://img.example/2.jpg"},
            MUG,
        )
    )  # fmt: skip
    assert problems == []
    towel, mug = products
    assert (towel.line, towel.handle, towel.title, towel.vendor) == (2, "tea-towel", "Tea towel", "Loom")
    assert towel.description_html == "<p>Dry <b>well</b></p>"
    assert (towel.category_name, towel.tags, towel.option_names) == ("Kitchen & Dining", ("linen", "gift"), ("Colour",))
    assert (towel.image_url, towel.status) == ("https://img.example/1.jpg", "active")
    red, blue = towel.variants
    assert (red.line, red.sku, red.option_values, red.quantity) == (2, "TT-R", ("Red",), 12)
    assert (red.price_minor, red.compare_at_minor, red.image_url) == (750, 900, None)
    assert (blue.line, blue.price_minor, blue.quantity, blue.image_url) == (3, 800, None, "https://img.example/b.jpg")
    assert (mug.line, mug.option_names, mug.variants[0].option_values) == (5, (), ())


def test_newer_column_names_are_understood() -> None:
    """Shopify renamed its columns; a file by the new names is the same file."""
    lines = ["URL handle,Title,SKU,Price,Inventory quantity\n", "mug,Mug,MUG,4.50,7\n"]
    products, problems = read(lines)
    assert problems == []
    assert (products[0].variants[0].sku, products[0].variants[0].quantity) == ("MUG", 7)


def test_a_byte_order_mark_quoted_lines_and_windows_line_ends_are_fine() -> None:
    """A file as spreadsheets save it: its rows keep the number of their first line."""
    lines = [
        "\ufeffHandle,Title,Body (HTML),Variant SKU,Variant Price\r\n",
        'a,A,"<p>one\r\n',
        'two</p>",A1,1\r\n',
        "b,B,,B1,0\r\n",
    ]
    products, problems = read(lines)
    assert [(product.line, product.handle) for product in products] == [(2, "a")]
    assert problems == [RowProblem(4, "Variant Price", "is 0, but must be more than 0")]


@pytest.mark.parametrize(
    ("published", "status", "expected"),
    [("", "", "active"), ("TRUE", "", "active"), ("false", "", "draft"), ("false", "active", "draft"),
     ("true", "Archived", "archived"), ("true", "draft", "draft")],
)  # fmt: skip
def test_only_what_is_published_and_active_is_on_sale(published: str, status: str, expected: str) -> None:
    """Shopify says it in two columns; either can take a product off the shelves."""
    products, _ = read(file_of(MUG | {"Published": published, "Status": status}))
    assert products[0].status == expected


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"Handle": ""}, "Handle", "missing"),
        ({"Handle": "a/b"}, "Handle", "cannot be part of an address"),
        ({"Handle": "x" * 256}, "Handle", "longer than 255"),
        ({"Title": ""}, "Title", "missing"),
        ({"Title": "x" * 256}, "Title", "longer than 255"),
        ({"Variant SKU": ""}, "Variant SKU", "missing"),
        ({"Variant SKU": "x" * 121}, "Variant SKU", "longer than 120"),
        ({"Variant SKU": "a\nb"}, "Variant SKU", "control character"),
        ({"Variant Price": ""}, "Variant Price", "missing"),
        ({"Variant Price": "1,299.00"}, "Variant Price", "write 1299.00"),
        ({"Variant Price": "-1"}, "Variant Price", "negative"),
        ({"Variant Compare At Price": "9,00"}, "Variant Compare At Price", "write 9.00"),
        ({"Variant Inventory Qty": "1.5"}, "Variant Inventory Qty", "no whole number"),
        ({"Variant Inventory Qty": "-3"}, "Variant Inventory Qty", "negative"),
        ({"Image Src": "javascript:alert(1)"}, "Image Src", "no address"),
        ({"Status": "gone"}, "Status", "not one of active, draft, archived"),
        ({"Published": "perhaps"}, "Published", "neither TRUE nor FALSE"),
        ({"Tags": ",".join(map(str, range(251)))}, "Tags", "more than 250"),
        ({"Option2 Value": "Large"}, "Option2 Value", "has no name"),
        ({"Option1 Name": "Size"}, "Option1 Value", "missing"),
        ({"Vendor": "a\x00b"}, "", "no text"),
        ({"Variant SKU": "", "Variant Price": ""}, "Variant SKU", "no row with a SKU"),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_by_line_column_and_reason(change: dict[str, str], column: str, reason: str) -> None:
    """The bad row is left out; the good one beside it is a product."""
    tea = {"Handle": "tea", "Title": "Tea", "Variant SKU": "TEA", "Variant Price": "3"}
    products, problems = read(file_of(MUG | change, tea))
    assert [product.handle for product in products] == ["tea"]
    assert [(problem.line, problem.column) for problem in problems] == [(2, column)]
    assert reason in problems[0].reason
    assert f"line 2{', ' + column if column else ''}: " in str(problems[0])


def test_a_bad_variant_leaves_its_neighbours() -> None:
    """One variant of three is wrong, one twice the same: the others are sold."""
    products, problems = read(
        file_of(
            MUG | {"Option1 Name": "Size", "Option1 Value": "S", "Variant SKU": "S", "Variant Price": "oops"},
            MUG | {"Option1 Value": "M", "Variant SKU": "M"},
            MUG | {"Option1 Value": "M", "Variant SKU": "M2"},
        )
    )
    assert [variant.sku for variant in products[0].variants] == ["M"]
    assert [(problem.line, problem.column) for problem in problems] == [(2, "Variant Price"), (4, "Option1 Value")]
    assert problems[1].reason == "the same options as on line 3"


def test_a_product_without_its_columns_says_that_its_variants_are_lost_too() -> None:
    """Where the first row has no title, the other rows have no product to go into; nobody has to guess that."""
    products, problems = read(file_of(MUG | {"Title": ""}, MUG | {"Variant SKU": "M2"}))
    assert products == []
    assert "2 variants, none is imported" in problems[1].reason


def test_more_variants_than_a_product_may_have_are_told() -> None:
    """A product is held in memory whole: its size has a bound."""
    rows = [
        MUG | {"Option1 Name": "N", "Option1 Value": str(n), "Variant SKU": f"M{n}"}
        for n in range(2 * VARIANTS_MAX + 1)
    ]
    products, problems = read(file_of(*rows))
    assert len(products[0].variants) == VARIANTS_MAX
    assert len(problems) == VARIANTS_MAX + 1


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        ([], "empty_file", "empty"),
        (["\n", "\n"], "empty_file", "empty"),
        (["mug,Mug,MUG,4.50\n"], "no_header", "Handle, Title, Variant SKU, Variant Price"),
        (["Handle,Title,Variant Price\n"], "no_header", "lacks: Variant SKU"),
        (["Handle;Title;Variant SKU;Variant Price\n"], "no_header", "semicolons"),
        (["Handle,Title,Variant SKU,Variant Price,variant sku\n"], "no_header", "variant sku twice"),
        (['Handle,"Title\n'], "unreadable_file", "quotation mark"),
        (["Handle\rTitle\r"], "unreadable_file", "carriage return"),
    ],
)
def test_a_file_without_a_header_is_refused_as_a_whole(lines: list[str], code: str, words: str) -> None:
    """Without column names no cell can be told from another: one sentence says what is missing."""
    with pytest.raises(Malformed) as refused:
        read(lines)
    assert refused.value.code == code
    assert words in refused.value.sentence


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (['bad,"Bad,,,\n'], "never closed"),
        (['bad,"Bad" x,SKU,1\n'], "left open, or stands inside"),
        (['bad,"', "x" * 131_073, '",SKU,1\n'], "longer than 131,072"),
        (["bad,Bad\rx,SKU,1\n"], "carriage return"),
        (["bad,Bad,SKU,1,999,00\n"], "not quoted"),
    ],
)
def test_broken_quoting_costs_its_own_row_only(bad: list[str], reason: str) -> None:
    """A quotation mark that is never closed would swallow the rest of the file: reading goes on behind its line."""
    header, good = "Handle,Title,Variant SKU,Variant Price\n", "mug,Mug,MUG,4.50\n"
    products, problems = read([header, *lines_of("".join(bad)), good])
    assert [product.handle for product in products] == ["mug"]
    assert problems[0].line == 2
    assert reason in problems[0].reason


def test_a_text_that_runs_on_for_megabytes_is_told_in_a_few_lines() -> None:
    """What its lines look like is not told one by one: they are rows of one product that is too long."""
    header, good = "Handle,Title,Variant SKU,Variant Price\n", "mug,Mug,MUG,4.50\n"
    products, problems = read([header, 'bad,"\n', *["word-upon-word\n"] * 100_000, '",SKU,1\n', good])
    assert [product.handle for product in products] == ["mug"]
    assert problems[0].line == 2
    assert len(problems) < 10


def test_columns_that_nobody_reads_may_be_unnamed_or_named_alike() -> None:
    """A row is as wide as its header."""
    products, problems = read(["Handle,Title,Variant SKU,Variant Price,,,Note,Note\n", "mug,Mug,MUG,4.50,a,b,c,d\n"])
    assert len(products) == 1
    assert problems == []


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("12.99", "GBP", 1299), ("12", "GBP", 1200), ("0.01", "GBP", 1), ("5.000", "GBP", 500), ("500", "JPY", 500),
     ("1.234", "KWD", 1234), ("999999999", "GBP", 99999999900)],
)  # fmt: skip
def test_a_price_is_minor_units_of_its_currency(text: str, currency: str, minor: int) -> None:
    """Exact, whatever number of decimals the currency has."""
    assert parse_price(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "advice"),
    [("1,299.00", "write 1299.00"), ("1,299", "write 1299"), ("12,50", "write 12.50"), ("1.299,00", "write 1299.00"),
     ("£12", "write 12"), ("12.99 GBP", "write 12.99"), ("-4", "negative"), ("-£4.00", "negative"),
     ("0", "more than 0"), ("0.00", "more than 0"), ("1.005", "more decimal places"),
     ("free", "like 12.99"), ("1e5", "no plain number"),
     (".5", "like 12.99"), ("5.", "like 12.99"), ("١٢", "like 12.99"), ("9" * 50, "below"),
     ("NaN", "like 12.99"), ("", "missing")],
)  # fmt: skip
def test_a_price_that_cannot_be_is_told_with_how_to_write_it(text: str, advice: str) -> None:
    """Never guessed: 1,299 may be a thousand or one and a bit."""
    with pytest.raises(ValueError, match=advice):
        parse_price(text, "GBP")


@pytest.mark.parametrize(("text", "units"), [("", None), ("0", 0), ("007", 7), ("10000000", 10_000_000)])
def test_a_quantity_is_whole_units(text: str, units: int | None) -> None:
    """An empty cell says nothing about stock, which is not the same as none."""
    assert parse_quantity(text) == units


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1.5", "whole"), ("10.0", "whole"), ("-1", "negative"), ("-0.5", "negative"),
     ("10000001", "more than 10,000,000"), ("9" * 5000, "more than"),
     ("ten", "no number"), ("1,200", "no number"), ("٣", "no number")],
)  # fmt: skip
def test_a_quantity_that_cannot_be_is_told(text: str, reason: str) -> None:
    """Fractions, negatives, and more than anybody has."""
    with pytest.raises(ValueError, match=reason):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Kitchen & Dining", "kitchen-dining"),
        ("Café  Déco", "cafe-deco"),
        ("茶", "茶"),
        ("--", ""),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_category_is_named_in_addresses_by_its_slug(name: str, slug: str) -> None:
    """Plain letters where there are any."""
    assert slug_of(name) == slug


cells = st.one_of(
    st.sampled_from(
        ["", "mug", "tea", "1.00", "5", '"', '""', "a,b", "Default Title", "Title", "\r", "\x00", "active"]
    ),
    st.text(st.characters(exclude_categories=[]), max_size=8),
)


@given(st.lists(st.lists(cells, min_size=1, max_size=24).map(",".join), max_size=12))
def test_any_rows_are_read_without_a_fault(rows: list[str]) -> None:
    """Whatever stands under a good header: products and problems, each row's line within the file."""
    lines = [",".join(COLUMNS) + "\n", *(row + "\n" for row in rows)]
    products, problems = read(lines)
    assert all(2 <= problem.line <= len(lines) for problem in problems)
    for product in products:
        assert product.variants
        assert all(variant.price_minor > 0 and variant.sku for variant in product.variants)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """A file that is no product CSV at all is refused as Malformed, never with a fault."""
    with contextlib.suppress(Malformed):
        read(lines_of(text))
