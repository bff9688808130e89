"""A platform's profile: fetched from where the platform says it is, within bounds, and read."""

import re
from typing import Annotated

import httpx
import msgspec
from msgspec import Meta

from evertill.refusals import Unavailable
from evertill.ucp.errors import refused
from evertill.ucp.outside import NotCallable, TooLong, call
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


async def fetch_profile(url: str, *, loopback: bool) -> Fetched:
    """
    Fetch and read a profile.

    Args:
        loopback: Also fetch from this very machine, without TLS (test mode).

    Raises:
        Refusal: 400 the address cannot be, 424 it cannot be had, 422 it is not one or speaks another version.
    """
    try:
        answered = await call(
            "GET",
            url,
            headers={"Accept": "application/json"},
            loopback=loopback,
            seconds=_SECONDS_MAX,
            bytes_max=_BYTES_MAX,
        )
    except NotCallable as error:
        raise refused(400, "invalid_profile_url", f"The profile's address cannot be used: {error}.") from error
    except TooLong as error:
        raise refused(422, "profile_malformed", f"The platform profile is too long: {error}.") from error
    except (TimeoutError, httpx.HTTPError) as error:
        raise _unreachable(type(error).__name__) from error
    if answered.status != 200:
        raise _unreachable(f"HTTP {answered.status}")
    stated = _MAX_AGE.search(answered.headers.get("cache-control", ""))
    seconds = int(stated[1]) if stated else _KEPT_SECONDS_MIN
    return Fetched(read_profile(answered.body), min(max(seconds, _KEPT_SECONDS_MIN), _KEPT_SECONDS_MAX))


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


def _unreachable(why: str) -> Exception:
    return refused(424, "profile_unreachable", f"The platform profile could not be fetched: {why}.")
