"""Cart verbs on a real PostgreSQL."""

import asyncio
import hashlib
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from evertill.cart import LINES_MAX, Cart, Trouble, accept_prices, join_carts, put, remove, set_quantity, take_out, view
from evertill.ids import new_id
from evertill.refusals import Conflict, Invalid, NotFound, Refusal
from evertill.storage import Connection, Pool
from tests.conftest import stock_up

NOW = datetime(2026, 7, 8, 9, 0, tzinfo=UTC)
BROWSER = hashlib.sha256(b"one browser").digest()
OTHER_BROWSER = hashlib.sha256(b"another browser").digest()


@pytest.fixture
async def shelf(connection: Connection) -> Connection:
    """MUG and TEA by the thousand, three of LAST, and a SKU of odd characters."""
    await stock_up(connection, {"MUG": (1_250, 1_000), "TEA": (495, 1_000), "LAST": (9_900, 3), "A/B ?&#é:1": (100, 9)})
    return connection


async def customer(connection: Connection) -> UUID:
    id_ = new_id()
    await connection.execute("INSERT INTO customer VALUES ($1, $2, $2, 'Ada', 'x', $3)", id_, f"{id_}@example.com", NOW)
    return id_


async def put_in(
    connection: Connection, sku: str, quantity: int = 1, *, whose: UUID | bytes = BROWSER, now: datetime = NOW
) -> None:
    browser_hash, customer_id = (whose, None) if isinstance(whose, bytes) else (BROWSER, whose)
    await put(connection, browser_hash=browser_hash, customer_id=customer_id, sku=sku, quantity=quantity, now=now)


async def look(connection: Connection | Pool, whose: UUID | bytes = BROWSER) -> Cart:
    if isinstance(whose, bytes):
        return await view(connection, browser_hash=whose, customer_id=None)
    return await view(connection, browser_hash=BROWSER, customer_id=whose)


def held(cart: Cart) -> dict[str, int]:
    return {line.sku: line.quantity for line in cart.lines}


async def test_what_is_put_in_stays_in_the_order_it_came(shelf: Connection) -> None:
    """The same SKU again makes the line larger; lines keep their place."""
    await put_in(shelf, "TEA", 2)
    await put_in(shelf, "MUG", 1, now=NOW + timedelta(seconds=1))
    await put_in(shelf, "TEA", 3, now=NOW + timedelta(seconds=2))
    await put_in(shelf, "A/B ?&#é:1", 1, now=NOW + timedelta(seconds=3))
    cart = await look(shelf)
    assert [(line.sku, line.quantity) for line in cart.lines] == [("TEA", 5), ("MUG", 1), ("A/B ?&#é:1", 1)]
    assert cart.ready
    assert cart.subtotal_minor == 5 * 495 + 1_250 + 100


async def test_each_browser_and_each_customer_has_a_cart_of_their_own(shelf: Connection) -> None:
    """A signed-in customer sees the account's cart, whichever browser is used, and nobody else's."""
    ada = await customer(shelf)
    await put_in(shelf, "MUG")
    await put_in(shelf, "TEA", whose=ada)
    assert held(await look(shelf)) == {"MUG": 1}
    assert held(await look(shelf, ada)) == {"TEA": 1}
    assert held(await look(shelf, OTHER_BROWSER)) == {}
    assert held(await look(shelf, await customer(shelf))) == {}


@pytest.mark.parametrize("sku", ["NONE", "", "x" * 10_000, "nul\x00", "'; DROP TABLE cart; --"])
async def test_an_unknown_sku_is_refused_and_leaves_no_trace(shelf: Connection, sku: str) -> None:
    """Not even an empty cart."""
    with pytest.raises(NotFound):
        await put_in(shelf, sku)
    assert await shelf.fetchval("SELECT count(*) FROM cart") == 0


async def test_more_than_is_free_is_refused_and_the_cart_is_as_it_was(shelf: Connection) -> None:
    """By adding and by setting alike."""
    await put_in(shelf, "LAST", 2)
    with pytest.raises(Invalid, match="you can add 1 more"):
        await put_in(shelf, "LAST", 2)
    with pytest.raises(Invalid, match="Only 3 are left"):
        await set_quantity(shelf, browser_hash=BROWSER, customer_id=None, sku="LAST", quantity=4)
    assert held(await look(shelf)) == {"LAST": 2}


async def test_a_cart_holds_a_hundred_different_things(shelf: Connection) -> None:
    """The hundred-and-first is refused, more of the hundredth is not."""
    await stock_up(shelf, {f"S{number:03}": (100, 10) for number in range(LINES_MAX + 1)})
    for number in range(LINES_MAX):
        await put_in(shelf, f"S{number:03}")
    with pytest.raises(Conflict):
        await put_in(shelf, f"S{LINES_MAX:03}")
    await put_in(shelf, "S099")
    assert len((await look(shelf)).lines) == LINES_MAX


async def test_setting_and_removing(shelf: Connection) -> None:
    """A line that another tab took out stays out; removing twice is removing once."""
    await put_in(shelf, "MUG", 5)
    await set_quantity(shelf, browser_hash=BROWSER, customer_id=None, sku="MUG", quantity=2)
    assert held(await look(shelf)) == {"MUG": 2}
    await set_quantity(shelf, browser_hash=BROWSER, customer_id=None, sku="TEA", quantity=2)
    for _ in range(2):
        await remove(shelf, browser_hash=BROWSER, customer_id=None, sku="MUG")
    await set_quantity(shelf, browser_hash=BROWSER, customer_id=None, sku="MUG", quantity=2)
    await set_quantity(shelf, browser_hash=OTHER_BROWSER, customer_id=None, sku="MUG", quantity=2)
    assert held(await look(shelf)) == {}


async def test_a_changed_price_is_told_until_it_is_accepted(shelf: Connection) -> None:
    """Another quantity does not accept it; accepting a price that is no longer today's does not either."""
    await put_in(shelf, "MUG", 1)
    await shelf.execute("UPDATE variant SET price_minor = 1400 WHERE sku = 'MUG'")
    await set_quantity(shelf, browser_hash=BROWSER, customer_id=None, sku="MUG", quantity=3)
    for shown in (1_300, 1_250):
        await accept_prices(shelf, browser_hash=BROWSER, customer_id=None, shown={"MUG": shown, "TEA": 495})
        [line] = (await look(shelf)).lines
        assert (line.price_when_added_minor, line.price_minor) == (1_250, 1_400)
        assert line.troubles == (Trouble.PRICE_CHANGED,)
    await accept_prices(shelf, browser_hash=BROWSER, customer_id=None, shown={"MUG": 1_400})
    assert (await look(shelf)).ready


async def test_what_is_gone_from_the_shelves_is_told(shelf: Connection) -> None:
    """Archived, deleted or bought up by others: the line stays and says so."""
    for sku in ("MUG", "TEA", "LAST"):
        await put_in(shelf, sku, 3)
    await shelf.execute("UPDATE product SET status = 'archived' WHERE handle = 'mug'")
    await shelf.execute("DELETE FROM variant WHERE sku = 'TEA'")
    await shelf.execute("UPDATE stock SET sold = 1 WHERE sku = 'LAST'")
    lines = {line.sku: line for line in (await look(shelf)).lines}
    assert lines["MUG"].troubles == lines["TEA"].troubles == (Trouble.GONE,)
    assert lines["MUG"].title == "Mug"
    assert lines["LAST"].troubles == (Trouble.TOO_FEW,)
    with pytest.raises(NotFound):
        await set_quantity(shelf, browser_hash=BROWSER, customer_id=None, sku="MUG", quantity=1)


async def test_what_was_bought_leaves_the_cart_and_the_rest_stays(shelf: Connection) -> None:
    """What was raised or put in meanwhile is still wanted."""
    await put_in(shelf, "MUG", 2)
    await put_in(shelf, "TEA", 5)
    await put_in(shelf, "LAST", 1)
    await take_out(shelf, browser_hash=BROWSER, customer_id=None, bought={"MUG": 2, "TEA": 3, "NONE": 1})
    assert held(await look(shelf)) == {"TEA": 2, "LAST": 1}


# ------------------------------------------------------------------ two at once


async def at_once(*doings: Awaitable[None]) -> list[BaseException | None]:
    return await asyncio.gather(*doings, return_exceptions=True)


async def putting(pool: Pool, sku: str, quantity: int) -> None:
    async with pool.acquire() as connection:
        await put_in(connection, sku, quantity)


async def test_tabs_that_add_at_once_lose_nothing(shelf: Connection, pool: Pool) -> None:
    """Twelve tabs, no cart yet: one cart, and every unit in it."""
    answers = await at_once(*(putting(pool, sku, 1) for sku in ("MUG", "TEA") for _ in range(6)))
    assert answers == [None] * 12
    assert held(await look(shelf)) == {"MUG": 6, "TEA": 6}
    assert await shelf.fetchval("SELECT count(*) FROM cart") == 1


async def test_tabs_that_add_at_once_do_not_pass_what_is_free(shelf: Connection, pool: Pool) -> None:
    """Three of LAST are left: of ten tabs, three get theirs in, the others are told."""
    answers = await at_once(*(putting(pool, "LAST", 1) for _ in range(10)))
    assert held(await look(shelf)) == {"LAST": 3}
    assert sum(answer is None for answer in answers) == 3
    assert all(isinstance(answer, Refusal) for answer in answers if answer is not None)


# ------------------------------------------------------------------ signing in


async def test_signing_in_joins_the_carts_and_loses_nothing(shelf: Connection) -> None:
    """The larger quantity of what both hold stays, at the price shown last; the guest's cart is gone."""
    ada = await customer(shelf)
    await put_in(shelf, "MUG", 4, whose=ada)
    await put_in(shelf, "LAST", 1, whose=ada)
    await shelf.execute("UPDATE variant SET price_minor = 1400 WHERE sku = 'MUG'")
    await put_in(shelf, "MUG", 1, now=NOW + timedelta(hours=1))
    await put_in(shelf, "LAST", 3, now=NOW + timedelta(hours=1))
    await put_in(shelf, "TEA", 2, now=NOW + timedelta(hours=1))
    await join_carts(shelf, browser_hash=BROWSER, customer_id=ada, now=NOW + timedelta(hours=2))
    cart = await look(shelf, ada)
    assert held(cart) == {"MUG": 4, "LAST": 3, "TEA": 2}
    assert cart.ready  # £14.00 was shown in this browser when the guest put one in
    assert held(await look(shelf)) == {}
    assert await shelf.fetchval("SELECT count(*) FROM cart") == 1


async def test_signing_in_without_a_cart_changes_nothing(shelf: Connection) -> None:
    """No empty cart is made for the account."""
    ada = await customer(shelf)
    await join_carts(shelf, browser_hash=BROWSER, customer_id=ada, now=NOW)
    assert await shelf.fetchval("SELECT count(*) FROM cart") == 0


async def test_a_join_is_undone_with_the_sign_in_around_it(shelf: Connection) -> None:
    """Called inside a transaction that fails, the guest keeps the cart."""
    ada = await customer(shelf)
    await put_in(shelf, "MUG", 1)
    signing_in = shelf.transaction()
    await signing_in.start()
    await join_carts(shelf, browser_hash=BROWSER, customer_id=ada, now=NOW)
    await signing_in.rollback()
    assert held(await look(shelf)) == {"MUG": 1}


async def test_two_browsers_and_two_tabs_that_sign_in_at_once_lose_nothing(shelf: Connection, pool: Pool) -> None:
    """Joined once each, without a deadlock, while another tab of the account still adds."""
    ada = await customer(shelf)
    await put_in(shelf, "MUG", 2)
    await put_in(shelf, "TEA", 1, whose=OTHER_BROWSER)
    await put_in(shelf, "MUG", 1, whose=ada)

    async def sign_in(browser_hash: bytes) -> None:
        async with pool.acquire() as connection:
            await join_carts(connection, browser_hash=browser_hash, customer_id=ada, now=NOW)

    async def add() -> None:
        async with pool.acquire() as connection:
            await put_in(connection, "LAST", 1, whose=ada)

    answers = await at_once(sign_in(BROWSER), sign_in(OTHER_BROWSER), sign_in(BROWSER), add(), sign_in(OTHER_BROWSER))
    assert answers == [None] * 5
    assert held(await look(shelf, ada)) == {"MUG": 2, "TEA": 1, "LAST": 1}
    assert await shelf.fetchval("SELECT count(*) FROM cart") == 1
