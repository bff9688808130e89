"""Deals, as tests need them."""

from datetime import datetime, timedelta
from uuid import UUID

from evertill.clock import utc_now
from evertill.deals import Deal, deal_price
from evertill.ids import new_id
from evertill.members.giving import begin_trial
from evertill.storage import Connection, Pool

HOUR = timedelta(hours=1)


def price_of(list_minor: int, deal: Deal) -> int:
    """As the shop works it out."""
    return deal_price(list_minor, kind=deal.kind, value=deal.value)


async def make_deal(
    database: Pool | Connection,
    deal_id: UUID,
    *skus: str,
    units: int | None = 20,
    per_customer: int | None = None,
    claim_minutes: int = 15,
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
    members_from: datetime | None = None,
    members_only: bool = False,
) -> None:
    """A fifth off those SKUs, in an event of its own; since an hour ago and for another, where nothing else is said."""
    now = utc_now()
    event_id = new_id()
    await database.execute(
        """INSERT INTO sale_event (id, slug, name, time_zone, opens_at, closes_at, created_at)
           VALUES ($1, 'sale-' || $1::uuid, 'A sale', 'Europe/London', $2, $3, $2)""",
        event_id, begins_at or now - HOUR, ends_at or now + HOUR,
    )  # fmt: skip
    await database.execute(
        """INSERT INTO deal (id, event_id, title, kind, value, currency, begins_at, ends_at, members_from, members_only,
                             units, per_customer, claim_minutes, created_at)
           VALUES ($1, $2, 'A fifth off', 'percent', 2000, 'GBP', $3, $4, $5, $6, $7, $8, $9, $3)""",
        deal_id, event_id, begins_at or now - HOUR, ends_at or now + HOUR, members_from, members_only, units,
        per_customer, claim_minutes,
    )  # fmt: skip
    await database.execute(
        "INSERT INTO deal_sku (deal_id, sku) SELECT $1, sku FROM unnest($2::text[]) AS sku", deal_id, list(skus)
    )


async def make_customer(database: Pool | Connection) -> UUID:
    """Somebody with an account."""
    id_ = new_id()
    await database.execute(
        """INSERT INTO customer (id, email, email_folded, name, password_hash, created_at)
           VALUES ($1, $2, $2, 'Ada', '', now())""",
        id_, f"{id_.hex}@example.com",
    )  # fmt: skip
    return id_


async def make_member(database: Pool, since: datetime, length: timedelta) -> UUID:
    """Somebody with an account who tries being a member from then on."""
    id_ = await make_customer(database)
    await begin_trial(database, customer_id=id_, length=length, moment=since)
    return id_


async def counts(database: Pool | Connection, deal_id: UUID, sku: str) -> tuple[int, int, int]:
    """Of a deal what is claimed and sold, and of a SKU what is claimed."""
    row = await database.fetchrow(
        "SELECT deal.claimed, deal.sold, stock.claimed FROM deal, stock WHERE deal.id = $1 AND stock.sku = $2",
        deal_id, sku,
    )  # fmt: skip
    assert row is not None
    return row[0], row[1], row[2]
