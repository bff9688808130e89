"""Who is staff: add, change, disable. Every change is recorded; the shop always keeps an admin."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from evertill.customers.model import email_problem, fold_email, name_problem, password_problem
from evertill.customers.passwords import hash_password
from evertill.ids import new_id
from evertill.refusals import Conflict, FieldProblem, Invalid, NotAllowed, NotFound
from evertill.staff.actions import record_action
from evertill.staff.model import Role, StaffMember
from evertill.staff.sign_in import member_from
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)


def new_password() -> str:
    """A first password to be handed over once: 120 random bits in groups that can be read out."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(6))


async def create_staff(
    pool: Pool, *, email: str, name: str, role: Role, password: str, by: UUID | None, now: datetime
) -> StaffMember:
    """
    Add a member of staff.

    Args:
        by: Whose doing it is; None: a command's, typed by whoever owns the machine.

    Raises:
        Invalid: E-mail, name or password cannot be.
        Conflict: The e-mail is staff already, maybe disabled.
        NotAllowed: Who does it is no admin any more.
        Unavailable: Too many passwords are being hashed at this moment.
    """
    found = (email_problem(email), name_problem(name), password_problem(password, email=email))
    problems = [problem for problem in found if problem is not None]
    if problems:
        raise Invalid("invalid", problems[0].problem, fields=problems)
    kept = await hash_password(password)
    member = StaffMember(id=new_id(), email=email, name=name, role=role, created_at=now)
    async with pool.acquire() as connection, connection.transaction():
        await lock_admins(connection, by)
        made = await connection.fetchval(sql["make_staff"], member.id, email, fold_email(email), name, role, kept, now)
        if made is None:
            raise Conflict(
                "already_staff",
                "This e-mail address belongs to a member of staff already.",
                fields=[FieldProblem("email", "This e-mail address belongs to a member of staff already.")],
            )
        await _record(connection, by, "add_staff", member.id, {"email": email, "role": role}, now)
    return member


async def everybody(connection: Connection | Pool) -> tuple[StaffMember, ...]:
    """All staff, those who may sign in first; five hundred at the most."""
    return tuple(member_from(row) for row in await connection.fetch(sql["everybody"]))


async def change_role(connection: Connection, *, staff_id: UUID, role: Role, by: UUID, now: datetime) -> None:
    """
    Give a member another role; it counts from the member's next request on.

    Raises:
        NotAllowed: Who does it is no admin any more.
        NotFound: There is no such member.
        Conflict: It is the last admin, or the member is disabled.
    """
    async with connection.transaction():
        await lock_admins(connection, by)
        before = await _member(connection, staff_id)
        if before.disabled_at is not None:
            raise Conflict("disabled", f"{before.name} is disabled. Enable first, then change the role.")
        if await connection.fetchval(sql["change_role"], staff_id, role) is None:
            raise _last_admin()
        await _record(connection, by, "change_role", staff_id, {"from": before.role, "to": role}, now)


async def disable(connection: Connection, *, staff_id: UUID, by: UUID, now: datetime) -> None:
    """
    Shut a member out, at once and in every browser. Doing it again changes nothing.

    Raises:
        NotAllowed: Who does it is no admin any more.
        NotFound: There is no such member.
        Conflict: It is whoever does it, or the last admin.
    """
    if staff_id == by:
        raise Conflict("yourself", "You cannot shut yourself out. Another admin can do it for you.")
    async with connection.transaction():
        await lock_admins(connection, by)
        if (await _member(connection, staff_id)).disabled_at is not None:
            return
        if await connection.fetchval(sql["disable"], staff_id, now) is None:
            raise _last_admin()
        await connection.execute(sql["drop_sign_ins"], staff_id)
        await _record(connection, by, "disable_staff", staff_id, {}, now)


async def enable(connection: Connection, *, staff_id: UUID, by: UUID, now: datetime) -> None:
    """
    Let a disabled member in again, with the role and password of before. Doing it again changes nothing.

    Raises:
        NotAllowed: Who does it is no admin any more.
        NotFound: There is no such member.
    """
    async with connection.transaction():
        await lock_admins(connection, by)
        await _member(connection, staff_id)
        if await connection.fetchval(sql["enable"], staff_id) is not None:
            await _record(connection, by, "enable_staff", staff_id, {}, now)


async def set_password(pool: Pool, *, email: str, password: str, by: UUID | None, now: datetime) -> StaffMember:
    """
    Give a member who may sign in another password, whatever it was; every browser of the member is signed out.

    Args:
        by: Whose doing it is; None: a command's.

    Raises:
        Invalid: The password cannot be.
        NotFound: No member who may sign in has that e-mail.
        NotAllowed: Who does it is no admin any more.
        Unavailable: Too many passwords are being hashed at this moment.
    """
    problem = password_problem(password, email=email)
    if problem is not None:
        raise Invalid("invalid", problem.problem, fields=[problem])
    kept = await hash_password(password)
    async with pool.acquire() as connection, connection.transaction():
        await lock_admins(connection, by)
        row = await connection.fetchrow(sql["staff_by_email"], fold_email(email))
        if row is None:
            raise NotFound("not_found", "No member of staff who may sign in has this e-mail address.")
        await connection.execute(sql["set_password"], row["id"], kept)
        await connection.execute(sql["drop_sign_ins"], row["id"])
        await _record(connection, by, "set_password", row["id"], {}, now)
    return member_from(row)


async def lock_admins(connection: Connection, by: UUID | None) -> None:
    """
    Lock all admins, and see that who acts is still one of them: two who disable each other cannot both do it.

    Raises:
        NotAllowed: Who acts is no admin any more.
    """
    admins = {row["id"] for row in await connection.fetch(sql["lock_admins"])}
    if by is not None and by not in admins:
        raise NotAllowed("not_allowed", "Only an admin decides who works here.")


async def _member(connection: Connection, staff_id: UUID) -> StaffMember:
    row = await connection.fetchrow(sql["member"], staff_id)
    if row is None:
        raise NotFound("not_found", "There is no such member of staff.")
    return member_from(row)


async def _record(
    connection: Connection, by: UUID | None, verb: str, staff_id: UUID, facts: Mapping[str, object], now: datetime
) -> None:
    await record_action(
        connection, staff_id=by, verb=verb, subject=f"staff:{staff_id}", reason="", facts=facts, now=now
    )


def _last_admin() -> Conflict:
    return Conflict("last_admin", "This is the last admin. Make somebody else an admin first.")
