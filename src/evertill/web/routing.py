"""Every address of the shop that the framework serves, slice by slice; those below /ucp/ are behind ucp/door.py."""

from litestar.types import ControllerRouterHandler

from evertill.cart import routes as cart
from evertill.catalog import routes as catalog
from evertill.checkout import routes as checkout
from evertill.clients import routes as clients
from evertill.customers import routes as customers
from evertill.deals import routes as deals
from evertill.deals import waitlist_routes as waitlist
from evertill.members import routes as members
from evertill.ops import routes as ops
from evertill.orders import routes as orders
from evertill.staff import routes as staff
from evertill.ucp import browsing as ucp
from evertill.waitingroom import routes as waitingroom
from evertill.web import assets, health, robots


def routes() -> list[ControllerRouterHandler]:
    """The handlers of all slices."""
    return [
        *health.routes,
        *assets.routes,
        *robots.routes,
        *catalog.routes,
        *deals.routes,
        *cart.routes,
        *checkout.routes,
        *orders.routes,
        *waitlist.routes,
        *customers.routes,
        *members.routes,
        *staff.routes,
        *ops.routes,
        *clients.routes,
        *ucp.routes,
        *waitingroom.routes,
    ]
