"""Deals in the console: plan and change one, look at what is doubtful before it is kept, and run it on the day."""

from collections.abc import Mapping
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.deals.doubting import Warned, about_deal, doubts_of_plan, warnings
from evertill.deals.local import written, zone_named
from evertill.deals.model import SaleEvent
from evertill.deals.planning import (
    PlannedDeal,
    add_units,
    change_deal,
    end_deal,
    extend_deal,
    pause_deal,
    plan_deal,
    resume_deal,
)
from evertill.deals.plans import CLAIM_MINUTES_USUAL, UNITS_MAX, plan_of_deal
from evertill.deals.reading import EventSeen, deal_by_id, event_by_id
from evertill.ops.deal_forms import deal_fields, deal_plan, whole_number
from evertill.ops.event_routes import differing, form_id, key_of, seen_version
from evertill.ops.history import history_of
from evertill.ops.selling import selling_of
from evertill.ops.showing import SAID_ON_THE_PAGE, console_page, wrong
from evertill.refusals import NotFound, Refusal
from evertill.shop import Shop
from evertill.staff import Role, StaffMember
from evertill.staff.access import require
from evertill.web.browser import ShopRequest, read_form, shop_of
from evertill.web.rendering import see_other

MOVES = ("pause", "resume", "extend", "units", "end")


@get("/ops/events/{event_id:uuid}/deals/new")
async def new_deal_page(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str]:
    """The form of a new deal."""
    staff = await require(request, Role.OPERATOR)
    return await _deal_form(request, staff, (await _event(request, event_id)).event)


@post("/ops/events/{event_id:uuid}/deals", status_code=303)
async def make_deal(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Plan it, or only look at what would be doubtful about it."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop, event = shop_of(request), (await _event(request, event_id)).event
    try:
        plan = deal_plan(form, currency=shop.settings.currency)
        if form.get("step") == "check":
            warned = await doubts_of_plan(
                shop.console, plan, event_id=event_id, deal_id=None, seen=0, by=staff.id, now=shop.clock()
            )
            return await _deal_form(request, staff, event, sent=form, warned=warned)
        planned = await plan_deal(
            shop.console, plan, event_id=event_id, reason=form.get("reason", ""),
            key=key_of(form, staff, f"plan_deal {event_id}"), by=staff.id, now=shop.clock(),
        )  # fmt: skip
    except SAID_ON_THE_PAGE as refusal:
        return await _deal_form(request, staff, event, refusal=refusal, sent=form)
    return await see_other(request, f"/ops/deals/{planned.deal.id}?done=deal")


@get("/ops/deals/{deal_id:uuid}")
async def deal_page(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[str]:
    """One deal: how it sells, and what can be done with it."""
    return await _deal(request, await require(request, Role.VIEWER), deal_id)


@get("/ops/deals/{deal_id:uuid}/change")
async def change_deal_page(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[str]:
    """The form that changes it."""
    staff = await require(request, Role.OPERATOR)
    seen = await _seen(request, deal_id)
    return await _deal_form(request, staff, seen.event, planned=seen.deals[0])


@post("/ops/deals/{deal_id:uuid}/change", status_code=303)
async def set_deal(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Write it anew, or only look at what would be doubtful about it."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop, seen = shop_of(request), await _seen(request, deal_id)
    try:
        plan = deal_plan(form, currency=seen.deals[0].deal.currency)
        if form.get("step") == "check":
            warned = await doubts_of_plan(
                shop.console, plan, event_id=seen.event.id, deal_id=deal_id, seen=seen_version(form),
                by=staff.id, now=shop.clock(),
            )  # fmt: skip
            return await _deal_form(request, staff, seen.event, planned=seen.deals[0], sent=form, warned=warned)
        await change_deal(
            shop.console, plan, deal_id=deal_id, seen=seen_version(form), reason=form.get("reason", ""),
            key=key_of(form, staff, f"change_deal {deal_id}"), by=staff.id, now=shop.clock(),
        )  # fmt: skip
    except SAID_ON_THE_PAGE as refusal:
        seen = await _seen(request, deal_id)  # as it is now: somebody may have changed it meanwhile
        return await _deal_form(request, staff, seen.event, planned=seen.deals[0], refusal=refusal, sent=form)
    return await see_other(request, f"/ops/deals/{deal_id}?done=deal-change")


@post("/ops/deals/{deal_id:uuid}/{move:str}", status_code=303)
async def run_deal(request: ShopRequest, deal_id: FromPath[UUID], move: FromPath[str]) -> Response[str] | Redirect:
    """Pause, resume, extend, add units, end."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    if move not in MOVES:
        raise NotFound("not_found", "There is nothing at this address.")
    try:
        await _run(shop_of(request), deal_id, move, form, staff)
    except SAID_ON_THE_PAGE as refusal:
        return await _deal(request, staff, deal_id, refusal=refusal, sent=form, about=move)
    return await see_other(request, f"/ops/deals/{deal_id}?done=deal-{move}")


async def _run(shop: Shop, deal_id: UUID, move: str, form: Mapping[str, str], staff: StaffMember) -> None:
    pool, now, reason = shop.console, shop.clock(), form.get("reason", "")
    seen = seen_version(form)
    match move:
        case "pause":
            await pause_deal(pool, deal_id=deal_id, reason=reason, by=staff.id, now=now)
        case "resume":
            await resume_deal(pool, deal_id=deal_id, seen=seen, reason=reason, by=staff.id, now=now)
        case "extend":
            await extend_deal(
                pool, deal_id=deal_id, ends_at=form.get("ends_at", ""), seen=seen, reason=reason, by=staff.id,
                now=now,
            )  # fmt: skip
        case "units":
            change = whole_number(form.get("change", ""))
            if change is None:
                raise wrong("change", f"A whole number from -{UNITS_MAX:,} to {UNITS_MAX:,}, not 0.")
            await add_units(
                pool, deal_id=deal_id, change=change, seen=seen, reason=reason,
                key=key_of(form, staff, f"add_units {deal_id}"), by=staff.id, now=now,
            )  # fmt: skip
        case "end":
            await end_deal(pool, deal_id=deal_id, reason=reason, by=staff.id, now=now)
        case _:
            raise AssertionError(move)


async def _seen(request: ShopRequest, deal_id: UUID) -> EventSeen:
    """A deal, alone in its event."""
    seen = await deal_by_id(shop_of(request).console, deal_id)
    if seen is None:
        raise NotFound("not_found", "There is no such deal.")
    return seen


async def _event(request: ShopRequest, event_id: UUID) -> EventSeen:
    seen = await event_by_id(shop_of(request).console, event_id)
    if seen is None:
        raise NotFound("not_found", "There is no such sale event.")
    return seen


async def _deal(
    request: ShopRequest,
    staff: StaffMember,
    deal_id: UUID,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    about: str = "",
) -> Response[str]:
    pool, seen = shop_of(request).console, await _seen(request, deal_id)
    [selling] = await selling_of(pool, seen.deals, moment=seen.moment, drawn=[deal_id])
    zone = zone_named(seen.event.time_zone)
    return await console_page(
        request,
        "sale_deal",
        staff,
        refusal=refusal,
        sent=sent,
        about=about,
        event=seen.event,
        zone=zone,
        moment=seen.moment,
        selling=selling,
        deal=selling.deal,
        ends=written(selling.deal.ends_at, zone),
        warned=about_deal(await warnings(pool, event_id=seen.event.id), deal_id),
        history=await history_of(pool, subjects=[f"deal:{deal_id}"]),
        form_id=form_id(sent if about == "units" else None, refusal),
        may_change=staff.may(Role.OPERATOR) and not selling.deal.over(seen.moment),
    )


async def _deal_form(
    request: ShopRequest,
    staff: StaffMember,
    event: SaleEvent,
    *,
    planned: PlannedDeal | None = None,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    warned: tuple[Warned, ...] | None = None,
) -> Response[str]:
    zone = zone_named(event.time_zone)
    currency = planned.deal.currency if planned else shop_of(request).settings.currency
    fresh = {
        "kind": "percent", "begins_at": written(event.opens_at, zone), "ends_at": written(event.closes_at, zone),
        "claim_minutes": str(CLAIM_MINUTES_USUAL),
    }  # fmt: skip
    now = deal_fields(plan_of_deal(planned.deal, planned.skus, event=event), currency=currency) if planned else None
    return await console_page(
        request,
        "sale_deal_form",
        staff,
        refusal=refusal,
        sent=sent if sent is not None else now or fresh,
        event=event,
        zone=zone,
        deal=planned.deal if planned else None,
        currency=currency,
        differs=differing(sent, now) if refusal and refusal.code == "changed_meanwhile" else {},
        warned=warned,
        form_id=form_id(sent, refusal),
    )


routes = [new_deal_page, make_deal, deal_page, change_deal_page, set_deal, run_deal]
