"""What a sale event will be like, or was, at a moment: where its deals stand, and what everything costs."""

from collections import defaultdict
from datetime import datetime

import msgspec

from evertill.checkout.sessions import title_of
from evertill.deals import Deal
from evertill.deals.history import deal_of
from evertill.deals.model import SaleEvent
from evertill.deals.pricing import best_deal
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)

SKUS_SHOWN = 100


class PriceAt(msgspec.Struct, frozen=True):
    """What one SKU costs at a moment."""

    sku: str
    title: str
    currency: str
    list_minor: int
    price_minor: int
    deal: Deal | None  # whose price it is; None: it is the list price


async def prices_at(
    pool: Pool, event: SaleEvent, *, moment: datetime, member: bool, after: str = ""
) -> tuple[PriceAt, ...]:
    """
    What the SKUs of an event cost at a moment as things are planned now, deals of other events included; a hundred in
    SKU order.

    Args:
        member: For a member; otherwise for everybody.

        after: The last SKU of the page before.
    """
    rows = await pool.fetch(sql["skus_on_sale"], event.id, after, SKUS_SHOWN)
    deals: dict[str, list[Deal]] = defaultdict(list)
    for row in await pool.fetch(sql["deals_on_at"], [row["sku"] for row in rows], moment):
        deals[row["sku"]].append(deal_of(row))
    prices = []
    for row in rows:
        best = best_deal(deals[row["sku"]], list_minor=row["price_minor"], moment=moment, member=member)
        prices.append(
            PriceAt(
                sku=row["sku"],
                title=title_of(row["title"], row["option_values"]),
                currency=row["currency"],
                list_minor=row["price_minor"],
                price_minor=best.price_minor if best else row["price_minor"],
                deal=best.deal if best else None,
            )
        )
    return tuple(prices)
