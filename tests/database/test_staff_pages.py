"""The console's door as a browser meets it: roles, sign-ins, and who is staff."""

import re
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from evertill.refusals import Refusal
from evertill.shop import Shop
from evertill.staff import Role, StaffMember, create_staff
from evertill.staff import routes as routes_module
from evertill.staff.access import require
from evertill.web.awaited import awaited
from evertill.web.browser import BROWSER_COOKIE, STAFF_COOKIE, ShopRequest
from evertill.web.errors import answer_fault, answer_http_exception, answer_refusal

PASSWORD = "seven brass door handles"


@get("/ops/orders")
async def for_operators(request: ShopRequest) -> str:
    """A page of the console, as other slices have them."""
    return (await require(request, Role.OPERATOR)).name


@pytest.fixture
async def browser(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without cookies yet. It follows no redirect by itself."""
    app = Litestar(
        route_handlers=[*routes_module.routes, for_operators],
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
    browser: httpx.AsyncClient, path: str, fields: Mapping[str, str], *, seen: str = "/ops/staff"
) -> httpx.Response:
    """Open a page, fill its form, press the button."""
    found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get(seen, follow_redirects=True)).text)
    assert found is not None
    return await browser.post(path, data={"csrf": found[1], **fields})


async def hire(shop: Shop, name: str, role: Role) -> StaffMember:
    return await create_staff(
        shop.console,
        email=f"{name}@shop.example",
        name=name.title(),
        role=role,
        password=PASSWORD,
        by=None,
        now=shop.clock(),
    )


async def enter(browser: httpx.AsyncClient, name: str, password: str = PASSWORD, wanted: str = "") -> httpx.Response:
    fields = {"email": f"{name}@shop.example", "password": password, "next": wanted}
    return await send(browser, "/ops/sign-in", fields, seen="/ops/sign-in")


async def test_whoever_is_not_signed_in_is_shown_the_door_and_then_let_on(
    browser: httpx.AsyncClient, shop: Shop
) -> None:
    """To the page that was asked for, with its query; programs are told 401."""
    await hire(shop, "grace", Role.OPERATOR)
    answer = await browser.get("/ops/orders?state=held&page=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/ops/sign-in?next=%2Fops%2Forders%3Fstate%3Dheld%26page%3D2"
    door = await browser.get(answer.headers["location"])
    assert 'name="next" value="/ops/orders?state=held&amp;page=2"' in door.text
    answer = await enter(browser, "grace", wanted="/ops/orders?state=held&page=2")
    assert answer.headers["location"] == "/ops/orders?state=held&page=2"
    assert (await browser.get("/ops/orders")).text == "Grace"
    browser.cookies.clear()
    answer = await browser.get("/ops/orders", headers={"accept": "application/json"})
    assert answer.status_code == 401
    for wanted in ("//evil.example", "https://evil.example", "/cart"):
        page = await browser.get("/ops/sign-in", params={"next": wanted})
        assert 'name="next" value="/ops"' in page.text


async def test_the_staff_cookie_is_a_cookie_of_its_own_for_twelve_hours(browser: httpx.AsyncClient, shop: Shop) -> None:
    """HttpOnly, Secure, SameSite; the shopper's own cookie, and the cart with it, stay; signing out ends it."""
    await hire(shop, "grace", Role.VIEWER)
    await browser.get("/ops/sign-in")
    shopper = browser.cookies[BROWSER_COOKIE]
    [cookie] = (await enter(browser, "grace")).headers.get_list("set-cookie")
    assert cookie.startswith(f"{STAFF_COOKIE}=")
    assert {"httponly", "secure", "samesite=lax", "max-age=43200"} <= set(cookie.lower().split("; "))
    kept = browser.cookies[STAFF_COOKIE]
    answer = await send(browser, "/ops/sign-out", {}, seen="/ops/password")
    assert answer.headers["location"] == "/ops/sign-in"
    assert STAFF_COOKIE not in browser.cookies
    assert browser.cookies[BROWSER_COOKIE] == shopper
    browser.cookies.set(STAFF_COOKIE, kept, domain="localhost.local")
    assert (await browser.get("/ops/password")).status_code == 303


async def test_a_role_that_is_too_low_is_told_so(browser: httpx.AsyncClient, shop: Shop) -> None:
    """A viewer neither ships nor hires, whichever form is sent."""
    await hire(shop, "victor", Role.VIEWER)
    await enter(browser, "victor")
    assert (await browser.get("/ops/orders")).status_code == 403
    assert (await browser.get("/ops/staff")).status_code == 403
    assert (await browser.get("/ops/password")).status_code == 200
    for path in ("/ops/staff", "/ops/staff/role", "/ops/staff/disable", "/ops/staff/enable"):
        answer = await send(browser, path, {"role": "admin", "email": "eve@shop.example"}, seen="/ops/password")
        assert answer.status_code == 403
    assert await shop.console.fetchval("SELECT count(*) FROM staff") == 1


async def test_forms_of_the_console_must_be_ours(browser: httpx.AsyncClient, shop: Shop) -> None:
    """Signed in or not, a form without the browser's own proof changes nothing."""
    await hire(shop, "grace", Role.ADMIN)
    fields = {"email": "eve@shop.example", "name": "Eve", "role": "admin"}
    assert (await browser.post("/ops/sign-in", data=fields)).status_code == 403
    await enter(browser, "grace")
    for path in ("/ops/staff", "/ops/staff/role", "/ops/staff/disable", "/ops/sign-out", "/ops/password"):
        assert (await browser.post(path, data=fields)).status_code == 403
        assert (await browser.post(path, data={**fields, "csrf": "x" * 22})).status_code == 403
    assert await shop.console.fetchval("SELECT count(*) FROM staff") == 1
    assert (await browser.get("/ops/staff")).status_code == 200


async def test_an_admin_adds_changes_and_disables_on_one_page(browser: httpx.AsyncClient, shop: Shop) -> None:
    """The first password is shown once and opens; every change is recorded with who did it."""
    await hire(shop, "grace", Role.ADMIN)
    await enter(browser, "grace")
    new = {"email": "linus@shop.example", "name": "Linus <i>", "role": "operator"}
    answer = await send(browser, "/ops/staff", new)
    assert answer.status_code == 200
    assert "Linus &lt;i&gt;" in answer.text
    shown = re.search(r'<code class="mono">([^<]+)</code>', answer.text)
    assert shown is not None
    assert shown[1] not in (await browser.get("/ops/staff")).text
    again = await send(browser, "/ops/staff", new)
    assert again.status_code == 409
    assert 'aria-describedby="wrong-email"' in again.text
    bad = await send(browser, "/ops/staff", {"email": "x", "name": "", "role": "king"})
    assert bad.status_code == 422
    linus = (await shop.console.fetchval("SELECT id FROM staff WHERE name LIKE 'Linus%'")).hex
    assert (await send(browser, "/ops/staff/role", {"staff": linus, "role": "viewer"})).status_code == 303
    assert (await send(browser, "/ops/staff/disable", {"staff": linus})).status_code == 303
    assert "disabled" in (await browser.get("/ops/staff")).text
    assert (await send(browser, "/ops/staff/enable", {"staff": linus})).status_code == 303
    for nobody in ("", "x", "0" * 32):
        assert (await send(browser, "/ops/staff/disable", {"staff": nobody})).status_code == 404
    recorded = await shop.console.fetch(
        """SELECT staff.name, staff_action.verb FROM staff_action JOIN staff ON staff.id = staff_action.staff_id
            WHERE staff_action.subject = 'staff:' || $1::uuid ORDER BY staff_action.ctid""",
        linus,
    )
    assert [tuple(row) for row in recorded] == [
        ("Grace", verb) for verb in ("add_staff", "change_role", "disable_staff", "enable_staff")
    ]
    browser.cookies.clear()
    assert (await enter(browser, "linus", shown[1])).status_code == 303


async def test_the_last_admin_is_kept_with_a_reason_on_the_page(browser: httpx.AsyncClient, shop: Shop) -> None:
    """409 and a sentence; nothing is changed."""
    grace = await hire(shop, "grace", Role.ADMIN)
    await enter(browser, "grace")
    for path, reason in (("role", "last admin"), ("disable", "shut yourself out")):
        answer = await send(browser, f"/ops/staff/{path}", {"staff": grace.id.hex, "role": "viewer"})
        assert answer.status_code == 409
        assert reason in answer.text
    assert "/ops/staff/disable" not in (await browser.get("/ops/staff")).text  # not offered for oneself
    assert (await browser.get("/ops/staff")).status_code == 200


async def test_staff_change_their_own_password(browser: httpx.AsyncClient, shop: Shop) -> None:
    """The present one is asked for; afterwards this browser is still signed in."""
    await hire(shop, "victor", Role.VIEWER)
    await enter(browser, "victor")
    wrong = {"present": "wrong, this one", "new": "a door handle of tin"}
    answer = await send(browser, "/ops/password", wrong, seen="/ops/password")
    assert answer.status_code == 422
    assert 'aria-describedby="wrong-present"' in answer.text
    right = {"present": PASSWORD, "new": "a door handle of tin"}
    assert (await send(browser, "/ops/password", right, seen="/ops/password")).status_code == 303
    assert (await browser.get("/ops/password")).status_code == 200


async def test_guessing_at_the_door_is_told_when_to_come_back(browser: httpx.AsyncClient, shop: Shop) -> None:
    """The same answer for whoever is staff and whoever is not, then 429 with Retry-After."""
    await hire(shop, "grace", Role.ADMIN)
    pages = set()
    for name in ("grace", "nobody"):
        answer = await enter(browser, name, "a wrong password")
        assert answer.status_code == 422
        assert "a wrong password" not in answer.text
        pages.add(answer.text.replace(f"{name}@shop.example", "?"))
    assert len(pages) == 1
    for _ in range(7):
        await enter(browser, "grace", "a wrong password")
    answer = await enter(browser, "grace")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
