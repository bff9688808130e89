"""
Calling an address that somebody else chose: a platform's profile, a platform's webhook.

It must be https and must not lead into our own network: every address that its host resolves to is checked,
and the checked one is called, whatever the name says a moment later. No redirects, little, and soon.
Source: OWASP Server Side Request Forgery Prevention Cheat Sheet.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import httpx

# It tells every address it calls, and a webhook's may hold its owner's secret.
logging.getLogger("httpx").setLevel(logging.WARNING)


class NotCallable(ValueError):
    """An address that may not be called, and why."""


class TooLong(ValueError):
    """The answer is longer than we read."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def check_address(url: str, *, loopback: bool) -> SplitResult:
    """
    The parts of an address that may be called.

    Args:
        loopback: Also take http addresses of this very machine (test mode).

    Raises:
        NotCallable: It may not.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise NotCallable("it is no address") from None
    secure = parts.scheme == "https" or (loopback and parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if not secure or not parts.hostname or parts.username is not None or parts.fragment:
        raise NotCallable("it must be a plain https address")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise NotCallable("it must be written in ASCII")
    return parts


async def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    loopback: bool,
    seconds: float,
    bytes_max: int,
) -> Answered:
    """
    Call it.

    Args:
        bytes_max: How much of an answer is read.

    Raises:
        NotCallable, TooLong: See there.
        TimeoutError, httpx.HTTPError: No answer.
    """
    parts = check_address(url, loopback=loopback)
    async with asyncio.timeout(seconds):
        address = await _resolve(parts, loopback=loopback)
        async with httpx.AsyncClient(timeout=seconds, follow_redirects=False, trust_env=False) as client:
            request = client.build_request(
                method,
                httpx.URL(url).copy_with(host=address),
                headers={**headers, "Host": parts.netloc, "Accept-Encoding": "identity"},
                content=body,
                extensions={"sni_hostname": parts.hostname},
            )
            response = await client.send(request, stream=True)
            try:
                read = b""
                async for chunk in response.aiter_raw():
                    read += chunk
                    if len(read) > bytes_max:
                        raise TooLong(f"over {bytes_max:,} bytes")
            finally:
                await response.aclose()
    return Answered(response.status_code, response.headers, read)


async def _resolve(parts: SplitResult, *, loopback: bool) -> str:
    """An address of that host which may be called."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotCallable("its host cannot be found") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses or not all(address.is_global or (loopback and address.is_loopback) for address in addresses):
        raise NotCallable("its host is not a public one")
    return str(addresses[0])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
