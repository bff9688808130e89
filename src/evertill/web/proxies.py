"""
Behind a proxy: who asks, and over what, as the proxy says, where the proxy is ours.

    browser ──► proxy of a network we trust ──► us      X-Forwarded-For, X-Forwarded-Proto are believed
    browser ─────────────────────────────────► us      the same headers are anybody's words: ignored
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from evertill.settings import Network

Address: TypeAlias = IPv4Address | IPv6Address

_HOPS_MAX = 20  # of an X-Forwarded-For, from its end: what is further away was not said by a proxy of ours


def behind_proxies(app: ASGIApp, *, trusted: Sequence[Network]) -> ASGIApp:
    """
    The application, told the browser's address and scheme instead of the proxy's.

    One place, so that whatever asks who is asking (limits on guessing, the record of staff) is told the same.

    Args:
        trusted: Networks our proxies are in; none: nobody is believed, and nothing is wrapped.
    """
    if not trusted:
        return app

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and (peer := scope["client"]) is not None:
            first = address_of(peer[0])
            if first is not None and _is_in(first, trusted):
                scope["client"] = (str(_client(first, scope["headers"], trusted)), 0)
                scope["scheme"] = _scheme(scope["headers"], otherwise=scope["scheme"])
        await app(scope, receive, send)

    return wrapped


def address_of(text: str) -> Address | None:
    """The address a text is, with or without a port; None where it is none. ::ffff:192.0.2.1 is 192.0.2.1."""
    bare = text.strip().partition("%")[0]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ip_address(bare)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _client(first: Address, headers: Iterable[tuple[bytes, bytes]], trusted: Sequence[Network]) -> Address:
    """The nearest address that is no proxy of ours: each proxy adds at the end whom it was asked by."""
    said = b",".join(value for name, value in headers if name.lower() == b"x-forwarded-for").decode("latin-1")
    nearest = first
    for text in reversed(said.split(",")[-_HOPS_MAX:]):
        hop = address_of(text)
        if hop is None:
            return nearest
        nearest = hop
        if not _is_in(hop, trusted):
            return nearest
    return nearest


def _scheme(headers: Iterable[tuple[bytes, bytes]], *, otherwise: str) -> str:
    said = [value for name, value in headers if name.lower() == b"x-forwarded-proto"]
    last = said[-1].rpartition(b",")[2].strip().lower() if said else b""
    return last.decode() if last in (b"http", b"https") else otherwise


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
