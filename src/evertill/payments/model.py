"""
What a payment is, and what every provider can do.

    recorded ──► authorised ──► captured          the money is reserved; taken when the order ships
       │  ▲          └────────► voided            reserved, then let go
       │  └─ unknown ─────────► (any of these)    no answer in time: the reconciler asks again
       └──────────────────────► declined          a definite no, with its reason

A yes after a no (the order was given up meanwhile) makes a declined attempt authorised, to be voided at once.
"""

import enum
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from evertill.money import Money


class AttemptState(enum.StrEnum):
    """Where one payment attempt stands."""

    RECORDED = "recorded"  # written; the provider has not been heard yet
    UNKNOWN = "unknown"  # the provider did not answer in time: it may or may not hold the money
    AUTHORISED = "authorised"  # the money is reserved
    CAPTURED = "captured"  # the money is ours
    DECLINED = "declined"  # refused for good
    VOIDED = "voided"  # a reservation let go


# The reason of an order that was given up: nobody could confirm its payment before its hold was over.
HOLD_EXPIRED = "hold_expired"


class Authorisation(msgspec.Struct, frozen=True):
    """What the provider is asked: reserve this much, under this key."""

    attempt_id: UUID  # the idempotency key: the same key never reserves twice
    amount: Money
    method: str  # the provider's token for how to pay
    order_number: str  # for the statement of account


class Done(msgspec.Struct, frozen=True):
    """The provider did it."""

    reference: str  # the provider's own name for it


class Failed(msgspec.Struct, frozen=True):
    """The provider refused, for good."""

    reason: str  # stable code: insufficient_funds, card_expired, …
    sentence: str  # for the buyer


class Unknown(msgspec.Struct, frozen=True):
    """No definite answer: it may have happened."""

    reason: str  # timeout, connection_lost, …


Ending = Done | Failed | Unknown


class Seen(msgspec.Struct, frozen=True):
    """What the provider has on record under one of our keys."""

    state: AttemptState
    reason: str | None
    reference: str


class Provider(Protocol):
    """
    A payment provider. Every verb is idempotent by its key, may take seconds, and is called outside every
    lock and transaction. A verb never raises for what a provider may answer: what is not done or failed is unknown.
    """

    name: str

    async def authorise(self, ask: Authorisation) -> Ending:
        """Reserve the amount."""
        ...

    async def look_up(self, attempt_id: UUID) -> Seen | Unknown | None:
        """What is on record for that attempt; None where the provider never heard of it."""
        ...

    async def capture(self, attempt_id: UUID) -> Ending:
        """Take the reserved amount."""
        ...

    async def void(self, attempt_id: UUID) -> Ending:
        """Let the reservation go."""
        ...

    async def refund(self, attempt_id: UUID, refund_id: UUID, amount: Money) -> Ending:
        """Give back part or all of a captured amount."""
        ...


class AttemptRow(msgspec.Struct, frozen=True):
    """One payment attempt as the table has it."""

    id: UUID
    order_id: UUID
    provider: str
    method: str
    amount: Money
    state: AttemptState
    reason: str | None
    recorded_at: datetime
