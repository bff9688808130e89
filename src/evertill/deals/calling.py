"""
The caller: has units that came back, whichever way, offered to who waits for them, and tells lines that they are over.

Whoever comes meanwhile is offered nothing before the line (granting.py): that the caller comes a moment later takes
nobody's turn. Any number of workers may call: what one did, the next finds done.
"""

from uuid import UUID

from evertill.clock import Clock
from evertill.deals.claiming import Claims, waiting_sql
from evertill.deals.waiting import Serving
from evertill.storage import Pool

_BITE = 50  # deals of one round


class Caller:
    """
    One per worker; any number may run.

    Args:
        clock: Instead of the database's, for tests.
    """

    def __init__(self, pool: Pool, claims: Claims, *, clock: Clock | None = None) -> None:
        self._pool = pool
        self._claims = claims
        self._clock = clock

    async def run_once(self) -> int:
        """Look at each line that something has become of; returns how many people stand in line no more."""
        due: list[UUID] = [
            row["id"]
            for row in await self._pool.fetch(
                waiting_sql["due_lines"], self._clock() if self._clock is not None else None, _BITE
            )
        ]
        return sum([await self._claims.serve(Serving(deal_id)) for deal_id in due])
