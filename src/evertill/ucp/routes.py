"""
UCP over REST: each route names the platform, reads the body, calls the verb the pages call, answers in UCP's words.

    GET  /.well-known/ucp                           our profile
    POST /ucp/v1/checkout-sessions                  open a session
    GET  /ucp/v1/checkout-sessions/{id}
    PUT  /ucp/v1/checkout-sessions/{id}             replace what is wanted
    POST /ucp/v1/checkout-sessions/{id}/complete    pay
    POST /ucp/v1/checkout-sessions/{id}/cancel
    GET  /ucp/v1/orders/{id}

What could not be carried out is {code, content} with a 4xx or 5xx; what was carried out and is not what was
hoped for (sold out, declined, something missing) is 200 with messages.
"""

from dataclasses import dataclass
from uuid import UUID

import msgspec
from litestar import HttpMethod, Router, get, post, route
from litestar.response import Response

from evertill.checkout.model import Completion, Session, SessionStatus, Wish
from evertill.checkout.placing import NotPlaced, Placing
from evertill.checkout.sessions import Opening, Revision, get_session, no_such_session
from evertill.idempotency import Key, fingerprint_of
from evertill.ids import new_id
from evertill.orders import OrderState, view
from evertill.orders.following import follow
from evertill.payments.sandbox import sentence_of
from evertill.refusals import Invalid, Malformed, NotFound
from evertill.shop import Shop
from evertill.ucp import browsing, testing
from evertill.ucp.answering import checkout_answer, unavailable
from evertill.ucp.asking import BODY_BYTES_MAX, Memo, checkout_asked, instrument_asked, key_name, read_json, wish_of
from evertill.ucp.desk import Desk, desk_of
from evertill.ucp.discovery import BASE, HANDLER_ID, OWN_PLATFORM
from evertill.ucp.entities import checkout_name, order_behind, order_made, read_order, session_behind, tell_order
from evertill.ucp.platforms import Agent, missing_profile
from evertill.ucp.signatures import check_request
from evertill.ucp.wire import (
    CHECKOUT,
    ORDER,
    CheckoutAnswer,
    Envelope,
    ErrorAnswer,
    InstrumentAsked,
    InstrumentUsed,
    Message,
    OrderAnswer,
    OrderMade,
)
from evertill.web.browser import ShopRequest, read_body, shop_of

_CHANNEL = "ucp"
_PUBLIC = {"Cache-Control": "public, max-age=300"}
_PRIVATE = {"Cache-Control": "no-store"}

_SAMPLE_TOKENS = {"success_token": "tok_approve", "fail_token": "tok_decline_generic"}

_WHICH_INSTRUMENT = Message(
    "error",
    "instrument_unclear",
    "Select one of the payment instruments. Nothing was charged.",
    severity="recoverable",
    path="$.payment.instruments",
)

_JSON = "application/json"

Json = Response[bytes]

_encode = msgspec.json.Encoder().encode


@get("/.well-known/ucp")
async def profile(request: ShopRequest) -> Json:
    """What we speak, where, and how we are paid."""
    return Response(desk_of(request).profile, media_type=_JSON, headers=_PUBLIC)


@get(OWN_PLATFORM)
async def curl_platform(request: ShopRequest) -> Json:
    """The profile of the shop's own platform: who you are when you try the API with curl."""
    return Response(desk_of(request).own_platform, media_type=_JSON, headers=_PUBLIC)


@post(f"{BASE}/checkout-sessions", status_code=201)
async def open_checkout(request: ShopRequest) -> Json:
    """Open a checkout for these lines."""
    call = await _call(request, CHECKOUT)
    body = await read_json(request)
    wish, memo = wish_of(checkout_asked(body), call.agent)
    session = await call.shop.sessions.open(
        Opening(
            _key(call, "open", "", body), wish, _CHANNEL, call.agent.owner, None, call.shop.clock(), agent=_raw(memo)
        )
    )
    if not session.terms.lines:
        return _no_resource(call.shop, call.desk, call.desk.no_checkout, unavailable(session))
    return _checkout(call, session, status=201)


@route(f"{BASE}/checkout-sessions/{{name:str}}", http_method=[HttpMethod.GET, HttpMethod.PUT], status_code=200)
async def checkout(request: ShopRequest, name: str) -> Json:
    """A checkout: looked at, or revised. One handler: of two, the framework would forget one in OPTIONS."""
    if request.method == HttpMethod.GET:
        return await look_at_checkout(request, name)
    return await revise_checkout(request, name)


async def look_at_checkout(request: ShopRequest, name: str) -> Json:
    """A checkout as it is now."""
    call = await _call(request, CHECKOUT)
    session = await _session(call, _unseal(call.shop, name))
    return _checkout(call, session, order=await _order_of(call.shop, session))


async def revise_checkout(request: ShopRequest, name: str) -> Json:
    """Replace all that is wanted of a checkout."""
    call = await _call(request, CHECKOUT)
    body = await read_json(request)
    wish, memo = wish_of(checkout_asked(body), call.agent)
    return await _revise(call, "revise", name, body, wish, memo)


@post(f"{BASE}/checkout-sessions/{{name:str}}/cancel", status_code=200)
async def cancel_checkout(request: ShopRequest, name: str) -> Json:
    """Call a checkout off."""
    call = await _call(request, CHECKOUT)
    return await _revise(call, "cancel", name, await read_body(request, BODY_BYTES_MAX), None, None)


@post(f"{BASE}/checkout-sessions/{{name:str}}/complete", status_code=200)
async def complete_checkout(request: ShopRequest, name: str) -> Json:
    """Pay. The same attempt sent again, even at the same time, brings the same order."""
    call = await _call(request, CHECKOUT)
    if key_name(request) is None:
        raise Malformed("idempotency_key_required", "Send an Idempotency-Key, so that paying twice can never happen.")
    body = await read_json(request)
    instrument = instrument_asked(body)
    shop, owner, session_id = call.shop, call.agent.owner, _unseal(call.shop, name)
    if instrument is None or instrument.handler_id not in (None, HANDLER_ID):
        said = _no_such_handler(instrument) if instrument else _WHICH_INSTRUMENT
        return _checkout(call, await _session(call, session_id), messages=(said,))
    key = _key(call, "complete", name, body)
    if call.agent.webhook_url is not None:
        await _session(call, session_id)  # theirs, or not found
        await follow(shop.till_pool, session_id=session_id, address=call.agent.webhook_url, now=shop.clock())
    try:
        answer = await shop.checkout.complete(Placing(key, session_id, owner, _method(instrument), None, shop.clock()))
    except Invalid as refusal:
        if refusal.code != "session_incomplete":
            raise
        return _checkout(call, await _session(call, session_id))
    if isinstance(answer, NotPlaced):
        return _checkout(call, answer.session, messages=(_not_placed(answer),))
    return _completed(call, answer, instrument)


@get(f"{BASE}/orders/{{name:str}}")
async def look_at_order(request: ShopRequest, name: str) -> Json:
    """An order as it is now."""
    call = await _call(request, ORDER)
    shop = call.shop
    order_id = order_behind(shop.signer, name)
    if order_id is None:
        raise _no_such_order()
    order, session = await read_order(shop.browse, order_id)
    if session.owner != call.agent.owner:
        raise _no_such_order()
    answer = await tell_order(
        shop.browse, order, session, settings=shop.settings, signer=shop.signer, envelope=call.desk.order_envelope
    )
    return _signed(call.desk, answer)


@dataclass(frozen=True, slots=True)
class _Call:
    """A platform's call: who calls, at which desk of which shop."""

    request: ShopRequest
    shop: Shop
    desk: Desk
    agent: Agent


class _NothingInCommon(Exception):
    """The platform and we do not share what this needs. The standard has it answered like an outcome: 200."""


async def _call(request: ShopRequest, needs: str) -> _Call:
    """
    Who calls, checked as far as it says; every route but discovery begins with this.

    Raises:
        Refusal: It does not say, or what it says does not hold.
        _NothingInCommon: Not this capability.
    """
    header = request.headers.get("ucp-agent")
    if header is None:
        raise missing_profile()
    desk = desk_of(request)
    agent = await desk.platforms.agent_of(header)
    if needs not in agent.capabilities:
        raise _NothingInCommon
    if "signature" in request.headers or "signature-input" in request.headers:
        await _check_signature(request, agent)
    return _Call(request, shop_of(request), desk, agent)


async def _check_signature(request: ShopRequest, agent: Agent) -> None:
    check_request(
        method=request.method,
        authority=request.headers.get("host", ""),
        path=request.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1") or request.url.path,
        query=request.scope.get("query_string", b"").decode("latin-1"),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await read_body(request, BODY_BYTES_MAX),
        keys=agent.keys,
    )


async def _revise(call: _Call, verb: str, name: str, body: bytes, wish: Wish | None, memo: Memo | None) -> Json:
    revision = Revision(
        _key(call, verb, name, body),
        _unseal(call.shop, name),
        call.agent.owner,
        wish,
        None,
        call.shop.clock(),
        agent=_raw(memo) if memo else None,
    )
    return _checkout(call, await call.shop.sessions.revise(revision))


def _raw(memo: Memo) -> msgspec.Raw:
    return msgspec.Raw(_encode(memo))


def _key(call: _Call, verb: str, subject: str, body: bytes) -> Key:
    """The attempt's name; one that has none gets a fresh one: it cannot be repeated."""
    testing.check_outage(call.shop.settings)
    return Key(call.agent.scope, key_name(call.request) or str(new_id()), fingerprint_of(verb, subject, body))


def _unseal(shop: Shop, name: str) -> UUID:
    session_id = session_behind(shop.signer, name)
    if session_id is None:
        raise no_such_session()
    return session_id


async def _session(call: _Call, session_id: UUID) -> Session:
    return await get_session(call.shop.till_pool, session_id=session_id, owner=call.agent.owner)


async def _order_of(shop: Shop, session: Session) -> OrderMade | None:
    if session.status is not SessionStatus.COMPLETED or session.order_id is None:
        return None
    order = await view(shop.till_pool, order_id=session.order_id)
    return order_made(shop.settings, shop.signer, order.id, order.number)


def _method(instrument: InstrumentAsked) -> str:
    """The provider's token; the standard's own sample tokens are the sandbox's by other names."""
    return _SAMPLE_TOKENS.get(instrument.credential.token, instrument.credential.token)


def _completed(call: _Call, completion: Completion, instrument: InstrumentAsked) -> Json:
    used = InstrumentUsed(instrument.id, HANDLER_ID, instrument.type, True)
    messages: tuple[Message, ...] = ()
    order = None
    if completion.state == OrderState.DECLINED:
        messages = (_declined(completion.reason),)
    elif completion.session.status is SessionStatus.COMPLETED:
        order = order_made(call.shop.settings, call.shop.signer, completion.order_id, completion.order_number)
    return _checkout(call, completion.session, order=order, instrument=used, messages=messages)


def _declined(reason: str | None) -> Message:
    sentence = f"{sentence_of(reason)} Nothing was charged. Try again under a new Idempotency-Key, or pay another way."
    return Message("error", "payment_failed", sentence, severity="recoverable", path="$.payment.instruments[0]")


def _not_placed(answer: NotPlaced) -> Message:
    return Message("error", answer.code, answer.sentence, severity="recoverable", path="$.line_items")


def _no_such_handler(instrument: InstrumentAsked) -> Message:
    return Message(
        "error",
        "invalid_handler",
        f"This checkout offers no payment handler {instrument.handler_id!r}. Nothing was charged.",
        severity="recoverable",
        path="$.payment.instruments[0].handler_id",
    )


def _checkout(
    call: _Call,
    session: Session,
    *,
    status: int = 200,
    order: OrderMade | None = None,
    instrument: InstrumentUsed | None = None,
    messages: tuple[Message, ...] = (),
) -> Json:
    answer = checkout_answer(
        session,
        name=checkout_name(call.shop.signer, session.id),
        envelope=call.desk.checkout_envelope(call.agent.capabilities),
        now=call.shop.clock(),
        order=order,
        instrument=instrument,
        messages=messages,
    )
    return _signed(call.desk, answer, status=status)


def _answer_nothing_in_common(request: ShopRequest, _: _NothingInCommon) -> Json:
    content = "Your platform and this business have no capability in common that this needs."
    message = Message("error", "capabilities_incompatible", content, severity="unrecoverable")
    desk = desk_of(request)
    return _no_resource(shop_of(request), desk, desk.nothing_in_common, (message,))


def _no_resource(shop: Shop, desk: Desk, envelope: Envelope, messages: tuple[Message, ...]) -> Json:
    """There is nothing to show, and why: the request was understood, so 200."""
    return _signed(desk, ErrorAnswer(envelope, messages, continue_url=f"{shop.settings.address}/"))


def _signed(desk: Desk, answer: CheckoutAnswer | OrderAnswer | ErrorAnswer, *, status: int = 200) -> Json:
    body = _encode(answer)
    headers = _PRIVATE | desk.key.on_answer(status, _JSON, body)
    return Response(body, status_code=status, media_type=_JSON, headers=headers)


def _no_such_order() -> NotFound:
    return NotFound("not_found", "There is no such order.")


_router = Router(
    "/",
    route_handlers=[open_checkout, checkout, cancel_checkout, complete_checkout, look_at_order],
    exception_handlers={_NothingInCommon: _answer_nothing_in_common},
)

routes = [profile, curl_platform, _router, *browsing.routes, *testing.routes]
