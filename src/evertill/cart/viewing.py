"""Look into a cart."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from evertill.cart.model import Cart, Line
from evertill.catalog.model import OfferOfProduct
from evertill.catalog.shelves import offers_by_sku
from evertill.deals.costing import Costs, costs_of
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)


async def view(connection: Connection | Pool, *, browser_hash: bytes, customer_id: UUID | None) -> Cart:
    """
    What one wants, each line beside its price and stock of this moment, and what holds it.

    Args:
        browser_hash: Whose cart it is while nobody is signed in.

        customer_id: Whose cart it is otherwise.
    """
    rows = await connection.fetch(sql["lines"], browser_hash, customer_id)
    offers = await offers_by_sku(connection, [row["sku"] for row in rows])
    costs = await _costs(connection, rows, customer_id)
    return Cart(
        lines=tuple(_line(row, offers.get(row["sku"]), costs, customer_id) for row in rows),
        moment=None if costs is None else costs.moment,
    )


async def _costs(
    connection: Connection | Pool, rows: Sequence[asyncpg.Record], customer_id: UUID | None
) -> Costs | None:
    dealt = [row["sku"] for row in rows if row["in_deal"] or row["claim_id"] is not None]
    if not dealt:
        return None
    return await costs_of(
        connection,
        skus=dealt,
        customers=() if customer_id is None else (customer_id,),
        claims=[row["claim_id"] for row in rows if row["claim_id"] is not None],
    )


def _line(row: asyncpg.Record, offer: OfferOfProduct | None, costs: Costs | None, customer_id: UUID | None) -> Line:
    sku, quantity = row["sku"], row["quantity"]
    if offer is None or costs is None:
        return Line(sku, quantity, row["price_minor"], offer)
    held = costs.held(row["claim_id"], sku, holder=None, customer_id=customer_id)
    if held is not None:
        return Line(
            sku, held.quantity, row["price_minor"], offer, costs.cost_held(held, offer.price_minor), held,
            put_in=quantity if quantity != held.quantity else 0,
        )  # fmt: skip
    return Line(
        sku, quantity, row["price_minor"], offer, costs.cost(sku, offer.price_minor, customer_id=customer_id),
        lost=costs.claims.get(row["claim_id"]) if row["claim_id"] is not None else None,
        claimable=costs.to_claim(sku, offer.price_minor, customer_id=customer_id),
    )  # fmt: skip
