"""UCP's shape of a protocol error, and the statuses only this protocol has."""

import msgspec

from evertill.refusals import Refusal
from evertill.web.exchange import Answer

JSON = (b"content-type", b"application/json")


def protocol_error(status: int, code: str, content: str) -> Answer:
    """{code, content} with that status, as the REST binding has it."""
    return Answer(status, msgspec.json.encode({"code": code, "content": content}), [JSON])


def refused(status: int, code: str, sentence: str) -> Refusal:
    """A refusal with a status of the protocol's own choice (424: the platform's profile cannot be had)."""
    refusal = Refusal(code, sentence)
    refusal.status = status
    return refusal
