"""Orders in the console: find one, see everything of it, ship it, call it off, give money back."""

import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlencode
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill import orders
from evertill.address import country_name
from evertill.ids import new_id
from evertill.money import to_major, to_minor
from evertill.ops.casefile import open_case
from evertill.ops.showing import SAID_ON_THE_PAGE, console_page, text, wrong
from evertill.orders.changing import Outcome, ask_now, cancel, refund, ship
from evertill.orders.reading import FOUND_MAX
from evertill.refusals import Conflict, Refusal
from evertill.staff import Role, StaffMember
from evertill.staff.access import require
from evertill.web.browser import ShopRequest, read_form, shop_of
from evertill.web.rendering import see_other

_AMOUNT = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,3})?")


@get("/ops/orders")
async def orders_page(request: ShopRequest) -> Response[str]:
    """Orders, newest first, by state, number or e-mail."""
    staff = await require(request, Role.VIEWER)
    state, words = _state(text(request, "state")), text(request, "q")
    found = await orders.find(shop_of(request).console, state=state, words=words, before=_uuid(text(request, "before")))
    asked = {name: value for name, value in (("state", state), ("q", words)) if value}
    return await console_page(
        request,
        "orders",
        staff,
        found=found,
        states=list(orders.OrderState),
        state=state,
        words=words,
        start="/ops/orders?" + urlencode(asked),
        older="/ops/orders?" + urlencode({**asked, "before": found[-1].id}) if len(found) == FOUND_MAX else None,
        from_start=not text(request, "before"),
    )


@get("/ops/orders/{order_id:uuid}")
async def order_page(request: ShopRequest, order_id: FromPath[UUID]) -> Response[str]:
    """Everything of one order."""
    return await _order(request, await require(request, Role.VIEWER), order_id)


@post("/ops/orders/{order_id:uuid}/shipment", status_code=303)
async def make_shipment(request: ShopRequest, order_id: FromPath[UUID]) -> Response[str] | Redirect:
    """The parcel leaves: the money is taken."""
    staff, _ = await _operator(request)
    shop = shop_of(request)
    try:
        outcome = await ship(
            shop.console, provider=shop.provider, order_id=order_id, staff_id=staff.id, clock=shop.clock
        )
    except SAID_ON_THE_PAGE as refusal:
        return await _order(request, staff, order_id, refusal=refusal)
    return await _done(request, order_id, "ship", outcome)


@post("/ops/orders/{order_id:uuid}/cancellation", status_code=303)
async def make_cancellation(request: ShopRequest, order_id: FromPath[UUID]) -> Response[str] | Redirect:
    """The order is called off: its units are free, its money is let go."""
    staff, form = await _operator(request)
    shop = shop_of(request)
    try:
        await cancel(
            shop.console,
            provider=shop.provider,
            order_id=order_id,
            staff_id=staff.id,
            reason=form.get("reason", ""),
            clock=shop.clock,
        )
    except SAID_ON_THE_PAGE as refusal:
        return await _order(request, staff, order_id, refusal=refusal, sent=form, about="cancel")
    return await _done(request, order_id, "cancel", Outcome.DONE)


@post("/ops/orders/{order_id:uuid}/refunds", status_code=303)
async def make_refund(request: ShopRequest, order_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Money is given back."""
    staff, form = await _operator(request)
    shop = shop_of(request)
    try:
        refund_id = _uuid(form.get("refund", ""))
        if refund_id is None:
            raise Conflict("form_incomplete", "This form is not complete. Reload the page and try again.")
        outcome = await refund(
            shop.console,
            provider=shop.provider,
            order_id=order_id,
            refund_id=refund_id,
            amount_minor=read_amount(form.get("amount", ""), shop.settings.currency, "amount"),
            staff_id=staff.id,
            reason=form.get("reason", ""),
            clock=shop.clock,
        )
    except SAID_ON_THE_PAGE as refusal:
        return await _order(request, staff, order_id, refusal=refusal, sent=form, about="refund")
    return await _done(request, order_id, "refund", outcome)


@post("/ops/orders/{order_id:uuid}/inquiries", status_code=303)
async def make_inquiry(request: ShopRequest, order_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Whatever waits for the payment provider is asked for now."""
    staff, _ = await _operator(request)
    shop = shop_of(request)
    try:
        await ask_now(shop.console, order_id=order_id, staff_id=staff.id, now=shop.clock())
    except SAID_ON_THE_PAGE as refusal:
        return await _order(request, staff, order_id, refusal=refusal)
    return await _done(request, order_id, "ask", Outcome.DONE)


def read_amount(typed: str, currency: str, field: str) -> int:
    """
    An amount as people type it, in minor units: "12", "12.5" and "12,50" are plain; "1,299.00" could be two things.

    Raises:
        Invalid: It is not one amount of that currency; the field is named.
    """
    if not _AMOUNT.fullmatch(typed):
        raise wrong(field, "An amount such as 12.50, without signs and without separators between thousands.")
    try:
        return to_minor(Decimal(typed.replace(",", ".")), currency)
    except ValueError as error:
        raise wrong(field, f"An amount of {currency} is not as fine as that.") from error


async def _operator(request: ShopRequest) -> tuple[StaffMember, Mapping[str, str]]:
    """Who changes something, and the form; in this order: whoever may not change is told so, whatever was sent."""
    staff = await require(request, Role.OPERATOR)
    return staff, await read_form(request)


async def _order(
    request: ShopRequest,
    staff: StaffMember,
    order_id: UUID,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    about: str = "",
) -> Response[str]:
    shop = shop_of(request)
    case = await open_case(shop.console, order_id=order_id)
    address = case.order.details.address
    # A form that came back keeps its id: it is still the same refund, unless that id is used up.
    kept = _uuid((sent or {}).get("refund", "")) if not isinstance(refusal, Conflict) else None
    return await console_page(
        request,
        "order",
        staff,
        refusal=refusal,
        sent=sent,
        about=about,
        case=case,
        order=case.order,
        country=country_name(address.country, shop.settings.locale) if address else "",
        link=orders.order_link(shop.signer, order_id),
        refund_id=kept or new_id(),
        left_major=to_major(case.left_minor, case.order.currency),
        may_change=staff.may(Role.OPERATOR),
    )


async def _done(request: ShopRequest, order_id: UUID, word: str, outcome: Outcome) -> Redirect:
    suffix = "-wait" if outcome is Outcome.UNDER_WAY else ""
    return await see_other(request, f"/ops/orders/{order_id}?done={word}{suffix}")


def _state(word: str) -> orders.OrderState | None:
    return orders.OrderState(word) if word in set(orders.OrderState) else None


def _uuid(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None


routes = [orders_page, order_page, make_shipment, make_cancellation, make_refund, make_inquiry]
