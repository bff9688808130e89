"""The account's pages as a browser meets them: forms, cookies, and what must not be learnt or smuggled in."""

import re
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from evertill.cart import put, view
from evertill.clock import utc_now
from evertill.customers import finish_sign_up, network_of, sign_up
from evertill.customers import routes as routes_module
from evertill.members import routes as membership_routes
from evertill.refusals import Refusal
from evertill.shop import Shop
from evertill.signing import token_hash
from evertill.storage import Connection
from evertill.web.awaited import awaited
from evertill.web.browser import ACCOUNT_COOKIE, BROWSER_COOKIE
from evertill.web.errors import answer_fault, answer_http_exception, answer_refusal

EMAIL = "ada@example.com"
PASSWORD = "correct pony battery"


@pytest.fixture
async def browser(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of this shop, without cookies yet. It follows no redirect by itself."""
    app = Litestar(
        route_handlers=[*routes_module.routes, *membership_routes.routes],
        exception_handlers={
            Refusal: awaited(answer_refusal, answer_fault),
            HTTPException: awaited(answer_http_exception, answer_fault),
        },
        state=State({"shop": shop}),
        openapi_config=None,
        logging_config=None,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://localhost") as client:  # type: ignore[arg-type]
        yield client


async def send(
    browser: httpx.AsyncClient, path: str, fields: Mapping[str, str], *, seen: str | None = None
) -> httpx.Response:
    """Open a page, fill its form, press the button."""
    csrf = _csrf(await browser.get(seen or path))
    return await browser.post(path, data={"csrf": csrf, **fields})


def _csrf(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


async def link(shop: Shop, kind: str) -> str:
    """The path of the newest link in a letter of that kind."""
    address = await shop.desk.fetchval(
        "SELECT facts->>'link' FROM outbox WHERE kind = $1 ORDER BY ctid DESC LIMIT 1", kind
    )
    return str(address).removeprefix(shop.settings.address)


async def make_customer(shop: Shop) -> None:
    async with shop.desk.acquire() as connection:
        await sign_up(connection, email=EMAIL, address="", network="elsewhere", now=shop.clock())
    await finish_sign_up(
        shop.desk,
        token=(await link(shop, "finish_sign_up")).rpartition("/")[2],
        name="Ada",
        password=PASSWORD,
        browser_hash=b"x" * 32,
        network="elsewhere",
        now=shop.clock(),
    )


async def test_a_person_becomes_a_customer_and_the_cart_comes_along(
    browser: httpx.AsyncClient, shop: Shop, connection: Connection
) -> None:
    """From the form through the letter to the account, the guest's cart in it, under a new browser token."""
    await browser.get("/account/sign-in")
    guest = browser.cookies[BROWSER_COOKIE]
    await put(connection, browser_hash=token_hash(guest), customer_id=None, sku="MUG", quantity=2, now=utc_now())
    answer = await send(browser, "/account/sign-up", {"email": f"  {EMAIL} "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/letter?for=sign-up")
    path = await link(shop, "finish_sign_up")
    # A mail scanner presses the link, twice; it still works.
    for _ in range(2):
        assert EMAIL in (await browser.get(path)).text
    assert await shop.desk.fetchval("SELECT count(*) FROM customer") == 0
    answer = await send(browser, path, {"name": "Ada <b>Byron</b>", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=sign-up")
    assert browser.cookies[BROWSER_COOKIE] != guest
    page = await browser.get("/account?done=sign-up")
    assert "Hello Ada &lt;b&gt;Byron" in page.text
    assert "Welcome!" in page.text
    customer_id = await connection.fetchval("SELECT id FROM customer")
    kept = await view(connection, browser_hash=b"x" * 32, customer_id=customer_id)
    assert [(line.sku, line.quantity) for line in kept.lines] == [("MUG", 2)]
    assert (await browser.get(path)).status_code == 404


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(browser: httpx.AsyncClient, shop: Shop) -> None:
    """HttpOnly, Secure, SameSite; thirty days; dropped at sign-out, when the browser becomes nobody in particular."""
    await make_customer(shop)
    answer = await send(browser, "/account/sign-in", {"email": EMAIL, "password": PASSWORD})
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert "httponly" in cookie.lower()
        assert "secure" in cookie.lower()
        assert "samesite=lax" in cookie.lower()
    assert any(cookie.startswith(ACCOUNT_COOKIE) and "max-age=2592000" in cookie.lower() for cookie in cookies)
    before = browser.cookies[BROWSER_COOKIE]
    answer = await send(browser, "/account/sign-out", {}, seen="/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert ACCOUNT_COOKIE not in browser.cookies
    assert browser.cookies[BROWSER_COOKIE] != before
    assert await shop.desk.fetchval("SELECT count(*) FROM customer_sign_in") == 1  # the one of make_customer
    assert (await browser.get("/account")).headers["location"] == "/account/sign-in?next=%2Faccount"


async def test_a_planted_cookie_opens_nothing_afterwards(browser: httpx.AsyncClient, shop: Shop) -> None:
    """Session fixation: neither the browser's nor the account's planted token is worth anything after sign-in."""
    await make_customer(shop)
    planted_browser, planted_account = "a" * 43, "b" * 43
    browser.cookies.set(BROWSER_COOKIE, planted_browser, domain="localhost.local")
    browser.cookies.set(ACCOUNT_COOKIE, planted_account, domain="localhost.local")
    answer = await send(browser, "/account/sign-in", {"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 303
    assert planted_browser not in str(answer.headers)
    browser.cookies.clear()
    browser.cookies.set(BROWSER_COOKIE, planted_browser, domain="localhost.local")
    browser.cookies.set(ACCOUNT_COOKIE, planted_account, domain="localhost.local")
    assert (await browser.get("/account")).status_code == 303


async def test_signing_up_answers_a_known_and_an_unknown_email_alike(browser: httpx.AsyncClient, shop: Shop) -> None:
    """Status, place and page are the same; so are those of a forgotten password."""
    await make_customer(shop)
    for path in ("/account/sign-up", "/account/forgotten"):
        answers = []
        for email in (EMAIL, "nobody@example.com"):
            answer = await send(browser, path, {"email": email})
            page = await browser.get(answer.headers["location"])
            answers.append((answer.status_code, answer.headers["location"], answer.text, page.text))
        assert answers[0] == answers[1]


async def test_a_wrong_password_keeps_the_email_and_the_way_and_tells_nothing(
    browser: httpx.AsyncClient, shop: Shop
) -> None:
    """422, the same for both, the password never echoed."""
    await make_customer(shop)
    pages = []
    for email in (EMAIL, "nobody@example.com"):
        answer = await send(
            browser, "/account/sign-in", {"email": email, "password": "my secret, mistyped", "next": "/checkout"}
        )
        assert answer.status_code == 422
        assert f'value="{email}"' in answer.text
        assert 'name="next" value="/checkout"' in answer.text
        assert "my secret" not in answer.text
        pages.append(answer.text.replace(email, "?"))
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/checkout", "/checkout"),
        ("//evil.example", "/account"),
        ("https://evil.example", "/account"),
        ("/\\evil", "/account"),
    ],
)
async def test_signing_in_goes_on_to_our_own_pages_only(
    browser: httpx.AsyncClient, shop: Shop, wanted: str, goes_to: str
) -> None:
    """Whether it was said in the address or in the form."""
    await make_customer(shop)
    page = await browser.get("/account/sign-in", params={"next": wanted})
    assert f'name="next" value="{goes_to}"' in page.text
    answer = await send(browser, "/account/sign-in", {"email": EMAIL, "password": PASSWORD, "next": wanted})
    assert (answer.status_code, answer.headers["location"]) == (303, goes_to)
    again = await browser.get("/account/sign-in", params={"next": wanted})
    assert (again.status_code, again.headers["location"]) == (303, goes_to)


@pytest.mark.parametrize(
    "path",
    [f"/account/{end}" for end in ("sign-up", "sign-in", "sign-out", "forgotten", "password", "finish/x", "reset/x")],
)
async def test_every_form_must_be_one_of_ours(browser: httpx.AsyncClient, path: str) -> None:
    """Without the proof, with a foreign one, without a cookie: refused before anything else is looked at."""
    assert (await browser.post(path, data={"email": EMAIL})).status_code == 403
    foreign = _csrf(await browser.get("/account/sign-in"))
    browser.cookies.clear()
    assert (await browser.post(path, data={"csrf": foreign})).status_code == 403
    await browser.get("/account/sign-in")
    assert (await browser.post(path, data={"csrf": foreign, "email": EMAIL})).status_code == 403


@pytest.mark.parametrize("email", ["", "no address", "a@b", "x" * 5_000, "a@example.com\r\nBcc: b@example.com"])
async def test_an_address_that_cannot_be_is_told_beside_its_field(browser: httpx.AsyncClient, email: str) -> None:
    """422, the value kept, the sentence tied to the field for screen readers."""
    for path in ("/account/sign-up", "/account/forgotten"):
        answer = await send(browser, path, {"email": email})
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
        assert 'aria-describedby="wrong-email"' in answer.text


async def test_odd_bodies_and_odd_links_are_refused_plainly(browser: httpx.AsyncClient, shop: Shop) -> None:
    """NUL, half a character, too much, another kind of content, cookies out of thin air: never a fault."""
    csrf = _csrf(await browser.get("/account/sign-in"))
    form = {"content-type": "application/x-www-form-urlencoded"}
    for body, status in (
        (f"csrf={csrf}&email=a%00b&password=x", 400),
        (f"csrf={csrf}&email=%ff%fe", 400),
        (f"csrf={csrf}&email=" + "x" * 70_000, 413),
    ):
        answer = await browser.post("/account/sign-in", content=body, headers=form)
        assert answer.status_code == status
    assert (await browser.post("/account/sign-in", json={"csrf": csrf})).status_code == 415
    long = {"csrf": csrf, "email": "x" * 20_000, "password": "y" * 20_000}
    assert (await browser.post("/account/sign-in", data=long)).status_code == 422
    for token in ("x", "%00", "%ff", "a" * 43, "..%2f..%2fetc", "x" * 4_000):
        assert (await browser.get(f"/account/reset/{token}")).status_code == 404
        assert (await browser.get(f"/account/finish/{token}")).status_code == 404
    for cookie in (b"x", b"a" * 43, b"%00", b"\xff\xc3\xa9", b"z" * 3_000):
        answer = await browser.get("/account", headers={b"cookie": ACCOUNT_COOKIE.encode() + b"=" + cookie})
        assert answer.status_code == 303
    for number in ("0", "-1", "1e9", "99999999999999999999", "²", ""):
        assert (await browser.get(f"/account?page={number}")).status_code == 303


async def test_a_forgotten_password_is_replaced_on_the_page_behind_the_link(
    browser: httpx.AsyncClient, shop: Shop
) -> None:
    """Looking uses nothing up, a refused one says why, a good one leads to signing in, the link is over then."""
    await make_customer(shop)
    await send(browser, "/account/forgotten", {"email": EMAIL})
    path = await link(shop, "password_reset")
    for _ in range(2):
        assert (await browser.get(path)).status_code == 200
    answer = await send(browser, path, {"password": "password1234"})
    assert answer.status_code == 422
    assert "tried first" in answer.text
    answer = await send(browser, path, {"password": "another pony entirely"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/sign-in?done=reset")
    assert "new password counts" in (await browser.get("/account/sign-in?done=reset")).text
    assert (await browser.get(path)).status_code == 404
    answer = await send(browser, "/account/sign-in", {"email": EMAIL, "password": "another pony entirely"})
    assert answer.status_code == 303


async def test_a_signed_in_customer_changes_the_password_on_a_page(browser: httpx.AsyncClient, shop: Shop) -> None:
    """The present one is asked for; afterwards one is still signed in."""
    assert (await browser.get("/account/password")).headers["location"] == "/account/sign-in?next=%2Faccount%2Fpassword"
    await make_customer(shop)
    await send(browser, "/account/sign-in", {"email": EMAIL, "password": PASSWORD})
    answer = await send(browser, "/account/password", {"present": "wrong, this one", "new": "another pony entirely"})
    assert answer.status_code == 422
    assert 'aria-describedby="wrong-present"' in answer.text
    answer = await send(browser, "/account/password", {"present": PASSWORD, "new": "another pony entirely"})
    assert answer.status_code == 303
    assert "new password counts" in (await browser.get(answer.headers["location"])).text


async def test_too_many_tries_are_told_on_the_form_with_when_to_come_back(
    browser: httpx.AsyncClient, shop: Shop
) -> None:
    """429 with Retry-After; the limit counts by the network the request came from."""
    for _ in range(20):
        assert (await send(browser, "/account/sign-in", {"email": EMAIL, "password": "x"})).status_code == 422
    answer = await send(browser, "/account/sign-in", {"email": EMAIL, "password": "x"})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert f'value="{EMAIL}"' in answer.text
    assert network_of("127.0.0.1") == "127.0.0.1"


async def test_orders_are_listed_newest_first_with_their_links(browser: httpx.AsyncClient, shop: Shop) -> None:
    """One's own only, twenty a page."""
    await make_customer(shop)
    await send(browser, "/account/sign-in", {"email": EMAIL, "password": PASSWORD})
    assert "Nothing yet" in (await browser.get("/account")).text
    await shop.desk.execute(
        """
        INSERT INTO orders (id, number, session_id, channel, customer_id, email, state, currency, subtotal_minor,
                            delivery_minor, tax_minor, tax_included, total_minor, delivery, details, placed_at,
                            settled_at)
        SELECT gen_random_uuid(), 'N' || n, gen_random_uuid(), 'web', CASE WHEN n <= 25 THEN customer.id END, 'x',
               'confirmed', 'GBP', 1250, 0, 0, true, 1250, 'std', '{}', now(), now()
          FROM generate_series(1, 26) AS n, customer
        """
    )
    page = await browser.get("/account")
    assert page.text.count('class="order-number"') == 20
    assert "£12.50" in page.text
    assert "N26<" not in page.text
    assert 'href="/account?page=2"' in page.text
    assert (await browser.get("/account?page=2")).text.count('class="order-number"') == 5
    assert "no older orders" in (await browser.get("/account?page=3")).text


async def test_an_account_tries_being_a_member_once(browser: httpx.AsyncClient, shop: Shop) -> None:
    """The button is there until it is pressed; pressed twice it is one trial, and its page says until when."""
    assert (await browser.post("/account/trial", data={"csrf": "x"})).status_code == 403
    await make_customer(shop)
    assert (await send(browser, "/account/trial", {}, seen="/account/sign-in")).status_code == 401
    await send(browser, "/account/sign-in", {"email": EMAIL, "password": PASSWORD})
    page = await browser.get("/account")
    assert "You are no member yet." in page.text
    assert "Try it for 30 days</button>" in page.text
    for _ in range(2):
        answer = await send(browser, "/account/trial", {}, seen="/account")
        assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=trial")
    page = await browser.get("/account?done=trial")
    assert "You are a member now. Welcome!" in page.text
    assert "You are a member since" in page.text
    assert "/account/trial" not in page.text
    await shop.desk.execute("UPDATE membership SET starts_at = now() - interval '2 days', ends_at = now()")
    page = await browser.get("/account")
    assert "Your trial was over on" in page.text
    assert "/account/trial" not in page.text
    answer = await send(browser, "/account/trial", {}, seen="/account")
    assert answer.headers["location"] == "/account#membership"
    assert await shop.desk.fetchval("SELECT count(*) FROM membership") == 1
