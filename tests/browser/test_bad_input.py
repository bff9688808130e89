"""What cannot be is answered in words a shopper understands, and loses nothing."""

import pytest
from playwright.async_api import expect

from evertill.storage import Connection
from tests.browser.people import (
    PHONE,
    Doors,
    buy_button,
    expect_confirmed,
    fill_in_address,
    go_to_pay,
    put_in_cart,
)
from tests.conftest import stock_up

pytestmark = pytest.mark.browser


async def test_a_wrong_address_is_answered_in_words(doors: Doors) -> None:
    """Pages that never were, products and categories that are no more, links cut off: a page, and a way on."""
    page = await doors.enter(PHONE)
    for path in ("/no-such-page", "/products/no-such-thing", "/categories/no-such-shelf", "/checkout/cut-off",
                 "/orders/cut-off", "/account/finish/cut-off", "/account/reset/cut-off"):  # fmt: skip
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 404, path
        await expect(page.get_by_role("heading", level=1)).to_have_text("Not here")
        await expect(page.locator(".lead")).not_to_be_empty()
        await expect(page.get_by_role("link", name="To the shop")).to_be_visible()


async def test_a_changed_order_link_opens_nothing(doors: Doors, tables: Connection) -> None:
    """One letter of the link changed: no order is shown, neither this one nor another."""
    await stock_up(tables, {"LINKED": (1_000, 10)})
    page = await doors.enter()
    await go_to_pay(page, "linked", email="linked@example.com")
    await buy_button(page).click()
    number = await expect_confirmed(page)
    link = page.url
    for at in (-1, -20, len(link) - len(link.rpartition("/")[2])):
        changed = list(link)
        changed[at] = "A" if changed[at] != "A" else "B"
        answer = await page.goto("".join(changed))
        assert answer is not None
        assert answer.status == 404
        await expect(page.get_by_role("heading", level=1)).to_have_text("Not here")
        await expect(page.get_by_text(number)).to_have_count(0)


@pytest.mark.parametrize("value", ["", "x", "A" * 43, "ü" * 43, "%00" * 20, "A" * 3_000])
async def test_a_changed_cookie_makes_a_new_visitor(doors: Doors, value: str) -> None:
    """Whatever stands in the cookies, the shop opens: a stranger comes in, with an empty cart and no account."""
    page = await doors.enter()
    for name in ("evertill_browser", "evertill_account", "evertill_staff"):
        await page.context.add_cookies([{"name": name, "value": value, "url": doors.shop.url}])
    for path, heading in (("/", "Our till stays open."), ("/cart", "Your cart"), ("/account", "Sign in"),
                          ("/ops", "Sign in to the console")):  # fmt: skip
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    await expect(page.locator(".fascia-cart .count")).to_have_count(0)


async def test_a_form_too_old_is_refused_in_words(doors: Doors, tables: Connection) -> None:
    """The browser forgot who it was meanwhile: nothing is changed, and the page says what to do."""
    await stock_up(tables, {"OLD-FORM": (1_000, 10)})
    page = await doors.enter(javascript=False)
    await page.goto("/products/old-form")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Put in cart").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    await expect(page.locator(".lead")).to_contain_text("Nothing was changed. Please go back, reload the page")
    await page.go_back()
    await page.reload()
    await page.get_by_role("button", name="Put in cart").click()
    await expect(page.get_by_label("Quantity of Old-Form")).to_have_value("1")


async def test_a_foreign_checkout_is_not_here(doors: Doors, tables: Connection) -> None:
    """Another browser with the address of my checkout sees neither my address nor a button that buys."""
    await stock_up(tables, {"MINE": (1_000, 10)})
    mine, theirs = await doors.enter(), await doors.enter()
    await go_to_pay(mine, "mine", email="mine@example.com")
    answer = await theirs.goto(mine.url)
    assert answer is not None
    assert answer.status == 404
    await expect(theirs.get_by_text("mine@example.com")).to_have_count(0)
    await expect(buy_button(theirs)).to_have_count(0)


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "999999999", "two", "１２"])
async def test_an_impossible_quantity_is_said_beside_the_field(doors: Doors, tables: Connection, quantity: str) -> None:
    """On the product's page and in the cart; what was typed stays, what was in the cart too."""
    sku = f"COUNTED-{quantity.encode().hex().upper()}"
    await stock_up(tables, {sku: (1_000, 10)})
    page = await doors.enter(PHONE, javascript=False)
    await page.goto(f"/products/{sku.lower()}")
    field = page.get_by_label("Quantity")
    await field.fill(quantity)
    await page.get_by_role("button", name="Put in cart").click()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_value(quantity)
    await expect(page.locator(".wrong")).not_to_be_empty()

    await put_in_cart(page, sku.lower(), 2)
    in_cart = page.get_by_label("Quantity of")
    await in_cart.fill(quantity)
    await page.get_by_role("button", name="Update").click()
    await expect(in_cart).to_have_attribute("aria-invalid", "true")
    await expect(in_cart).to_have_value(quantity)
    await page.goto("/cart")
    await expect(in_cart).to_have_value("2")


@pytest.mark.parametrize("phone", ["abc", "12", "+", "ask my neighbour 12345"])
async def test_a_telephone_number_that_cannot_be_is_said_beside_the_field(
    doors: Doors, tables: Connection, phone: str
) -> None:
    """It can be left out; a courier who rings a wrong one waits. One that can be is kept with the order."""
    sku = f"RING-{phone.encode().hex().upper()}"
    await stock_up(tables, {sku: (1_000, 10)})
    page = await doors.enter(javascript=False)
    await put_in_cart(page, sku.lower())
    await page.goto("/checkout")
    await fill_in_address(page, email="ring@example.com")
    field = page.get_by_label("Telephone")
    await field.fill(phone)
    await page.get_by_role("button", name="On to delivery").click()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_value(phone)
    await field.fill("(020) 7946 0958 ext. 12")
    await page.get_by_role("button", name="On to delivery").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("How would you like it?")


async def test_a_way_to_pay_that_is_none_is_said_beside_the_cards(doors: Doors, tables: Connection) -> None:
    """In a shopper's words: nobody here was asked for a token."""
    await stock_up(tables, {"NO-WAY": (1_000, 10)})
    page = await doors.enter()
    await go_to_pay(page, "no-way", email="no-way@example.com")
    await page.get_by_role("radio").evaluate_all("radios => radios.forEach(radio => { radio.value = '' })")
    await buy_button(page).click()
    await expect(page.get_by_role("alert")).to_contain_text("Please choose how to pay. Nothing was charged.")
    await expect(page.get_by_role("group", name="How do you want to pay?")).to_contain_text("Please choose one")
    await buy_button(page).click()
    await expect_confirmed(page)


async def test_a_search_that_finds_nothing_says_so(doors: Doors) -> None:
    """In its first line, with ways on."""
    page = await doors.enter(PHONE)
    await page.goto("/search?q=zzqx")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Nothing found for “zzqx”")
    await expect(page.locator("main").get_by_role("link").first).to_be_visible()


@pytest.mark.parametrize(("link", "form"), [("reset", "forgotten"), ("finish", "sign-up")])
async def test_a_link_that_is_over_leads_to_a_new_one(doors: Doors, link: str, form: str) -> None:
    """Used or too old: the form that sends another one is a press away."""
    page = await doors.enter()
    await page.goto(f"/account/{link}/used-long-ago")
    await page.get_by_role("link", name="Ask for a new link").click()
    await page.wait_for_url(f"**/account/{form}")


async def test_from_beyond_a_shelf_the_way_back_leads_onto_it(doors: Doors, tables: Connection) -> None:
    """Back from a page that is not there is the last page that is, not another empty one."""
    slug = await tables.fetchval("SELECT category FROM product GROUP BY category ORDER BY count(*) DESC LIMIT 1")
    page = await doors.enter(PHONE)
    await page.goto(f"/categories/{slug}?page=400")
    await expect(page.locator(".card")).to_have_count(0)
    await page.get_by_role("link", name="Back", exact=True).click()
    await expect(page.locator(".card").first).to_be_visible()
    await expect(page.get_by_role("link", name="Next")).to_have_count(0)
