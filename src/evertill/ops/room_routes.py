"""Waiting rooms in the console: open one or plan it, pause, go on, drain, close."""

from collections.abc import Mapping
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.ops.history import history_of
from evertill.ops.showing import SAID_ON_THE_PAGE, console_page, moment_utc, wrong
from evertill.refusals import NotFound, Refusal
from evertill.staff import Role, StaffMember
from evertill.staff.access import require
from evertill.waitingroom import MOVES, Guards, Plan, change_room, latest_rooms, per_minute, plan_room
from evertill.web.browser import ShopRequest, read_form, shop_of
from evertill.web.rendering import see_other

_SHOWN = 20
BEHIND = {Guards.CHECKOUT: "Opening a checkout", Guards.SHOP: "The whole shop"}


@get("/ops/rooms")
async def rooms_page(request: ShopRequest) -> Response[str]:
    """The rooms there are and were."""
    return await _rooms(request, await require(request, Role.VIEWER))


@post("/ops/rooms", status_code=303)
async def make(request: ShopRequest) -> Response[str] | Redirect:
    """A new room."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        await plan_room(shop.console, _plan(form), staff_id=staff.id, now=shop.clock())
    except SAID_ON_THE_PAGE as refusal:
        return await _rooms(request, staff, refusal=refusal, sent=form)
    return await see_other(request, "/ops/rooms?done=room")


@post("/ops/rooms/{room_id:uuid}/{move:str}", status_code=303)
async def change(request: ShopRequest, room_id: FromPath[UUID], move: FromPath[str]) -> Response[str] | Redirect:
    """Open, pause, drain or close."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    if move not in MOVES:
        raise NotFound("not_found", "There is nothing at this address.")
    shop = shop_of(request)
    try:
        await change_room(
            shop.console, room_id=room_id, move=move, reason=form.get("reason", "")[:300], staff_id=staff.id,
            now=shop.clock(),
        )  # fmt: skip
    except SAID_ON_THE_PAGE as refusal:
        return await _rooms(request, staff, refusal=refusal)
    return await see_other(request, f"/ops/rooms?done=room-{move}")


async def _rooms(
    request: ShopRequest, staff: StaffMember, *, refusal: Refusal | None = None, sent: Mapping[str, str] | None = None
) -> Response[str]:
    shop = shop_of(request)
    rooms = await latest_rooms(shop.console, most=_SHOWN)
    known = {each.room.id: each for each in shop.rooms.all}
    paces = {room_id: per_minute(each.moves) for room_id, each in known.items()}
    return await console_page(
        request,
        "rooms",
        staff,
        refusal=refusal,
        sent=sent,
        rooms=rooms,
        known=known,
        paces=paces,
        behind=BEHIND,
        moves=list(MOVES.items()),
        history=await history_of(shop.console, subjects=[f"room:{room.id}" for room in rooms]),
        may_change=staff.may(Role.OPERATOR),
    )


def _plan(form: Mapping[str, str]) -> Plan:
    guards = form.get("guards", "")
    if guards not in set(Guards):
        raise wrong("guards", "Choose what is behind the room.")
    return Plan(
        title=form.get("title", ""),
        guards=Guards(guards),
        skus=tuple(form.get("skus", "").replace(",", " ").split()),
        gathers_at=moment_utc(form, "gathers_at"),
        opens_at=moment_utc(form, "opens_at"),
    )


routes = [rooms_page, make, change]
