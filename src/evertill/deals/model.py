"""
The nouns of a deal day, and what can be told of a deal at one moment.

    sale event ──has──► deals ──on──► SKUs
                          │
                          └── limited, in units or to each customer: units are claimed before they are bought

    claim:  held ──► ordered ──► bought
             │  ▲       │ declined: held again, for a while
             │  └───────┘
             └──► released

A moment is always handed in, and is the database's: what workers' clocks say opens and ends nothing.
"""

import enum
from datetime import datetime, timedelta
from uuid import UUID

import msgspec


class Kind(enum.StrEnum):
    """How a deal makes its price."""

    PERCENT = "percent"  # off the list price; value in hundredths of a percent
    AMOUNT = "amount"  # off the list price; value in minor units
    PRICE = "price"  # the price itself, in minor units


class Phase(enum.StrEnum):
    """Where a deal stands at a moment."""

    UPCOMING = "upcoming"
    MEMBERS = "members"  # open to members, not yet to everybody
    LIVE = "live"
    PAUSED = "paused"
    CLAIMED = "claimed"  # live, and every unit is held by somebody: some may come back
    SOLD_OUT = "sold_out"
    ENDED = "ended"


class SaleEvent(msgspec.Struct, frozen=True):
    """A dated sale."""

    id: UUID
    slug: str
    name: str
    theme: str
    time_zone: str  # IANA name
    opens_at: datetime
    closes_at: datetime
    members_from: datetime | None
    ended_at: datetime | None
    version: int


class Deal(msgspec.Struct, frozen=True):
    """A price on SKUs for a window of time."""

    id: UUID
    event_id: UUID
    title: str
    kind: Kind
    value: int
    currency: str
    begins_at: datetime
    ends_at: datetime
    members_from: datetime | None
    members_only: bool
    stackable: bool
    units: int | None  # None: as many as there are
    claimed: int
    sold: int
    per_customer: int | None  # over the whole history of the deal
    claim_minutes: int
    paused_at: datetime | None
    ended_at: datetime | None
    version: int
    event_ended_at: datetime | None = None  # the kill switch of its event

    @property
    def limited(self) -> bool:
        """Whether its units are claimed before they are bought: they are counted, or those of each customer are."""
        return self.units is not None or self.per_customer is not None

    @property
    def left(self) -> int | None:
        """Units nobody has claimed or bought; None: as many as there are."""
        return None if self.units is None else self.units - self.claimed - self.sold

    def over(self, moment: datetime) -> bool:
        """Whether nothing of it can be claimed any more."""
        return moment >= self.ends_at or self.ended_at is not None or self.event_ended_at is not None

    def open_to(self, moment: datetime, *, member: bool) -> bool:
        """
        Whether somebody may have its price at this moment, units apart. Its first moment is in, its last is not.

        Args:
            member: Whether the asker is a member at this moment.
        """
        if self.over(moment) or self.paused_at is not None or (self.members_only and not member):
            return False
        begins = self.members_from if member and self.members_from is not None else self.begins_at
        return moment >= begins

    def asks_for_members(self, moment: datetime) -> bool:
        """Whether it matters at this moment who is a member."""
        return self.members_only or (self.members_from is not None and moment < self.begins_at)

    def phase(self, moment: datetime) -> Phase:
        """Where it stands, as everybody is told."""
        if self.over(moment):
            return Phase.ENDED
        if self.left == 0 and self.claimed == 0:
            return Phase.SOLD_OUT
        if self.paused_at is not None:
            return Phase.PAUSED
        if moment < self.begins_at:
            early = self.members_from is not None and moment >= self.members_from
            return Phase.MEMBERS if early else Phase.UPCOMING
        return Phase.CLAIMED if self.left == 0 else Phase.LIVE


class ClaimState(enum.StrEnum):
    """Where a claim stands."""

    HELD = "held"
    ORDERED = "ordered"  # by an order whose payment has not ended
    BOUGHT = "bought"
    RELEASED = "released"


class Because(enum.StrEnum):
    """Why a claim was released."""

    EXPIRED = "expired"
    REMOVED = "removed"  # by its holder
    DECLINED = "declined"  # the payment, for good
    STOPPED = "stopped"  # by staff
    CANCELLED = "cancelled"  # the order
    JOINED = "joined"  # carts were, at sign-in, and together it was more than one customer may have


class Claim(msgspec.Struct, frozen=True):
    """Units of a limited deal that are somebody's for a while."""

    id: UUID
    deal_id: UUID
    sku: str
    quantity: int
    price_minor: int
    holder: str
    customer_id: UUID | None
    state: ClaimState
    claimed_at: datetime
    expires_at: datetime
    extended_at: datetime | None = None
    order_id: UUID | None = None
    ended_because: Because | None = None
    network: int | None = None  # where it was asked for, hashed; None: not counted
    grant_id: UUID | None = None  # it is a rain check, given with these: its deal does not count it

    def lives(self, moment: datetime) -> bool:
        """Whether its units are its holder's at this moment."""
        return self.state is ClaimState.ORDERED or (self.state is ClaimState.HELD and moment < self.expires_at)

    def belongs_to(self, holder: str, customer_id: UUID | None) -> bool:
        """Whether it is theirs: of this browser, or of its customer in another one."""
        return self.holder == holder or (self.customer_id is not None and self.customer_id == customer_id)

    def left(self, moment: datetime) -> timedelta:
        """How long it is held yet, never negative."""
        return max(self.expires_at - moment, timedelta(0))
