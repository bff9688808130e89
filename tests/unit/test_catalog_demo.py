"""The demo's catalogue as it ships: counted, attributed, and whole."""

from collections import Counter
from datetime import timedelta
from importlib.resources import files

from evertill.catalog.incoming import slug_of
from evertill.catalog.online_retail import baskets, demo_products, demo_report_text, derivation, invoices_by_hour
from evertill.clock import utc_now

NOW = utc_now()


def test_every_line_of_the_data_is_kept_or_dropped_by_a_rule() -> None:
    """The counts of the report add up, and the file holds what it says."""
    made = derivation()
    assert made.source_lines == made.kept_lines + sum(dropped.lines for dropped in made.dropped)
    products = list(demo_products(now=NOW))
    assert (len(products), sum(len(product.variants) for product in products)) == (made.products, made.variants)
    assert sum(len(product.variants) > 1 for product in products) == made.products_with_several_variants
    assert sum(made.variants_per_category.values()) == made.variants


def test_the_terminal_is_told_by_which_rules_the_dirt_was_dropped() -> None:
    """Each rule with its count, the source with its licence."""
    text = demo_report_text()
    assert "CC BY 4.0" in text
    assert "10.24432/C5BW33" in text
    for dropped in derivation().dropped:
        assert f"{dropped.lines:,}  {dropped.why}" in text


def test_the_derived_files_are_attributed_and_small() -> None:
    """The licence asks for name, source and changes; users download all of it."""
    folder = files("evertill.catalog.online_retail")
    attribution = folder.joinpath("ATTRIBUTION.md").read_text("utf-8")
    assert all(word in attribution for word in ("Chen", "10.24432/C5BW33", "CC BY 4.0", "What was changed"))
    assert sum(len(file.read_bytes()) for file in folder.iterdir() if not file.name.startswith("_")) < 600_000


def test_handles_and_skus_are_unique_and_prices_positive() -> None:
    """What the tables would refuse does not ship."""
    products = list(demo_products(now=NOW))
    variants = [variant for product in products for variant in product.variants]
    assert Counter(product.handle for product in products).most_common(1)[0][1] == 1
    assert Counter(variant.sku for variant in variants).most_common(1)[0][1] == 1
    assert all(variant.price_minor > 0 for variant in variants)
    assert all(product.category_name and slug_of(product.category_name) for product in products)
    assert all(len({v.option_values for v in product.variants}) == len(product.variants) for product in products)
    assert all(NOW - timedelta(days=375) < product.first_seen <= NOW for product in products if product.first_seen)


def test_stock_is_drawn_from_popularity() -> None:
    """The same at every load; what sells is there, some of what does not is scarce."""
    first, again = ([v.quantity for p in demo_products(now=NOW) for v in p.variants] for _ in range(2))
    assert first == again
    assert 0.005 < sum(quantity == 0 for quantity in first) / len(first) < 0.04
    best = max(demo_products(now=NOW), key=lambda product: product.popularity)
    assert best.variants[0].quantity is not None
    assert best.variants[0].quantity > best.popularity // 2


def test_baskets_hold_what_the_shop_sells() -> None:
    """Real baskets within a shopper's bounds, and a year's hours."""
    skus = {variant.sku for product in demo_products(now=NOW) for variant in product.variants}
    assert len(baskets()) == derivation().baskets
    for basket in baskets():
        assert 1 <= len(basket) <= 12
        assert basket.keys() <= skus
        assert all(1 <= quantity <= 12 for quantity in basket.values())
    hours = invoices_by_hour()
    assert (len(hours), {len(day) for day in hours}) == (7, {24})
    assert sum(map(sum, hours)) > 19_000
