"""One press or ten, back and forth, two tabs: one order, and everybody is led to it."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from evertill.storage import Connection
from tests.browser.people import PHONE, Doors, buy_button, expect_confirmed, go_to_pay, order_number
from tests.conftest import stock_up

pytestmark = pytest.mark.browser

# Sends the page's own form several times at once, as an impatient browser would; says where each one ended.
_SEND_AT_ONCE = """
async times => {
    const form = document.querySelector('form[action$="/pay"]');
    const send = () => fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form))});
    return Promise.all(Array.from({length: times}, async () => { const answer = await send(); return answer.url; }));
}
"""


async def _orders_of(tables: Connection, email: str) -> list[str]:
    rows = await tables.fetch("SELECT state FROM orders WHERE email = $1", email)
    return [row["state"] for row in rows]


async def _sold(tables: Connection, sku: str) -> int:
    sold: int = await tables.fetchval("SELECT sold FROM stock WHERE sku = $1", sku)
    return sold


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
async def test_a_double_click_buys_once(doors: Doors, tables: Connection, javascript: bool) -> None:
    """The order's page is shown, and there is one order, with or without the script that drops the second press."""
    sku, email = f"DOUBLE-{javascript}".upper(), f"double-{javascript}@example.com".lower()
    await stock_up(tables, {sku: (1_000, 10)})
    page = await doors.enter(PHONE, javascript=javascript)
    await go_to_pay(page, sku.lower(), email=email)
    await buy_button(page).dblclick()
    await expect_confirmed(page)
    assert await _orders_of(tables, email) == ["confirmed"]
    assert await _sold(tables, sku) == 1


async def test_one_form_sent_five_times_at_once_buys_once(doors: Doors, tables: Connection) -> None:
    """All five are answered with the one order's page."""
    await stock_up(tables, {"FIVEFOLD": (1_000, 10)})
    page = await doors.enter()
    await go_to_pay(page, "fivefold", email="fivefold@example.com")
    ended: list[str] = await page.evaluate(_SEND_AT_ONCE, 5)
    assert len(set(ended)) == 1
    assert "/orders/" in ended[0]
    assert await _orders_of(tables, "fivefold@example.com") == ["confirmed"]
    assert await _sold(tables, "FIVEFOLD") == 1


async def test_two_tabs_buy_once(doors: Doors, tables: Connection) -> None:
    """Each tab holds a form of its own, and both press at the same moment: both show the same order."""
    await stock_up(tables, {"TABS": (1_000, 10)})
    first = await doors.enter()
    await go_to_pay(first, "tabs", email="tabs@example.com")
    second: Page = await first.context.new_page()
    await second.goto(first.url)
    await asyncio.gather(buy_button(first).click(), buy_button(second).click())
    assert await expect_confirmed(first) == await expect_confirmed(second)
    assert await _orders_of(tables, "tabs@example.com") == ["confirmed"]
    assert await _sold(tables, "TABS") == 1


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
async def test_the_back_button_leads_to_the_order(doors: Doors, tables: Connection, javascript: bool) -> None:
    """After buying, going back never offers to buy the same again."""
    sku, email = f"BACK-{javascript}".upper(), f"back-{javascript}@example.com".lower()
    await stock_up(tables, {sku: (1_000, 10)})
    page = await doors.enter(PHONE, javascript=javascript)
    await go_to_pay(page, sku.lower(), email=email)
    await buy_button(page).click()
    number = await expect_confirmed(page)
    for _ in ("the page to pay", "the delivery"):
        await page.go_back()
        assert await order_number(page) == number
    assert await _orders_of(tables, email) == ["confirmed"]


async def test_a_slow_bank_is_spoken_of(doors: Doors, tables: Connection) -> None:
    """While the answer is awaited the page says why it takes a moment; before, it says nothing of the kind."""
    await stock_up(tables, {"AWAITED": (1_000, 10)})
    page = await doors.enter(PHONE)
    await go_to_pay(page, "awaited", email="awaited@example.com")
    asking = page.get_by_text("We are asking the bank")
    await expect(asking).to_be_hidden()
    await page.evaluate("addEventListener('submit', event => event.preventDefault())")  # the answer is long in coming
    await buy_button(page).click()
    await expect(asking).to_be_visible()
    await expect(asking).to_have_role("status")
