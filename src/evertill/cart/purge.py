"""Throw away carts of browsers that never came back."""

from datetime import timedelta
from uuid import UUID

from evertill.clock import Clock
from evertill.ids import id_at
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)

KEPT = timedelta(days=180)  # after something was last put in
_BITE = 10_000


class CartPurge:
    """
    Removes guests' carts into which nothing was put for half a year; a customer's cart is kept.

    Like the sessions' purge it walks by id, one bite a round, round and round. One per worker; any number may run.
    """

    def __init__(self, pool: Pool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._after = UUID(int=0)

    async def run_once(self) -> int:
        """Take one bite; returns how many were removed."""
        before = self._clock() - KEPT
        row = await self._pool.fetchrow(sql["purge_carts"], self._after, id_at(before), before, _BITE)
        assert row is not None  # aggregates have one row
        self._after = row["last"] or UUID(int=0)
        return int(row["removed"])
