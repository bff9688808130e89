"""An order's own page, behind a link nobody can guess."""

from litestar import get
from litestar.params import FromPath
from litestar.response import Response

from evertill.address import country_name
from evertill.orders.model import OrderState
from evertill.orders.reading import order_behind, view
from evertill.payments.sandbox import sentence_of
from evertill.web.browser import ShopRequest, shop_of
from evertill.web.rendering import page


@get("/orders/{sealed:str}")
async def order_page(request: ShopRequest, sealed: FromPath[str]) -> Response[str]:
    """How an order stands, for whoever holds its link: its buyer."""
    shop = shop_of(request)
    order = await view(shop.browse, order_id=order_behind(shop.signer, sealed))
    address = order.details.address
    response = await page(
        request,
        "orders/order.html",
        {
            "order": order,
            "country": country_name(address.country, shop.settings.locale) if address else "",
            "open": order.state in (OrderState.PENDING, OrderState.HELD),
            "declined_because": sentence_of(order.state_reason),
        },
    )
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the key: it stays here
    return response


routes = [order_page]
