"""
The waiting room: people queue, not requests.

    planned ──► gathering ──► open ◄──► paused
                                │          │
                                └──────────┴──► draining ──► closed

    ticket:  waiting ──► inside ──► done      bought
                └───────────┴─────► left      gave the place up

Who comes before the opening gathers; at the opening those are shuffled, and who comes later stands behind them, first
come, first served. A ticket's number is the order of its making; its place is where it stands in the line.
"""

import enum
import hashlib
import itertools
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

# Somebody called who has not come in by then is no longer counted on. The ticket still opens the door.
SHOW_UP = timedelta(minutes=3)
# Whoever keeps the page open comes in within this. Of those called before, it is known how many come at all.
SOON = timedelta(seconds=30)
# Somebody inside of whom nothing was heard for so long has made room.
IDLE = timedelta(minutes=5)

INSIDE_MIN = 20  # so many may always be inside: a line must move
_SECONDS_INSIDE = 5  # between being called and having an order, for a program; a person takes longer
INSIDE_START = 200
_FULL = 0.85  # of the limit, under way: as full as it does well to be
_EASY = 0.6
_IDLE = 0.3
_FASTER, _MUCH_FASTER, _SLOWER = 1.1, 1.2, 0.94
_ROUNDS = 6
_KNOWN_FROM = 20  # people called before it is known how many come


class RoomState(enum.StrEnum):
    """Where a waiting room stands."""

    PLANNED = "planned"  # its time has not come
    GATHERING = "gathering"  # tickets are given, nobody is called
    OPEN = "open"  # people are called
    PAUSED = "paused"  # tickets are given, nobody more is called
    DRAINING = "draining"  # as open; it closes by itself as soon as nobody waits
    CLOSED = "closed"


class Guards(enum.StrEnum):
    """What is behind the room."""

    CHECKOUT = "checkout"  # opening a checkout; looking around stays free
    SHOP = "shop"  # every page a shopper sees


class TicketState(enum.StrEnum):
    """What became of a ticket."""

    WAITING = "waiting"
    INSIDE = "inside"
    DONE = "done"  # bought
    LEFT = "left"  # gave it up


class Room(msgspec.Struct, frozen=True):
    """A waiting room as the table has it."""

    id: UUID
    title: str
    guards: Guards
    skus: tuple[str, ...]  # only checkouts with one of these are behind it; () for all
    state: RoomState
    opened_by: str  # staff, schedule, limiter
    gathers_at: datetime | None
    opens_at: datetime | None
    opened_at: datetime | None
    seed: bytes  # of the shuffle: drawn when the room is made, its hash is shown from then on
    gathered: int  # tickets given before the opening: those that are shuffled
    issued: int  # tickets given
    now_serving: int  # the place up to which people may enter
    inside_max: int  # how many may be inside, as found by what checkout can take

    @property
    def waits(self) -> bool:
        """Whether people stand in line here."""
        return self.state not in (RoomState.PLANNED, RoomState.CLOSED)

    @property
    def calls(self) -> bool:
        """Whether people are called."""
        return self.state in (RoomState.OPEN, RoomState.DRAINING)

    @property
    def promise(self) -> str:
        """What is shown of the seed beforehand, so that the shuffle can be checked afterwards."""
        return hashlib.sha256(self.seed).hexdigest()


class Ticket(msgspec.Struct, frozen=True):
    """A numbered place in one room's line."""

    room_id: UUID
    number: int  # from 1, in the order of making
    state: TicketState


def place_of(number: int, *, gathered: int, seed: bytes) -> int:
    """
    Where a ticket stands once its room is open: from 1.

    Those who gathered are shuffled; the rest keep their number. Worked out anew each time, so that a million people
    can be shuffled in no time and no place has to be written down.

    Args:
        number: The ticket's, from 1.

        gathered: How many tickets there were at the opening.

        seed: The room's.

    Source: a Feistel network over the smallest even power of two that holds them all, walked until it lands within
    (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002); keyed BLAKE2b as its round function.
    """
    if number > gathered:
        return number
    half = max((gathered - 1).bit_length() + 1, 2) // 2
    mask = (1 << half) - 1
    index = number - 1
    while True:
        left, right = index >> half, index & mask
        for turn in range(_ROUNDS):
            said = hashlib.blake2b(bytes((turn,)) + right.to_bytes(5, "big"), key=seed, digest_size=5).digest()
            left, right = right, left ^ (int.from_bytes(said, "big") & mask)
        index = left << half | right
        if index < gathered:
            return index + 1


class Pressure(msgspec.Struct, frozen=True):
    """How checkout does, over all workers, in the last second or so."""

    load: float  # requests under way, as a share of what the limiters allow
    refused: int  # of checkouts and payments, in that time; who has no place in line yet is not among them
    taken: int = 0  # orders, in that time


def next_inside_max(now: int, *, inside: int, pressure: Pressure) -> int:
    """
    How many may be inside next: a step up while checkout is at ease and the bound is felt, a step down when it is not.

    Multiplicative both ways, once a second: from 20 to 10,000 inside takes half a minute.
    """
    if pressure.refused > 0 or pressure.load > _FULL:
        return max(int(now * _SLOWER), INSIDE_MIN)
    if pressure.load < _EASY and inside >= 0.7 * now:
        return int(now * (_MUCH_FASTER if pressure.load < _IDLE else _FASTER)) + 1
    return now


class Called(msgspec.Struct, frozen=True):
    """People who were called in a stretch of time, and how many of them have come (or given up)."""

    people: int
    came: int


def first_inside_max(pressure: Pressure) -> int:
    """How many a room lets in first that opens in the middle of a rush: checkout was taking so many just now."""
    return max(INSIDE_START, pressure.taken * _SECONDS_INSIDE)


def still_expected(before: Called, lately: Called) -> int:
    """
    How many of those called are still to be reckoned with.

    A line is full of people who closed the page, and of programs that never come back: were they all waited for, a
    flood of them would stop the line for everybody behind. So those called lately are expected at the rate at which
    those called before them came.

    Args:
        before: Called between SHOW_UP and SOON ago.

        lately: Called since.
    """
    rate = (before.came + 1) / (before.people + 1) if before.people >= _KNOWN_FROM else 1.0
    missing = max(before.people - before.came, 0) * rate
    return math.ceil(max(lately.people - lately.came, 0) * rate + missing * rate)


def next_now_serving(room: Room, *, inside: int, expected: int, inside_max: int) -> int:
    """
    The place up to which people may enter next.

    Args:
        inside: Who came in and was heard of lately.

        expected: Who was called lately and has not come in yet.
    """
    if not room.calls:
        return room.now_serving
    free = max(inside_max - inside - expected, 0)
    return max(min(room.now_serving + free, room.issued), room.now_serving)


class Moved(msgspec.Struct, frozen=True):
    """How far a line had come at one moment."""

    at: datetime
    now_serving: int


class Estimate(msgspec.Struct, frozen=True):
    """How long somebody still waits: between these, in seconds."""

    soonest_s: float
    latest_s: float


def estimate(ahead: int, moves: Sequence[Moved]) -> Estimate | None:
    """
    How long until somebody with so many ahead is called, from how the line moved lately; None: it cannot be said.

    The slowest and the fastest of the last stretches of half a minute give the range; a line that stood in one of
    them has no latest time that could be promised.
    """
    paces = []
    for earlier, later in itertools.pairwise(moves):
        seconds = (later.at - earlier.at).total_seconds()
        if seconds > 0:
            paces.append((later.now_serving - earlier.now_serving) / seconds)
    fastest = max(paces, default=0.0)
    slowest = min(paces, default=0.0)
    if fastest <= 0:
        return None
    mean = sum(paces) / len(paces)
    slow = slowest if slowest > 0 else mean / 2
    return Estimate(soonest_s=ahead / fastest, latest_s=ahead / slow)


class Reach(enum.StrEnum):
    """Whether what one waits for can still be had when one's turn comes."""

    YES = "yes"
    UNLIKELY = "unlikely"  # those before will most likely take all of it
    NO = "no"  # it is sold out


def reach(ahead: int, *, left: int | None) -> Reach:
    """
    Args:
        ahead: People who are called before: each is taken to want one.

        left: Units that can still be had, claimed ones that may come back included; None: the room is for everything.
    """
    if left is None:
        return Reach.YES
    if left <= 0:
        return Reach.NO
    return Reach.UNLIKELY if ahead >= left else Reach.YES


def holder_of_agent(owner: str, attempt: str) -> bytes:
    """Whose a ticket is that an agent takes: the agent's, for that one attempt."""
    return hashlib.sha256(f"agent\0{owner}\0{attempt}".encode()).digest()
