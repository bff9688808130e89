"""Rain checks in the console: give a deal's price to those whom an outage cost it, and withdraw what is open."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.deals.local import moment_of, written, zone_named
from evertill.deals.reading import EventSeen, deal_by_id
from evertill.ops.deal_forms import whole_number
from evertill.ops.event_routes import form_id, key_of
from evertill.ops.history import history_of
from evertill.ops.showing import SAID_ON_THE_PAGE, console_page
from evertill.rainchecks.giving import foresee, grant, withdraw
from evertill.rainchecks.model import DAYS, PEOPLE_MAX, Chosen, Given, Who
from evertill.rainchecks.reading import grants_of
from evertill.refusals import FieldProblem, Invalid, NotFound, Refusal
from evertill.staff import Role, StaffMember
from evertill.staff.access import require
from evertill.web.browser import ShopRequest, read_form, read_upload, shop_of
from evertill.web.rendering import see_other

_BYTES_MAX = 1024 * 1024  # ten thousand e-mails of a hundred characters


@get("/ops/deals/{deal_id:uuid}/rain-checks")
async def rain_checks_page(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[str]:
    """What was given for a deal, what became of it, and the form that gives more."""
    return await _page(request, await require(request, Role.VIEWER), deal_id)


@post("/ops/deals/{deal_id:uuid}/rain-checks", status_code=303)
async def give_rain_checks(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Give them, or only show what it would come to."""
    staff = await require(request, Role.OPERATOR)
    fields, _ = await read_upload(request, "", bytes_max=_BYTES_MAX)
    form = {name: value.strip() for name, value in fields.items()}
    shop, seen = shop_of(request), await _seen(request, deal_id)
    try:
        chosen = _chosen(form, deal_id, zone_named(seen.event.time_zone))
        if form.get("step") != "give":
            return await _page(request, staff, deal_id, sent=form, foreseen=await foresee(shop.console, chosen))
        await grant(
            shop.console, chosen, reason=form.get("reason", ""),
            key=key_of(form, staff, f"grant_rain_checks {deal_id}"), staff_id=staff.id, now=shop.clock(),
        )  # fmt: skip
    except SAID_ON_THE_PAGE as refusal:
        return await _page(request, staff, deal_id, refusal=refusal, sent=form)
    return await see_other(request, f"/ops/deals/{deal_id}/rain-checks?done=rain-checks")


@post("/ops/deals/{deal_id:uuid}/rain-checks/{grant_id:uuid}/withdrawal", status_code=303)
async def withdraw_rain_checks(
    request: ShopRequest, deal_id: FromPath[UUID], grant_id: FromPath[UUID]
) -> Response[str] | Redirect:
    """Take back what is open of one grant."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        await withdraw(
            shop.console, grant_id=grant_id, reason=form.get("reason", ""), staff_id=staff.id, now=shop.clock()
        )
    except SAID_ON_THE_PAGE as refusal:
        return await _page(request, staff, deal_id, refusal=refusal, sent=form, about=str(grant_id))
    return await see_other(request, f"/ops/deals/{deal_id}/rain-checks?done=rain-checks-withdrawn")


def _chosen(form: Mapping[str, str], deal_id: UUID, zone: ZoneInfo) -> Chosen:
    """
    Who is to get rain checks, as the form says it.

    Raises:
        Invalid: Naming each field that cannot be read; the rest says giving.py.
    """
    problems: list[FieldProblem] = []
    who = form.get("who", "")
    if who not in set(Who):
        problems.append(FieldProblem("who", "Please choose one."))

    def moment(field: str) -> datetime | None:
        try:
            return moment_of(form.get(field, ""), zone) if who == Who.LOST else None
        except ValueError as error:
            problems.append(FieldProblem(field, str(error)))
            return None

    def number(field: str) -> int:
        read = whole_number(form.get(field, ""))
        if read is None:
            problems.append(FieldProblem(field, "A whole number."))
        return read or 0

    since, until, units, days = moment("since"), moment("until"), number("units"), number("days")
    each = number("each") if who == Who.NAMED else 1
    if problems:
        raise Invalid("invalid", " ".join(problem.problem for problem in problems), fields=problems)
    return Chosen(
        deal_id, Who(who), units, days, sku=form.get("sku", ""), since=since, until=until,
        emails=tuple(email for line in form.get("emails", "").splitlines() if (email := line.strip())), each=each,
    )  # fmt: skip


async def _seen(request: ShopRequest, deal_id: UUID) -> EventSeen:
    seen = await deal_by_id(shop_of(request).console, deal_id)
    if seen is None:
        raise NotFound("not_found", "There is no such deal.")
    return seen


async def _page(
    request: ShopRequest,
    staff: StaffMember,
    deal_id: UUID,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    about: str = "",
    foreseen: Given | None = None,
) -> Response[str]:
    pool, seen = shop_of(request).console, await _seen(request, deal_id)
    zone = zone_named(seen.event.time_zone)
    fresh = {
        "who": Who.LOST, "since": written(seen.moment - timedelta(hours=1), zone), "until": written(seen.moment, zone),
        "days": "3", "each": "1",
    }  # fmt: skip
    return await console_page(
        request,
        "sale_rain_checks",
        staff,
        refusal=refusal,
        sent=sent if sent is not None and not about else fresh,
        about=about,
        event=seen.event,
        zone=zone,
        deal=seen.deals[0].deal,
        sku_options=[(sku, sku) for sku in seen.deals[0].skus],
        grants=await grants_of(pool, deal_id),
        foreseen=foreseen,
        history=await history_of(pool, subjects=[f"deal:{deal_id}"]),
        people_max=PEOPLE_MAX,
        days_max=DAYS[-1],
        emails_max=_BYTES_MAX,
        form_id=form_id(sent if not about else None, refusal),
        may_change=staff.may(Role.OPERATOR),
    )


routes = [rain_checks_page, give_rain_checks, withdraw_rain_checks]
