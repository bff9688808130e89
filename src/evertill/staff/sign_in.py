"""Staff sign in, sign out, and change their passwords."""

import logging
from datetime import datetime
from uuid import UUID

import asyncpg

# The leaves of customers/, not its whole: orders record what staff do, and customers show their orders.
from evertill.customers.model import fold_email, password_problem
from evertill.customers.passwords import hash_password, is_outdated, password_holds
from evertill.customers.tries import Limit, count_try, take_try_back
from evertill.refusals import FieldProblem, Invalid, SignInNeeded, Unavailable
from evertill.signing import new_token, token_hash
from evertill.staff.actions import record_action
from evertill.staff.model import SIGN_IN_LIFE, Role, StaffMember, StaffSignIn
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)
log = logging.getLogger(__name__)

STAFF_SIGN_IN = Limit("staff-sign-in", per_email=8, per_network=40)


async def sign_in(pool: Pool, *, email: str, password: str, network: str, now: datetime) -> StaffSignIn:
    """
    Sign a browser of staff in, for twelve hours.

    Args:
        email: As typed, trimmed; any text is a fair question.

        network: Where it is tried from, as network_of() has it.

    Raises:
        Invalid: They do not belong together, or the member was disabled.
        TooMany: Too many wrong tries for this e-mail or from this network.
        Unavailable: Too many sign in at this moment.
    """
    row = await pool.fetchrow(sql["staff_by_email"], fold_email(email))
    if not await _proves(pool, row, email, password, network, now) or row is None:
        log.warning("staff_sign_in_refused network=%s", network)
        raise _wrong()
    kept = await _renewed(pool, row, password)
    async with pool.acquire() as connection, connection.transaction():
        signed_in = await _keep_sign_in(connection, member_from(row), kept, now)
        await record_action(
            connection,
            staff_id=row["id"],
            verb="sign_in",
            subject=f"staff:{row['id']}",
            reason="",
            facts={"network": network},
            now=now,
        )
    log.info("staff_signed_in staff=%s network=%s", row["id"], network)
    return signed_in


async def sign_out(connection: Connection | Pool, *, token: str) -> None:
    """Sign a browser out. A token that opens nothing is fine."""
    await connection.execute(sql["drop_sign_in"], token_hash(token))


async def member_of(connection: Connection | Pool, *, token: str, now: datetime) -> StaffMember | None:
    """Who a browser's token stands for, None where nobody: never made, signed out, too old, or disabled since."""
    row = await connection.fetchrow(sql["staff_by_token"], token_hash(token), now)
    return member_from(row) if row else None


async def change_password(
    pool: Pool, *, staff_id: UUID, present: str, new: str, network: str, now: datetime
) -> StaffSignIn:
    """
    Set one's own new password by proving the present one. This browser is signed in anew, every other signed out.

    Raises:
        Invalid: The present password is wrong, or the new one cannot be.
        SignInNeeded: The member was disabled meanwhile.
        TooMany: Too many wrong tries.
        Unavailable: Not now.
    """
    known = await pool.fetchrow(sql["member"], staff_id)
    row = await pool.fetchrow(sql["staff_by_email"], fold_email(known["email"])) if known else None
    if row is None:
        raise SignInNeeded("sign_in_needed", "Please sign in first.")
    problem = password_problem(new, email=row["email"], field="new")
    if problem is not None:
        raise Invalid("invalid", problem.problem, fields=[problem])
    if not await _proves(pool, row, row["email"], present, network, now):
        raise _wrong_present()
    kept = await hash_password(new)
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(sql["change_password"], staff_id, row["password_hash"], kept) is None:
            raise _wrong_present()
        await connection.execute(sql["drop_sign_ins"], staff_id)
        await record_action(
            connection,
            staff_id=staff_id,
            verb="change_password",
            subject=f"staff:{staff_id}",
            reason="",
            facts={},
            now=now,
        )
        return await _keep_sign_in(connection, member_from(row), kept, now)


async def purge_expired(connection: Connection | Pool, *, now: datetime) -> int:
    """Delete sign-ins that are over, up to 10,000; returns how many."""
    return int((await connection.execute(sql["purge_sign_ins"], now)).rpartition(" ")[2])


def member_from(row: asyncpg.Record) -> StaffMember:
    """A row of the table staff as a record."""
    return StaffMember(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
    )


async def _proves(
    pool: Pool, row: asyncpg.Record | None, email: str, password: str, network: str, now: datetime
) -> bool:
    """Whether the password is the member's, under the limits; it takes as long where there is no such member."""
    folded = fold_email(email)
    await count_try(pool, limit=STAFF_SIGN_IN, network=network, email=folded, now=now)
    try:
        holds = await password_holds(row["password_hash"] if row else None, password)
    except Unavailable:
        await take_try_back(pool, limit=STAFF_SIGN_IN, network=network, email=folded, now=now)
        raise
    if holds:
        await take_try_back(pool, limit=STAFF_SIGN_IN, network=network, email=folded, now=now)
    return holds


async def _keep_sign_in(connection: Connection, member: StaffMember, kept: str, now: datetime) -> StaffSignIn:
    token = new_token()
    done = await connection.fetchval(sql["keep_sign_in"], member.id, token_hash(token), kept, now, now + SIGN_IN_LIFE)
    if done is None:  # changed or disabled at this very moment
        raise _wrong()
    return StaffSignIn(token=token, member=member)


async def _renewed(pool: Pool, row: asyncpg.Record, password: str) -> str:
    kept: str = row["password_hash"]
    if not is_outdated(kept):
        return kept
    renewed = await hash_password(password)
    done = await pool.execute(sql["renew_hash"], row["id"], kept, renewed)
    return renewed if done == "UPDATE 1" else kept


def _wrong() -> Invalid:
    return Invalid("wrong_credentials", "E-mail and password do not belong together. Please check both.")


def _wrong_present() -> Invalid:
    problem = FieldProblem("present", "This is not your present password.")
    return Invalid("wrong_credentials", problem.problem, fields=[problem])
