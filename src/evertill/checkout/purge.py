"""Throw away sessions nobody will pay any more."""

from datetime import timedelta
from uuid import UUID

from evertill.clock import Clock
from evertill.ids import id_at
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)

KEPT = timedelta(days=30)  # after their time was over
_BITE = 10_000


class SessionPurge:
    """
    Removes sessions that expired a month ago and made no order, never one that did.

    It walks the table by id, one bite a round, round and round: no index of ages is kept on the purchase's path for
    it, and a round costs the same however large the table is. One per worker; any number may run.
    """

    def __init__(self, pool: Pool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._after = UUID(int=0)

    async def run_once(self) -> int:
        """Take one bite; returns how many were removed."""
        before = self._clock() - KEPT
        row = await self._pool.fetchrow(sql["purge_sessions"], self._after, id_at(before), before, _BITE)
        assert row is not None  # aggregates have one row
        self._after = row["last"] or UUID(int=0)  # at the end: from the beginning again
        return int(row["removed"])
