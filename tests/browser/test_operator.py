"""Staff at the console: find an order, ship it, call it off, give money back; and who may only look."""

import asyncio
import time

import pytest
from playwright.async_api import Page, expect

from evertill.storage import Connection
from tests.browser.people import (
    PHONE,
    Doors,
    buy_button,
    enter_console,
    expect_confirmed,
    go_to_pay,
    hire,
    letter,
    link_in,
)
from tests.conftest import stock_up

pytestmark = pytest.mark.browser

# Sends a form the page does not offer, with the page's own proof of being ours.
_SEND_FORM = """
path => {
    const form = document.createElement('form');
    form.method = 'post';
    form.action = path;
    form.append(document.querySelector('input[name=csrf]').cloneNode());
    document.body.append(form);
    form.submit();
}
"""


async def _buy(doors: Doors, tables: Connection, sku: str, email: str) -> str:
    await stock_up(tables, {sku: (1_000, 10)})
    page = await doors.enter()
    await go_to_pay(page, sku.lower(), email=email)
    await buy_button(page).click()
    return await expect_confirmed(page)


async def _open(page: Page, number: str) -> None:
    """By its number, through the search of the console."""
    await page.goto("/ops/orders")
    await page.get_by_label("Order number").fill(number)
    await page.get_by_role("button", name="Find").click()
    await page.get_by_role("link", name=number).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(number)


async def _wait_for_payment(tables: Connection, number: str, state: str) -> None:
    """Until the provider has been told, and has said so."""
    deadline = time.monotonic() + 15
    found: str | None = None
    while time.monotonic() < deadline:
        found = await tables.fetchval(
            "SELECT charge.state FROM sandbox_provider.charge "
            "JOIN payment_attempt ON payment_attempt.id = charge.idempotency_key "
            "JOIN orders ON orders.id = payment_attempt.order_id "
            "WHERE orders.number = $1 AND payment_attempt.state = $2",
            number,
            state,
        )
        if found == state:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"payment of {number} is {found}, not {state}")


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
async def test_an_operator_ships_and_refunds(doors: Doors, tables: Connection, javascript: bool) -> None:
    """The order is found by its number; shipped, its money is taken; part of it is given back; the buyer is written."""
    buyer, member = f"shipped-{javascript}@example.com".lower(), f"operator-{javascript}@example.com".lower()
    number = await _buy(doors, tables, f"SHIPPED-{javascript}".upper(), buyer)
    page = await doors.enter(javascript=javascript)
    await enter_console(page, email=member, password=hire(doors.shop, email=member, role="operator"))

    await _open(page, number)
    await page.get_by_role("button", name="Ship it").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("shipped")
    await expect(page.get_by_role("button", name="Ship it")).to_have_count(0)
    await _wait_for_payment(tables, number, "captured")
    await letter(tables, to=buyer, subject="on its way")

    await page.get_by_text("Give money back").click()
    await page.get_by_label("Amount in GBP").fill("4.50")
    await page.get_by_label("Why").locator("visible=true").fill("A scratch on the lid")
    await page.get_by_role("button", name="Give it back").click()
    await expect(page.get_by_role("region", name="Refunds")).to_contain_text("£4.50")
    await expect(page.get_by_text("A scratch on the lid").first).to_be_visible()
    await letter(tables, to=buyer, subject=f"Money back for your order {number}")
    assert await tables.fetchval("SELECT refunded_minor FROM orders WHERE number = $1", number) == 450
    given_back = await tables.fetchval(
        """
        SELECT sum(refund.amount_minor) FROM sandbox_provider.refund
          JOIN payment_attempt ON payment_attempt.id = refund.charge_key
          JOIN orders ON orders.id = payment_attempt.order_id
         WHERE orders.number = $1
        """,
        number,
    )
    assert given_back == 450


async def test_an_operator_cancels_with_a_reason(doors: Doors, tables: Connection) -> None:
    """The money is let go, the unit is free again, and the buyer reads the reason."""
    number = await _buy(doors, tables, "CANCELLED", "cancelled@example.com")
    page = await doors.enter(PHONE)
    password = hire(doors.shop, email="caller@example.com", role="operator")
    await enter_console(page, email="caller@example.com", password=password)
    await _open(page, number)
    await page.locator("summary", has_text="Cancel the order").click()
    await page.get_by_label("Why").locator("visible=true").fill("It broke in our hands")
    await page.get_by_role("button", name="Cancel the order").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    await _wait_for_payment(tables, number, "voided")
    body = await letter(tables, to="cancelled@example.com", subject=f"{number}.*cancelled")
    assert "It broke in our hands" in body
    await page.goto(link_in(body))
    await expect(page.get_by_text("Why: It broke in our hands. The reserved money is let go")).to_be_visible()
    row = await tables.fetchrow("SELECT on_hand, claimed, sold FROM stock WHERE sku = 'CANCELLED'")
    assert row is not None
    assert tuple(row) == (10, 0, 0)


async def test_a_viewer_looks_and_changes_nothing(doors: Doors, tables: Connection) -> None:
    """No button is offered, and a form sent all the same is refused in words."""
    number = await _buy(doors, tables, "VIEWED", "viewed@example.com")
    page = await doors.enter()
    password = hire(doors.shop, email="viewer@example.com", role="viewer")
    await enter_console(page, email="viewer@example.com", password=password)
    await _open(page, number)
    assert await page.get_by_role("button").all_inner_texts() == ["Sign out"]
    for verb in ("shipment", "cancellation", "refunds", "inquiries"):
        await _open(page, number)
        async with page.expect_navigation() as sent:
            await page.evaluate(_SEND_FORM, f"{page.url}/{verb}")
        answer = await sent.value
        assert answer.status == 403, verb
        await expect(page.get_by_role("alert")).to_contain_text("operator")
    assert await tables.fetchval("SELECT state FROM orders WHERE number = $1", number) == "confirmed"


async def test_a_shopper_has_no_way_into_the_console(doors: Doors) -> None:
    """Every page of it shows its door."""
    page = await doors.enter()
    for path in ("/ops", "/ops/live", "/ops/orders", "/ops/stock", "/ops/mail", "/ops/staff", "/ops/password"):
        await page.goto(path)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to the console")
