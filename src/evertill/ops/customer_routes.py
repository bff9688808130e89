"""Customers in the console: find one by e-mail, see what there is, give a membership or end one."""

from collections.abc import Mapping
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.members import DAYS_MAX, giving
from evertill.ops.accounts import account_of_email, open_account
from evertill.ops.showing import SAID_ON_THE_PAGE, console_page, text
from evertill.refusals import Refusal
from evertill.staff import Role, StaffMember
from evertill.staff.access import require
from evertill.web.browser import ShopRequest, read_form, shop_of
from evertill.web.rendering import see_other

_DAYS_OF_A_YEAR = 365


@get("/ops/customers")
async def customers_page(request: ShopRequest) -> Response[str] | Redirect:
    """Find a customer; the way on where there is one."""
    staff = await require(request, Role.VIEWER)
    email = text(request, "q")
    found = await account_of_email(shop_of(request).console, email) if email else None
    if found is not None:
        return await see_other(request, f"/ops/customers/{found}")
    return await console_page(request, "customers", staff, email=email)


@get("/ops/customers/{customer_id:uuid}")
async def customer_page(request: ShopRequest, customer_id: FromPath[UUID]) -> Response[str]:
    """Everything of one customer."""
    return await _customer(request, await require(request, Role.VIEWER), customer_id)


@post("/ops/customers/{customer_id:uuid}/memberships", status_code=303)
async def give_membership(request: ShopRequest, customer_id: FromPath[UUID]) -> Response[str] | Redirect:
    """The customer is a member from now on."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    try:
        await giving.give(
            shop_of(request).console,
            customer_id=customer_id,
            days=_days(form.get("days", "")),
            reason=form.get("reason", ""),
            staff_id=staff.id,
        )
    except SAID_ON_THE_PAGE as refusal:
        return await _customer(request, staff, customer_id, refusal=refusal, sent=form, about="give")
    return await see_other(request, f"/ops/customers/{customer_id}?done=membership")


@post("/ops/customers/{customer_id:uuid}/memberships/{membership_id:uuid}/end", status_code=303)
async def end_membership(
    request: ShopRequest, customer_id: FromPath[UUID], membership_id: FromPath[UUID]
) -> Response[str] | Redirect:
    """The customer is no member any more."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    try:
        await giving.end(
            shop_of(request).console,
            membership_id=membership_id,
            reason=form.get("reason", ""),
            staff_id=staff.id,
        )
    except SAID_ON_THE_PAGE as refusal:
        return await _customer(request, staff, customer_id, refusal=refusal, sent=form, about="end")
    return await see_other(request, f"/ops/customers/{customer_id}?done=membership-end")


async def _customer(
    request: ShopRequest,
    staff: StaffMember,
    customer_id: UUID,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    about: str = "",
) -> Response[str]:
    return await console_page(
        request,
        "customer",
        staff,
        refusal=refusal,
        sent=sent,
        about=about,
        account=await open_account(shop_of(request).console, customer_id=customer_id),
        days=_DAYS_OF_A_YEAR,
        days_max=DAYS_MAX,
        may_change=staff.may(Role.OPERATOR),
    )


def _days(typed: str) -> int:
    """What was typed; 0, which cannot be given, where it is no number."""
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 6 else 0


routes = [customers_page, customer_page, give_membership, end_membership]
