"""
Memberships begin and end: by the customer's own button once, by staff with a reason.

Each verb holds its customer's row, so that of two presses the second sees what the first did; that no two memberships
of a customer overlap is asked again by the statement that writes one. The database's clock says when.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from evertill.ids import id_at
from evertill.members.model import DAYS_MAX, DAYS_MIN, Kind, Membership, Memberships
from evertill.members.reading import memberships_of, sql
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound
from evertill.staff import record_action
from evertill.storage import Connection, Pool

_REASON_CHARACTERS = range(3, 301)


async def begin_trial(
    pool: Pool, *, customer_id: UUID, length: timedelta, moment: datetime | None = None
) -> Membership:
    """
    A customer tries being a member, once ever. Pressing twice is one trial.

    Args:
        moment: Instead of the database's clock, for tests.

    Raises:
        NotFound: The account is gone.
        Conflict: The trial is over, or there is another membership.
    """
    async with pool.acquire("members.begin_trial") as connection, connection.transaction():
        known = await _lock(connection, customer_id, moment)
        if known.trial is not None and known.trial.lives(known.moment):
            return known.trial
        return await _begin(connection, known, customer_id, Kind.TRIAL, length, given_by=None, why="")


async def give(
    pool: Pool, *, customer_id: UUID, days: int, reason: str, staff_id: UUID, moment: datetime | None = None
) -> Membership:
    """
    Staff make a customer a member, from now on for so many days.

    Args:
        days: 1 to 1,096.

        moment: Instead of the database's clock, for tests.

    Raises:
        Invalid: Naming each field.
        NotFound: There is no such customer.
        Conflict: There is a membership already.
    """
    problems = [
        *([] if DAYS_MIN <= days <= DAYS_MAX else [days_problem()]),
        *_reason_problems(reason),
    ]
    if problems:
        raise Invalid("invalid", problems[0].problem, fields=problems)
    async with pool.acquire() as connection, connection.transaction():
        known = await _lock(connection, customer_id, moment)
        made = await _begin(
            connection, known, customer_id, Kind.FULL, timedelta(days=days), given_by=staff_id, why=reason.strip()
        )
        facts = {"membership": str(made.id), "until": made.ends_at.isoformat()}
        await _record(connection, customer_id, "give_membership", reason, facts, staff_id, known.moment)
        return made


async def end(
    pool: Pool, *, membership_id: UUID, reason: str, staff_id: UUID, moment: datetime | None = None
) -> Membership:
    """
    Staff end a membership before its time. What is claimed by it stays claimed. The same again changes nothing.

    Args:
        moment: Instead of the database's clock, for tests.

    Raises:
        Invalid: Without a reason.
        NotFound: There is no such membership.
        Conflict: It is over by itself.
    """
    problems = _reason_problems(reason)
    if problems:
        raise Invalid("invalid", problems[0].problem, fields=problems)
    async with pool.acquire() as connection, connection.transaction():
        customer_id = await connection.fetchval(sql["owner"], membership_id)
        if customer_id is None:
            raise NotFound("no_such_membership", "There is no such membership.")
        known = await _lock(connection, customer_id, moment)
        before = next((each for each in known.all if each.id == membership_id), None)
        if before is not None and before.ended_at is not None:
            return before
        if await connection.fetchval(sql["end_membership"], membership_id, known.moment) is None:
            raise Conflict("membership_over", "This membership is over already.")
        facts = {"membership": str(membership_id)}
        await _record(connection, customer_id, "end_membership", reason, facts, staff_id, known.moment)
        after = await memberships_of(connection, customer_id, known.moment)
        return next(each for each in after.all if each.id == membership_id)


def days_problem() -> FieldProblem:
    """How long a membership may be, beside the field that says something else."""
    return FieldProblem("days", f"Must be a whole number of days, from {DAYS_MIN} to {DAYS_MAX:,}.")


async def _lock(connection: Connection, customer_id: UUID, moment: datetime | None) -> Memberships:
    if await connection.fetchval(sql["lock_customer"], customer_id) is None:
        raise NotFound("no_such_customer", "There is no such customer.")
    return await memberships_of(connection, customer_id, moment)


async def _begin(
    connection: Connection,
    known: Memberships,
    customer_id: UUID,
    kind: Kind,
    length: timedelta,
    *,
    given_by: UUID | None,
    why: str,
) -> Membership:
    refusal = known.why_none_begins(kind)
    if refusal is not None:
        raise refusal
    moment = known.moment
    made = Membership(
        id=id_at(moment), customer_id=customer_id, kind=kind, starts_at=moment, ends_at=moment + length, ended_at=None,
        given_by=given_by, why=why, created_at=moment,
    )  # fmt: skip
    written = await connection.fetchval(
        sql["begin_membership"], made.id, customer_id, kind, moment, made.ends_at, given_by, why
    )
    assert written is not None, customer_id  # under the customer's lock nobody began one meanwhile
    return made


def _reason_problems(reason: str) -> list[FieldProblem]:
    said = reason.strip()
    if len(said) in _REASON_CHARACTERS and said.isprintable():
        return []
    shortest, longest = _REASON_CHARACTERS[0], _REASON_CHARACTERS[-1]
    return [FieldProblem("reason", f"Say why, in {shortest} to {longest} characters on one line.")]


async def _record(
    connection: Connection,
    customer_id: UUID,
    verb: str,
    reason: str,
    facts: Mapping[str, object],
    staff_id: UUID,
    now: datetime,
) -> None:
    await record_action(
        connection, staff_id=staff_id, verb=verb, subject=f"customer:{customer_id}", reason=reason.strip(), facts=facts,
        now=now,
    )  # fmt: skip
