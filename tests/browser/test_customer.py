"""A customer: an account by letter, a cart that comes along, a history, a forgotten password."""

import pytest
from playwright.async_api import expect

from evertill.storage import Connection
from tests.browser.people import (
    PHONE,
    Doors,
    buy_button,
    expect_confirmed,
    fill_in_address,
    letter,
    link_in,
    put_in_cart,
    sign_up,
)
from tests.conftest import stock_up

pytestmark = pytest.mark.browser


async def test_a_customer_signs_up_buys_and_finds_the_order_again(doors: Doors, tables: Connection) -> None:
    """What a guest put in the cart is bought with the new account and is in its history; signed out, it is not."""
    await stock_up(tables, {"TEAPOT": (2_400, 10)})
    page = await doors.enter(PHONE)
    heading = page.get_by_role("heading", level=1)
    await put_in_cart(page, "teapot", 2)
    await sign_up(page, tables, email="ada@example.com", password="four unrelated paper boats")
    await expect(page.get_by_text("Welcome! Your account is made")).to_be_visible()
    await expect(page.locator(".fascia-cart .count")).to_have_text("2 things in it")

    await page.goto("/checkout")
    await expect(page.get_by_label("E-mail")).to_have_value("ada@example.com")
    await expect(page.get_by_label("Full name")).to_have_value("Ada Byron")
    await fill_in_address(page, email="ada@example.com")
    await page.get_by_role("button", name="On to delivery").click()
    await page.get_by_role("button", name="On to payment").click()
    await buy_button(page).click()
    number = await expect_confirmed(page)

    await page.goto("/account")
    await page.get_by_role("link", name=number).click()
    assert await expect_confirmed(page) == number

    await page.goto("/account")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("link", name="Sign in").first).to_be_visible()
    await page.goto("/account")
    await expect(heading).to_have_text("Sign in")
    await expect(page.get_by_text(number)).to_have_count(0)


async def test_the_carts_of_two_devices_become_one(doors: Doors, tables: Connection) -> None:
    """Signed in on a telephone with things in its cart, both carts' things are there, on both devices."""
    await stock_up(tables, {"CUP": (700, 50), "SAUCER": (300, 50)})
    desk, telephone = await doors.enter(), await doors.enter(PHONE, javascript=False)
    await sign_up(desk, tables, email="joan@example.com", password="seven quiet umbrellas")
    await put_in_cart(desk, "cup", 3)
    await put_in_cart(telephone, "saucer", 2)

    await telephone.goto("/account/sign-in?next=/cart")
    await telephone.get_by_label("E-mail address").fill("joan@example.com")
    await telephone.get_by_label("Password").fill("seven quiet umbrellas")
    await telephone.get_by_role("button", name="Sign in").click()
    for page in (telephone, desk):
        await page.goto("/cart")
        await expect(page.get_by_label("Quantity of Cup")).to_have_value("3")
        await expect(page.get_by_label("Quantity of Saucer")).to_have_value("2")


async def test_a_guest_at_the_checkout_may_still_sign_in(doors: Doors, tables: Connection) -> None:
    """The checkout shows the door, and the same checkout is behind it: the cart came along."""
    await stock_up(tables, {"SPOON": (300, 50)})
    other, page = await doors.enter(), await doors.enter(PHONE, javascript=False)
    await sign_up(other, tables, email="edith@example.com", password="five loud brass bells")
    await put_in_cart(page, "spoon", 2)
    await page.get_by_role("link", name="Checkout").click()
    await page.locator("main").get_by_role("link", name="Sign in").click()
    await page.get_by_label("E-mail address").fill("edith@example.com")
    await page.get_by_label("Password").fill("five loud brass bells")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Where to?")
    await expect(page.get_by_label("E-mail")).to_have_value("edith@example.com")
    await expect(page.get_by_role("complementary")).to_contain_text("2 × Spoon")
    await expect(page.locator("main").get_by_role("link", name="Sign in")).to_have_count(0)


async def test_a_forgotten_password_is_replaced_by_letter(doors: Doors, tables: Connection) -> None:
    """The new one opens the account, the old one does not, and the other browser is signed out."""
    page, other = await doors.enter(), await doors.enter(PHONE)
    heading = page.get_by_role("heading", level=1)
    await sign_up(other, tables, email="grace@example.com", password="old and well known words")

    await page.goto("/account/sign-in")
    await page.get_by_role("link", name="Forgotten your password?").click()
    await page.get_by_label("E-mail address").fill("grace@example.com")
    await page.get_by_role("button", name="Send me the link").click()
    await expect(heading).to_have_text("Look into your mailbox")
    await page.goto(link_in(await letter(tables, to="grace@example.com", subject="password")))
    await page.get_by_label("New password").fill("short")
    await page.get_by_role("button", name="Set the new password").click()
    await expect(page.get_by_label("New password")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("New password").fill("new and quite other words")
    await page.get_by_role("button", name="Set the new password").click()
    await expect(page.get_by_text("Your new password counts from now on")).to_be_visible()

    await other.goto("/account")
    await expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
    for password, outcome in (
        ("old and well known words", "Sign in"),
        ("new and quite other words", "Hello Ada Byron"),
    ):
        await page.get_by_label("E-mail address").fill("grace@example.com")
        await page.get_by_label("Password").fill(password)
        await page.get_by_role("button", name="Sign in").click()
        if outcome == "Sign in":
            await expect(page.get_by_role("alert")).to_contain_text("do not belong together")
            await expect(page.get_by_label("E-mail address")).to_have_value("grace@example.com")
            await expect(page.get_by_label("Password")).to_have_value("")
        await expect(heading).to_have_text(outcome)
