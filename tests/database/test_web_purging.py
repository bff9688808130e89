"""What is over is thrown away, in bites; what made an order, or is anybody's, is not."""

from datetime import datetime, timedelta

import pytest

from evertill.cart.purge import CartPurge
from evertill.checkout import purge as session_purge
from evertill.checkout.model import Completion
from evertill.checkout.purge import SessionPurge
from evertill.checkout.sessions import Revision
from evertill.clock import utc_now
from evertill.ids import id_at, new_id
from evertill.shop import Shop
from evertill.storage import Connection
from tests.buying import key, open_session, placing

OWNER = "browser:ada"


async def _age(connection: Connection, table: str, days: int) -> None:
    """Make every row of a table that much older, its id included."""
    for row in await connection.fetch(f"SELECT id FROM {table}"):
        older = id_at(utc_now() - timedelta(days=days))
        if table == "cart":
            await connection.execute("UPDATE cart SET id = $2, updated_at = $3 WHERE id = $1", row["id"], older,
                                     utc_now() - timedelta(days=days))  # fmt: skip
        else:
            await connection.execute(
                "UPDATE checkout_session SET id = $2, created_at = created_at - $3::interval, "
                "expires_at = expires_at - $3::interval WHERE id = $1", row["id"], older, timedelta(days=days),
            )  # fmt: skip
            await connection.execute("UPDATE orders SET session_id = $2 WHERE session_id = $1", row["id"], older)


async def test_sessions_a_month_over_go_and_those_that_made_an_order_stay(shop: Shop, connection: Connection) -> None:
    """Ready and canceled ones go; confirmed, declined and young ones stay."""
    await open_session(shop, ("MUG", 1))
    canceled = await open_session(shop, ("MUG", 1))
    await shop.sessions.revise(Revision(key("cancel"), canceled.id, OWNER, None, None, shop.clock()))
    confirmed = await shop.checkout.complete(placing(await open_session(shop, ("MUG", 1))))
    declined = await shop.checkout.complete(placing(await open_session(shop, ("MUG", 1)), "tok_decline_generic"))
    assert isinstance(confirmed, Completion)
    assert isinstance(declined, Completion)
    await _age(connection, "checkout_session", 40)
    young = await open_session(shop, ("MUG", 1))
    purge = SessionPurge(shop.desk, clock=shop.clock)
    assert await purge.run_once() == 2
    left = await connection.fetch("SELECT id FROM checkout_session ORDER BY id")
    with_orders = await connection.fetch("SELECT session_id AS id FROM orders ORDER BY session_id")
    assert [row["id"] for row in left] == sorted([*(row["id"] for row in with_orders), young.id])
    assert await purge.run_once() == 0


async def test_a_session_that_is_over_is_kept_for_a_month(shop: Shop, connection: Connection) -> None:
    """Somebody may still look at it, and be told that it expired."""
    await open_session(shop, ("MUG", 1))
    await _age(connection, "checkout_session", 29)
    assert await SessionPurge(shop.desk, clock=shop.clock).run_once() == 0


async def test_a_large_backlog_goes_bite_by_bite_round_and_round(
    shop: Shop, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round takes one bite; after the last it begins again, and finds what became old meanwhile."""
    monkeypatch.setattr(session_purge, "_BITE", 4)
    for _ in range(10):
        await open_session(shop, ("MUG", 1))
    await _age(connection, "checkout_session", 40)
    purge = SessionPurge(shop.desk, clock=shop.clock)
    assert [await purge.run_once() for _ in range(4)] == [4, 4, 2, 0]
    await open_session(shop, ("MUG", 1))
    await _age(connection, "checkout_session", 40)
    assert [await purge.run_once() for _ in range(2)] == [1, 0]


async def test_a_session_somebody_holds_at_this_moment_is_left(shop: Shop, connection: Connection) -> None:
    """The purge waits for nobody."""
    await open_session(shop, ("MUG", 1))
    await _age(connection, "checkout_session", 40)
    async with connection.transaction():
        await connection.execute("SELECT FROM checkout_session FOR UPDATE")
        assert await SessionPurge(shop.desk, clock=shop.clock).run_once() == 0
    assert await connection.fetchval("SELECT count(*) FROM checkout_session") == 1


async def test_guests_carts_of_half_a_year_ago_go_and_customers_stay(shop: Shop, connection: Connection) -> None:
    """With their lines; one that was used since stays, however old it is."""
    now = utc_now()
    customer_id = new_id()
    await connection.execute(
        "INSERT INTO customer VALUES ($1, 'ada@example.com', 'ada@example.com', 'Ada', '', $2)", customer_id, now
    )

    async def cart(days: int, *, browser: bytes | None, used: datetime | None = None) -> None:
        made = now - timedelta(days=days)
        id_ = id_at(made)
        await connection.execute(
            "INSERT INTO cart VALUES ($1, $2, $3, $4, $5)", id_, browser, None if browser else customer_id, made,
            used or made,
        )  # fmt: skip
        await connection.execute("INSERT INTO cart_line VALUES ($1, 'MUG', 1, 1250, $2)", id_, made)

    await cart(200, browser=b"gone")
    await cart(300, browser=b"back again", used=now - timedelta(days=3))
    await cart(170, browser=b"young")
    await cart(400, browser=None)
    purge = CartPurge(shop.desk, clock=shop.clock)
    assert [await purge.run_once() for _ in range(3)] == [1, 0, 0]
    left = {row["browser_hash"] for row in await connection.fetch("SELECT browser_hash FROM cart")}
    assert left == {b"back again", b"young", None}
    assert await connection.fetchval("SELECT count(*) FROM cart_line") == 3
