"""
What a code takes off. The one place where codes become amounts; deals came before it (deals/pricing.py), totals come
after it (checkout/quote.py).

    list price ─► its deal ─► line total ─► code, per line ─► goods to be paid ─► delivery, not discounted ─► tax, once

* A percentage is taken off each line's total, rounded half up to the minor unit: what it takes off together is the sum
  of that, exactly.
* An amount is spread over the lines by what each costs, whole minor units by largest remainder; of equal remainders the
  line with the lower SKU, then fewer units, then the lower price goes first, so the order of lines changes nothing.
* A line keeps one minor unit at least, as a deal's price does: every order has something to be paid for.
* Lines at the price of a deal that takes no codes count for the minimum, and nothing is taken off them.
"""

from collections.abc import Sequence

import msgspec

WHOLE = 10_000  # a percentage is kept in hundredths of a percent


class Good(msgspec.Struct, frozen=True):
    """A line as it costs without a code."""

    sku: str
    quantity: int
    total_minor: int  # 1 or more
    takes_codes: bool = True


def take_off(goods: Sequence[Good], *, percent: bool, value: int) -> list[int]:
    """
    What a code takes off each line, in minor units, in the order of the lines.

    Args:
        value: Hundredths of a percent, or minor units for all lines together; more than 0.
    """
    rooms = [good.total_minor - 1 if good.takes_codes else 0 for good in goods]
    if percent:
        wanted = [(2 * good.total_minor * value + WHOLE) // (2 * WHOLE) for good in goods]
        return [min(room, each) for room, each in zip(rooms, wanted, strict=True)]
    return _spread(min(value, sum(rooms)), rooms, goods)


def _spread(amount: int, rooms: Sequence[int], goods: Sequence[Good]) -> list[int]:
    """Largest remainder over the room each line has: no share is above it, for the amount is not above all of it."""
    whole = sum(rooms)
    if whole == 0:
        return [0] * len(rooms)
    shares = [amount * room // whole for room in rooms]
    by_remainder = sorted(
        range(len(rooms)),
        key=lambda at: (-(amount * rooms[at] % whole), goods[at].sku, goods[at].quantity, goods[at].total_minor),
    )
    for at in by_remainder[: amount - sum(shares)]:
        shares[at] += 1
    return shares
