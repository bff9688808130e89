"""Rain checks in a browser: given in the console, found in account and letter, redeemed; with a script and without."""

import pytest
from playwright.async_api import expect

from evertill.ids import new_id
from evertill.storage import Connection
from tests.browser.people import (
    DESKTOP,
    PHONE,
    Doors,
    enter_console,
    expect_confirmed,
    fill_in_address,
    hire,
    letter,
    pay,
    sign_up,
)
from tests.browser.test_comfort import Look
from tests.conftest import stock_up
from tests.dealing import counts, make_deal

pytestmark = pytest.mark.browser


async def test_given_by_staff_and_redeemed_by_its_owner(doors: Doors, tables: Connection) -> None:
    """Looked at, given, written to its owner, found in the account, bought at its price; each page for everybody."""
    deal, look = new_id(), Look()
    await stock_up(tables, {"RAIN": (2_000, 10)})
    await make_deal(tables, deal, "RAIN", units=3)
    await tables.execute("UPDATE deal SET ended_at = now() WHERE id = $1", deal)
    owner = await doors.enter(PHONE, javascript=False)
    await sign_up(owner, tables, email="rained@example.com", password="correct horse battery")

    staff = await doors.enter(DESKTOP)
    password = hire(doors.shop, email="rainmaker@example.com", role="operator")
    await enter_console(staff, email="rainmaker@example.com", password=password)
    await staff.goto(f"/ops/deals/{deal}")
    await staff.get_by_role("link", name="Rain checks").click()
    await look.at(staff, "rain checks, none given")
    await staff.get_by_label("Customers, by e-mail").check()
    await staff.get_by_label("E-mails").fill("rained@example.com\nnobody@example.com")
    await staff.get_by_label("Units for each").fill("2")
    await staff.get_by_label("Units set aside").fill("5")
    await staff.get_by_label("Why").fill("The outage at noon")
    await staff.get_by_role("button", name="Show what it comes to").click()
    await expect(staff.get_by_role("status")).to_contain_text("1 of 1 person would get a rain check, for 2 of 2 units")
    await expect(staff.get_by_role("status")).to_contain_text("No account has nobody@example.com")
    await look.at(staff, "rain checks, looked at")
    await staff.get_by_label("Good for days").fill("100")
    await staff.get_by_role("button", name="Give rain checks").click()
    await expect(staff.get_by_role("alert")).to_contain_text("from 1 to 90")
    await look.at(staff, "rain checks that cannot be")
    await staff.get_by_label("Good for days").fill("3")
    await staff.get_by_role("button", name="Give rain checks").click()
    await expect(staff.get_by_role("status")).to_contain_text("The rain checks are given")
    await look.at(staff, "rain checks, given")
    assert await counts(tables, deal, "RAIN") == (0, 0, 2)

    assert "2 × Rain, £16.00 each" in await letter(tables, to="rained@example.com", subject="Your rain check for Rain")
    await owner.goto("/account")
    await expect(owner.get_by_role("heading", name="Rain checks")).to_be_visible()
    await owner.goto("/cart")
    await owner.get_by_role("button", name="Use it").click()
    await expect(owner.locator(".line-held")).to_contain_text("Rain check, good until")
    await expect(owner.locator(".line-each").first).to_contain_text("£16.00")
    await owner.get_by_role("link", name="Checkout").click()
    await fill_in_address(owner, email="rained@example.com")
    await owner.get_by_role("button", name="On to delivery").click()
    await owner.get_by_role("button", name="On to payment").click()
    await expect(owner.locator(".line-held")).to_contain_text("Rain check, good until")
    await pay(owner)
    await expect_confirmed(owner)
    assert await counts(tables, deal, "RAIN") == (0, 0, 0)
    await staff.reload()
    await expect(staff.get_by_text("2 units", exact=True)).to_be_visible()
    assert look.wrong == []


async def test_shop_pages_with_rain_checks_are_for_everybody(doors: Doors, tables: Connection) -> None:
    """Account and cart that tell of one, and a cart and a checkout that hold it."""
    deal, look = new_id(), Look()
    await stock_up(tables, {"RAIN-LOOK": (2_000, 10)})
    await make_deal(tables, deal, "RAIN-LOOK")
    page = await doors.enter(DESKTOP)
    await sign_up(page, tables, email="looker@example.com", password="correct horse battery")
    await tables.execute(
        """WITH given AS (
               INSERT INTO rain_check_grant (id, deal_id, units, given, granted_at, ends_at, why)
               VALUES (gen_random_uuid(), $1, 2, 2, now(), now() + interval '3 days', 'the outage') RETURNING *
           ), made AS (
               INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, customer_id, state, claimed_at,
                                  expires_at, grant_id)
               SELECT gen_random_uuid(), deal_id, 'RAIN-LOOK', 2, 1600, 'customer:' || customer.id, customer.id, 'held',
                      granted_at, ends_at, given.id
                 FROM given CROSS JOIN customer WHERE email = 'looker@example.com'
           )
           UPDATE stock SET claimed = claimed + 2 WHERE sku = 'RAIN-LOOK'""",
        deal,
    )
    await look.go(page, "/account", "/cart")
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator(".line-held")).to_be_visible()
    await look.at(page, "a cart with a rain check")
    await page.get_by_role("link", name="Checkout").click()
    await fill_in_address(page, email="looker@example.com")
    await page.get_by_role("button", name="On to delivery").click()
    await page.get_by_role("button", name="On to payment").click()
    await look.at(page, "a checkout with a rain check")
    assert look.wrong == []
