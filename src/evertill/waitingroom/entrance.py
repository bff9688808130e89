"""
The entrance (ASGI, before everything else): what the waiting ask every few seconds, and the room before the whole shop.

    /line/now ──► one small answer for all, made once a second
    a page behind a room ──► ticket called? ──► in
                                 └── no ──► to the line
"""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

import msgspec
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from evertill.shop import Shop
from evertill.signing import token_hash
from evertill.waitingroom.model import Guards
from evertill.waitingroom.rooms import Known, Standing
from evertill.web.browser import BROWSER_COOKIE
from evertill.web.exchange import Answer, Asked, Headers, prefers_json

BOARD = "/line/now"
# Never behind a room: the line itself, the way to a place that is one's own, staff, whoever has a checkout or an order
# already, and what costs nothing.
_FREE = (
    "/line", "/ops", "/orders/", "/checkout/", "/static/", "/favicon", "/healthz", "/metrics", "/ucp/", "/.well-known/",
    "/openapi", "/robots.txt", "/account/sign-in", "/staff/",
)  # fmt: skip
_INSIDE = ("/cart", "/checkout", "/products/")
_RETRY_SECONDS = 10


class Entrance:
    """One per worker."""

    def __init__(self, app: ASGIApp, state: State, always: Headers) -> None:
        self._app = app
        self._state = state
        self._always = always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request pass, or send its sender to the line."""
        if scope["type"] == ScopeType.HTTP:
            shop: Shop | None = self._state.get("shop")
            if shop is not None and (shop.rooms.any_open or scope["path"] == BOARD):
                answer = self._answer(shop, Asked(scope, receive))
                if answer is not None:
                    await answer.send(send, self._always)
                    return
        await self._app(scope, receive, send)

    def _answer(self, shop: Shop, asked: Asked) -> Answer | None:
        if asked.path == BOARD:
            return Answer(200, shop.rooms.board, [_JSON, (b"cache-control", b"public, max-age=1")])
        if asked.path.startswith(_INSIDE):
            for known in shop.rooms.all:
                standing = _standing(shop, asked, known)
                if standing is not None:
                    shop.rooms.note_seen(standing)
        if asked.path.startswith(_FREE):
            return None
        known_or_none = shop.rooms.behind(Guards.SHOP)
        if known_or_none is None:
            return None
        standing = _standing(shop, asked, known_or_none)
        if standing is not None and standing.may_enter:
            shop.rooms.note_seen(standing)
            return None
        return _to_the_line(asked, known_or_none)


_JSON = (b"content-type", b"application/json")


def cookie_name(known: Known) -> str:
    """Where a browser keeps its ticket for a room."""
    return f"evertill_line_{known.room.id.hex[-12:]}"


def line_path(known: Known, *, onwards: str) -> str:
    """The page of a room's line, and where it leads afterwards."""
    return f"/line/{known.room.id}?next={quote(onwards, safe='/')}"


def _standing(shop: Shop, asked: Asked, known: Known) -> Standing | None:
    cookies = _cookies(asked)
    token, sealed = cookies.get(BROWSER_COOKIE, ""), cookies.get(cookie_name(known), "")
    return shop.rooms.standing(known, sealed, token_hash(token)) if token and sealed else None


def _cookies(asked: Asked) -> dict[str, str]:
    header = asked.header(b"cookie")
    if not header or "evertill_line_" not in header:
        return {}
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _to_the_line(asked: Asked, known: Known) -> Answer:
    retry = (b"retry-after", b"%d" % _RETRY_SECONDS)
    if prefers_json(asked.header(b"accept") or ""):
        problem = {
            "type": "about:blank", "title": "People stand in line", "status": 503, "code": "waiting_room",
            "detail": f"There is a waiting room before this shop: {known.room.title}. A person takes a place at /line.",
        }  # fmt: skip
        return Answer(503, msgspec.json.encode(problem), [(b"content-type", b"application/problem+json"), retry])
    onwards = asked.path if asked.method == "GET" else "/cart"
    return Answer(
        303, b"", [(b"location", line_path(known, onwards=onwards).encode()), (b"cache-control", b"no-store")]
    )
