"""
The crowd: far more people than units, each of whom wants one and is told for certain whether he has it.

    python -m bench.crowd   reads one Rush as JSON from stdin, writes one Rushed as JSON to stdout

Each connection plays its people one after the other. Whoever is told 503 waits as long as Retry-After says, holding
his connection, and sends the same request under the same key again.
"""

import asyncio
import sys
import time

import msgspec
import uvloop

from bench.answers import Patience, Said, said_to_completing, said_to_opening
from bench.buyers import Ask, Connection, Latency, Requests, latency_of, name_of

_TRIES = 100  # of one person: after so many times of "not now" it is no answer any more
_SECONDS_MAX = 180.0
_CONNECTING_AT_ONCE = 64
_SAMPLES_MAX = 5
_CURVE_POINTS = 120
_ASKED_TWICE = 100  # every so many-th person asks once more when all is over


class Rush(Ask, frozen=True, kw_only=True):
    """Who comes: so many `people`, all for the one basket."""

    connections: int


class Rushed(msgspec.Struct, frozen=True):
    """What the people were told. completed + sold_out + errored are everybody, where all is well without errored."""

    people: int
    completed: int
    sold_out: int
    errored: int  # an error, a lost connection, two answers that exclude each other, or no answer at all
    samples: tuple[str, ...]  # the first few of those
    told_not_now: int  # people who were told 503 at least once
    not_nows: int  # how often it was said in all
    asked_twice: int  # people who sent the same request again afterwards
    changed: int  # those of them who were told something else; none
    sold_out_after: float  # seconds until the last unit was somebody's
    all_answered_after: float
    answer: Latency  # from a person's first request to the answer that ended it, waits included
    curve: tuple[tuple[float, int, int], ...]  # seconds, units sold, people answered
    cpu_s: float
    cpu_s_before: float


class Door:
    """What all people of a run share: who is next, and what everybody was told."""

    def __init__(self, people: int) -> None:
        self.people = people
        self.begins = 0.0
        self.outside = people
        self.answered_at: list[float] = []
        self.sold_at: list[float] = []
        self.waits: list[float] = []
        self.sold_out = self.errored = self.told_not_now = self.not_nows = 0
        self.samples: list[str] = []
        self.to_repeat: list[tuple[bytes, bool, Said]] = []
        self.asked_twice = self.changed = 0
        self.empty = asyncio.Event()

    @property
    def completed(self) -> int:
        """Who has one."""
        return len(self.sold_at)

    def next_in(self) -> bool:
        """Whether there is another person to play."""
        if self.outside == 0:
            return False
        self.outside -= 1
        return True

    def ended(self, said: Said, *, came: float, now: float, not_nows: int, detail: str = "") -> None:
        """Somebody has an answer, or never will."""
        self.told_not_now += not_nows > 0
        self.not_nows += not_nows
        self.answered_at.append(now - self.begins)
        if said is Said.COMPLETED:
            self.sold_at.append(now - self.begins)
        elif said is Said.SOLD_OUT:
            self.sold_out += 1
        else:
            self.errored += 1
            if len(self.samples) < _SAMPLES_MAX:
                self.samples.append(detail)
        if said in (Said.COMPLETED, Said.SOLD_OUT):
            self.waits.append(now - came)
        if len(self.answered_at) == self.people:
            self.empty.set()

    def curve(self) -> tuple[tuple[float, int, int], ...]:
        """How it went: at so many moments, how many units were sold and how many people had their answer."""
        if not self.answered_at:
            return ()
        end = max(self.answered_at)
        moments = [end * step / _CURVE_POINTS for step in range(_CURVE_POINTS + 1)]
        return tuple(
            (round(moment, 3), _until(self.sold_at, moment), _until(self.answered_at, moment)) for moment in moments
        )


def _until(moments: list[float], moment: float) -> int:
    return sum(1 for each in moments if each <= moment)


class Player:
    """Plays one person after the other on one connection."""

    def __init__(self, door: Door, requests: Requests) -> None:
        self._door = door
        self._requests = requests
        self._request = b""
        self._completing = False
        self._came = 0.0
        self._patience: Patience | None = None  # of the person who is being played
        self.connection = Connection(self._answered, self._lost)

    def begin(self) -> None:
        """The next person, or the end."""
        if not self._door.next_in():
            self._patience = None
            self.connection.close()
            return
        self._came = time.perf_counter()
        self._patience = Patience(_TRIES)
        self._completing = False
        self._request = self._requests.open()
        self.connection.send(self._request)

    def _answered(self, status: int, answer: bytes) -> None:
        assert self._patience is not None
        said = (said_to_completing if self._completing else said_to_opening)(status, answer)
        if said is Said.OPENED:
            self._completing = True
            self._request = self._requests.complete(name_of(answer))
            self.connection.send(self._request)
        elif said is Said.NOT_NOW and (seconds := self._patience.wait_seconds(answer)) is not None:
            asyncio.get_running_loop().call_later(seconds, self._again)
        else:
            self._end(said, f"{status} {answer.partition(bytes.fromhex('0d0a0d0a'))[2][:300]!r}")
            self.begin()

    def _again(self) -> None:
        if self._patience is not None:
            self.connection.send(self._request)

    def _lost(self) -> None:
        """The person played gets no answer; the people this connection would have played are played by the others."""
        if self._patience is not None:
            self._end(Said.NOTHING, "the connection was lost")

    def _end(self, said: Said, detail: str) -> None:
        assert self._patience is not None
        now = time.perf_counter()
        door = self._door
        if said in (Said.COMPLETED, Said.SOLD_OUT) and len(door.answered_at) % _ASKED_TWICE == 0:
            door.to_repeat.append((self._request, self._completing, said))
        door.ended(said, came=self._came, now=now, not_nows=self._patience.told, detail=detail)
        self._patience = None


class Repeater:
    """Sends what some people had sent once more, one after the other, and compares what is said."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._left = list(door.to_repeat)
        self.done = asyncio.Event()
        self.connection = Connection(self._answered, self.done.set)

    def begin(self) -> None:
        """The next, or the end."""
        if self._left:
            self.connection.send(self._left[-1][0])
        else:
            self.connection.close()

    def _answered(self, status: int, answer: bytes) -> None:
        _, completing, before = self._left[-1]
        said = (said_to_completing if completing else said_to_opening)(status, answer)
        if said is Said.NOT_NOW:
            asyncio.get_running_loop().call_later(1.0, self.begin)
            return
        self._left.pop()
        self._door.asked_twice += 1
        self._door.changed += said is not before
        self.begin()


async def run(rush: Rush) -> Rushed:
    """Let everybody in at once, and wait until the last has an answer."""
    requests = Requests(rush)  # prepared before the clock runs
    door = Door(rush.people)
    players = [Player(door, requests) for _ in range(min(rush.connections, rush.people))]
    loop = asyncio.get_running_loop()
    for begun in range(0, len(players), _CONNECTING_AT_ONCE):
        await asyncio.gather(
            *(
                loop.create_connection(lambda player=player: player.connection, rush.host, rush.port)  # type: ignore[misc]
                for player in players[begun : begun + _CONNECTING_AT_ONCE]
            )
        )
    cpu_before = time.process_time()
    door.begins = time.perf_counter()
    for player in players:
        player.begin()
    try:
        await asyncio.wait_for(door.empty.wait(), _SECONDS_MAX)
    except TimeoutError:
        door.samples.append(f"no answer within {_SECONDS_MAX:g} s")
    cpu = time.process_time() - cpu_before
    await _ask_twice(door, rush)
    return _rushed(door, cpu, cpu_before)


async def _ask_twice(door: Door, rush: Rush) -> None:
    repeater = Repeater(door)
    await asyncio.get_running_loop().create_connection(lambda: repeater.connection, rush.host, rush.port)
    repeater.begin()
    await asyncio.wait_for(repeater.done.wait(), _SECONDS_MAX)


def _rushed(door: Door, cpu: float, cpu_before: float) -> Rushed:
    return Rushed(
        people=door.people,
        completed=door.completed,
        sold_out=door.sold_out,
        errored=door.people - door.completed - door.sold_out,
        samples=tuple(door.samples),
        told_not_now=door.told_not_now,
        not_nows=door.not_nows,
        asked_twice=door.asked_twice,
        changed=door.changed,
        sold_out_after=max(door.sold_at, default=0.0),
        all_answered_after=max(door.answered_at, default=0.0),
        answer=latency_of(door.waits),
        curve=door.curve(),
        cpu_s=cpu,
        cpu_s_before=cpu_before,
    )


def main() -> None:
    """The load process."""
    rush = msgspec.json.decode(sys.stdin.buffer.read(), type=Rush)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(rush))))


if __name__ == "__main__":
    main()
