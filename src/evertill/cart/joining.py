"""Join a guest's cart to the account's at sign-in."""

from datetime import datetime
from uuid import UUID

from evertill.cart.opening import open_cart
from evertill.storage import Connection, Statements

sql = Statements.of(__package__)


async def join_carts(connection: Connection, *, browser_hash: bytes, customer_id: UUID, now: datetime) -> None:
    """
    Move what a browser put in before signing in to its customer's cart; the guest's cart is gone afterwards.

    Nothing is lost: of a SKU both hold, the larger quantity stays, and the result may have more lines than
    one may otherwise put in. Two tabs that sign in at once join it once. May be called inside a transaction.

    Carts are locked guest first, account second; every other verb locks one cart only, so nothing can deadlock.
    """
    async with connection.transaction():
        guest_cart = await connection.fetchval(sql["lock_guest_cart"], browser_hash)
        if guest_cart is None:
            return
        account_cart = await open_cart(connection, browser_hash=None, customer_id=customer_id, now=now)
        await connection.execute(sql["join_lines"], guest_cart, account_cart)
        await connection.execute(sql["drop_cart"], guest_cart)
