"""
The sweeper: gives back the units of claims that are over, once, however many workers sweep.

What is over is picked without a lock, for rows are locked in one order everywhere: stock, deals, claims. Under the
locks it is looked at again, by the database's clock: what was released, ordered or extended meanwhile is let be.
"""

from collections.abc import Sequence

import asyncpg

from evertill import stock
from evertill.clock import Clock
from evertill.deals.claiming import lock_deals, lock_shelves, sql
from evertill.storage import Pool

_BITE = 500  # so that nobody waits long behind a sweep for a hot SKU


class Sweeper:
    """
    One per worker; any number may run.

    Args:
        clock: Instead of the database's, for tests.
    """

    def __init__(self, pool: Pool, *, clock: Clock | None = None) -> None:
        self._pool = pool
        self._clock = clock

    async def run_once(self) -> int:
        """Release one bite of what is over; returns how many claims this very call released."""
        moment = self._clock() if self._clock is not None else None
        due = await self._pool.fetch(sql["due_claims"], moment, _BITE)
        return await self._release(due) if due else 0

    async def _release(self, due: Sequence[asyncpg.Record]) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_shelves(connection, {row["sku"] for row in due})
            _, moment = await lock_deals(connection, {row["deal_id"] for row in due}, self._clock)
            released = await connection.fetch(sql["expire_claims"], [row["id"] for row in due], moment)
            moves = stock.Moves()
            moves.release([(row["sku"], row["units"]) for row in released])
            await stock.move_stock(connection, moves)
        return sum(row["claims"] for row in released)
