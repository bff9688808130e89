"""The bank does not answer: the order is held, says so, and is confirmed by itself."""

import asyncio

import pytest
from playwright.async_api import expect

from evertill.storage import Connection
from tests.browser.people import PHONE, Doors, expect_confirmed, go_to_pay, letter, order_number, pay
from tests.conftest import stock_up

pytestmark = pytest.mark.browser

_SILENCE_MS = 20_000  # the shop waits 8 s for a bank, and asks again 5 s later
_LOOKS_MAX = 20


async def test_a_held_order_confirms_by_itself(doors: Doors, tables: Connection) -> None:
    """With script the page turns by itself; without, "look again" shows it. The money is reserved once."""
    await stock_up(tables, {"HELD-TRUE": (1_000, 10), "HELD-FALSE": (1_000, 10)})
    waiting = [_buy_of_a_silent_bank(doors, javascript=javascript) for javascript in (True, False)]
    for email, number in await asyncio.gather(*waiting):
        await letter(tables, to=email, subject=f"{number} is confirmed")
        charges = await tables.fetch(
            """
            SELECT charge.state FROM sandbox_provider.charge
              JOIN payment_attempt ON payment_attempt.id = charge.idempotency_key
              JOIN orders ON orders.id = payment_attempt.order_id
             WHERE orders.email = $1
            """,
            email,
        )
        assert [row["state"] for row in charges] == ["authorised"]


async def _buy_of_a_silent_bank(doors: Doors, *, javascript: bool) -> tuple[str, str]:
    sku, email = f"held-{javascript}".lower(), f"held-{javascript}@example.com".lower()
    page = await doors.enter(PHONE, javascript=javascript)
    heading = page.get_by_role("heading", level=1)
    await go_to_pay(page, sku, email=email)
    await pay(page, "Test card of a bank that loses its voice")
    await expect(heading).to_have_text("We have your order, and will confirm its payment", timeout=_SILENCE_MS)
    await expect(page.get_by_text("please do not order again")).to_be_visible()
    number = await order_number(page)
    if javascript:
        await expect(heading).to_have_text("Thank you, your order is confirmed", timeout=_SILENCE_MS)
    else:
        for _ in range(_LOOKS_MAX):
            if "is confirmed" in await heading.inner_text():
                break
            await page.get_by_role("link", name="look again").click()
            await asyncio.sleep(1)
    assert await expect_confirmed(page) == number
    return email, number
