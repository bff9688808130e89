"""Codes, as a browser uses them: put in, refused, taken out, bought with; and as staff make them."""

import pytest
from playwright.async_api import ViewportSize, expect

from evertill.storage import Connection
from tests.browser.people import (
    DESKTOP,
    PHONE,
    Doors,
    buy_button,
    enter_console,
    expect_confirmed,
    go_to_pay,
    hire,
    pay,
)
from tests.browser.test_deal_purchase import for_everybody
from tests.conftest import stock_up

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("viewport", "javascript"), [(PHONE, False), (DESKTOP, True)], ids=["phone without script", "desktop with script"]
)
async def test_staff_make_a_code_and_a_buyer_pays_less(
    doors: Doors, tables: Connection, viewport: ViewportSize, javascript: bool
) -> None:
    """Made in the console; refused where it is spelt wrong, put in, taken out, put in again, and paid with."""
    sku = f"CODE-{viewport['width']}"
    await stock_up(tables, {sku: (2_000, 10)})
    staff = await doors.enter(viewport, scheme="dark" if javascript else "light")
    password = hire(doors.shop, email=f"{sku}-staff@example.com".lower(), role="operator")
    await enter_console(staff, email=f"{sku}-staff@example.com".lower(), password=password)
    await staff.goto("/ops/codes")
    await for_everybody(staff)
    await staff.get_by_label("Name, or what drawn ones begin with").fill(sku)
    await staff.get_by_label("How much").fill("100")
    await staff.get_by_label("Why", exact=True).fill("a test")
    await staff.get_by_role("button", name="Make it").click()
    await expect(staff.get_by_role("alert").first).to_contain_text("less than 100 percent")
    await for_everybody(staff)
    await staff.get_by_label("How much").fill("12.5")
    await staff.get_by_role("button", name="Make it").click()
    await expect(staff.get_by_role("table")).to_contain_text(sku)
    await expect(staff.get_by_role("table")).to_contain_text("12.5 % off")
    await for_everybody(staff)

    page = await doors.enter(viewport, javascript=javascript, scheme="dark" if javascript else "light")
    await go_to_pay(page, sku.lower(), email=f"{sku}@example.com".lower())
    field = page.get_by_label("Have a code?")
    await field.fill("wrong")
    await page.get_by_role("button", name="Apply the code").click()
    await expect(page.get_by_role("alert").first).to_contain_text("There is no code wrong")
    await expect(field).to_have_value("wrong")
    if javascript:
        await for_everybody(page)
    await field.fill(sku.lower())
    await page.get_by_role("button", name="Apply the code").click()
    await expect(buy_button(page)).to_contain_text("£21.45")
    if javascript:
        await for_everybody(page)
    await page.get_by_role("button", name="Remove the code").click()
    await expect(buy_button(page)).to_contain_text("£23.95")
    await field.fill(sku)
    await page.get_by_role("button", name="Apply the code").click()
    await pay(page)
    await expect_confirmed(page)
    await expect(page.locator(".totals")).to_contain_text(f"Code {sku}")
    await staff.reload()
    await expect(staff.get_by_role("table")).to_contain_text("£21.45")
