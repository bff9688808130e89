"""
A platform's profile: fetched from where the platform says it is, within bounds, and read.

Whoever calls us chooses the address that we fetch, so it must be https, must not lead into our own network
(every address a name resolves to is checked, and the checked one is called), must answer soon, without
redirects, and with little. Source: OWASP Server Side Request Forgery Prevention Cheat Sheet; UCP overview, "Discovery".
"""

import asyncio
import ipaddress
import re
import socket
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

import httpx
import msgspec
from msgspec import Meta

from evertill.refusals import Unavailable
from evertill.ucp.errors import refused
from evertill.ucp.wire import VERSION

_BYTES_MAX = 256 * 1024
_SECONDS_MAX = 4.0
_AT_ONCE_MAX = 16
_MAX_AGE = re.compile(r"max-age=(\d{1,9})")
_KEPT_SECONDS_MIN, _KEPT_SECONDS_MAX = 60, 3600


class Config(msgspec.Struct, frozen=True):
    """What a platform wants of a capability."""

    webhook_url: Annotated[str, Meta(max_length=2048)] | None = None


class Capability(msgspec.Struct, frozen=True):
    """A capability in one version."""

    version: str
    config: Config | None = None


class Declared(msgspec.Struct, frozen=True):
    """What a platform declares."""

    version: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    capabilities: dict[str, tuple[Capability, ...]] = {}


class PublicKey(msgspec.Struct, frozen=True):
    """A platform's key for its signatures, as a JSON Web Key."""

    kid: str
    kty: str
    crv: str = ""
    x: str = ""
    y: str = ""


class Profile(msgspec.Struct, frozen=True):
    """A platform's profile, as much of it as we need."""

    ucp: Declared
    signing_keys: tuple[PublicKey, ...] = ()


class Fetched(msgspec.Struct, frozen=True):
    """A profile, and for how long it may be kept."""

    profile: Profile
    seconds: int


_decoder = msgspec.json.Decoder(Profile)


def check_address(url: str, *, loopback: bool) -> SplitResult:
    """
    The parts of a profile's address.

    Args:
        loopback: Also take http addresses of this very machine (test mode).

    Raises:
        Refusal: 400, it is no address that may be fetched.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _invalid() from None
    secure = parts.scheme == "https" or (loopback and parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if not secure or not parts.hostname or parts.username is not None or parts.fragment or not url.isascii():
        raise _invalid()
    return parts


async def fetch_profile(url: str, *, loopback: bool) -> Fetched:
    """
    Fetch and read a profile.

    Raises:
        Refusal: 400 the address cannot be, 424 it cannot be had, 422 it is not one or speaks another version.
    """
    parts = check_address(url, loopback=loopback)
    try:
        async with asyncio.timeout(_SECONDS_MAX):
            address = await _resolve(parts, loopback=loopback)
            body, seconds = await _get(url, parts, address)
    except (TimeoutError, httpx.HTTPError) as error:
        raise _unreachable(type(error).__name__) from error
    return Fetched(read_profile(body), seconds)


def read_profile(body: bytes) -> Profile:
    """
    Raises:
        Refusal: 422, it is malformed or of a version that is not ours.
    """
    try:
        profile = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise refused(422, "profile_malformed", f"The platform profile is malformed: {error}") from error
    check_version(profile.ucp.version)
    return profile


def check_version(version: str) -> None:
    """
    Raises:
        Refusal: 422, it is not the one we speak.
    """
    if version != VERSION:
        sentence = f"Protocol version {version[:20]} is not supported. This business supports {VERSION}."
        raise refused(422, "version_unsupported", sentence)


class Fetching:
    """So many fetches at once and no more: whoever names many platforms must not use up the worker."""

    def __init__(self) -> None:
        self.under_way = 0

    async def fetch(self, url: str, *, loopback: bool) -> Fetched:
        """As fetch_profile, or 503 where too many are under way."""
        if self.under_way >= _AT_ONCE_MAX:
            raise Unavailable(
                "too_busy", "Too many profiles are being fetched. Please try again.", retry_after_seconds=2
            )
        self.under_way += 1
        try:
            return await fetch_profile(url, loopback=loopback)
        finally:
            self.under_way -= 1


async def _resolve(parts: SplitResult, *, loopback: bool) -> str:
    """An address of that host which may be called."""
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise refused(400, "invalid_profile_url", "The host of the platform profile cannot be found.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses or not all(address.is_global or (loopback and address.is_loopback) for address in addresses):
        raise refused(400, "invalid_profile_url", "The host of the platform profile is not a public one.")
    return str(addresses[0])


async def _get(url: str, parts: SplitResult, address: str) -> tuple[bytes, int]:
    async with httpx.AsyncClient(timeout=_SECONDS_MAX, follow_redirects=False, trust_env=False) as client:
        request = client.build_request(
            "GET",
            httpx.URL(url).copy_with(host=address),
            headers={"Host": parts.netloc, "Accept": "application/json", "Accept-Encoding": "identity"},
            extensions={"sni_hostname": parts.hostname},
        )
        response = await client.send(request, stream=True)
        try:
            if response.status_code != 200:
                raise _unreachable(f"HTTP {response.status_code}")
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _BYTES_MAX:
                    raise refused(422, "profile_malformed", f"The platform profile is over {_BYTES_MAX:,} bytes long.")
        finally:
            await response.aclose()
    stated = _MAX_AGE.search(response.headers.get("cache-control", ""))
    seconds = int(stated[1]) if stated else _KEPT_SECONDS_MIN
    return body, min(max(seconds, _KEPT_SECONDS_MIN), _KEPT_SECONDS_MAX)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _invalid() -> Exception:
    return refused(400, "invalid_profile_url", 'The UCP-Agent header must carry an https address: profile="https://…".')


def _unreachable(why: str) -> Exception:
    return refused(424, "profile_unreachable", f"The platform profile could not be fetched: {why}.")
