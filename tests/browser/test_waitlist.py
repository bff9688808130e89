"""Members and those who wait, without a script: a trial begun, a place, an offer; and their pages for everybody."""

import pytest
from playwright.async_api import Page, expect

from evertill.deals import Claiming, Claims, Releasing
from evertill.ids import new_id
from evertill.storage import Connection, open_pool
from tests.browser.people import PHONE, Doors, enter_console, hire, sign_up
from tests.browser.test_comfort import Look
from tests.conftest import stock_up
from tests.dealing import make_deal, price_of
from tests.whole.running import Serving

pytestmark = pytest.mark.browser


async def wait_for(page: Page, handle: str) -> None:
    """Everything is claimed: the product's page has the way into the line."""
    await page.goto(f"/products/{handle}")
    await page.get_by_role("button", name="Wait for one").click()
    await expect(page.get_by_text("You are in line.")).to_be_visible()


async def test_members_and_places_are_for_everybody(doors: Doors, served: Serving, tables: Connection) -> None:
    """One press each; no axe violation at both widths, light and dark, and nothing beyond a phone's edge."""
    await stock_up(tables, {"KETTLE": (2_400, 10), "PAN": (1_900, 10)})
    kettle, pan, look = new_id(), new_id(), Look()
    pool = await open_pool(served.database_url, purpose="test", size=2, statement_ms_max=5_000, lock_ms_max=5_000)
    claims = Claims(pool, price=price_of)
    await make_deal(tables, kettle, "KETTLE", units=1)
    await make_deal(tables, pan, "PAN", units=1)
    held = await claims.claim(Claiming(kettle, "KETTLE", 1, "browser:held"))
    await claims.claim(Claiming(pan, "PAN", 1, "browser:held"))

    plain, seen = await doors.enter(PHONE, javascript=False), await doors.enter()
    for page, email in ((plain, "may@example.com"), (seen, "eve@example.com")):
        await sign_up(page, tables, email=email, password="four unrelated paper boats")
    await look.at(seen, "the account of no member")
    await plain.get_by_role("button", name="Try it for 30 days").click()
    await expect(plain.get_by_text("You are a member now. Welcome!")).to_be_visible()
    await seen.get_by_role("button", name="Try it for 30 days").click()
    await expect(seen.get_by_text("You are a member since")).to_be_visible()
    await look.at(seen, "the account of a member")

    await seen.goto("/waitlist")
    await look.at(seen, "a waitlist of nothing")
    for page in (plain, seen):
        for handle in ("kettle", "pan"):
            await wait_for(page, handle)
    await plain.goto("/waitlist")
    await expect(plain.get_by_text("We write to may@example.com")).to_have_count(2)
    await plain.get_by_role("button", name="Give up my place for Kettle").click()
    await expect(plain.get_by_text("You are out of that line.")).to_be_visible()
    await claims.release(Releasing(held.id, held.holder))
    await seen.goto("/waitlist")
    await expect(seen.get_by_text("It is your turn", exact=True)).to_be_visible()
    await expect(seen.get_by_text("Nothing has come back so far")).to_be_visible()
    await look.at(seen, "a waitlist with an offer")
    await seen.get_by_role("button", name="Put into cart").click()
    await expect(seen.get_by_text("Held for you until")).to_be_visible()
    await seen.goto("/waitlist")
    await expect(seen.get_by_text("You took it")).to_be_visible()
    await (stranger := await doors.enter()).goto("/products/pan")
    await expect(stranger.get_by_role("button", name="Wait for one")).to_be_visible()
    await look.at(stranger, "all claimed, and the way into the line")

    await enter_console(
        page := await doors.enter(), email="dee@example.com",
        password=hire(served, email="dee@example.com", role="operator"),
    )  # fmt: skip
    await page.goto("/ops/customers")
    await look.at(page, "customers in the console")
    await page.get_by_label("E-mail address of the account").fill("MAY@example.com")
    await page.get_by_role("button", name="Find").click()
    await page.get_by_text("End the membership").click()
    await look.at(page, "a customer in the console")
    await page.get_by_label("Why").fill("Asked us to")
    await page.get_by_role("button", name="End it now").click()
    await expect(page.get_by_text("The membership is over. What is claimed stays claimed.")).to_be_visible()
    await pool.close()
    assert look.wrong == []
