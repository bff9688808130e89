"""Between looking and pressing, the world moves: it is said, and nothing is bought that was not agreed to."""

import pytest
from playwright.async_api import expect

from evertill.storage import Connection
from tests.browser.people import PHONE, Doors, buy_button, expect_confirmed, go_to_pay, put_in_cart
from tests.conftest import put_on_hand, stock_up

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
async def test_a_new_price_is_said_and_asked_again(doors: Doors, tables: Connection, javascript: bool) -> None:
    """Pressing at the old price buys nothing; the new one is shown, and pressing again buys at it."""
    sku, email = f"PRICED-{javascript}".upper(), f"priced-{javascript}@example.com".lower()
    await stock_up(tables, {sku: (1_000, 10)})
    page = await doors.enter(PHONE, javascript=javascript)
    await go_to_pay(page, sku.lower(), email=email)
    await expect(buy_button(page)).to_contain_text("£13.95")
    await tables.execute("UPDATE variant SET price_minor = 1100 WHERE sku = $1", sku)
    await buy_button(page).click()
    await expect(page.get_by_role("alert")).to_contain_text("A price has changed since you saw it")
    await expect(page.get_by_role("complementary", name="Your order")).to_contain_text("£11.00")
    await expect(buy_button(page)).to_contain_text("£14.95")
    assert await tables.fetchval("SELECT count(*) FROM orders WHERE email = $1", email) == 0
    await buy_button(page).click()
    await expect_confirmed(page)
    assert await tables.fetchval("SELECT total_minor FROM orders WHERE email = $1", email) == 1_495


async def test_a_new_price_is_said_in_the_cart(doors: Doors, tables: Connection) -> None:
    """The cart shows the old price beside the new one, and goes on once that is accepted."""
    await stock_up(tables, {"DEARER": (1_000, 10)})
    page = await doors.enter(PHONE, javascript=False)
    await put_in_cart(page, "dearer")
    await tables.execute("UPDATE variant SET price_minor = 1200 WHERE sku = 'DEARER'")
    await page.reload()
    await expect(page.get_by_text("it was £10.00, now it is £12.00")).to_be_visible()
    await expect(page.get_by_role("link", name="Checkout")).to_have_count(0)
    await page.get_by_role("button", name="Accept the new price").click()
    await page.get_by_role("link", name="Checkout").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Where to?")


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
async def test_what_is_sold_out_meanwhile_is_said(doors: Doors, tables: Connection, javascript: bool) -> None:
    """Somebody else was quicker: no order, no charge, a sentence that says so, and a way on."""
    sku, email = f"GONE-{javascript}".upper(), f"gone-{javascript}@example.com".lower()
    await stock_up(tables, {sku: (1_000, 1)})
    page = await doors.enter(PHONE, javascript=javascript)
    await go_to_pay(page, sku.lower(), email=email)
    await put_on_hand(tables, sku, 0)
    await buy_button(page).click()
    await expect(page.get_by_role("alert").first).to_contain_text("sold out")
    await expect(buy_button(page)).to_have_count(0)
    await page.get_by_role("link", name="Back to the cart").click()
    await expect(page.get_by_text("Sold out meanwhile")).to_be_visible()
    assert await tables.fetchval("SELECT count(*) FROM orders WHERE email = $1", email) == 0


async def test_of_two_buyers_of_the_last_one_one_gets_it(doors: Doors, tables: Connection) -> None:
    """The quicker one has an order, the other one a plain sentence."""
    await stock_up(tables, {"LAST-ONE": (1_000, 1)})
    quick, slow = await doors.enter(), await doors.enter(PHONE)
    await go_to_pay(quick, "last-one", email="quick@example.com")
    await go_to_pay(slow, "last-one", email="slow@example.com")
    await buy_button(quick).click()
    await expect_confirmed(quick)
    await buy_button(slow).click()
    await expect(slow.get_by_role("alert").first).to_contain_text("sold out")
    assert await tables.fetchval("SELECT on_hand - claimed - sold FROM stock WHERE sku = 'LAST-ONE'") == 0


async def test_all_that_changed_is_said_at_once(doors: Doors, tables: Connection) -> None:
    """One line sold out, one cut, one left: each is named before the smaller order may be bought."""
    await stock_up(tables, {"ALL-OUT": (1_000, 9), "ALL-CUT": (2_000, 9), "ALL-LEFT": (3_000, 9)})
    page = await doors.enter(PHONE, javascript=False)
    await put_in_cart(page, "all-out")
    await put_in_cart(page, "all-cut", 3)
    await go_to_pay(page, "all-left", email="all@example.com")
    await put_on_hand(tables, "ALL-OUT", 0)
    await put_on_hand(tables, "ALL-CUT", 2)
    await buy_button(page).click()
    told = page.get_by_role("alert").filter(has_text="What is different now")
    await expect(told).to_contain_text("All-Out is sold out.")
    await expect(told).to_contain_text("Only 2 of All-Cut left: the quantity was changed from 3.")
    await expect(page.get_by_text("This cannot be bought")).to_have_count(0)
    await buy_button(page).click()
    await expect_confirmed(page)


async def test_an_order_of_which_nothing_is_left_shows_no_total(doors: Doors, tables: Connection) -> None:
    """No delivery to pay for of nothing; what is gone is named once, and the cart is a press away."""
    await stock_up(tables, {"NOTHING-LEFT": (1_000, 1)})
    page = await doors.enter(PHONE)
    await go_to_pay(page, "nothing-left", email="nothing-left@example.com")
    await put_on_hand(tables, "NOTHING-LEFT", 0)
    await buy_button(page).click()
    await expect(page.get_by_text("This cannot be bought as it stands")).to_have_count(1)
    await expect(page.get_by_role("complementary", name="Your order")).to_contain_text("Nothing of it can be bought")
    await expect(page.get_by_role("complementary", name="Your order")).not_to_contain_text("£")
