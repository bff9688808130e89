"""Codes in the console: what there is and what it brought; make one, draw many, end them."""

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.codes import Kind
from evertill.codes.planning import DRAWN_MAX, CodePlan, draw_codes, end_code, make_code
from evertill.codes.reading import PAGE, codes_of_batch, latest_codes
from evertill.deals.importing import parse_value
from evertill.deals.model import Kind as DealKind
from evertill.ops.deal_forms import whole_number
from evertill.ops.history import history_of
from evertill.ops.showing import SAID_ON_THE_PAGE, console_page, moment_utc, number, text
from evertill.refusals import FieldProblem, Invalid, NotFound, Refusal
from evertill.staff import Role, StaffMember
from evertill.staff.access import require
from evertill.web.browser import ShopRequest, read_form, shop_of
from evertill.web.rendering import see_other

_PAGES_MAX = 1_000


@get("/ops/codes")
async def codes_page(request: ShopRequest) -> Response[str]:
    """The codes there are and were."""
    return await _codes(request, await require(request, Role.VIEWER))


@post("/ops/codes", status_code=303)
async def make(request: ShopRequest) -> Response[str] | Redirect:
    """One code of that name, or many that are drawn and begin with it."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop = shop_of(request)
    currency, now = shop.settings.currency, shop.clock()
    name, drawn = form.get("code", "")[:60], form.get("how") == "drawn"
    try:
        plan = _plan(form, currency=currency)
        if drawn:
            how_many = whole_number(form.get("how_many", "")) or 0
            await draw_codes(
                shop.console, how_many=how_many, prefix=name, plan=plan, currency=currency, staff_id=staff.id, now=now
            )
        else:
            await make_code(shop.console, typed=name, plan=plan, currency=currency, staff_id=staff.id, now=now)
    except SAID_ON_THE_PAGE as refusal:
        return await _codes(request, staff, refusal=refusal, sent=form)
    return await see_other(request, f"/ops/codes?done={'codes' if drawn else 'code'}")


@get("/ops/codes/drawn/{batch:uuid}/codes.csv", media_type="text/csv")
async def fetch_codes(request: ShopRequest, batch: FromPath[UUID]) -> Response[str]:
    """The codes that were drawn together. They are worth money: not for whoever only looks."""
    await require(request, Role.OPERATOR)
    rows = await codes_of_batch(shop_of(request).console, batch)
    if not rows:
        raise NotFound("not_found", "There are no such codes.")
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(("code", "used", "ended at"))
    for row in rows:
        state = "used" if row["used"] else "being paid with" if row["held"] else ""
        writer.writerow((row["code"], state, row["ended_at"].isoformat() if row["ended_at"] else ""))
    return Response(
        lines.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="codes.csv"', "Cache-Control": "no-store"},
    )


@post("/ops/codes/{name:str}/end", status_code=303)
async def end(request: ShopRequest, name: FromPath[str]) -> Response[str] | Redirect:
    """Nobody can use it from now on."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        reason = form.get("reason", "")[:400]
        await end_code(shop.console, name=name, reason=reason, staff_id=staff.id, now=shop.clock())
    except SAID_ON_THE_PAGE as refusal:
        return await _codes(request, staff, refusal=refusal)
    return await see_other(request, "/ops/codes?done=code-end")


async def _codes(
    request: ShopRequest, staff: StaffMember, *, refusal: Refusal | None = None, sent: Mapping[str, str] | None = None
) -> Response[str]:
    shop = shop_of(request)
    typed, page = text(request, "q"), number(request, "page", most=_PAGES_MAX)
    made = await latest_codes(shop.console, page=page, typed=typed)
    return await console_page(
        request,
        "codes",
        staff,
        refusal=refusal,
        sent=sent,
        made=made,
        typed=typed,
        page=page,
        more=len(made) == PAGE,
        drawn_max=DRAWN_MAX,
        currency=shop.settings.currency,
        history=await history_of(shop.console, subjects=[f"code:{each.key}" for each in made]),
        may_change=staff.may(Role.OPERATOR),
    )


def _plan(form: Mapping[str, str], *, currency: str) -> CodePlan:
    """A code as the form says it. What cannot be read is named here, the rest by planning.py."""
    problems: list[FieldProblem] = []
    kind = Kind.AMOUNT if form.get("kind") == Kind.AMOUNT else Kind.PERCENT
    if form.get("kind") not in set(Kind):
        problems.append(FieldProblem("kind", "Please choose one."))
    plan = CodePlan(
        kind=kind,
        value=_amount(form, "value", DealKind(kind.value), currency, problems),
        begins_at=_moment(form, "begins_at", problems),
        ends_at=_moment(form, "ends_at", problems),
        uses_max=_whole(form, "uses_max", problems),
        per_customer=_whole(form, "per_customer", problems),
        subtotal_min_minor=_amount(form, "minimum", DealKind.AMOUNT, currency, problems) if form.get("minimum") else 0,
        why=form.get("reason", "")[:400],
    )
    if problems:
        raise Invalid("invalid", problems[0].problem, fields=problems)
    return plan


def _amount(form: Mapping[str, str], field: str, kind: DealKind, currency: str, problems: list[FieldProblem]) -> int:
    try:
        return parse_value(form.get(field, ""), kind, currency)
    except ValueError as error:
        problems.append(FieldProblem(field, str(error)))
        return 0


def _moment(form: Mapping[str, str], field: str, problems: list[FieldProblem]) -> datetime | None:
    try:
        return moment_utc(form, field)
    except Invalid as refusal:
        problems += refusal.fields
        return None


def _whole(form: Mapping[str, str], field: str, problems: list[FieldProblem]) -> int | None:
    typed = form.get(field, "")
    number_ = whole_number(typed) if typed else None
    if typed and number_ is None:
        problems.append(FieldProblem(field, "A whole number; leave it empty for no limit."))
    return number_


routes = [codes_page, make, fetch_codes, end]
