"""Deals by JSON: look, change, and run them on the day. The verbs are those of the console."""

from functools import partial
from typing import Any
from uuid import UUID

from litestar import get, post, put
from litestar.params import FromPath
from litestar.response import Response

from evertill.clients.access import program, require
from evertill.clients.asking import key_of, read_json, version_seen, yes_or_no
from evertill.clients.event_routes import BASE, told_as_it_is
from evertill.clients.model import Scope
from evertill.clients.wire import (
    DealAlone,
    DealAsked,
    DealTold,
    Doubts,
    ExtendAsked,
    MoveAsked,
    UnitsAsked,
    deal_told,
    figures_told,
    warnings_told,
)
from evertill.deals.doubting import about_deal, doubts_of_plan, warnings
from evertill.deals.planning import add_units, change_deal, end_deal, extend_deal, pause_deal, resume_deal
from evertill.deals.reading import EventSeen, deal_by_id
from evertill.ops.selling import selling_of
from evertill.refusals import NotFound
from evertill.web.browser import ShopRequest, shop_of

_DEAL = f"{BASE}/deals/{{deal_id:uuid}}"


@get(_DEAL)
async def look_at_deal(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[DealAlone]:
    """One deal, how it sells, and what is doubtful about it."""
    await require(request, Scope.READ)
    pool, seen = shop_of(request).console, await _seen(request, deal_id)
    [selling] = await selling_of(pool, seen.deals, moment=seen.moment, drawn=())
    warned = about_deal(await warnings(pool, event_id=seen.event.id), deal_id)
    told = DealAlone(
        seen.moment, deal_told(selling.deal, selling.planned.skus), figures_told(selling), warnings_told(warned)
    )
    return Response(told)


@put(_DEAL)
async def set_deal(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[Any]:
    """Write it anew, or only look at what would be doubtful about it."""
    client = await require(request, Scope.WRITE)
    asked, body = await read_json(request, DealAsked)
    shop, seen = shop_of(request), version_seen(asked.version)
    async with told_as_it_is(partial(_now, request, deal_id)):
        if yes_or_no(request, "dry_run"):
            event_id = (await _seen(request, deal_id)).event.id
            warned = await doubts_of_plan(
                shop.console, asked.plan(), event_id=event_id, deal_id=deal_id, seen=seen, by=program(client),
                now=shop.clock(),
            )  # fmt: skip
            return Response(Doubts(warnings_told(warned)))
        planned = await change_deal(
            shop.console, asked.plan(), deal_id=deal_id, seen=seen, reason=asked.reason,
            key=key_of(request, client, "change_deal", deal_id, body, needed=False), by=program(client),
            now=shop.clock(),
        )  # fmt: skip
    return Response(deal_told(planned.deal, planned.skus))


@post(f"{_DEAL}/pause", status_code=200)
async def pause(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[DealTold]:
    """Nothing of it can be claimed until it is resumed."""
    client = await require(request, Scope.RUN)
    asked, _ = await read_json(request, MoveAsked)
    shop = shop_of(request)
    deal = await pause_deal(shop.console, deal_id=deal_id, reason=asked.reason, by=program(client), now=shop.clock())
    return Response(deal_told(deal))


@post(f"{_DEAL}/resume", status_code=200)
async def resume(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[DealTold]:
    """It goes on."""
    client = await require(request, Scope.RUN)
    asked, _ = await read_json(request, MoveAsked)
    shop = shop_of(request)
    async with told_as_it_is(partial(_now, request, deal_id)):
        deal = await resume_deal(
            shop.console, deal_id=deal_id, seen=asked.version, reason=asked.reason, by=program(client),
            now=shop.clock(),
        )  # fmt: skip
    return Response(deal_told(deal))


@post(f"{_DEAL}/extend", status_code=200)
async def extend(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[DealTold]:
    """It lasts longer."""
    client = await require(request, Scope.RUN)
    asked, _ = await read_json(request, ExtendAsked)
    shop = shop_of(request)
    async with told_as_it_is(partial(_now, request, deal_id)):
        deal = await extend_deal(
            shop.console, deal_id=deal_id, ends_at=asked.ends_at, seen=asked.version, reason=asked.reason,
            by=program(client), now=shop.clock(),
        )  # fmt: skip
    return Response(deal_told(deal))


@post(f"{_DEAL}/units", status_code=200)
async def units(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[DealTold]:
    """More units in it, or fewer."""
    client = await require(request, Scope.RUN)
    asked, body = await read_json(request, UnitsAsked)
    shop = shop_of(request)
    async with told_as_it_is(partial(_now, request, deal_id)):
        deal = await add_units(
            shop.console, deal_id=deal_id, change=asked.change, seen=asked.version, reason=asked.reason,
            key=key_of(request, client, "add_units", deal_id, body), by=program(client), now=shop.clock(),
        )  # fmt: skip
    return Response(deal_told(deal))


@post(f"{_DEAL}/end", status_code=200)
async def end(request: ShopRequest, deal_id: FromPath[UUID]) -> Response[DealTold]:
    """It is over, before its time."""
    client = await require(request, Scope.RUN)
    asked, _ = await read_json(request, MoveAsked)
    shop = shop_of(request)
    deal = await end_deal(shop.console, deal_id=deal_id, reason=asked.reason, by=program(client), now=shop.clock())
    return Response(deal_told(deal))


async def _seen(request: ShopRequest, deal_id: UUID) -> EventSeen:
    """A deal, alone in its event."""
    seen = await deal_by_id(shop_of(request).console, deal_id)
    if seen is None:
        raise NotFound("not_found", "There is no such deal.")
    return seen


async def _now(request: ShopRequest, deal_id: UUID) -> DealTold:
    [planned] = (await _seen(request, deal_id)).deals
    return deal_told(planned.deal, planned.skus)


routes = [look_at_deal, set_deal, pause, resume, extend, units, end]
