"""What staff do with the catalogue: put a product on the shelves or take it off, and set a variant's price."""

import enum
from datetime import datetime
from uuid import UUID

from evertill.deals.history import note_prices
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound
from evertill.staff import record_action
from evertill.storage import Pool, Statements

sql = Statements.of(__package__, "changing.sql")

PRICE_MINOR_MAX = 100_000_000
_REASON_CHARACTERS = range(3, 301)


class ProductStatus(enum.StrEnum):
    """Whether a product can be bought."""

    ACTIVE = "active"  # on the shelves
    DRAFT = "draft"  # not yet
    ARCHIVED = "archived"  # no longer


async def change_status(
    pool: Pool, *, handle: str, status: ProductStatus, reason: str, staff_id: UUID, now: datetime
) -> None:
    """
    Put a product on the shelves (active), or take it off (draft, archived). The same again changes nothing.

    Whoever has it in a cart is told before paying; orders that were taken are not touched.

    Raises:
        NotFound: There is no such product.
        Invalid: No reason was given.
    """
    _check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        before = await connection.fetchrow(sql["lock_product"], handle)
        if before is None:
            raise NotFound("product_not_found", "There is no such product.")
        if before["status"] == status:
            return
        await connection.execute(sql["change_status"], before["id"], status, now)
        await record_action(
            connection,
            staff_id=staff_id,
            verb="change_status",
            subject=f"product:{before['id']}",
            reason=reason,
            facts={"before": before["status"], "after": status},
            now=now,
        )


async def change_price(
    pool: Pool, *, sku: str, price_minor: int, seen_minor: int, reason: str, staff_id: UUID, now: datetime
) -> None:
    """
    Set a variant's price. The same again changes nothing.

    Whoever was shown the old one is told, and asked again, before paying.

    Args:
        seen_minor: The price the form showed: what somebody else set meanwhile is not overwritten unseen.

    Raises:
        NotFound: There is no such SKU.
        Conflict: The price is another than the form showed.
        Invalid: The price or the reason cannot be.
    """
    if not 0 < price_minor <= PRICE_MINOR_MAX:
        raise _wrong("price", "More than nothing, and within reason.")
    _check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        before = await connection.fetchrow(sql["lock_variant"], sku)
        if before is None:
            raise NotFound("not_found", "There is no such SKU.")
        if before["price_minor"] == price_minor:
            return
        if before["price_minor"] != seen_minor:
            raise Conflict(
                "price_changed_meanwhile",
                "Somebody has changed this price since you opened the page. Please look at it again.",
                facts={"price_minor": before["price_minor"]},
            )
        await connection.execute(sql["change_price"], sku, price_minor, now)
        await note_prices(connection, [sku])
        await record_action(
            connection,
            staff_id=staff_id,
            verb="change_price",
            subject=f"sku:{sku}",
            reason=reason,
            facts={"before": before["price_minor"], "after": price_minor, "currency": before["currency"]},
            now=now,
        )


def _check_reason(reason: str) -> None:
    if len(reason) not in _REASON_CHARACTERS:
        raise _wrong("reason", "Say why, in 3 to 300 characters.")


def _wrong(field: str, problem: str) -> Invalid:
    return Invalid("invalid", problem, fields=[FieldProblem(field, problem)])
