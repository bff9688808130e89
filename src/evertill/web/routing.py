"""Every address of the shop, slice by slice."""

from importlib import import_module
from typing import Any

from litestar.types import ControllerRouterHandler

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
