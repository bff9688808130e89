"""A whole purchase by somebody without an account, as a browser does it."""

import re

import pytest
from playwright.async_api import Locator, Page, ViewportSize, expect

from evertill.storage import Connection
from tests.browser.people import (
    DESKTOP,
    PHONE,
    Doors,
    buy_button,
    expect_confirmed,
    fill_in_address,
    go_to_pay,
    letter,
    link_in,
    pay,
)
from tests.conftest import stock_up

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_a_guest_buys(doors: Doors, tables: Connection, viewport: ViewportSize, javascript: bool) -> None:
    """From first page to letter: found, put in the cart, a slip corrected, one card declined, another good."""
    page = await doors.enter(viewport, javascript=javascript)
    email = f"guest-{viewport['width']}-{javascript}@example.com".lower()
    heading = page.get_by_role("heading", level=1)

    await page.goto("/")
    await page.get_by_label("Search the shop").fill("alarm clock green")
    await page.get_by_role("button", name="Search").click()
    await expect(heading).to_contain_text("alarm clock green")
    await page.locator(".card-title a").first.click()
    await page.wait_for_url("**/products/*")
    title = await heading.inner_text()
    await page.get_by_label("Quantity").fill("2")
    await page.get_by_role("button", name="Put in cart").click()

    await expect(heading).to_have_text("Your cart")
    await expect(page.locator(".line-title")).to_have_text(title)
    await expect(page.get_by_label(f"Quantity of {title}")).to_have_value("2")
    await page.get_by_role("link", name="Checkout").click()

    await fill_in_address(page, email=email, postcode="99999")
    await page.get_by_role("button", name="On to delivery").click()
    postcode = page.get_by_label("Postcode")
    await expect(postcode).to_have_attribute("aria-invalid", "true")
    await expect(postcode).to_have_accessible_description(
        re.compile("does not fit the country, United Kingdom. One there looks like")
    )
    await expect(postcode).to_have_value("99999")
    await expect(page.get_by_label("E-mail")).to_have_value(email)
    await expect(page.get_by_label("Full name")).to_have_value("Ada Byron")
    await expect(page.get_by_label("Street and number")).to_have_value("12 St James's Square")
    await postcode.fill("SW1Y 4JH")
    await page.get_by_role("button", name="On to delivery").click()

    await expect(heading).to_have_text("How would you like it?")
    await page.get_by_role("radio").last.check()
    await page.get_by_role("button", name="On to payment").click()

    await expect(heading).to_have_text("Look and pay")
    await pay(page, "Test card without money")
    await expect(page.get_by_role("alert")).to_contain_text("not enough money")
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was charged")
    await pay(page, "Test card that works")

    number = await expect_confirmed(page)
    await expect(page.locator(".fascia-cart .count")).to_have_count(0)  # nothing is left in the cart
    body = await letter(tables, to=email, subject=f"{number} is confirmed")
    assert title in body
    await page.goto(link_in(body))
    assert await expect_confirmed(page) == number
    states = await tables.fetch("SELECT state FROM orders WHERE email = $1 ORDER BY id", email)
    assert [row["state"] for row in states] == ["declined", "confirmed"]


async def test_the_way_to_pay_stays_chosen(doors: Doors, tables: Connection) -> None:
    """A page that comes back, since the card or the price was not right, keeps the card that was chosen."""
    await stock_up(tables, {"CHOSEN": (1_000, 10)})
    page = await doors.enter(javascript=False)
    await go_to_pay(page, "chosen", email="chosen@example.com")
    await pay(page, "Test card that has expired")
    await expect(page.get_by_role("alert")).to_contain_text("expired")
    await expect(page.get_by_role("radio", name="Test card that has expired")).to_be_checked()
    await tables.execute("UPDATE variant SET price_minor = 900 WHERE sku = 'CHOSEN'")
    await pay(page, "Test card of a slow bank")
    await expect(page.get_by_role("alert")).to_contain_text("has changed")
    await expect(page.get_by_role("radio", name="Test card of a slow bank")).to_be_checked()
    await buy_button(page).click()
    await expect_confirmed(page)


async def test_what_is_bought_stands_above_the_button_that_buys(doors: Doors, tables: Connection) -> None:
    """On a phone, too: nobody presses it before having passed the lines and the total."""
    await stock_up(tables, {"ABOVE": (1_000, 10)})
    page = await doors.enter(PHONE)
    await go_to_pay(page, "above", email="above@example.com")
    summary = await page.get_by_role("complementary", name="Your order").bounding_box()
    button = await buy_button(page).bounding_box()
    assert summary is not None
    assert button is not None
    assert summary["y"] + summary["height"] <= button["y"]


async def test_what_is_collected_goes_to_no_address(doors: Doors, tables: Connection) -> None:
    """Before paying, the page says who collects it, not where it would have gone."""
    await stock_up(tables, {"COLLECTED": (1_000, 10)})
    page = await doors.enter()
    await go_to_pay(page, "collected", email="collected@example.com")
    await page.get_by_role("link", name="Change the delivery").click()
    await expect(page.get_by_role("group", name="To London, United Kingdom")).to_be_visible()
    await page.get_by_role("radio", name="Collect from the shop").check()
    await page.get_by_role("button", name="On to payment").click()
    panel = page.get_by_role("region", name="Collected by")
    await expect(panel).to_contain_text("Ada Byron")
    await expect(panel).not_to_contain_text("St James")


async def test_a_keyboard_is_enough(doors: Doors, tables: Connection) -> None:
    """A whole purchase without a mouse: every control is reached by Tab, in a sane number of presses."""
    await stock_up(tables, {"KEYBOARD": (1_000, 10)})
    page = await doors.enter()
    heading = page.get_by_role("heading", level=1)
    await page.goto("/products/keyboard")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await _tab_to(page, page.get_by_role("button", name="Put in cart"))
    await page.keyboard.press("Enter")
    await expect(heading).to_have_text("Your cart")
    await _tab_to(page, page.get_by_role("link", name="Checkout"))
    await page.keyboard.press("Enter")
    await expect(heading).to_have_text("Where to?")
    for label, typed in (
        ("E-mail", "keys@example.com"),
        ("Full name", "Ada Byron"),
        ("Street and number", "12 St James's Square"),
        ("Town or city", "London"),
        ("Postcode", "SW1Y 4JH"),
    ):
        await _tab_to(page, page.get_by_label(label))
        await page.keyboard.type(typed)
    await page.keyboard.press("Enter")
    await expect(heading).to_have_text("How would you like it?")
    await _tab_to(page, page.get_by_role("radio").first)
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("radio").nth(1)).to_be_checked()
    await page.keyboard.press("Enter")
    await expect(heading).to_have_text("Look and pay")
    await _tab_to(page, buy_button(page))
    await page.keyboard.press("Enter")
    await expect_confirmed(page)


async def _tab_to(page: Page, wanted: Locator, presses_max: int = 25) -> None:
    for _ in range(presses_max):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by {presses_max} presses of Tab")
