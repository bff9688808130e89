"""
UCP over REST: each handler reads the body, calls the verb the pages call, answers in UCP's words (door.py leads here).

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

from uuid import UUID

import msgspec

from evertill.checkout.model import Completion, Session, SessionStatus, Wish
from evertill.checkout.placing import NotPlaced, Placing
from evertill.checkout.sessions import Opening, Revision, get_session, no_such_session
from evertill.codes import Why
from evertill.codes.guessing import BY_PLATFORM, count_guess, take_guess_back
from evertill.customers.tries import network_of
from evertill.idempotency import Key, fingerprint_of
from evertill.ids import new_id
from evertill.orders import OrderState, view
from evertill.orders.following import follow
from evertill.payments.sandbox import sentence_of
from evertill.refusals import Invalid, Malformed, NotFound
from evertill.shop import Shop
from evertill.ucp import testing
from evertill.ucp.answering import checkout_answer, standard_code, unavailable
from evertill.ucp.asking import BODY_BYTES_MAX, Memo, checkout_asked, instrument_asked, key_name, read_json, wish_of
from evertill.ucp.desk import Call, Desk
from evertill.ucp.discovery import HANDLER_ID
from evertill.ucp.entities import checkout_name, order_behind, order_made, read_order, session_behind, tell_order
from evertill.ucp.errors import JSON
from evertill.ucp.wire import (
    CheckoutAnswer,
    Envelope,
    ErrorAnswer,
    InstrumentAsked,
    InstrumentUsed,
    Message,
    OrderAnswer,
    OrderMade,
)
from evertill.waitingroom.checking import check_agent
from evertill.web.exchange import Answer

_CHANNEL = "ucp"

_SAMPLE_TOKENS = {"success_token": "tok_approve", "fail_token": "tok_decline_generic"}

_WHICH_INSTRUMENT = Message(
    "error",
    "instrument_unclear",
    "Select one of the payment instruments. Nothing was charged.",
    severity="recoverable",
    path="$.payment.instruments",
)

_JSON = "application/json"

_encode = msgspec.json.Encoder().encode


async def open_checkout(call: Call, _: str) -> Answer:
    """Open a checkout for these lines."""
    body = await read_json(call.asked)
    wish, memo = wish_of(checkout_asked(body), call.agent)
    key = _key(call, "open", "", body)
    if call.shop.rooms.any_open:
        await check_agent(
            call.shop, owner=call.agent.owner, attempt=key.name, presented=call.asked.header(b"evertill-ticket") or "",
            skus={want.sku for want in wish.wants}, host=client[0] if (client := call.asked.scope["client"]) else None,
        )  # fmt: skip
    await _count_guess(call, wish)
    session = await call.shop.sessions.open(
        Opening(key, wish, _CHANNEL, call.agent.owner, None, call.shop.clock(), agent=_raw(memo))
    )
    await _was_no_guess(call, wish, session)
    if not session.terms.lines:
        return _no_resource(call.shop, call.desk, call.desk.no_checkout, unavailable(session))
    return _checkout(call, session, status=201)


async def look_at_checkout(call: Call, name: str) -> Answer:
    """A checkout as it is now."""
    session = await _session(call, _unseal(call.shop, name))
    return _checkout(call, session, order=await _order_of(call.shop, session))


async def revise_checkout(call: Call, name: str) -> Answer:
    """Replace all that is wanted of a checkout."""
    body = await read_json(call.asked)
    wish, memo = wish_of(checkout_asked(body), call.agent)
    return await _revise(call, "revise", name, body, wish, memo)


async def cancel_checkout(call: Call, name: str) -> Answer:
    """Call a checkout off."""
    return await _revise(call, "cancel", name, await call.asked.body(BODY_BYTES_MAX), None, None)


async def complete_checkout(call: Call, name: str) -> Answer:
    """Pay. The same attempt sent again, even at the same time, brings the same order."""
    if key_name(call.asked) is None:
        raise Malformed("idempotency_key_required", "Send an Idempotency-Key, so that paying twice can never happen.")
    body = await read_json(call.asked)
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


async def look_at_order(call: Call, name: str) -> Answer:
    """An order as it is now."""
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


def nothing_in_common(shop: Shop, desk: Desk) -> Answer:
    """The platform and we do not share what a call needs. The standard has it answered like an outcome: 200."""
    content = "Your platform and this business have no capability in common that this needs."
    message = Message("error", "capabilities_incompatible", content, severity="unrecoverable")
    return _no_resource(shop, desk, desk.nothing_in_common, (message,))


async def _revise(call: Call, verb: str, name: str, body: bytes, wish: Wish | None, memo: Memo | None) -> Answer:
    revision = Revision(
        _key(call, verb, name, body),
        _unseal(call.shop, name),
        call.agent.owner,
        wish,
        None,
        call.shop.clock(),
        agent=_raw(memo) if memo else None,
    )
    await _count_guess(call, wish)
    session = await call.shop.sessions.revise(revision)
    await _was_no_guess(call, wish, session)
    return _checkout(call, session)


async def _count_guess(call: Call, wish: Wish | None) -> None:
    """Codes may be guessed through a platform, too; whoever names none is asked nothing."""
    if wish is not None and wish.codes:
        network, now = _network(call), call.shop.clock()
        await count_guess(call.shop.desk, BY_PLATFORM, who=call.agent.owner, network=network, now=now)


async def _was_no_guess(call: Call, wish: Wish | None, session: Session) -> None:
    if wish is None or not wish.codes or any(remark.code == Why.UNKNOWN for remark in session.terms.remarks):
        return
    network, now = _network(call), call.shop.clock()
    await take_guess_back(call.shop.desk, BY_PLATFORM, who=call.agent.owner, network=network, now=now)


def _network(call: Call) -> str:
    client = call.asked.scope["client"]
    return network_of(client[0] if client else None)


def _raw(memo: Memo) -> msgspec.Raw:
    return msgspec.Raw(_encode(memo))


def _key(call: Call, verb: str, subject: str, body: bytes) -> Key:
    """The attempt's name; one that has none gets a fresh one: it cannot be repeated."""
    testing.check_outage(call.shop.settings)
    return Key(call.agent.scope, key_name(call.asked) or str(new_id()), fingerprint_of(verb, subject, body))


def _unseal(shop: Shop, name: str) -> UUID:
    session_id = session_behind(shop.signer, name)
    if session_id is None:
        raise no_such_session()
    return session_id


async def _session(call: Call, session_id: UUID) -> Session:
    return await get_session(call.shop.till_pool, session_id=session_id, owner=call.agent.owner)


async def _order_of(shop: Shop, session: Session) -> OrderMade | None:
    if session.status is not SessionStatus.COMPLETED or session.order_id is None:
        return None
    order = await view(shop.till_pool, order_id=session.order_id)
    return order_made(shop.settings, shop.signer, order.id, order.number)


def _method(instrument: InstrumentAsked) -> str:
    """The provider's token; the standard's own sample tokens are the sandbox's by other names."""
    return _SAMPLE_TOKENS.get(instrument.credential.token, instrument.credential.token)


def _completed(call: Call, completion: Completion, instrument: InstrumentAsked) -> Answer:
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
    path = "$.discounts.codes" if answer.code in set(Why) else "$.line_items"
    return Message("error", standard_code(answer.code), answer.sentence, severity="recoverable", path=path)


def _no_such_handler(instrument: InstrumentAsked) -> Message:
    return Message(
        "error",
        "invalid_handler",
        f"This checkout offers no payment handler {instrument.handler_id!r}. Nothing was charged.",
        severity="recoverable",
        path="$.payment.instruments[0].handler_id",
    )


def _checkout(
    call: Call,
    session: Session,
    *,
    status: int = 200,
    order: OrderMade | None = None,
    instrument: InstrumentUsed | None = None,
    messages: tuple[Message, ...] = (),
) -> Answer:
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


def _no_resource(shop: Shop, desk: Desk, envelope: Envelope, messages: tuple[Message, ...]) -> Answer:
    """There is nothing to show, and why: the request was understood, so 200."""
    return _signed(desk, ErrorAnswer(envelope, messages, continue_url=f"{shop.settings.address}/"))


def _signed(desk: Desk, answer: CheckoutAnswer | OrderAnswer | ErrorAnswer, *, status: int = 200) -> Answer:
    body = _encode(answer)
    return Answer(status, body, [JSON, *desk.key.on_answer(status, _JSON, body)])


def _no_such_order() -> NotFound:
    return NotFound("not_found", "There is no such order.")
