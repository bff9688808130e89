"""What staff do with waiting rooms: plan, open, pause, go on, drain, close. Each is recorded with who and why."""

import secrets
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from evertill.ids import new_id
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound
from evertill.staff.actions import record_action
from evertill.storage import Connection, Pool, Statements
from evertill.waitingroom.model import INSIDE_START, Guards, Room, RoomState
from evertill.waitingroom.rooms import room_of

sql = Statements.of(__package__)

_TITLE_MAX = 120
_SKUS_MAX = 50

# What may be done with a room in that state, and what it is then.
MOVES: dict[str, dict[RoomState, RoomState]] = {
    "open": {RoomState.PLANNED: RoomState.OPEN, RoomState.GATHERING: RoomState.OPEN, RoomState.PAUSED: RoomState.OPEN},
    "pause": {RoomState.OPEN: RoomState.PAUSED, RoomState.DRAINING: RoomState.PAUSED},
    "drain": {RoomState.OPEN: RoomState.DRAINING, RoomState.PAUSED: RoomState.DRAINING},
    "close": dict.fromkeys(set(RoomState) - {RoomState.CLOSED}, RoomState.CLOSED),
}


class Plan(msgspec.Struct, frozen=True):
    """A room as somebody wants it. Without times it opens at once."""

    title: str
    guards: Guards
    skus: tuple[str, ...] = ()
    gathers_at: datetime | None = None
    opens_at: datetime | None = None


def check_plan(plan: Plan, *, now: datetime) -> None:
    """
    Raises:
        Invalid: Naming each field.
    """
    problems = []
    if not 1 <= len(plan.title.strip()) <= _TITLE_MAX:
        problems.append(FieldProblem("title", f"What people read above the line: 1 to {_TITLE_MAX} characters."))
    if len(plan.skus) > _SKUS_MAX:
        problems.append(FieldProblem("skus", f"At most {_SKUS_MAX} SKUs."))
    if plan.skus and plan.guards is Guards.SHOP:
        problems.append(FieldProblem("skus", "A room before the whole shop is for everything: leave the SKUs out."))
    if plan.opens_at is not None and plan.opens_at <= now:
        problems.append(FieldProblem("opens_at", "This time is past. Leave it out to open now."))
    if plan.gathers_at is not None and plan.opens_at is None:
        problems.append(FieldProblem("opens_at", "Who gathers must be told when it opens."))
    if plan.gathers_at is not None and plan.opens_at is not None and plan.gathers_at > plan.opens_at:
        problems.append(FieldProblem("gathers_at", "People gather before it opens, not after."))
    if problems:
        raise Invalid("invalid", " ".join(problem.problem for problem in problems), fields=problems)


async def plan_room(pool: Pool, plan: Plan, *, staff_id: UUID, now: datetime) -> UUID:
    """
    Make a room; it opens at once, or at its time.

    Raises:
        Invalid: The plan cannot be, field by field; a SKU is not known.
        Conflict: There is a room for the same already.
    """
    check_plan(plan, now=now)
    try:
        async with pool.acquire() as connection, connection.transaction():
            await _check_skus(connection, plan.skus)
            room_id = await make_room(connection, plan, opened_by="schedule" if plan.opens_at else "staff", now=now)
            await _record(connection, room_id, staff_id, "open_room", "", {"title": plan.title}, now)
    except asyncpg.UniqueViolationError as error:
        raise Conflict("room_exists", "There is a waiting room for this already: look below.") from error
    return room_id


async def make_room(
    connection: Connection, plan: Plan, *, opened_by: str, inside_max: int = INSIDE_START, now: datetime
) -> UUID:
    """Write a room, within a transaction."""
    room_id = new_id()
    state, opened_at = RoomState.OPEN, now
    if plan.opens_at is not None:
        state = RoomState.PLANNED if plan.gathers_at is not None and plan.gathers_at > now else RoomState.GATHERING
    await connection.execute(
        sql["make_room"], room_id, plan.title.strip(), plan.guards, sorted(set(plan.skus)), state, opened_by,
        plan.gathers_at, plan.opens_at, opened_at if state is RoomState.OPEN else None, secrets.token_bytes(32),
        inside_max, now,
    )  # fmt: skip
    return room_id


async def change_room(pool: Pool, *, room_id: UUID, move: str, reason: str, staff_id: UUID, now: datetime) -> RoomState:
    """
    Open, pause, drain or close a room.

    Raises:
        NotFound: There is none.
        Conflict: That cannot be done with a room in its state.
    """
    async with pool.acquire() as connection, connection.transaction():
        room = await _lock(connection, room_id)
        state = MOVES[move].get(room.state)
        if state is None:
            raise Conflict("not_now", f"This room is {room.state}: it cannot be made to {move}. Nothing was changed.")
        if state is RoomState.OPEN and room.opened_at is None:
            await connection.execute(sql["move"], room.id, state, room.now_serving, room.inside_max, room.issued, now)
        await connection.execute(sql["set_state"], room_id, state, now if state is RoomState.CLOSED else None)
        await _record(connection, room_id, staff_id, f"{move}_room", reason, {"title": room.title, "state": state}, now)
    return state


async def latest_rooms(pool: Pool, *, most: int) -> tuple[Room, ...]:
    """The rooms there are and were, newest first."""
    return tuple(room_of(row) for row in await pool.fetch(sql["latest"], most))


async def _lock(connection: Connection, room_id: UUID) -> Room:
    row = await connection.fetchrow(sql["lock_room"], room_id)
    if row is None:
        raise NotFound("not_found", "There is no such waiting room.")
    return room_of(row)


async def _check_skus(connection: Connection, skus: tuple[str, ...]) -> None:
    rows = await connection.fetch(sql["known_skus"], list(skus)) if skus else []
    unknown = sorted(set(skus) - {row["sku"] for row in rows})
    if unknown:
        problem = f"Not known: {', '.join(unknown[:5])}."
        raise Invalid("invalid", problem, fields=[FieldProblem("skus", problem)])


async def _record(
    connection: Connection,
    room_id: UUID,
    staff_id: UUID,
    verb: str,
    reason: str,
    facts: dict[str, object],
    now: datetime,
) -> None:
    await record_action(
        connection, staff_id=staff_id, verb=verb, subject=f"room:{room_id}", reason=reason, facts=facts, now=now
    )
