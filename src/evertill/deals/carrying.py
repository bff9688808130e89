"""
How claims are carried through the till: an order takes them over, and what its payment comes to ends them.

    held ──placed──► ordered ──confirmed──► bought ──cancelled, refunded──► given back
      ▲                 │
      └──── declined ───┴── given up, or their holder has another one ──► released

A rain check goes the same way, but for its end: what is not bought of it is open again, and no deal counts it.
Units are counted when a claim is made; here they only change their name. The till holds sessions, orders, attempts and
stock when it comes here; deals, then claims are locked behind them (docs/decisions/0016).
"""

import enum
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from evertill.clock import Clock
from evertill.deals.claiming import claim_of, lock_deals
from evertill.deals.claiming import sql as claiming_sql
from evertill.deals.granting import Offer
from evertill.deals.model import Because, Claim, ClaimState, Deal
from evertill.deals.pricing import deal_price
from evertill.members import members_among
from evertill.storage import Connection, Statements

sql = Statements.of(__package__, "carrying.sql")

_AGAIN = timedelta(minutes=10)  # for another card
_AGAIN_UNTIL = timedelta(minutes=60)  # past the time it was made for: cards cannot be tried for ever


class Lost(enum.Enum):
    """Why a line is not to be had at its deal's price."""

    CLAIM = "claim"  # is over, given back, or part of another order
    MEMBERS = "members"  # it is for members, and the buyer is none
    DEAL = "deal"  # has ended, is paused, or has another price


class Carried:
    """
    The deals and claims a group of the till has locked, and what becomes of them. Pure; written afterwards.

    Args:
        moment: The database's, read after the locks.

        rivals: Claims whose holder holds another one of the same.

        good_until: Until when rain checks were given.

        members: Those of the group's customers who are.
    """

    def __init__(
        self,
        moment: datetime,
        *,
        offers: Mapping[UUID, Offer],
        claims: Iterable[Claim],
        rivals: Iterable[UUID] = (),
        good_until: Mapping[UUID, datetime] | None = None,
        members: Collection[UUID] = (),
    ) -> None:
        self.moment = moment
        self._offers = offers
        self._claims = {claim.id: claim for claim in claims}
        self._rivals = set(rivals)
        self._good_until = good_until or {}
        self._members = members
        self._again: set[tuple[UUID, str, str]] = set()
        self.ordered: dict[UUID, UUID] = {}  # claims, and the orders that take them
        self.ended: dict[UUID, Claim] = {}

    def claimed(
        self, claim_id: UUID, *, sku: str, quantity: int, holder: str, customer_id: UUID | None
    ) -> Claim | Lost:
        """
        The claim of a line, if it holds its units at this moment and its deal may be paid by who is there. Of a rain
        check it was asked who may have it when it was given.
        """
        claim = self._claims.get(claim_id)
        if (
            claim is None
            or claim.id in self.ordered
            or claim.state is not ClaimState.HELD
            or not claim.lives(self.moment)
            or (claim.sku, claim.quantity) != (sku, quantity)
            or not claim.belongs_to(holder, customer_id)
        ):
            return Lost.CLAIM
        deal = self._offers[claim.deal_id].deal
        if claim.grant_id is None and deal.asks_for_members(self.moment) and customer_id not in self._members:
            return Lost.MEMBERS
        return claim

    def price_now(self, deal_id: UUID, *, sku: str, list_minor: int, customer_id: UUID | None) -> int | Lost:
        """What an unlimited deal makes of a list price, if it is this buyer's at this very moment."""
        offer = self._offers.get(deal_id)
        if offer is None or sku not in offer.skus or offer.deal.limited:
            return Lost.DEAL
        member = customer_id in self._members
        if not offer.deal.open_to(self.moment, member=member):
            return Lost.MEMBERS if offer.deal.open_to(self.moment, member=True) else Lost.DEAL
        return deal_price(list_minor, kind=offer.deal.kind, value=offer.deal.value)

    def deals_of(self, sku: str) -> list[Deal]:
        """The deals on a SKU that are locked here."""
        return [offer.deal for offer in self._offers.values() if sku in offer.skus]

    def deal(self, deal_id: UUID) -> Deal:
        """One that is locked here: of a line, or of its claim."""
        return self._offers[deal_id].deal

    def member(self, customer_id: UUID | None) -> bool:
        return customer_id in self._members

    def order(self, claim_id: UUID, order_id: UUID) -> None:
        """An order takes a claim over."""
        self.ordered[claim_id] = order_id

    def buy(self, ids: Iterable[UUID]) -> None:
        """The payment was confirmed."""
        for id_ in ids:
            if self._claims[id_].state is ClaimState.ORDERED:
                self.ended[id_] = msgspec.structs.replace(self._claims[id_], state=ClaimState.BOUGHT)

    def decline(self, ids: Iterable[UUID], *, for_good: bool) -> list[tuple[str, int]]:
        """
        The payment was declined: held again for a while, so that another card can be tried. A rain check is open again
        until its end.

        Args:
            for_good: The order was given up: everything is released but rain checks.

        Returns:
            The units that stay claimed.
        """
        kept = []
        for id_ in ids:
            claim = self._claims[id_]
            if claim.state is not ClaimState.ORDERED:
                continue
            if claim.grant_id is not None:
                self.ended[id_] = self._open_again(claim)
                kept.append((claim.sku, claim.quantity))
                continue
            subject = claim.deal_id, claim.sku, claim.holder
            if for_good or id_ in self._rivals or subject in self._again:
                self.ended[id_] = msgspec.structs.replace(
                    claim, state=ClaimState.RELEASED, ended_because=Because.DECLINED
                )
                continue
            self._again.add(subject)
            minutes = timedelta(minutes=self._offers[claim.deal_id].deal.claim_minutes)
            until = min(self.moment + _AGAIN, claim.claimed_at + minutes + _AGAIN_UNTIL)
            self.ended[id_] = msgspec.structs.replace(
                claim, state=ClaimState.HELD, expires_at=max(claim.expires_at, until)
            )
            kept.append((claim.sku, claim.quantity))
        return kept

    def _open_again(self, rain_check: Claim) -> Claim:
        until = min(self.moment + _AGAIN, self._good_until[rain_check.id] + _AGAIN_UNTIL)
        return msgspec.structs.replace(rain_check, state=ClaimState.HELD, expires_at=max(rain_check.expires_at, until))

    async def write(self, connection: Connection) -> None:
        """Claims that orders took over, and those whose payment ended."""
        if self.ordered:
            rows = await connection.fetch(sql["order_claims"], list(self.ordered), list(self.ordered.values()))
            assert len(rows) == len(self.ordered)  # they are locked, and were held
        if self.ended:
            ended = list(self.ended.values())
            rows = await connection.fetch(
                sql["settle_claims"],
                [claim.id for claim in ended],
                [claim.state for claim in ended],
                [claim.expires_at for claim in ended],
                [claim.ended_because for claim in ended],
                self.moment,
            )
            assert len(rows) == len(ended)


async def lock_carried(
    connection: Connection,
    *,
    deals: Collection[UUID],
    claims: Collection[UUID],
    customers: Collection[UUID],
    clock: Clock | None,
) -> Carried:
    """
    Lock deals and claims of a group of the till, and read all that decides over them.

    Args:
        deals: Whose price lines are to be sold at.

        claims: Of those lines, and of orders whose payment has ended.

        customers: Who buy.
    """
    peeked = await connection.fetch(claiming_sql["peek_claims"], list(claims)) if claims else []
    offers, moment = await lock_deals(connection, {*deals, *(row["deal_id"] for row in peeked)}, clock)
    rows = await connection.fetch(sql["lock_carried"], list(claims)) if claims else []
    asked = any(offer.deal.asks_for_members(moment) for offer in offers.values())
    members = await members_among(connection, customers, moment) if asked else set[UUID]()
    return Carried(
        moment,
        offers=offers,
        claims=[claim_of(row) for row in rows],
        rivals=[row["id"] for row in rows if row["has_rival"]],
        good_until={row["id"]: row["good_until"] for row in rows if row["grant_id"] is not None},
        members=members,
    )


async def give_back(connection: Connection, *, order_id: UUID) -> None:
    """
    What an order bought of deals is given back, once: to deals that run.

    In the caller's transaction, which holds the order and has moved its stock.
    """
    if await connection.fetch(sql["lock_deals_of_order"], order_id):
        await connection.execute(sql["give_back"], order_id)
