"""The account's pages: sign up, sign in and out, passwords, and what was ordered."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill import orders
from evertill.cart import join_claims
from evertill.customers.model import SIGN_IN_LIFE, SignIn, local_path
from evertill.customers.reset import change_password, open_reset, request_reset, reset_password
from evertill.customers.sign_in import sign_in, sign_out
from evertill.customers.sign_up import finish_sign_up, pending_email, sign_up
from evertill.customers.tries import network_of
from evertill.deals.waitlist import bring_along
from evertill.members import memberships_of
from evertill.orders.reading import HISTORY_PAGE
from evertill.rainchecks import open_rain_checks
from evertill.refusals import Conflict, FieldProblem, Invalid, Refusal, SignInNeeded, TooMany, Unavailable
from evertill.shop import Shop
from evertill.signing import new_token
from evertill.web.browser import (
    ACCOUNT_COOKIE,
    ShopRequest,
    keep_cookie,
    read_form,
    shop_of,
    visitor_of,
)
from evertill.web.rendering import page, see_other

log = logging.getLogger(__name__)

_ACCOUNT = "/account"
_HISTORY_PAGES_MAX = 1_000

# What a form's page says itself, beside its fields. Everything else has the page of its own that refusals get.
_SAID_ON_THE_FORM = (Invalid, Conflict, TooMany, Unavailable)


@get("/account")
async def overview(request: ShopRequest) -> Response[str] | Redirect:
    """Who one is here, and what one ordered."""
    visitor = await visitor_of(request)
    customer = visitor.customer
    if customer is None:
        return await see_other(request, _sign_in_path(_ACCOUNT))
    shop, number = shop_of(request), _page_number(request)
    found = await orders.history(shop.browse, customer_id=customer.id, page=number)
    return await page(
        request,
        "customers/overview.html",
        {
            "customer": customer,
            "orders": [(order, orders.order_link(shop.signer, order.id)) for order in found],
            "number": number,
            "more": len(found) == HISTORY_PAGE,
            "memberships": await memberships_of(shop.browse, customer.id),
            "rain_checks": await open_rain_checks(shop.browse, holder=visitor.owner, customer_id=customer.id),
            "done": request.query_params.get("done", ""),
        },
    )


@get("/account/sign-up")
async def sign_up_page(request: ShopRequest) -> Response[str] | Redirect:
    """Ask for an account."""
    if (await visitor_of(request)).customer is not None:
        return await see_other(request, _ACCOUNT)
    return await _form(request, "sign_up")


@post("/account/sign-up", status_code=303)
async def ask_to_sign_up(request: ShopRequest) -> Response[str] | Redirect:
    """A letter goes out; the answer is the same for everybody."""
    form = await read_form(request)
    shop = shop_of(request)
    try:
        async with shop.desk.acquire() as connection:
            await sign_up(
                connection,
                email=form.get("email", ""),
                address=shop.settings.address,
                network=_network(request),
                now=shop.clock(),
            )
    except _SAID_ON_THE_FORM as refusal:
        return await _form(request, "sign_up", refusal=refusal, sent=form)
    return await see_other(request, "/account/letter?for=sign-up")


@get("/account/letter")
async def letter_page(request: ShopRequest) -> Response[str]:
    """A letter is on its way, if there is anybody to send it to."""
    return await page(request, "customers/letter.html", {"reset": request.query_params.get("for") == "reset"})


@get("/account/finish/{token:str}")
async def finish_page(request: ShopRequest, token: FromPath[str]) -> Response[str]:
    """Behind a sign-up letter's link: choose name and password."""
    return await _finish_form(request, token)


@post("/account/finish/{token:str}", status_code=303)
async def finish(request: ShopRequest, token: FromPath[str]) -> Response[str] | Redirect:
    """The account is made and its browser signed in."""
    form = await read_form(request)
    shop = shop_of(request)
    try:
        signed_in = await finish_sign_up(
            shop.desk,
            token=token,
            name=form.get("name", ""),
            password=form.get("password", ""),
            browser_hash=(await visitor_of(request)).browser_hash,
            network=_network(request),
            now=shop.clock(),
        )
    except Conflict as refusal:
        return await _form(request, "sign_in", refusal=refusal)
    except _SAID_ON_THE_FORM as refusal:
        return await _finish_form(request, token, refusal=refusal, sent=form)
    return await _enter(request, signed_in, "/account?done=sign-up")


@get("/account/sign-in")
async def sign_in_page(request: ShopRequest) -> Response[str] | Redirect:
    """Sign in, and go on to what was wanted (next)."""
    wanted = local_path(request.query_params.get("next", ""), fallback=_ACCOUNT)
    if (await visitor_of(request)).customer is not None:
        return await see_other(request, wanted)
    return await _form(request, "sign_in", wanted=wanted, done=request.query_params.get("done", ""))


@post("/account/sign-in", status_code=303)
async def enter(request: ShopRequest) -> Response[str] | Redirect:
    """The browser is signed in; its cart joins the account's."""
    form = await read_form(request)
    shop = shop_of(request)
    wanted = local_path(form.get("next", ""), fallback=_ACCOUNT)
    try:
        signed_in = await sign_in(
            shop.desk,
            email=form.get("email", ""),
            password=form.get("password", ""),
            browser_hash=(await visitor_of(request)).browser_hash,
            network=_network(request),
            now=shop.clock(),
        )
    except _SAID_ON_THE_FORM as refusal:
        return await _form(request, "sign_in", refusal=refusal, sent=form, wanted=wanted)
    return await _enter(request, signed_in, wanted)


@post("/account/sign-out", status_code=303)
async def leave(request: ShopRequest) -> Redirect:
    """The browser is signed out, and becomes nobody in particular."""
    await read_form(request)
    await sign_out(shop_of(request).desk, token=request.cookies.get(ACCOUNT_COOKIE, ""))
    await _renew_browser(request)
    response = await see_other(request, "/")
    response.set_cookie(keep_cookie(request, ACCOUNT_COOKIE, "", seconds=0))
    return response


@get("/account/forgotten")
async def forgotten_page(request: ShopRequest) -> Response[str]:
    """Ask for a link that sets a new password."""
    return await _form(request, "forgotten")


@post("/account/forgotten", status_code=303)
async def ask_to_reset(request: ShopRequest) -> Response[str] | Redirect:
    """A letter goes out if there is such an account; the answer is the same for everybody."""
    form = await read_form(request)
    shop = shop_of(request)
    try:
        async with shop.desk.acquire() as connection:
            await request_reset(
                connection,
                email=form.get("email", ""),
                address=shop.settings.address,
                network=_network(request),
                now=shop.clock(),
            )
    except _SAID_ON_THE_FORM as refusal:
        return await _form(request, "forgotten", refusal=refusal, sent=form)
    return await see_other(request, "/account/letter?for=reset")


@get("/account/reset/{token:str}")
async def reset_page(request: ShopRequest, token: FromPath[str]) -> Response[str]:
    """Behind a reset letter's link: choose a new password. Looking does not use the link."""
    return await _reset_form(request, token)


@post("/account/reset/{token:str}", status_code=303)
async def reset(request: ShopRequest, token: FromPath[str]) -> Response[str] | Redirect:
    """The new password counts; every browser is signed out."""
    form = await read_form(request)
    shop = shop_of(request)
    try:
        await reset_password(
            shop.desk, token=token, password=form.get("password", ""), network=_network(request), now=shop.clock()
        )
    except _SAID_ON_THE_FORM as refusal:
        return await _reset_form(request, token, refusal=refusal)
    return await see_other(request, "/account/sign-in?done=reset")


@get("/account/password")
async def password_page(request: ShopRequest) -> Response[str] | Redirect:
    """Choose a new password while signed in."""
    customer = (await visitor_of(request)).customer
    if customer is None:
        return await see_other(request, _sign_in_path("/account/password"))
    return await _form(request, "password", email=customer.email)


@post("/account/password", status_code=303)
async def change(request: ShopRequest) -> Response[str] | Redirect:
    """The new password counts; every other browser is signed out."""
    form = await read_form(request)
    shop, visitor = shop_of(request), await visitor_of(request)
    if visitor.customer is None:
        raise SignInNeeded("sign_in_needed", "Please sign in first.")
    try:
        signed_in = await change_password(
            shop.desk,
            customer_id=visitor.customer.id,
            present=form.get("present", ""),
            new=form.get("new", ""),
            browser_hash=visitor.browser_hash,
            network=_network(request),
            now=shop.clock(),
        )
    except _SAID_ON_THE_FORM as refusal:
        return await _form(request, "password", refusal=refusal, email=visitor.customer.email)
    return await _enter(request, signed_in, "/account?done=password")


async def _enter(request: ShopRequest, signed_in: SignIn, path: str) -> Redirect:
    """
    Hand the browser its sign-in, and a new token of its own; what it had claimed, and its places in line, are its
    customer's.

    Whoever may have planted the browser's old token (session fixation) holds nothing that counts any more.
    """
    shop, holder = shop_of(request), (await visitor_of(request)).owner
    await join_claims(shop.desk, shop.claims, holder=holder, customer_id=signed_in.customer.id)
    await _bring_places(shop, holder, signed_in)
    await _renew_browser(request)
    response = await see_other(request, path)
    seconds = int(SIGN_IN_LIFE.total_seconds())
    response.set_cookie(keep_cookie(request, ACCOUNT_COOKIE, signed_in.token, seconds=seconds))
    return response


async def _bring_places(shop: Shop, holder: str, signed_in: SignIn) -> None:
    """Where this browser stands in lines of deals, its customer stands from now on, in any browser."""
    try:
        async with shop.desk.acquire() as connection:
            await bring_along(connection, holder=holder, customer_id=signed_in.customer.id)
    except Unavailable as refusal:  # signed in they are all the same
        log.warning("places_not_brought customer=%s code=%s", signed_in.customer.id, refusal.code)


async def _renew_browser(request: ShopRequest) -> None:
    visitor = await visitor_of(request)
    visitor.token, visitor.fresh = new_token(), True


async def _finish_form(
    request: ShopRequest, token: str, *, refusal: Refusal | None = None, sent: Mapping[str, str] | None = None
) -> Response[str]:
    shop = shop_of(request)
    email = await pending_email(shop.desk, token=token, network=_network(request), now=shop.clock())
    return await _form(request, "finish", refusal=refusal, sent=sent, token=token, email=email)


async def _reset_form(request: ShopRequest, token: str, *, refusal: Refusal | None = None) -> Response[str]:
    shop = shop_of(request)
    customer = await open_reset(shop.desk, token=token, network=_network(request), now=shop.clock())
    return await _form(request, "reset", refusal=refusal, token=token, email=customer.email)


async def _form(
    request: ShopRequest,
    name: str,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    **context: Any,
) -> Response[str]:
    """A page with a form; where it was refused, with what was sent (never passwords) and what is wrong."""
    told: dict[str, Any] = {"refusal": refusal, "problems": _problems(refusal), "sent": sent or {}}
    if name == "sign_in":
        told |= {"wanted": _ACCOUNT, "done": ""}
    status = refusal.status if refusal else 200
    response = await page(request, f"customers/{name}.html", {**told, **context}, status=status)
    if refusal and refusal.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    return response


def _problems(refusal: Refusal | None) -> tuple[FieldProblem, ...]:
    return refusal.fields if refusal else ()


def _network(request: ShopRequest) -> str:
    return network_of(request.client.host if request.client else None)


def _sign_in_path(wanted: str) -> str:
    return f"/account/sign-in?next={quote(wanted, safe='')}"


def _page_number(request: ShopRequest) -> int:
    text = request.query_params.get("page", "1")
    return min(int(text), _HISTORY_PAGES_MAX) if text.isascii() and text.isdigit() and len(text) < 9 else 1


routes = [
    overview,
    sign_up_page,
    ask_to_sign_up,
    letter_page,
    finish_page,
    finish,
    sign_in_page,
    enter,
    leave,
    forgotten_page,
    ask_to_reset,
    reset_page,
    reset,
    password_page,
    change,
]
