"""The live page in a browser: figures that move while people buy, with and without a script."""

import asyncio
import re

import pytest
from playwright.async_api import Page, Request, expect

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
)
from tests.browser.test_comfort import Look
from tests.conftest import stock_up

pytestmark = pytest.mark.browser


async def _buy(doors: Doors, sku: str) -> None:
    page = await doors.enter()
    await go_to_pay(page, sku.lower(), email="live@example.com", quantity=3)
    await buy_button(page).click()
    await expect_confirmed(page)


async def _enter(doors: Doors, page: Page, email: str) -> None:
    await enter_console(page, email=email, password=hire(doors.shop, email=email, role="viewer"))


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_figures_move_while_people_buy(
    doors: Doors, tables: Connection, *, javascript: bool, phone: bool
) -> None:
    """Nobody touches the page: what is bought appears, and what is left counts down."""
    sku = f"LIVE-{'PHONE' if phone else 'DESK'}-{'SCRIPT' if javascript else 'PLAIN'}"
    await stock_up(tables, {sku: (1_000, 10)})
    page = await doors.enter(PHONE if phone else DESKTOP, javascript=javascript)
    await _enter(doors, page, f"{sku.lower()}@example.com")
    await page.goto("/ops/live")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=sku))
    await expect(row).to_have_count(0)
    await _buy(doors, sku)
    await expect(row.get_by_role("cell")).to_have_text(["2 min", "7", "3", re.compile("live", re.IGNORECASE)])
    await _buy(doors, sku)
    await expect(row.get_by_role("cell")).to_have_text(["under a minute", "4", "6", re.compile("live", re.IGNORECASE)])
    drawing = page.get_by_role("img", name=re.compile("Purchases in orders a second"))
    await expect(drawing.locator("path.chart-path").first).to_have_attribute("d", re.compile(r"^M\d+ \d+h0l"))


async def test_one_stream_and_no_reload(doors: Doors, tables: Connection) -> None:
    """With a script the page is asked for once, its figures come by themselves, and pausing holds them still."""
    page = await doors.enter()
    await _enter(doors, page, "streamed@example.com")
    asked: list[str] = []

    def hear(request: Request) -> None:
        asked.append(request.url.removeprefix(doors.shop.url))

    page.on("request", hear)
    await page.goto("/ops/live")
    as_of = page.locator("[data-live=as_of]")
    first = await as_of.inner_text()
    await expect(as_of).not_to_have_text(first)
    assert [url for url in asked if url.startswith("/ops")] == ["/ops/live", "/ops/live/stream"]
    await expect(page.locator("[data-live-stale]")).to_be_hidden()
    await page.get_by_role("button", name="Pause").click()
    held = await as_of.inner_text()
    await asyncio.sleep(2.5)
    await expect(as_of).to_have_text(held)
    await page.get_by_role("button", name="Go on").click()
    await expect(as_of).not_to_have_text(held)


async def test_a_link_that_has_the_focus_is_not_taken_away(doors: Doors, tables: Connection) -> None:
    """Whoever walks the page by keyboard keeps the place; the rest of the page goes on."""
    await stock_up(tables, {"LIVE-FOCUS": (1_000, 10)})
    page = await doors.enter()
    await _enter(doors, page, "focused@example.com")
    await page.goto("/ops/live")
    await _buy(doors, "LIVE-FOCUS")
    link = page.get_by_role("link", name="LIVE-FOCUS")
    await link.focus()
    as_of = page.locator("[data-live=as_of]")
    for _ in range(2):
        await expect(as_of).not_to_have_text(await as_of.inner_text())
    await expect(link).to_be_focused()


async def test_the_page_says_when_nothing_new_comes(doors: Doors, tables: Connection) -> None:
    """The workers' table cannot be read for a while: the figures are said to be old, and go on afterwards."""
    page = await doors.enter()
    await _enter(doors, page, "stale@example.com")
    await page.goto("/ops/live")
    as_of = page.locator("[data-live=as_of]")
    await expect(as_of).not_to_have_text(await as_of.inner_text())
    async with tables.transaction():
        await tables.execute("LOCK TABLE worker_pulse IN ACCESS EXCLUSIVE MODE")
        await expect(page.get_by_text("The figures are old.")).to_be_visible()
    await expect(page.get_by_text("The figures are old.")).to_be_hidden()


async def test_the_live_page_is_for_everybody(doors: Doors, tables: Connection) -> None:
    """With figures on it: no violation of axe's at both widths, light and dark, and nothing beyond a phone's edge."""
    await stock_up(tables, {"LIVE-WITH-A-NAME-THAT-IS-RATHER-LONG": (1_000, 3)})
    page = await doors.enter()
    await _enter(doors, page, "looks@example.com")
    await page.goto("/ops/live")
    await _buy(doors, "LIVE-WITH-A-NAME-THAT-IS-RATHER-LONG")
    await expect(page.get_by_role("cell", name="sold out")).to_be_visible()
    look = Look()
    await look.at(page, "live")
    assert look.wrong == []
