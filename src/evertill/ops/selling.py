"""How the deals of a sale event sell: what went, what is held, what became of claims, and how long the rest lasts."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from evertill.deals import Deal, Phase
from evertill.deals.planning import PlannedDeal
from evertill.ids import floor_id
from evertill.ops.chart import Chart, chart
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)

WIDE = 1_000  # a drawing of shares is that wide
MINUTES_DRAWN = 60
_PACE_MINUTES = 10  # what the time to selling out is reckoned from
_PACE_UNITS_MIN = 5  # fewer in that time say nothing of the next
_SKEW = timedelta(hours=1)  # between the clocks that make ids, at the very most


class Shares(msgspec.Struct, frozen=True):
    """Units of a limited deal, drawn WIDE wide: sold, then claimed; the rest is free."""

    sold: int
    claimed: int


class Selling(msgspec.Struct, frozen=True):
    """How one deal sells."""

    planned: PlannedDeal
    phase: Phase
    claims: int  # ever made
    bought: int
    released: int
    revenue_minor: int  # of claims that were bought, at the price they were claimed for
    by_minute: tuple[int, ...]  # units claimed in each of the last 60 minutes, oldest first; () where nobody asked
    seconds_left: float | None  # until it is sold out, if it goes on like that; None: too little is known

    @property
    def deal(self) -> Deal:
        return self.planned.deal

    @property
    def conversion(self) -> float | None:
        """Which part of the claims that ended was bought; None: none has ended."""
        ended = self.bought + self.released
        return self.bought / ended if ended else None

    @property
    def shares(self) -> Shares | None:
        """None: it has no units of its own."""
        if self.deal.units is None:
            return None
        sold = WIDE * self.deal.sold // self.deal.units
        return Shares(sold, WIDE * (self.deal.sold + self.deal.claimed) // self.deal.units - sold)

    @property
    def drawn(self) -> Chart | None:
        """The last hour as bars; None where nothing was claimed in it."""
        return chart(self.by_minute) if any(self.by_minute) else None


class Sums(msgspec.Struct, frozen=True):
    """How all deals of an event sell together."""

    live: int
    sold: int
    claimed: int
    units: int  # of its limited deals
    claims: int
    bought: int
    released: int
    revenue_minor: int

    @property
    def conversion(self) -> float | None:
        ended = self.bought + self.released
        return self.bought / ended if ended else None


async def selling_of(
    pool: Pool, planned: Sequence[PlannedDeal], *, moment: datetime, drawn: Collection[UUID]
) -> tuple[Selling, ...]:
    """
    How these deals sell, in their order.

    Args:
        moment: The one that they were read at.

        drawn: Of which deals the last hour is told as well, and the time to selling out.
    """
    if not planned:
        return ()
    first = min(each.deal.id for each in planned)
    claims = {
        row["deal_id"]: row
        for row in await pool.fetch(sql["claims_of_deals"], [each.deal.id for each in planned], first)
    }
    minutes: dict[UUID, dict[int, tuple[int, int]]] = defaultdict(dict)
    since = floor_id(moment - timedelta(minutes=MINUTES_DRAWN) - _SKEW)
    for minute in await pool.fetch(sql["claims_by_minute"], list(drawn), since, moment, MINUTES_DRAWN):
        minutes[minute["deal_id"]][minute["minutes_ago"]] = (minute["units"], minute["kept"])
    return tuple(
        Selling(
            planned=each,
            phase=each.deal.phase(moment),
            claims=row["claims"] if (row := claims.get(each.deal.id)) else 0,
            bought=row["bought"] if row else 0,
            released=row["released"] if row else 0,
            revenue_minor=row["revenue_minor"] if row else 0,
            by_minute=tuple(
                minutes[each.deal.id].get(ago, (0, 0))[0] for ago in reversed(range(MINUTES_DRAWN))
            ) if each.deal.id in drawn else (),
            seconds_left=seconds_left(
                each.deal, moment,
                kept=sum(minutes[each.deal.id].get(ago, (0, 0))[1] for ago in range(_PACE_MINUTES)),
            ),
        )
        for each in planned
    )  # fmt: skip


def seconds_left(deal: Deal, moment: datetime, *, kept: int) -> float | None:
    """
    How long the free units last, if as many go as in the last ten minutes; None where that says nothing: the deal is
    not limited or not open, or too few went.

    Args:
        kept: Units claimed in the last ten minutes and not given back.
    """
    if deal.left is None or deal.phase(moment) not in (Phase.LIVE, Phase.MEMBERS) or kept < _PACE_UNITS_MIN:
        return None
    opened = min(deal.begins_at, deal.members_from or deal.begins_at)
    span = min(timedelta(minutes=_PACE_MINUTES), max(moment - opened, timedelta(minutes=1)))
    return deal.left * span.total_seconds() / kept


def sums_of(selling: Sequence[Selling]) -> Sums:
    """All of them together."""
    return Sums(
        live=sum(each.phase in (Phase.LIVE, Phase.MEMBERS, Phase.CLAIMED) for each in selling),
        sold=sum(each.deal.sold for each in selling),
        claimed=sum(each.deal.claimed for each in selling),
        units=sum(each.deal.units or 0 for each in selling),
        claims=sum(each.claims for each in selling),
        bought=sum(each.bought for each in selling),
        released=sum(each.released for each in selling),
        revenue_minor=sum(each.revenue_minor for each in selling),
    )
