"""The whole line as people see it: who opens it, who stands in it, who comes too late."""

import re
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize, expect

from evertill.storage import Connection
from tests.browser.people import (
    DESKTOP,
    PHONE,
    Doors,
    buy_button,
    enter_console,
    expect_confirmed,
    fill_in_address,
    hire,
    put_in_cart,
)
from tests.conftest import stock_up

pytestmark = pytest.mark.browser


async def expect_fine(page: Page) -> None:
    """No violation of axe's, and nothing wider than the screen."""
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def staff_at_work(doors: Doors, name: str, viewport: ViewportSize, scheme: Literal["light", "dark"]) -> Page:
    """Somebody who may open rooms, at the console."""
    page, email = await doors.enter(viewport, scheme=scheme), f"{name}@example.com"
    await enter_console(page, email=email, password=hire(doors.shop, email=email, role="operator"))
    return page


async def open_room(staff: Page, title: str, skus: str) -> None:
    """A room for these, by the console's form."""
    await staff.goto("/ops/rooms")
    await staff.get_by_label("Title").fill(title)
    await staff.get_by_label("Only for these SKUs").fill(skus)
    await staff.get_by_role("button", name="Make the room").click()
    await expect(staff.get_by_text("The room is made.")).to_be_visible()


async def press(staff: Page, name: str, title: str) -> None:
    await staff.get_by_role("button", name=f"{name} “{title}”").click()


@pytest.mark.parametrize("javascript", [True, False])
async def test_a_shopper_stands_in_line_is_called_and_buys(
    doors: Doors, tables: Connection, *, javascript: bool
) -> None:
    """From the cart into the line, told one's place, called, through the checkout, and not in line again."""
    sku = f"LINED-{javascript}"
    title = f"Teapots {javascript}"
    await stock_up(tables, {sku: (1_000, 10)})
    staff = await staff_at_work(doors, f"usher-{javascript}", DESKTOP, "light")
    await open_room(staff, title, sku)
    await press(staff, "Pause", title)
    await expect_fine(staff)

    page = await doors.enter(PHONE, javascript=javascript)
    await put_in_cart(page, sku.lower())
    await expect(page.get_by_role("link", name="Checkout")).to_be_visible()
    for _ in range(20):  # until the worker has read of the room
        await page.goto("/checkout")
        if "/line/" in page.url:
            break
        await page.wait_for_timeout(250)
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    await expect(page.locator("[data-place-shown]")).to_have_text("1")
    await expect(page.locator("[data-units]")).to_have_text("10")
    await expect(page.get_by_text("The line stands still at the moment.")).to_be_visible()
    if javascript:
        await expect_fine(page)
    second = await page.context.new_page()  # another tab brings no second place
    await second.goto("/checkout")
    await expect(second.locator("[data-place-shown]")).to_have_text("1")
    await second.close()

    await press(staff, "Go on", title)
    await expect(page.get_by_role("heading", level=2)).to_have_text("It is your turn", timeout=30_000)
    if javascript:
        await expect_fine(page)
    await page.get_by_role("link", name="Go on").click()
    await expect(page).to_have_url(re.compile("/checkout$"))
    await fill_in_address(page, email="line@example.com")
    await page.get_by_role("button", name="On to delivery").click()
    await page.get_by_role("button", name="On to payment").click()
    await buy_button(page).click()
    await expect_confirmed(page)
    await staff.goto("/ops/rooms")
    await press(staff, "Close: let everybody in", title)


async def test_who_waits_for_what_is_sold_out_is_told_at_once(doors: Doors, tables: Connection) -> None:
    """And offered what else there is."""
    await stock_up(tables, {"LAST-POT": (1_000, 1)})
    staff = await staff_at_work(doors, "last-usher", DESKTOP, "dark")
    await open_room(staff, "The last pot", "LAST-POT")
    await press(staff, "Pause", "The last pot")
    page = await doors.enter(PHONE, scheme="dark")
    await put_in_cart(page, "last-pot")
    for _ in range(20):
        await page.goto("/checkout")
        if "/line/" in page.url:
            break
        await page.wait_for_timeout(250)
    await expect(page.locator("[data-units]")).to_have_text("1")
    await tables.execute("UPDATE stock SET sold = 1 WHERE sku = 'LAST-POT'")
    await expect(page.get_by_role("heading", level=2)).to_have_text("Sold out", timeout=30_000)
    await expect_fine(page)
    await page.get_by_role("link", name="See what else there is").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Our till stays open.")
    await tables.execute("UPDATE stock SET sold = 0 WHERE sku = 'LAST-POT'")
    await staff.goto("/ops/rooms")
    await press(staff, "Close: let everybody in", "The last pot")


async def test_a_plan_that_cannot_be_comes_back_with_what_was_typed(doors: Doors) -> None:
    """Said beside the field."""
    staff = await staff_at_work(doors, "planner", PHONE, "light")
    await staff.goto("/ops/rooms")
    await staff.get_by_label("Title").fill("Pots")
    await staff.get_by_label("Only for these SKUs").fill("NO-SUCH-SKU")
    await staff.get_by_role("button", name="Make the room").click()
    await expect(staff.get_by_text("Not known: NO-SUCH-SKU.").first).to_be_visible()
    await expect(staff.get_by_label("Title")).to_have_value("Pots")
    await expect_fine(staff)
