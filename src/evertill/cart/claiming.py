"""
Carts and claims: what is put in of a limited deal is claimed first, whole, and is in the cart at the deal's price.

    put in, another quantity ──► claim (a group of its own) ──► the line names it
    removed ──► the line is gone ──► released
    rain check ──► the line names it ──removed──► open as before

A claim is made with no connection in hand: a crowd at a deal must not take those of everybody else. Whatever dies
between claim and line leaves a claim that nobody sees; pressing again finds it, or the sweeper does.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.cart.change import InDeal, put, remove, set_quantity
from evertill.cart.model import check_room, still_sold
from evertill.cart.opening import open_cart
from evertill.catalog.model import OfferOfProduct
from evertill.catalog.shelves import offers_by_sku
from evertill.deals import Claim, Claiming, Claims, ClaimState, Joining, Releasing
from evertill.deals.costing import Costs, costs_of
from evertill.rainchecks import join_rain_checks
from evertill.refusals import Conflict, NotAllowed, NotFound, TooMany, Unavailable
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)
log = logging.getLogger(__name__)


class Shopper(msgspec.Struct, frozen=True):
    """Whose cart it is, and how claims know them."""

    browser_hash: bytes
    holder: str  # as checkout_session.owner
    customer_id: UUID | None
    network: Callable[[UUID], int | None]  # by deal: where from, hashed; None: not counted


async def put_in(
    pool: Pool, claims: Claims, shopper: Shopper, *, sku: str, quantity: int, at_list: bool, now: datetime
) -> None:
    """
    Put that many more of a SKU into the cart, at the best price there is: claimed, where a limited deal stands on it.

    Args:
        quantity: 1 to 999.

        at_list: Whether no deal is meant of which it would have to be claimed.

    Raises:
        NotFound, Conflict, Invalid: See put.
        NotFound, NotAllowed, Conflict, TooMany, Unavailable: See Claims.claim. Where it can be had without the deal,
            `facts` tell its price (list_minor).
    """
    browser_hash, customer_id = shopper.browser_hash, shopper.customer_id
    async with pool.acquire() as connection:
        found = await put(
            connection, browser_hash=browser_hash, customer_id=customer_id, sku=sku, quantity=quantity, now=now
        )
        if found is None:
            return
        costs = await _costs(connection, shopper, sku, found.claim_id)
        held = costs.held(found.claim_id, sku, holder=None, customer_id=shopper.customer_id)
        to_claim = _to_claim(costs, shopper, found.offer)
        if held is not None and (at_list or held.grant_id is not None):
            raise _one_price(held)
        if held is None and (at_list or to_claim is None):
            price = costs.cost(sku, found.offer.price_minor, customer_id=shopper.customer_id).price_minor
            await put(
                connection, browser_hash=browser_hash, customer_id=customer_id, sku=sku, quantity=quantity, now=now,
                price_minor=price,
            )  # fmt: skip
            return
    check_room(in_cart=found.in_cart, other_lines=found.other_lines)
    in_cart = found.in_cart if held is None else held.quantity
    deal_id = held.deal_id if held is not None else to_claim
    assert deal_id is not None  # one of the two is there
    claim = await _claim(claims, shopper, found, costs, deal_id=deal_id, quantity=in_cart + quantity)
    async with pool.acquire() as connection, connection.transaction():
        cart_id = await open_cart(
            connection, browser_hash=shopper.browser_hash, customer_id=shopper.customer_id, now=now
        )
        price = min(claim.price_minor, found.offer.price_minor)
        await connection.execute(sql["put_line"], cart_id, sku, claim.quantity, price, now, claim.id)


async def change_quantity(
    pool: Pool, claims: Claims, shopper: Shopper, *, sku: str, quantity: int, at_deal: bool = False
) -> None:
    """
    Want another quantity of a SKU that is in the cart; where it is held, its claim is changed.

    Args:
        quantity: 1 to 999.

        at_deal: Whether a line that is not held is to be claimed now, of the deal that stands on it.

    Raises:
        NotFound, Invalid: See set_quantity.
        Conflict: It is held by a rain check, which is had whole.
        NotFound, NotAllowed, Conflict, TooMany, Unavailable: See Claims.claim; the line is as it was.
    """
    row = await pool.fetchrow(sql["line"], shopper.browser_hash, shopper.customer_id, sku)
    if row is not None and (at_deal or row["claim_id"] is not None):
        costs = await _costs(pool, shopper, sku, row["claim_id"])
        offer = still_sold((await offers_by_sku(pool, [sku])).get(sku))
        held = costs.held(row["claim_id"], sku, holder=None, customer_id=shopper.customer_id)
        if held is not None and held.grant_id is not None:
            if quantity == held.quantity:
                return
            raise _whole(held)
        deal_id = held.deal_id if held is not None else _to_claim(costs, shopper, offer) if at_deal else None
        if at_deal and deal_id is None:
            raise Conflict("deal_ended", "There is no such deal on it any more. Nothing was changed.")
        if deal_id is not None:
            found = InDeal(offer, row["quantity"], 0, row["claim_id"])
            claim = await _claim(claims, shopper, found, costs, deal_id=deal_id, quantity=quantity)
            await pool.execute(
                sql["hold_line"], shopper.browser_hash, shopper.customer_id, sku, claim.id, claim.quantity,
                min(claim.price_minor, offer.price_minor),
            )  # fmt: skip
            return
    await set_quantity(
        pool, browser_hash=shopper.browser_hash, customer_id=shopper.customer_id, sku=sku, quantity=quantity
    )


async def put_in_rain_check(pool: Pool, shopper: Shopper, *, claim_id: UUID, now: datetime) -> None:
    """
    Put what a rain check is for into the cart, whole and at its price. Twice, in two tabs or at two workers, is once.

    Raises:
        NotFound: It is not theirs, or what it is for is no longer sold.
        Conflict: It was redeemed, is in an order, or over; the cart holds more of the same at another price, or is
            full.
    """
    row = await pool.fetchrow(sql["rain_check"], claim_id)
    if row is None:
        raise _no_rain_check()
    sku = row["sku"]
    async with pool.acquire() as connection, connection.transaction():
        cart_id = await open_cart(
            connection, browser_hash=shopper.browser_hash, customer_id=shopper.customer_id, now=now
        )
        room = await connection.fetchrow(sql["room"], cart_id, sku)
        assert room is not None  # an aggregate has one row
        asked = {claim_id} | ({room["claim_id"]} if room["claim_id"] is not None else set())
        costs = await costs_of(connection, skus=[sku], claims=asked)
        rain_check = _theirs(costs.claims[claim_id], shopper, costs.moment)
        offer = still_sold((await offers_by_sku(connection, [sku])).get(sku))
        other = costs.held(room["claim_id"], sku, holder=None, customer_id=None)
        if other is not None and other.id != claim_id:
            raise _one_price(other)
        if other is None and room["in_cart"] > rain_check.quantity:
            raise Conflict(
                "more_in_cart",
                f"Your cart holds {room['in_cart']} of these, and the rain check is for {rain_check.quantity}: one "
                "line has one price. Please order those first, or take them out.",
            )
        check_room(in_cart=room["in_cart"], other_lines=room["other_lines"])
        price = min(rain_check.price_minor, offer.price_minor)
        await connection.execute(sql["put_line"], cart_id, sku, rain_check.quantity, price, now, claim_id)


def _theirs(rain_check: Claim, shopper: Shopper, moment: datetime) -> Claim:
    if not rain_check.belongs_to(shopper.holder, shopper.customer_id):
        raise _no_rain_check()
    match rain_check.state:
        case ClaimState.BOUGHT:
            raise Conflict("rain_check_redeemed", "This rain check was redeemed: it is good once.")
        case ClaimState.ORDERED:
            raise Conflict(
                "rain_check_ordered",
                "This rain check is in an order whose payment has not ended yet. You will be told how it ends.",
            )
        case ClaimState.HELD if rain_check.lives(moment):
            return rain_check
        case _:
            raise Conflict("rain_check_over", "This rain check is over. Your cart is as it was.")


def _no_rain_check() -> NotFound:
    return NotFound("no_such_rain_check", "There is no such rain check here.")


def _one_price(held: Claim) -> Conflict:
    by = "with a rain check" if held.grant_id is not None else "at the deal's price"
    return Conflict(
        "held_at_deal",
        f"Your cart holds {held.quantity} of these {by}, and one line has one price. Please order these first.",
    )


def _whole(held: Claim) -> Conflict:
    return Conflict(
        "rain_check_whole",
        f"The rain check is for {held.quantity}, and had whole: take it out of the cart to want another quantity.",
    )


async def take_out_line(pool: Pool, claims: Claims, shopper: Shopper, *, sku: str) -> None:
    """
    Take a SKU out of the cart; what was claimed of it is everybody's at once, unless it is part of an order. A rain
    check is good until its end all the same.
    """
    claim_id = await remove(pool, browser_hash=shopper.browser_hash, customer_id=shopper.customer_id, sku=sku)
    if claim_id is None:
        return
    try:
        await claims.release(Releasing(claim_id, shopper.holder, shopper.customer_id))
    except (NotFound, Conflict) as refusal:
        log.info("claim_not_released claim=%s code=%s", claim_id, refusal.code)
    except Unavailable as refusal:  # the line is out; the sweeper gives back what it held
        log.warning("claim_left_to_its_end claim=%s code=%s", claim_id, refusal.code)


async def join_claims(pool: Pool, claims: Claims, *, holder: str, customer_id: UUID) -> None:
    """
    After carts were joined: what the browser held is its customer's, as far as one customer may have it, and so are the
    rain checks it was given.

    Lines whose claim was given back say so in the cart. Doing it again changes nothing.
    """
    try:
        joined = await claims.join(Joining(holder, customer_id))
    except Unavailable as refusal:  # signed in they are all the same: the claims stay this browser's, and hold
        log.warning("claims_not_joined customer=%s code=%s", customer_id, refusal.code)
        return
    await join_rain_checks(pool, holder=holder, customer_id=customer_id)
    for claim in joined:
        if claim.state is ClaimState.HELD:
            await pool.execute(sql["hold_joined_line"], customer_id, claim.sku, claim.id, claim.price_minor)


async def _costs(connection: Connection | Pool, shopper: Shopper, sku: str, claim_id: UUID | None) -> Costs:
    return await costs_of(
        connection,
        skus=[sku],
        customers=() if shopper.customer_id is None else (shopper.customer_id,),
        claims=() if claim_id is None else (claim_id,),
        holders=(shopper.holder,),
    )


def _to_claim(costs: Costs, shopper: Shopper, offer: OfferOfProduct) -> UUID | None:
    """
    The deal of which it is to be claimed, to cost less; None: there is none.

    One that holds some of it for them comes first, though it is over or paused by now: what was claimed, or offered to
    who waited, in time is honoured.
    """
    sku, list_minor = offer.sku, offer.price_minor
    own = costs.held_by(shopper.holder, shopper.customer_id, sku)
    if own is not None and own.price_minor < costs.cost(sku, list_minor, customer_id=shopper.customer_id).price_minor:
        return own.deal_id
    best = costs.to_claim(sku, list_minor, customer_id=shopper.customer_id)
    return best.deal_id if best is not None else None


async def _claim(
    claims: Claims, shopper: Shopper, found: InDeal, costs: Costs, *, deal_id: UUID, quantity: int
) -> Claim:
    sku = found.offer.sku
    network = shopper.network(deal_id) if shopper.customer_id is None else None
    try:
        return await claims.claim(Claiming(deal_id, sku, quantity, shopper.holder, shopper.customer_id, network))
    except (Conflict, NotAllowed, NotFound, TooMany) as refusal:
        refusal.facts["deal_id"] = str(deal_id)
        if costs.held(found.claim_id, sku, holder=None, customer_id=shopper.customer_id) is None and (
            found.offer.free_units >= quantity
        ):
            cost = costs.cost(sku, found.offer.price_minor, customer_id=shopper.customer_id)
            refusal.facts["list_minor"] = cost.price_minor
        raise
