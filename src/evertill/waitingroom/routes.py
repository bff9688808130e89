"""The line's page: a place, how long, what is left; and the way out of it."""

from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.customers import local_path
from evertill.refusals import NotFound
from evertill.shop import Shop
from evertill.signing import new_token
from evertill.waitingroom.checking import in_words, take_ticket
from evertill.waitingroom.entrance import cookie_name
from evertill.waitingroom.model import Reach, RoomState
from evertill.waitingroom.rooms import Known, Standing
from evertill.waitingroom.tickets import leave
from evertill.web.browser import (
    BROWSER_COOKIE,
    ShopRequest,
    Visitor,
    csrf_token,
    drop_cookie,
    keep_cookie,
    read_form,
    shop_of,
    visitor_of,
)
from evertill.web.rendering import render, see_other

_TICKET_SECONDS = 3 * 24 * 3600
_LOOK_AGAIN_SECONDS = 10


@get("/line")
async def lines(request: ShopRequest) -> Redirect:
    """The one line there is; where there is none, the shop."""
    known = next((known for known in shop_of(request).rooms.all if known.room.waits), None)
    return Redirect(f"/line/{known.room.id}" if known else "/", status_code=303)


@get("/line/{room_id:uuid}")
async def line(request: ShopRequest, room_id: FromPath[UUID]) -> Response[str] | Redirect:
    """
    Where one stands. Whoever has no place is given one: coming here is asking for it.

    Who has a place is answered from memory: this page looks nothing up, however many look at it.
    """
    shop = shop_of(request)
    onwards = local_path(str(request.query_params.get("next", "")), fallback="/cart")
    known = shop.rooms.known(room_id)
    if known is None or not known.room.waits:
        return Redirect(onwards, status_code=303)
    visitor = _who(request)
    sealed = request.cookies.get(cookie_name(known), "")
    standing = shop.rooms.standing(known, sealed, visitor.browser_hash)
    fresh = None
    if standing is None and not known.sold_out:
        looked_up = await visitor_of(request)
        customer_id = looked_up.customer.id if looked_up.customer else None
        visitor = looked_up
        host = request.client.host if request.client else None
        standing, fresh = await take_ticket(
            shop, known, holder=visitor.browser_hash, customer_id=customer_id, host=host
        )
    if standing is not None and standing.may_enter:
        shop.rooms.note_seen(standing)
    response = _page(request, shop, known, standing, visitor, onwards)
    if visitor.fresh:
        response.set_cookie(keep_cookie(request, BROWSER_COOKIE, visitor.token))
    if fresh is not None:
        response.set_cookie(keep_cookie(request, cookie_name(known), fresh, seconds=_TICKET_SECONDS))
    return response


@post("/line/{room_id:uuid}/departure", status_code=303)
async def give_up(request: ShopRequest, room_id: FromPath[UUID]) -> Redirect:
    """Give one's place up, for the next to have it."""
    await read_form(request)
    shop, visitor = shop_of(request), await visitor_of(request)
    known = shop.rooms.known(room_id)
    if known is None:
        raise NotFound("not_found", "There is no such line.")
    standing = shop.rooms.standing(known, request.cookies.get(cookie_name(known), ""), visitor.browser_hash)
    if standing is not None:
        await leave(shop.desk, room=known.room, number=standing.number)
    answer = await see_other(request, "/cart")
    answer.set_cookie(drop_cookie(cookie_name(known)))
    return answer


def _who(request: ShopRequest) -> Visitor:
    """Whose browser it is, by its cookie alone."""
    token = request.cookies.get(BROWSER_COOKIE, "")
    return Visitor(token=token or new_token(), fresh=not token, customer=None, cart_units=0)


def _page(
    request: ShopRequest, shop: Shop, known: Known, standing: Standing | None, visitor: Visitor, onwards: str
) -> Response[str]:
    room = known.room
    told_of: dict[str, Any] = {
        "room": room,
        "known": known,
        "standing": standing,
        "onwards": onwards,
        "csrf": csrf_token(shop, visitor),
        "sold_out": known.sold_out,
        "unlikely": standing is not None and standing.reach is Reach.UNLIKELY,
        "wait": in_words(standing.wait) if standing else "",
        "paused": room.state is RoomState.PAUSED,
        "stale": shop.rooms.stale,
        "look_again_seconds": _LOOK_AGAIN_SECONDS,
    }
    return Response(
        render(shop, "waitingroom/line.html", told_of), media_type="text/html", headers={"Cache-Control": "no-store"}
    )


routes = [lines, line, give_up]
