"""Money as the books keep it: an integer of the currency's smallest unit, never a float."""

from decimal import Decimal
from functools import lru_cache

import msgspec
from babel.numbers import format_currency, get_currency_precision


class Money(msgspec.Struct, frozen=True, order=True):
    """An amount in minor units (pence, cents) of an ISO 4217 currency. May be negative: a discount is."""

    currency: str
    minor: int

    def format(self, locale: str) -> str:
        """The amount as people of that locale write it, for example "£1,234.50" for en_GB."""
        return format_money(self.minor, self.currency, locale)


@lru_cache(maxsize=16_384)  # the same few prices are shown all day, and writing one takes Babel 30 µs
def format_money(minor: int, currency: str, locale: str) -> str:
    """The amount as people of that locale write it, for example "£1,234.50" for en_GB."""
    return format_currency(to_major(minor, currency), currency, locale=locale)


def to_major(minor: int, currency: str) -> Decimal:
    """Minor units as an exact decimal of major units, with the currency's own number of places (JPY has none)."""
    return Decimal(minor).scaleb(-get_currency_precision(currency))


def to_minor(major: Decimal, currency: str) -> int:
    """
    A decimal of major units as minor units.

    Raises:
        ValueError: The amount is finer than the currency's smallest unit, or not a finite number.
    """
    if not major.is_finite():
        raise ValueError("not a finite amount")
    minor = major.scaleb(get_currency_precision(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"finer than the smallest unit of {currency}")
    return int(minor)


def portion(minor: int, *, rate_bp: int, of_included: bool) -> int:
    """
    Tax on (or contained in) an amount, rounded half up to the minor unit.

    Args:
        minor: The amount, 0 or more.

        rate_bp: Rate in basis points: 2000 is 20 %.

        of_included: True when the amount already contains the tax: 20 % VAT of £6.00 is then £1.00.
    """
    base = 10_000 + rate_bp if of_included else 10_000
    return (2 * minor * rate_bp + base) // (2 * base)
