"""
What SKUs cost those who look at this moment: list price, their best deal, or what a claim of theirs holds.

Shelves, carts and checkout sessions all ask here; the till, which sells, asks again under its locks (carrying.py). The
moment is the database's.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from evertill.deals.claiming import claim_of
from evertill.deals.history import Before, lowest_prices
from evertill.deals.model import Claim, ClaimState, Deal
from evertill.deals.pricing import Applied, Saving, reduction_begins, saving, standing, to_claim
from evertill.deals.standing import at_home, deals_of_skus, sql
from evertill.members import members_among
from evertill.storage import Connection, Pool


class Cost(msgspec.Struct, frozen=True):
    """What one unit costs somebody."""

    list_minor: int
    price_minor: int
    deal_id: UUID | None = None  # whose price it is; None: the list price
    claim_id: UUID | None = None  # what holds it at that price
    lowest_minor: int | None = None  # of the 30 days before that deal; None: nobody knows, or there is no deal
    deal_title: str = ""
    takes_codes: bool = True  # whether a code may take something off on top of that deal

    @property
    def saving(self) -> Saving | None:
        """What is saved by its deal; None: it has none."""
        if self.deal_id is None:
            return None
        return saving(self.list_minor, price_minor=self.price_minor, lowest_minor=self.lowest_minor)


class Costs(msgspec.Struct, frozen=True):
    """Deals, claims and members, as they were at one moment: what costs are worked out from."""

    moment: datetime
    deals: Mapping[str, tuple[Deal, ...]]
    claims: Mapping[UUID, Claim]
    lowest: Mapping[tuple[str, UUID], int | None]  # by SKU and deal
    members: frozenset[UUID]
    titles: Mapping[UUID, str]  # of the deals that claims are of
    no_codes: frozenset[UUID]  # those of them on top of which no code takes anything off

    def cost(self, sku: str, list_minor: int, *, customer_id: UUID | None) -> Cost:
        """Of a unit that nobody has claimed."""
        best = standing(
            self.deals.get(sku, ()), list_minor=list_minor, moment=self.moment, member=customer_id in self.members
        )
        if best is None:
            return Cost(list_minor, list_minor)
        return Cost(
            list_minor, best.price_minor, best.deal_id, lowest_minor=self.lowest.get((sku, best.deal_id)),
            deal_title=best.deal.title, takes_codes=best.deal.stackable,
        )  # fmt: skip

    def to_claim(self, sku: str, list_minor: int, *, customer_id: UUID | None) -> Applied | None:
        """The deal of which it would have to be claimed, to cost less."""
        best = to_claim(
            self.deals.get(sku, ()), list_minor=list_minor, moment=self.moment, member=customer_id in self.members
        )
        if best is None or best.price_minor >= self.cost(sku, list_minor, customer_id=customer_id).price_minor:
            return None
        return best

    def held_by(self, holder: str, customer_id: UUID | None, sku: str) -> Claim | None:
        """
        The cheapest claim somebody holds of a SKU now, whether or not a line names it, or its deal runs still. Rain
        checks are put in by themselves.
        """
        held = (self.held(id_, sku, holder=holder, customer_id=customer_id) for id_ in self.claims)
        claims = (claim for claim in held if claim is not None and claim.grant_id is None)
        return min(claims, key=lambda claim: claim.price_minor, default=None)

    def held(self, claim_id: UUID | None, sku: str, *, holder: str | None, customer_id: UUID | None) -> Claim | None:
        """
        The claim of a line, if it holds units of that SKU now.

        Args:
            holder: Whose it must be; None: whoever asks has shown that already.
        """
        claim = self.claims.get(claim_id) if claim_id is not None else None
        if claim is None or claim.sku != sku or claim.state is not ClaimState.HELD or not claim.lives(self.moment):
            return None
        return claim if holder is None or claim.belongs_to(holder, customer_id) else None

    def cost_held(self, claim: Claim, list_minor: int) -> Cost:
        """Of a unit that is claimed: as it was claimed, never above the list price."""
        return Cost(
            list_minor, min(claim.price_minor, list_minor), claim.deal_id, claim.id,
            self.lowest.get((claim.sku, claim.deal_id)), self.titles.get(claim.deal_id, ""),
            claim.deal_id not in self.no_codes,
        )  # fmt: skip


async def costs_of(
    connection: Connection | Pool,
    *,
    skus: Collection[str],
    customers: Collection[UUID] = (),
    claims: Collection[UUID] = (),
    holders: Collection[str] = (),
) -> Costs:
    """
    What SKUs cost at this moment. Ask only where a SKU has a deal, or a line its claim: it takes some statements.

    Args:
        skus: 1 to 1,000.

        customers: Who is signed in among those who look.

        claims: That their lines name.

        holders: Whose claims count though no line names them, and those of customers with them.
    """
    seen = await deals_of_skus(connection, skus)
    rows = await _claims(connection, skus, customers, claims, holders) if claims or holders else []
    asked = {
        (sku, deal.id): Before(sku, reduction_begins(deal)) for sku, deals in seen.of_sku.items() for deal in deals
    }
    asked |= {(row["sku"], row["deal_id"]): Before(row["sku"], row["reduced_from"]) for row in rows}
    lowest = await lowest_prices(connection, list(asked.values())) if asked else ()
    picky = any(deal.asks_for_members(seen.moment) for deals in seen.of_sku.values() for deal in deals)
    return Costs(
        moment=seen.moment,
        deals=seen.of_sku,
        claims={row["id"]: msgspec.structs.replace(claim_of(row), expires_at=at_home(row)) for row in rows},
        lowest=dict(zip(asked, lowest, strict=True)),
        members=frozenset(await members_among(connection, customers, seen.moment) if picky else ()),
        titles={row["deal_id"]: row["title"] for row in rows},
        no_codes=frozenset(row["deal_id"] for row in rows if not row["stackable"]),
    )


async def _claims(
    connection: Connection | Pool,
    skus: Collection[str],
    customers: Collection[UUID],
    claims: Collection[UUID],
    holders: Collection[str],
) -> list[asyncpg.Record]:
    holding = list(customers) if holders else []
    return await connection.fetch(sql["claims_of_lines"], list(claims), list(holders), holding, list(skus))
