"""
What it costs: the one place where totals are computed.

Order and rounding (docs/decisions/0019): unit price = list price, or its deal's (deals/pricing.py, rounded once per
unit); line total = unit price × quantity, exact; subtotal = sum of line totals; discount = sum of what a code takes off
the lines (codes/pricing.py); delivery is a flat price by choice, never discounted, free above its threshold, which is
compared with the subtotal before the code, so that no code makes delivery dearer; tax is worked out once on what is
paid for goods plus delivery, rounded half up to the minor unit. Prices that include tax contain it (total = subtotal -
discount + delivery); prices that do not have it added.
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
        lines: With what a code takes off each.

        choice: The delivery choice, None while none is made: delivery then costs nothing yet.

        country: Where the goods go (ISO 3166-1 alpha-2); for pick-up, where the shop stands.
    """
    subtotal = sum(line.total_minor for line in lines)
    delivery = delivery_price(choice, subtotal) if choice else 0
    rate = rate_bp(country)
    discount = sum(line.code_minor for line in lines)
    paid = subtotal - discount + delivery
    tax = portion(paid, rate_bp=rate, of_included=tax_included)
    return Quote(
        currency=currency,
        subtotal_minor=subtotal,
        delivery_minor=delivery,
        tax_minor=tax,
        tax_included=tax_included,
        tax_rate_bp=rate,
        total_minor=paid + (0 if tax_included else tax),
        discount_minor=discount,
    )
