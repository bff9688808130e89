"""A limited deal, as a browser buys it: claimed, counted down, paid for, with a script and without."""

import re

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize, expect

from evertill.ids import new_id
from evertill.storage import Connection
from tests.browser.people import DESKTOP, PHONE, Doors, buy_button, expect_confirmed, fill_in_address, pay, put_in_cart
from tests.conftest import stock_up
from tests.dealing import counts, make_deal

pytestmark = pytest.mark.browser


async def for_everybody(page: Page) -> None:
    """No axe violation, and nothing beyond the edge."""
    found = await Axe().run(page)
    assert found.response["violations"] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize(
    ("viewport", "javascript"), [(PHONE, False), (DESKTOP, True)], ids=["phone without script", "desktop with script"]
)
async def test_claimed_counted_down_and_paid(
    doors: Doors, tables: Connection, viewport: ViewportSize, javascript: bool
) -> None:
    """Held from the cart on, until the time beside it; a declined card loses nothing; the books follow."""
    sku, deal = f"DEAL-{viewport['width']}", new_id()
    await stock_up(tables, {sku: (2_000, 10)})
    await make_deal(tables, deal, sku, units=3, per_customer=2)
    page = await doors.enter(viewport, javascript=javascript, scheme="dark" if javascript else "light")
    await put_in_cart(page, sku.lower(), 2)
    assert await counts(tables, deal, sku) == (2, 0, 2)
    held = page.locator(".line-held")
    left = page.locator("[data-held-left]")
    await expect(page.locator(".line-each").first).to_contain_text("£16.00")
    if javascript:
        await expect(left).to_have_text(re.compile(r"14:[0-5]\d"))
        await for_everybody(page)
    else:
        await expect(held).to_contain_text("14 minutes left")
    await page.get_by_role("link", name="Checkout").click()
    await fill_in_address(page, email=f"{sku}@example.com".lower())
    await page.get_by_role("button", name="On to delivery").click()
    await page.get_by_role("button", name="On to payment").click()
    await expect(held).to_contain_text("Held for you until")
    if javascript:
        await for_everybody(page)
    await pay(page, "Test card without money")
    await expect(page.get_by_role("alert").first).to_contain_text("not enough money")
    await expect(held).to_contain_text("Held for you until")
    await expect(buy_button(page)).to_contain_text("£35.95")
    await pay(page)
    await expect_confirmed(page)
    assert await counts(tables, deal, sku) == (0, 2, 0)


async def test_all_claimed_it_can_be_had_at_its_list_price(doors: Doors, tables: Connection) -> None:
    """The reason is said, and one button takes it without the deal."""
    deal = new_id()
    await stock_up(tables, {"RARE": (2_000, 10)})
    await make_deal(tables, deal, "RARE", units=1)
    first, second = await doors.enter(PHONE), await doors.enter(PHONE, javascript=False)
    await second.goto("/products/rare")  # while there is one
    await put_in_cart(first, "rare")
    await second.get_by_role("button", name="Put in cart").click()
    await expect(second.get_by_role("alert")).to_contain_text("All of them are claimed at this moment")
    await second.get_by_role("button", name="Put in cart at £20.00 each").click()
    await expect(second.get_by_role("heading", level=1)).to_have_text("Your cart")
    await expect(second.locator(".line-each").first).to_contain_text("£20.00")
    await first.get_by_role("button", name="Remove").click()
    await expect(first.get_by_text("Nothing in it yet")).to_be_visible()
    await second.get_by_role("button", name="Take it at the deal's price").click()
    await expect(second.locator(".line-held")).to_be_visible()
    assert await counts(tables, deal, "RARE") == (1, 0, 1)
