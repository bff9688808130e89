"""Money: minor units, tax and rounding."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.money import format_money, portion, to_major, to_minor

AMOUNTS = st.integers(0, 10**12)
RATES = st.integers(0, 5_000)


@pytest.mark.parametrize(
    ("minor", "rate_bp", "included", "tax"),
    [
        (600, 2000, True, 100),
        (1_645, 2000, True, 274),
        (1_645, 2000, False, 329),
        (0, 2000, True, 0),
        (1, 2000, True, 0),
        (3, 2000, True, 1),  # 0.5 rounds up
        (5, 1000, False, 1),  # 0.5 rounds up
        (999, 0, True, 0),
    ],
)
def test_tax_is_rounded_half_up_once(minor: int, rate_bp: int, included: bool, tax: int) -> None:
    """A table of known answers."""
    assert portion(minor, rate_bp=rate_bp, of_included=included) == tax


@given(AMOUNTS, RATES)
def test_included_tax_is_within_half_a_minor_unit_of_the_exact_share(minor: int, rate_bp: int) -> None:
    """No drift, whatever the amount."""
    exact = Decimal(minor) * rate_bp / (10_000 + rate_bp)
    assert abs(portion(minor, rate_bp=rate_bp, of_included=True) - exact) <= Decimal("0.5")


@given(AMOUNTS, RATES)
def test_tax_taken_out_of_what_it_was_put_on_is_the_same(minor: int, rate_bp: int) -> None:
    """Net plus tax, and the tax contained in that, agree to the minor unit."""
    tax = portion(minor, rate_bp=rate_bp, of_included=False)
    assert portion(minor + tax, rate_bp=rate_bp, of_included=True) == tax


@given(AMOUNTS, st.sampled_from(["GBP", "JPY", "KWD", "EUR"]))
def test_minor_and_major_units_are_each_others_inverse(minor: int, currency: str) -> None:
    """Also where a currency has no, or three, places."""
    assert to_minor(to_major(minor, currency), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"), [("1.001", "GBP"), ("0.5", "JPY"), ("NaN", "GBP"), ("Infinity", "GBP")]
)
def test_an_amount_finer_than_the_currency_is_refused(amount: str, currency: str) -> None:
    """Never rounded in silence."""
    with pytest.raises(ValueError, match=r"finer|finite"):
        to_minor(Decimal(amount), currency)


def test_amounts_are_written_as_people_write_them() -> None:
    """By Babel, in the shop's locale."""
    assert format_money(123_450, "GBP", "en_GB") == "£1,234.50"
    assert format_money(123_450, "EUR", "de_DE") == "1.234,50\xa0€"
    assert format_money(500, "JPY", "en_GB") == "JP¥500"
