"""What one wants: lines kept for a browser, or for a customer once signed in, until they are bought."""

from evertill.cart.change import accept_prices, put, remove, set_quantity, take_out
from evertill.cart.joining import join_carts
from evertill.cart.model import LINES_MAX, QUANTITY_MAX, Cart, Line, Trouble, read_quantity, read_shown_prices
from evertill.cart.viewing import view

__all__ = [
    "LINES_MAX",
    "QUANTITY_MAX",
    "Cart",
    "Line",
    "Trouble",
    "accept_prices",
    "join_carts",
    "put",
    "read_quantity",
    "read_shown_prices",
    "remove",
    "set_quantity",
    "take_out",
    "view",
]
