"""
The API's door: a plain ASGI application for everything below /ucp/, and the way out of it.

    request ──► address ──► who calls (UCP-Agent, its signature) ──► handler (routes.py) ──► answer
                   │                     │                              │
                   └──────── no ─────────┴──────── no, or broken ───────┴──► {code, content}

Purchases come through here thousands of times a second; the framework that serves pages would cost as much as
everything we do for them (docs/decisions/0009).
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from evertill.refusals import NotFound, Refusal
from evertill.shop import Shop
from evertill.ucp import routes, testing
from evertill.ucp.asking import BODY_BYTES_MAX
from evertill.ucp.desk import Call, Desk
from evertill.ucp.discovery import BASE, OWN_PLATFORM
from evertill.ucp.errors import JSON, protocol_error, refusal_answer
from evertill.ucp.platforms import Agent, missing_profile
from evertill.ucp.signatures import check_request
from evertill.ucp.wire import CHECKOUT, ORDER
from evertill.web.errors import FAULT
from evertill.web.exchange import Answer, Asked
from evertill.web.headers import security_headers

log = logging.getLogger(__name__)

PROFILE = "/.well-known/ucp"
_PUBLIC = (b"cache-control", b"public, max-age=300")

Handler: TypeAlias = Callable[[Call, str], Awaitable[Answer]]


# Address below BASE ({} is a name), its methods: what the call needs in common with its platform, and the handler.
ADDRESSES: dict[str, dict[str, tuple[str, Handler]]] = {
    "checkout-sessions": {"POST": (CHECKOUT, routes.open_checkout)},
    "checkout-sessions/{}": {"GET": (CHECKOUT, routes.look_at_checkout), "PUT": (CHECKOUT, routes.revise_checkout)},
    "checkout-sessions/{}/complete": {"POST": (CHECKOUT, routes.complete_checkout)},
    "checkout-sessions/{}/cancel": {"POST": (CHECKOUT, routes.cancel_checkout)},
    "orders/{}": {"GET": (ORDER, routes.look_at_order)},
}
TESTING: dict[str, dict[str, tuple[str, Handler]]] = {
    "testing/{}/age": {"POST": (CHECKOUT, testing.age_key)},
    "testing/{}/outage": {"POST": ("", testing.outage)},  # nobody need say who calls
}
_NOBODY = Agent("", "", ())


class Door:
    """
    One per worker.

    Args:
        state: Where the shop is found once the worker has opened it.

        otherwise: Serves every other address.
    """

    def __init__(self, otherwise: ASGIApp, state: State, *, https: bool) -> None:
        self._otherwise = otherwise
        self._state = state
        self._always = security_headers(https=https)
        self._desk: Desk | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != ScopeType.HTTP or not scope["path"].startswith(("/ucp/", PROFILE)):
            await self._otherwise(scope, receive, send)
            return
        asked = Asked(scope, receive)
        try:
            answer = await self._answer(asked)
        except Refusal as refusal:
            answer = refusal_answer(refusal)
        except Exception as error:
            log.exception("fault route=ucp method=%s error=%r", asked.method, error)
            answer = protocol_error(500, "internal_error", FAULT)
        await answer.send(send, self._always)

    async def _answer(self, asked: Asked) -> Answer:
        shop: Shop = self._state.shop
        desk = self._desk
        if desk is None:
            desk = self._desk = Desk(shop.settings, shop.signer)
        path = asked.path.rstrip("/")
        if not path.startswith(f"{BASE}/"):
            return _document(asked, path, desk)
        address, name = _address(path[len(BASE) + 1 :])
        methods = ADDRESSES.get(address) or (TESTING.get(address) if shop.settings.ucp_test_mode else None)
        if methods is None:
            raise _nothing_here()
        taken = methods.get(asked.method)
        if taken is None:
            return _not_taken(asked, tuple(methods))
        needs, handler = taken
        agent = await _agent(asked, desk) if needs else _NOBODY
        if needs and needs not in agent.capabilities:
            return routes.nothing_in_common(shop, desk)
        return await handler(Call(asked, shop, desk, agent), name)


def _address(below: str) -> tuple[str, str]:
    """An address with its name taken out: "orders/abc" is "orders/{}" and "abc"."""
    first, slash, rest = below.partition("/")
    if not slash:
        return below, ""
    name, slash, verb = rest.partition("/")
    return f"{first}/{{}}{slash}{verb}", name


def _document(asked: Asked, path: str, desk: Desk) -> Answer:
    documents = {PROFILE: desk.profile, OWN_PLATFORM: desk.own_platform}
    if path not in documents:
        raise _nothing_here()
    if asked.method != "GET":
        return _not_taken(asked, ("GET",))
    return Answer(200, documents[path], [JSON, _PUBLIC])


async def _agent(asked: Asked, desk: Desk) -> Agent:
    """
    Who calls, checked as far as it says.

    Raises:
        Refusal: It does not say, or what it says does not hold.
    """
    header = asked.header(b"ucp-agent")
    if header is None:
        raise missing_profile()
    agent = await desk.platforms.agent_of(header)
    if b"signature" in asked.headers or b"signature-input" in asked.headers:
        await _check_signature(asked, agent)
    return agent


async def _check_signature(asked: Asked, agent: Agent) -> None:
    raw = asked.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1")
    check_request(
        method=asked.method,
        authority=asked.header(b"host") or "",
        path=raw or asked.path,
        query=asked.scope.get("query_string", b"").decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in asked.headers.items()},
        body=await asked.body(BODY_BYTES_MAX),
        keys=agent.keys,
    )


def _not_taken(asked: Asked, methods: tuple[str, ...]) -> Answer:
    """What an address takes, to whoever asks for it (OPTIONS) or asked for something else."""
    allowed = (*methods, *(("HEAD",) if "GET" in methods else ()), "OPTIONS")
    allow = (b"allow", ", ".join(sorted(allowed)).encode())
    if asked.method == "OPTIONS":
        return Answer(204, b"", [allow])
    refusal = protocol_error(405, "method_not_allowed", "This address does not take that kind of request.")
    refusal.headers.append(allow)
    return refusal


def _nothing_here() -> Refusal:
    return NotFound("not_found", "There is nothing at this address.")
