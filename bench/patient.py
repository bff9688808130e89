"""
People who come back: a rush that is stood in line for, by programs that do as they are told.

    python -m bench.patient   reads one Stream as JSON from stdin, writes one Rush as JSON to stdout

    arrival ──► open ──► complete ──► served
                 │ ▲
                 │ └─ after as long as they were told, with the ticket they were given
                 └ told 503: not now, or a place in line

Arrivals are those of bench.arrivals: drawn before the clock runs. Nobody gives up before the end.
"""

import asyncio
import random
import time
from collections import Counter

import msgspec

from bench.answers import Said, header_of, retry_after_seconds, said_to_completing, said_to_opening
from bench.arrivals import Pool, Stream, let_in, poisson_arrivals, serve_as_load, wait_while
from bench.buyers import Latency, Requests, latency_of, name_of

_TOLD_SECONDS_MAX = 100.0  # longer than that nobody is told to wait
_PATIENCE_SECONDS = 300.0  # after the last arrival
_LAST_ANSWERS_SECONDS = 2.0  # for those under way when patience is over: the books are of who was told
_SAMPLES_MAX = 5


class Rush(msgspec.Struct, frozen=True):
    """What came of it."""

    people: int
    served: int
    errors: int
    unserved: int  # at the end of everybody's patience
    samples: tuple[str, ...]
    told_full: int  # answers: not now, come again
    told_place: int  # answers: a place in line, come again with this ticket
    paying_told: int  # answers: not now, to somebody who had a checkout open
    served_by_second: tuple[int, ...]
    first_place_after: float  # seconds until somebody was first given a place; 0: nobody was
    inside: Latency  # of whoever was let in: from the request that opened the checkout to the order
    whole: Latency  # from the intended arrival to the order
    overtaken: float  # p99 of how far the order of service was from that of arrival, as a share of all
    late: Latency  # of this process
    seconds_in_all: float
    cpu_s: float


class People:
    """What all of them share: the clock, the counts, and what they ask with."""

    def __init__(self, stream: Stream, pool: Pool, requests: Requests) -> None:
        self.stream = stream
        self.pool = pool
        self.requests = requests
        self.start = 0.0
        self.came = self.served = self.errors = 0
        self.told: Counter[str] = Counter()
        self.by_second: Counter[int] = Counter()
        self.first_place_after = 0.0
        self.order: list[int] = []  # of service: numbers of arrival
        self.insides: list[float] = []
        self.wholes: list[float] = []
        self.lates: list[float] = []
        self.samples: list[str] = []

    @property
    def under_way(self) -> int:
        """Who came and has no ending yet."""
        return self.came - self.served - self.errors

    def failed(self, what: str) -> None:
        """Somebody got what is no answer."""
        self.errors += 1
        if len(self.samples) < _SAMPLES_MAX:
            self.samples.append(what)


class Patient:
    """One of them."""

    __slots__ = ("_intended", "_number", "_opened", "_people", "_request", "_ticket", "sent")

    def __init__(self, people: People, number: int, intended: float) -> None:
        self._people = people
        self._number = number
        self._intended = intended
        self._request = b""
        self._ticket = b""
        self._opened = 0.0  # when what opened the checkout was sent
        self.sent = 0.0

    def request(self) -> bytes:
        """To open a checkout, or to pay it: the same bytes again, with the ticket there is."""
        if not self._request:
            self._request = self._people.requests.open()
        if self._ticket and not self._opened:
            line, rest = self._request.split(b"\r\n", 1)
            return b"%b\r\nEvertill-Ticket: %b\r\n%b" % (line, self._ticket, rest)
        return self._request

    def answered(self, status: int, answer: bytes) -> bytes | None:
        """Pay, come again, or be done."""
        people = self._people
        said = (said_to_completing if self._opened else said_to_opening)(status, answer)
        if status == 503:
            self._come_again(answer)
        elif said is Said.OPENED:
            self._opened = self.sent
            self._request = people.requests.complete(name_of(answer))
            return self._request
        elif said is Said.COMPLETED:
            self._served(time.perf_counter())
        else:
            people.failed(f"{status} {answer[-300:]!r}")
        return None

    def lost(self) -> None:
        """No answer came."""
        self._people.failed("the connection was lost")

    def _served(self, now: float) -> None:
        people = self._people
        people.served += 1
        people.order.append(self._number)
        people.by_second[int(now - people.start)] += 1
        people.insides.append(now - self._opened)
        people.wholes.append(now - self._intended)

    def _come_again(self, answer: bytes) -> None:
        people = self._people
        seconds = retry_after_seconds(answer, longest=_TOLD_SECONDS_MAX)
        if seconds is None:
            people.failed(f"503 without a time to come again: {answer[-300:]!r}")
            return
        ticket = header_of(answer, b"evertill-ticket")
        if self._opened:
            people.told["paying"] += 1
        elif ticket:
            self._ticket = ticket
            people.told["place"] += 1
            people.first_place_after = people.first_place_after or time.perf_counter() - people.start
        else:
            people.told["full"] += 1
        asyncio.get_running_loop().call_later(seconds, people.pool.ask, self)


async def run(stream: Stream) -> Rush:
    """Let them come, and wait until the last is served."""
    chance = random.Random(stream.seed)
    moments = poisson_arrivals(stream.per_second, stream.seconds, chance)
    pool = Pool(stream.host, stream.port, stream.people)
    people = People(stream, pool, Requests(stream))
    await pool.open()
    cpu_before = time.process_time()
    people.start = time.perf_counter()

    def arrive(intended: float, seen: float) -> None:
        people.lates.append(seen - intended)
        pool.ask(Patient(people, people.came, intended))
        people.came += 1

    await let_in([people.start + moment for moment in moments], arrive)
    await wait_while(lambda: people.under_way > 0, _PATIENCE_SECONDS)
    took = time.perf_counter() - people.start
    pool.send_home()
    await wait_while(lambda: pool.asking, _LAST_ANSWERS_SECONDS)
    pool.close()
    return _told(people, took, time.process_time() - cpu_before)


def _told(people: People, took: float, cpu: float) -> Rush:
    last = max(people.by_second, default=-1)
    return Rush(
        people=people.came,
        served=people.served,
        errors=people.errors,
        unserved=people.under_way,
        samples=tuple(people.samples),
        told_full=people.told["full"],
        told_place=people.told["place"],
        paying_told=people.told["paying"],
        served_by_second=tuple(people.by_second[second] for second in range(last + 1)),
        first_place_after=people.first_place_after,
        inside=latency_of(people.insides),
        whole=latency_of(people.wholes),
        overtaken=overtaken(people.order),
        late=latency_of(people.lates),
        seconds_in_all=took,
        cpu_s=cpu,
    )


def overtaken(order: list[int]) -> float:
    """p99 of how far the place of service is from the place of arrival, as a share of all; `order` names arrivals."""
    if not order:
        return 0.0
    arrived = {number: place for place, number in enumerate(sorted(order))}
    apart = sorted(abs(place - arrived[number]) for place, number in enumerate(order))
    return apart[int(0.99 * (len(apart) - 1))] / len(order)


if __name__ == "__main__":
    serve_as_load(Stream, run)
