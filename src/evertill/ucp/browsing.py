"""What is to be read about the API: its document, for machines and for people, and how the sandbox is paid."""

from functools import lru_cache
from typing import Any

import msgspec
from litestar import get
from litestar.response import Response

from evertill.payments.sandbox import DECLINES
from evertill.ucp.discovery import BASE, HANDLER_ID, OWN_PLATFORM
from evertill.ucp.document import OPERATIONS, fields, openapi_document, schemas
from evertill.ucp.wire import VERSION, InstrumentAsked
from evertill.web.browser import ShopRequest, shop_of
from evertill.web.rendering import page

_FOR_FIVE_MINUTES = {"Cache-Control": "public, max-age=300"}


@get("/openapi/openapi.json")
async def openapi_json(request: ShopRequest) -> Response[bytes]:
    """The document as JSON."""
    document = msgspec.json.encode(openapi_document(shop_of(request).settings))
    return Response(document, media_type="application/json", headers=_FOR_FIVE_MINUTES)


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


@get("/openapi/sandbox")
async def sandbox_page(request: ShopRequest) -> Response[str]:
    """How to pay in the sandbox."""
    return await page(request, "ucp/sandbox.html", {"tokens": _TOKENS, "handler_id": HANDLER_ID})


@get("/openapi/sandbox.json")
async def sandbox_schema(request: ShopRequest) -> Response[bytes]:
    """The JSON Schema of an instrument of the sandbox."""
    address = f"{shop_of(request).settings.address}/openapi/sandbox.json"
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": address, **_instrument_schema()}
    return Response(msgspec.json.encode(schema), media_type="application/json", headers=_FOR_FIVE_MINUTES)


def _instrument_schema() -> dict[str, Any]:
    (reference,), definitions = msgspec.json.schema_components([InstrumentAsked], ref_template="#/$defs/{name}")
    return {**reference, "$defs": definitions}


_TOKENS = (
    ("tok_approve", "Approved: the money is reserved, and taken when the order ships. Also: success_token."),
    *((token, f"Declined. {sentence}") for token, (_, sentence) in DECLINES.items()),
    ("tok_slow", "Approved, after three seconds."),
    ("tok_timeout_before", "No answer, and no money reserved yet: the order is held; asked again, it is confirmed."),
    ("tok_timeout_after", "No answer, but the money is reserved: the order is held, then confirmed."),
)


@lru_cache(maxsize=1)
def _described() -> list[tuple[str, str, list[tuple[str, str, bool, str]]]]:
    components: dict[str, Any] = schemas()
    return [(name, schema.get("description", ""), fields(name, components)) for name, schema in components.items()]


routes = [openapi_json, openapi_page, sandbox_page, sandbox_schema]
