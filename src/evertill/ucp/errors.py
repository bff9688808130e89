"""UCP's shape of a protocol error, and the statuses only this protocol has."""

import msgspec
from litestar.response import Response

from evertill.refusals import Refusal


def protocol_error(status: int, code: str, content: str) -> Response[bytes]:
    """{code, content} with that status, as the REST binding has it."""
    body = msgspec.json.encode({"code": code, "content": content})
    return Response(body, status_code=status, media_type="application/json")


def refused(status: int, code: str, sentence: str) -> Refusal:
    """A refusal with a status of the protocol's own choice (424: the platform's profile cannot be had)."""
    refusal = Refusal(code, sentence)
    refusal.status = status
    return refusal
