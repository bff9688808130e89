"""Whether this worker can serve, and its figures."""

import asyncio
from typing import Any

from litestar import MediaType, get
from litestar.response import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from evertill.web.browser import ShopRequest, shop_of


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
    """This worker's figures in Prometheus' text format."""
    registry: CollectorRegistry = request.app.state.figures
    return Response(generate_latest(registry), media_type=MediaType.TEXT, headers={"Content-Type": CONTENT_TYPE_LATEST})


routes = [healthz, metrics]
