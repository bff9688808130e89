"""
What it costs: the one place where totals are computed.

Order and rounding: line total = unit price × quantity, exact; subtotal = sum of line totals; delivery is
a flat price by choice, free above its threshold; tax is worked out once on goods plus delivery, rounded
half up to the minor unit. Prices that include tax contain it (total = subtotal + delivery); prices that do
not have it added.
"""

from collections.abc import Sequence

from evertill.checkout.delivery import delivery_price
from evertill.checkout.model import Choice, Line, Quote
from evertill.checkout.tax import rate_bp
from evertill.money import portion


def quote(lines: Sequence[Line], *, choice: Choice | None, country: str, currency: str, tax_included: bool) -> Quote:
    """
    The totals of these lines delivered that way.

    Args:
        choice: The delivery choice, None while none is made: delivery then costs nothing yet.

        country: Where the goods go (ISO 3166-1 alpha-2); for pick-up, where the shop stands.
    """
    subtotal = sum(line.total_minor for line in lines)
    delivery = delivery_price(choice, subtotal) if choice else 0
    rate = rate_bp(country)
    tax = portion(subtotal + delivery, rate_bp=rate, of_included=tax_included)
    return Quote(
        currency=currency,
        subtotal_minor=subtotal,
        delivery_minor=delivery,
        tax_minor=tax,
        tax_included=tax_included,
        tax_rate_bp=rate,
        total_minor=subtotal + delivery + (0 if tax_included else tax),
    )
