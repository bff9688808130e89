"""
Hooks by which a conformance test turns the clock and pulls the plug. Only in test mode; else they are not there.

    POST /ucp/v1/testing/idempotency/age       {key, hours}   make an attempt's name older
    POST /ucp/v1/testing/idempotency/outage    {enabled}      as if attempts' names could not be kept
"""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from evertill.refusals import Unavailable
from evertill.settings import Settings
from evertill.storage import Statements
from evertill.ucp.asking import decoded, read_json
from evertill.ucp.desk import Call
from evertill.ucp.errors import JSON
from evertill.web.exchange import Answer

sql = Statements.of(__package__)


class AgeAsked(msgspec.Struct, frozen=True):
    """Which name, and by how much."""

    key: Annotated[str, Meta(min_length=1, max_length=255)]
    hours: Annotated[int, Meta(ge=0, le=10_000)]


class OutageAsked(msgspec.Struct, frozen=True):
    """Begin or end an outage."""

    enabled: bool


_age = msgspec.json.Decoder(AgeAsked)
_outage = msgspec.json.Decoder(OutageAsked)


async def age_key(call: Call, _: str) -> Answer:
    """Make an attempt's name older than it is."""
    asked = decoded(_age, await read_json(call.asked))
    await call.shop.desk.execute(sql["age_key"], call.agent.scope, asked.key, asked.hours)
    return _done()


async def outage(call: Call, _: str) -> Answer:
    """Begin or end an outage, for all workers of this data folder."""
    asked = decoded(_outage, await read_json(call.asked))
    flag = _flag(call.shop.settings)
    if asked.enabled:
        flag.touch()
    else:
        flag.unlink(missing_ok=True)
    return _done()


def check_outage(settings: Settings) -> None:
    """
    Raises:
        Unavailable: A test has begun an outage.
    """
    if settings.ucp_test_mode and _flag(settings).exists():
        raise Unavailable(
            "storage_unavailable",
            "Attempts cannot be recorded at this moment, so nothing was done. Try again later.",
            retry_after_seconds=1,
        )


def _flag(settings: Settings) -> Path:
    return settings.data / "ucp-outage"


def _done() -> Answer:
    return Answer(200, b'{"done":true}', [JSON])
