"""What rain checks there are: for those who have them, and for staff."""

from uuid import UUID

from evertill.catalog.shelves import offers_by_sku
from evertill.deals.standing import at_home
from evertill.rainchecks.model import Grant, RainCheck
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)

_OPEN_SHOWN = 50
_GRANTS_SHOWN = 50


async def open_rain_checks(
    connection: Connection | Pool, *, holder: str, customer_id: UUID | None
) -> tuple[RainCheck, ...]:
    """What somebody may redeem at this moment, what ends next first; fifty at the most, and only what is sold still."""
    rows = await connection.fetch(sql["open_rain_checks"], holder, customer_id, _OPEN_SHOWN)
    if not rows:
        return ()
    offers = await offers_by_sku(connection, {row["sku"] for row in rows})
    return tuple(
        RainCheck(
            id=row["id"],
            sku=offer.sku,
            title=offer.name,
            handle=offer.handle,
            quantity=row["quantity"],
            price_minor=min(row["price_minor"], offer.price_minor),
            currency=offer.currency,
            until=at_home(row),
        )
        for row in rows
        if (offer := offers.get(row["sku"])) is not None and offer.on_sale
    )


async def grants_of(connection: Connection | Pool, deal_id: UUID) -> tuple[Grant, ...]:
    """What was given for a deal, the latest first; fifty at the most."""
    return tuple(Grant(**dict(row)) for row in await connection.fetch(sql["grants"], deal_id, _GRANTS_SHOWN))


async def join_rain_checks(pool: Pool, *, holder: str, customer_id: UUID) -> None:
    """What a browser was given as a guest is its customer's from now on. Twice changes nothing."""
    await pool.execute(sql["join_rain_checks"], holder, customer_id)
