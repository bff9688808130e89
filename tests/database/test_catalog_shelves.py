"""Browsing: shelves, search, product pages and offers, on a small catalogue."""

from datetime import UTC, datetime, timedelta

import pytest

from evertill.catalog import Sort, StockState, categories, home, offers_by_sku, product, search, shelf, stock_state
from evertill.catalog.importing import write_products
from evertill.catalog.incoming import ParsedProduct, ParsedVariant
from evertill.refusals import NotFound
from evertill.storage import Connection

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)


def made(
    line: int, handle: str, title: str, category: str, popularity: int, *variants: tuple[str, int, int],
    description: str = "", status: str = "active",
) -> ParsedProduct:  # fmt: skip
    """A product; its variants are SKU, price in pence, units."""
    return ParsedProduct(
        line=line,
        handle=handle,
        title=title,
        description_html=description,
        vendor="Loom",
        category_name=category,
        tags=(),
        option_names=("Colour",) if len(variants) > 1 else (),
        image_url=None,
        status=status,
        variants=tuple(
            ParsedVariant(line * 10 + n, sku, (sku,) if len(variants) > 1 else (), price, price + 100, units, None)
            for n, (sku, price, units) in enumerate(variants)
        ),
        popularity=popularity,
        first_seen=NOW - timedelta(days=line),
    )


@pytest.fixture
async def catalogue(connection: Connection) -> Connection:
    """Five products on sale in two categories, and one draft."""
    report = await write_products(
        connection,
        [
            made(1, "heart", "Hanging Heart", "Lights", 50, ("HRT-1", 300, 9)),
            made(2, "lantern", "White Lantern", "Lights", 90, ("LAN-W", 500, 3), ("LAN-R", 200, 4)),
            made(3, "mug", "Heart Mug", "Kitchen & Dining", 10, ("MG-1", 450, 0)),
            made(4, "bag", "Lunch Bag", "Kitchen & Dining", 70, ("22384X", 165, 6), description="<p>With hearts</p>"),
            made(5, "jug", "Jug", "Kitchen & Dining", 5, ("JG-1", 900, 2)),
            made(6, "heart-draft", "Heart to come", "Secret", 999, ("DRAFT", 1, 1), status="draft"),
        ],
        source="five and a draft",
        currency="GBP",
        now=NOW,
        on_problem=lambda problem: pytest.fail(str(problem)),
    )
    assert report.products == 6
    return connection


@pytest.mark.parametrize(
    ("category", "sort", "handles"),
    [
        (None, Sort.POPULAR, ["lantern", "bag", "heart", "mug", "jug"]),
        (None, Sort.RELEVANCE, ["lantern", "bag", "heart", "mug", "jug"]),
        (None, Sort.NEWEST, ["heart", "lantern", "mug", "bag", "jug"]),
        (None, Sort.PRICE_LOW, ["bag", "lantern", "heart", "mug", "jug"]),
        (None, Sort.PRICE_HIGH, ["jug", "lantern", "mug", "heart", "bag"]),
        ("lights", Sort.POPULAR, ["lantern", "heart"]),
        ("lights", Sort.NEWEST, ["heart", "lantern"]),
        ("lights", Sort.PRICE_LOW, ["lantern", "heart"]),
        ("lights", Sort.PRICE_HIGH, ["lantern", "heart"]),
        ("secret", Sort.POPULAR, []),
        ("no-such\x00thing", Sort.POPULAR, []),
    ],
)
async def test_a_shelf_stands_in_its_order(
    catalogue: Connection, category: str | None, sort: Sort, handles: list[str]
) -> None:
    """Products by their cheapest variant upwards, by their dearest downwards; drafts on no shelf."""
    found = await shelf(catalogue, category=category, sort=sort, page=1)
    assert [card.handle for card in found.cards] == handles
    assert (found.total, found.pages) == (len(handles), 1 if handles else 0)


async def test_a_card_sums_up_its_variants(catalogue: Connection) -> None:
    """From the cheapest price to the dearest, units of all, the cheapest's old price."""
    card = (await shelf(catalogue, category=None, sort=Sort.POPULAR, page=1)).cards[0]
    assert (card.title, card.category_slug, card.image_url) == ("White Lantern", "lights", None)
    assert (card.price_minor, card.price_max_minor, card.compare_at_minor, card.currency) == (200, 500, 300, "GBP")
    assert (card.free_units, card.stock_state) == (7, StockState.IN_STOCK)


@pytest.mark.parametrize(
    ("left", "prices", "state"),
    [
        ({"A": 1, "B": 1, "C": 1}, (200, 900, 300), StockState.FEW_LEFT),
        ({"B": 1, "C": 1}, (500, 900, 600), StockState.FEW_LEFT),
        ({"B": 1}, (500, 500, 600), StockState.FEW_LEFT),
        ({"A": 9, "B": 1}, (200, 500, 300), StockState.IN_STOCK),
        ({}, (200, 900, 300), StockState.SOLD_OUT),
    ],
)
async def test_a_price_is_of_what_can_be_bought(
    connection: Connection, left: dict[str, int], prices: tuple[int, int, int], state: StockState
) -> None:
    """A sold-out variant draws nobody in; where all are sold out the mark says so. Card and page say the same."""
    three = made(1, "sock", "Sock", "Socks", 1, ("A", 200, 5), ("B", 500, 5), ("C", 900, 5))
    await write_products(
        connection,
        [three],
        source="test",
        currency="GBP",
        now=NOW,
        on_problem=lambda problem: pytest.fail(str(problem)),
    )
    await connection.execute("UPDATE stock SET sold = 3, claimed = 2")
    for sku, units in left.items():
        await connection.execute("UPDATE stock SET sold = 0, claimed = 0, on_hand = $2 WHERE sku = $1", sku, units)
    [card] = (await shelf(connection, category=None, sort=Sort.POPULAR, page=1)).cards
    assert (card.price_minor, card.price_max_minor, card.compare_at_minor) == prices
    assert (card.stock_state, card.free_units) == (state, sum(left.values()))
    page = await product(connection, handle="sock")
    assert (page.cheapest.price_minor, page.dearest.price_minor, page.cheapest.compare_at_minor) == prices
    assert {offer.sku for offer in page.buyable} == set(left)


async def test_a_variant_nobody_counted_is_sold_out(catalogue: Connection) -> None:
    """No row of stock: no units, and no price to draw anybody in."""
    await catalogue.execute("DELETE FROM stock WHERE sku = 'LAN-R'")
    card = (await shelf(catalogue, category="lights", sort=Sort.POPULAR, page=1)).cards[0]
    assert (card.handle, card.price_minor, card.free_units) == ("lantern", 500, 3)


@pytest.mark.parametrize(("page", "expected"), [(-5, 1), (0, 1), (2, 2), (10**9, 500)])
async def test_a_page_number_is_brought_into_its_bounds(catalogue: Connection, page: int, expected: int) -> None:
    """Past the end there are no cards, and it still says how many pages there are."""
    found = await shelf(catalogue, category=None, sort=Sort.POPULAR, page=page)
    assert (found.page, found.pages, found.total) == (expected, 1, 5)
    assert bool(found.cards) == (expected == 1)


@pytest.mark.parametrize(
    ("words", "handles"),
    [
        ("heart", ["heart", "mug", "bag"]),  # a title counts more than a description
        ("hearts", ["heart", "mug", "bag"]),
        ("heart mug", ["mug"]),
        ("lant", ["lantern"]),
        ("white lan", ["lantern"]),
        ('"hanging heart"', ["heart"]),
        ("heart -mug", ["bag", "heart"]),  # with a "-" the matches rank alike: the most bought first
        ("jug or mug", ["mug", "jug"]),
        ("loom", ["lantern", "bag", "heart", "mug", "jug"]),
        ("22384X", ["bag"]),
        ("22384x", ["bag"]),
        ("LAN-R", ["lantern"]),
        ("DRAFT", []),
        ("nothing like it", []),
        ("", []),
        ("   ", []),
        ("the", []),
        ("'; DROP TABLE product; --", []),
        ("\x00\ud800 & | ! <-> :*", []),
        ("& mug", ["mug"]),
        ("jug" + "g" * 5000, []),
    ],
)
async def test_search_finds(catalogue: Connection, words: str, handles: list[str]) -> None:
    """All words, the last as a beginning; a SKU exactly; the best match first; any text is a fair question."""
    found = await search(catalogue, words=words, sort=Sort.RELEVANCE, page=1)
    assert [card.handle for card in found.cards] == handles
    assert found.total == len(handles)


@pytest.mark.parametrize(
    ("sort", "handles"),
    [
        (Sort.POPULAR, ["bag", "heart", "mug"]),
        (Sort.NEWEST, ["heart", "mug", "bag"]),
        (Sort.PRICE_LOW, ["bag", "heart", "mug"]),
        (Sort.PRICE_HIGH, ["mug", "heart", "bag"]),
    ],
)
async def test_what_was_found_can_be_sorted(catalogue: Connection, sort: Sort, handles: list[str]) -> None:
    """The same products in another order."""
    found = await search(catalogue, words="heart", sort=sort, page=1)
    assert [card.handle for card in found.cards] == handles


async def test_the_first_page_and_the_categories(catalogue: Connection) -> None:
    """Categories with something on sale, by name; what people buy most."""
    window = await home(catalogue)
    assert [card.handle for card in window.popular] == ["lantern", "bag", "heart", "mug", "jug"]
    assert [(category.slug, category.products) for category in window.categories] == [
        ("kitchen-dining", 3),
        ("lights", 2),
    ]
    assert await categories(catalogue) == window.categories


@pytest.mark.parametrize("handle", ["heart-draft", "nowhere", "", "a\x00b", "\ud800", "x" * 9999])
async def test_a_product_that_is_not_on_sale_is_not_found(catalogue: Connection, handle: str) -> None:
    """In plain words."""
    with pytest.raises(NotFound) as refused:
        await product(catalogue, handle=handle)
    assert refused.value.code == "product_not_found"


async def test_a_product_shows_its_offers(catalogue: Connection) -> None:
    """In the merchant's order, each with its own price and units."""
    found = await product(catalogue, handle="lantern")
    assert [(offer.sku, offer.label, offer.free_units) for offer in found.offers] == [
        ("LAN-W", "LAN-W", 3),
        ("LAN-R", "LAN-R", 4),
    ]
    assert found.offers[0].stock_state is StockState.FEW_LEFT


async def test_offers_are_found_by_sku(catalogue: Connection) -> None:
    """Known ones only; one that was taken off the shelves says so."""
    found = await offers_by_sku(catalogue, ["LAN-R", "MG-1", "DRAFT", "nope", "a\x00b", "\ud800", "x" * 999, ""])
    assert sorted(found) == ["DRAFT", "LAN-R", "MG-1"]
    assert (found["LAN-R"].name, found["LAN-R"].price_minor) == ("White Lantern (LAN-R)", 200)
    assert (found["MG-1"].name, found["MG-1"].free_units, found["MG-1"].on_sale) == ("Heart Mug", 0, True)
    assert not found["DRAFT"].on_sale
    assert await offers_by_sku(catalogue, []) == {}


@pytest.mark.parametrize(
    ("free_units", "state"),
    [
        (-1, StockState.SOLD_OUT),
        (0, StockState.SOLD_OUT),
        (1, StockState.FEW_LEFT),
        (5, StockState.FEW_LEFT),
        (6, StockState.IN_STOCK),
    ],
)
def test_what_is_said_of_units(free_units: int, state: StockState) -> None:
    """Few left is five or fewer."""
    assert stock_state(free_units) is state
