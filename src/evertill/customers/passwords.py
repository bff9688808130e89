"""
Passwords as the tables keep them: argon2id, hashed beside the event loop and never more than two at once.

Hashing is meant to be slow, so a flood of sign-ins could eat the worker that should be selling. Two threads
hash, a short line waits for them, and whoever comes when the line is full is told to come back.
"""

import asyncio
import os
import secrets
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from evertill.refusals import Unavailable

Result = TypeVar("Result")

# OWASP's password storage cheat sheet names several settings of the same strength; this is the one with the least
# memory a hash (19 MiB, two passes, one lane): about 35 ms of one core, and two at once disturb nobody.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
_AT_ONCE = 2
_WAITING_MAX = 30  # about half a second of waiting

_threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")
_places = threading.BoundedSemaphore(_AT_ONCE + _WAITING_MAX)


def _begin_again() -> None:
    """Threads do not come along when a process forks; their pool believes so and would wait for them for ever."""
    global _threads, _places  # noqa: PLW0603
    _threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")
    _places = threading.BoundedSemaphore(_AT_ONCE + _WAITING_MAX)


# A command that hashes and then serves (`evertill demo`) forks its workers afterwards.
os.register_at_fork(after_in_child=_begin_again)


async def hash_password(password: str) -> str:
    """
    A new password as it is kept: argon2id with its parameters and a salt of its own.

    Raises:
        Unavailable: Too many wait for theirs already.
    """
    return await _beside(lambda: _HASHER.hash(_normal(password)))


async def password_holds(kept: str | None, password: str) -> bool:
    """
    Whether a password is the one that is kept.

    Args:
        kept: None where there is no such account. It takes just as long: the answer's time tells nobody
            whether there is one.

    Raises:
        Unavailable: Too many wait for theirs already.
    """
    return await _beside(lambda: _holds(kept, password))


def is_outdated(kept: str) -> bool:
    """Whether a password was hashed with other parameters than today's, and is to be hashed anew when next proven."""
    return _HASHER.check_needs_rehash(kept)


def _holds(kept: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(kept if kept is not None else _decoy(), _normal(password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _decoy() -> str:
    """What a password is checked against where there is no account: the hash of a secret nobody knows."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _normal(password: str) -> str:
    """One spelling of what can be typed in several: keyboards differ in how they compose é (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


async def _beside(work: Callable[[], Result]) -> Result:
    if not _places.acquire(blocking=False):
        raise Unavailable(
            "too_busy", "Too many people are signing in at this moment. Please try again.", retry_after_seconds=2
        )
    submitted = _threads.submit(work)
    # Given back when the thread is done, not when the asker goes away: a place abandoned is still being worked on.
    submitted.add_done_callback(lambda _: _places.release())
    return await asyncio.wrap_future(submitted)
