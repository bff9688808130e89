"""Codes at the checkout, as a browser without JavaScript uses them: put in, refused with the reason, taken out."""

import re

import httpx
import pytest

from evertill.ids import new_id
from evertill.storage import Connection
from tests.coding import make_code, uses
from tests.database.test_cart_deals import ADDRESS, Browser, browser, pay, post, to_pay
from tests.dealing import make_deal

__all__ = ["browser"]  # the fixture


async def at_the_till(browser: Browser, units: int = 2) -> str:
    """Mugs in the cart, through address and delivery; the address of the page where one pays."""
    await post(browser, "/cart/lines", {"sku": "MUG", "quantity": str(units), "handle": "mug"})
    return await to_pay(browser)


async def put_in(browser: Browser, path: str, code: str) -> httpx.Response:
    form = {"code": code, "verb": "apply", "attempt": str(new_id())}
    return await post(browser, path.replace("/pay", "/code"), form)


def totals(page: str) -> list[str]:
    """The amounts of the summary, in words."""
    table = re.search(r'<table class="totals">(.*?)</table>', page, re.DOTALL)
    assert table is not None
    return re.sub(r"<[^>]+>|\s+", " ", table[1]).split()


async def test_a_code_is_put_in_and_bought_with(browser: Browser, connection: Connection) -> None:
    """The page says what it takes off; so do the order and its letter."""
    await make_code(connection, uses_max=1)
    path = await at_the_till(browser)
    assert "Have a code?" in (await browser.get(path)).text
    answer = await put_in(browser, path, " summer ")
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    page = (await browser.get(path)).text
    assert totals(page)[:9] == ["Goods", "£25.00", "Code", "SUMMER", "-£2.50", "Delivery", "£3.95", "Total", "£26.45"]
    assert "Buy now for £26.45" in page
    assert "Have a code?" not in page
    for step in ("", "/delivery"):
        assert "-£2.50" in (await browser.get(path.replace("/pay", step))).text
    bought = await pay(browser, path)
    assert bought.status_code == 303, bought.text
    order = (await browser.get(bought.headers["location"])).text
    assert totals(order)[:5] == ["Goods", "£25.00", "Code", "SUMMER", "-£2.50"]
    assert await uses(connection) == (0, 1)


async def test_a_code_is_taken_out_again(browser: Browser, connection: Connection) -> None:
    """Pressing twice is once."""
    await make_code(connection)
    path = await at_the_till(browser)
    await put_in(browser, path, "SUMMER")
    for _ in range(2):
        form = {"verb": "remove", "attempt": str(new_id())}
        assert (await post(browser, path.replace("/pay", "/code"), form)).status_code == 303
    page = (await browser.get(path)).text
    assert "SUMMER" not in page
    assert "Buy now for £28.95" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM discount_code", "There is no code summer."),
        ("UPDATE discount_code SET begins_at = now() + interval '1 hour'", "cannot be used yet"),
        ("UPDATE discount_code SET ended_at = now()", "is over"),
        ("UPDATE discount_code SET uses_max = 3, used = 3", "is used up"),
        ("UPDATE discount_code SET subtotal_min_minor = 9000", "for goods of £90.00 or more"),
        ("UPDATE deal SET ends_at = now() + interval '1 hour'", "cannot be combined with codes"),
    ],
)
async def test_a_code_that_takes_nothing_off_says_why(
    browser: Browser, connection: Connection, change: str, said: str
) -> None:
    """Beside its field, with what was typed; the order is as it was, and can be bought."""
    await make_code(connection)
    if change.startswith("UPDATE deal"):
        await make_deal(connection, new_id(), "MUG", units=None)
        await connection.execute("UPDATE deal SET stackable = false")
    await connection.execute(change)
    path = await at_the_till(browser)
    answer = await put_in(browser, path, "summer")
    assert answer.status_code == 422
    assert said in answer.text
    assert 'aria-describedby="wrong-code"' in answer.text
    assert 'value="summer"' in answer.text
    page = (await browser.get(path)).text
    assert "summer" not in page
    assert "What is different now" not in page
    assert (await pay(browser, path)).status_code == 303


async def test_a_code_that_was_put_in_survives_one_that_is_wrong(browser: Browser, connection: Connection) -> None:
    """A second one that is refused takes nothing away."""
    await make_code(connection)
    path = await at_the_till(browser)
    await put_in(browser, path, "SUMMER")
    answer = await put_in(browser, path, "nope")
    assert answer.status_code == 422
    assert "There is no code nope" in answer.text
    assert "-£2.50" in (await browser.get(path)).text


async def test_each_customer_may_once(browser: Browser, connection: Connection) -> None:
    """The second order with it is told so before it is paid."""
    await make_code(connection, per_customer=1)
    for expected in (303, 422):
        path = await at_the_till(browser)
        answer = await put_in(browser, path, "SUMMER")
        assert answer.status_code == expected
        if expected == 303:
            assert (await pay(browser, path)).status_code == 303
    assert "as often as one may" in answer.text


async def test_used_up_while_one_pays_it_is_said_and_nothing_is_charged(
    browser: Browser, connection: Connection
) -> None:
    """The page comes back with the total of now, and that can be paid."""
    await make_code(connection, uses_max=1)
    path = await at_the_till(browser)
    await put_in(browser, path, "SUMMER")
    await connection.execute("UPDATE discount_code SET used = 1")
    answer = await pay(browser, path)
    assert answer.status_code == 422
    assert "The code SUMMER is used up. Nothing was charged." in answer.text
    assert "Buy now for £28.95" in answer.text
    assert await connection.fetchval("SELECT count(*) FROM orders") == 0
    assert (await pay(browser, path)).status_code == 303


async def test_guessing_is_bounded(browser: Browser, connection: Connection) -> None:
    """Twenty wrong ones in a quarter of an hour; a right one counts as none, and after that even it must wait."""
    await make_code(connection)
    path = await at_the_till(browser)
    for _ in range(3):
        assert (await put_in(browser, path, "SUMMER")).status_code == 303
    for number in range(20):
        assert (await put_in(browser, path, f"GUESS-{number}")).status_code == 422
    answer = await put_in(browser, path, "SUMMER")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert "tried too often" in answer.text
    assert "-£2.50" in (await browser.get(path)).text  # what was put in stays
    assert (await pay(browser, path)).status_code == 303


async def test_nothing_typed_is_no_code(browser: Browser, connection: Connection) -> None:
    """Said beside the field, and not counted as a guess."""
    path = await at_the_till(browser)
    answer = await put_in(browser, path, "  ")
    assert answer.status_code == 422
    assert "your order needs none" in answer.text
    assert await connection.fetchval("SELECT count(*) FROM sign_in_try") == 0


async def test_another_address_keeps_the_code(browser: Browser, connection: Connection) -> None:
    """Who goes back and changes something has it still; what it takes off is worked out anew."""
    await make_code(connection)
    path = await at_the_till(browser)
    await put_in(browser, path, "SUMMER")
    answer = await post(browser, path.replace("/pay", ""), {**ADDRESS, "attempt": str(new_id())})
    assert answer.status_code == 303
    assert "-£2.50" in (await browser.get(path)).text
