"""
What staff began with the provider, seen through: money taken for a parcel, a reservation let go, money given back.

    wanted, recorded ──► the provider is asked, outside everything ──► what came of it, recorded
          ▲                              │ no answer, or the worker died
          └───── due again, later ◄──────┘

The verb that recorded the wish comes here at once; the finisher comes for what was left lying. Both ask under the
same key and both write by condition, under the order's lock: whoever is second changes nothing.
"""

import logging
from datetime import datetime
from uuid import UUID

import asyncpg

from evertill import payments
from evertill.clock import Clock
from evertill.codes.using import give_back as give_code_back
from evertill.deals.carrying import give_back
from evertill.ids import new_id
from evertill.money import Money
from evertill.notices import enqueue
from evertill.orders.following import announce
from evertill.payments.calls import look_up_within, side_by_side, within
from evertill.payments.model import AttemptState, Done, Ending, Failed, Provider, Seen, Unknown
from evertill.resilience import PAYMENT
from evertill.staff import record_action
from evertill.stock import Reason, write_movements
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)
payment_sql = Statements.of(payments.__name__)
log = logging.getLogger(__name__)

_BITE = 20  # of each kind at a time, so that several workers share a backlog
_SECONDS = PAYMENT.deadline.total_seconds()


class Finisher:
    """Asks the provider for what was wanted and not answered. One per worker; any number may run."""

    def __init__(self, pool: Pool, *, provider: Provider, clock: Clock) -> None:
        self._pool = pool
        self._provider = provider
        self._clock = clock

    async def run_once(self) -> int:
        """Take one bite of what is due and see it through; returns how much was taken."""
        now = self._clock()
        captures = await self._pool.fetch(payment_sql["due_captures"], now, _BITE)
        voids = await self._pool.fetch(payment_sql["due_voids"], now, _BITE)
        refunds = await self._pool.fetch(payment_sql["due_refunds"], now, _BITE)
        await side_by_side(
            [
                *(self._capture(row) for row in captures),
                *(self._void(row) for row in voids),
                *(self._refund(row) for row in refunds),
            ]
        )
        return len(captures) + len(voids) + len(refunds)

    async def _capture(self, row: asyncpg.Record) -> None:
        await finish_shipping(
            self._pool,
            provider=self._provider,
            order_id=row["order_id"],
            attempt_id=row["id"],
            clock=self._clock,
        )

    async def _void(self, row: asyncpg.Record) -> None:
        await let_go(
            self._pool,
            provider=self._provider,
            order_id=row["order_id"],
            attempt_id=row["id"],
            clock=self._clock,
        )

    async def _refund(self, row: asyncpg.Record) -> None:
        await carry_out_refund(
            self._pool,
            provider=self._provider,
            refund_id=row["id"],
            order_id=row["order_id"],
            attempt_id=row["attempt_id"],
            amount=Money(row["currency"], row["amount_minor"]),
            clock=self._clock,
        )


async def finish_shipping(pool: Pool, *, provider: Provider, order_id: UUID, attempt_id: UUID, clock: Clock) -> Ending:
    """Take the money of an order that is to be shipped; then, and only then, it is. Unknown stays due."""
    ending = await within(provider.capture(attempt_id), provider.name, "capture", seconds=_SECONDS)
    log.info("order_shipping order=%s attempt=%s capture=%s", order_id, attempt_id, ending)
    if isinstance(ending, Unknown):
        return ending
    now = clock()
    async with pool.acquire() as connection, connection.transaction():
        order = await connection.fetchrow(sql["lock_order"], order_id)
        assert order is not None  # orders are never deleted
        if isinstance(ending, Failed):
            if await connection.fetchval(payment_sql["not_captured"], attempt_id) is not None:
                await _note(connection, order_id, "ship_failed", ending, now)
        elif await connection.fetchval(payment_sql["captured"], attempt_id, now) is not None:
            shipped = await connection.fetchval(sql["ship"], order_id, now)
            assert shipped is not None, f"order {order_id} was {order['state']} while its money was being taken"
            left = {row["sku"]: -row["quantity"] for row in await connection.fetch(sql["ship_units"], order_id)}
            await write_movements(connection, left, reason=Reason.SHIPPED, order_id=order_id, now=now)
            await _tell(connection, "order_shipped", order, {"order_id": str(order_id)}, now)
    return ending


async def let_go(pool: Pool, *, provider: Provider, order_id: UUID, attempt_id: UUID, clock: Clock) -> Ending:
    """
    Let the reservation of an order go that was cancelled, or given up before it was made.

    Where the money had been taken after all, give it back. Without a definite answer nothing is written: the attempt
    stays due.
    """
    ending = await within(provider.void(attempt_id), provider.name, "void", seconds=_SECONDS)
    log.info("order_cancelling order=%s attempt=%s void=%s", order_id, attempt_id, ending)
    if isinstance(ending, Unknown):
        return ending
    if isinstance(ending, Failed):
        # There is nothing to let go. Was it taken, or is it gone already (declined, expired, let go)?
        seen = await look_up_within(provider, attempt_id, seconds=_SECONDS)
        log.warning("void_refused order=%s attempt=%s seen=%s", order_id, attempt_id, seen)
        if isinstance(seen, Unknown) or (isinstance(seen, Seen) and seen.state is AttemptState.AUTHORISED):
            return Unknown(ending.reason)
        if isinstance(seen, Seen) and seen.state is AttemptState.CAPTURED:
            await _give_all_back(pool, order_id, attempt_id, clock())
            return ending
    await pool.execute(payment_sql["voided"], attempt_id, clock())
    return ending


async def carry_out_refund(
    pool: Pool,
    *,
    provider: Provider,
    refund_id: UUID,
    order_id: UUID,
    attempt_id: UUID,
    amount: Money,
    clock: Clock,
) -> Ending:
    """
    Ask the provider for a recorded refund and write what came of it; the buyer is told once it is done. Once all of an
    order is given back, so are its units of deals that run, and the use of its code.
    """
    ending = await within(provider.refund(attempt_id, refund_id, amount), provider.name, "refund", seconds=_SECONDS)
    log.info("refund order=%s refund=%s ending=%s", order_id, refund_id, ending)
    if isinstance(ending, Unknown):
        return ending
    now = clock()
    async with pool.acquire() as connection, connection.transaction():
        order = await connection.fetchrow(sql["lock_order"], order_id)
        assert order is not None  # orders are never deleted
        state = "done" if isinstance(ending, Done) else "failed"
        if await connection.fetchrow(payment_sql["end_refund"], refund_id, state, now) is None:
            return ending
        if isinstance(ending, Failed):
            await connection.execute(payment_sql["lower_refunded"], order_id, amount.minor)
            await _note(connection, order_id, "refund_failed", ending, now)
        else:
            if order["refunded_minor"] == order["total_minor"]:
                await give_back(connection, order_id=order_id)
                await give_code_back(connection, order_id=order_id)
            facts = {"order_id": str(order_id), "amount_minor": amount.minor}
            await _tell(connection, "order_refunded", order, facts, now)
    return ending


async def _give_all_back(pool: Pool, order_id: UUID, attempt_id: UUID, now: datetime) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetchrow(sql["lock_order"], order_id)
        row = await connection.fetchrow(payment_sql["void_needs_refund"], attempt_id, now)
        if row is None:
            return
        raised = await connection.fetchval(payment_sql["raise_refunded"], order_id, row["amount_minor"])
        assert raised is not None, f"order {order_id} was cancelled, and yet refunded before"
        reason = "Cancelled; the money had been taken after all"
        await connection.execute(
            payment_sql["record_refund"], new_id(), order_id, attempt_id, row["amount_minor"], row["currency"],
            reason, now, now,
        )  # fmt: skip
        facts = {"amount_minor": row["amount_minor"], "currency": row["currency"]}
        await record_action(
            connection, staff_id=None, verb="refund", subject=f"order:{order_id}", reason=reason, facts=facts, now=now
        )


async def _tell(
    connection: Connection, kind: str, order: asyncpg.Record, facts: dict[str, object], now: datetime
) -> None:
    if order["email"]:
        await enqueue(connection, kind=kind, recipient=order["email"], facts=facts, now=now)
    await announce(connection, order_id=order["id"], now=now)


async def _note(connection: Connection, order_id: UUID, verb: str, failed: Failed, now: datetime) -> None:
    """Nobody may be looking when the provider says no: it is written where staff will look."""
    await record_action(
        connection,
        staff_id=None,
        verb=verb,
        subject=f"order:{order_id}",
        reason=failed.sentence,
        facts={"reason": failed.reason},
        now=now,
    )
