"""Staff at the door of the console: sign in and out, change a password, and who is staff."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.customers.model import local_path
from evertill.customers.tries import network_of
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound, Refusal, SignInNeeded, TooMany, Unavailable
from evertill.staff.access import SIGN_IN_PATH, require, staff_of
from evertill.staff.members import change_role, create_staff, disable, enable, everybody, new_password
from evertill.staff.model import SIGN_IN_LIFE, Role, StaffSignIn
from evertill.staff.sign_in import change_password, sign_in, sign_out
from evertill.web.browser import STAFF_COOKIE, ShopRequest, keep_cookie, read_form, shop_of
from evertill.web.rendering import page, see_other

_CONSOLE = "/ops"
_STAFF = "/ops/staff"

# What a form's page says itself, beside its fields. Everything else has the page of its own that refusals get.
_SAID_ON_THE_FORM = (Invalid, Conflict, TooMany, Unavailable)


@get(SIGN_IN_PATH)
async def sign_in_page(request: ShopRequest) -> Response[str] | Redirect:
    """Sign in to the console, and go on to what was wanted (next)."""
    wanted = _wanted(request.query_params.get("next", ""))
    try:
        await staff_of(request)
    except SignInNeeded:
        return await _page(request, "sign_in", wanted=wanted)
    return await see_other(request, wanted)


@post(SIGN_IN_PATH, status_code=303)
async def enter(request: ShopRequest) -> Response[str] | Redirect:
    """The browser is signed in for a working day."""
    form = await read_form(request)
    shop, wanted = shop_of(request), _wanted(form.get("next", ""))
    try:
        signed_in = await sign_in(
            shop.console,
            email=form.get("email", ""),
            password=form.get("password", ""),
            network=_network(request),
            now=shop.clock(),
        )
    except _SAID_ON_THE_FORM as refusal:
        return await _page(request, "sign_in", refusal=refusal, sent=form, wanted=wanted)
    return await _enter(request, signed_in, wanted)


@post("/ops/sign-out", status_code=303)
async def leave(request: ShopRequest) -> Redirect:
    """The browser is signed out of the console; as a shopper it stays who it is."""
    await read_form(request)
    await sign_out(shop_of(request).console, token=request.cookies.get(STAFF_COOKIE, ""))
    response = await see_other(request, SIGN_IN_PATH)
    response.set_cookie(keep_cookie(request, STAFF_COOKIE, "", seconds=0))
    return response


@get("/ops/password")
async def password_page(request: ShopRequest) -> Response[str]:
    """Choose one's own new password."""
    return await _page(request, "password", staff=await require(request, Role.VIEWER))


@post("/ops/password", status_code=303)
async def change_own(request: ShopRequest) -> Response[str] | Redirect:
    """The new password counts; every other browser is signed out."""
    member = await require(request, Role.VIEWER)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        signed_in = await change_password(
            shop.console,
            staff_id=member.id,
            present=form.get("present", ""),
            new=form.get("new", ""),
            network=_network(request),
            now=shop.clock(),
        )
    except _SAID_ON_THE_FORM as refusal:
        return await _page(request, "password", refusal=refusal, staff=member)
    return await _enter(request, signed_in, _CONSOLE)


@get(_STAFF)
async def staff_page(request: ShopRequest) -> Response[str]:
    """Who is staff, and the forms that change it."""
    return await _staff_page(request)


@post(_STAFF, status_code=303)
async def add(request: ShopRequest) -> Response[str]:
    """A new member, whose first password is shown this once."""
    admin = await require(request, Role.ADMIN)
    form = await read_form(request)
    shop, password = shop_of(request), new_password()
    try:
        member = await create_staff(
            shop.console,
            email=form.get("email", ""),
            name=form.get("name", ""),
            role=_role(form),
            password=password,
            by=admin.id,
            now=shop.clock(),
        )
    except _SAID_ON_THE_FORM as refusal:
        return await _staff_page(request, refusal=refusal, sent=form)
    # Shown in the answer itself: a password must not travel in an address, nor wait in a table.
    return await _staff_page(request, added=(member, password))


@post("/ops/staff/role", status_code=303)
async def set_role(request: ShopRequest) -> Response[str] | Redirect:
    """A member gets another role."""
    admin = await require(request, Role.ADMIN)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        async with shop.console.acquire() as connection:
            await change_role(connection, staff_id=_staff_id(form), role=_role(form), by=admin.id, now=shop.clock())
    except _SAID_ON_THE_FORM as refusal:
        return await _staff_page(request, refusal=refusal)
    return await see_other(request, _STAFF)


@post("/ops/staff/disable", status_code=303)
async def shut_out(request: ShopRequest) -> Response[str] | Redirect:
    """A member may no longer sign in."""
    admin = await require(request, Role.ADMIN)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        async with shop.console.acquire() as connection:
            await disable(connection, staff_id=_staff_id(form), by=admin.id, now=shop.clock())
    except _SAID_ON_THE_FORM as refusal:
        return await _staff_page(request, refusal=refusal)
    return await see_other(request, _STAFF)


@post("/ops/staff/enable", status_code=303)
async def let_in(request: ShopRequest) -> Redirect:
    """A member may sign in again."""
    admin = await require(request, Role.ADMIN)
    form = await read_form(request)
    shop = shop_of(request)
    async with shop.console.acquire() as connection:
        await enable(connection, staff_id=_staff_id(form), by=admin.id, now=shop.clock())
    return await see_other(request, _STAFF)


async def _staff_page(
    request: ShopRequest,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    added: tuple[Any, str] | None = None,
) -> Response[str]:
    admin = await require(request, Role.ADMIN)
    members = await everybody(shop_of(request).console)
    return await _page(
        request, "staff", refusal=refusal, sent=sent, staff=admin, members=members, roles=list(Role), added=added
    )


async def _enter(request: ShopRequest, signed_in: StaffSignIn, path: str) -> Redirect:
    """
    Hand the browser its sign-in.

    The browser's own token stays: it names the cart that whoever works here filled as a shopper, and it opens
    nothing of the console.
    """
    response = await see_other(request, path)
    seconds = int(SIGN_IN_LIFE.total_seconds())
    response.set_cookie(keep_cookie(request, STAFF_COOKIE, signed_in.token, seconds=seconds))
    return response


async def _page(
    request: ShopRequest,
    name: str,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    **context: Any,
) -> Response[str]:
    told: dict[str, Any] = {
        "refusal": refusal,
        "problems": refusal.fields if refusal else (),
        "sent": sent or {},
        "staff": None,
    }
    status = refusal.status if refusal else 200
    response = await page(request, f"staff/{name}.html", {**told, **context}, status=status)
    if refusal and refusal.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    return response


def _wanted(path: str) -> str:
    return local_path(path, fallback=_CONSOLE, within=_CONSOLE)


def _network(request: ShopRequest) -> str:
    return network_of(request.client.host if request.client else None)


def _role(form: Mapping[str, str]) -> Role:
    try:
        return Role(form.get("role", ""))
    except ValueError as error:
        problem = FieldProblem("role", "Please choose one of the roles.")
        raise Invalid("invalid", problem.problem, fields=[problem]) from error


def _staff_id(form: Mapping[str, str]) -> UUID:
    try:
        return UUID(hex=form.get("staff", ""))
    except ValueError as error:
        raise NotFound("not_found", "There is no such member of staff.") from error


routes = [
    sign_in_page,
    enter,
    leave,
    password_page,
    change_own,
    staff_page,
    add,
    set_role,
    shut_out,
    let_in,
]
