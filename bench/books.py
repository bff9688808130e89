"""Counting: what was acknowledged is there, nothing else is, and nothing is there twice."""

import msgspec

from evertill.storage import Connection

_BOOKS = """
SELECT (SELECT count(*) FROM orders WHERE channel = 'ucp' AND state = 'confirmed') AS orders,
       (SELECT count(*) FROM orders WHERE channel = 'ucp' AND state <> 'confirmed') AS other_orders,
       (SELECT coalesce(sum(quantity), 0) FROM order_line JOIN orders ON orders.id = order_line.order_id
         WHERE channel = 'ucp' AND state = 'confirmed') AS units,
       (SELECT sum(sold) FROM stock) AS sold,
       (SELECT sum(claimed) FROM stock) AS claimed,
       (SELECT count(*) FROM sandbox_provider.charge WHERE state = 'authorised') AS charges,
       (SELECT count(*) FROM outbox WHERE kind = 'order_confirmed') AS letters
"""


class Books(msgspec.Struct, frozen=True):
    """What the tables say at one moment."""

    orders: int
    other_orders: int
    units: int
    sold: int
    claimed: int
    charges: int
    letters: int


async def read_books(connection: Connection) -> Books:
    """The books as they are now."""
    row = await connection.fetchrow(_BOOKS)
    assert row is not None
    return Books(**{name: int(row[name]) for name in Books.__struct_fields__})


def faults(before: Books, after: Books, *, acknowledged: int, units_each: int) -> list[str]:
    """What does not balance between two moments; empty where all does."""
    expected = {
        "orders": acknowledged,
        "other_orders": 0,
        "units": acknowledged * units_each,
        "sold": acknowledged * units_each,
        "claimed": 0,
        "charges": acknowledged,
        "letters": acknowledged,
    }
    grown = {name: getattr(after, name) - getattr(before, name) for name in expected}
    return [f"{name}: {grown[name]}, expected {wanted}" for name, wanted in expected.items() if grown[name] != wanted]
