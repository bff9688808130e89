"""Sale events by JSON: list, look, plan, change, stop, fill with many deals. The verbs are those of the console."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.params import FromPath
from litestar.response import Response

from evertill.catalog.incoming import RowProblem
from evertill.clients.access import program, require
from evertill.clients.asking import CSV, JSON, key_of, kind_of, read_json, version_seen, yes_or_no
from evertill.clients.model import Scope
from evertill.clients.wire import (
    DealAsked,
    Doubts,
    EventAsked,
    EventSeen,
    EventsListed,
    EventTold,
    Foreseen,
    ImportAsked,
    Imported,
    MoveAsked,
    ProblemTold,
    deal_seen,
    deal_told,
    event_told,
    warnings_told,
)
from evertill.deals.doubting import doubts_of_plan, warnings
from evertill.deals.importing import BYTES_MAX, COLUMNS, ParsedDeal, foresee_import
from evertill.deals.importing import import_deals as import_rows
from evertill.deals.planning import change_event, plan_deal, plan_event
from evertill.deals.planning import stop_event as stop
from evertill.deals.reading import EVENTS_MAX, event_by_id, events_planned
from evertill.deals.reading import EventSeen as EventRead
from evertill.ops.selling import selling_of, sums_of
from evertill.ops.showing import number, text
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound, WrongContentType
from evertill.web.browser import ShopRequest, read_body, shop_of

BASE = "/staff/v1"
_DEALS_TOLD = 100
_PAGES_MAX = 10  # 1,000 deals are the most an event has
_FIELDS = {column: field for field, column in COLUMNS.items()}


@get(f"{BASE}/events")
async def list_events(request: ShopRequest) -> Response[EventsListed]:
    """All events, the last planned first."""
    await require(request, Scope.READ)
    events = await events_planned(shop_of(request).console, before=_before(request))
    more = f"{BASE}/events?before={events[-1].id}" if len(events) == EVENTS_MAX else None
    return Response(EventsListed(tuple(event_told(each) for each in events), more))


@post(f"{BASE}/events", status_code=201)
async def make_event(request: ShopRequest) -> Response[Any]:
    """A new event."""
    client = await require(request, Scope.WRITE)
    asked, body = await read_json(request, EventAsked)
    shop = shop_of(request)
    event = await plan_event(
        shop.console, asked.plan(), reason=asked.reason, key=key_of(request, client, "plan_event", None, body),
        by=program(client), now=shop.clock(),
    )  # fmt: skip
    return Response(event_told(event), status_code=201, headers={"Location": f"{BASE}/events/{event.id}"})


@get(f"{BASE}/events/{{event_id:uuid}}")
async def look_at_event(request: ShopRequest, event_id: FromPath[UUID]) -> Response[EventSeen]:
    """One event: its deals, how they sell, what is doubtful about them."""
    await require(request, Scope.READ)
    pool, seen = shop_of(request).console, await _seen(request, event_id)
    place = number(request, "page", most=_PAGES_MAX)
    selling = await selling_of(pool, seen.deals, moment=seen.moment, drawn=())
    shown = selling[_DEALS_TOLD * (place - 1) : _DEALS_TOLD * place]
    more = len(selling) > _DEALS_TOLD * place
    told = EventSeen(
        now=seen.moment,
        event=event_told(seen.event),
        sums=sums_of(selling),
        deals=tuple(deal_seen(each) for each in shown),
        warnings=warnings_told(await warnings(pool, event_id=event_id)),
        next=f"{BASE}/events/{event_id}?page={place + 1}" if more else None,
    )
    return Response(told)


@put(f"{BASE}/events/{{event_id:uuid}}")
async def set_event(request: ShopRequest, event_id: FromPath[UUID]) -> Response[Any]:
    """Write it anew."""
    client = await require(request, Scope.WRITE)
    asked, body = await read_json(request, EventAsked)
    shop = shop_of(request)
    async with told_as_it_is(partial(_now, request, event_id)):
        event = await change_event(
            shop.console, asked.plan(), event_id=event_id, seen=version_seen(asked.version), reason=asked.reason,
            key=key_of(request, client, "change_event", event_id, body, needed=False), by=program(client),
            now=shop.clock(),
        )  # fmt: skip
    return Response(event_told(event))


@post(f"{BASE}/events/{{event_id:uuid}}/stop", status_code=200)
async def stop_event(request: ShopRequest, event_id: FromPath[UUID]) -> Response[Any]:
    """The kill switch."""
    client = await require(request, Scope.RUN)
    asked, _ = await read_json(request, MoveAsked)
    shop = shop_of(request)
    event = await stop(shop.console, event_id=event_id, reason=asked.reason, by=program(client), now=shop.clock())
    return Response(event_told(event))


@post(f"{BASE}/events/{{event_id:uuid}}/deals", status_code=201)
async def make_deal(request: ShopRequest, event_id: FromPath[UUID]) -> Response[Any]:
    """A new deal in it, or only what would be doubtful about it."""
    client = await require(request, Scope.WRITE)
    asked, body = await read_json(request, DealAsked)
    shop = shop_of(request)
    if yes_or_no(request, "dry_run"):
        warned = await doubts_of_plan(
            shop.console, asked.plan(), event_id=event_id, deal_id=None, seen=0, by=program(client), now=shop.clock()
        )
        return Response(Doubts(warnings_told(warned, tried=True)), status_code=200)
    planned = await plan_deal(
        shop.console, asked.plan(), event_id=event_id, reason=asked.reason,
        key=key_of(request, client, "plan_deal", event_id, body), by=program(client), now=shop.clock(),
    )  # fmt: skip
    return Response(
        deal_told(planned.deal, planned.skus),
        status_code=201,
        headers={"Location": f"{BASE}/deals/{planned.deal.id}"},
    )


@post(f"{BASE}/events/{{event_id:uuid}}/imports", status_code=201, request_max_body_size=BYTES_MAX + 1)
async def import_deals(request: ShopRequest, event_id: FromPath[UUID]) -> Response[Any]:
    """Many deals out of JSON or a CSV: all of them, the good ones, or only what they would come to."""
    client = await require(request, Scope.WRITE)
    rows, keep_good_rows, reason, body = await _rows(request)
    shop = shop_of(request)
    currency, now, csv = shop.settings.currency, shop.clock(), isinstance(rows, bytes)
    if yes_or_no(request, "dry_run"):
        foreseen = await foresee_import(
            shop.console, rows, event_id=event_id, currency=currency, by=program(client), now=now
        )
        told = Foreseen(
            len(foreseen.deals), _problems(foreseen.problems, csv=csv), warnings_told(foreseen.warned, tried=True)
        )
        return Response(told, status_code=200)
    imported = await import_rows(
        shop.console, rows, event_id=event_id, currency=currency, keep_good_rows=keep_good_rows, reason=reason,
        key=key_of(request, client, "import_deals", event_id, body), by=program(client), now=now,
    )  # fmt: skip
    problems = _problems(imported.problems, csv=csv)
    if problems and not imported.deal_ids:
        raise Invalid(
            "invalid",
            "Some of this cannot be. Nothing was planned.",
            fields=[FieldProblem(each.field, each.problem) for each in problems],
        )
    return Response(Imported(imported.deal_ids, problems), status_code=201)


async def _rows(request: ShopRequest) -> tuple[bytes | tuple[ParsedDeal, ...], bool, str, bytes]:
    """The rows, whether the good ones are kept, the reason, and what was sent. Of a CSV the query says the rest."""
    match kind_of(request):
        case "text/csv":
            content = await read_body(request, BYTES_MAX)
            return content, yes_or_no(request, "keep_good_rows"), text(request, "reason"), content
        case "application/json":
            asked, body = await read_json(request, ImportAsked, bytes_max=BYTES_MAX)
            parsed = tuple(ParsedDeal(place, row.plan()) for place, row in enumerate(asked.deals))
            return parsed, asked.keep_good_rows, asked.reason, body
        case _:
            raise WrongContentType("wrong_content_type", f"Send the deals as {JSON} or as {CSV}.")


def _problems(problems: tuple[RowProblem, ...], *, csv: bool) -> tuple[ProblemTold, ...]:
    """Named as the program wrote them: by line and column of its file, or by the path of its JSON."""
    if csv:
        return tuple(
            ProblemTold(", ".join(filter(None, (f"line {each.line}", each.column))), each.reason) for each in problems
        )
    return tuple(ProblemTold(f"deals.{each.line}.{_FIELDS[each.column]}", each.reason) for each in problems)


@asynccontextmanager
async def told_as_it_is(now: Callable[[], Awaitable[msgspec.Struct]]) -> AsyncIterator[None]:
    """
    A change within is refused, where it is to another version than the one that was seen, with what it is now.

    Args:
        now: Reads it; asked only then.
    """
    try:
        yield
    except Conflict as refusal:
        if refusal.code != "changed_meanwhile":
            raise
        raise Conflict(
            refusal.code,
            "Somebody has changed this since you saw it. Look at it as it is now, and name its version.",
            facts={**refusal.facts, "now": msgspec.to_builtins(await now())},
        ) from refusal


async def _seen(request: ShopRequest, event_id: UUID) -> EventRead:
    seen = await event_by_id(shop_of(request).console, event_id)
    if seen is None:
        raise NotFound("not_found", "There is no such sale event.")
    return seen


async def _now(request: ShopRequest, event_id: UUID) -> EventTold:
    return event_told((await _seen(request, event_id)).event)


def _before(request: ShopRequest) -> UUID | None:
    typed = text(request, "before")
    try:
        return UUID(typed) if typed else None
    except ValueError as error:
        problem = "The id of an event, as “next” names it."
        raise Invalid("invalid", problem, fields=[FieldProblem("before", problem)]) from error


routes = [list_events, make_event, look_at_event, set_event, stop_event, make_deal, import_deals]
