"""
How many places one address may have in a line: whoever drops cookies gets a new one each time, and a script thousands.

It is a bound, not a judgement of who is a person: a home, an office, a mobile carrier each are one address, and whoever
has many addresses has many times as many places. Customers who are signed in are not counted: they have one place each.
"""

import hashlib
from ipaddress import ip_address
from uuid import UUID

import msgspec

from evertill.customers import network_of
from evertill.refusals import TooMany
from evertill.signing import Signer

_PURPOSE = "neighbours in line"
_RETRY_SECONDS_FULL, _RETRY_SECONDS_FAST = 60, 20


class PerAddress(msgspec.Struct, frozen=True):
    """How many may come from one address."""

    standing: int  # places not called yet
    minute: int  # new ones in a minute


class Neighbours(msgspec.Struct, frozen=True):
    """Who came from an address to a room."""

    standing: int = 0
    lately: int = 0

    def and_one(self) -> "Neighbours":
        """One more came."""
        return Neighbours(self.standing + 1, self.lately + 1)


def mark_of(signer: Signer, room_id: UUID, host: str | None) -> int | None:
    """
    An address as the tickets of one room know it: 64 bits that tell nobody which it is, nor that it is another room's.

    Args:
        host: Who asks, as the edge found out (web/proxies.py). All of an IPv6 customer's /64 is one address.

    Returns:
        None for what is no address of the internet: a proxy nobody named to us must not be counted as one customer.
    """
    network = network_of(host)
    try:
        if not ip_address(network.partition("/")[0]).is_global:
            return None
    except ValueError:
        return None
    mark = hashlib.blake2b(f"{room_id.hex} {network}".encode(), key=signer.key(_PURPOSE), digest_size=8)
    return int.from_bytes(mark.digest(), signed=True)


def one_too_many(neighbours: Neighbours, most: PerAddress, *, room_id: UUID) -> TooMany | None:
    """The refusal of one more place for an address, if there is no room for it."""
    if neighbours.standing >= most.standing:
        sentence = "As many people stand in this line from your network as may. Places come free as they are called."
        seconds = _RETRY_SECONDS_FULL
    elif neighbours.lately >= most.minute:
        sentence = "Many people came to this line from your network in the last minute: please wait for a moment."
        seconds = _RETRY_SECONDS_FAST
    else:
        return None
    return TooMany(
        "too_many_places",
        f"{sentence} Nothing is lost: your cart is safe, and whoever has a place keeps it.",
        facts={"sign_in_at": f"/account/sign-in?next=/line/{room_id}"},
        retry_after_seconds=seconds,
    )
