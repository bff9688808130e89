"""Totals: one place, exact sums, order of lines irrelevant."""

from hypothesis import given
from hypothesis import strategies as st

from evertill.checkout.delivery import FREE_FROM_MINOR, choices_for, delivery_price
from evertill.checkout.model import Choice, Line
from evertill.checkout.quote import quote

LINES = st.lists(
    st.builds(
        Line,
        line_id=st.just("li"),
        sku=st.sampled_from(["A", "B", "C"]),
        title=st.just("thing"),
        quantity=st.integers(1, 999),
        unit_price_minor=st.integers(1, 10**7),
    ),
    max_size=20,
)
COUNTRIES = st.sampled_from(["GB", "DE", "FI", "US", "JP"])


@st.composite
def _asked(draw: st.DrawFn) -> tuple[list[Line], Choice | None, str, bool]:
    country = draw(COUNTRIES)
    choice = draw(st.none() | st.sampled_from(choices_for(country, home="GB")))
    return draw(LINES), choice, country, draw(st.booleans())


@given(_asked())
def test_totals_add_up_exactly(asked: tuple[list[Line], Choice | None, str, bool]) -> None:
    """Subtotal is the sum of lines; the total is subtotal, delivery, and tax unless it is contained."""
    lines, choice, country, included = asked
    total = quote(lines, choice=choice, country=country, currency="GBP", tax_included=included)
    assert total.subtotal_minor == sum(line.quantity * line.unit_price_minor for line in lines)
    assert total.total_minor == total.subtotal_minor + total.delivery_minor + (0 if included else total.tax_minor)
    assert 0 <= total.tax_minor <= total.total_minor


@given(_asked(), st.randoms())
def test_the_order_of_lines_changes_nothing(asked: tuple[list[Line], Choice | None, str, bool], random: object) -> None:
    """Shuffled lines cost the same."""
    lines, choice, country, included = asked
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = quote(lines, choice=choice, country=country, currency="GBP", tax_included=included)
    assert quote(shuffled, choice=choice, country=country, currency="GBP", tax_included=included) == first


def test_standard_delivery_at_home_is_free_from_its_threshold_on() -> None:
    """To the penny."""
    std = choices_for("GB", home="GB")[0]
    assert delivery_price(std, FREE_FROM_MINOR - 1) == std.price_minor
    assert delivery_price(std, FREE_FROM_MINOR) == 0
    abroad = choices_for("FR", home="GB")[0]
    assert delivery_price(abroad, FREE_FROM_MINOR) == abroad.price_minor


def test_collecting_is_possible_from_everywhere() -> None:
    """Also before it is known where from."""
    assert all(choices_for(country, home="GB")[-1].pickup for country in ("GB", "FR", "US", None))
