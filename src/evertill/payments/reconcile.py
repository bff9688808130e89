"""
The reconciler: ends every payment attempt that nobody else ended.

An attempt is due when its worker died, or when the provider did not answer in time. It is looked up at the
provider under its own key. What is on record there is what happened; where nothing is on record, the same
authorisation is asked for again under the same key, so that it can never be reserved twice.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.clock import Clock
from evertill.ids import new_id
from evertill.money import Money
from evertill.payments.calls import authorise_within, within
from evertill.payments.model import (
    AttemptState,
    Authorisation,
    Done,
    Ending,
    Failed,
    Provider,
    Seen,
    Unknown,
)
from evertill.resilience import PAYMENT
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)
log = logging.getLogger(__name__)

_BITE = 20  # attempts taken at a time, so that several workers share a backlog


class DueAttempt(msgspec.Struct, frozen=True):
    """An attempt that should have ended by now."""

    ask: Authorisation
    next_look_at: datetime


# How an ending is written: the till's settle, handed in by whoever puts the application together.
Settle = Callable[[UUID, Ending, datetime, datetime], Awaitable[None]]


class Reconciler:
    """One per worker; any number may run."""

    def __init__(self, pool: Pool, *, provider: Provider, settle: Settle, clock: Clock) -> None:
        self._pool = pool
        self._provider = provider
        self._settle = settle
        self._clock = clock

    async def run_once(self) -> int:
        """Take one bite of what is due and end what can be ended; returns how many were looked at."""
        attempts = await self._attempts()
        voids = await self._voids()
        refunds = await self._refunds()
        return attempts + voids + refunds

    async def _attempts(self) -> int:
        rows = await self._pool.fetch(sql["due_attempts"], self._clock(), _BITE)
        for row in rows:
            ask = Authorisation(
                attempt_id=row["id"],
                amount=Money(row["currency"], row["amount_minor"]),
                method=row["method"],
                order_number=row["number"],
            )
            ending = await self._find_out(ask)
            log.info("attempt_reconciled attempt=%s order=%s ending=%s", row["id"], row["order_id"], ending)
            await self._settle(row["id"], ending, self._clock(), row["next_look_at"])
        return len(rows)

    async def _find_out(self, ask: Authorisation) -> Ending:
        seconds = PAYMENT.deadline.total_seconds()
        seen = await look_up_within(self._provider, ask.attempt_id, seconds=seconds)
        match seen:
            case Seen():
                return ending_of(seen)
            case Unknown():
                return seen
            case None:
                return await authorise_within(self._provider, ask, seconds=seconds)

    async def _voids(self) -> int:
        rows = await self._pool.fetch(sql["due_voids"], self._clock(), _BITE)
        for row in rows:
            await let_go(self._pool, provider=self._provider, attempt_id=row["id"], now=self._clock())
        return len(rows)

    async def _refunds(self) -> int:
        rows = await self._pool.fetch(sql["due_refunds"], self._clock(), _BITE)
        for row in rows:
            await carry_out_refund(
                self._pool,
                provider=self._provider,
                refund_id=row["id"],
                attempt_id=row["attempt_id"],
                amount=Money(row["currency"], row["amount_minor"]),
                now=self._clock(),
            )
        return len(rows)


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


async def look_up_within(provider: Provider, attempt_id: UUID, *, seconds: float) -> Seen | Unknown | None:
    """Look up under a deadline; no answer is unknown."""
    found: list[Seen | Unknown | None] = []

    async def ask() -> Ending:
        found.append(await provider.look_up(attempt_id))
        return Unknown("looked_up")

    ending = await within(ask(), provider.name, "look_up", seconds=seconds)
    return found[0] if found else (ending if isinstance(ending, Unknown) else Unknown("provider_error"))


async def let_go(pool: Pool, *, provider: Provider, attempt_id: UUID, now: datetime) -> None:
    """
    Let the reservation of a cancelled order go. Where the money had been taken after all, give it back.

    Without an answer nothing is written: the attempt stays due and is tried again.
    """
    ending = await within(provider.void(attempt_id), provider.name, "void", seconds=PAYMENT.deadline.total_seconds())
    if isinstance(ending, Done):
        await pool.execute(sql["voided"], attempt_id, now)
    elif isinstance(ending, Failed):
        async with pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(sql["void_needs_refund"], attempt_id, now)
            if row is not None:
                await connection.fetchval(sql["raise_refunded"], row["order_id"], row["amount_minor"])
                await connection.execute(
                    sql["record_refund"], new_id(), row["order_id"], attempt_id, row["amount_minor"],
                    row["currency"], "cancelled after the money was taken", now, now,
                )  # fmt: skip


async def carry_out_refund(
    pool: Pool, *, provider: Provider, refund_id: UUID, attempt_id: UUID, amount: Money, now: datetime
) -> Ending:
    """Ask the provider for a recorded refund and write what came of it; unknown stays due."""
    ending = await within(
        provider.refund(attempt_id, refund_id, amount),
        provider.name,
        "refund",
        seconds=PAYMENT.deadline.total_seconds(),
    )
    if isinstance(ending, Unknown):
        return ending
    async with pool.acquire() as connection, connection.transaction():
        state = "done" if isinstance(ending, Done) else "failed"
        row = await connection.fetchrow(sql["end_refund"], refund_id, state, now)
        if row is not None and state == "failed":
            await connection.execute(sql["lower_refunded"], row["order_id"], row["amount_minor"])
    return ending
