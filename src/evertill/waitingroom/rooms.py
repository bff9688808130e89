"""
The rooms as a worker knows them: read once a second, asked as often as anybody likes.

Whether somebody may come in is decided from memory and from the ticket they carry: no request of a million waiting
people asks the database. Where the database cannot be reached, what was known last still holds: nobody is called,
nobody is let in who was not, and no place is lost.
"""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import asyncpg
import msgspec

from evertill.clock import Clock
from evertill.refusals import Unavailable
from evertill.signing import Signer
from evertill.storage import Pool, Statements
from evertill.waitingroom.model import (
    Estimate,
    Guards,
    Moved,
    Reach,
    Room,
    RoomState,
    estimate,
    place_of,
    reach,
)
from evertill.waitingroom.tickets import unseal

sql = Statements.of(__package__)
log = logging.getLogger(__name__)

_STALE_SECONDS = 5.0  # not read for so long: said on the page
_SEEN_MAX = 20_000  # between two sweeps
_MOVES_SPAN = timedelta(minutes=5)


class Known(msgspec.Struct, frozen=True):
    """A room with what is told of it."""

    room: Room
    left: int | None  # units that can still be had of what it is for; None: it is for everything
    claimed: int
    moves: tuple[Moved, ...]

    @property
    def sold_out(self) -> bool:
        """Nobody in this line can get anything any more."""
        return self.left is not None and self.left <= 0


class Standing(msgspec.Struct, frozen=True):
    """Where somebody stands."""

    known: Known
    number: int
    place: int | None  # None: not shuffled yet
    ahead: int | None  # people who are called before; None: not shuffled yet
    may_enter: bool
    wait: Estimate | None
    reach: Reach


class Rooms:
    """One per worker."""

    def __init__(self, pool: Pool, signer: Signer, *, clock: Clock) -> None:
        self._pool = pool
        self._signer = signer
        self._clock = clock
        self._known: dict[UUID, Known] = {}
        self._read_at = monotonic()
        self._seen: dict[tuple[UUID, int], datetime] = {}
        self._done: set[tuple[UUID, int]] = set()
        self.board: bytes = b'{"rooms":[]}'  # what everybody who waits is told, made once a second

    @property
    def any_open(self) -> bool:
        """Whether anybody stands in line anywhere."""
        return any(known.room.waits for known in self._known.values())

    @property
    def before_all_checkouts(self) -> bool:
        """Whether there is a line before every checkout, whatever is bought."""
        return any(known.room.waits and not known.room.skus and not known.sold_out for known in self._known.values())

    @property
    def all(self) -> Collection[Known]:
        """The rooms there are."""
        return self._known.values()

    @property
    def stale(self) -> bool:
        """Whether the rooms could not be read for a while: places stand still, and that is said."""
        return monotonic() - self._read_at > _STALE_SECONDS

    def known(self, room_id: UUID) -> Known | None:
        """A room by its id, if it is not over."""
        return self._known.get(room_id)

    def behind(self, guards: Guards, skus: Collection[str] = ()) -> Known | None:
        """
        The room in front of this, if people stand in line for it.

        What is sold out is not guarded: whoever asks for it is told at once that it is.
        """
        for known in self._known.values():
            room = known.room
            if (
                room.waits
                and room.guards is guards
                and not known.sold_out
                and (not room.skus or not set(room.skus).isdisjoint(skus))
            ):
                return known
        return None

    def standing(self, known: Known, sealed: str, holder: bytes) -> Standing | None:
        """Where the holder of a ticket stands in a room; None where it is no ticket of theirs for this room."""
        found = unseal(self._signer, sealed, holder)
        if found is None or found[0] != known.room.id:
            return None
        return stand(known, found[1])

    def note_seen(self, standing: Standing) -> None:
        """Somebody who was called is inside and about: written down with the next sweep."""
        if standing.may_enter and len(self._seen) < _SEEN_MAX:
            self._seen[standing.known.room.id, standing.number] = self._clock()

    def note_done(self, standing: Standing) -> None:
        """Somebody bought: they make room for the next."""
        if len(self._done) < _SEEN_MAX:
            self._done.add((standing.known.room.id, standing.number))

    async def refresh(self) -> int:
        """Write down who was seen, and read how the rooms stand. A duty, once a second."""
        try:
            await self._sweep()
            rows = await self._pool.fetch(sql["rooms"])
            known = {}
            for row in rows:
                room = room_of(row)
                moves = await self._pool.fetch(sql["moves"], room.id, row["now"] - _MOVES_SPAN) if room.waits else []
                line = [Moved(move["at"], move["now_serving"]) for move in moves]
                known[room.id] = Known(
                    room,
                    row["left"] if room.skus else None,
                    row["claimed"],
                    (*line, Moved(row["now"], room.now_serving)),
                )
        except (Unavailable, asyncpg.PostgresError, OSError) as error:
            if self._known:
                log.warning("waiting_rooms_unreadable error=%r: what was known last holds", error)
            self._write_board()
            return 0
        self._known = known
        self._read_at = monotonic()
        self._write_board()
        return 0

    async def _sweep(self) -> None:
        seen, self._seen = self._seen, {}
        done, self._done = self._done, set()
        try:
            if seen:
                places = [self._place(room_id, number) for room_id, number in seen]
                await self._pool.execute(
                    sql["note_seen"], [room for room, _ in seen], [number for _, number in seen], places,
                    list(seen.values()),
                )  # fmt: skip
            if done:
                pairs = list(done)
                await self._pool.execute(sql["note_done"], [room for room, _ in pairs], [number for _, number in pairs])
        except BaseException:
            self._seen, self._done = seen | self._seen, done | self._done
            raise

    def _place(self, room_id: UUID, number: int) -> int:
        known = self._known.get(room_id)
        return place_of(number, gathered=known.room.gathered, seed=known.room.seed) if known else number

    def _write_board(self) -> None:
        self.board = msgspec.json.encode(
            {
                "rooms": [
                    {
                        "id": known.room.id.hex,
                        "state": known.room.state,
                        "now_serving": known.room.now_serving,
                        "issued": known.room.issued,
                        "per_minute": round(per_minute(known.moves), 1),
                        "left": known.left,
                    }
                    for known in self._known.values()
                ],
                "stale": self.stale,
            }
        )


def stand(known: Known, number: int) -> Standing:
    """Where the ticket of that number stands."""
    room = known.room
    if room.opened_at is None:
        return Standing(known, number, None, None, may_enter=False, wait=None, reach=reach(0, left=known.left))
    place = place_of(number, gathered=room.gathered, seed=room.seed)
    ahead = max(place - room.now_serving - 1, 0)
    may_enter = place <= room.now_serving
    return Standing(
        known, number, place, ahead,
        may_enter=may_enter,
        wait=None if may_enter or room.state is RoomState.PAUSED else estimate(ahead + 1, known.moves),
        reach=reach(ahead, left=known.left),
    )  # fmt: skip


def per_minute(moves: Collection[Moved]) -> float:
    """How many are called a minute, over all that is known of the last minutes."""
    line = list(moves)
    if len(line) < 2:
        return 0.0
    seconds = (line[-1].at - line[0].at).total_seconds()
    return 60 * (line[-1].now_serving - line[0].now_serving) / seconds if seconds > 0 else 0.0


def room_of(row: "asyncpg.Record | Mapping[str, object]") -> Room:
    """A row of waiting_room."""
    return msgspec.convert(
        {name: row[name] for name in Room.__struct_fields__}, Room, builtin_types=(bytes, UUID, datetime)
    )
