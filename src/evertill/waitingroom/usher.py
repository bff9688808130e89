"""
The usher calls people in: as many as checkout takes well, and as have left room inside.

Every worker runs one; the room's row says whether one has looked in the last second, so that one of them moves a line.
All times are the database's: no worker's clock opens a room early.
"""

import logging
from collections.abc import Callable
from datetime import datetime

import msgspec

from evertill.clock import Clock
from evertill.storage import Connection, Pool, Statements
from evertill.waitingroom.model import (
    IDLE,
    SHOW_UP,
    SOON,
    Called,
    Guards,
    Pressure,
    Room,
    RoomState,
    first_inside_max,
    next_inside_max,
    next_now_serving,
    still_expected,
)
from evertill.waitingroom.planning import Plan, make_room
from evertill.waitingroom.rooms import room_of

sql = Statements.of(__package__)
log = logging.getLogger(__name__)

# The limiter opens a room by itself after refusing checkouts for so many seconds in a row, and closes it when the line
# has been empty and checkout at ease for so many.
_REFUSING_SECONDS = 5
_CALM_SECONDS = 60
_AUTOMATIC_TITLE = "More people than we can serve at once"


class Usher:
    """
    One per worker.

    Args:
        pressure: How checkout does at this moment, over all workers.

        opens_rooms: Whether a room is opened when checkout saturates.
    """

    def __init__(self, pool: Pool, *, pressure: Callable[[], Pressure], clock: Clock, opens_rooms: bool) -> None:
        self._pool = pool
        self._pressure = pressure
        self._clock = clock
        self._opens_rooms = opens_rooms
        self._refusing = 0
        self._calm: dict[object, int] = {}

    async def run_once(self) -> int:
        """Move each line that nobody has moved in the last second; open a room where one is needed."""
        pressure = self._pressure()
        if self._opens_rooms:
            await self._open_if_needed(pressure)
        while await self._move_one(pressure):
            pass
        return 0

    async def _open_if_needed(self, pressure: Pressure) -> None:
        self._refusing = self._refusing + 1 if pressure.refused > 0 else 0
        if self._refusing < _REFUSING_SECONDS:
            return
        self._refusing = 0
        plan = Plan(title=_AUTOMATIC_TITLE, guards=Guards.CHECKOUT)
        async with self._pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(sql["another_of"], Guards.CHECKOUT, []) is None:
                await make_room(
                    connection, plan, opened_by="limiter", inside_max=first_inside_max(pressure), now=self._clock()
                )
                log.warning("waiting_room_opened by=limiter: checkouts were refused for %d seconds", _REFUSING_SECONDS)

    async def _move_one(self, pressure: Pressure) -> bool:
        async with self._pool.acquire("waitingroom.usher") as connection, connection.transaction():
            row = await connection.fetchrow(sql["next_to_move"])
            if row is None:
                return False
            room, now = room_of(row), row["now"]
            await self._move(connection, _by_schedule(room, now), now, pressure)
        return True

    async def _move(self, connection: Connection, room: Room, now: datetime, pressure: Pressure) -> None:
        too_long_ago = await connection.fetchval(sql["serving_at"], room.id, now - SHOW_UP) or 0
        a_while_ago = await connection.fetchval(sql["serving_at"], room.id, now - SOON) or 0
        counts = await connection.fetchrow(
            sql["count_inside"], room.id, now - IDLE, too_long_ago, a_while_ago, room.now_serving
        )
        assert counts is not None
        inside = int(counts["inside"])
        expected = still_expected(
            Called(a_while_ago - too_long_ago, int(counts["came_before"])),
            Called(room.now_serving - a_while_ago, int(counts["came_lately"])),
        )
        inside_max = (
            next_inside_max(room.inside_max, inside=inside + expected, pressure=pressure)
            if room.calls
            else room.inside_max
        )
        serving = next_now_serving(room, inside=inside, expected=expected, inside_max=inside_max)
        state = self._state_after(room, serving, pressure)
        await connection.execute(sql["move"], room.id, state, serving, inside_max, room.gathered, room.opened_at)
        if room.calls:
            await connection.execute(sql["note_move"], room.id, now, serving, inside, room.issued)
        if state is not room.state:
            await connection.execute(sql["set_state"], room.id, state, now if state is RoomState.CLOSED else None)
            log.info("waiting_room_%s room=%s issued=%d", state, room.id, room.issued)

    def _state_after(self, room: Room, serving: int, pressure: Pressure) -> RoomState:
        """A drained room closes when all are called; one the limiter opened, when it has long been calm."""
        nobody_waits = serving >= room.issued
        if room.state is RoomState.DRAINING and nobody_waits:
            return RoomState.CLOSED
        calm = room.opened_by == "limiter" and room.calls and nobody_waits and pressure.refused == 0
        self._calm[room.id] = self._calm.get(room.id, 0) + 1 if calm else 0
        if self._calm[room.id] >= _CALM_SECONDS:
            del self._calm[room.id]
            return RoomState.CLOSED
        return room.state


def _by_schedule(room: Room, now: datetime) -> Room:
    """A room as it is once its times have come: who was there at the opening is shuffled."""
    if room.state is RoomState.PLANNED and room.gathers_at is not None and now >= room.gathers_at:
        room = msgspec.structs.replace(room, state=RoomState.GATHERING)
    if room.state is RoomState.GATHERING and room.opens_at is not None and now >= room.opens_at:
        room = msgspec.structs.replace(room, state=RoomState.OPEN, gathered=room.issued, opened_at=now)
    return room
