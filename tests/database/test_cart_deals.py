"""Deals in the cart and at checkout, as a browser without JavaScript meets them."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import TypeAlias

import httpx
import pytest
from litestar.testing import AsyncTestClient

from evertill.app import Application, build, open_shop
from evertill.audit import audit
from evertill.clock import utc_now
from evertill.customers.passwords import hash_password
from evertill.deals import Caller, Claim, Claiming, Releasing
from evertill.ids import new_id
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.storage import Connection
from tests.conftest import stock_up
from tests.dealing import counts, make_deal

Browser: TypeAlias = AsyncTestClient[Application]
DEAL, OTHER = new_id(), new_id()
PASSWORD = "correct horse battery"
ADDRESS = {
    "email": "ada@example.com", "country": "GB", "name": "Ada Byron", "street": "12 St James's Square",
    "city": "London", "postcode": "SW1Y 4JH",
}  # fmt: skip


@pytest.fixture
async def browser(settings: Settings, connection: Connection) -> AsyncIterator[Browser]:
    """A browser that has opened the shop."""
    await stock_up(connection, {"MUG": (1_250, 1_000), "TEA": (495, 1_000), "LAST": (9_900, 3)})
    async with AsyncTestClient(app=build(settings, Signer(b"test" * 8))) as client:
        await client.get("/")
        yield client


@pytest.fixture
async def shop(settings: Settings, browser: Browser) -> AsyncIterator[Shop]:
    """Another worker of the browser's shop."""
    async with AsyncExitStack() as stack:
        yield await open_shop(settings, Signer(b"test" * 8), utc_now, stack)


async def post(browser: Browser, path: str, fields: Mapping[str, str]) -> httpx.Response:
    """A form with the visitor's own token, redirects not followed."""
    found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/products/mug")).text)
    assert found is not None
    return await browser.post(path, data={**fields, "csrf": found[1]}, follow_redirects=False)


async def put(browser: Browser, quantity: int = 1, sku: str = "MUG", **fields: str) -> httpx.Response:
    return await post(browser, "/cart/lines", {"sku": sku, "quantity": str(quantity), "handle": sku.lower(), **fields})


async def change(browser: Browser, quantity: int, sku: str = "MUG", **fields: str) -> httpx.Response:
    return await post(browser, "/cart/lines/change", {"sku": sku, "quantity": str(quantity), **fields})


async def cart(browser: Browser) -> str:
    """The cart's words."""
    text = re.sub(r"<[^>]+>", " ", (await browser.get("/cart")).text)
    return re.sub(r" (?=[.,:])", "", re.sub(r"\s+", " ", text))


async def to_pay(browser: Browser) -> str:
    """Through address and delivery; the address of the page where one pays."""
    answer = await post(browser, "/checkout", ADDRESS)
    assert answer.status_code == 303, answer.text
    answer = await post(browser, answer.headers["location"], {"delivery": "std"})
    return str(answer.headers["location"])


async def pay(browser: Browser, path: str, method: str = "tok_approve") -> httpx.Response:
    page = (await browser.get(path)).text
    total = re.search(r'name="total_minor" value="(\d+)"', page)
    assert total is not None, page
    return await post(browser, path, {"total_minor": total[1], "method": method, "attempt": str(new_id())})


async def signed_up(connection: Connection) -> dict[str, str]:
    """Somebody with an account, and what they type to sign in."""
    await connection.execute(
        """INSERT INTO customer (id, email, email_folded, name, password_hash, created_at)
           VALUES ($1, 'ada@example.com', 'ada@example.com', 'Ada', $2, now())""",
        new_id(), await hash_password(PASSWORD),
    )  # fmt: skip
    return {"email": "ada@example.com", "password": PASSWORD}


async def test_put_in_changed_and_taken_out(browser: Browser, connection: Connection) -> None:
    """The claim follows the line; the page says until when, what it was, and what is saved."""
    await make_deal(connection, DEAL, "MUG", per_customer=3)
    await connection.execute("INSERT INTO price_history VALUES ('MUG', now() - interval '2 days', 1200)")
    assert (await put(browser, 2)).status_code == 303
    assert await counts(connection, DEAL, "MUG") == (2, 0, 2)
    said = await cart(browser)
    assert "£10.00 each" in said
    assert "Instead of £12.00 You save £2.00 (16%)" in said
    assert "Lowest price in the 30 days before: £12.00. List price: £12.50" in said
    assert re.search(r"Held for you until \d\d:\d\d (GMT|BST): 14 minutes left", said), said
    assert (await change(browser, 3)).status_code == 303
    assert await counts(connection, DEAL, "MUG") == (3, 0, 3)
    refused = await change(browser, 4)
    assert refused.status_code == 409
    assert "at most 3 of this deal for each customer" in refused.text
    assert await counts(connection, DEAL, "MUG") == (3, 0, 3)
    assert (await change(browser, 1)).status_code == 303
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)
    await change(browser, 1, remove="1")
    assert await counts(connection, DEAL, "MUG") == (0, 0, 0)
    assert "Nothing in it yet" in await cart(browser)


async def test_refused_it_can_be_had_at_its_list_price(browser: Browser, connection: Connection) -> None:
    """All claimed: nothing is put in, the reason is said, and a button takes it without the deal."""
    await make_deal(connection, DEAL, "MUG", units=1)
    await connection.execute("UPDATE deal SET claimed = 1")
    refused = await put(browser, 2)
    assert refused.status_code == 409
    assert "All of them are claimed at this moment" in refused.text
    assert "Put in cart at £12.50 each" in refused.text
    assert "Nothing in it yet" in await cart(browser)
    assert (await put(browser, 2, at="list")).status_code == 303
    said = await cart(browser)
    assert "£12.50 each" in said
    assert "£10.00 each in the deal “A fifth off”" in said  # it may come back
    await connection.execute("UPDATE deal SET claimed = 0, units = 5")
    assert (await change(browser, 2, claim="1")).status_code == 303
    assert "£10.00 each" in await cart(browser)
    assert await counts(connection, DEAL, "MUG") == (2, 0, 2)
    at_list = await put(browser, 1, at="list")
    assert at_list.status_code == 409
    assert "one line has one price" in at_list.text


async def test_over_it_is_offered_at_the_price_of_now(browser: Browser, connection: Connection) -> None:
    """The line stays, says why, and waits until it is accepted; or is claimed anew."""
    await make_deal(connection, DEAL, "MUG")
    await put(browser, 2)
    await connection.execute("UPDATE claim SET expires_at = clock_timestamp()")
    said = await cart(browser)
    assert "It was held for you until" in said
    assert "it was £10.00, now it is £12.50" in said
    assert "Almost there" in said
    assert (await browser.get("/checkout", follow_redirects=False)).headers["location"] == "/cart"
    await post(browser, "/cart/prices", {"price:MUG": "1250"})
    said = await cart(browser)
    assert "It was held" not in said
    assert "Checkout" in said
    await change(browser, 2, claim="1")
    assert "Held for you until" in await cart(browser)


async def test_claimed_and_paid(browser: Browser, connection: Connection) -> None:
    """Through the checkout at the deal's price, held longer while one pays: once; a bad card, then a good one."""
    await make_deal(connection, DEAL, "MUG", claim_minutes=2)
    await put(browser, 2)
    path = await to_pay(browser)
    extended = await connection.fetchrow("SELECT extended_at, expires_at, expires_at - now() AS left FROM claim")
    assert extended is not None
    assert extended["left"].total_seconds() > 9 * 60
    page = (await browser.get(path)).text
    assert "Held for you until" in page
    assert "List price: £12.50" in page
    await post(browser, path.replace("/pay", "/delivery"), {"delivery": "std"})
    assert await connection.fetchval("SELECT expires_at FROM claim") == extended["expires_at"]
    declined = await pay(browser, path, "tok_decline_insufficient_funds")
    assert declined.status_code == 422
    assert "Held for you until" in declined.text
    assert await counts(connection, DEAL, "MUG") == (2, 0, 2)
    assert (await pay(browser, path)).status_code == 303
    assert await counts(connection, DEAL, "MUG") == (0, 2, 0)
    assert "Nothing in it yet" in await cart(browser)
    assert (await audit(connection, now=utc_now())).shown() == ()


async def test_over_while_paying_it_is_said_and_nothing_is_charged(browser: Browser, connection: Connection) -> None:
    """The page says so before and after the button."""
    await make_deal(connection, DEAL, "MUG")
    await put(browser)
    path = await to_pay(browser)
    await connection.execute("UPDATE claim SET expires_at = clock_timestamp()")
    assert "No longer held for you" in (await browser.get(path)).text
    refused = await pay(browser, path)
    assert refused.status_code == 422
    assert "was £10.00 and is now £12.50. Nothing was charged." in refused.text
    assert await connection.fetchval("SELECT count(*) FROM orders") == 0


async def test_an_unlimited_deal_is_just_a_price(browser: Browser, connection: Connection) -> None:
    """The lower of two, without a claim; when it ends, the change is told like any other."""
    await make_deal(connection, DEAL, "MUG", units=None)
    await make_deal(connection, OTHER, "MUG", units=None)
    await connection.execute("UPDATE deal SET value = 3000 WHERE id = $1", OTHER)
    await put(browser)
    said = await cart(browser)
    assert "£8.75 each" in said
    assert "Held" not in said
    assert await connection.fetchval("SELECT count(*) FROM claim") == 0
    await connection.execute("UPDATE deal SET ended_at = now() WHERE id = $1", OTHER)
    assert "it was £8.75, now it is £10.00" in await cart(browser)
    await post(browser, "/cart/prices", {"price:MUG": "1000"})
    assert (await pay(browser, await to_pay(browser))).status_code == 303
    row = await connection.fetchrow("SELECT unit_price_minor, list_price_minor, deal_id FROM order_line")
    assert row is not None
    assert tuple(row) == (1_000, 1_250, DEAL)


async def test_signed_in_one_has_what_one_customer_may(
    browser: Browser, connection: Connection, settings: Settings
) -> None:
    """Two claimed in one browser, two as a guest in another; three for each: one is given back, and that is told."""
    await make_deal(connection, DEAL, "MUG", "TEA", per_customer=3)
    account = await signed_up(connection)
    assert (await post(browser, "/account/sign-in", account)).status_code == 303
    await put(browser, 2)
    async with AsyncTestClient(app=build(settings, Signer(b"test" * 8))) as guest:
        await guest.get("/")
        await put(guest, 2, "TEA")
        assert await counts(connection, DEAL, "TEA") == (4, 0, 2)
        assert (await post(guest, "/account/sign-in", account)).status_code == 303
        assert await counts(connection, DEAL, "MUG") == (3, 0, 2)
        assert await counts(connection, DEAL, "TEA") == (3, 0, 1)
        said = await cart(guest)
        assert "You had put in 2: 1 of them can be yours at this price." in said
        assert said.count("Held for you until") == 2
        # Whichever browser: it is one line, and one claim.
        await change(guest, 1)
        assert await counts(connection, DEAL, "MUG") == (2, 0, 1)
        path = await to_pay(guest)
        assert (await pay(guest, path)).status_code == 303
    assert await counts(connection, DEAL, "MUG") == (0, 2, 0)
    assert "Nothing in it yet" in await cart(browser)
    assert (await audit(connection, now=utc_now())).shown() == ()


async def test_signed_in_with_as_many_as_one_may_the_guest_s_are_given_back(
    browser: Browser, connection: Connection, settings: Settings
) -> None:
    """The line stays, and says why it is not held."""
    await make_deal(connection, DEAL, "MUG", "TEA", per_customer=2)
    account = await signed_up(connection)
    await post(browser, "/account/sign-in", account)
    await put(browser, 2)
    async with AsyncTestClient(app=build(settings, Signer(b"test" * 8))) as guest:
        await guest.get("/")
        await put(guest, 2, "TEA")
        await post(guest, "/account/sign-in", account)
        assert "With what your account had already it was more than one customer may have" in await cart(guest)
    assert await counts(connection, DEAL, "TEA") == (2, 0, 0)
    assert await connection.fetchval("SELECT ended_because FROM claim WHERE state = 'released'") == "joined"


async def all_claimed(shop: Shop, connection: Connection, units: int) -> Claim:
    """A deal of which somebody else has everything."""
    await make_deal(connection, DEAL, "MUG", units=units)
    return await shop.claims.claim(Claiming(DEAL, "MUG", units, "browser:other"))


async def put_offer_in(browser: Browser) -> httpx.Response:
    """As the waitlist's page has its button."""
    page = (await browser.get("/waitlist")).text
    form = re.search(r'<form method="post" action="/cart/lines".*?</form>', page, re.DOTALL)
    assert form is not None, page
    fields = dict(re.findall(r'name="([a-z]+)" value="([^"]*)"', form[0]))
    return await browser.post("/cart/lines", data=fields, follow_redirects=False)


async def test_who_waited_puts_the_offer_in_and_pays(browser: Browser, shop: Shop, connection: Connection) -> None:
    """Refused, in line with one press, offered what was given back, in the cart at the deal's price, and paid."""
    other = await all_claimed(shop, connection, units=2)
    refused = (await put(browser, 2)).text
    form = re.search(r'<form [^>]*action="/waitlist".*?</form>', refused, re.DOTALL)
    assert form is not None, refused
    fields = dict(re.findall(r'name="([a-z]+)" value="([^"]*)"', form[0]))
    assert (fields["deal"], fields["sku"], fields["quantity"]) == (str(DEAL), "MUG", "2")
    assert (await browser.post("/waitlist", data=fields, follow_redirects=False)).status_code == 303
    # Given back by no group of claims: it is the caller who finds it.
    await connection.execute("UPDATE claim SET state = 'released', ended_because = 'expired', ended_at = now()")
    await connection.execute("UPDATE deal SET claimed = 0")
    await connection.execute("UPDATE stock SET claimed = 0")
    assert await Caller(shop.till_pool, shop.claims).run_once() == 1
    assert other.id not in {row["claim_id"] for row in await connection.fetch("SELECT claim_id FROM waiting")}
    assert (await put_offer_in(browser)).headers["location"] == "/cart"
    said = await cart(browser)
    assert "£10.00 each" in said
    assert "Held for you until" in said
    assert await connection.fetchval("SELECT state FROM waiting") == "taken"
    assert "You took it" in (await browser.get("/waitlist")).text
    assert (await pay(browser, await to_pay(browser))).status_code == 303
    assert await counts(connection, DEAL, "MUG") == (0, 2, 0)
    row = await connection.fetchrow("SELECT quantity, unit_price_minor, list_price_minor, deal_id FROM order_line")
    assert row is not None
    assert tuple(row) == (2, 1_000, 1_250, DEAL)
    assert (await audit(connection, now=utc_now())).shown() == ()


@pytest.mark.parametrize(
    "after",
    [
        "UPDATE deal SET ends_at = clock_timestamp()", "UPDATE deal SET ended_at = clock_timestamp()",
        "UPDATE sale_event SET ended_at = clock_timestamp()", "UPDATE deal SET paused_at = clock_timestamp()",
    ],
)  # fmt: skip
@pytest.mark.parametrize("at_list", [False, True])
async def test_an_offer_made_in_time_is_honoured(
    browser: Browser, shop: Shop, connection: Connection, after: str, at_list: bool
) -> None:
    """The deal ended or was paused while it was held: put in, or claimed for a line at list price, and bought."""
    other = await all_claimed(shop, connection, units=1)
    if at_list:
        await put(browser, at="list")
    await post(browser, "/waitlist", {"deal": str(DEAL), "sku": "MUG"})
    await shop.claims.release(Releasing(other.id, other.holder))
    await connection.execute(after)
    answer = await (change(browser, 1, claim="1") if at_list else put_offer_in(browser))
    assert answer.status_code == 303, answer.text
    said = await cart(browser)
    assert "£10.00 each" in said
    assert "Held for you until" in said
    assert (await pay(browser, await to_pay(browser))).status_code == 303
    assert await connection.fetchval("SELECT unit_price_minor FROM order_line") == 1_000
    assert (await audit(connection, now=utc_now())).shown() == ()


async def test_signed_in_one_has_the_claims_and_the_places_of_the_browser(
    browser: Browser, shop: Shop, connection: Connection
) -> None:
    """What was offered to the guest is the customer's: seen, put in and bought under the new name of the browser."""
    other = await all_claimed(shop, connection, units=1)
    account = await signed_up(connection)
    await post(browser, "/waitlist", {"deal": str(DEAL), "sku": "MUG"})
    await shop.claims.release(Releasing(other.id, other.holder))
    assert (await post(browser, "/account/sign-in", account)).status_code == 303
    row = await connection.fetchrow(
        """SELECT waiting.customer_id AS stands, claim.customer_id AS holds FROM waiting
             JOIN claim ON claim.id = waiting.claim_id"""
    )
    assert row is not None
    assert row["stands"] == row["holds"] == await connection.fetchval("SELECT id FROM customer")
    assert (await put_offer_in(browser)).status_code == 303
    assert "£10.00 each" in await cart(browser)
    assert (await pay(browser, await to_pay(browser))).status_code == 303
    assert await connection.fetchval("SELECT state FROM waiting") == "taken"
    assert (await audit(connection, now=utc_now())).shown() == ()


async def test_an_offer_that_meets_a_claim_of_the_account_is_had_there(
    browser: Browser, shop: Shop, connection: Connection, settings: Settings
) -> None:
    """Of one SKU one claim: the guest's offer is given back, and the place says that they have it."""
    await make_deal(connection, DEAL, "MUG", units=2)
    account = await signed_up(connection)
    await post(browser, "/account/sign-in", account)
    await put(browser, 1)
    other = await shop.claims.claim(Claiming(DEAL, "MUG", 1, "browser:other"))
    async with AsyncTestClient(app=build(settings, Signer(b"test" * 8))) as guest:
        await guest.get("/")
        await post(guest, "/waitlist", {"deal": str(DEAL), "sku": "MUG"})
        await shop.claims.release(Releasing(other.id, other.holder))
        await post(guest, "/account/sign-in", account)
        assert await counts(connection, DEAL, "MUG") == (1, 0, 1)
        await Caller(shop.till_pool, shop.claims).run_once()
        assert await connection.fetchval("SELECT state FROM waiting") == "taken"
        assert "You took it" in (await guest.get("/waitlist")).text
    assert (await audit(connection, now=utc_now())).shown() == ()
