"""
The API as an OpenAPI 3.1 document, and what its page shows of it.

The bodies are the very types that are read and written (wire.py); what else can be said is said here, once.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from evertill import __version__
from evertill.settings import Settings
from evertill.ucp.discovery import BASE, OWN_PLATFORM, ProfileAnswer
from evertill.ucp.wire import (
    VERSION,
    CheckoutAnswer,
    CheckoutAsked,
    CompleteAsked,
    ErrorAnswer,
    OrderAnswer,
    ProtocolError,
)


class Answer(msgspec.Struct, frozen=True):
    """One answer an operation gives."""

    status: int
    about: str
    types: tuple[type, ...]


class Operation(msgspec.Struct, frozen=True):
    """One thing a platform can do."""

    method: str
    path: str
    name: str
    title: str
    about: str
    answers: tuple[Answer, ...]
    asked: type | None = None
    platform: bool = True  # says who it is
    key: str = ""  # Idempotency-Key: "required", "optional" or none

    @property
    def named(self) -> bool:
        """Whether its address names a resource."""
        return "{id}" in self.path


_SAY_WHO = (
    Answer(
        400, "Not readable: malformed, a field is missing or cannot be (it is named), or no platform.", (ProtocolError,)
    ),
    Answer(401, "The request's signature is missing a part, is of an unknown key, or does not hold.", (ProtocolError,)),
    Answer(422, "The platform's profile is malformed or of another version, or a value cannot be.", (ProtocolError,)),
    Answer(424, "The platform's profile cannot be fetched.", (ProtocolError,)),
    Answer(503, "Not at this moment: nothing was done. Ask again after Retry-After.", (ProtocolError,)),
)
_TOO_MANY = Answer(
    429, "Too many wrong codes, or places in line, of this platform. Ask again after Retry-After.", (ProtocolError,)
)
_NOT_FOUND = Answer(404, "There is no such thing, or it is another platform's.", (ProtocolError,))
_CONFLICT = Answer(409, "The key was used for something else, or the checkout is past changing.", (ProtocolError,))
_BODY = (
    Answer(408, "The rest of the body did not come within ten seconds.", (ProtocolError,)),
    Answer(413, "The body is longer than 64 KiB.", (ProtocolError,)),
    Answer(415, "The body is not application/json.", (ProtocolError,)),
)
_CHECKOUT = Answer(200, "The checkout; or why there is none (ucp.status is error).", (CheckoutAnswer, ErrorAnswer))

OPERATIONS = (
    Operation(
        "get", "/.well-known/ucp", "discover", "Discover",
        "What this shop speaks, where, and how it is paid.",
        (Answer(200, "The shop's profile.", (ProfileAnswer,)),), platform=False,
    ),
    Operation(
        "post", f"{BASE}/checkout-sessions", "open_checkout", "Open a checkout",
        "From lines of SKU and quantity, with what is known of buyer and delivery. Nothing is held yet.",
        (
            Answer(201, "The checkout.", (CheckoutAnswer,)),
            Answer(200, "Nothing of it can be sold, and why.", (ErrorAnswer,)),
            _CONFLICT, *_BODY, _TOO_MANY, *_SAY_WHO,
        ),
        asked=CheckoutAsked, key="optional",
    ),
    Operation(
        "get", f"{BASE}/checkout-sessions/{{id}}", "look_at_checkout", "Look at a checkout",
        "As it is now. While it says complete_in_progress, ask again.", (_CHECKOUT, _NOT_FOUND, *_SAY_WHO),
    ),
    Operation(
        "put", f"{BASE}/checkout-sessions/{{id}}", "revise_checkout", "Revise a checkout",
        "Replaces all that is wanted; what is left out is taken away.",
        (_CHECKOUT, _NOT_FOUND, _CONFLICT, *_BODY, _TOO_MANY, *_SAY_WHO), asked=CheckoutAsked, key="optional",
    ),
    Operation(
        "post", f"{BASE}/checkout-sessions/{{id}}/complete", "complete_checkout", "Complete a checkout",
        "Pays. Look at status: completed has an order; ready_for_complete was not paid, and messages say why; "
        "complete_in_progress is taken and will be confirmed. The same key sent again brings the same order.",
        (_CHECKOUT, _NOT_FOUND, _CONFLICT, *_BODY, *_SAY_WHO), asked=CompleteAsked, key="required",
    ),
    Operation(
        "post", f"{BASE}/checkout-sessions/{{id}}/cancel", "cancel_checkout", "Cancel a checkout",
        "Calls it off. One that is completed stays completed.",
        (_CHECKOUT, _NOT_FOUND, _CONFLICT, Answer(413, "The body is longer than 64 KiB.", (ProtocolError,)), *_SAY_WHO),
        key="optional",
    ),
    Operation(
        "get", f"{BASE}/orders/{{id}}", "look_at_order", "Look at an order",
        "As it is now: what was bought, what has shipped, what was called off.",
        (
            Answer(200, "The order; or why there is none.", (OrderAnswer, ErrorAnswer)), _NOT_FOUND, *_SAY_WHO,
        ),
    ),
)  # fmt: skip


def openapi_document(settings: Settings) -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, settings)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{settings.shop_name}: buying API",
            "version": __version__,
            "description": f"Universal Commerce Protocol {VERSION} over REST: https://ucp.dev/{VERSION}/specification/.",
        },
        "servers": [{"url": settings.address}],
        "paths": paths,
        "components": {"schemas": schemas()},
    }


def schemas() -> dict[str, Any]:
    """Every body's JSON Schema, by name."""
    types = {type_ for operation in OPERATIONS for answer in operation.answers for type_ in answer.types}
    types |= {operation.asked for operation in OPERATIONS if operation.asked}
    _, components = msgspec.json.schema_components(
        sorted(types, key=lambda type_: type_.__name__), ref_template="#/components/schemas/{name}"
    )
    return components


def fields(name: str, components: Mapping[str, Any]) -> list[tuple[str, str, bool, str]]:
    """A body's fields for people: name, kind, whether it must be there, and the schema its kind refers to."""
    schema = components[name]
    required = schema.get("required", ())
    return [
        (field, _kind(stated), field in required, _refers_to(stated))
        for field, stated in schema.get("properties", {}).items()
    ]


def _operation(operation: Operation, settings: Settings) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.title,
        "description": operation.about,
        "parameters": _parameters(operation, settings),
        "responses": {str(answer.status): _response(answer) for answer in operation.answers},
    }
    if operation.name == "complete_checkout":
        to_order = {"operationId": "look_at_order", "parameters": {"id": "$response.body#/order/id"}}
        described["responses"]["200"]["links"] = {"look_at_order": to_order}
    if operation.asked:
        described["requestBody"] = {"required": True, "content": _content((operation.asked,))}
    return described


def _parameters(operation: Operation, settings: Settings) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if operation.named:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}})
    if operation.platform:
        parameters.append(
            {
                "name": "UCP-Agent",
                "in": "header",
                "required": True,
                "description": "Who calls: the address of the platform's profile.",
                "schema": {"type": "string", "pattern": '^profile="https?://[^"\\\\]+"$'},
                "example": f'profile="{settings.address}{OWN_PLATFORM}"',
            }
        )
    if operation.key:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": operation.key == "required",
                "description": "Names the attempt: the same key and body, the same answer, for two days.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
            }
        )
    return parameters


def _response(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.about, "content": _content(answer.types)}
    if answer.status == 201:
        described["links"] = {
            operation.name: {"operationId": operation.name, "parameters": {"id": "$response.body#/id"}}
            for operation in OPERATIONS
            if operation.path.startswith(f"{BASE}/checkout-sessions/")
        }
    if answer.status in (429, 503):
        described["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds."}}
    return described


def _content(types: tuple[type, ...]) -> dict[str, Any]:
    references = [{"$ref": f"#/components/schemas/{type_.__name__}"} for type_ in types]
    return {"application/json": {"schema": references[0] if len(references) == 1 else {"anyOf": references}}}


def _kind(stated: Mapping[str, Any]) -> str:
    """A field's kind in a few words."""
    if "$ref" in stated:
        return "object"
    if "anyOf" in stated:
        return " or ".join(_kind(one) for one in stated["anyOf"])
    if stated.get("type") == "array":
        return f"list of {_kind(stated['items'])}" if "items" in stated else "list"
    if "additionalProperties" in stated and isinstance(stated["additionalProperties"], dict):
        return f"map of {_kind(stated['additionalProperties'])}"
    bounds = "".join(
        f", {word} {stated[name]}"
        for name, word in (
            ("minimum", "from"), ("maximum", "to"), ("minLength", "at least"), ("maxLength", "at most"),
        )
        if name in stated
    )  # fmt: skip
    return f"{stated.get('format', stated.get('type', 'anything'))}{bounds}"


def _refers_to(stated: Mapping[str, Any]) -> str:
    if "$ref" in stated:
        return str(stated["$ref"]).rpartition("/")[2]
    inner = [*stated.get("anyOf", ()), stated.get("items"), stated.get("additionalProperties")]
    return next((found for one in inner if isinstance(one, dict) and (found := _refers_to(one))), "")
