"""A deal day in a browser: the page moves while people claim, with and without a script, and is for everybody."""

import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from evertill.clock import utc_now
from evertill.deals import Claiming, Claims
from evertill.ids import new_id
from evertill.storage import Connection, open_pool
from tests.browser.people import DESKTOP, PHONE, Doors
from tests.browser.test_comfort import Look
from tests.conftest import stock_up
from tests.dealing import make_deal, price_of

pytestmark = pytest.mark.browser

DAY = timedelta(days=1)


async def claim(doors: Doors, deal_id: UUID, sku: str, quantity: int, holder: str = "browser:somebody") -> None:
    """Somebody else claims units, through the claims as the shop makes them."""
    pool = await open_pool(doors.shop.database_url, purpose="test", size=1, statement_ms_max=15_000, lock_ms_max=10_000)
    try:
        await Claims(pool, price=price_of).claim(Claiming(deal_id, sku, quantity, holder))
    finally:
        await pool.close()


async def a_day_of_deals(tables: Connection, name: str) -> dict[str, UUID]:
    """One event with a deal of every kind, on things of the catalogue."""
    now = utc_now()
    event, slug = new_id(), name.lower().replace(" ", "-")
    await tables.execute(
        """INSERT INTO sale_event (id, slug, name, theme, time_zone, opens_at, closes_at, created_at)
           VALUES ($1, $2, $3, 'night', 'Europe/London', $4, $5, $4)""",
        event, slug, name, now - timedelta(hours=3), now + timedelta(hours=5, minutes=12),
    )  # fmt: skip
    skus = [
        row["sku"]
        for row in await tables.fetch(
            """SELECT sku FROM product JOIN variant ON variant.product_id = product.id JOIN stock USING (sku)
                WHERE on_hand - claimed - sold >= 100 AND price_minor >= 400 AND NOT EXISTS (
                      SELECT FROM deal_sku WHERE deal_sku.sku = variant.sku)
                ORDER BY popularity DESC, sku LIMIT 16"""
        )
    ]
    made: dict[str, UUID] = {}
    kinds: list[tuple[str, str, int | None, float, float, str]] = [
        # name, title, units, begins in hours, ends in hours, what else
        ("fresh", "A quarter off", 100, -1, 5, ""),
        ("going", "Half price hour", 80, -1, 1.5, ""),
        ("open", "All day long", None, -3, 5, ""),
        ("claimed", "The first fifty", 50, -1, 5, "claimed = units"),
        ("paused", "A pause for breath", 100, -1, 5, "paused_at = now()"),
        ("early", "Early birds", 40, 2, 5, "members_from = begins_at - interval '3 hours'"),
        ("soon", "The evening deal", 200, 0.4, 5, ""),
        ("tomorrow", "Tomorrow’s first", 200, 3, 5, ""),
        ("sold", "Gone in minutes", 20, -2, 5, "sold = units"),
        ("ended", "The breakfast deal", 100, -3, -0.5, ""),
    ]
    for place, (key, title, units, begins, ends, change) in enumerate(kinds):
        deal_id = made[key] = new_id()
        await tables.execute(
            """INSERT INTO deal (id, event_id, title, kind, value, currency, begins_at, ends_at, units, created_at)
               VALUES ($1, $2, $3, 'percent', 2500, 'GBP', $4, $5, $6, now())""",
            deal_id, event, title, now + timedelta(hours=begins), now + timedelta(hours=ends), units,
        )  # fmt: skip
        if change:
            await tables.execute(f"UPDATE deal SET {change} WHERE id = $1", deal_id)
        await tables.execute("INSERT INTO deal_sku VALUES ($1, $2)", deal_id, skus[place])
    await tables.executemany("INSERT INTO deal_sku VALUES ($1, $2)", [(made["open"], sku) for sku in skus[10:16]])
    return made


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_the_bar_moves_while_people_claim(
    doors: Doors, tables: Connection, *, javascript: bool, phone: bool
) -> None:
    """With a script nobody touches the page; without one it is right whenever it is loaded."""
    sku = f"DEAL-{'PHONE' if phone else 'DESK'}-{'SCRIPT' if javascript else 'PLAIN'}"
    await stock_up(tables, {sku: (1_000, 100)})
    deal_id = new_id()
    await make_deal(tables, deal_id, sku, units=20)
    slug = await tables.fetchval(
        "SELECT slug FROM sale_event JOIN deal ON deal.event_id = sale_event.id WHERE deal.id = $1", deal_id
    )
    page = await doors.enter(PHONE if phone else DESKTOP, javascript=javascript)
    state = page.locator(f'[data-deal="{deal_id}"]')

    async def see(share: str, left: str) -> None:
        if not javascript:
            await page.wait_for_timeout(1_500)
            await page.reload()
        await expect(state.get_by_role("progressbar")).to_have_attribute("value", share)
        await expect(state.locator("[data-deal-left]")).to_have_text(left)

    await page.goto(f"/deals/{slug}")
    await see("0", "")
    await claim(doors, deal_id, sku, 13)
    await see("65", "Only 7 left")
    await claim(doors, deal_id, sku, 7, "browser:another")
    if not javascript:
        await page.wait_for_timeout(1_500)
        await page.reload()
    await expect(state).to_contain_text("Fully claimed")
    await page.goto(f"/products/{sku.lower()}")
    await expect(page.get_by_role("button", name="Put in cart at list price")).to_be_visible()


async def test_a_product_says_that_its_deal_has_changed(doors: Doors, tables: Connection) -> None:
    """The last unit goes while somebody reads: the box says so, and takes nothing away from under a finger."""
    await stock_up(tables, {"DEAL-LAST": (1_000, 100)})
    deal_id = new_id()
    await make_deal(tables, deal_id, "DEAL-LAST", units=5)
    page = await doors.enter()
    await page.goto("/products/deal-last")
    await expect(page.locator(f'[data-deal="{deal_id}"]')).to_contain_text("Live now")
    await expect(page.get_by_text("This deal has changed.")).to_be_hidden()
    await page.get_by_label("Quantity").fill("2")
    await claim(doors, deal_id, "DEAL-LAST", 5)
    await expect(page.locator(f'[data-deal="{deal_id}"]')).to_contain_text("Fully claimed")
    await expect(page.get_by_text("This deal has changed.")).to_be_visible()
    await expect(page.get_by_label("Quantity")).to_have_value("2")
    await page.get_by_role("link", name="Look at it as it is now").click()
    await expect(page.get_by_role("button", name="Put in cart at list price")).to_be_visible()


async def _picture(page: Page, name: str) -> None:
    folder = os.environ.get("EVERTILL_TEST_PICTURES")
    if folder:
        for viewport, size in ((DESKTOP, "desktop"), (PHONE, "phone")):
            await page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                await page.screenshot(path=Path(folder) / f"{name}-{size}-{scheme}.png", full_page=True)


async def test_a_deal_day_is_for_everybody(doors: Doors, tables: Connection) -> None:
    """Deals of every kind on one page, and each one's product: no violation of axe's, nothing beyond a phone's edge."""
    made = await a_day_of_deals(tables, "Black Friday at the till")
    page = await doors.enter()
    for _ in range(10):
        await page.goto("/deals/black-friday-at-the-till")
        if await page.locator(".deal").count() >= 10:
            break
        await page.wait_for_timeout(1_000)
    await claim(doors, made["going"], await _sku(tables, made["going"]), 77)
    await expect(page.get_by_text("Only 3 left")).to_be_visible()
    await expect(page.get_by_text("do not move at the moment")).to_be_hidden()
    look = Look()
    await look.at(page, "event")
    await _picture(page, "event")
    await look.go(page, "/deals", "/deals?show=upcoming", "/deals?show=ended&category=none")
    for kind in ("going", "claimed", "soon", "early", "sold"):
        handle = await tables.fetchval(
            "SELECT handle FROM product JOIN variant ON product.id = product_id WHERE sku = $1",
            await _sku(tables, made[kind]),
        )
        await look.go(page, f"/products/{handle}")
        await _picture(page, f"product-{kind}")
    await look.go(page, "/")
    await _picture(page, "home")
    assert look.wrong == []


async def _sku(tables: Connection, deal_id: UUID) -> str:
    sku: str = await tables.fetchval("SELECT min(sku) FROM deal_sku WHERE deal_id = $1", deal_id)
    return sku
