"""
Hooks by which a conformance test turns the clock and pulls the plug. Only in test mode; else they are not there.

    POST /ucp/v1/testing/idempotency/age       {key, hours}   make an attempt's name older
    POST /ucp/v1/testing/idempotency/outage    {enabled}      as if attempts' names could not be kept
"""

from pathlib import Path
from typing import Annotated

import msgspec
from litestar import post
from litestar.response import Response
from msgspec import Meta

from evertill.refusals import NotFound, Unavailable
from evertill.settings import Settings
from evertill.storage import Statements
from evertill.ucp.asking import decoded, read_json
from evertill.ucp.desk import desk_of
from evertill.ucp.discovery import BASE
from evertill.ucp.platforms import missing_profile
from evertill.web.browser import ShopRequest, shop_of

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


@post(f"{BASE}/testing/idempotency/age", status_code=200)
async def age_key(request: ShopRequest) -> Response[bytes]:
    """Make an attempt's name older than it is."""
    _only_in_test_mode(request)
    header = request.headers.get("ucp-agent")
    if header is None:
        raise missing_profile()
    agent = await desk_of(request).platforms.agent_of(header)
    asked = decoded(_age, await read_json(request))
    await shop_of(request).desk.execute(sql["age_key"], agent.scope, asked.key, asked.hours)
    return _done()


@post(f"{BASE}/testing/idempotency/outage", status_code=200)
async def outage(request: ShopRequest) -> Response[bytes]:
    """Begin or end an outage, for all workers of this data folder."""
    _only_in_test_mode(request)
    asked = decoded(_outage, await read_json(request))
    flag = _flag(shop_of(request).settings)
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


def _only_in_test_mode(request: ShopRequest) -> None:
    if not shop_of(request).settings.ucp_test_mode:
        raise NotFound("not_found", "There is nothing at this address.")


def _flag(settings: Settings) -> Path:
    return settings.data / "ucp-outage"


def _done() -> Response[bytes]:
    return Response(b'{"done":true}', status_code=200, media_type="application/json")


routes = [age_key, outage]
