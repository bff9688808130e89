"""Look into a cart."""

from uuid import UUID

from evertill.cart.model import Cart, Line
from evertill.catalog.shelves import offers_by_sku
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)


async def view(connection: Connection | Pool, *, browser_hash: bytes, customer_id: UUID | None) -> Cart:
    """
    What one wants, each line beside its price and stock of this moment.

    Args:
        browser_hash: Whose cart it is while nobody is signed in.

        customer_id: Whose cart it is otherwise.
    """
    rows = await connection.fetch(sql["lines"], browser_hash, customer_id)
    offers = await offers_by_sku(connection, [row["sku"] for row in rows])
    return Cart(
        lines=tuple(Line(row["sku"], row["quantity"], row["price_minor"], offers.get(row["sku"])) for row in rows)
    )
