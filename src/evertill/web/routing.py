"""Every address of the shop, slice by slice."""

from importlib import import_module
from typing import Any

from litestar.openapi.config import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from evertill import __version__
from evertill.settings import Settings
from evertill.web import health


def routes(settings: Settings) -> list[ControllerRouterHandler]:
    """The handlers of all slices."""
    found: list[Any] = [*health.routes]
    for slice_ in (
        "web.assets",
        "catalog.routes",
        "cart.routes",
        "checkout.routes",
        "orders.routes",
        "customers.routes",
        "staff.routes",
        "ops.routes",
        "ucp.routes",
    ):
        try:
            found += import_module(f"evertill.{slice_}").routes
        except ModuleNotFoundError:
            continue
    return found


def openapi(settings: Settings) -> OpenAPIConfig:
    """The OpenAPI document of the JSON API, with a page to browse it."""
    return OpenAPIConfig(title=f"{settings.shop_name}: buying API", version=__version__, path="/openapi")
