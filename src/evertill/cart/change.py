"""
Change what one wants.

A verb whose answer depends on what is in the cart locks the cart's row first: two tabs that press at once come one
after the other, and neither's change is lost. Stock and prices are only read: a cart holds nothing back, the till does,
and what is claimed of limited deals (claiming.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.cart.model import quantity_after_adding, quantity_after_setting, still_sold
from evertill.cart.opening import open_cart
from evertill.cart.viewing import view
from evertill.catalog.model import OfferOfProduct
from evertill.catalog.shelves import offers_by_sku
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)


class InDeal(msgspec.Struct, frozen=True):
    """A SKU on which there are deals, or claims of deals that are over; and what the cart has of it."""

    offer: OfferOfProduct
    in_cart: int
    other_lines: int
    claim_id: UUID | None


async def put(
    connection: Connection,
    *,
    browser_hash: bytes,
    customer_id: UUID | None,
    sku: str,
    quantity: int,
    now: datetime,
    price_minor: int | None = None,
) -> InDeal | None:
    """
    Put that many more of a SKU into the cart, at today's price.

    Args:
        quantity: 1 to 999.

        price_minor: Where there are deals on it: what it costs without a claim.

    Returns:
        Where there are deals on it and no price was said, what is to be looked at first; nothing was put in then.

    Raises:
        NotFound: No such SKU is sold.
        Conflict: The cart has 100 lines already.
        Invalid: With what the cart holds already it is more than is free, or more than 999.
    """
    offer = await _offer(connection, sku)
    async with connection.transaction():
        cart_id = await open_cart(connection, browser_hash=browser_hash, customer_id=customer_id, now=now)
        room = await connection.fetchrow(sql["room"], cart_id, sku)
        assert room is not None  # an aggregate has one row
        if price_minor is None and (room["in_deal"] or room["claim_id"] is not None):
            return InDeal(offer, room["in_cart"], room["other_lines"], room["claim_id"])
        whole = quantity_after_adding(offer, quantity, in_cart=room["in_cart"], other_lines=room["other_lines"])
        price = offer.price_minor if price_minor is None else price_minor
        await connection.execute(sql["put_line"], cart_id, sku, whole, price, now, None)
    return None


async def set_quantity(
    connection: Connection | Pool, *, browser_hash: bytes, customer_id: UUID | None, sku: str, quantity: int
) -> None:
    """
    Want another quantity of a SKU that is in the cart. Where another tab took it out meanwhile, it stays out.

    Args:
        quantity: 1 to 999.

    Raises:
        NotFound: It is no longer sold.
        Invalid: More than is free.
    """
    whole = quantity_after_setting(await _offer(connection, sku), quantity)
    await connection.execute(sql["set_line_quantity"], browser_hash, customer_id, sku, whole)


async def remove(
    connection: Connection | Pool, *, browser_hash: bytes, customer_id: UUID | None, sku: str
) -> UUID | None:
    """
    Take a SKU out of the cart. One that is not in it is out already.

    Returns:
        The claim that the line named, if it did.
    """
    claim_id: UUID | None = await connection.fetchval(sql["remove_line"], browser_hash, customer_id, sku)
    return claim_id


async def accept_prices(
    connection: Connection | Pool, *, browser_hash: bytes, customer_id: UUID | None, shown: Mapping[str, int]
) -> None:
    """
    Accept the new prices a page showed. One that has changed again since is not taken over: it is told again.

    Args:
        shown: SKU to the price shown, in minor units.
    """
    cart = await view(connection, browser_hash=browser_hash, customer_id=customer_id)
    still = [line for line in cart.lines if line.sold and line.price_minor == shown.get(line.sku)]
    await connection.execute(
        sql["set_line_prices"],
        browser_hash,
        customer_id,
        [line.sku for line in still],
        [line.price_minor for line in still],
        [line.held.id if line.held is not None else None for line in still],
    )


async def take_out(
    connection: Connection,
    *,
    browser_hash: bytes,
    customer_id: UUID | None,
    bought: Mapping[str, int],
    claims: Sequence[UUID] = (),
) -> None:
    """
    Take out what was bought. What was put in or raised in another tab meanwhile stays.

    Args:
        bought: SKU to units.

        claims: That were taken over.
    """
    async with connection.transaction():
        cart_id = await connection.fetchval(sql["lock_cart"], browser_hash, customer_id)
        if cart_id is not None:
            skus, units = list(bought), list(bought.values())
            await connection.execute(sql["take_out_whole"], cart_id, skus, units, list(claims))
            await connection.execute(sql["take_out_part"], cart_id, skus, units)


async def _offer(connection: Connection | Pool, sku: str) -> OfferOfProduct:
    return still_sold((await offers_by_sku(connection, [sku])).get(sku))
