"""
The till: turns checkout sessions into orders, in groups.

    place ──► lock sessions ─► lock stock ─► decide (pure) ─► write orders, lines, attempts, keys ─► commit
                                                                                     │
                                        the provider is called, outside everything   ▼
    settle ─► lock sessions, orders, attempts ─► lock stock ─► write endings, orders, sessions, stock, outbox ─► commit

Where a line is at a deal's price, deals and claims are locked behind the stock, and written after it; where a code
takes something off, codes behind those.

Placings and settlings that come while a group is being written form the next group, in one transaction
of at most nine round trips, whatever its size; with deals in it, of sixteen; with codes, of four more. An order that
fails (sold out, price changed) fails alone. Rows are locked in one order everywhere, by staff too: sessions, orders,
attempts, stock, deals, claims, codes; within each by key. Stock is locked once, for what is placed and what is settled
together. Two workers that meet all the same are told so by the database, and whoever is told begins anew.
"""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from evertill import stock
from evertill.checkout.model import House
from evertill.checkout.placing import (
    Group,
    Locked,
    Placing,
    PlacingAnswer,
    lock_codes_of,
    lock_deals_of,
    lock_sessions,
    lock_stock,
)
from evertill.checkout.settling import Settled, Settling, lock_attempts, settle_all, write_endings, write_late
from evertill.checkout.takings import Takings
from evertill.clock import Clock
from evertill.storage import Groups, Pool, again_where_told


class Till:
    """
    One per worker. Any number of workers may sell the same stock.

    Args:
        clock: Instead of the database's, by which deals and claims are judged; for tests.
    """

    def __init__(
        self, pool: Pool, *, house: House, provider_name: str, answer_within: timedelta, clock: Clock | None = None
    ) -> None:
        self._pool = pool
        self._house = house
        self._provider_name = provider_name
        self._clock = clock
        self._answer_within = answer_within  # after this an attempt nobody settled is the reconciler's
        self.takings = Takings()
        self.groups: Groups[Placing | Settling, PlacingAnswer | Settled] = Groups("till", self._run)

    async def place(self, ask: Placing) -> PlacingAnswer:
        """
        Take an order: units claimed, order and payment attempt written, durable on return.

        Raises:
            NotFound, Conflict: The session is not theirs or past paying; the key was used for something else.
            Invalid: The session is not complete; names what is missing.
            Unavailable: Too many wait.
        """
        try:
            answer = await self.groups.submit(ask)
        except asyncpg.UniqueViolationError:
            answer = await self.groups.submit(ask)  # a twin was first by a hair: its record answers now
        assert not isinstance(answer, Settled)
        return answer

    async def settle(self, ask: Settling) -> Settled:
        """Write what an attempt came to. Settling twice changes nothing the second time."""
        answer = await self.groups.submit(ask)
        assert isinstance(answer, Settled)
        return answer

    async def _run(self, asks: Sequence[Placing | Settling]) -> Sequence[PlacingAnswer | Settled | Exception]:
        return await again_where_told(self._write, asks)

    async def _write(self, asks: Sequence[Placing | Settling]) -> Sequence[PlacingAnswer | Settled | Exception]:
        placings = [(position, ask) for position, ask in enumerate(asks) if isinstance(ask, Placing)]
        settlings = [(position, ask) for position, ask in enumerate(asks) if isinstance(ask, Settling)]
        answers: dict[int, PlacingAnswer | Settled | Exception] = {}
        moves = stock.Moves()
        async with self._pool.acquire() as connection, connection.transaction():
            placed = Group(self._house, self._provider_name, self._answer_within)
            locked: dict[int, Locked] = {}
            if placings:
                locked = await lock_sessions(connection, placings)
            attempts = await lock_attempts(connection, settlings)
            shelves = await lock_stock(connection, locked, attempts)
            carried = await lock_deals_of(connection, locked, attempts, self._clock)
            codes = await lock_codes_of(connection, locked, attempts, self._clock)
            answers |= placed.decide(placings, locked, shelves, moves, carried, codes)
            endings, late, settled = settle_all(settlings, attempts, moves, carried, codes)
            answers |= settled
            moved = await stock.move_stock(connection, moves)
            if carried is not None:
                await carried.write(connection)
            if codes is not None:
                await codes.write(connection)
            await placed.write(connection)
            await write_endings(connection, endings)
            await write_late(connection, late)
        self.takings.count(taken=placed.taken, not_taken=placed.not_taken, endings=endings, moved=moved)
        return [answers[position] for position in range(len(asks))]
