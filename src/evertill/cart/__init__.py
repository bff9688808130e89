"""What one wants: lines kept for a browser, or for a customer once signed in, until they are bought."""

from evertill.cart.change import accept_prices, put, remove, set_quantity, take_out
from evertill.cart.claiming import Shopper, change_quantity, join_claims, put_in, take_out_line
from evertill.cart.joining import join_carts
from evertill.cart.model import LINES_MAX, QUANTITY_MAX, Cart, Line, Trouble, read_quantity, read_shown_prices
from evertill.cart.viewing import view

__all__ = [
    "LINES_MAX",
    "QUANTITY_MAX",
    "Cart",
    "Line",
    "Shopper",
    "Trouble",
    "accept_prices",
    "change_quantity",
    "join_carts",
    "join_claims",
    "put",
    "put_in",
    "read_quantity",
    "read_shown_prices",
    "remove",
    "set_quantity",
    "take_out",
    "take_out_line",
    "view",
]
