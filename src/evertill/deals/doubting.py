"""What staff should look at twice before a sale event opens. Nothing of it forbids anything."""

import enum
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.deals.history import Before, lowest_prices
from evertill.deals.model import Kind
from evertill.deals.planning import EVENT_SKUS_MAX, rewrite_deal, write_deal
from evertill.deals.plans import DealPlan
from evertill.deals.pricing import deal_price
from evertill.staff import Actor
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__, "planning.sql")

EACH_MAX = 100  # warnings of one kind


class About(enum.StrEnum):
    """What a warning is about."""

    OVERLAP = "overlap"  # two deals on one SKU at once: the lower price wins
    BEYOND_STOCK = "beyond_stock"  # more units than are free
    NOT_BELOW_LOWEST = "not_below_lowest"  # no reduction against the lowest price of the 30 days before
    PAST = "past"  # over before it was planned


class Warned(msgspec.Struct, frozen=True):
    """One warning."""

    about: About
    deal_id: UUID
    title: str  # of the deal
    sentence: str
    sku: str | None = None  # where it is about one
    other_id: UUID | None = None  # the deal it overlaps with
    price_minor: int | None = None  # the deal's, where it is about a price
    lowest_minor: int | None = None


async def warnings(connection: Connection | Pool, *, event_id: UUID) -> tuple[Warned, ...]:
    """What is doubtful about the deals of an event as they are planned now; a hundred of each kind at the most."""
    return (
        *await _overlapping(connection, event_id),
        *await _beyond_stock(connection, event_id),
        *await _not_below_lowest(connection, event_id),
        *await _past(connection, event_id),
    )


async def doubts_of_plan(
    pool: Pool, plan: DealPlan, *, event_id: UUID, deal_id: UUID | None, seen: int, by: Actor, now: datetime
) -> tuple[Warned, ...]:
    """
    What would be doubtful about a deal if it were planned or changed like this. It is done and undone again in one
    transaction, so what is told is what would be so; nothing is kept.

    Args:
        deal_id: The deal that would be changed; None: it would be a new one.

        seen: The version the form showed.

    Raises:
        NotFound, Invalid, Conflict: As plan_deal and change_deal.
    """
    async with pool.acquire() as connection, undone(connection):
        if deal_id is None:
            planned = await write_deal(connection, plan, event_id=event_id, reason="", by=by, now=now)
        else:
            planned = await rewrite_deal(connection, plan, deal_id=deal_id, seen=seen, reason="", by=by, now=now)
        return about_deal(await warnings(connection, event_id=planned.deal.event_id), planned.deal.id)


def about_deal(warned: Iterable[Warned], deal_id: UUID) -> tuple[Warned, ...]:
    """Those that a deal has part in."""
    return tuple(each for each in warned if deal_id in (each.deal_id, each.other_id))


@asynccontextmanager
async def undone(connection: Connection) -> AsyncIterator[None]:
    """A transaction of which nothing stays."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def _overlapping(connection: Connection | Pool, event_id: UUID) -> list[Warned]:
    return [
        Warned(
            About.OVERLAP,
            row["id"],
            row["title"],
            f"At times two deals are on {_others(row['sku'], row['skus'])}: this one and {row['other_title']}. "
            "The lower price applies.",
            sku=row["sku"],
            other_id=row["other_id"],
        )
        for row in await connection.fetch(sql["overlapping"], event_id, EACH_MAX)
    ]


async def _beyond_stock(connection: Connection | Pool, event_id: UUID) -> list[Warned]:
    return [
        Warned(
            About.BEYOND_STOCK,
            row["id"],
            row["title"],
            f"It has {row['left']:,} units to be claimed, but only {row['free']:,} are in stock and free.",
        )
        for row in await connection.fetch(sql["beyond_stock"], event_id, EACH_MAX)
    ]


async def _not_below_lowest(connection: Connection | Pool, event_id: UUID) -> list[Warned]:
    rows = await connection.fetch(sql["prices"], event_id, EVENT_SKUS_MAX)
    lowest = await lowest_prices(connection, [Before(row["sku"], row["begins"]) for row in rows])
    warned = []
    for row, before in zip(rows, lowest, strict=True):
        price = deal_price(row["price_minor"], kind=Kind(row["kind"]), value=row["value"])
        if price < row["price_minor"] and (before is None or price < before):
            continue
        sentence = (
            f"Its price of {row['sku']} is not below the lowest of the 30 days before: do not call it a reduction."
            if price < row["price_minor"]
            else f"Its price of {row['sku']} is not below the list price: nothing is saved."
        )
        warned.append(
            Warned(
                About.NOT_BELOW_LOWEST,
                row["id"],
                row["title"],
                sentence,
                sku=row["sku"],
                price_minor=price,
                lowest_minor=before,
            )
        )
    return warned[:EACH_MAX]


async def _past(connection: Connection | Pool, event_id: UUID) -> list[Warned]:
    return [
        Warned(About.PAST, row["id"], row["title"], "It was over before it was planned: nobody can ever have it.")
        for row in await connection.fetch(sql["past"], event_id, EACH_MAX)
    ]


def _others(sku: str, skus: int) -> str:
    return sku if skus == 1 else f"{sku} and {skus - 1:,} more"
