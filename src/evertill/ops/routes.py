"""The operator console's addresses. Each asks who is there first; reading takes a viewer, changing an operator."""

from collections.abc import Sequence
from typing import Any

from litestar import get
from litestar.response import Response

from evertill.ops import (
    catalog_routes,
    code_routes,
    customer_routes,
    deal_routes,
    event_routes,
    live_routes,
    mail_routes,
    order_routes,
    rain_check_routes,
    room_routes,
)
from evertill.ops.chart import chart
from evertill.ops.overview import overview
from evertill.ops.showing import console_page
from evertill.staff import Role
from evertill.staff.access import require
from evertill.web.browser import ShopRequest, shop_of

_MINOR_UNITS_OF_AN_AXIS = 100


@get("/ops")
async def overview_page(request: ShopRequest) -> Response[str]:
    """The last 24 hours, and what waits."""
    staff = await require(request, Role.VIEWER)
    shop = shop_of(request)
    seen = await overview(shop.console, now=shop.clock())
    return await console_page(
        request,
        "overview",
        staff,
        seen=seen,
        orders_chart=chart([hour.orders for hour in seen.hours]),
        revenue_chart=chart([hour.revenue_minor for hour in seen.hours], unit=_MINOR_UNITS_OF_AN_AXIS),
    )


routes: Sequence[Any] = [
    overview_page,
    *live_routes.routes,
    *order_routes.routes,
    *customer_routes.routes,
    *catalog_routes.routes,
    *event_routes.routes,
    *deal_routes.routes,
    *rain_check_routes.routes,
    *code_routes.routes,
    *room_routes.routes,
    *mail_routes.routes,
]
