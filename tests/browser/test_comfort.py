"""Every page for everybody: no axe violation and nothing beyond the edge of a phone, in light and in dark."""

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
    go_to_pay,
    hire,
    letter,
    link_in,
    pay,
    put_in_cart,
    sign_up,
)
from tests.conftest import put_on_hand, stock_up

pytestmark = pytest.mark.browser

_NARROW: ViewportSize = {"width": 320, "height": 640}  # WCAG 2.2, 1.4.10: a desktop at 400 %
_RUN_AXE = "axe.run(document, {resultTypes: ['violations']}).then(results => results.violations)"
_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Look:
    """Looks at a page as it is now: at both widths, in both schemes, and at the narrowest; keeps what is wrong."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self._axe_script: str = Axe().axe_script

    async def at(self, page: Page, name: str) -> None:
        """Everything wrong with this page is kept under that name."""
        await page.evaluate(self._axe_script)
        for viewport in (DESKTOP, PHONE):
            await page.set_viewport_size(viewport)
            await self._width(page, name, viewport)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                for violation in await page.evaluate(_RUN_AXE):
                    where = ", ".join(node["target"][0] for node in violation["nodes"][:5])
                    why = " ".join(violation["nodes"][0]["failureSummary"].split())
                    self.wrong.append(f"{name} ({viewport['width']}, {scheme}): {violation['id']} at {where}: {why}")
        await page.set_viewport_size(_NARROW)
        await self._width(page, name, _NARROW)
        await page.set_viewport_size(DESKTOP)
        await page.emulate_media(color_scheme="light")

    async def _width(self, page: Page, name: str, viewport: ViewportSize) -> None:
        beyond = await page.evaluate(_TOO_WIDE)
        if beyond > 0:
            self.wrong.append(f"{name} ({viewport['width']}): scrolls sideways by {beyond} px")

    async def go(self, page: Page, *paths: str) -> None:
        """Open and look."""
        for path in paths:
            await page.goto(path)
            await self.at(page, path)


@pytest.fixture
def look() -> Look:
    """A careful look at pages."""
    return Look()


async def test_the_shop_is_for_everybody(doors: Doors, tables: Connection, look: Look) -> None:
    """First page, shelves, search with and without finds, products in every state, pages that are not there."""
    page = await doors.enter()
    variants = await tables.fetchval(
        "SELECT handle FROM product JOIN variant ON variant.product_id = product.id JOIN stock USING (sku) "
        "GROUP BY handle ORDER BY count(*) FILTER (WHERE on_hand - claimed - sold > 0) DESC, handle LIMIT 1"
    )
    few, none = [
        await tables.fetchval(
            "SELECT handle FROM product JOIN variant ON variant.product_id = product.id JOIN stock USING (sku) "
            "GROUP BY handle HAVING sum(on_hand - claimed - sold) = $1 ORDER BY handle LIMIT 1", left,
        ) for left in (3, 0)
    ]  # fmt: skip
    category = await tables.fetchval("SELECT slug FROM category ORDER BY slug LIMIT 1")
    await look.go(
        page, "/", "/categories", f"/categories/{category}", f"/categories/{category}?page=2", "/search",
        "/search?q=heart", "/search?q=zzzz", f"/products/{variants}", f"/products/{few}", f"/products/{none}",
        "/no-such-page", "/openapi",
    )  # fmt: skip
    await page.goto(f"/products/{few}")
    await page.get_by_label("Quantity").fill("9")
    await page.get_by_role("button", name="Put in cart").click()
    await expect(page.locator(".wrong, .notice-bad").first).to_be_visible()
    await look.at(page, "a product that has too few")
    assert look.wrong == []


async def test_buying_is_for_everybody(doors: Doors, tables: Connection, look: Look) -> None:
    """Cart and checkout, each step, with everything that can be wrong on them; and the order's page."""
    await stock_up(tables, {"LOOK-A": (1_000, 10), "LOOK-B": (2_000, 10)})
    page = await doors.enter()
    await look.go(page, "/cart")
    await put_in_cart(page, "look-a", 3)
    await put_in_cart(page, "look-b")
    await look.at(page, "a cart")
    await page.get_by_label("Quantity of Look-A").fill("none")
    await page.get_by_role("button", name="Update quantity of Look-A").click()
    await expect(page.get_by_label("Quantity of Look-A")).to_have_attribute("aria-invalid", "true")
    await look.at(page, "a cart with an impossible quantity")
    await tables.execute("UPDATE variant SET price_minor = 900 WHERE sku = 'LOOK-A'")
    await put_on_hand(tables, "LOOK-B", 0)
    await look.go(page, "/cart")
    await page.get_by_role("button", name="Accept the new price").click()
    await put_on_hand(tables, "LOOK-B", 5)

    await page.goto("/checkout")
    await look.at(page, "the address")
    await page.get_by_role("button", name="On to delivery").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await look.at(page, "an address with everything wrong")
    await fill_in_address(page, email="look@example.com")
    await page.get_by_role("button", name="On to delivery").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("How would you like it?")
    await look.at(page, "delivery")
    await page.get_by_role("button", name="On to payment").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Look and pay")
    await look.at(page, "pay")
    await page.get_by_role("link", name="Change the address").click()
    await look.at(page, "the address again")
    await page.get_by_label("Full name").fill("Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz")
    await page.get_by_label("Town or city").fill("Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch")
    await page.get_by_role("button", name="On to delivery").click()
    await look.at(page, "delivery to a long name")
    await page.get_by_role("button", name="On to payment").click()
    await look.at(page, "pay, with a long name")
    await pay(page, "Test card that has expired")
    await expect(page.get_by_role("alert")).to_contain_text("expired")
    await look.at(page, "pay, declined")
    await tables.execute("UPDATE variant SET price_minor = 1000 WHERE sku = 'LOOK-A'")
    await buy_button(page).click()
    await expect(page.get_by_role("alert")).to_contain_text("has changed")
    await look.at(page, "pay, price changed")
    await put_on_hand(tables, "LOOK-B", 0)
    await buy_button(page).click()
    await expect(page.get_by_role("alert").first).to_contain_text("sold out")
    await look.at(page, "pay, sold out")
    await put_on_hand(tables, "LOOK-B", 5)
    await go_to_pay(page, "look-a", email="look@example.com")
    await buy_button(page).click()
    number = await expect_confirmed(page)
    for state, others in (
        ("confirmed", ""), ("shipped", ", shipped_at = now()"), ("held", ", shipped_at = NULL, settled_at = NULL"),
        ("pending", ""), ("declined", ", settled_at = now()"), ("cancelled", ", cancelled_at = now()"),
    ):  # fmt: skip
        await tables.execute(f"UPDATE orders SET state = $2{others} WHERE number = $1", number, state)
        await look.go(page, page.url)
    assert look.wrong == []


async def test_the_account_is_for_everybody(doors: Doors, tables: Connection, look: Look) -> None:
    """Its forms, empty and refused, its letters' pages, its history."""
    page = await doors.enter()
    await look.go(page, "/account/sign-in", "/account/sign-up", "/account/forgotten", "/account/letter?for=sign-up",
                  "/account/letter?for=reset", "/account/finish/cut-off")  # fmt: skip
    await page.goto("/account/sign-in")
    await page.get_by_label("E-mail address").fill("nobody@example.com")
    await page.get_by_label("Password").fill("not the right one")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await look.at(page, "sign-in refused")
    await page.goto("/account/sign-up")
    await page.get_by_label("E-mail address").fill("look@localhost")
    await page.get_by_role("button", name="Send me the letter").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await look.at(page, "sign-up refused")
    await page.get_by_label("E-mail address").fill("looked@example.com")
    await page.get_by_role("button", name="Send me the letter").click()
    await page.goto(link_in(await letter(tables, to="looked@example.com", subject="account")))
    await look.at(page, "finish the account")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_label("Choose a password").fill("short")
    await page.get_by_role("button", name="Make my account").click()
    await expect(page.get_by_label("Choose a password")).to_have_attribute("aria-invalid", "true")
    await look.at(page, "finish the account, refused")

    await sign_up(page, tables, email="looking@example.com", password="nine slow green trains")
    await look.at(page, "a new account")
    await stock_up(tables, {"LOOKED": (1_000, 10)})
    await go_to_pay(page, "looked", email="looking@example.com")
    await buy_button(page).click()
    await expect_confirmed(page)
    await look.go(page, "/account", "/account/password")
    await page.get_by_label("Present password").fill("not the right one")
    await page.get_by_label("New password").fill("ten fast yellow trains")
    await page.get_by_role("button", name="Change it").click()
    await expect(page.get_by_label("Present password")).to_have_attribute("aria-invalid", "true")
    await look.at(page, "change the password, refused")
    await page.goto("/account/forgotten")
    await page.get_by_label("E-mail address").fill("looking@example.com")
    await page.get_by_role("button", name="Send me the link").click()
    await page.goto(link_in(await letter(tables, to="looking@example.com", subject="password")))
    await look.at(page, "reset the password")
    assert look.wrong == []


async def test_the_console_is_for_everybody(doors: Doors, tables: Connection, look: Look) -> None:
    """Every page of it, an order in each state it can be in, and its forms refused."""
    await stock_up(tables, {"LOOK-OPS": (1_000, 10)})
    buyer = await doors.enter()
    await go_to_pay(buyer, "look-ops", email="look-ops@example.com")
    await buy_button(buyer).click()
    number = await expect_confirmed(buyer)
    page = await doors.enter()
    await look.go(page, "/ops")
    password = hire(doors.shop, email="looker@example.com", role="admin")
    await enter_console(page, email="looker@example.com", password=password)
    await look.go(
        page, "/ops", "/ops/live", "/ops/orders", "/ops/orders?q=zzzz", "/ops/products", "/ops/products/look-ops",
        "/ops/stock", "/ops/stock?low=1", "/ops/mail", "/ops/staff", "/ops/clients",
        "/ops/password", "/ops/no-such-page",
        "/ops/codes", "/ops/codes?q=zzzz",
    )  # fmt: skip
    await letter(tables, to="look-ops@example.com", subject="is confirmed")
    await page.goto("/ops/mail")
    await page.get_by_role("link", name=number).click()
    await look.at(page, "a letter")
    await page.goto(f"/ops/orders?q={number}")
    await page.get_by_role("link", name=number).click()
    await look.at(page, "a confirmed order")
    order = page.url
    await page.locator("summary", has_text="Cancel the order").click()
    await look.at(page, "an order, about to be cancelled")
    await page.get_by_role("button", name="Ship it").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("shipped")
    await look.at(page, "a shipped order")
    await page.locator("summary", has_text="Give money back").click()
    await page.get_by_label("Amount in GBP").fill("1000")
    await page.get_by_label("Why").locator("visible=true").fill("Too much")
    await page.get_by_role("button", name="Give it back").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await look.at(page, "a refund refused")
    await page.get_by_label("Amount in GBP").fill("1")
    await page.get_by_role("button", name="Give it back").click()
    await expect(page.get_by_role("region", name="Refunds")).to_be_visible()
    await look.at(page, "an order with a refund")
    await tables.execute(
        "UPDATE orders SET state = 'held', shipped_at = NULL, settled_at = NULL WHERE number = $1", number
    )
    await look.go(page, order)
    await page.goto("/ops/stock")
    await page.get_by_label("SKU", exact=True).fill("LOOK-OPS")
    await page.get_by_label("Change", exact=True).fill("many")
    await page.get_by_label("Reason").select_option("count")
    await page.get_by_label("Note").fill("Counted")
    await page.get_by_role("button", name="Change the units").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await look.at(page, "a change of stock refused")
    await page.get_by_label("Change", exact=True).fill("-2")
    await page.get_by_role("button", name="Change the units").click()
    await expect(page.get_by_role("status")).to_contain_text("The units are changed.")
    await page.goto("/ops/products/look-ops")
    movements = page.get_by_role("region", name="Movements, the newest first").get_by_role("row")
    await expect(movements).to_have_count(4)  # the head, counted, shipped, imported
    await expect(movements.nth(1)).to_contain_text("Counted")
    await look.at(page, "a product whose units came and went")
    assert look.wrong == []
