"""The deal day's front page, each event's own, and the same for programs, calendars and whoever watches."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import get
from litestar.params import FromPath
from litestar.response import Response, Stream
from markupsafe import Markup
from msgspec.structs import replace

from evertill.deals.board import Reading
from evertill.deals.calendar import calendar_of
from evertill.deals.drawing import countdown
from evertill.deals.model import SaleEvent
from evertill.deals.showing import DealSeen, Section, arranged, event_section, first_moment, local_time, theme_of
from evertill.deals.telling import event_told, events_told
from evertill.refusals import NotFound, Unavailable
from evertill.shop import Shop
from evertill.web.browser import ShopRequest, shop_of
from evertill.web.rendering import environment, page

PAGE_SIZE = 24
_FIRST_OF_SECTION = 12  # where all sections stand on one page
_PAGES_MAX = 50
_NO_CATEGORY = "-"  # no slug of one
_FOR_A_MOMENT = "public, max-age=2"
_FOR_FIVE_MINUTES = "public, max-age=300"


class Shown(msgspec.Struct, frozen=True):
    """A section of the page, as far as it is shown."""

    section: Section
    deals: tuple[DealSeen, ...]
    total: int
    page: int
    pages: int  # 1 where the section is cut short, with a link to all of it


class Asked(msgspec.Struct, frozen=True):
    """What of the deals is asked for."""

    show: Section | None
    category: str
    page: int


@get("/deals")
async def deals(request: ShopRequest) -> Response[str]:
    """What is on, what comes, what was."""
    return await _deals_page(request, await shop_of(request).board.seen(), None)


@get("/deals.json")
async def deals_json(request: ShopRequest) -> Response[bytes]:
    """The same for programs."""
    shop = shop_of(request)
    reading = await shop.board.seen()

    def told() -> tuple[bytes, str]:
        return _tagged(events_told(reading, reading.events, address=shop.settings.address))

    return _kept(request, *reading.drawn("json", told), "application/json", _FOR_A_MOMENT)


@get("/deals/{name:str}")
async def event_page(request: ShopRequest, name: FromPath[str]) -> Response[str] | Response[bytes]:
    """One event: its page, or its calendar (.ics), or for programs (.json)."""
    shop = shop_of(request)
    slug, _, kind = name.partition(".")
    found = await shop.board.event(slug) if kind in ("", "ics", "json") else None
    if found is None:
        raise NotFound("event_not_found", "There is no such sale event. It may have been renamed.")
    event, reading = found
    if kind == "ics":
        return _calendar(request, shop, event, reading)
    if kind == "json":
        told = reading.drawn(("json", slug), lambda: _tagged(event_told(reading, event, address=shop.settings.address)))
        return _kept(request, *told, "application/json", _FOR_A_MOMENT)
    return await _deals_page(request, reading, event)


@get("/deals.stream", media_type="text/event-stream")
async def deals_stream(request: ShopRequest) -> Stream:
    """
    What of the deals has changed, as server-sent events: one message for all who watch, made once.

    The gate lets it by (web/admission.py), since a watcher would fill a place of the browsers' lane for as long as the
    page is open; it has a bound of its own.
    """
    watchers = shop_of(request).board.watchers
    if watchers.full:
        raise Unavailable(
            "too_many_watchers", "Too many watch already. The page is right when it is loaded.", retry_after_seconds=30
        )
    return Stream(watchers.watch(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


# ---- pages


async def _deals_page(request: ShopRequest, reading: Reading, event: SaleEvent | None) -> Response[str]:
    shop, asked = shop_of(request), _asked(request)
    if asked.category not in reading.categories:  # whatever was typed is one page, not one each
        asked = replace(asked, category=_NO_CATEGORY if asked.category else "")
    content = reading.drawn(("page", event.id if event else None, asked), lambda: _content(shop, reading, event, asked))
    return await page(
        request,
        "deals/deals.html",
        {"event": event, "content": content, "moment": reading.moment, "section": asked.show},
    )


def _content(shop: Shop, reading: Reading, event: SaleEvent | None, asked: Asked) -> Markup:
    """Everything but the shop's frame around it: the same for everybody."""
    moment, locale = reading.moment, shop.settings.locale
    of_event = [seen for seen in reading.deals if seen.items and (event is None or seen.event.id == event.id)]
    categories = {item.category for seen in of_event for item in seen.items if item.category}
    chosen = [seen for seen in of_event if not asked.category or _is_in(seen, asked.category)]
    path = f"/deals/{event.slug}" if event else "/deals"
    return Markup(  # noqa: S704 - drawn by a template
        environment()
        .get_template("deals/content.html")
        .render(
            settings=shop.settings,
            event=event,
            main=event or _main(reading),
            others=[other for other in reading.events if event is None or other.id != event.id],
            sections=[shown for section in Section if (shown := _shown(chosen, section, asked, reading)) is not None],
            counts={section: len(arranged(chosen, section, moment)) for section in Section},
            asked=asked,
            categories=sorted((reading.categories[slug], slug) for slug in categories if slug in reading.categories),
            moment=moment,
            told=reading.told,
            address=lambda **changed: _address(path, asked, **changed),
            how_it_stands=lambda seen: shop.board.draw(seen, reading.told[seen.deal.id], moment),
            section_of_event=lambda each: event_section(each, moment),
            theme=theme_of(event or _main(reading)),
            first_moment=first_moment,
            local_time=lambda at, zone: local_time(at, zone, locale),
            countdown=lambda at: countdown(at, moment),
        )
    )


def _main(reading: Reading) -> SaleEvent | None:
    """The event the front page is about: the one that is on and closes first, else the next, else none."""
    for section in (Section.LIVE, Section.UPCOMING):
        found = [event for event in reading.events if event_section(event, reading.moment) is section]
        if found:
            return min(found, key=lambda event: event.closes_at if section is Section.LIVE else first_moment(event))
    return None


def _shown(deals: Sequence[DealSeen], section: Section, asked: Asked, reading: Reading) -> Shown | None:
    found = arranged(deals, section, reading.moment)
    if asked.show is None:
        return Shown(section, tuple(found[:_FIRST_OF_SECTION]), len(found), 1, 1) if found else None
    if section is not asked.show:
        return None
    pages = max(1, -(-len(found) // PAGE_SIZE))
    number = min(asked.page, pages)
    begin = (number - 1) * PAGE_SIZE
    return Shown(section, tuple(found[begin : begin + PAGE_SIZE]), len(found), number, pages)


def _is_in(seen: DealSeen, category: str) -> bool:
    return any(item.category == category for item in seen.items)


def _asked(request: ShopRequest) -> Asked:
    """What is no section, category or page number is none."""
    show, number = _text(request, "show"), _text(request, "page")
    category = _text(request, "category")
    return Asked(
        show=Section(show) if show in set(Section) else None,
        category=category if category.isascii() and len(category) <= 80 else "",
        page=min(_PAGES_MAX, max(1, int(number))) if number.isascii() and number.isdigit() and len(number) <= 4 else 1,
    )


def _text(request: ShopRequest, name: str) -> str:
    value: Any = request.query_params.get(name, "")
    return value if isinstance(value, str) else ""


def _address(path: str, asked: Asked, **changed: str) -> str:
    """The same look with something changed; of the first page, where nothing is said of pages."""
    query: Mapping[str, str] = {"show": asked.show or "", "category": asked.category, **changed}
    said = urlencode({name: value for name, value in query.items() if value or name == "page"})
    return f"{path}?{said}" if said else path


# ---- for programs and calendars


def _calendar(request: ShopRequest, shop: Shop, event: SaleEvent, reading: Reading) -> Response[bytes]:
    of_event = [seen for seen in reading.deals if seen.event.id == event.id]
    # What it says of when it was made changes with every look, and is no news.
    versions = ",".join(f"{seen.deal.id}:{seen.deal.version}" for seen in of_event)
    tag = _tag(f"{event.id}:{event.version}:{event.ended_at}:{versions}".encode())
    calendar = calendar_of(
        event, sorted(of_event, key=lambda seen: seen.deal.begins_at), shop_name=shop.settings.shop_name,
        address=shop.settings.address, moment=reading.moment,
    )  # fmt: skip
    answer = _kept(request, calendar, tag, "text/calendar", _FOR_FIVE_MINUTES)
    answer.headers["Content-Disposition"] = f'attachment; filename="{event.slug}.ics"'
    return answer


def _tagged(content: bytes) -> tuple[bytes, str]:
    return content, _tag(content)


def _tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def _kept(request: ShopRequest, content: bytes, tag: str, kind: str, cache: str) -> Response[bytes]:
    """An answer that is the same for all; 304 to whoever has it."""
    headers = {"Cache-Control": cache, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers, media_type=kind)
    return Response(content, headers=headers, media_type=kind)


routes = [deals, deals_json, event_page, deals_stream]
