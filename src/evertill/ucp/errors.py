"""UCP's shape of a protocol error, and the statuses only this protocol has."""

import msgspec

from evertill.refusals import Refusal
from evertill.web.errors import jittered
from evertill.web.exchange import Answer

JSON = (b"content-type", b"application/json")


def protocol_error(status: int, code: str, content: str) -> Answer:
    """{code, content} with that status, as the REST binding has it."""
    return Answer(status, msgspec.json.encode({"code": code, "content": content}), [JSON])


def refusal_answer(refusal: Refusal) -> Answer:
    """A refusal as the REST binding has it, with the time to come again and the ticket, where it has them."""
    answer = protocol_error(refusal.status, refusal.code, refusal.sentence)
    if refusal.retry_after_seconds is not None:
        answer.headers.append((b"retry-after", b"%d" % jittered(refusal.retry_after_seconds)))
    if "ticket" in refusal.facts:
        answer.headers.append((b"evertill-ticket", str(refusal.facts["ticket"]).encode()))
    return answer


def refused(status: int, code: str, sentence: str) -> Refusal:
    """A refusal with a status of the protocol's own choice (424: the platform's profile cannot be had)."""
    refusal = Refusal(code, sentence)
    refusal.status = status
    return refusal
