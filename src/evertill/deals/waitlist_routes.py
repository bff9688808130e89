"""The waitlist: where one stands in the lines of deals, what is offered, and the way in and out."""

from collections.abc import Mapping
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.customers import email_problem
from evertill.deals.granting import QUANTITY_MAX
from evertill.deals.waiting import Leaving, Waiting
from evertill.deals.waitlist import places_of
from evertill.refusals import Conflict, FieldProblem, Invalid, NotAllowed, NotFound, Refusal, TooMany, Unavailable
from evertill.waitingroom.neighbours import mark_of
from evertill.web.browser import ShopRequest, read_form, shop_of, visitor_of
from evertill.web.rendering import page, see_other

_SAID_ON_THE_PAGE = (Invalid, Conflict, NotAllowed, NotFound, TooMany, Unavailable)


@get("/waitlist")
async def waitlist_page(request: ShopRequest) -> Response[str]:
    """Every place one has, and had of late."""
    return await _page(request)


@post("/waitlist", status_code=303)
async def take_place(request: ShopRequest) -> Response[str] | Redirect:
    """
    A place at the end of a line. Its form (deals/wait.html) has: deal, sku, quantity (1 if left out), and email, where
    an offer is told; who is signed in is told at the account's address.
    """
    form = await read_form(request)
    shop, visitor = shop_of(request), await visitor_of(request)
    customer = visitor.customer
    try:
        deal_id = _deal(form)
        host = request.client.host if request.client else None
        await shop.claims.wait(
            Waiting(
                deal_id,
                form.get("sku", ""),
                _quantity(form),
                visitor.owner,
                customer.id if customer else None,
                network=mark_of(shop.signer, deal_id, host) if customer is None else None,
                email=customer.email if customer else _email(form),
            )
        )
    except _SAID_ON_THE_PAGE as refusal:
        return await _page(request, refusal=refusal, sent=form)
    return await see_other(request, "/waitlist?done=joined")


@post("/waitlist/{place_id:uuid}/departure", status_code=303)
async def give_place_up(request: ShopRequest, place_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Out of the line; what was offered is offered to the next."""
    await read_form(request)
    shop, visitor = shop_of(request), await visitor_of(request)
    customer_id = visitor.customer.id if visitor.customer else None
    try:
        await shop.claims.leave(Leaving(place_id, visitor.owner, customer_id))
    except _SAID_ON_THE_PAGE as refusal:
        return await _page(request, refusal=refusal)
    return await see_other(request, "/waitlist?done=left")


async def _page(
    request: ShopRequest, *, refusal: Refusal | None = None, sent: Mapping[str, str] | None = None
) -> Response[str]:
    shop, visitor = shop_of(request), await visitor_of(request)
    customer_id = visitor.customer.id if visitor.customer else None
    sent = sent or {}
    # A form that came back can be sent again as it is, only its address typed anew.
    again = bool(refusal and refusal.fields and "deal" in sent and "sku" in sent)
    response = await page(
        request,
        "deals/waitlist.html",
        {
            "places": await places_of(shop.browse, holder=visitor.owner, customer_id=customer_id),
            "refusal": refusal,
            "problems": refusal.fields if refusal else (),
            "sent": sent,
            "again": again,
            "done": request.query_params.get("done", ""),
        },
        status=refusal.status if refusal else 200,
    )
    if refusal and refusal.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    return response


def _deal(form: Mapping[str, str]) -> UUID:
    try:
        return UUID(form.get("deal", ""))
    except ValueError:
        raise NotFound("no_such_deal", "There is no such deal here.") from None


def _quantity(form: Mapping[str, str]) -> int:
    typed = form.get("quantity", "1")
    if typed.isascii() and typed.isdigit() and len(typed) <= len(str(QUANTITY_MAX)):
        return int(typed)
    problem = f"Must be a whole number from 1 to {QUANTITY_MAX}."
    raise Invalid("invalid_quantity", f"How many? {problem}", fields=[FieldProblem("quantity", problem)])


def _email(form: Mapping[str, str]) -> str | None:
    email = form.get("email", "")
    if not email:
        return None
    problem = email_problem(email)
    if problem is not None:
        raise Invalid("invalid", problem.problem, fields=[problem])
    return email


routes = [waitlist_page, take_place, give_place_up]
