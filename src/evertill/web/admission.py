"""
The gate at the edge: each request's lane by its address, and the answer to whoever is not let in.

What is refused is refused before anything is looked up, in the language of whoever asks: a page that tries again by
itself and keeps what was typed, RFC 9457's problem for programs, the protocol's body below /ucp/.
"""

import random
import re
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import unquote

import msgspec
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseBodyEvent, HTTPResponseStartEvent, HTTPScope, Receive, Scope, Send

from evertill.refusals import Malformed, TooLarge
from evertill.resilience import Gate, Priority
from evertill.shop import Shop
from evertill.ucp.errors import protocol_error, refusal_answer
from evertill.waitingroom.checking import word_to_the_waiting
from evertill.web.again import again_page
from evertill.web.exchange import Answer, Asked, Headers, prefers_json

# Addresses that cost next to nothing, and those by which it is seen how the shop does. Streams have a bound each of
# their own: in a lane each would keep its place for as long as somebody looks.
_UNGATED = ("/static/", "/favicon", "/healthz", "/metrics", "/ops/live/stream", "/deals.stream")
_API = ("/ucp/", "/.well-known/ucp")
_PROGRAMS = "/staff/"  # the staff API: whatever it accepts, it is answered in JSON
_CHECKOUTS = "/ucp/v1/checkout-sessions"
_TICKET = b"evertill-ticket"
_CRAWLER = re.compile(rb"bot\b|crawl|spider|slurp|scrapy", re.IGNORECASE)
_RETRY_SECONDS = (1, 4)  # each is told another time in this range, so that they do not come back together
_PLACE_SECONDS = (5, 15)  # for a place in line: it is lost by nobody who comes later than some others
_FORM_BYTES_MAX = 64 * 1024

Messages: TypeAlias = tuple[HTTPResponseStartEvent, HTTPResponseBodyEvent]

_CODE = "temporarily_unavailable"
_SENTENCE = (
    "More people are here than we can serve at once. Those who are paying are served first. Nothing was done yet, "
    "your cart is safe, and nothing was charged."
)
_PROBLEM = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"


class Admission:
    """
    The gate in front of an application (ASGI).

    Args:
        state: Where the shop is found once the worker has opened it.
    """

    def __init__(self, app: ASGIApp, state: State, gate: Gate, always: Headers) -> None:
        self._app = app
        self._state = state
        self._gate = gate
        self._always = always
        # A platform is told no ten thousand times a second: each no is made once.
        self._noes = _noes(_RETRY_SECONDS, always)
        self._no_places = _noes(_PLACE_SECONDS, always)

    def turned_away(self, method: bytes, target: bytes, headers: Headers) -> bytes | None:
        """
        The no to a request that is known by its head, in the form of web/protocol.py's Turning; None: it goes the
        whole way, where it is asked once more.

        Whoever may be shown to the line, and whose form is to be kept, goes the whole way.
        """
        path, _, query = target.partition(b"?")
        text = path.decode("latin-1")
        if text.startswith(_UNGATED):
            return None
        api = text.startswith(_API)
        if not api and (method != b"GET" or self._people_stand_in_line()):
            return None
        if text == _CHECKOUTS and (waits := self._waits_still(headers)) is not None:
            return waits
        priority, _ = self._lane(method.decode("latin-1"), text, headers)
        if not self._gate.turns_away(priority):
            return None
        if api:
            return self._no(priority)[1]
        accept = (_header(headers, b"accept") or b"").decode("latin-1")
        return _come_again(accept, "GET", unquote(text), query, b"").raw(self._always)

    def _waits_still(self, headers: Headers) -> bytes | None:
        """What is told to whoever comes with a ticket before their turn."""
        ticket, shop = _header(headers, _TICKET), self._state.get("shop")
        if ticket is None or shop is None:
            return None
        word = word_to_the_waiting(shop.rooms, ticket.decode("latin-1"))
        return None if word is None else refusal_answer(word).raw(self._always)

    def _people_stand_in_line(self) -> bool:
        shop: Shop | None = self._state.get("shop")
        return shop is not None and shop.rooms.any_open

    def _lane(self, method: str, path: str, headers: Iterable[tuple[bytes, bytes]]) -> tuple[Priority, str]:
        """
        A request's lane. Who asks for a place in a line asks for no checkout: they have the line's lane, and being
        refused there does not tell the usher that checkout is full.
        """
        priority, kind = lane_of(method, path, headers)
        if (
            kind == "open"
            and path == _CHECKOUTS
            and self._line_before_checkouts()
            and _header(headers, _TICKET) is None
        ):
            return Priority.LINE, ""
        return priority, kind

    def _line_before_checkouts(self) -> bool:
        shop: Shop | None = self._state.get("shop")
        return shop is not None and shop.rooms.before_all_checkouts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or say when to come again."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(_UNGATED):
            await self._app(scope, receive, send)
            return
        priority, kind = self._lane(scope["method"], scope["path"], scope["headers"])
        permit = await self._gate.enter(priority, kind)
        if permit is None:
            await self._refuse(scope, receive, send, priority)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            permit.leave()

    def _no(self, priority: Priority) -> tuple[Messages, bytes]:
        noes = self._no_places if priority is Priority.LINE else self._noes
        return random.choice(noes)  # noqa: S311 - no secret

    async def _refuse(self, scope: HTTPScope, receive: Receive, send: Send, priority: Priority) -> None:
        if scope["path"].startswith(_API):
            for message in self._no(priority)[0]:
                await send(message)
            return
        asked = Asked(scope, receive)
        answer = _come_again(
            asked.header(b"accept") or "", asked.method, asked.path, scope.get("query_string", b""), await _typed(asked)
        )
        await answer.send(send, self._always)


def lane_of(method: str, path: str, headers: Iterable[tuple[bytes, bytes]]) -> tuple[Priority, str]:
    """
    How important a request is, and of which kind, where its time says how the worker does.

    Args:
        headers: As the server gives them, names in lower case.
    """
    if path.startswith(_API):
        if path.endswith("/complete"):
            return Priority.PAY, "pay"
        if path.startswith("/ucp/v1/checkout-sessions"):
            return Priority.CHECKOUT, "" if method == "GET" else "open"
        return (Priority.CHECKOUT if path.startswith("/ucp/v1/") else Priority.BROWSE), ""
    if path.startswith("/checkout"):
        return (Priority.PAY, "page pay") if method == "POST" and path.endswith("/pay") else (Priority.CHECKOUT, "")
    if path.startswith("/orders/"):
        return Priority.CHECKOUT, ""
    if path.startswith("/line"):
        return Priority.LINE, ""
    if path.startswith(("/ops", _PROGRAMS)):
        return Priority.CONSOLE, ""
    if path.startswith(("/cart", "/account", "/waitlist")):
        return Priority.CART, ""
    return (Priority.BOT if _is_crawler(headers) else Priority.BROWSE), ""


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes | None:
    return next((value for name, value in headers if name == wanted), None)


def _is_crawler(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Who says so. Whoever else behaves like one is met by the limits everybody meets."""
    return any(name == b"user-agent" and _CRAWLER.search(value) is not None for name, value in headers)


def _noes(seconds: tuple[int, int], always: Headers) -> list[tuple[Messages, bytes]]:
    refusals = [_api_refusal(told) for told in range(seconds[0], seconds[1] + 1)]
    return [(refusal.messages(always), refusal.raw(always)) for refusal in refusals]


def _api_refusal(seconds: int) -> Answer:
    refusal = protocol_error(503, _CODE, _SENTENCE)
    refusal.headers.append((b"retry-after", b"%d" % seconds))
    return refusal


def _come_again(accept: str, method: str, path: str, query: bytes, form: bytes) -> Answer:
    seconds = random.randint(*_RETRY_SECONDS)  # noqa: S311 - no secret
    retry = (b"retry-after", b"%d" % seconds)
    if prefers_json(accept) or path.startswith(_PROGRAMS):
        problem = {
            "type": _PROBLEM, "title": "Not at this moment", "status": 503, "detail": _SENTENCE, "code": _CODE,
        }  # fmt: skip
        return Answer(503, msgspec.json.encode(problem), [(b"content-type", b"application/problem+json"), retry])
    page = again_page(method=method, path=path, query=query, form=form, sentence=_SENTENCE, seconds=seconds)
    return Answer(503, page.encode(), [(b"content-type", b"text/html; charset=utf-8"), retry])


async def _typed(asked: Asked) -> bytes:
    """The form that came along, if one did that we can keep."""
    if not (asked.header(b"content-type") or "").startswith("application/x-www-form-urlencoded"):
        return b""
    try:
        return await asked.body(_FORM_BYTES_MAX)
    except (Malformed, TooLarge):
        return b""
