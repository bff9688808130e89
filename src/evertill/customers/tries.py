"""
Limits on guessing: tries are counted per e-mail and per network address, in windows of fifteen minutes.

The counts are rows, so they hold over any number of workers; judging is part of counting, so they hold
against any number of tries at once. Whether an e-mail has an account makes no difference to either.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address

import msgspec

from evertill.refusals import TooMany
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)

WINDOW = timedelta(minutes=15)


class Limit(msgspec.Struct, frozen=True):
    """How often something may be tried in a window."""

    name: str  # what is tried: counts of different things are apart
    per_email: int
    per_network: int  # generous: a school or a mobile network is one address


SIGN_IN = Limit("sign-in", per_email=20, per_network=300)  # under ASVS's 100 failures an hour for one account
LETTER = Limit("letter", per_email=5, per_network=60)  # sign-up and reset: nobody's mailbox is flooded
LINK = Limit("link", per_email=0, per_network=100)  # opening letters' links: guessing them is hopeless, and limited


async def count_try(
    connection: Connection | Pool, *, limit: Limit, network: str, email: str | None = None, now: datetime
) -> None:
    """
    Count one more try.

    Args:
        network: Where it comes from, as network_of() has it.

        email: Whose secret is tried, folded; None where that is not known.

    Raises:
        TooMany: This window has seen as many as it may.
    """
    for subject, most in _subjects(limit, network, email):
        if await connection.fetchval(sql["count_try"], subject, _window(now), most) is None:
            seconds = int((_window(now) + WINDOW - now).total_seconds()) + 1
            raise TooMany(
                "too_many_tries",
                f"That was tried too often. Please wait {_minutes(seconds)} and try again.",
                retry_after_seconds=seconds,
            )


async def take_try_back(
    connection: Connection | Pool, *, limit: Limit, network: str, email: str | None = None, now: datetime
) -> None:
    """Uncount a try that was right: only wrong ones are held against an e-mail or a network."""
    for subject, _ in _subjects(limit, network, email):
        await connection.execute(sql["take_try_back"], subject, _window(now))


async def forget_tries(connection: Connection | Pool, *, limit: Limit, email: str, now: datetime) -> None:
    """Start counting anew for an e-mail: its owner has proven to be its owner."""
    await connection.execute(sql["forget_tries"], _hash(limit.name, "email", email), _window(now))


def network_of(host: str | None) -> str:
    """
    What counts as one place on the network: an IPv4 address, or the /64 an IPv6 customer is given as a whole.

    Any text is a fair question; what is no address (a socket file) counts as one place.
    """
    try:
        address = ip_address((host or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


def _subjects(limit: Limit, network: str, email: str | None) -> Sequence[tuple[bytes, int]]:
    """Hashes of what is counted, the network first: whoever tries many e-mails leaves few rows."""
    subjects = [(_hash(limit.name, "network", network), limit.per_network)]
    if email is not None:
        subjects.append((_hash(limit.name, "email", email), limit.per_email))
    return subjects


def _hash(*parts: str) -> bytes:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).digest()


def _window(now: datetime) -> datetime:
    seconds = int(WINDOW.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def _minutes(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
