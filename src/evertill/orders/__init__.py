"""Orders: what was bought, how it stands, and what staff do with it."""

from evertill.address import Address
from evertill.orders.details import Buyer, Details
from evertill.orders.model import Order, OrderLine, OrderState, OrderSummary
from evertill.orders.reading import day, find, history, order_behind, order_link, view

__all__ = [
    "Address",
    "Buyer",
    "Details",
    "Order",
    "OrderLine",
    "OrderState",
    "OrderSummary",
    "day",
    "find",
    "history",
    "order_behind",
    "order_link",
    "view",
]
