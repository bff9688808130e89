"""
Claiming units of deals, in groups: many at once, each whole or not at all, and never one too many.

    claim, release, join ──► lock stock ─► lock deals ─► read the clock ─► lock claims ─► decide (granting.py)
                                                                                              │
                             commit ◄── move deals ◄── move stock ◄── write claims ◄──────────┘

Rows are locked as the till does, lengthened: stock, deals, claims; within each by key (docs/decisions/0016).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import asyncpg

from evertill import stock
from evertill.clock import Clock
from evertill.deals.granting import Book, Bounds, Claiming, Joining, Offer, Price, Releasing, Shelf
from evertill.deals.history import deal_of
from evertill.deals.model import Because, Claim, ClaimState
from evertill.members import members_among
from evertill.refusals import FieldProblem, Invalid
from evertill.storage import Connection, Groups, Pool, Statements, again_where_told

sql = Statements.of(__package__, "claiming.sql")
stock_sql = Statements.of(stock.__name__)

QUANTITY_MAX = 999

Ask: TypeAlias = Claiming | Releasing | Joining

_MINUTE = timedelta(minutes=1)
_WHILE_PAYING = timedelta(minutes=10)


class Claims:
    """
    One per worker. Any number of workers may claim of the same deal.

    Args:
        price: What a deal makes of a list price.

        clock: Instead of the database's, for tests.
    """

    def __init__(self, pool: Pool, *, price: Price, bounds: Bounds | None = None, clock: Clock | None = None) -> None:
        self._pool = pool
        self._price = price
        self._bounds = bounds or Bounds()
        self._clock = clock
        self.groups: Groups[Ask, tuple[Claim, ...]] = Groups("claims", self._run)

    async def claim(self, ask: Claiming) -> Claim:
        """
        Units of a deal, held for its holder from now on. Pressing twice is one claim; another quantity changes it.

        Raises:
            Invalid: The quantity is none.
            NotFound: There is no such deal, or not of this SKU.
            NotAllowed: It is for members.
            Conflict: It has not begun, is paused, over, or all claimed; or this customer has as many as one may.
            TooMany: Too many by this holder in a minute, or from this address at once.
            Unavailable: Not at this moment; nothing was claimed.
        """
        if not 1 <= ask.quantity <= QUANTITY_MAX:
            problem = f"Must be a whole number from 1 to {QUANTITY_MAX}."
            raise Invalid("invalid_quantity", f"How many? {problem}", fields=[FieldProblem("quantity", problem)])
        (claim,) = await self.groups.submit(ask)
        return claim

    async def release(self, ask: Releasing) -> Claim:
        """
        Give a claim back; its units are everybody's at once. Doing so twice changes nothing.

        Raises:
            NotFound: It is not theirs.
            Conflict: It is part of an order.
            Unavailable: Not at this moment; the claim stands.
        """
        (claim,) = await self.groups.submit(ask)
        return claim

    async def join(self, ask: Joining) -> tuple[Claim, ...]:
        """
        What a browser held as a guest is its customer's from now on, as far as one customer may have it.

        Returns:
            Its claims and those of the customer that they met, as they are now: what was more than one may have is
            given back.

        Raises:
            Unavailable: Not at this moment; the claims stand.
        """
        return await self.groups.submit(ask)

    async def extend(self, ids: Sequence[UUID], *, holder: str, customer_id: UUID | None) -> None:
        """Hold claims ten minutes more at the least, while their holder pays: once, however often that is begun."""
        async with self._pool.acquire("deals.extend") as connection:
            await connection.execute(sql["extend_claims"], list(ids), holder, customer_id, _WHILE_PAYING)

    async def _run(self, asks: Sequence[Ask]) -> Sequence[tuple[Claim, ...] | Exception]:
        return await again_where_told(self._write, asks)

    async def _write(self, asks: Sequence[Ask]) -> Sequence[tuple[Claim, ...] | Exception]:
        async with self._pool.acquire("deals.claim") as connection, connection.transaction():
            book = await self._open_book(connection, asks)
            answers = [_answer(book, ask) for ask in asks]
            await _write_book(connection, book)
        return answers

    async def _open_book(self, connection: Connection, asks: Sequence[Ask]) -> Book:
        """Lock, in order, all that the group may change, and read all that decides."""
        claimings = [ask for ask in asks if isinstance(ask, Claiming)]
        releasings = [ask for ask in asks if isinstance(ask, Releasing)]
        joinings = [ask for ask in asks if isinstance(ask, Joining)]
        joined = await _guest_subjects(connection, joinings)
        subjects = {(ask.deal_id, ask.sku) for ask in claimings} | await _subjects(connection, releasings)
        subjects |= {(deal_id, sku) for _, deal_id, sku in joined}
        shelves = await lock_shelves(connection, {sku for _, sku in subjects})
        offers, moment = await lock_deals(connection, {deal_id for deal_id, _ in subjects}, self._clock)
        known = [ask for ask in claimings if ask.deal_id in offers]
        return Book(
            moment,
            offers=offers,
            shelves=shelves,
            claims=await _lock_claims(connection, releasings, _counted(known, joined, offers)),
            lately=await _lately(connection, known, moment),
            nearby=await _nearby(connection, known),
            members=await _members(connection, known, offers, moment),
            price=self._price,
            bounds=self._bounds,
        )


async def lock_shelves(connection: Connection, skus: Iterable[str]) -> dict[str, Shelf]:
    """The stock of these SKUs, locked in one order."""
    rows = await connection.fetch(stock_sql["lock_stock"], list(skus))
    return {row["sku"]: Shelf(row["free"], row["price_minor"], row["on_sale"]) for row in rows}


async def lock_deals(
    connection: Connection, ids: Iterable[UUID], clock: Clock | None
) -> tuple[dict[UUID, Offer], datetime]:
    """The deals, locked in one order after their stock, and the moment the locks were had."""
    locked = list(ids)
    await connection.execute(sql["lock_deals"], locked)
    rows = await connection.fetch(sql["locked_deals"], locked, clock() if clock is not None else None)
    offers = {
        row["id"]: Offer(deal_of(row), frozenset(row["skus"]), row["time_zone"])
        for row in rows
        if row["id"] is not None
    }
    return offers, rows[0]["moment"]


async def _subjects(connection: Connection, releasings: Sequence[Releasing]) -> set[tuple[UUID, str]]:
    if not releasings:
        return set()
    rows = await connection.fetch(sql["peek_claims"], [ask.claim_id for ask in releasings])
    return {(row["deal_id"], row["sku"]) for row in rows}


async def _guest_subjects(connection: Connection, joinings: Sequence[Joining]) -> list[tuple[Joining, UUID, str]]:
    if not joinings:
        return []
    rows = await connection.fetch(sql["peek_guest_claims"], list({ask.holder for ask in joinings}))
    return [(ask, row["deal_id"], row["sku"]) for ask in joinings for row in rows if row["holder"] == ask.holder]


def _counted(
    claimings: Sequence[Claiming], joined: Sequence[tuple[Joining, UUID, str]], offers: Mapping[UUID, Offer]
) -> list[tuple[UUID, str, UUID | None, bool]]:
    """Whose claims of which deals count, and whether all there ever were do."""
    claimers = [
        (ask.deal_id, ask.holder, ask.customer_id, offers[ask.deal_id].deal.per_customer is not None)
        for ask in claimings
    ]
    return claimers + [(deal_id, ask.holder, ask.customer_id, True) for ask, deal_id, _ in joined]


async def _lock_claims(
    connection: Connection, releasings: Sequence[Releasing], counted: Sequence[tuple[UUID, str, UUID | None, bool]]
) -> list[Claim]:
    rows = await connection.fetch(
        sql["lock_claims"],
        [ask.claim_id for ask in releasings],
        [deal_id for deal_id, _, _, _ in counted],
        [holder for _, holder, _, _ in counted],
        [customer_id for _, _, customer_id, _ in counted],
        [limited for _, _, _, limited in counted],
    )
    return [claim_of(row) for row in rows]


async def _lately(connection: Connection, claimings: Sequence[Claiming], moment: datetime) -> dict[str, int]:
    if not claimings:
        return {}
    holders = list({ask.holder for ask in claimings})
    rows = await connection.fetch(sql["claims_lately"], holders, moment - _MINUTE)
    return {row["holder"]: row["claims"] for row in rows}


async def _nearby(connection: Connection, claimings: Sequence[Claiming]) -> dict[tuple[UUID, int], int]:
    counted = list({(ask.deal_id, ask.network) for ask in claimings if ask.network is not None})
    if not counted:
        return {}
    rows = await connection.fetch(
        sql["claims_nearby"], [deal_id for deal_id, _ in counted], [network for _, network in counted]
    )
    return {(row["deal_id"], row["network"]): row["claims"] for row in rows}


async def _members(
    connection: Connection, claimings: Sequence[Claiming], offers: Mapping[UUID, Offer], moment: datetime
) -> set[UUID]:
    """Asked only where it decides: once the deals of a group are everybody's, a group costs no statement more."""
    asked = {
        ask.customer_id
        for ask in claimings
        if ask.customer_id is not None and offers[ask.deal_id].deal.asks_for_members(moment)
    }
    return await members_among(connection, asked, moment)


def _answer(book: Book, ask: Ask) -> tuple[Claim, ...] | Exception:
    if isinstance(ask, Joining):
        return book.join(ask)
    answer = book.grant(ask) if isinstance(ask, Claiming) else book.give_back(ask)
    return (answer,) if isinstance(answer, Claim) else answer


async def _write_book(connection: Connection, book: Book) -> None:
    changed, made = list(book.changed.values()), list(book.made.values())
    if changed:
        await connection.execute(
            sql["change_claims"],
            [claim.id for claim in changed],
            [claim.quantity for claim in changed],
            [claim.state for claim in changed],
            [claim.ended_because for claim in changed],
            [claim.customer_id for claim in changed],
            book.moment,
        )
    if made:
        await connection.execute(
            sql["make_claims"],
            [claim.id for claim in made],
            [claim.deal_id for claim in made],
            [claim.sku for claim in made],
            [claim.quantity for claim in made],
            [claim.price_minor for claim in made],
            [claim.holder for claim in made],
            [claim.customer_id for claim in made],
            [claim.network for claim in made],
            [claim.state for claim in made],
            [claim.expires_at for claim in made],
            [claim.ended_because for claim in made],
            book.moment,
        )
    await _move(connection, book)


async def _move(connection: Connection, book: Book) -> None:
    moves, deals = stock.Moves(), dict.fromkeys((deal_id for deal_id, _ in book.moved), 0)
    for (deal_id, sku), units in book.moved.items():
        moves.claim([(sku, units)])
        deals[deal_id] += units
    await stock.move_stock(connection, moves)
    moved = {deal_id: units for deal_id, units in deals.items() if units}
    if moved:
        await connection.execute(sql["move_deals"], list(moved), list(moved.values()))


def claim_of(row: asyncpg.Record) -> Claim:
    """A row of claim."""
    because = row["ended_because"]
    return Claim(
        id=row["id"],
        deal_id=row["deal_id"],
        sku=row["sku"],
        quantity=row["quantity"],
        price_minor=row["price_minor"],
        holder=row["holder"],
        customer_id=row["customer_id"],
        state=ClaimState(row["state"]),
        claimed_at=row["claimed_at"],
        expires_at=row["expires_at"],
        extended_at=row["extended_at"],
        order_id=row["order_id"],
        ended_because=None if because is None else Because(because),
        network=row["network"],
    )
