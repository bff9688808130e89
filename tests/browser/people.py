"""People with a browser: how they come in, and what they do in the shop."""

import asyncio
import re
import subprocess
import time
from typing import Literal

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, ViewportSize, expect

from evertill.storage import Connection
from tests.whole.running import EVERTILL, Serving

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}

_WAIT_MS = 15_000  # a slow machine under load; the shop itself answers in milliseconds
expect.set_options(timeout=_WAIT_MS)


class Doors:
    """Opens browser profiles and listens to what their pages complain about: script errors, CSP, missing files."""

    def __init__(self, chromium: Browser, shop: Serving) -> None:
        self.shop = shop
        self.complaints: list[str] = []
        self._chromium = chromium
        self._contexts: list[BrowserContext] = []

    async def enter(
        self, viewport: ViewportSize = DESKTOP, *, javascript: bool = True, scheme: Literal["light", "dark"] = "light"
    ) -> Page:
        """A page of a new visitor, nothing in cart or cookies, still empty."""
        context = await self._chromium.new_context(
            base_url=self.shop.url,
            viewport=viewport,
            java_script_enabled=javascript,
            color_scheme=scheme,
            reduced_motion="reduce",  # what is seen is final: no colour half way through a transition
            locale="en-GB",
        )
        context.set_default_timeout(_WAIT_MS)
        self._contexts.append(context)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(f"script error: {error.error}"))
        return await context.new_page()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        page_itself = message.page is not None and message.location["url"] == message.page.url
        if message.text.startswith("Failed to load resource") and page_itself:
            return  # a page that is a refusal: its status is meant
        self.complaints.append(f"{message.type} at {message.location['url']}: {message.text}")

    async def close(self) -> None:
        """Close every profile."""
        for context in self._contexts:
            await context.close()


# ---------------------------------------------------------------- buying


async def put_in_cart(page: Page, handle: str, quantity: int = 1) -> None:
    """From a product's page into the cart."""
    await page.goto(f"/products/{handle}")
    await page.get_by_label("Quantity").fill(str(quantity))
    await page.get_by_role("button", name="Put in cart").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your cart")


async def fill_in_address(page: Page, *, email: str, postcode: str = "SW1Y 4JH") -> None:
    """The checkout's first form, not sent yet."""
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Country").select_option("GB")
    await page.get_by_label("Full name").fill("Ada Byron")
    await page.get_by_label("Street and number").fill("12 St James's Square")
    await page.get_by_label("Town or city").fill("London")
    await page.get_by_label("Postcode").fill(postcode)


async def go_to_pay(page: Page, handle: str, *, email: str, quantity: int = 1) -> None:
    """Everything up to the button that buys."""
    await put_in_cart(page, handle, quantity)
    await page.get_by_role("link", name="Checkout").click()
    await fill_in_address(page, email=email)
    await page.get_by_role("button", name="On to delivery").click()
    await page.get_by_role("button", name="On to payment").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Look and pay")


async def pay(page: Page, card: str = "Test card that works") -> None:
    """Choose how to pay, and press the button once."""
    await page.get_by_role("radio", name=card).check()
    await buy_button(page).click()


def buy_button(page: Page) -> Locator:
    """The button that buys."""
    return page.get_by_role("button", name="Buy now")


async def expect_confirmed(page: Page) -> str:
    """The order's page says that it is confirmed; its number."""
    await expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, your order is confirmed")
    return await order_number(page)


async def order_number(page: Page) -> str:
    """The number an order's page shows."""
    return await page.locator(".order-number").first.inner_text()


# ---------------------------------------------------------------- letters


async def letter(tables: Connection, *, to: str, subject: str, seconds: float = 20) -> str:
    """A letter that was kept for somebody, awaited; its text."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        body: str | None = await tables.fetchval(
            "SELECT body FROM kept_letter WHERE recipient = $1 AND subject ~ $2 ORDER BY kept_at DESC", to, subject
        )
        if body is not None:
            return body
        await asyncio.sleep(0.1)
    raise AssertionError(f"no letter {subject!r} to {to}")


def link_in(body: str) -> str:
    """The address in a letter."""
    found = re.search(r"https?://\S+", body)
    assert found, body
    return found[0]


# ---------------------------------------------------------------- accounts


async def sign_up(page: Page, tables: Connection, *, email: str, password: str) -> None:
    """From the form to the letter to the account."""
    await page.goto("/account/sign-up")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Send me the letter").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mailbox")
    await page.goto(link_in(await letter(tables, to=email, subject="account")))
    await page.get_by_label("Your name").fill("Ada Byron")
    await page.get_by_label("Choose a password").fill(password)
    await page.get_by_role("button", name="Make my account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hello Ada Byron")


def hire(shop: Serving, *, email: str, role: str) -> str:
    """`evertill staff add`, while the shop serves; the password it prints."""
    made = subprocess.run(
        [EVERTILL, "staff", "add", "--data", shop.data, "--email", email, "--name", role.title(), "--role", role],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return made.stdout.split()[-1]


async def enter_console(page: Page, *, email: str, password: str) -> None:
    """Sign in at /ops."""
    await page.goto("/ops")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("The last 24 hours")
