"""Importing a product CSV into a shop that serves: what is written, what is told, and what a repeat leaves alone."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from evertill.catalog import importing
from evertill.catalog.importing import GROUP_VARIANTS, ImportReport, check_file, import_products
from evertill.catalog.incoming import ParsedProduct, RowProblem
from evertill.catalog.shelves import product
from evertill.refusals import Malformed, NotFound, Unavailable
from evertill.storage import Connection, Pool

HEADER = "Handle,Title,Type,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Status\n"
FILE = (
    HEADER
    + "towel,Tea towel,Kitchen & Dining,Colour,Red,TT-R,10,7.50,active\n"
    + "towel,,,,Blue,TT-B,20,8.00,\n"
    + "mug,Mug,Kitchen & Dining,Title,Default Title,MUG,5,4.50,active\n"
    + "lamp,Lamp,Lights,Title,Default Title,LAMP,1,30,draft\n"
)
NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)
LATER = datetime(2026, 5, 2, 9, tzinfo=UTC)


class Importer:
    """Imports texts as files and remembers what was told."""

    def __init__(self, folder: Path, database: Connection | Pool) -> None:
        self._path = folder / "products.csv"
        self._database = database
        self.problems: list[str] = []
        self.progress: list[tuple[int, int]] = []

    async def __call__(self, text: str | bytes, now: datetime = NOW) -> ImportReport:
        self._path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.problems, self.progress = [], []
        return await import_products(
            self._database,
            self._path,
            currency="GBP",
            now=now,
            on_problem=lambda problem: self.problems.append(str(problem)),
            on_progress=lambda done, total: self.progress.append((done, total)),
        )


@pytest.fixture
def run_import(tmp_path: Path, connection: Connection) -> Importer:
    """Imports into a fresh database."""
    return Importer(tmp_path, connection)


async def stock_of(connection: Connection, sku: str) -> tuple[int, int, int, int | None]:
    row = await connection.fetchrow("SELECT on_hand, claimed, sold, imported FROM stock WHERE sku = $1", sku)
    assert row is not None
    return tuple(row)


async def whole_catalogue(connection: Connection) -> list[object]:
    """Every row with its version: a row that was so much as touched differs."""
    return [
        [tuple(row) for row in await connection.fetch(f"SELECT xmin::text, xmax::text, * FROM {table} ORDER BY 3")]
        for table in ("category", "product", "variant", "stock", "stock_movement")
    ]


async def test_products_variants_categories_and_stock_are_written(run_import: Importer, connection: Connection) -> None:
    """What the file says is what the shop sells, in the file's order; drafts are kept but not shown."""
    assert await run_import(FILE) == ImportReport(products=3, variants=4, unchanged=0, problems=0)
    towel = await product(connection, handle="towel")
    assert (towel.title, towel.option_names) == ("Tea towel", ("Colour",))
    assert towel.category is not None
    assert (towel.category.slug, towel.category.name) == ("kitchen-dining", "Kitchen & Dining")
    offers = [(offer.sku, offer.option_values, offer.price_minor, offer.free_units) for offer in towel.offers]
    assert offers == [("TT-R", ("Red",), 750, 10), ("TT-B", ("Blue",), 800, 20)]
    with pytest.raises(NotFound):
        await product(connection, handle="lamp")
    assert run_import.progress == [(len(FILE), len(FILE))]


async def test_importing_twice_changes_nothing(run_import: Importer, connection: Connection) -> None:
    """Not a row is written, not even touched."""
    await run_import(FILE)
    before = await whole_catalogue(connection)
    assert await run_import(FILE, LATER) == ImportReport(products=3, variants=4, unchanged=4, problems=0)
    assert await whole_catalogue(connection) == before


async def test_importing_again_after_sales_gives_no_sold_unit_back(
    run_import: Importer, connection: Connection
) -> None:
    """Three were sold and one of them shipped: the same file still means the same delivery."""
    await run_import(FILE)
    await connection.execute("UPDATE stock SET on_hand = 9, sold = 2, claimed = 1 WHERE sku = 'TT-R'")
    report = await run_import(FILE)
    assert report.unchanged == 4
    assert await stock_of(connection, "TT-R") == (9, 1, 2, 10)


async def test_a_changed_quantity_moves_the_stock_by_its_difference(
    run_import: Importer, connection: Connection
) -> None:
    """Ten became fifteen in the file: five came in, whatever was sold meanwhile."""
    await run_import(FILE)
    await connection.execute("UPDATE stock SET on_hand = 9, sold = 2 WHERE sku = 'TT-R'")
    report = await run_import(FILE.replace("TT-R,10", "TT-R,15"))
    assert (report.variants, report.unchanged) == (4, 3)
    assert await stock_of(connection, "TT-R") == (14, 0, 2, 15)


async def test_every_unit_an_import_moves_is_in_the_ledger_of_stock(
    run_import: Importer, connection: Connection
) -> None:
    """New, more, fewer, counted for the first time; nothing where nothing moved, or where it was refused."""
    await run_import(FILE.replace("MUG,5", "MUG,").replace("LAMP,1", "LAMP,0"))
    await connection.execute("UPDATE stock SET sold = 18 WHERE sku = 'TT-B'")
    again = FILE.replace("TT-R,10", "TT-R,4").replace("TT-B,20", "TT-B,17").replace("LAMP,1", "LAMP,3")
    for _ in range(2):
        assert (await run_import(again, LATER)).problems == 1
    rows = await connection.fetch(
        "SELECT sku, units, reason, note, staff_id, moved_at FROM stock_movement ORDER BY sku, id"
    )
    assert [tuple(row) for row in rows] == [
        ("LAMP", 3, "import", "products.csv", None, LATER),
        ("MUG", 5, "import", "products.csv", None, LATER),
        ("TT-B", 20, "import", "products.csv", None, NOW),
        ("TT-R", 10, "import", "products.csv", None, NOW),
        ("TT-R", -6, "import", "products.csv", None, LATER),
    ]
    for sku in ("LAMP", "MUG", "TT-B", "TT-R"):
        assert (await stock_of(connection, sku))[0] == sum(row["units"] for row in rows if row["sku"] == sku)


async def test_a_file_named_in_bytes_that_are_no_text_is_imported(connection: Connection, tmp_path: Path) -> None:
    """Its movements are called what can be read of its name."""
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    path.write_text(FILE)
    report = await import_products(connection, path, currency="GBP", now=NOW, on_problem=lambda problem: None)
    assert report.variants == 4
    assert await connection.fetchval("SELECT DISTINCT note FROM stock_movement") == "caf?.csv"


async def test_stock_never_falls_below_what_is_promised(run_import: Importer, connection: Connection) -> None:
    """The file takes away units that are sold: told on its row, the price is imported, the stock stays."""
    await run_import(FILE)
    await connection.execute("UPDATE stock SET sold = 6, claimed = 2 WHERE sku = 'TT-R'")
    smaller = FILE.replace("TT-R,10,7.50", "TT-R,7,7.99")
    report = await run_import(smaller)
    assert report.problems == 1
    assert run_import.problems[0].startswith("line 2, Variant Inventory Qty: stock of TT-R stays at 10")
    assert "the 8 that are already sold" in run_import.problems[0]
    assert await stock_of(connection, "TT-R") == (10, 2, 6, 10)
    assert (await product(connection, handle="towel")).offers[0].price_minor == 799
    await connection.execute("UPDATE stock SET claimed = 0 WHERE sku = 'TT-R'")
    assert (await run_import(smaller)).problems == 0
    assert await stock_of(connection, "TT-R") == (7, 0, 6, 7)


async def test_an_empty_quantity_leaves_stock_alone(run_import: Importer, connection: Connection) -> None:
    """A file without counts makes new variants sold out and touches no known stock; a first count is taken as is."""
    await run_import(FILE.replace("MUG,5", "MUG,"))
    assert await stock_of(connection, "MUG") == (0, 0, 0, None)
    await connection.execute("UPDATE stock SET on_hand = 4 WHERE sku = 'MUG'")
    await run_import(FILE)
    assert await stock_of(connection, "MUG") == (5, 0, 0, 5)
    await run_import(FILE.replace("MUG,5", "MUG,"))
    assert await stock_of(connection, "MUG") == (5, 0, 0, 5)


async def test_a_product_keeps_its_id_and_age(run_import: Importer, connection: Connection) -> None:
    """A handle is the same product for ever, whatever else changes."""
    await run_import(FILE)
    before = await connection.fetchrow("SELECT id, created_at FROM product WHERE handle = 'mug'")
    report = await run_import(FILE.replace(",Mug,", ",Big mug,"), LATER)
    after = await connection.fetchrow("SELECT id, created_at, title, updated_at FROM product WHERE handle = 'mug'")
    assert report.unchanged == 3
    assert before is not None
    assert after is not None
    assert (after["id"], after["created_at"]) == (before["id"], before["created_at"])
    assert (after["title"], after["updated_at"]) == ("Big mug", LATER)


async def test_a_sku_belongs_to_one_product(run_import: Importer, connection: Connection) -> None:
    """Twice in a file, or known in the shop under another handle: told with where it is, the rest is imported."""
    await run_import(FILE)
    report = await run_import(
        HEADER
        + "jug,Jug,,Size,Small,JUG-S,1,5,active\n"
        + "jug,,,,Large,MUG,1,5,\n"
        + "pot,Pot,,Title,Default Title,JUG-S,1,5,active\n"
    )
    assert report == ImportReport(products=1, variants=1, unchanged=0, problems=2)
    assert run_import.problems == [
        "line 3, Variant SKU: MUG already belongs to the product mug",
        "line 4, Variant SKU: JUG-S was already on line 2",
    ]
    with pytest.raises(NotFound):
        await product(connection, handle="pot")


async def test_a_handle_that_comes_back_later_is_told(run_import: Importer, connection: Connection) -> None:
    """The rows of a product stand together: what comes later under the same handle is not guessed into it."""
    report = await run_import(FILE + "towel,Other,,Title,Default Title,TT-X,1,5,active\n")
    assert (report.variants, report.problems) == (4, 1)
    reason = "towel was already on line 2: the rows of a product must stand together"
    assert run_import.problems == [f"line 6, Handle: {reason}"]
    assert (await product(connection, handle="towel")).title == "Tea towel"


async def test_groups_are_written_one_by_one(
    run_import: Importer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file larger than a group goes in by several, and what is named twice is found across them."""
    monkeypatch.setattr("evertill.catalog.importing.GROUP_VARIANTS", 3)
    rows = [f"p{n},P {n},Things,Title,Default Title,S{n},1,5,active\n" for n in range(10)]
    report = await run_import(HEADER + "".join(rows) + rows[0] + "q,Q,,Title,Default Title,S1,1,5,active\n")
    assert report == ImportReport(products=10, variants=10, unchanged=0, problems=2)
    assert len(run_import.progress) == 4
    assert run_import.problems[0].startswith("line 12, Handle: p0 was already on line 2")
    assert run_import.problems[1] == "line 13, Variant SKU: S1 was already on line 3"


async def test_a_pool_may_be_handed_in_and_used_again(pool: Pool, tmp_path: Path) -> None:
    """Nothing of an import stays on its connection that the next one would trip over."""
    run = Importer(tmp_path, pool)
    assert (await run(FILE)).unchanged == 0
    assert (await run(FILE)).unchanged == 4


async def test_selling_goes_on_while_a_file_is_imported(
    pool: Pool, connection: Connection, tmp_path: Path, run_import: Importer
) -> None:
    """A row that a sale holds is waited for; the units of both are counted."""
    await run_import(FILE)
    seller = connection
    started = Importer(tmp_path, pool)
    transaction = seller.transaction()
    await transaction.start()
    await seller.execute("UPDATE stock SET sold = sold + 4 WHERE sku = 'TT-R'")
    under_way = asyncio.create_task(started(FILE.replace("TT-R,10", "TT-R,12")))
    await asyncio.sleep(0.3)
    assert not under_way.done()
    await transaction.commit()
    assert (await under_way).problems == 0
    assert await stock_of(connection, "TT-R") == (12, 0, 4, 12)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "empty_file", "empty"),
        (b"\n\n", "empty_file", "empty"),
        (b"PK\x03\x04rest", "unreadable_file", "a workbook or an archive"),
        (b"\xff\xfeH\x00a\x00", "unreadable_file", "UTF-16"),
        (b"\x1f\x8b\x08", "unreadable_file", "compressed"),
        (b"Handle,Title\nab\x00c\n", "unreadable_file", "NUL byte at line 2, byte 15"),
        (
            HEADER.encode() + "café".encode("latin-1"),
            "unreadable_file",
            f"line 2, byte {len(HEADER) + 3} of the file (0xE9)",
        ),
        (b"x" * 1_048_577, "unreadable_file", "The header cannot be read: line 1: the row that begins here is longer"),
        (b"a" * 1_048_575 + "é".encode() + b"\xe9\n", "unreadable_file", "line 1, byte 1,048,577 of the file (0xE9)"),
        (HEADER.encode() + b"cut off \xc3", "unreadable_file", f"line 2, byte {len(HEADER) + 8} of the file (0xC3)"),
        (b"some text\nwithout columns\n", "no_header", "lacks: Handle"),
    ],
)
async def test_a_file_that_is_no_csv_is_refused_before_anything_is_written(
    run_import: Importer, connection: Connection, content: bytes, code: str, words: str
) -> None:
    """One sentence says what it is instead, and where."""
    with pytest.raises(Malformed) as refused:
        await run_import(content)
    assert refused.value.code == code
    assert words in refused.value.sentence
    assert await connection.fetchval("SELECT count(*) FROM product") == 0


async def test_a_row_that_nobody_would_hold_in_memory_costs_itself_only(run_import: Importer) -> None:
    """A cell of megabytes in one line, its letters wider than a byte: told by its line, its neighbours are imported."""
    rows = [f"{name},{title},{name},1,4.50\n" for name, title in (("a", "A"), ("b", "é" * 3_000_000), ("c", "C"))]
    columns = "Handle,Title,Variant SKU,Variant Inventory Qty,Variant Price\n"
    report = await run_import(columns + "".join(rows))
    assert (report.products, report.problems) == (2, 1)
    assert run_import.problems == ["line 3: the row that begins here is longer than 1,048,576 characters"]


async def test_a_database_lost_in_mid_import_is_said_and_what_was_imported_stays(
    database_url: str, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost while the second group is sent: a plain error, the first group is there, and a repeat brings the rest."""
    columns = "Handle,Title,Variant SKU,Variant Inventory Qty,Variant Price\n"
    text = columns + "".join(f"p{n},P {n},S{n},1,4.50\n" for n in range(GROUP_VARIANTS + 5))
    importer = Importer(tmp_path, pool)

    def lose(product: ParsedProduct) -> tuple[object, ...]:
        if product.handle.endswith("2"):
            with ThreadPoolExecutor() as aside:
                aside.submit(lambda: asyncio.run(_end_all_but_this(database_url))).result()
        return importing._product_row(product)

    async def stage(connection: Connection, products: Sequence[ParsedProduct], now: datetime) -> None:
        if products[0].handle == f"p{GROUP_VARIANTS}":
            await connection.copy_records_to_table("staged_product", records=map(lose, products))
        await whole_stage(connection, products, now)

    whole_stage = importing._stage
    monkeypatch.setattr(importing, "_stage", stage)
    with pytest.raises((asyncpg.PostgresError, Unavailable)):
        await importer(text)
    assert await pool.fetchval("SELECT count(*) FROM variant") == GROUP_VARIANTS
    monkeypatch.undo()
    assert (await importer(text)).unchanged == GROUP_VARIANTS
    assert await pool.fetchval("SELECT count(*) FROM variant") == GROUP_VARIANTS + 5


async def _end_all_but_this(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
        )
    finally:
        await connection.close()


@pytest.mark.parametrize(("name", "words"), [("nowhere.csv", "There is no file"), (".", "is not a file")])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, name: str, words: str) -> None:
    """By its name."""
    with pytest.raises(Malformed, match=words):
        check_file(tmp_path / name)


def test_a_problem_names_its_place() -> None:
    """As it is printed."""
    assert str(RowProblem(7, "Handle", "missing")) == "line 7, Handle: missing"
    assert str(RowProblem(7, "", "broken")) == "line 7: broken"
