"""Counting: what was acknowledged is there, nothing else is, and nothing is there twice."""

import msgspec

from bench.shop import Database
from evertill.audit import audit_at
from evertill.clock import utc_now

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
    anomalies: dict[str, int]  # what the shop's own audit finds, by kind


async def read_books(database: Database) -> Books:
    """The books as they are now."""
    row = await database.connection.fetchrow(_BOOKS)
    assert row is not None
    found = (await audit_at(database.url, now=utc_now())).counts()
    return Books(
        **{name: int(value) for name, value in row.items()}, anomalies={str(kind): n for kind, n in found.items()}
    )


def faults(before: Books, after: Books, *, acknowledged: int, units_each: int) -> tuple[str, ...]:
    """
    What does not balance between two moments; empty where all does.

    Anomalies that were there before are not held against what came between: the floors write orders no audit would let
    pass (bench/README.md).
    """
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
    more = {kind: count - before.anomalies.get(kind, 0) for kind, count in after.anomalies.items()}
    return (
        *(f"{name}: {grown[name]}, expected {wanted}" for name, wanted in expected.items() if grown[name] != wanted),
        *(f"{count} more of {kind}" for kind, count in more.items() if count > 0),
    )
