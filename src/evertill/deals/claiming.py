"""
Claiming units of deals, in groups: many at once, each whole or not at all, and never one too many.

    claim, release, join ──► lock stock ─► lock deals ─► read the clock ─► lock claims ─► decide (granting.py)
                                                                                              │
                    commit ◄── move deals ◄── move stock ◄── write lines ◄── write claims ◄───┘

Rows are locked as the till does, lengthened: stock, deals, claims; within each by key (docs/decisions/0016). The line
of a deal is changed under its deal's lock.

Who waits for a deal of which everything is claimed comes in the same groups: what a group finds free is offered to the
line first (waiting.py). A deal that nobody waits for costs no statement more.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar
from uuid import UUID

import asyncpg

from evertill import stock
from evertill.clock import Clock
from evertill.deals.granting import (
    QUANTITY_MAX,
    Book,
    Bounds,
    Claiming,
    Joined,
    Joining,
    Offer,
    Price,
    Releasing,
    Served,
    Shelf,
)
from evertill.deals.history import deal_of
from evertill.deals.model import Because, Claim, ClaimState
from evertill.deals.waiting import HEADS, Leaving, Lines, Place, PlaceState, Serving, Waiting
from evertill.ids import id_at
from evertill.members import members_among
from evertill.refusals import FieldProblem, Invalid
from evertill.storage import Connection, Groups, Pool, Statements, again_where_told

sql = Statements.of(__package__, "claiming.sql")
stock_sql = Statements.of(stock.__name__)
waiting_sql = Statements.of(__package__, "waiting.sql")

Ask: TypeAlias = Claiming | Releasing | Joining | Waiting | Leaving | Serving
Answer: TypeAlias = Claim | Joined | Place | Served
Kind = TypeVar("Kind", bound=Answer)

_MINUTE = timedelta(minutes=1)
_WHILE_PAYING = timedelta(minutes=10)
_STARTS_MAX = 3


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
        self.groups: Groups[Ask, Answer] = Groups("claims", self._run)

    async def claim(self, ask: Claiming) -> Claim:
        """
        Units of a deal, held for its holder from now on. Pressing twice is one claim; another quantity changes it. By
        this an offer is taken, too.

        Raises:
            Invalid: The quantity is none.
            NotFound: There is no such deal, or not of this SKU.
            NotAllowed: It is for members.
            Conflict: It has not begun, is paused, over, or all claimed; or this customer has as many as one may.
            TooMany: Too many by this holder in a minute, or from this address at once.
            Unavailable: Not at this moment; nothing was claimed.
        """
        _check_quantity(ask.quantity)
        return await self._asked(ask, Claim)

    async def release(self, ask: Releasing) -> Claim:
        """
        Give a claim back; its units are everybody's at once, or the next one's in line. Doing so twice changes nothing.

        Raises:
            NotFound: It is not theirs.
            Conflict: It is part of an order.
            Unavailable: Not at this moment; the claim stands.
        """
        return await self._asked(ask, Claim)

    async def join(self, ask: Joining) -> tuple[Claim, ...]:
        """
        What a browser held as a guest is its customer's from now on, as far as one customer may have it.

        Returns:
            Its claims and those of the customer that they met, as they are now: what was more than one may have is
            given back.

        Raises:
            Unavailable: Not at this moment; the claims stand.
        """
        return (await self._asked(ask, Joined)).claims

    async def extend(self, ids: Sequence[UUID], *, holder: str, customer_id: UUID | None) -> None:
        """Hold claims ten minutes more at the least, while their holder pays: once, however often that is begun."""
        async with self._pool.acquire("deals.extend") as connection:
            await connection.execute(sql["extend_claims"], list(ids), holder, customer_id, _WHILE_PAYING)

    async def wait(self, ask: Waiting) -> Place:
        """
        A place in the line of a deal of which everything is claimed. Who has one keeps it, however often they press.

        Raises:
            Invalid: The quantity is none.
            NotFound: There is no such deal, or not of this SKU.
            NotAllowed: It is for members.
            Conflict: It cannot be claimed at this moment, or needs no waiting; the line is full.
            TooMany: This holder, or this address, has as many places as may be.
            Unavailable: Not at this moment; no place was taken.
        """
        _check_quantity(ask.quantity)
        return await self._asked(ask, Place)

    async def leave(self, ask: Leaving) -> Place:
        """
        Give a place in line up, with the offer it may have: the next is offered it. Doing so twice changes nothing.

        Raises:
            NotFound: It is not theirs.
            Unavailable: Not at this moment; the place stands.
        """
        return await self._asked(ask, Place)

    async def serve(self, ask: Serving) -> int:
        """
        Offer what is free of a deal to its line, or tell it that it is over; returns how many stand in it no more.

        Raises:
            Unavailable: Not at this moment; everybody stands where they stood.
        """
        return (await self._asked(ask, Served)).places

    async def _asked(self, ask: Ask, kind: type[Kind]) -> Kind:
        """Each kind of ask has one kind of answer: see _decide."""
        answer = await self.groups.submit(ask)
        assert isinstance(answer, kind), answer
        return answer

    async def _run(self, asks: Sequence[Ask]) -> Sequence[Answer | Exception]:
        return await again_where_told(self._write, asks)

    async def _write(self, asks: Sequence[Ask]) -> Sequence[Answer | Exception]:
        """A group; begun anew where somebody in line waits for a SKU that it has not locked, for stock comes first."""
        more: frozenset[str] = frozenset()
        for _ in range(_STARTS_MAX - 1):
            try:
                return await self._write_with(asks, more, last=False)
            except _MoreShelves as missing:
                more |= missing.skus
        return await self._write_with(asks, more, last=True)

    async def _write_with(
        self, asks: Sequence[Ask], more: Collection[str], *, last: bool
    ) -> Sequence[Answer | Exception]:
        async with self._pool.acquire("deals.claim") as connection, connection.transaction():
            book = await self._open_book(connection, asks, more, last=last)
            answers = [_decide(book, ask) for ask in asks]
            book.serve_all()
            await _write_book(connection, book)
        return answers

    async def _open_book(
        self, connection: Connection, asks: Sequence[Ask], more: Collection[str], *, last: bool
    ) -> Book:
        """Lock, in order, all that the group may change, and read all that decides."""
        wanting = [ask for ask in asks if isinstance(ask, Claiming | Waiting)]
        releasings = [ask for ask in asks if isinstance(ask, Releasing)]
        leavings = [ask for ask in asks if isinstance(ask, Leaving)]
        joined = await _guest_subjects(connection, [ask for ask in asks if isinstance(ask, Joining)])
        given = await _subjects(connection, releasings, leavings) | {(deal_id, sku) for _, deal_id, sku in joined}
        subjects = {(ask.deal_id, ask.sku) for ask in wanting} | given
        served = {deal_id for deal_id, _ in given} | {ask.deal_id for ask in asks if isinstance(ask, Serving)}
        shelves = await lock_shelves(connection, {sku for _, sku in subjects}.union(more))
        offers, moment = await lock_deals(connection, {deal_id for deal_id, _ in subjects} | served, self._clock)
        known = [ask for ask in wanting if ask.deal_id in offers]
        lines, places = await _open_lines(connection, known, leavings, offers, served, moment)
        missing = {place.sku for place in places if place.lives} - shelves.keys()
        if missing and not last:
            raise _MoreShelves(missing)
        asking = [*known, *(place for place in places if place.state is PlaceState.WAITING)]
        return Book(
            moment,
            offers=offers,
            shelves=shelves,
            claims=await _lock_claims(
                connection,
                [*(ask.claim_id for ask in releasings), *(place.claim_id for place in places if place.claim_id)],
                _counted(asking, joined, offers),
            ),
            lately=await _lately(connection, known, moment),
            nearby=await _nearby(connection, known),
            members=await _members(connection, asking, offers, moment),
            price=self._price,
            bounds=self._bounds,
            lines=lines,
        )


class _MoreShelves(Exception):
    """Somebody in line waits for SKUs that the group has not locked."""

    def __init__(self, skus: Collection[str]) -> None:
        super().__init__(skus)
        self.skus = frozenset(skus)


def _check_quantity(quantity: int) -> None:
    if not 1 <= quantity <= QUANTITY_MAX:
        problem = f"Must be a whole number from 1 to {QUANTITY_MAX}."
        raise Invalid("invalid_quantity", f"How many? {problem}", fields=[FieldProblem("quantity", problem)])


def _decide(book: Book, ask: Ask) -> Answer | Exception:
    match ask:
        case Claiming():
            return book.grant(ask)
        case Releasing():
            return book.give_back(ask)
        case Joining():
            return book.join(ask)
        case Waiting():
            return book.wait(ask)
        case Leaving():
            return book.leave(ask)
        case Serving():
            return book.serve(ask.deal_id)


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
        row["id"]: Offer(deal_of(row), frozenset(row["skus"]), row["time_zone"], row["waited_for"])
        for row in rows
        if row["id"] is not None
    }
    return offers, rows[0]["moment"]


async def _subjects(
    connection: Connection, releasings: Sequence[Releasing], leavings: Sequence[Leaving]
) -> set[tuple[UUID, str]]:
    rows = []
    if releasings:
        rows += await connection.fetch(sql["peek_claims"], [ask.claim_id for ask in releasings])
    if leavings:
        rows += await connection.fetch(waiting_sql["peek_places"], [ask.place_id for ask in leavings])
    return {(row["deal_id"], row["sku"]) for row in rows}


async def _guest_subjects(connection: Connection, joinings: Sequence[Joining]) -> list[tuple[Joining, UUID, str]]:
    if not joinings:
        return []
    rows = await connection.fetch(sql["peek_guest_claims"], list({ask.holder for ask in joinings}))
    return [(ask, row["deal_id"], row["sku"]) for ask in joinings for row in rows if row["holder"] == ask.holder]


async def _open_lines(
    connection: Connection,
    wanting: Sequence[Claiming | Waiting],
    leavings: Sequence[Leaving],
    offers: Mapping[UUID, Offer],
    served: Collection[UUID],
    moment: datetime,
) -> tuple[Lines, list[Place]]:
    """The lines of the group's deals, where there are any; and what is read of them, in their order."""
    waitings = [ask for ask in wanting if isinstance(ask, Waiting)]
    waited = [deal_id for deal_id, offer in offers.items() if offer.waited_for]
    if not waited and not waitings and not leavings:
        return Lines(), []
    await connection.execute(waiting_sql["settle_offers"], waited, moment)
    # Where nothing is free and nothing is given back, nobody in line can be served: who they are does not matter.
    heads = {deal_id: HEADS if deal_id in served or offers[deal_id].deal.left != 0 else 0 for deal_id in waited}
    rows = await connection.fetch(
        waiting_sql["places"],
        list(heads),
        list(heads.values()),
        [ask.deal_id for ask in wanting],
        [ask.holder for ask in wanting],
        [ask.customer_id for ask in wanting],
        [ask.place_id for ask in leavings],
    )
    places = [place_of(row) for row in rows]
    lengths = {row["deal_id"]: row["length"] for row in await connection.fetch(waiting_sql["lengths"], waited)}
    read = dict.fromkeys(lengths, 0)
    for place in places:
        if place.state is PlaceState.WAITING and place.deal_id in read:
            read[place.deal_id] += 1
    counts = await connection.fetch(
        waiting_sql["counts"],
        [ask.deal_id for ask in waitings],
        [ask.holder for ask in waitings],
        [ask.network for ask in waitings],
    )
    lines = Lines(
        places,
        lengths=lengths,
        whole={deal_id for deal_id, length in lengths.items() if read[deal_id] == length},
        of_holder={row["holder"]: row["of_holder"] for row in counts},
        of_network={(row["deal_id"], row["network"]): row["of_network"] for row in counts},
        last_joined={row["deal_id"]: row["last_joined"] for row in counts if row["last_joined"] is not None},
    )
    return lines, places


def _counted(
    asking: Sequence[Claiming | Waiting | Place],
    joined: Sequence[tuple[Joining, UUID, str]],
    offers: Mapping[UUID, Offer],
) -> list[tuple[UUID, str, UUID | None, bool]]:
    """Whose claims of which deals count, and whether all there ever were do."""
    askers = [
        (ask.deal_id, ask.holder, ask.customer_id, offers[ask.deal_id].deal.per_customer is not None) for ask in asking
    ]
    return askers + [(deal_id, ask.holder, ask.customer_id, True) for ask, deal_id, _ in joined]


async def _lock_claims(
    connection: Connection, named: Sequence[UUID], counted: Sequence[tuple[UUID, str, UUID | None, bool]]
) -> list[Claim]:
    rows = await connection.fetch(
        sql["lock_claims"],
        named,
        [deal_id for deal_id, _, _, _ in counted],
        [holder for _, holder, _, _ in counted],
        [customer_id for _, _, customer_id, _ in counted],
        [limited for _, _, _, limited in counted],
    )
    return [claim_of(row) for row in rows]


async def _lately(connection: Connection, claimings: Sequence[Claiming | Waiting], moment: datetime) -> dict[str, int]:
    if not claimings:
        return {}
    holders = list({ask.holder for ask in claimings})
    rows = await connection.fetch(sql["claims_lately"], holders, moment - _MINUTE)
    return {row["holder"]: row["claims"] for row in rows}


async def _nearby(connection: Connection, claimings: Sequence[Claiming | Waiting]) -> dict[tuple[UUID, int], int]:
    counted = list({(ask.deal_id, ask.network) for ask in claimings if ask.network is not None})
    if not counted:
        return {}
    rows = await connection.fetch(
        sql["claims_nearby"], [deal_id for deal_id, _ in counted], [network for _, network in counted]
    )
    return {(row["deal_id"], row["network"]): row["claims"] for row in rows}


async def _members(
    connection: Connection,
    asking: Sequence[Claiming | Waiting | Place],
    offers: Mapping[UUID, Offer],
    moment: datetime,
) -> set[UUID]:
    """Asked only where it decides: once the deals of a group are everybody's, a group costs no statement more."""
    asked = {
        ask.customer_id
        for ask in asking
        if ask.customer_id is not None and offers[ask.deal_id].deal.asks_for_members(moment)
    }
    return await members_among(connection, asked, moment)


async def _write_book(connection: Connection, book: Book) -> None:
    made = list(book.made.values())
    # What is released makes room for what is taken to its browser, and for new ones: claim_one_each.
    released = [claim for claim in book.changed.values() if claim.state is ClaimState.RELEASED]
    await _change_claims(connection, released, book.moment)
    await _change_claims(
        connection, [claim for claim in book.changed.values() if claim.state is not ClaimState.RELEASED], book.moment
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
    await _write_lines(connection, book)
    await _move(connection, book)


async def _change_claims(connection: Connection, changed: Sequence[Claim], moment: datetime) -> None:
    if changed:
        await connection.execute(
            sql["change_claims"],
            [claim.id for claim in changed],
            [claim.quantity for claim in changed],
            [claim.state for claim in changed],
            [claim.ended_because for claim in changed],
            [claim.holder for claim in changed],
            [claim.customer_id for claim in changed],
            [claim.expires_at for claim in changed],
            moment,
        )


async def _write_lines(connection: Connection, book: Book) -> None:
    lines = book.lines
    if lines.ended:
        await connection.execute(waiting_sql["end_lines"], list(lines.ended), book.moment)
    for places, statement in (
        (list(lines.changed.values()), "change_places"),
        (list(lines.made.values()), "make_places"),
    ):
        if places:
            await connection.execute(
                waiting_sql[statement],
                [place.id for place in places],
                [place.deal_id for place in places],
                [place.sku for place in places],
                [place.quantity for place in places],
                [place.holder for place in places],
                [place.customer_id for place in places],
                [place.email for place in places],
                [place.network for place in places],
                [place.state for place in places],
                [place.joined_at for place in places],
                [place.claim_id for place in places],
                [place.offered_at for place in places],
                [place.offered_until for place in places],
                [place.ended_at for place in places],
            )
    told = [
        place
        for place in (*lines.changed.values(), *lines.made.values())
        if place.state is PlaceState.OFFERED and place.email is not None
    ]
    if told:
        await connection.execute(
            waiting_sql["tell_offers"],
            [id_at(book.moment) for _ in told],
            [place.email for place in told],
            [place.sku for place in told],
            [book.units_of(place) for place in told],
            [book.until_of(place) for place in told],
            book.moment,
        )


async def _move(connection: Connection, book: Book) -> None:
    moves, deals = stock.Moves(), dict.fromkeys((deal_id for deal_id, _ in book.moved), 0)
    for (deal_id, sku), units in book.moved.items():
        moves.claim([(sku, units)])
        deals[deal_id] += units
    await stock.move_stock(connection, moves)
    moved = {deal_id: units for deal_id, units in deals.items() if units}
    if moved:
        await connection.execute(sql["move_deals"], list(moved), list(moved.values()))


def place_of(row: asyncpg.Record) -> Place:
    """A row of waiting."""
    return Place(
        id=row["id"],
        deal_id=row["deal_id"],
        sku=row["sku"],
        quantity=row["quantity"],
        holder=row["holder"],
        customer_id=row["customer_id"],
        email=row["email"],
        network=row["network"],
        state=PlaceState(row["state"]),
        joined_at=row["joined_at"],
        claim_id=row["claim_id"],
        offered_at=row["offered_at"],
        offered_until=row["offered_until"],
        ended_at=row["ended_at"],
    )


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
        grant_id=row["grant_id"],
    )
