"""The bench's grown shops: their past is as honest as what the shop itself writes."""

from pathlib import Path

import pytest
from bench.growth import Shop as Grown
from bench.growth import Size, fill
from bench.shop import HERE, Database

from evertill.shop import Shop
from evertill.storage import Connection
from tests.buying import buy

_WRONGS = {
    "an order whose sums are not its lines'": """
        SELECT orders.id FROM orders JOIN order_line ON order_id = orders.id
         GROUP BY orders.id HAVING subtotal_minor <> sum(order_line.total_minor)""",
    "an order without its one payment": """
        SELECT orders.id FROM orders LEFT JOIN payment_attempt AS attempt ON attempt.order_id = orders.id
         GROUP BY orders.id HAVING count(*) <> 1 OR bool_or(attempt.amount_minor <> orders.total_minor
                                                            OR attempt.state <> 'authorised')""",
    "a payment the provider does not know": """
        SELECT * FROM payment_attempt AS attempt
          FULL JOIN sandbox_provider.charge ON charge.idempotency_key = attempt.id
         WHERE charge.amount_minor IS DISTINCT FROM attempt.amount_minor""",
    "a session and its order that do not know each other": """
        SELECT * FROM checkout_session AS session FULL JOIN orders ON orders.session_id = session.id
         WHERE session.order_id IS DISTINCT FROM orders.id OR session.status <> 'completed'""",
    "an order without its key, or with two": """
        SELECT orders.id FROM orders LEFT JOIN attempt_key ON attempt_key.order_id = orders.id
         GROUP BY orders.id HAVING count(attempt_key.key) <> 1""",
    "an order whose letter was not written once": """
        SELECT orders.id FROM orders LEFT JOIN outbox ON facts ->> 'order_id' = orders.id::text
         GROUP BY orders.id HAVING count(outbox.id) <> 1""",
    "units sold that no line explains": """
        SELECT sku, sold, lines.units FROM stock
          LEFT JOIN (SELECT sku, sum(quantity) AS units FROM order_line GROUP BY sku) AS lines USING (sku)
         WHERE sold <> coalesce(units, 0) OR claimed <> 0""",
    "units on hand that no movement explains": """
        SELECT sku FROM stock FULL JOIN stock_movement USING (sku) GROUP BY sku
        HAVING min(on_hand) IS DISTINCT FROM sum(units)""",
}


async def _grown(connection: Connection, database_url: str, tmp_path: Path, size: Size) -> Grown:
    if connection.get_server_version().major < 18:
        pytest.skip("the bench fills the embedded server, whose uuidv7() takes a moment")
    await connection.execute("TRUNCATE stock_movement, stock, variant, product")  # the tests' own catalogue
    await connection.execute("SELECT set_config('bench.skus', $1, false)", str(size.skus))
    await connection.execute((HERE / "seed.sql").read_text())
    return Grown(size, tmp_path, Database(database_url, tmp_path, connection))


async def test_a_past_that_was_filled_in_balances(
    shop: Shop, connection: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All the rows of a purchase, for every order, also where it is written in several bites."""
    monkeypatch.setattr("bench.growth._BITE", 120)
    grown = await _grown(connection, database_url, tmp_path, Size(300, 50))
    await buy(shop, ("BENCH-0001", 1), ("BENCH-0002", 1))
    await fill(grown)
    assert await connection.fetchval("SELECT count(*) FROM orders") == 301
    assert await connection.fetchval("SELECT count(*) FROM attempt_key") == 602
    assert await connection.fetchval("SELECT count(DISTINCT sku) FROM order_line") == 50
    for wrong, statement in _WRONGS.items():
        assert await connection.fetch(statement) == [], wrong
    assert await connection.fetchval("SELECT max(placed_at) - min(placed_at) < interval '40 hours' FROM orders")


async def test_nothing_is_copied_from_a_shop_that_has_sold_nothing(
    shop: Shop, connection: Connection, database_url: str, tmp_path: Path
) -> None:
    """The bench says so instead of measuring an empty table."""
    grown = await _grown(connection, database_url, tmp_path, Size(100, 50))
    with pytest.raises(RuntimeError, match="sell something"):
        await fill(grown)
