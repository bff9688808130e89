"""The API's document, for machines and for people."""

from functools import lru_cache
from typing import Any

from litestar import get
from litestar.response import Response

from evertill.ucp.desk import desk_of
from evertill.ucp.discovery import BASE, OWN_PLATFORM
from evertill.ucp.document import OPERATIONS, fields, schemas
from evertill.ucp.wire import VERSION
from evertill.web.browser import ShopRequest, shop_of
from evertill.web.rendering import page

_FOR_FIVE_MINUTES = {"Cache-Control": "public, max-age=300"}


@get("/openapi/openapi.json")
async def openapi_json(request: ShopRequest) -> Response[bytes]:
    """The document as JSON."""
    return Response(desk_of(request).document, media_type="application/json", headers=_FOR_FIVE_MINUTES)


@get("/openapi")
async def openapi_page(request: ShopRequest) -> Response[str]:
    """The document as a page that needs neither script nor network."""
    context = {
        "operations": OPERATIONS,
        "schemas": _described(),
        "example_agent": shop_of(request).settings.address + OWN_PLATFORM,
        "base": BASE,
        "version": VERSION,
    }
    return await page(request, "ucp/api.html", context)


@lru_cache(maxsize=1)
def _described() -> list[tuple[str, str, list[tuple[str, str, bool, str]]]]:
    components: dict[str, Any] = schemas()
    return [(name, schema.get("description", ""), fields(name, components)) for name, schema in components.items()]


routes = [openapi_json, openapi_page]
