"""
Memberships and who may begin one: pure rules.

    (customer presses) ──► trial ──┐
    (staff, with a reason) ► full ─┴──► over, at its end or earlier because staff ended it

A moment is always handed in, and is the database's, as for deals: deals/model.py asks who is a member at it.
"""

import enum
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.refusals import Conflict

DAYS_MIN, DAYS_MAX = 1, 1_096  # how long staff may give one


class Kind(enum.StrEnum):
    """How a membership came about."""

    TRIAL = "trial"  # begun by the customer, once ever
    FULL = "full"  # given by staff


class Membership(msgspec.Struct, frozen=True):
    """A time in which a customer is a member. Its first moment is in, its last is not."""

    id: UUID
    customer_id: UUID
    kind: Kind
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None  # by staff, before its time
    given_by: UUID | None  # of staff; None: the customer began it
    why: str
    created_at: datetime

    @property
    def until(self) -> datetime:
        """When it is over."""
        return self.ends_at if self.ended_at is None else self.ended_at

    def lives(self, moment: datetime) -> bool:
        """Whether it makes its customer a member at this moment."""
        return self.starts_at <= moment < self.until


class Memberships(msgspec.Struct, frozen=True):
    """All a customer has and had, the latest first, as they stood at a moment."""

    all: tuple[Membership, ...]
    moment: datetime

    @property
    def present(self) -> Membership | None:
        """The one that counts now; None: not a member."""
        return next((each for each in self.all if each.lives(self.moment)), None)

    @property
    def trial(self) -> Membership | None:
        """The trial, whether it is over or not; None: it was never begun."""
        return next((each for each in self.all if each.kind is Kind.TRIAL), None)

    def why_none_begins(self, kind: Kind) -> Conflict | None:
        """Why a membership of that kind cannot begin at this moment; None: it can."""
        if kind is Kind.TRIAL and self.trial is not None:
            return Conflict("trial_used", "You have had your trial: everybody has one.")
        if self.present is not None:
            return Conflict(
                "member_already",
                f"There is a membership already, until {self.present.until:%-d %B %Y, %H:%M} (UTC).",
                facts={"until": self.present.until.isoformat()},
            )
        return None
