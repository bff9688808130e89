"""
What staff do with an order: ship it, call it off, give money back.

Each is written with who, when and why. Where a provider is asked: what is wanted is recorded first, the
provider is asked outside the transaction under a stable key, then what came of it is recorded. Pressing
twice, or a worker dying in between, changes nothing twice.
"""

from datetime import datetime
from uuid import UUID

from evertill import payments
from evertill.money import Money, format_money
from evertill.notices import enqueue
from evertill.orders.model import OrderState
from evertill.payments.calls import within
from evertill.payments.model import AttemptState, Done, Ending, Failed, Provider
from evertill.payments.reconcile import carry_out_refund, let_go
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound, Unavailable
from evertill.resilience import PAYMENT
from evertill.staff import record_action
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)
payment_sql = Statements.of(payments.__name__)

_SECONDS = PAYMENT.deadline.total_seconds()


async def ship(pool: Pool, *, provider: Provider, order_id: UUID, staff_id: UUID, now: datetime) -> None:
    """
    Take the money, then write that the parcel is on its way.

    Raises:
        NotFound, Conflict: There is no such order, or it is not one that can be shipped.
        Unavailable: The provider did not answer; nothing was changed, press again.
    """
    async with pool.acquire() as connection:
        attempt_id, state = await _good_attempt(connection, order_id, wanted=OrderState.CONFIRMED, verb="shipped")
    if state is not AttemptState.CAPTURED:
        ending = await within(provider.capture(attempt_id), provider.name, "capture", seconds=_SECONDS)
        _demand(ending, "The money could not be taken, so the parcel was not marked as shipped.")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(payment_sql["captured"], attempt_id, now)
        if await connection.fetchval(sql["ship"], order_id, now) is None:
            return  # pressed twice: the first did it
        await connection.execute(sql["ship_units"], order_id)
        await _tell(connection, "order_shipped", order_id, staff_id, "ship", "", now)


async def cancel(pool: Pool, *, provider: Provider, order_id: UUID, staff_id: UUID, reason: str, now: datetime) -> None:
    """
    Call off a confirmed order: its units are free again, its reservation is let go.

    Raises:
        NotFound, Conflict, Invalid: There is no such order, it can no longer be called off, no reason was given.
    """
    _check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(sql["cancel"], order_id, now, reason) is None:
            raise await _not_in_state(connection, order_id, "cancelled")
        await connection.execute(sql["free_units"], order_id)
        attempt_id = await connection.fetchval(sql["void_attempt_of"], order_id, now)
        await _tell(connection, "order_cancelled", order_id, staff_id, "cancel", reason, now)
    if attempt_id is not None:
        await let_go(pool, provider=provider, attempt_id=attempt_id, now=now)


async def refund(
    pool: Pool,
    *,
    provider: Provider,
    order_id: UUID,
    refund_id: UUID,
    amount_minor: int,
    staff_id: UUID,
    reason: str,
    now: datetime,
) -> Ending:
    """
    Give money back for a shipped order, in part or whole; never more than was paid.

    Args:
        refund_id: Made when the form was shown: pressing twice gives back once.

    Raises:
        NotFound, Conflict, Invalid: No such order, nothing was taken for it, more than is left, no reason.
    """
    _check_reason(reason)
    if amount_minor <= 0:
        raise Invalid("invalid", "The amount must be more than nothing.", fields=[_amount("More than nothing.")])
    async with pool.acquire() as connection, connection.transaction():
        order = await connection.fetchrow(sql["lock_order"], order_id)
        if order is None:
            raise NotFound("not_found", "There is no such order.")
        known = await connection.fetchval("SELECT state FROM refund WHERE id = $1", refund_id)
        attempt_id, state = await _good_attempt(connection, order_id, wanted=None, verb="refunded")
        if state is not AttemptState.CAPTURED:
            raise Conflict("nothing_taken", "No money was taken yet for this order: cancel it instead.")
        amount = Money(order["currency"], amount_minor)
        if known is None:
            if await connection.fetchval(payment_sql["raise_refunded"], order_id, amount_minor) is None:
                left = format_money(order["total_minor"] - order["refunded_minor"], order["currency"], "en_GB")
                raise Invalid(
                    "refund_too_large", f"At most {left} can still be given back.", fields=[_amount(f"At most {left}.")]
                )
            await connection.execute(
                payment_sql["record_refund"], refund_id, order_id, attempt_id, amount_minor, amount.currency, reason,
                now, now + PAYMENT.first_retry,
            )  # fmt: skip
            await _tell(connection, "order_refunded", order_id, staff_id, "refund", reason, now, amount_minor)
    return await carry_out_refund(
        pool, provider=provider, refund_id=refund_id, attempt_id=attempt_id, amount=amount, now=now
    )


async def _good_attempt(
    connection: Connection, order_id: UUID, *, wanted: OrderState | None, verb: str
) -> tuple[UUID, AttemptState]:
    if wanted is not None and await connection.fetchval("SELECT state FROM orders WHERE id = $1", order_id) != wanted:
        raise await _not_in_state(connection, order_id, verb)
    row = await connection.fetchrow(sql["good_attempt_of"], order_id)
    if row is None:
        raise Conflict("not_paid", f"This order is not paid, so it cannot be {verb}.")
    return row["id"], AttemptState(row["state"])


async def _not_in_state(connection: Connection, order_id: UUID, verb: str) -> NotFound | Conflict:
    state = await connection.fetchval("SELECT state FROM orders WHERE id = $1", order_id)
    if state is None:
        return NotFound("not_found", "There is no such order.")
    return Conflict("wrong_state", f"This order is {state}: it cannot be {verb}.", facts={"state": state})


async def _tell(
    connection: Connection,
    kind: str,
    order_id: UUID,
    staff_id: UUID,
    verb: str,
    reason: str,
    now: datetime,
    amount_minor: int | None = None,
) -> None:
    """A letter to the buyer and a line in the staff's book, in the caller's transaction."""
    facts: dict[str, object] = {"order_id": str(order_id)}
    if amount_minor is not None:
        facts["amount_minor"] = amount_minor
    email = await connection.fetchval("SELECT email FROM orders WHERE id = $1", order_id)
    if email:
        await enqueue(connection, kind=kind, recipient=email, facts=facts, now=now)
    await record_action(
        connection, staff_id=staff_id, verb=verb, subject=f"order:{order_id}", reason=reason, facts=facts, now=now
    )


def _demand(ending: Ending, sentence: str) -> None:
    match ending:
        case Done():
            return
        case Failed(sentence=why):
            raise Conflict("payment_failed", f"{sentence} The payment provider says: {why}")
        case _:
            raise Unavailable(
                "payment_unknown", f"{sentence} The payment provider did not answer. Try again.", retry_after_seconds=5
            )


def _check_reason(reason: str) -> None:
    if not 3 <= len(reason) <= 300:
        problem = FieldProblem("reason", "Say why, in 3 to 300 characters.")
        raise Invalid("invalid", problem.problem, fields=[problem])


def _amount(problem: str) -> FieldProblem:
    return FieldProblem("amount", problem)
