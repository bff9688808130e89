"""
The gate at the edge: each request's lane by its address, and the answer to whoever is not let in.

What is refused is refused before anything is looked up, in the language of whoever asks: a page that tries again by
itself and keeps what was typed, RFC 9457's problem for programs, the protocol's body below /ucp/.
"""

import random
import re
from collections.abc import Iterable

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from evertill.refusals import Malformed, TooLarge
from evertill.resilience import Gate, Priority
from evertill.ucp.errors import protocol_error
from evertill.web.again import again_page
from evertill.web.exchange import Answer, Asked, Headers, prefers_json

# Addresses that cost next to nothing, and those by which it is seen how the shop does. The stream of the live page has
# a bound of its own: in a lane it would keep its place for as long as somebody looks.
_UNGATED = ("/static/", "/favicon", "/healthz", "/metrics", "/ops/live/stream")
_API = ("/ucp/", "/.well-known/ucp")
_CRAWLER = re.compile(rb"bot\b|crawl|spider|slurp|scrapy", re.IGNORECASE)
_RETRY_SECONDS = (1, 4)  # each is told another time in this range, so that they do not come back together
_FORM_BYTES_MAX = 64 * 1024

_CODE = "temporarily_unavailable"
_SENTENCE = (
    "More people are here than we can serve at once. Those who are paying are served first. Nothing was done yet, "
    "your cart is safe, and nothing was charged."
)
_PROBLEM = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"


class Admission:
    """The gate in front of an application (ASGI)."""

    def __init__(self, app: ASGIApp, gate: Gate, always: Headers) -> None:
        self._app = app
        self._gate = gate
        self._always = always
        # A platform is told no ten thousand times a second: each no is made once.
        self._refusals = {
            seconds: _api_refusal(seconds).messages(always)
            for seconds in range(_RETRY_SECONDS[0], _RETRY_SECONDS[1] + 1)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or say when to come again."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(_UNGATED):
            await self._app(scope, receive, send)
            return
        priority, kind = lane_of(scope["method"], scope["path"], scope["headers"])
        permit = await self._gate.enter(priority, kind)
        if permit is None:
            seconds = random.randint(*_RETRY_SECONDS)  # noqa: S311 - no secret
            if scope["path"].startswith(_API):
                start, body = self._refusals[seconds]
                await send(start)
                await send(body)
                return
            answer = await _come_again(Asked(scope, receive), seconds)
            await answer.send(send, self._always)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            permit.leave()


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
    if path.startswith("/ops"):
        return Priority.CONSOLE, ""
    if path.startswith(("/cart", "/account")):
        return Priority.CART, ""
    return (Priority.BOT if _is_crawler(headers) else Priority.BROWSE), ""


def _is_crawler(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Who says so. Whoever else behaves like one is met by the limits everybody meets."""
    return any(name == b"user-agent" and _CRAWLER.search(value) is not None for name, value in headers)


def _api_refusal(seconds: int) -> Answer:
    refusal = protocol_error(503, _CODE, _SENTENCE)
    refusal.headers.append((b"retry-after", b"%d" % seconds))
    return refusal


async def _come_again(asked: Asked, seconds: int) -> Answer:
    retry = (b"retry-after", b"%d" % seconds)
    if prefers_json(asked.header(b"accept") or ""):
        problem = {
            "type": _PROBLEM, "title": "Not at this moment", "status": 503, "detail": _SENTENCE, "code": _CODE,
        }  # fmt: skip
        return Answer(503, msgspec.json.encode(problem), [(b"content-type", b"application/problem+json"), retry])
    page = again_page(
        method=asked.method, path=asked.path, query=asked.scope.get("query_string", b""),
        form=await _typed(asked), sentence=_SENTENCE, seconds=seconds,
    )  # fmt: skip
    return Answer(503, page.encode(), [(b"content-type", b"text/html; charset=utf-8"), retry])


async def _typed(asked: Asked) -> bytes:
    """The form that came along, if one did that we can keep."""
    if not (asked.header(b"content-type") or "").startswith("application/x-www-form-urlencoded"):
        return b""
    try:
        return await asked.body(_FORM_BYTES_MAX)
    except (Malformed, TooLarge):
        return b""
