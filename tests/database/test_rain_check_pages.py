"""Rain checks as their owners meet them in the shop, without JavaScript; and their letters."""

import re

import httpx
import pytest
from litestar.testing import AsyncTestClient

from evertill.app import build
from evertill.audit import audit
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.notices import Sender, kept_letters
from evertill.rainchecks import Chosen, Given, Who
from evertill.rainchecks.giving import grant
from evertill.refusals import Conflict
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.storage import Connection, Pool
from tests.buying import key
from tests.database.test_cart_deals import Browser, cart, change, pay, post, put, signed_up, to_pay
from tests.database.test_cart_deals import browser as browser
from tests.dealing import counts, make_customer, make_deal

DEAL = new_id()


async def clean(connection: Connection) -> bool:
    report = await audit(connection, now=utc_now())
    assert report.shown() == ()
    return True


async def give(pool: Pool, chosen: Chosen) -> Given:
    return await grant(
        pool, chosen, reason="the outage", key=key("grant", "system", new_id().hex), staff_id=None, now=utc_now()
    )


async def given_to_cart(browser: Browser, pool: Pool, connection: Connection, quantity: int = 2) -> str:
    """A guest's rain check for what the cart held before the deal ended; the cart is empty again."""
    await put(browser, quantity)
    await make_deal(connection, DEAL, "MUG", per_customer=1)
    await give(pool, Chosen(DEAL, Who.CARTS, 50, 3))
    await change(browser, 1, remove="1")
    await connection.execute("UPDATE deal SET ends_at = now()")
    return str(await connection.fetchval("SELECT id FROM claim WHERE grant_id IS NOT NULL"))


async def use(browser: Browser, rain_check: str) -> httpx.Response:
    return await post(browser, "/cart/rain-checks", {"rain_check": rain_check})


async def test_a_guest_redeems_one_from_the_cart(browser: Browser, pool: Pool, connection: Connection) -> None:
    """Shown with its price and its day, put in by a button, taken out without harm, bought once, and gone."""
    rain_check = await given_to_cart(browser, pool, connection)
    said = await cart(browser)
    assert "An outage of ours cost you a deal" in said
    assert re.search(r"2 × Mug £10.00 each, until \d+ \w+ \d{4}, \d\d:\d\d (GMT|BST) Use it", said), said
    for _ in range(2):  # two tabs
        assert (await use(browser, rain_check)).status_code == 303
    said = await cart(browser)
    assert "£10.00 each" in said
    assert re.search(r"Rain check, good until \d+ \w+ \d{4}", said), said
    assert "minutes left" not in said
    assert "Use it" not in said
    assert await counts(connection, DEAL, "MUG") == (0, 0, 2)
    for refused in (await put(browser, 1), await change(browser, 1), await put(browser, 1, at="list")):
        assert refused.status_code == 409
    await change(browser, 2, remove="1")
    assert "Use it" in await cart(browser)
    await use(browser, rain_check)
    path = await to_pay(browser)
    assert "Rain check, good until" in (await browser.get(path)).text
    declined = await pay(browser, path, "tok_decline_generic")
    assert declined.status_code != 303 or "orders" not in declined.headers["location"]
    assert (await pay(browser, path)).status_code == 303
    assert "Nothing in it yet" in await cart(browser)
    assert "Use it" not in await cart(browser)
    again = await use(browser, rain_check)
    assert again.status_code == 409
    assert "was redeemed: it is good once" in again.text
    assert await connection.fetchval("SELECT unit_price_minor FROM order_line ORDER BY order_id DESC LIMIT 1") == 1_000
    assert await counts(connection, DEAL, "MUG") == (0, 0, 0)
    assert await clean(connection)


async def test_nobody_else_can_use_it(browser: Browser, pool: Pool, settings: Settings, connection: Connection) -> None:
    """Another browser sees none and puts none in, whatever it sends."""
    rain_check = await given_to_cart(browser, pool, connection)
    async with AsyncTestClient(app=build(settings, Signer(b"test" * 8))) as stranger:
        await stranger.get("/")
        assert "Use it" not in await cart(stranger)
        for sent in (rain_check, str(new_id()), "x", ""):
            refused = await use(stranger, sent)
            assert refused.status_code == 404, sent
            assert "There is no such rain check here" in refused.text
        assert "Nothing in it yet" in await cart(stranger)
    assert "Use it" in await cart(browser)


async def test_what_is_over_or_meets_more_in_the_cart_is_said(
    browser: Browser, pool: Pool, connection: Connection
) -> None:
    """More of the same at list price stays as it is; once it is over the line says so, and its price of now."""
    rain_check = await given_to_cart(browser, pool, connection)
    await put(browser, 3)
    refused = await use(browser, rain_check)
    assert refused.status_code == 409
    assert "the rain check is for 2" in refused.text
    assert "£37.50" in await cart(browser)
    await change(browser, 2)
    assert (await use(browser, rain_check)).status_code == 303
    assert "£20.00" in await cart(browser)
    await connection.execute("UPDATE claim SET expires_at = clock_timestamp() WHERE grant_id IS NOT NULL")
    said = await cart(browser)
    assert "The rain check was good until" in said
    assert "now it is £12.50" in said
    refused = await use(browser, rain_check)
    assert (refused.status_code, "is over" in refused.text) == (409, True)


async def test_signed_in_it_is_the_accounts(browser: Browser, pool: Pool, connection: Connection) -> None:
    """What a guest was given is the customer's after signing in; the account shows it, and what was given to it."""
    await given_to_cart(browser, pool, connection)
    ada = await signed_up(connection)
    assert (await post(browser, "/account/sign-in", ada)).status_code == 303
    assert "Use it" in (await browser.get("/account")).text
    assert "Use it" in await cart(browser)
    with pytest.raises(Conflict, match="have a claim or a rain check"):
        await give(pool, Chosen(DEAL, Who.NAMED, 5, 1, emails=("ada@example.com",)))
    account = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", (await browser.get("/account")).text))
    assert account.count("Use it") == 1  # of one thing one rain check
    assert await connection.fetchval("SELECT count(*) FROM claim WHERE grant_id IS NOT NULL") == 1


async def test_a_letter_says_what_until_when_and_where(shop: Shop, connection: Connection) -> None:
    """To a customer by the account's e-mail, to a guest by that of a checkout."""
    await make_deal(connection, DEAL, "MUG")
    ada = await make_customer(connection)
    await give(shop.console, Chosen(DEAL, Who.NAMED, 5, 2, emails=(f"{ada.hex}@EXAMPLE.com",), each=3))
    await Sender(shop.desk, settings=shop.settings, signer=shop.signer, clock=shop.clock).run_once()
    [letter] = await kept_letters(shop.desk)
    assert (letter.recipient, letter.subject) == (f"{ada.hex}@example.com", "Your rain check for Mug")
    assert "3 × Mug, £10.00 each" in letter.body
    assert re.search(r"until \d+ \w+ \d{4} at \d\d:\d\d \(Europe/London\), once", letter.body), letter.body
    assert f"{shop.settings.address}/account" in letter.body
