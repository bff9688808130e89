"""The live page, and the stream that keeps it so."""

from collections.abc import AsyncIterator

from litestar import get
from litestar.response import Response, Stream

from evertill.ops.live import live, parts_of
from evertill.ops.room_routes import BEHIND
from evertill.ops.showing import console_page
from evertill.refusals import Unavailable
from evertill.staff import Role
from evertill.staff.access import require
from evertill.waitingroom import MOVES, per_minute
from evertill.web.browser import ShopRequest, shop_of


@get("/ops/live")
async def live_page(request: ShopRequest) -> Response[str]:
    """How all workers do. It is whole without a script, and asks again by itself then."""
    staff = await require(request, Role.VIEWER)
    shop = shop_of(request)
    seen = await live(shop)
    return await console_page(
        request,
        "live",
        staff,
        seen=seen,
        parts=parts_of(seen),
        rooms=shop.rooms.all,
        pace=per_minute,
        behind=BEHIND,
        moves=list(MOVES.items()),
        may_change=staff.may(Role.OPERATOR),
    )


@get("/ops/live/stream", media_type="text/event-stream")
async def live_stream(request: ShopRequest) -> Stream:
    """
    The parts of the page that change, once a second, as server-sent events.

    The gate lets it by (web/admission.py), since a watcher would fill a place of the console's lane for as long as the
    page is open; it has a bound of its own.
    """
    await require(request, Role.VIEWER)
    watchers = shop_of(request).watchers
    if watchers.full:
        raise Unavailable("too_many_watchers", "Too many watch already. The page asks again by itself.")
    messages: AsyncIterator[bytes] = watchers.watch()
    return Stream(messages, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


routes = [live_page, live_stream]
