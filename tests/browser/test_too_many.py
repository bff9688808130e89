"""More come than can be served: who is not let in sees a page that tries again by itself and keeps what was typed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from evertill.storage import Connection
from tests.browser.people import DESKTOP, PHONE, Doors
from tests.conftest import stock_up

pytestmark = pytest.mark.browser

# More than may be under way and wait in any lane of pages.
_CROWD = 150


@asynccontextmanager
async def crowd_at(doors: Doors, tables: Connection, path: str, table: str) -> AsyncIterator[None]:
    """So many ask for that page while its table cannot be read that its lane stays full."""
    over = asyncio.Event()

    async def ask_again() -> None:
        while not over.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", doors.shop.port)
            writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
            await reader.read()
            writer.close()
            await asyncio.sleep(0.25)

    asking: list[asyncio.Task[None]] = []
    try:
        async with tables.transaction():
            await tables.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            asking += [asyncio.create_task(ask_again()) for _ in range(_CROWD)]
            await asyncio.sleep(0.5)
            yield
    finally:
        over.set()
        await asyncio.wait(asking)


@pytest.mark.parametrize("javascript", [True, False])
async def test_a_page_that_is_not_let_in_comes_by_itself(doors: Doors, tables: Connection, *, javascript: bool) -> None:
    """A friendly page, no violation of axe's, and a little later what was asked for; with and without script."""
    page = await doors.enter(PHONE, javascript=javascript)
    async with crowd_at(doors, tables, "/search?q=lantern", "product"):
        async with asyncio.timeout(20):
            while (answer := await page.goto("/search?q=red+lantern")) and answer.status != 503:
                pass
        await expect(page.get_by_role("heading", level=1)).to_have_text("A moment, please")
        if javascript:
            found = await Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
    await expect(page.get_by_label("Search the shop")).to_have_value("red lantern")


async def test_a_form_that_is_not_let_in_keeps_what_was_typed(doors: Doors, tables: Connection) -> None:
    """Three teapots were wanted, and three are in the cart, without typing anything again."""
    await stock_up(tables, {"RUSH-POT": (1_000, 10)})
    page = await doors.enter(DESKTOP)
    await page.goto("/products/rush-pot")
    await page.get_by_label("Quantity").fill("3")
    async with crowd_at(doors, tables, "/cart", "cart_line"):
        async with asyncio.timeout(20):
            while True:
                async with page.expect_navigation() as arrived:
                    await page.get_by_role("button", name="Put in cart").click()
                if (answer := await arrived.value) is not None and answer.status == 503:
                    break
                await page.goto("/products/rush-pot")
                await page.get_by_label("Quantity").fill("3")
        await expect(page.get_by_text("What you typed is kept.")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your cart")
    await expect(page.get_by_label("Quantity")).to_have_value("3")
