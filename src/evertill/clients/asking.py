"""From what a program sends to what our verbs take: bodies within bounds, every field that cannot be named."""

import re
from typing import TypeVar
from uuid import UUID

import msgspec

from evertill.clients.model import ApiClient
from evertill.idempotency import Key, fingerprint_of
from evertill.ids import new_id
from evertill.refusals import FieldProblem, Invalid, Malformed, WrongContentType
from evertill.web.browser import ShopRequest, read_body

Body = TypeVar("Body", bound=msgspec.Struct)

BODY_BYTES_MAX = 128 * 1024
JSON = "application/json"
CSV = "text/csv"
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_PLACE = re.compile(r" - at `\$(?P<path>.*)`$")
_NAMED = re.compile(r"Object (?P<how>contains unknown|missing required) field `(?P<field>.*?)`", re.DOTALL)
_NAME_MAX = 60
_YES_NO = {"true": True, "false": False, "": False}


def kind_of(request: ShopRequest) -> str:
    """What the body says it is."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: ShopRequest, type_: type[Body], *, bytes_max: int = BODY_BYTES_MAX) -> tuple[Body, bytes]:
    """
    A body as the type it must be, and as it was sent.

    Raises:
        WrongContentType, TooLarge, Malformed: It is not JSON, or not within bounds.
        Invalid: It is JSON of another shape; the field is named.
    """
    if kind_of(request) != JSON:
        raise WrongContentType("wrong_content_type", "Send the body as application/json.")
    body = await read_body(request, bytes_max)
    try:
        return msgspec.json.decode(body, type=type_), body
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except RecursionError as error:
        raise Malformed("malformed_json", "The body is nested too deeply.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("malformed_json", f"The body is not valid JSON: {error}.") from error


def _invalid(said: str) -> Invalid:
    """What cannot be, by the path of its field: "deals.3.value"."""
    place, named = _PLACE.search(said), _NAMED.match(said)
    problem = said[: place.start()] if place else said
    path = re.sub(r"\[(\d+)\]", r".\1", place["path"]) if place else ""
    if named is not None:
        path = f"{path}.{named['field'][:_NAME_MAX]}"
        problem = "There is no such field." if "unknown" in named["how"] else "This field is needed."
    else:
        problem = f"{problem}."
    field = path.strip(".").replace("[...]", "")
    if not field:  # it is the body as a whole
        return Invalid("invalid", problem)
    return Invalid("invalid", f"{field}: {problem}", fields=[FieldProblem(field, problem)])


def yes_or_no(request: ShopRequest, name: str) -> bool:
    """
    A yes or no of the address's query.

    Raises:
        Invalid: It is neither.
    """
    said = _YES_NO.get(str(request.query_params.get(name, "")))
    if said is None:
        raise Invalid("invalid", f"{name} is true or false.", fields=[FieldProblem(name, "true or false.")])
    return said


def version_seen(version: int | None) -> int:
    """
    Raises:
        Invalid: None was named.
    """
    if version is None:
        problem = "Needed for a change: the version that you saw."
        raise Invalid("invalid", problem, fields=[FieldProblem("version", problem)])
    return version


def key_of(
    request: ShopRequest, client: ApiClient, verb: str, subject: UUID | None, body: bytes, *, needed: bool = True
) -> Key:
    """
    The name of an attempt: the same again is answered the same, and done once.

    Args:
        needed: Whether it must be there: what makes something is not to be made twice. (What only changes something
            names the version it saw.)

    Raises:
        Malformed: It is not there, there are several, or it cannot be a key.
    """
    names = request.headers.getall("idempotency-key", [])
    if len(names) > 1:
        raise Malformed("malformed", "Send one Idempotency-Key, not several.")
    if not names and needed:
        raise Malformed("idempotency_key_required", "Send an Idempotency-Key, so that nothing is ever made twice.")
    name = names[0] if names else new_id().hex
    name = name[1:-1] if len(name) >= 2 and name[0] == name[-1] == '"' else name
    if not _KEY.fullmatch(name):
        raise Malformed("malformed", "An Idempotency-Key has 1 to 255 printable ASCII characters.")
    said = b"\0".join((request.scope["query_string"], body))
    return Key(f"client:{client.id}", name, fingerprint_of(verb, str(subject or ""), said))
