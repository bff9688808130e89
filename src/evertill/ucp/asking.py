"""From what a platform sends to a wish: bodies read within bounds, words of the protocol turned into ours."""

import re
from typing import TypeVar

import msgspec

from evertill.checkout.delivery import PICKUP
from evertill.checkout.model import Want, Wish
from evertill.orders import Address, Buyer
from evertill.refusals import Malformed, WrongContentType
from evertill.ucp.platforms import Agent
from evertill.ucp.wire import (
    DISCOUNT,
    BuyerAsked,
    CheckoutAsked,
    CompleteAsked,
    Destination,
    FulfillmentAsked,
    InstrumentAsked,
    MethodAsked,
)
from evertill.web.exchange import Asked

Body = TypeVar("Body")

BODY_BYTES_MAX = 64 * 1024
_KEY_MAX = 255
_JSON = "application/json"
_QUANTITY = re.compile(r"`(\$\.line_items\[\d+\]\.quantity)`$")

_checkout = msgspec.json.Decoder(CheckoutAsked)
_complete = msgspec.json.Decoder(CompleteAsked)


class Memo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a session remembers of how its platform put things, to answer in the same words."""

    type: str = ""  # shipping or pickup; "": no fulfillment was asked for, so it is collected
    method_id: str = "m_1"
    group_id: str = "g_1"
    destinations: tuple[Destination, ...] = ()
    selected_destination_id: str | None = None
    claims: tuple[str, ...] = ()  # eligibility that was claimed; we know none


async def read_json(asked: Asked) -> bytes:
    """
    A JSON body's bytes, sane enough to be decoded.

    Raises:
        Malformed, TooLarge, WrongContentType: It is not UTF-8, too long, or does not say that it is JSON.
    """
    body = await asked.body(BODY_BYTES_MAX)
    content_type = asked.header(b"content-type") or ""
    if content_type != _JSON and content_type.partition(";")[0].strip().lower() != _JSON:
        raise WrongContentType("wrong_content_type", "Send the body as application/json.")
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise Malformed("malformed_json", "The body is not valid UTF-8.") from error
    return body


def checkout_asked(body: bytes) -> CheckoutAsked:
    """
    Raises:
        Malformed: It is no checkout; the field is named.
    """
    return decoded(_checkout, body)


def instrument_asked(body: bytes) -> InstrumentAsked | None:
    """
    The instrument to pay with: the selected one, or the only one; None where it is not clear which.

    Raises:
        Malformed: It is no payment; the field is named.
    """
    instruments = decoded(_complete, body).payment.instruments
    selected = [instrument for instrument in instruments if instrument.selected] or list(instruments)
    return selected[0] if len(selected) == 1 else None


def decoded(decoder: msgspec.json.Decoder[Body], body: bytes) -> Body:
    """
    A body as what it must be.

    Raises:
        Malformed: It is something else; the field is named.
    """
    try:
        asked = decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(error) from error
    if b"\\u0000" in body and b"\\u0000" in msgspec.json.encode(asked):
        raise Malformed("invalid_request", "The request holds a NUL character.")
    return asked


def _unreadable(error: Exception) -> Malformed:
    if isinstance(error, msgspec.ValidationError):
        quantity = _QUANTITY.search(str(error))
        if quantity:
            return Malformed("invalid_request", f"A quantity is a whole number from 1 to 999: {quantity[1]}.")
        return Malformed("invalid_request", f"The request says something that cannot be: {error}.")
    if isinstance(error, RecursionError):
        return Malformed("malformed_json", "The body is nested too deeply.")
    return Malformed("malformed_json", f"The body is not valid JSON: {error}.")


def key_name(asked: Asked) -> str | None:
    """
    How a platform names its attempt, quoted (RFC 8941) or bare; None where it does not.

    Raises:
        Malformed: It cannot be a key.
    """
    header = asked.header(b"idempotency-key")
    if header is None:
        return None
    if asked.repeated and sum(name == b"idempotency-key" for name, _ in asked.scope["headers"]) > 1:
        raise Malformed("invalid_request", "Send one Idempotency-Key, not several.")
    name = header[1:-1] if len(header) >= 2 and header[0] == header[-1] == '"' else header
    if not 1 <= len(name) <= _KEY_MAX or not (name.isascii() and name.isprintable()):
        raise Malformed("invalid_request", f"An Idempotency-Key has 1 to {_KEY_MAX} printable ASCII characters.")
    return name


def wish_of(asked: CheckoutAsked, agent: Agent) -> tuple[Wish, Memo]:
    """
    What a platform wants in our words, and what to remember of its own.

    A platform that says nothing of delivery gets what needs no address: the goods are collected. Codes are heard from
    those who know of discounts.
    """
    method = _method(asked.fulfillment)
    claims = asked.context.eligibility if asked.context else None
    buyer = _buyer(asked.buyer)
    address: Address | None = None
    delivery: str | None = PICKUP.code
    memo = Memo(claims=claims or ())
    if method is not None:
        group = method.groups[0] if method.groups else None
        option = group.selected_option_id if group else None
        destinations = _named(method.destinations or ())
        memo = msgspec.structs.replace(
            memo,
            type=method.type,
            method_id=method.id or "m_1",
            group_id=(group.id if group else None) or "g_1",
            destinations=destinations,
            selected_destination_id=method.selected_destination_id,
        )
        if method.type == "shipping":
            delivery = option if option != PICKUP.code else None
            destination = _selected(destinations, method.selected_destination_id)
            if destination is not None:
                address = _address(destination, buyer)
    wants = tuple(Want(line.item.id, int(line.quantity), line.id or "") for line in asked.line_items)
    codes = asked.discounts.codes if asked.discounts and DISCOUNT in agent.capabilities else ()
    wish = Wish(wants, buyer=buyer, address=address, delivery=delivery, vouched=agent.sandbox, codes=codes)
    return wish, memo


def _method(fulfillment: FulfillmentAsked | None) -> MethodAsked | None:
    return fulfillment.methods[0] if fulfillment and fulfillment.methods else None


def _named(destinations: tuple[Destination, ...]) -> tuple[Destination, ...]:
    """Each destination with a name of its own."""
    return tuple(
        destination if destination.id else msgspec.structs.replace(destination, id=f"d_{number}")
        for number, destination in enumerate(destinations, start=1)
    )


def _selected(destinations: tuple[Destination, ...], selected: str | None) -> Destination | None:
    if selected is None and len(destinations) == 1:
        return destinations[0]
    return next((destination for destination in destinations if destination.id == selected), None)


def _buyer(asked: BuyerAsked | None) -> Buyer | None:
    if asked is None:
        return None
    return Buyer(
        email=(asked.email or "").strip(),
        first_name=asked.first_name or "",
        last_name=asked.last_name or "",
        phone=asked.phone_number or "",
    )


def _address(destination: Destination, buyer: Buyer | None) -> Address:
    name = f"{destination.first_name or ''} {destination.last_name or ''}".strip()
    if not name and buyer is not None:
        name = f"{buyer.first_name} {buyer.last_name}".strip()
    street = destination.street_address or ""
    if destination.extended_address:
        street = f"{street}\n{destination.extended_address}"
    return Address(
        country=(destination.address_country or "").upper(),
        name=name,
        street=street,
        city=destination.address_locality or "",
        region=destination.address_region or "",
        postcode=destination.postal_code or "",
    )
