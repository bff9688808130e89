"""Taking a ticket, in groups: one each, numbered in order, and given back to whoever has one already."""

import logging
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import msgspec

from evertill.refusals import NotFound, TooMany
from evertill.signing import Signer
from evertill.storage import Connection, Groups, Pool, Statements
from evertill.waitingroom.model import SHOW_UP, Room, RoomState, Ticket, TicketState, place_of
from evertill.waitingroom.neighbours import Neighbours, PerAddress, one_too_many

sql = Statements.of(__package__)
log = logging.getLogger(__name__)

_SEALED_MAX = 100
_HEX_32, _NUMBER = re.compile("[0-9a-f]{32}"), re.compile("[0-9]{1,18}")
_PURPOSE = "ticket"
_MINUTE = timedelta(minutes=1)
_WARN_SECONDS = 60.0
_GIVING = (RoomState.GATHERING, RoomState.OPEN, RoomState.PAUSED, RoomState.DRAINING)


class Taking(msgspec.Struct, frozen=True):
    """Somebody comes to a room."""

    room_id: UUID
    holder: bytes  # of the browser's cookie, or of an agent's attempt
    customer_id: UUID | None
    now: datetime
    network: int | None = None  # where from, as mark_of() has it; None: not counted


class Tickets:
    """The ticket desk: one per worker."""

    def __init__(self, pool: Pool, *, per_address: PerAddress) -> None:
        self._pool = pool
        self._per_address = per_address
        self._warned_at = -_WARN_SECONDS
        self.groups: Groups[Taking, Ticket] = Groups("tickets", self._run)

    async def take(self, ask: Taking) -> Ticket:
        """
        A place at the end of the line, or the one this browser or customer already has.

        Raises:
            NotFound: The room gives no tickets (any more): whoever comes may walk in, or must come later.
            TooMany: From there have come as many as may. Whoever has a place is given it all the same.
            Unavailable: Tickets cannot be given at this moment. Nobody's place is lost.
        """
        return await self.groups.submit(ask)

    async def _run(self, asks: Sequence[Taking]) -> Sequence[Ticket | Exception]:
        async with self._pool.acquire("waitingroom.take") as connection, connection.transaction():
            rows = await connection.fetch(sql["lock_rooms"], list({ask.room_id for ask in asks}))
            rooms = {row["id"]: row for row in rows}
            issued = {row["id"]: int(row["issued"]) for row in rows}
            known = await _known(connection, asks)
            neighbours = await _neighbours(
                connection,
                [ask for position, ask in enumerate(asks) if position not in known or _left(known[position])],
            )
            desk = _Desk(known, issued, neighbours, self._per_address)
            answers: list[Ticket | Exception] = []
            for position, ask in enumerate(asks):
                room = rooms.get(ask.room_id)
                if room is None or (RoomState(room["state"]) not in _GIVING and position not in known):
                    answers.append(NotFound("no_tickets", "No tickets are given here at this moment."))
                else:
                    answers.append(desk.give(position, ask))
            await desk.write(connection)
        self._warn(sum(isinstance(answer, TooMany) for answer in answers))
        return answers

    def _warn(self, refused: int) -> None:
        """Say that addresses are full, once a minute: it may be a script, and it may be a proxy nobody named."""
        if refused and monotonic() - self._warned_at >= _WARN_SECONDS:
            self._warned_at = monotonic()
            log.warning(
                "places_refused count=%d: an address has as many as it may (EVERTILL_WAITING_ROOM_PER_ADDRESS). "
                "If these are people behind a proxy of yours, name it in EVERTILL_TRUSTED_PROXIES",
                refused,
            )


class _Known(msgspec.Struct, frozen=True):
    ticket: Ticket
    same_holder: bool


class _Desk:
    """What a group is given: decided in memory under the rooms' locks, then written."""

    def __init__(
        self,
        known: dict[int, _Known],
        issued: dict[UUID, int],
        neighbours: dict[tuple[UUID, int], Neighbours],
        per_address: PerAddress,
    ) -> None:
        self._known = known
        self._issued = issued
        self._neighbours = neighbours
        self._per_address = per_address
        self._new: list[tuple[Taking, int]] = []
        self._rebound: dict[tuple[UUID, int], bytes] = {}
        self._given_up: set[tuple[UUID, int]] = set()
        self._here: dict[tuple[UUID, bytes | UUID], Ticket] = {}

    def give(self, position: int, ask: Taking) -> Ticket | TooMany:
        """A ticket for one of the group, or why there is none."""
        names: list[bytes | UUID] = [ask.holder, *([ask.customer_id] if ask.customer_id else [])]
        for name in names:
            twin = self._here.get((ask.room_id, name))
            if twin is not None:
                return twin
        known = self._known.get(position)
        if known is not None and not _left(known):
            ticket = known.ticket
            if not known.same_holder:
                self._rebound[ask.room_id, ticket.number] = ask.holder
        else:
            refusal = self._count(ask)
            if refusal is not None:
                return refusal
            if known is not None:
                self._given_up.add((ask.room_id, known.ticket.number))
            self._issued[ask.room_id] += 1
            ticket = Ticket(ask.room_id, self._issued[ask.room_id], TicketState.WAITING)
            self._new.append((ask, ticket.number))
        for name in names:
            self._here[ask.room_id, name] = ticket
        return ticket

    def _count(self, ask: Taking) -> TooMany | None:
        """Count one more from where this one comes, or say that it is one too many."""
        if ask.network is None:
            return None
        neighbours = self._neighbours.get((ask.room_id, ask.network), Neighbours())
        refusal = one_too_many(neighbours, self._per_address, room_id=ask.room_id)
        if refusal is None:
            self._neighbours[ask.room_id, ask.network] = neighbours.and_one()
        return refusal

    async def write(self, connection: Connection) -> None:
        """Write what was given."""
        if self._given_up:
            rooms, numbers = zip(*self._given_up, strict=True)
            await connection.execute(sql["come_back"], list(rooms), list(numbers))
        if self._rebound:
            pairs = list(self._rebound)
            await connection.execute(
                sql["rebind"],
                [room for room, _ in pairs],
                [number for _, number in pairs],
                list(self._rebound.values()),
            )
        if self._new:
            touched = {ask.room_id for ask, _ in self._new}
            await connection.execute(
                sql["issue_tickets"],
                [ask.room_id for ask, _ in self._new],
                [number for _, number in self._new],
                [ask.holder for ask, _ in self._new],
                [ask.customer_id for ask, _ in self._new],
                [ask.now for ask, _ in self._new],
                [ask.network for ask, _ in self._new],
                list(touched),
                [self._issued[room_id] for room_id in touched],
            )


async def _known(connection: Connection, asks: Sequence[Taking]) -> dict[int, _Known]:
    """
    The ticket each of a group already has. A customer's goes before a browser's: the browser may have been somebody
    else's, the account was not.
    """
    rows = await connection.fetch(
        sql["known_tickets"],
        list(range(len(asks))),
        [ask.room_id for ask in asks],
        [ask.holder for ask in asks],
        [ask.customer_id for ask in asks],
    )
    found: dict[int, _Known] = {}
    for row in rows:
        ticket = Ticket(row["room_id"], row["number"], TicketState(row["state"]))
        if row["ask"] not in found or not row["same_holder"]:
            found[row["ask"]] = _Known(ticket, bool(row["same_holder"]))
    return found


def _left(known: _Known) -> bool:
    return known.ticket.state is TicketState.LEFT


async def _neighbours(connection: Connection, comers: Sequence[Taking]) -> dict[tuple[UUID, int], Neighbours]:
    """Who stands in line already from where these come; nothing is asked where nobody is counted."""
    counted = {(ask.room_id, ask.network): ask.now for ask in comers if ask.network is not None}
    if not counted:
        return {}
    rows = await connection.fetch(
        sql["neighbours"],
        [room_id for room_id, _ in counted],
        [network for _, network in counted],
        SHOW_UP,
        max(counted.values()) - _MINUTE,
    )
    return {(row["room_id"], row["network"]): Neighbours(row["standing"], row["lately"]) for row in rows}


async def leave(pool: Pool, *, room: Room, number: int) -> None:
    """Give a place up. Doing so twice changes nothing."""
    await pool.fetchval(sql["leave"], room.id, number, place_of(number, gathered=room.gathered, seed=room.seed))


def seal(signer: Signer, ticket: Ticket, holder: bytes) -> str:
    """A ticket as a browser or an agent carries it: worth nothing in other hands."""
    text = f"{ticket.room_id.hex}.{ticket.number}"
    return f"{text}.{signer.sign(_PURPOSE, f'{text}.{holder.hex()}')}"


def unseal(signer: Signer, sealed: str, holder: bytes) -> tuple[UUID, int] | None:
    """The room and number of a ticket that we gave to this holder; None for any other text."""
    found = said_by(sealed)
    text, _, signature = sealed.rpartition(".")
    return found if found is not None and signer.holds(_PURPOSE, f"{text}.{holder.hex()}", signature) else None


def said_by(sealed: str) -> tuple[UUID, int] | None:
    """The room and number a ticket claims to be for, whoever made it; None where it claims nothing of the kind."""
    room, _, rest = sealed.partition(".")
    number, _, _ = rest.partition(".")
    if len(sealed) > _SEALED_MAX or not (_HEX_32.fullmatch(room) and _NUMBER.fullmatch(number)):
        return None
    return UUID(hex=room), int(number)
