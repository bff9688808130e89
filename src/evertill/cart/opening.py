"""The cart that every change begins with. It knows nothing else of carts, so that signing in can join them."""

from datetime import datetime
from uuid import UUID

from evertill.ids import new_id
from evertill.storage import Connection, Statements

sql = Statements.of(__package__)


async def open_cart(
    connection: Connection, *, browser_hash: bytes | None, customer_id: UUID | None, now: datetime
) -> UUID:
    """The owner's cart, made if there is none; locked until the transaction around it ends."""
    if customer_id is None:
        cart_id: UUID = await connection.fetchval(sql["open_browser_cart"], new_id(), browser_hash, now)
    else:
        cart_id = await connection.fetchval(sql["open_customer_cart"], new_id(), customer_id, now)
    return cart_id
