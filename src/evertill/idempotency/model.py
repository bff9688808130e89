"""
The name of an attempt, and what is on record under it.

    first request  ──► carried out, its answer written in the same transaction as its effect
    same key, same content ──► that answer again (waiting for it while the first is under way)
    same key, other content ──► refused: idempotency_conflict
"""

import hashlib
from uuid import UUID

import msgspec

from evertill.refusals import Conflict


class Key(msgspec.Struct, frozen=True):
    """How a client names its attempt."""

    scope: str  # who asks; one client's keys never meet another's
    name: str  # the client's own key, up to 255 characters
    fingerprint: bytes  # SHA-256 of the verb and of what was asked


class Recorded(msgspec.Struct, frozen=True):
    """What is on record under a key: an answer, or the order whose state is the answer."""

    fingerprint: bytes
    answer: str | None  # JSON
    order_id: UUID | None


def fingerprint_of(verb: str, subject: str, content: bytes) -> bytes:
    """What makes two attempts the same: the verb, what it is about, and every byte that was sent."""
    digest = hashlib.sha256(verb.encode() + b"\0" + subject.encode() + b"\0")
    digest.update(content)
    return digest.digest()


def check_same(key: Key, recorded: Recorded) -> None:
    """
    Raises:
        Conflict: The key was used for something else.
    """
    if recorded.fingerprint != key.fingerprint:
        raise key_reused()


def key_reused() -> Conflict:
    """The refusal of a key that names something else already."""
    return Conflict(
        "idempotency_conflict",
        "This Idempotency-Key was already used for a different request. Nothing was done. Use a fresh key.",
    )
