"""
The reconciler: ends every payment attempt that nobody else ended.

An attempt is due when its worker died, or when the provider did not answer in time. It is looked up at the
provider under its own key. What is on record there is what happened; where nothing is on record, the same
authorisation is asked for again under the same key, so that it can never be reserved twice.

Units are not held for ever. Past the end of its hold an attempt is no longer asked for again: where the provider has
nothing on record, the order is given up, its units are free, and the buyer is told. While the provider says nothing at
all it stays held: money may be reserved, and an ending that nobody knows is not invented.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from evertill.clock import Clock
from evertill.money import Money
from evertill.payments.calls import authorise_within, look_up_within, side_by_side
from evertill.payments.model import (
    HOLD_EXPIRED,
    AttemptState,
    Authorisation,
    Done,
    Ending,
    Failed,
    Provider,
    Seen,
    Unknown,
)
from evertill.payments.sandbox import sentence_of
from evertill.resilience import PAYMENT
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)
log = logging.getLogger(__name__)

_BITE = 20  # attempts taken at a time, so that several workers share a backlog


# How an ending is written: the till's settle, handed in by whoever puts the application together.
Settle = Callable[[UUID, Ending, datetime, datetime], Awaitable[None]]


class Reconciler:
    """One per worker; any number may run."""

    def __init__(self, pool: Pool, *, provider: Provider, settle: Settle, clock: Clock, hold: timedelta) -> None:
        self._pool = pool
        self._provider = provider
        self._settle = settle
        self._clock = clock
        self._hold = hold

    async def run_once(self) -> int:
        """Take one bite of what is due and end what can be ended; returns how many were looked at."""
        rows = await self._pool.fetch(sql["due_attempts"], self._clock(), _BITE)
        await side_by_side(self._end(row) for row in rows)
        return len(rows)

    async def _end(self, row: "asyncpg.Record") -> None:
        ask = Authorisation(
            attempt_id=row["id"],
            amount=Money(row["currency"], row["amount_minor"]),
            method=row["method"],
            order_number=row["number"],
        )
        ending = await self._find_out(ask, over=self._clock() >= row["recorded_at"] + self._hold)
        log.info("attempt_reconciled attempt=%s order=%s ending=%s", row["id"], row["order_id"], ending)
        await self._settle(row["id"], ending, self._clock(), row["next_look_at"])

    async def _find_out(self, ask: Authorisation, *, over: bool) -> Ending:
        seconds = PAYMENT.deadline.total_seconds()
        seen = await look_up_within(self._provider, ask.attempt_id, seconds=seconds)
        match seen:
            case Seen():
                return ending_of(seen)
            case Unknown():
                return seen
            case None if over:
                return Failed(HOLD_EXPIRED, sentence_of(HOLD_EXPIRED))
            case None:
                return await authorise_within(self._provider, ask, seconds=seconds)


def ending_of(seen: Seen) -> Ending:
    """What a provider's record of an attempt means."""
    match seen.state:
        case AttemptState.AUTHORISED | AttemptState.CAPTURED:
            return Done(seen.reference)
        case AttemptState.DECLINED:
            return Failed(seen.reason or "declined", "The payment was declined.")
        case AttemptState.VOIDED:
            return Failed("voided", "The reservation was let go.")
        case _:
            return Unknown("provider_pending")
