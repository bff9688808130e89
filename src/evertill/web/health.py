"""Whether this worker can serve, and the figures of all."""

import asyncio
from typing import Any

from litestar import MediaType, get
from litestar.response import Response
from prometheus_client import CONTENT_TYPE_LATEST

from evertill.figures import prometheus_text
from evertill.refusals import Unavailable
from evertill.web.browser import ShopRequest, shop_of

_SECONDS_MAX = 1.0


@get("/healthz", include_in_schema=False)
async def healthz(request: ShopRequest) -> Response[dict[str, Any]]:
    """200 when the database answers within two seconds, else 503."""
    try:
        async with asyncio.timeout(2):
            await shop_of(request).browse.fetchval("/* web.healthz */ SELECT 1")
    except Exception as error:
        return Response({"status": "unavailable", "database": type(error).__name__}, status_code=503)
    return Response({"status": "ok", "database": "ok"})


@get("/metrics", include_in_schema=False)
async def metrics(request: ShopRequest) -> Response[bytes]:
    """The figures of all workers in Prometheus' text format; this one's alone where the database does not answer."""
    heart = shop_of(request).heart
    try:
        async with asyncio.timeout(_SECONDS_MAX):
            seen = await heart.look()
    except (TimeoutError, Unavailable):
        seen = heart.alone()
    return Response(prometheus_text(seen), media_type=MediaType.TEXT, headers={"Content-Type": CONTENT_TYPE_LATEST})


routes = [healthz, metrics]
