"""Who buys, and where to: what an order keeps of it."""

import msgspec

from evertill.address import Address


class Buyer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who buys, as far as told."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    phone: str = ""


class Details(msgspec.Struct, frozen=True):
    """What an order keeps of who and where."""

    buyer: Buyer
    address: Address | None
    delivery_title: str
    delivery_promise: str
