"""Which programs are let in: made and revoked by an admin, each time with a reason."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from evertill.clients.model import NAME_MAX, ApiClient, Scope, in_order
from evertill.deals.planning import check_reason
from evertill.ids import new_id
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound
from evertill.signing import new_token, token_hash
from evertill.staff import lock_admins, record_action
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)

CLIENTS_MAX = 50  # that were not revoked
CLIENTS_SHOWN_MAX = 100
USE_NOTED_EVERY = timedelta(minutes=5)


class Admitted(msgspec.Struct, frozen=True):
    """A client just made. The secret is shown once and kept nowhere."""

    client: ApiClient
    secret: str


async def make_client(
    pool: Pool, *, name: str, scopes: Collection[str], reason: str, by: UUID, now: datetime
) -> Admitted:
    """
    Let a program in. To give it another secret, make another client and revoke this one.

    Raises:
        Invalid: Name, scopes or reason cannot be.
        Conflict: There are too many.
        NotAllowed: Who does it is no admin any more.
    """
    name = name.strip()
    problems = []
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        problems.append(FieldProblem("name", f"What people read: 1 to {NAME_MAX} characters on one line."))
    wanted = in_order(scopes)
    if not wanted or len(wanted) != len(set(scopes)):
        problems.append(FieldProblem("scopes", f"At least one of {', '.join(Scope)}."))
    if problems:
        raise Invalid("invalid", " ".join(each.problem for each in problems), fields=problems)
    check_reason(reason)
    id_, secret = new_id(), new_token()
    async with pool.acquire() as connection, connection.transaction():
        await lock_admins(connection, by)
        made = await connection.fetchval(
            sql["make_client"], id_, name, list(wanted), token_hash(secret), by, now, CLIENTS_MAX
        )
        if made is None:
            raise Conflict("too_many_clients", f"There are {CLIENTS_MAX} API clients. Revoke one that is not needed.")
        await _record(connection, by, "make_client", id_, reason, {"name": name, "scopes": ", ".join(wanted)}, now)
        row = await connection.fetchrow(sql["living_client"], id_)
        assert row is not None
    return Admitted(client_from(row), secret)


async def revoke_client(pool: Pool, *, client_id: UUID, reason: str, by: UUID, now: datetime) -> None:
    """
    Shut a program out for good, its tokens included. The same again changes nothing.

    Raises:
        NotFound: There is no such client.
        Invalid: No reason was given.
        NotAllowed: Who does it is no admin any more.
    """
    check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        await lock_admins(connection, by)
        name = await connection.fetchval(sql["revoke_client"], client_id, now)
        if name is not None:
            await _record(connection, by, "revoke_client", client_id, reason, {"name": name}, now)
        elif await connection.fetchval(sql["client_exists"], client_id) is None:
            raise NotFound("not_found", "There is no such API client.")


async def all_clients(connection: Connection | Pool) -> tuple[ApiClient, ...]:
    """Every client that may come, then those that were revoked last; a hundred at the most."""
    return tuple(client_from(row) for row in await connection.fetch(sql["all_clients"], CLIENTS_SHOWN_MAX))


def client_from(row: asyncpg.Record) -> ApiClient:
    """A client as the statements of this slice name its columns."""
    return ApiClient(
        id=row["id"], name=row["name"], scopes=in_order(row["scopes"]), made_by=row["made_by"],
        created_at=row["created_at"], revoked_at=row["revoked_at"], last_used_at=row["last_used_at"],
    )  # fmt: skip


async def _record(
    connection: Connection,
    by: UUID,
    verb: str,
    client_id: UUID,
    reason: str,
    facts: Mapping[str, object],
    now: datetime,
) -> None:
    await record_action(
        connection, staff_id=by, verb=verb, subject=f"client:{client_id}", reason=reason, facts=facts, now=now
    )
