"""
What an API client may, and what it shows to prove it. Pure rules.

    client id and secret ──► token, for a quarter of an hour ──► every request: signed by us? not over? not revoked?

A token is not stored: it is the client, its end and its scopes, signed. What the client may is asked anew with every
request, so that a token never outlives its client.
"""

import enum
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from evertill.signing import Signer

TOKEN_LIFE = timedelta(minutes=15)
NAME_MAX = 60
_PURPOSE = "api-token"
_TOKEN_MAX = 200  # ours have about half of that


class Scope(enum.StrEnum):
    """What an API client may do; none contains another."""

    READ = "deals:read"  # look at sale events, deals and how they sell
    WRITE = "deals:write"  # plan and change them
    RUN = "deals:run"  # pause, resume, extend, add units, end, stop


class ApiClient(msgspec.Struct, frozen=True):
    """A program that was let in."""

    id: UUID
    name: str
    scopes: tuple[Scope, ...]  # in the order of Scope
    made_by: str  # the name of a member of staff
    created_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None  # to about five minutes


class Claimed(msgspec.Struct, frozen=True):
    """What a token that we signed, and that is not over, says."""

    client_id: UUID
    scopes: tuple[Scope, ...]


def in_order(scopes: Collection[str]) -> tuple[Scope, ...]:
    """Those that are scopes at all, each once."""
    return tuple(scope for scope in Scope if scope in scopes)


def token_for(signer: Signer, claimed: Claimed, *, expires_at: datetime) -> str:
    """A token: nobody else can make one."""
    names = "-".join(scope.partition(":")[2] for scope in claimed.scopes)
    text = f"{claimed.client_id.hex}.{int(expires_at.timestamp())}.{names}"
    return f"{text}.{signer.sign(_PURPOSE, text)}"


def read_token(signer: Signer, token: str, *, now: datetime) -> Claimed | None:
    """What a token says; None: it is not ours, was changed, or is over. Any text is a fair question."""
    text, _, signature = token.rpartition(".")
    if len(token) > _TOKEN_MAX or not signer.holds(_PURPOSE, text, signature):
        return None
    client, expires, names = text.split(".")
    if now >= datetime.fromtimestamp(int(expires), UTC):
        return None
    return Claimed(UUID(hex=client), in_order([f"deals:{name}" for name in names.split("-")]))
