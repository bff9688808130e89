"""Who buys, and where to: what an order keeps of it."""

import msgspec


class Buyer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who buys, as far as told."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    phone: str = ""


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where to, in the words of the country's own postal service; country is ISO 3166-1 alpha-2."""

    country: str
    name: str = ""
    street: str = ""  # one or two lines, separated by a line feed
    city: str = ""
    region: str = ""
    postcode: str = ""


class Details(msgspec.Struct, frozen=True):
    """What an order keeps of who and where."""

    buyer: Buyer
    address: Address | None
    delivery_title: str
    delivery_promise: str
