"""The JSON of the staff API: what is sent, and what is answered. Times are answered in UTC; amounts are minor units."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.deals.doubting import Warned
from evertill.deals.model import Deal, SaleEvent
from evertill.deals.plans import CLAIM_MINUTES_USUAL, DealPlan, EventPlan
from evertill.ops.selling import Selling, Sums

# ---- what is sent: fields that are not known are refused, by their name


class EventAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sale event to be planned or changed. Times are local to its zone, or have an offset."""

    slug: str
    name: str
    time_zone: str
    opens_at: str
    closes_at: str
    members_from: str | None = None
    theme: str = "plain"
    reason: str = ""
    version: int | None = None  # needed for a change: the one that was seen

    def plan(self) -> EventPlan:
        return EventPlan(
            slug=self.slug, name=self.name, time_zone=self.time_zone, opens_at=self.opens_at,
            closes_at=self.closes_at, members_from=self.members_from or "", theme=self.theme,
        )  # fmt: skip


class DealRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A deal of many."""

    title: str
    kind: str
    value: int  # hundredths of a percent, or minor units
    begins_at: str
    ends_at: str
    skus: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()
    members_from: str | None = None
    members_only: bool = False
    stackable: bool = False
    units: int | None = None
    per_customer: int | None = None
    claim_minutes: int = CLAIM_MINUTES_USUAL

    def plan(self) -> DealPlan:
        return DealPlan(
            title=self.title, kind=self.kind, value=self.value, begins_at=self.begins_at, ends_at=self.ends_at,
            skus=self.skus, handles=self.handles, members_from=self.members_from or "",
            members_only=self.members_only, stackable=self.stackable, units=self.units,
            per_customer=self.per_customer, claim_minutes=self.claim_minutes,
        )  # fmt: skip


class DealAsked(DealRow, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A deal to be planned or changed."""

    reason: str = ""
    version: int | None = None  # needed for a change: the one that was seen


class ImportAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Many deals."""

    deals: tuple[DealRow, ...]
    keep_good_rows: bool = False
    reason: str = ""


class MoveAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pause, resume, end, stop."""

    reason: str = ""
    version: int | None = None  # only resuming looks at it: whoever must stop something is not sent back to look


class ExtendAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A later end."""

    ends_at: str
    version: int
    reason: str = ""


class UnitsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More units, or fewer."""

    change: int
    reason: str = ""
    version: int | None = None


# ---- what is answered


class TokenTold(msgspec.Struct, frozen=True):
    """RFC 6749, section 5.1."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


class EventTold(msgspec.Struct, frozen=True):
    """A sale event."""

    id: UUID
    slug: str
    name: str
    theme: str
    time_zone: str
    opens_at: datetime
    closes_at: datetime
    members_from: datetime | None
    ended_at: datetime | None
    version: int


class DealTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """A deal as it was when it was written; with its SKUs where they were read or written."""

    id: UUID
    event_id: UUID
    title: str
    kind: str
    value: int
    currency: str
    begins_at: datetime
    ends_at: datetime
    members_from: datetime | None
    members_only: bool
    stackable: bool
    units: int | None
    claimed: int
    sold: int
    per_customer: int | None
    claim_minutes: int
    paused_at: datetime | None
    ended_at: datetime | None
    version: int
    skus: tuple[str, ...] = ()


class FiguresTold(msgspec.Struct, frozen=True):
    """How a deal sells."""

    state: str
    left: int | None
    claims: int
    bought: int
    released: int
    revenue_minor: int


class WarningTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """What to look at twice."""

    about: str
    title: str
    sentence: str
    deal_id: UUID | None = None  # None: of a deal that was only tried
    sku: str | None = None
    price_minor: int | None = None
    lowest_price_30_days_minor: int | None = None


class DealSeen(msgspec.Struct, frozen=True):
    """A deal and how it sells."""

    deal: DealTold
    figures: FiguresTold


class EventsListed(msgspec.Struct, frozen=True):
    """Some of all events, the last planned first."""

    events: tuple[EventTold, ...]
    next: str | None  # the address of those before them


class EventSeen(msgspec.Struct, frozen=True):
    """An event with some of its deals and the sums of all."""

    now: datetime
    event: EventTold
    sums: Sums
    deals: tuple[DealSeen, ...]
    warnings: tuple[WarningTold, ...]
    next: str | None  # the address of the deals after them


class DealAlone(msgspec.Struct, frozen=True):
    """A deal, how it sells, and what is doubtful about it."""

    now: datetime
    deal: DealTold
    figures: FiguresTold
    warnings: tuple[WarningTold, ...]


class Doubts(msgspec.Struct, frozen=True):
    """What a deal would be warned of; nothing was kept."""

    warnings: tuple[WarningTold, ...]


class ProblemTold(msgspec.Struct, frozen=True):
    """Why a row of an import was not planned."""

    field: str  # deals.3.value, or "line 4, value"
    problem: str


class Imported(msgspec.Struct, frozen=True):
    """What an import came to."""

    deal_ids: tuple[UUID, ...]
    errors: tuple[ProblemTold, ...]


class Foreseen(msgspec.Struct, frozen=True):
    """What an import would come to; nothing was kept."""

    deals: int
    errors: tuple[ProblemTold, ...]
    warnings: tuple[WarningTold, ...]


def event_told(event: SaleEvent) -> EventTold:
    return EventTold(**{name: getattr(event, name) for name in EventTold.__struct_fields__})


def deal_told(deal: Deal, skus: Sequence[str] = ()) -> DealTold:
    names = (name for name in DealTold.__struct_fields__ if name != "skus")
    return DealTold(**{name: getattr(deal, name) for name in names}, skus=tuple(skus))


def figures_told(selling: Selling) -> FiguresTold:
    return FiguresTold(
        selling.phase, selling.deal.left, selling.claims, selling.bought, selling.released, selling.revenue_minor
    )


def deal_seen(selling: Selling) -> DealSeen:
    return DealSeen(deal_told(selling.deal, selling.planned.skus), figures_told(selling))


def warnings_told(warned: Sequence[Warned], *, tried: bool = False) -> tuple[WarningTold, ...]:
    """
    Args:
        tried: The deals were only tried: their ids are nobody's.
    """
    return tuple(
        WarningTold(
            each.about, each.title, each.sentence, None if tried else each.deal_id, each.sku, each.price_minor,
            each.lowest_minor,
        )
        for each in warned
    )  # fmt: skip
