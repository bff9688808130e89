"""
The price of every SKU over time, as everybody paid it, a row for each change.

    a list price changes ──────────────────────┐
    a deal is planned, changed, paused, ended ─┴─► note_prices: what is now, and what is foreseen

Begin and end of a deal are known when it is planned, so their rows are written then, dated ahead: no duty has to wake
at the right moment, and none can be late. Whatever changes the plan writes what is ahead anew; what is past stays.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg
import msgspec

from evertill.deals.model import Deal, Kind
from evertill.deals.pricing import PriceFrom, prices_ahead
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__, "history.sql")

LOWEST_OF_DAYS = 30  # Directive 98/6/EC, article 6a(2): not shorter


class Before(msgspec.Struct, frozen=True):
    """A question: how low was the price of a SKU in the days before a moment."""

    sku: str
    moment: datetime


class PastPrice(msgspec.Struct, frozen=True):
    """What a SKU cost before this shop knew it, by books kept elsewhere."""

    sku: str
    since: datetime
    price_minor: int


async def lock_variants(connection: Connection, skus: Collection[str]) -> None:
    """
    Lock SKUs whose prices are going to change, until the transaction ends.

    Whoever locks deals, too, locks these first: an import holds variants when it comes to stock, and a group of claims
    holds stock when it comes to deals.
    """
    await connection.execute(sql["lock_variants"], sorted(skus))


async def note_prices(connection: Connection, skus: Collection[str]) -> None:
    """
    Write what those SKUs cost everybody from now on, and what is foreseen. The same again writes nothing new.

    Called last in the transaction that changed a list price or a deal, holding the locks of the variants. "Now" is the
    database's.
    """
    if not skus:
        return
    prices = await connection.fetch(sql["list_prices"], sorted(skus))
    if not prices:
        return
    moment: datetime = prices[0]["now"]
    deals: dict[str, list[Deal]] = defaultdict(list)
    for row in await connection.fetch(sql["deals_ahead"], sorted(skus), moment):
        deals[row["sku"]].append(deal_of(row))
    rows: list[tuple[str, PriceFrom]] = []
    for known in prices:
        now, *ahead = prices_ahead(deals[known["sku"]], list_minor=known["list_minor"], moment=moment)
        if (now.price_minor, now.deal_id) != (known["price_minor"], known["deal_id"]):
            rows.append((known["sku"], now))
        rows.extend((known["sku"], price) for price in ahead)
    await connection.execute(sql["forget_foreseen"], [known["sku"] for known in prices], moment)
    await connection.execute(
        sql["write_prices"], [sku for sku, _ in rows], [price.since for _, price in rows],
        [price.price_minor for _, price in rows], [price.deal_id for _, price in rows],
    )  # fmt: skip


async def note_past_prices(pool: Pool, prices: Collection[PastPrice]) -> None:
    """
    Write what SKUs cost before their history here begins. What is known stays as it is; the same again writes nothing.

    Args:
        prices: One of each SKU at the most.
    """
    async with pool.acquire() as connection, connection.transaction():
        await lock_variants(connection, [price.sku for price in prices])
        await connection.execute(
            sql["write_past_prices"], [price.sku for price in prices], [price.since for price in prices],
            [price.price_minor for price in prices],
        )  # fmt: skip


async def lowest_price(
    connection: Connection | Pool, skus: Collection[str], *, before: datetime, days: int = LOWEST_OF_DAYS
) -> Mapping[str, int]:
    """
    The lowest price of SKUs in the days before a moment, in minor units.

    Args:
        before: When the reduction began (pricing.py: reduction_begins); a price of that very moment does not count.

    Returns:
        Of each SKU that had a price then. One that has been sold for fewer days: the lowest since it was.
    """
    asked = sorted(set(skus))
    lowest = await lowest_prices(connection, [Before(sku, before) for sku in asked], days=days)
    return {sku: price for sku, price in zip(asked, lowest, strict=True) if price is not None}


async def lowest_prices(
    connection: Connection | Pool, asked: Sequence[Before], *, days: int = LOWEST_OF_DAYS
) -> tuple[int | None, ...]:
    """The same for SKUs each with a moment of its own, in the same order; None: it had no price then."""
    rows = await connection.fetch(
        sql["lowest"],
        list(range(len(asked))),
        [each.sku for each in asked],
        [each.moment - timedelta(days=days) for each in asked],
        [each.moment for each in asked],
    )
    lowest = {row["ask"]: row["price_minor"] for row in rows}
    return tuple(lowest[ask] for ask in range(len(asked)))


def deal_of(row: asyncpg.Record) -> Deal:
    """A deal as the statements of this slice name its columns."""
    return Deal(
        id=row["id"], event_id=row["event_id"], title=row["title"], kind=Kind(row["kind"]), value=row["value"],
        currency=row["currency"], begins_at=row["begins_at"], ends_at=row["ends_at"], members_from=row["members_from"],
        members_only=row["members_only"], stackable=row["stackable"], units=row["units"], claimed=row["claimed"],
        sold=row["sold"], per_customer=row["per_customer"], claim_minutes=row["claim_minutes"],
        paused_at=row["paused_at"], ended_at=row["ended_at"], version=row["version"],
        event_ended_at=row["event_ended_at"],
    )  # fmt: skip
