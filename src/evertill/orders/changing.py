"""
What staff do with an order: ship it, call it off, give money back, have the provider asked again.

Each is written with who, when and why. Where a provider is asked, what is wanted is recorded first, under the
order's lock, so that of two who want different things one is told no; then orders/finishing.py asks the
provider outside every transaction and records what came of it. Pressing twice, or a worker dying in between,
changes nothing twice. Verbs that ask are handed a clock, not a moment: the answer comes at another one.
"""

import enum
import logging
from collections.abc import Awaitable
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from evertill import payments
from evertill.clock import Clock
from evertill.codes.using import give_back as give_code_back
from evertill.deals.carrying import give_back
from evertill.money import Money, format_money
from evertill.notices import enqueue
from evertill.orders.finishing import carry_out_refund, finish_shipping, let_go
from evertill.orders.following import announce
from evertill.orders.model import OrderState
from evertill.payments.model import AttemptState, Done, Ending, Failed, Provider, Unknown
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound, Unavailable
from evertill.resilience import PAYMENT
from evertill.staff import record_action
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)
payment_sql = Statements.of(payments.__name__)
log = logging.getLogger(__name__)

# The verb that records a wish carries it out itself; only after this is it the finisher's.
_OWN_TIME = PAYMENT.deadline + timedelta(seconds=5)
_REASON_CHARACTERS = range(3, 301)
_SENTENCES_LOCALE = "en_GB"  # of amounts inside our sentences, which are English


class Outcome(enum.StrEnum):
    """How far a verb got."""

    DONE = "done"
    UNDER_WAY = "under_way"  # recorded; the provider has not answered yet, the finisher sees it through


async def ship(pool: Pool, *, provider: Provider, order_id: UUID, staff_id: UUID, clock: Clock) -> Outcome:
    """
    Take the money, then write that the parcel is on its way. Shipping what is shipped is done already.

    Returns:
        DONE, or UNDER_WAY where the provider has not answered: the order is shipped as soon as it does.

    Raises:
        NotFound: There is no such order.
        Conflict: It is not one that can be shipped, or the provider will not let the money be taken.
    """
    now = clock()
    async with pool.acquire() as connection, connection.transaction():
        order = await _lock(connection, order_id)
        if order["state"] == OrderState.SHIPPED:
            return Outcome.DONE
        if order["state"] != OrderState.CONFIRMED:
            raise _wrong_state(order["state"], "shipped")
        attempt = await _good_attempt(connection, order_id)
        if await connection.fetchval(payment_sql["want_captured"], attempt["id"], now + _OWN_TIME) is None:
            return Outcome.UNDER_WAY  # somebody pressed a moment ago
        await _record(connection, order_id, staff_id, "ship", "", {"attempt_id": str(attempt["id"])}, now)
    ending = await _or_later(
        finish_shipping(pool, provider=provider, order_id=order_id, attempt_id=attempt["id"], clock=clock)
    )
    return _outcome(ending, "The money could not be taken, so the parcel is not marked as shipped.")


async def cancel(pool: Pool, *, provider: Provider, order_id: UUID, staff_id: UUID, reason: str, clock: Clock) -> None:
    """
    Call off a confirmed order: its units are free again, its deals' and its code's again while those run; its
    reservation is let go. Doing it again changes nothing.

    Raises:
        NotFound: There is no such order.
        Conflict: It can no longer be called off.
        Invalid: No reason was given.
    """
    _check_reason(reason)
    now = clock()
    async with pool.acquire() as connection, connection.transaction():
        order = await _lock(connection, order_id)
        if order["state"] == OrderState.CANCELLED:
            return
        if order["state"] != OrderState.CONFIRMED:
            raise _wrong_state(order["state"], "cancelled")
        attempt = await _good_attempt(connection, order_id)
        if await connection.fetchval(payment_sql["want_voided"], attempt["id"], now + _OWN_TIME) is None:
            raise Conflict(
                "being_shipped",
                "This order is being shipped at this moment: its money is being taken. "
                "Once it is shipped, the money can be given back instead.",
            )
        await connection.execute(sql["cancel"], order_id, now, reason)
        await connection.execute(sql["free_units"], order_id)
        await give_back(connection, order_id=order_id)
        await give_code_back(connection, order_id=order_id)
        if order["email"]:
            facts = {"order_id": str(order_id)}
            await enqueue(connection, kind="order_cancelled", recipient=order["email"], facts=facts, now=now)
        await announce(connection, order_id=order_id, now=now)
        await _record(connection, order_id, staff_id, "cancel", reason, {"attempt_id": str(attempt["id"])}, now)
    await _or_later(let_go(pool, provider=provider, order_id=order_id, attempt_id=attempt["id"], clock=clock))


async def refund(
    pool: Pool,
    *,
    provider: Provider,
    order_id: UUID,
    refund_id: UUID,
    amount_minor: int,
    staff_id: UUID,
    reason: str,
    clock: Clock,
) -> Outcome:
    """
    Give money back for a shipped order, in part or whole; never more than was paid.

    Args:
        refund_id: Made when the form was shown: pressing twice gives back once.

    Returns:
        DONE, or UNDER_WAY where the provider has not answered: it is asked until it does.

    Raises:
        NotFound: There is no such order.
        Conflict: Nothing was taken for it, the provider refused, or the id was used for another refund.
        Invalid: More than is left, nothing at all, or no reason.
    """
    _check_reason(reason)
    if amount_minor <= 0:
        raise Invalid("invalid", "The amount must be more than nothing.", fields=[_amount("More than nothing.")])
    now = clock()
    async with pool.acquire() as connection, connection.transaction():
        order = await _lock(connection, order_id)
        amount = Money(order["currency"], amount_minor)
        known = await connection.fetchrow(payment_sql["refund"], refund_id)
        if known is not None:
            return _known_refund(known, order_id, amount)
        attempt = await _good_attempt(connection, order_id)
        if attempt["state"] != AttemptState.CAPTURED:
            raise Conflict("nothing_taken", "No money was taken for this order yet: cancel it instead.")
        if await connection.fetchval(payment_sql["raise_refunded"], order_id, amount_minor) is None:
            raise _too_much(order["total_minor"] - order["refunded_minor"], amount.currency)
        await connection.execute(
            payment_sql["record_refund"], refund_id, order_id, attempt["id"], amount_minor, amount.currency, reason,
            now, now + _OWN_TIME,
        )  # fmt: skip
        facts = {"refund_id": str(refund_id), "amount_minor": amount_minor, "currency": amount.currency}
        await _record(connection, order_id, staff_id, "refund", reason, facts, now)
    ending = await _or_later(
        carry_out_refund(
            pool,
            provider=provider,
            refund_id=refund_id,
            order_id=order_id,
            attempt_id=attempt["id"],
            amount=amount,
            clock=clock,
        )
    )
    return _outcome(ending, "The money was not given back.")


async def ask_now(pool: Pool, *, order_id: UUID, staff_id: UUID, now: datetime) -> None:
    """
    Have the provider asked at once about whatever of an order waits for its answer.

    Raises:
        NotFound: There is no such order.
        Conflict: Nothing of it waits for an answer.
    """
    async with pool.acquire() as connection, connection.transaction():
        await _lock(connection, order_id)
        if not await connection.fetchval(payment_sql["ask_now"], order_id, now):
            raise Conflict("nothing_open", "Nothing of this order waits for the payment provider any more.")
        await _record(connection, order_id, staff_id, "ask_provider", "", {}, now)


async def _or_later(finishing: Awaitable[Ending]) -> Ending:
    """The wish is on record: where the database cannot take the answer now, the finisher sees it through."""
    try:
        return await finishing
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Unavailable) as error:
        log.exception("answer_not_recorded error=%r", error)
        return Unknown("not_recorded")


async def _lock(connection: Connection, order_id: UUID) -> asyncpg.Record:
    """The order, locked: whoever changes it holds this first, so that what is read after it still holds."""
    order = await connection.fetchrow(sql["lock_order"], order_id)
    if order is None:
        raise NotFound("not_found", "There is no such order.")
    return order


async def _good_attempt(connection: Connection, order_id: UUID) -> asyncpg.Record:
    attempt = await connection.fetchrow(payment_sql["good_attempt_of"], order_id)
    if attempt is None:
        raise Conflict("not_paid", "No money is reserved or taken for this order.")
    return attempt


async def _record(
    connection: Connection,
    order_id: UUID,
    staff_id: UUID,
    verb: str,
    reason: str,
    facts: dict[str, object],
    now: datetime,
) -> None:
    await record_action(
        connection, staff_id=staff_id, verb=verb, subject=f"order:{order_id}", reason=reason, facts=facts, now=now
    )


def _known_refund(known: asyncpg.Record, order_id: UUID, amount: Money) -> Outcome:
    if (known["order_id"], known["currency"], known["amount_minor"]) != (order_id, amount.currency, amount.minor):
        raise Conflict("refund_reused", "This form was used for another refund already. Reload the page and try again.")
    if known["state"] == "failed":
        raise Conflict("payment_failed", "The payment provider refused this refund. Reload the page to try another.")
    return Outcome.DONE if known["state"] == "done" else Outcome.UNDER_WAY


def _outcome(ending: Ending, sentence: str) -> Outcome:
    match ending:
        case Done():
            return Outcome.DONE
        case Failed(sentence=why):
            raise Conflict("payment_failed", f"{sentence} The payment provider says: {why}")
        case _:
            return Outcome.UNDER_WAY


def _wrong_state(state: str, verb: str) -> Conflict:
    return Conflict("wrong_state", f"This order is {state}: it cannot be {verb}.", facts={"state": state})


def _too_much(left_minor: int, currency: str) -> Invalid:
    if left_minor == 0:
        problem = "All of it was given back already."
    else:
        problem = f"At most {format_money(left_minor, currency, _SENTENCES_LOCALE)} can still be given back."
    return Invalid("refund_too_large", problem, fields=[_amount(problem)], facts={"left_minor": left_minor})


def _check_reason(reason: str) -> None:
    if len(reason) not in _REASON_CHARACTERS:
        problem = FieldProblem("reason", "Say why, in 3 to 300 characters.")
        raise Invalid("invalid", problem.problem, fields=[problem])


def _amount(problem: str) -> FieldProblem:
    return FieldProblem("amount", problem)
