"""The waitlist as a browser meets it: in with one press, where one stands, what is offered, and the way out."""

import re
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from evertill.customers import routes as account_routes
from evertill.deals import Claim, Claiming, Releasing, Waiting, waitlist_routes
from evertill.deals.waitlist import bring_along, places_of
from evertill.ids import new_id
from evertill.notices import Sender, kept_letters
from evertill.refusals import Refusal
from evertill.shop import Shop
from evertill.signing import token_hash
from evertill.storage import Connection
from evertill.web.awaited import awaited
from evertill.web.browser import BROWSER_COOKIE
from evertill.web.errors import answer_fault, answer_http_exception, answer_refusal
from tests.dealing import make_customer, make_deal

DEAL = new_id()


@pytest.fixture
async def browser(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of this shop. It follows no redirect by itself."""
    app = Litestar(
        route_handlers=[*waitlist_routes.routes, *account_routes.routes],
        exception_handlers={
            Refusal: awaited(answer_refusal, answer_fault),
            HTTPException: awaited(answer_http_exception, answer_fault),
        },
        state=State({"shop": shop}),
        openapi_config=None,
        logging_config=None,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://localhost") as client:  # type: ignore[arg-type]
        await client.get("/account/sign-in")
        yield client


async def send(browser: httpx.AsyncClient, path: str, fields: Mapping[str, str]) -> httpx.Response:
    """A form with the proof that a page of ours gave this browser."""
    found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/account/sign-in")).text)
    assert found is not None
    return await browser.post(path, data={"csrf": found[1], **fields})


def owner(browser: httpx.AsyncClient) -> str:
    return f"browser:{token_hash(browser.cookies[BROWSER_COOKIE]).hex()}"


async def all_claimed(shop: Shop, connection: Connection, units: int = 1) -> Claim:
    """A deal of which somebody has everything."""
    await make_deal(connection, DEAL, "MUG", units=units)
    return await shop.claims.claim(Claiming(DEAL, "MUG", units, "browser:held"))


async def test_one_press_and_a_place_is_shown(browser: httpx.AsyncClient, shop: Shop, connection: Connection) -> None:
    """With who stands before, and the chance as it is known; pressed again it is the same place."""
    await all_claimed(shop, connection)
    assert "You wait for nothing at present." in (await browser.get("/waitlist")).text
    for name in ("first", "second"):
        await shop.claims.wait(Waiting(DEAL, "MUG", 1, f"browser:{name}"))
    for _ in range(2):
        answer = await send(browser, "/waitlist", {"deal": str(DEAL), "sku": "MUG"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/waitlist?done=joined")
    page = (await browser.get("/waitlist?done=joined")).text
    assert "You are in line." in page
    assert "<dt>Your place</dt><dd><strong>3</strong>" in page
    assert "<dt>Before you</dt><dd>2</dd>" in page
    assert "Nothing has come back so far: nobody knows yet." in page
    assert "we have no address to write to" in page
    assert await connection.fetchval("SELECT count(*) FROM waiting") == 3


async def test_an_offer_is_on_the_page_and_in_a_letter(
    browser: httpx.AsyncClient, shop: Shop, connection: Connection
) -> None:
    """With its price, until when, and a button into the cart; given up, the next is told."""
    held = await all_claimed(shop, connection, units=2)
    await send(browser, "/waitlist", {"deal": str(DEAL), "sku": "MUG", "quantity": "2", "email": "ada@example.com"})
    assert "We write to ada@example.com" in (await browser.get("/waitlist")).text
    await shop.claims.release(Releasing(held.id, held.holder))
    page = (await browser.get("/waitlist")).text
    assert "It is your turn" in page
    assert re.search(r"2 are held for you at <span class=\"money\">£10.00</span> each, until", page)
    assert re.search(r'action="/cart/lines".*name="sku" value="MUG".*name="quantity" value="2"', page)
    await Sender(shop.desk, settings=shop.settings, signer=shop.signer, clock=shop.clock).run_once()
    (letter,) = await kept_letters(connection)
    assert (letter.recipient, letter.subject) == ("ada@example.com", "Mug: your turn in line")
    assert "2 are held for you" in letter.body
    assert "/waitlist\n" in letter.body
    (seen,) = await places_of(shop.browse, holder=owner(browser), customer_id=None)
    answer = await send(browser, f"/waitlist/{seen.place.id}/departure", {})
    assert answer.headers["location"] == "/waitlist?done=left"
    assert "You gave your place up." in (await browser.get("/waitlist?done=left")).text
    assert await connection.fetchval("SELECT claimed FROM deal") == 0


async def test_what_is_over_is_told_before_anybody_wrote_it_down(
    browser: httpx.AsyncClient, shop: Shop, connection: Connection
) -> None:
    """The deal ended this second; an offer ran out this second."""
    held = await all_claimed(shop, connection)
    await send(browser, "/waitlist", {"deal": str(DEAL), "sku": "MUG"})
    await connection.execute("UPDATE deal SET paused_at = now()")
    assert "The deal is paused at the moment." in (await browser.get("/waitlist")).text
    await connection.execute("UPDATE deal SET paused_at = NULL, ends_at = now()")
    assert "The deal has ended, and the line with it." in (await browser.get("/waitlist")).text
    await connection.execute("UPDATE deal SET ends_at = now() + interval '1 hour'")
    await shop.claims.release(Releasing(held.id, held.holder))
    await connection.execute("UPDATE claim SET expires_at = now() WHERE state = 'held'")
    page = (await browser.get("/waitlist")).text
    assert "It was your turn, and the time passed." in page
    assert "Put into cart" not in page


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"deal": "nonsense", "sku": "MUG"}, 404, "There is no such deal here."),
        ({"deal": str(DEAL), "sku": "TEA"}, 404, "There is no such deal here."),
        ({"sku": "MUG"}, 404, "There is no such deal here."),
        ({"deal": str(DEAL), "sku": "MUG", "quantity": "0"}, 422, "from 1 to 999"),
        ({"deal": str(DEAL), "sku": "MUG", "quantity": "-1"}, 422, "from 1 to 999"),
        ({"deal": str(DEAL), "sku": "MUG", "email": "no address"}, 422, "exactly one @"),
    ],
)
async def test_what_cannot_be_waited_for_is_said_and_nothing_typed_is_lost(
    browser: httpx.AsyncClient, shop: Shop, connection: Connection, fields: dict[str, str], status: int, said: str
) -> None:
    """On the waitlist's own page, beside its field; the form can be sent again."""
    await all_claimed(shop, connection)
    answer = await send(browser, "/waitlist", fields)
    assert answer.status_code == status
    assert said in answer.text
    if status == 422:
        assert f'name="deal" value="{DEAL}"' in answer.text
        assert f'value="{fields.get("email", "")}"' in answer.text
    assert await connection.fetchval("SELECT count(*) FROM waiting") == 0


async def test_a_strangers_place_is_nobodys_business(
    browser: httpx.AsyncClient, shop: Shop, connection: Connection
) -> None:
    """Not shown, and not given up."""
    await all_claimed(shop, connection)
    place = await shop.claims.wait(Waiting(DEAL, "MUG", 1, "browser:other", email="ben@example.com"))
    assert "ben@example.com" not in (await browser.get("/waitlist")).text
    answer = await send(browser, f"/waitlist/{place.id}/departure", {})
    assert (answer.status_code, "no such place in line" in answer.text) == (404, True)
    assert (await browser.post(f"/waitlist/{place.id}/departure", data={"csrf": "x"})).status_code == 403
    assert await connection.fetchval("SELECT state FROM waiting") == "waiting"


async def test_who_signs_in_brings_their_places_along(shop: Shop, connection: Connection) -> None:
    """The browser gets another name, the customer keeps the place; not one that the account has already."""
    await all_claimed(shop, connection)
    ada = await make_customer(connection)
    for name in ("phone", "desk"):
        await shop.claims.wait(Waiting(DEAL, "MUG", 1, f"browser:{name}"))
    for name in ("phone", "phone", "desk"):
        await bring_along(connection, holder=f"browser:{name}", customer_id=ada)
    (seen,) = await places_of(shop.browse, holder="browser:new", customer_id=ada)
    assert (seen.place.holder, seen.ahead) == ("browser:phone", 0)
