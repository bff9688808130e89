"""Sale events in the console: plan and change them, fill them from a file, look at a moment of them, stop them."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.deals.doubting import warnings
from evertill.deals.importing import BYTES_MAX, ROWS_MAX, DealsForeseen, DealsImported, example, foresee_import
from evertill.deals.importing import import_deals as import_file
from evertill.deals.local import moment_of, written, zone_named, zone_names
from evertill.deals.planning import change_event, plan_event
from evertill.deals.planning import stop_event as stop
from evertill.deals.plans import plan_of_event
from evertill.deals.reading import EventSeen, event_by_id, events_seen
from evertill.idempotency import Key, fingerprint_of
from evertill.ids import new_id
from evertill.ops.calendar import calendar_of
from evertill.ops.deal_export import deals_csv
from evertill.ops.deal_forms import event_fields, event_plan, whole_number
from evertill.ops.history import history_of
from evertill.ops.preview import SKUS_SHOWN, prices_at
from evertill.ops.selling import selling_of, sums_of
from evertill.ops.showing import SAID_ON_THE_PAGE, console_page, number, text
from evertill.refusals import Conflict, Malformed, NotFound, Refusal, TooLarge
from evertill.staff import Role, StaffMember
from evertill.staff.access import require
from evertill.storage import Statements
from evertill.web.browser import ShopRequest, read_form, read_upload, shop_of
from evertill.web.rendering import see_other

sql = Statements.of(__package__)

_DEALS_SHOWN = 50
_PAGES_MAX = 20  # 1,000 deals are the most an event has
_UPLOAD_BYTES_MAX = 2 * BYTES_MAX + 65_536  # the file, and what the box beside it says


@get("/ops/events")
async def events_page(request: ShopRequest) -> Response[str]:
    """The events there are and were."""
    staff = await require(request, Role.VIEWER)
    seen = await events_seen(shop_of(request).console)
    return await console_page(
        request, "sales", staff, seen=seen, zone_of=zone_named, may_change=staff.may(Role.OPERATOR)
    )


@get("/ops/events/new")
async def new_event_page(request: ShopRequest) -> Response[str]:
    """The form of a new event."""
    return await _event_form(request, await require(request, Role.OPERATOR))


@post("/ops/events", status_code=303)
async def make_event(request: ShopRequest) -> Response[str] | Redirect:
    """A new event."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        event = await plan_event(
            shop.console, event_plan(form), reason=form.get("reason", ""), key=key_of(form, staff, "plan_event"),
            by=staff.id, now=shop.clock(),
        )  # fmt: skip
    except SAID_ON_THE_PAGE as refusal:
        return await _event_form(request, staff, refusal=refusal, sent=form)
    return await see_other(request, f"/ops/events/{event.id}?done=event")


@get("/ops/events/{event_id:uuid}")
async def event_page(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str]:
    """One event: its deals over time, how they sell, what is doubtful about them, what was done."""
    return await _event(request, await require(request, Role.VIEWER), event_id)


@get("/ops/events/{event_id:uuid}/change")
async def change_event_page(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str]:
    """The form that changes it."""
    staff = await require(request, Role.OPERATOR)
    return await _event_form(request, staff, seen=await _seen(request, event_id))


@post("/ops/events/{event_id:uuid}/change", status_code=303)
async def set_event(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Write it anew."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        await change_event(
            shop.console, event_plan(form), event_id=event_id, seen=seen_version(form),
            reason=form.get("reason", ""), key=key_of(form, staff, f"change_event {event_id}"), by=staff.id,
            now=shop.clock(),
        )  # fmt: skip
    except SAID_ON_THE_PAGE as refusal:
        return await _event_form(request, staff, seen=await _seen(request, event_id), refusal=refusal, sent=form)
    return await see_other(request, f"/ops/events/{event_id}?done=event-change")


@post("/ops/events/{event_id:uuid}/stop", status_code=303)
async def stop_event(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str] | Redirect:
    """The kill switch."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        await stop(shop.console, event_id=event_id, reason=form.get("reason", ""), by=staff.id, now=shop.clock())
    except SAID_ON_THE_PAGE as refusal:
        return await _event(request, staff, event_id, refusal=refusal, sent=form)
    return await see_other(request, f"/ops/events/{event_id}?done=event-stop")


# ---- many deals out of a file


@get("/ops/events/{event_id:uuid}/import")
async def import_page(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str]:
    """The form that takes a file."""
    return await _import(request, await require(request, Role.OPERATOR), event_id)


@post("/ops/events/{event_id:uuid}/import", status_code=303, request_max_body_size=_UPLOAD_BYTES_MAX + 1)
async def import_deals(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Show what a file comes to, or plan its deals."""
    staff = await require(request, Role.OPERATOR)
    form, file = await read_upload(request, "file", bytes_max=_UPLOAD_BYTES_MAX)
    shop = shop_of(request)
    content = file or form.get("rows", "").encode()
    # What was in the file stands in the box from now on: the browser does not keep a chosen file.
    sent = (
        {**form, "rows": content.decode("utf-8-sig", "replace").replace("\0", "")}
        if len(content) <= BYTES_MAX
        else form
    )
    now, currency = shop.clock(), shop.settings.currency
    try:
        if form.get("step") != "import":
            foreseen = await foresee_import(
                shop.console, content, event_id=event_id, currency=currency, by=staff.id, now=now
            )
            return await _import(request, staff, event_id, sent=sent, foreseen=foreseen)
        kept = await import_file(
            shop.console, content, event_id=event_id, currency=currency, keep_good_rows=form.get("keep") == "good",
            reason=form.get("reason", "").strip(), key=_import_key(form, staff, event_id, content),
            by=staff.id, now=now,
        )  # fmt: skip
    except (*SAID_ON_THE_PAGE, Malformed, TooLarge) as refusal:
        return await _import(request, staff, event_id, refusal=refusal, sent=sent)
    if kept.problems:
        return await _import(request, staff, event_id, sent=sent, imported=kept)
    return await see_other(request, f"/ops/events/{event_id}?done=import")


@get("/ops/events/{event_id:uuid}/example.csv", media_type="text/csv")
async def example_file(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str]:
    """A file to begin from, with this event's times and a SKU of the shop."""
    await require(request, Role.VIEWER)
    seen = await _seen(request, event_id)
    sku = await shop_of(request).console.fetchval(sql["first_sku"])
    return _file(example(seen.event, sku=sku or "MUG"), "deals-example.csv")


# ---- looking


@get("/ops/events/{event_id:uuid}/preview")
async def preview_page(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str]:
    """The event at a moment that is chosen."""
    staff = await require(request, Role.VIEWER)
    shop, seen = shop_of(request), await _seen(request, event_id)
    zone = zone_named(seen.event.time_zone)
    typed, member, after = text(request, "at"), bool(text(request, "member")), text(request, "after")
    moment, problem = _moment(typed, seen)
    prices = await prices_at(shop.console, seen.event, moment=moment, member=member, after=after)
    asked = {"at": typed, **({"member": "1"} if member else {})}
    address = f"/ops/events/{event_id}/preview?"
    return await console_page(
        request,
        "sale_preview",
        staff,
        event=seen.event,
        zone=zone,
        moment=moment,
        typed=typed or written(moment.replace(second=0), zone),
        problem=problem,
        member=member,
        deals=[(each, each.deal.phase(moment)) for each in seen.deals],
        prices=prices,
        first=address + urlencode(asked) if after else None,
        more=address + urlencode({**asked, "after": prices[-1].sku}) if len(prices) == SKUS_SHOWN else None,
    )


@get("/ops/events/{event_id:uuid}/deals.csv", media_type="text/csv")
async def export(request: ShopRequest, event_id: FromPath[UUID]) -> Response[str]:
    """All its deals with their figures."""
    await require(request, Role.VIEWER)
    seen = await _seen(request, event_id)
    selling = await selling_of(shop_of(request).console, seen.deals, moment=seen.moment, drawn=())
    return _file(deals_csv(selling, zone=zone_named(seen.event.time_zone)), f"{seen.event.slug}-deals.csv")


# ---- what the pages share


def key_of(form: Mapping[str, str], staff: StaffMember, verb: str) -> Key:
    """
    The name of a form's own attempt: pressing twice does it once.

    Raises:
        Conflict: The form came without one.
    """
    said = {name: value for name, value in form.items() if name not in ("csrf", "step")}
    return Key(f"staff:{staff.id}", _form_id(form), fingerprint_of(verb, "", msgspec.json.encode(said)))


def _import_key(form: Mapping[str, str], staff: StaffMember, event_id: UUID, content: bytes) -> Key:
    said = b"\0".join((form.get("keep", "").encode(), form.get("reason", "").encode(), content))
    return Key(f"staff:{staff.id}", _form_id(form), fingerprint_of("import_deals", str(event_id), said))


def _form_id(form: Mapping[str, str]) -> str:
    try:
        return UUID(form.get("form", "")).hex
    except ValueError:
        raise Conflict("form_incomplete", "This form is not complete. Reload the page and try again.") from None


def form_id(sent: Mapping[str, str] | None, refusal: Refusal | None) -> str:
    """The name a form goes on with: its own, where what it asked for was not carried out under it."""
    try:
        return _form_id(sent or {}) if not isinstance(refusal, Conflict) else new_id().hex
    except Conflict:
        return new_id().hex


def seen_version(form: Mapping[str, str]) -> int:
    """Which version the form showed."""
    return whole_number(form.get("seen", "")) or 0


async def _seen(request: ShopRequest, event_id: UUID) -> EventSeen:
    seen = await event_by_id(shop_of(request).console, event_id)
    if seen is None:
        raise NotFound("not_found", "There is no such sale event.")
    return seen


def _moment(typed: str, seen: EventSeen) -> tuple[datetime, str]:
    """The moment that is asked for, or now, and why it is not the one that was typed."""
    if not typed:
        return seen.moment, ""
    try:
        return moment_of(typed, zone_named(seen.event.time_zone)), ""
    except ValueError as error:
        return seen.moment, str(error)


def _file(content: str, name: str) -> Response[str]:
    return Response(
        content,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


async def _event(
    request: ShopRequest,
    staff: StaffMember,
    event_id: UUID,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
) -> Response[str]:
    pool, seen = shop_of(request).console, await _seen(request, event_id)
    place = number(request, "page", most=_PAGES_MAX)
    shown = seen.deals[_DEALS_SHOWN * (place - 1) : _DEALS_SHOWN * place]
    selling = await selling_of(pool, seen.deals, moment=seen.moment, drawn=[each.deal.id for each in shown])
    zone = zone_named(seen.event.time_zone)
    subjects = [f"event:{event_id}", *(f"deal:{each.deal.id}" for each in seen.deals)]
    address = f"/ops/events/{event_id}?page="
    return await console_page(
        request,
        "sale_event",
        staff,
        refusal=refusal,
        sent=sent,
        event=seen.event,
        zone=zone,
        moment=seen.moment,
        sums=sums_of(selling),
        deals=len(seen.deals),
        selling=selling[_DEALS_SHOWN * (place - 1) : _DEALS_SHOWN * place],
        calendar=calendar_of(seen.event, [each.deal for each in shown], zone=zone, moment=seen.moment),
        warned=await warnings(pool, event_id=event_id),
        history=await history_of(pool, subjects=subjects),
        titles={
            f"event:{event_id}": seen.event.name,
            **{f"deal:{each.deal.id}": each.deal.title for each in seen.deals},
        },
        page_shown=place,
        newer=f"{address}{place - 1}" if place > 1 else None,
        older=f"{address}{place + 1}" if len(seen.deals) > _DEALS_SHOWN * place else None,
        may_change=staff.may(Role.OPERATOR) and seen.event.ended_at is None,
    )


async def _event_form(
    request: ShopRequest,
    staff: StaffMember,
    *,
    seen: EventSeen | None = None,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
) -> Response[str]:
    now = event_fields(plan_of_event(seen.event)) if seen else None
    return await console_page(
        request,
        "sale_event_form",
        staff,
        refusal=refusal,
        sent=sent if sent is not None else now or {"theme": "plain"},
        event=seen.event if seen else None,
        differs=differing(sent, now),
        zones=sorted(zone_names()),
        form_id=form_id(sent, refusal),
    )


def differing(sent: Mapping[str, str] | None, now: Mapping[str, str] | None) -> dict[str, str]:
    """What a form that came back says otherwise than it is now, as it is now: by the name of the field."""
    if sent is None or now is None:
        return {}
    names = {*now, *({"members_only", "stackable"} & sent.keys())}
    return {
        name: now.get(name, "") for name in sorted(names) if now.get(name, "").split() != sent.get(name, "").split()
    }


async def _import(
    request: ShopRequest,
    staff: StaffMember,
    event_id: UUID,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    foreseen: DealsForeseen | None = None,
    imported: DealsImported | None = None,
) -> Response[str]:
    seen = await _seen(request, event_id)
    nothing_made = imported is None or not imported.deal_ids
    response = await console_page(
        request,
        "sale_import",
        staff,
        refusal=refusal,
        sent=sent,
        event=seen.event,
        zone=zone_named(seen.event.time_zone),
        foreseen=foreseen,
        imported=imported,
        rows_max=ROWS_MAX,
        bytes_max=BYTES_MAX,
        form_id=form_id(sent, refusal) if imported is None else new_id().hex,
    )
    if imported is not None and nothing_made:
        response.status_code = 422
    return response


routes = [
    events_page, new_event_page, make_event, event_page, change_event_page, set_event, stop_event, import_page,
    import_deals, example_file, preview_page, export,
]  # fmt: skip
