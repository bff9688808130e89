"""Loading the demo's catalogue."""

from datetime import UTC, datetime

from evertill.catalog import Sort, categories, search, shelf
from evertill.catalog.importing import ImportReport
from evertill.catalog.online_retail import derivation, load_demo_catalog
from evertill.storage import Connection

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)


async def test_the_demo_is_loaded_once_and_found(connection: Connection) -> None:
    """Every product on a shelf, in its category and in the search; loading it again changes nothing."""
    made = derivation()
    told: list[tuple[int, int]] = []
    report = await load_demo_catalog(connection, now=NOW, on_progress=lambda done, total: told.append((done, total)))
    assert report.imported == ImportReport(products=made.products, variants=made.variants, unchanged=0, problems=0)
    assert told[-1] == (made.variants, made.variants)

    assert (await shelf(connection, category=None, sort=Sort.POPULAR, page=1)).total == made.products
    assert {category.name for category in await categories(connection)} == set(made.variants_per_category)
    found = await search(connection, words="hanging heart t-light", sort=Sort.RELEVANCE, page=1)
    assert found.cards[0].title == "White Hanging Heart T-Light Holder"
    by_sku = await search(connection, words="85123A", sort=Sort.RELEVANCE, page=1)
    assert [card.title for card in by_sku.cards] == ["White Hanging Heart T-Light Holder"]

    again = await load_demo_catalog(connection, now=datetime(2026, 6, 1, tzinfo=UTC))
    assert again.imported.unchanged == made.variants
