"""
The open loop: people arrive when they arrive, whether or not those before them have their answers.

    python -m bench.arrivals   reads one Stream as JSON from stdin, writes one Flow as JSON to stdout

Arrivals are a Poisson process drawn before the clock runs. Every latency counts from the moment a person meant to come:
one who finds no connection free, or whom this process was too busy to send, waits like everybody (no coordinated
omission). How late this process itself was is said beside it.

    arrival ──► a free connection, or the line for one ──► open ──► complete, where it was opened ──► one ending
                                                            │           │ told 503: waits as told, asks once more
                                                            └ told 503: refused, and gone
"""

import asyncio
import contextlib
import gc
import os
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
import uvloop

from bench.answers import Patience, Said, said_to_completing, said_to_opening
from bench.buyers import Ask, Connection, Latency, Requests, latency_of, look, name_of

Asked = TypeVar("Asked", bound=msgspec.Struct)

_TICK_SECONDS = 0.001  # arrivals are looked after so often: finer than uvloop's timers cannot be
_PATIENCE_SECONDS = 30.0  # after the last arrival, until those under way are given up
_CONNECTING_AT_ONCE = 64
_CONNECT_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
_SAMPLES_MAX = 5
_NICE = -10  # before the shop, where we may: it is small, and what is late here would be blamed on the shop


class Stream(Ask, frozen=True, kw_only=True):
    """Who arrives: `people` is the number of connections; those given baskets buy, those given paths look."""

    per_second: float


class Flow(msgspec.Struct, frozen=True):
    """
    What came of it. Counts are of everybody who came, warm-up included, and add up to `arrivals`; what is per second
    and what has percentiles is of the measured seconds.
    """

    arrivals: int
    completed: int  # purchases, or pages
    refused: int  # told 503 with Retry-After when they came
    given_up: int  # opened, then told 503 twice when they paid
    unanswered: int  # half a minute after the last arrival
    errors: int  # anything else
    samples: tuple[str, ...]  # the first few of them
    told_to_wait: int  # opened, then told 503 once when they paid
    offered_per_second: float
    goodput_per_second: float  # completed within the measured seconds
    refused_per_second: float
    open: Latency  # of who completed: from the intended arrival to the opened checkout
    complete: Latency  # from there to the order, waits included
    whole: Latency  # from the intended arrival to the order; of a page all there is
    refusal: Latency  # from the intended arrival
    refusal_sent: Latency  # from the moment it was sent
    late: Latency  # of this process: from the intended arrival until it saw to it
    waited: int  # found no connection free
    connections_lost: int
    nice: int  # this process's; below 0: it came before the shop's processes
    seconds_in_all: float
    cpu_s: float  # of this process
    cpu_s_before: float  # of this process, to prepare: before anybody came


def poisson_arrivals(per_second: float, seconds: float, chance: random.Random) -> list[float]:
    """Moments between 0 and `seconds` at which people come, independent of each other, so many a second on average."""
    moments, moment = [], chance.expovariate(per_second)
    while moment < seconds:
        moments.append(moment)
        moment += chance.expovariate(per_second)
    return moments


class Tally:
    """Counts endings: each arrival has exactly one."""

    def __init__(self, begins: float, ends: float) -> None:
        self._begins = begins
        self._ends = ends
        self.arrivals = self.completed = self.refused = self.given_up = self.errors = 0
        self.told_to_wait = 0
        self.offered_measured = self.completed_measured = self.refused_measured = 0
        self.opens: list[float] = []
        self.completes: list[float] = []
        self.wholes: list[float] = []
        self.refusals: list[float] = []
        self.refusals_sent: list[float] = []
        self.lates: list[float] = []
        self.samples: list[str] = []

    @property
    def under_way(self) -> int:
        """Who came and has no ending yet."""
        return self.arrivals - self.completed - self.refused - self.given_up - self.errors

    def arrived(self, intended: float, seen: float) -> None:
        """Somebody came."""
        self.arrivals += 1
        if self._measured(intended):
            self.offered_measured += 1
            self.lates.append(seen - intended)

    def done(self, intended: float, opened: float, now: float) -> None:
        """Somebody has what he came for."""
        self.completed += 1
        if self._measured(now):
            self.completed_measured += 1
        if self._measured(intended):
            self.opens.append(opened - intended)
            self.completes.append(now - opened)
            self.wholes.append(now - intended)

    def turned_away(self, intended: float, sent: float, now: float) -> None:
        """Somebody was told 503 when he came."""
        self.refused += 1
        if self._measured(intended):
            self.refused_measured += 1
            self.refusals.append(now - intended)
            self.refusals_sent.append(now - sent)

    def gave_up(self) -> None:
        """Somebody had opened a checkout, and was told 503 until he had enough."""
        self.given_up += 1

    def failed(self, what: str) -> None:
        """Somebody got what is no answer."""
        self.errors += 1
        if len(self.samples) < _SAMPLES_MAX:
            self.samples.append(what)

    def _measured(self, moment: float) -> bool:
        return self._begins <= moment < self._ends


class Errand(Protocol):
    """What one arrival wants of the shop."""

    sent: float

    def request(self) -> bytes:
        """What is asked, as soon as there is a connection to ask on."""

    def answered(self, status: int, answer: bytes) -> bytes | None:
        """What is asked next on the same connection; None: nothing."""

    def lost(self) -> None:
        """The connection is gone, and no answer came."""


class Line:
    """One keep-alive connection, and whose it is at the moment."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self.errand: Errand | None = None
        self.connection = Connection(self._answered, lambda: pool.lost(self))

    def send(self, errand: Errand, request: bytes) -> None:
        """Ask for somebody."""
        self.errand = errand
        errand.sent = time.perf_counter()
        self.connection.send(request)

    def _answered(self, status: int, answer: bytes) -> None:
        assert self.errand is not None, answer
        following = self.errand.answered(status, answer)
        if following is not None:
            self.send(self.errand, following)
            return
        self.errand = None
        self._pool.let_go(self)


class Pool:
    """The connections: whoever wants to ask takes one that is free, or stands in line for one."""

    def __init__(self, host: str, port: int, size: int) -> None:
        self._host = host
        self._port = port
        self._size = size
        self._free: deque[Line] = deque()
        self._waiting: deque[Errand] = deque()
        self._lines: set[Line] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._closed = False
        self.waited = 0
        self.connections_lost = 0

    async def open(self) -> None:
        """Connect all of them."""
        for begun in range(0, self._size, _CONNECTING_AT_ONCE):
            await asyncio.gather(*(self._connect() for _ in range(min(_CONNECTING_AT_ONCE, self._size - begun))))

    def ask(self, errand: Errand, *, first: bool = False) -> None:
        """Ask for somebody as soon as a connection is free; those who pay are before those who come."""
        if self._free:
            self._free.popleft().send(errand, errand.request())
            return
        self.waited += 1
        if first:
            self._waiting.appendleft(errand)
        else:
            self._waiting.append(errand)

    def send_home(self) -> None:
        """Nobody who still waits for a connection is asked for any more."""
        self._waiting.clear()

    @property
    def asking(self) -> bool:
        """Whether an answer is still to come on some connection."""
        return any(line.errand is not None for line in self._lines)

    def let_go(self, line: Line) -> None:
        """A connection is free."""
        if self._waiting:
            errand = self._waiting.popleft()
            line.send(errand, errand.request())
        else:
            self._free.append(line)

    def lost(self, line: Line) -> None:
        """A connection is gone; another takes its place."""
        self._lines.discard(line)
        if self._closed:
            return
        self.connections_lost += 1
        if line.errand is not None:
            line.errand.lost()
        elif line in self._free:
            self._free.remove(line)
        task = asyncio.create_task(self._replace())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def close(self) -> None:
        """Hang up."""
        self._closed = True
        for task in tuple(self._connecting):
            task.cancel()
        for line in tuple(self._lines):
            line.connection.close()

    async def _connect(self) -> None:
        line = Line(self)
        await asyncio.get_running_loop().create_connection(lambda: line.connection, self._host, self._port)
        if self._closed:
            line.connection.close()
            return
        self._lines.add(line)
        self.let_go(line)

    async def _replace(self) -> None:
        """Where that fails again and again, there is one connection less."""
        for pause in _CONNECT_PAUSES:
            with contextlib.suppress(OSError):
                await self._connect()
                return
            await asyncio.sleep(pause)


class Purchase:
    """Opens a checkout, and completes it at once where it was opened."""

    __slots__ = ("_intended", "_opened", "_patience", "_pool", "_request", "_requests", "_tally", "sent")

    def __init__(self, intended: float, tally: Tally, requests: Requests, pool: Pool) -> None:
        self._intended = intended
        self._tally = tally
        self._requests = requests
        self._pool = pool
        self._opened = 0.0
        self._patience: Patience | None = None
        self._request = b""
        self.sent = 0.0

    def begin(self) -> None:
        """Come in."""
        self._pool.ask(self)

    def request(self) -> bytes:
        """To open a checkout; made late, and once: it has its key, and a repeat is the same."""
        if not self._request:
            self._request = self._requests.open()
        return self._request

    def answered(self, status: int, answer: bytes) -> bytes | None:
        """Pay, wait, or go."""
        now = time.perf_counter()
        if self._patience is not None:
            self._paid(status, answer, now, self._patience)
            return None
        said = said_to_opening(status, answer)
        if said is Said.OPENED:
            self._opened = now
            self._patience = Patience(1)
            self._request = self._requests.complete(name_of(answer))
            return self._request
        if said is Said.NOT_NOW:
            self._tally.turned_away(self._intended, self.sent, now)
        else:
            self._tally.failed(_told(status, answer))
        return None

    def lost(self) -> None:
        """No answer came."""
        self._tally.failed("the connection was lost")

    def _paid(self, status: int, answer: bytes, now: float, patience: Patience) -> None:
        said = said_to_completing(status, answer)
        if said is Said.COMPLETED:
            self._tally.done(self._intended, self._opened, now)
        elif said is Said.NOT_NOW:
            self._told_to_wait(answer, patience)
        else:
            self._tally.failed(_told(status, answer))

    def _told_to_wait(self, answer: bytes, patience: Patience) -> None:
        seconds = patience.wait_seconds(answer)
        if seconds is None:
            self._tally.gave_up()
            return
        self._tally.told_to_wait += 1
        asyncio.get_running_loop().call_later(seconds, self._again)

    def _again(self) -> None:
        """The same request under the same key."""
        self._pool.ask(self, first=True)


class Look:
    """Looks at one page."""

    __slots__ = ("_intended", "_pool", "_request", "_tally", "sent")

    def __init__(self, intended: float, tally: Tally, request: bytes, pool: Pool) -> None:
        self._intended = intended
        self._tally = tally
        self._request = request
        self._pool = pool
        self.sent = 0.0

    def begin(self) -> None:
        """Come in."""
        self._pool.ask(self)

    def request(self) -> bytes:
        """For the page."""
        return self._request

    def answered(self, status: int, answer: bytes) -> bytes | None:
        """Seen, or not."""
        now = time.perf_counter()
        if status == 200:
            self._tally.done(self._intended, self._intended, now)
        elif said_to_opening(status, answer) is Said.NOT_NOW:
            self._tally.turned_away(self._intended, self.sent, now)
        else:
            self._tally.failed(_told(status, answer))
        return None

    def lost(self) -> None:
        """No answer came."""
        self._tally.failed("the connection was lost")


def _told(status: int, answer: bytes) -> str:
    return f"{status} {answer.partition(bytes.fromhex('0d0a0d0a'))[2][:300]!r}"


async def run(stream: Stream) -> Flow:
    """Let people arrive, and wait until the last has gone, or has waited long enough."""
    chance = random.Random(stream.seed)
    moments = poisson_arrivals(stream.per_second, stream.warm_seconds + stream.seconds, chance)
    requests = Requests(stream) if stream.baskets else None  # prepared before the clock runs
    looks = [look(stream, path, number) for number, path in enumerate(stream.paths)]
    pool = Pool(stream.host, stream.port, stream.people)
    await pool.open()
    start = time.perf_counter()
    begins = start + stream.warm_seconds
    tally = Tally(begins, begins + stream.seconds)
    cpu_before = time.process_time()

    def come(intended: float) -> Purchase | Look:
        if requests is not None:
            return Purchase(intended, tally, requests, pool)
        return Look(intended, tally, chance.choice(looks), pool)

    def arrive(intended: float, seen: float) -> None:
        tally.arrived(intended, seen)
        come(intended).begin()

    await let_in([start + moment for moment in moments], arrive)
    await wait_while(lambda: tally.under_way > 0, _PATIENCE_SECONDS)
    took = time.perf_counter() - start
    pool.send_home()
    await wait_while(lambda: pool.asking, _PATIENCE_SECONDS)  # so that the books are those of who was told
    pool.close()
    return _flow(stream, tally, pool, took, cpu_before)


async def let_in(moments: Sequence[float], arrive: Callable[[float, float], None]) -> None:
    """
    Each at the moment he meant to come, or as soon after as this process gets to it.

    Args:
        moments: In order, as time.perf_counter() has them.

        arrive: Told the moment somebody meant to come at, and the one they are seen to.
    """
    position = 0
    while position < len(moments):
        now = time.perf_counter()
        while position < len(moments) and moments[position] <= now:
            arrive(moments[position], now)
            position += 1
            now = time.perf_counter()
        await asyncio.sleep(_TICK_SECONDS)


async def wait_while(still: Callable[[], bool], seconds: float) -> None:
    """As long as that is so, and no longer than so many seconds."""
    deadline = time.perf_counter() + seconds
    while still() and time.perf_counter() < deadline:  # noqa: ASYNC110 - an event would cost every arrival
        await asyncio.sleep(0.01)


def _flow(stream: Stream, tally: Tally, pool: Pool, took: float, cpu_before: float) -> Flow:
    return Flow(
        arrivals=tally.arrivals,
        completed=tally.completed,
        refused=tally.refused,
        given_up=tally.given_up,
        unanswered=tally.under_way,
        errors=tally.errors,
        samples=tuple(tally.samples),
        told_to_wait=tally.told_to_wait,
        offered_per_second=tally.offered_measured / stream.seconds,
        goodput_per_second=tally.completed_measured / stream.seconds,
        refused_per_second=tally.refused_measured / stream.seconds,
        open=latency_of(tally.opens),
        complete=latency_of(tally.completes),
        whole=latency_of(tally.wholes),
        refusal=latency_of(tally.refusals),
        refusal_sent=latency_of(tally.refusals_sent),
        late=latency_of(tally.lates),
        waited=pool.waited,
        connections_lost=pool.connections_lost,
        nice=os.getpriority(os.PRIO_PROCESS, 0),
        seconds_in_all=took,
        cpu_s=time.process_time() - cpu_before,
        cpu_s_before=cpu_before,
    )


def serve_as_load(asked: type[Asked], run: Callable[[Asked], Coroutine[Any, Any, msgspec.Struct]]) -> None:
    """A load process: what is asked from stdin, what came of it to stdout."""
    ask = msgspec.json.decode(sys.stdin.buffer.read(), type=asked)
    with contextlib.suppress(PermissionError):  # people do not come later because the shop is busy
        os.nice(_NICE)
    gc.disable()  # nothing here makes cycles; a collection would come in between
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(ask))))


if __name__ == "__main__":
    serve_as_load(Stream, run)
