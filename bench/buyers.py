"""
The load: buyers, each on a connection of its own, in a process of its own.

    python -m bench.buyers   reads one Ask as JSON from stdin, writes one Load as JSON to stdout

A closed loop: whoever has an answer asks again at once; told 503 with Retry-After, he waits as he is told. It shares
the machine's cores with what it measures, so it is built to cost little: requests are prepared bytes, answers are
searched, not parsed; what it costs is reported.
"""

import asyncio
import itertools
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec
import uvloop

from bench.answers import retry_after_seconds
from evertill.demo.people import Person, people

_ADDRESSES = 20_000  # more than any cache of the shop's holds: every purchase is somebody else's
_SAMPLES_MAX = 5


class Ask(msgspec.Struct, frozen=True):
    """Who is to come, and for how long. Those who are given baskets buy and buy again; those given paths look."""

    host: str
    port: int
    people: int
    warm_seconds: float
    seconds: float
    seed: int
    baskets: tuple[tuple[str, ...], ...] = ()  # drawn from at random; one unit of each SKU
    paths: tuple[str, ...] = ()  # looked at one after the other
    random_keys: bool = False  # as platforms draw them: they land anywhere in an index; else they count up


class Latency(msgspec.Struct, frozen=True):
    """How long answers took, exactly: all of them were kept and sorted."""

    p50_ms: float
    p99_ms: float
    max_ms: float


class Load(msgspec.Struct, frozen=True):
    """What came of it. A purchase or page counts where its last answer came within the measured seconds."""

    per_second: float
    done: int  # within the measured seconds
    done_in_all: int  # warm-up and the last ones under way included
    first: Latency  # opening a checkout; a page
    last: Latency  # completing it; the same page
    cpu_ms_each: float  # of this process
    cpu_s_before: float  # of this process, to prepare: before anything was sent
    refused: int  # how often it was 503 with Retry-After: waited for, and asked again under the same key
    errors: int
    samples: tuple[str, ...]  # the first few errors


Answered: TypeAlias = Callable[[int, bytes], None]


class Connection(asyncio.Protocol):
    """A keep-alive HTTP/1.1 connection with one request under way."""

    def __init__(self, answered: Answered, lost: Callable[[], None]) -> None:
        self._answered = answered
        self._lost = lost
        self._received = b""
        self._length = -1
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._lost()

    def send(self, request: bytes) -> None:
        """Send a whole request."""
        assert self._transport is not None
        self._transport.write(request)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        if self._length < 0:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                self._received = received
                return
            at = received.find(b"content-length: ", 0, end)
            if at < 0:
                raise ValueError(f"an answer without content-length: {received[:end]!r}")
            self._length = end + 4 + int(received[at + 16 : received.find(b"\r\n", at)])
        if len(received) < self._length:
            self._received = received
            return
        self._received, self._length = b"", -1
        self._answered(int(received[9:12]), received)


class Crowd:
    """What all buyers of a run share: the clock, the counts, and the end."""

    def __init__(self, ask: Ask) -> None:
        self.begins = time.perf_counter() + ask.warm_seconds
        self.ends = self.begins + ask.seconds
        self.firsts: list[float] = []
        self.lasts: list[float] = []
        self.done_in_all = 0
        self.refused = 0
        self.errors = 0
        self.samples: list[str] = []
        self.inside = ask.people
        self.gone = asyncio.Event()

    def done(self, first: float, last: float, now: float) -> None:
        """Somebody is served."""
        self.done_in_all += 1
        if self.begins <= now < self.ends:
            self.firsts.append(first)
            self.lasts.append(last)

    def failed(self, status: int, answer: bytes) -> None:
        """Somebody was not."""
        self.errors += 1
        if len(self.samples) < _SAMPLES_MAX:
            self.samples.append(f"{status} {answer.partition(bytes.fromhex('0d0a0d0a'))[2][:300]!r}")

    def told_to_wait(self, status: int, answer: bytes, again: Callable[[], None]) -> bool:
        """Whether somebody was told to come back later; he does."""
        seconds = retry_after_seconds(answer) if status == 503 else None
        if seconds is None:
            return False
        self.refused += 1
        asyncio.get_running_loop().call_later(seconds, again)
        return True

    def leaves(self) -> None:
        """Somebody goes home."""
        self.inside -= 1
        if self.inside == 0:
            self.gone.set()


class _Opened(msgspec.Struct, frozen=True):
    id: str
    status: str


_opened = msgspec.json.Decoder(_Opened)


def name_of(answer: bytes) -> str:
    """The name of the checkout that was opened with this answer."""
    return _opened.decode(answer[answer.index(b"\r\n\r\n") + 4 :]).id


class Buyer:
    """Opens a checkout, completes it, and begins again."""

    def __init__(self, crowd: Crowd, counter: "Requests") -> None:
        self._crowd = crowd
        self._requests = counter
        self._completing = False
        self._request = b""
        self._sent = 0.0
        self._first = 0.0
        self.connection = Connection(self._answered, crowd.leaves)

    def begin(self) -> None:
        """Open a checkout, or go home where it is time to."""
        self._sent = time.perf_counter()
        if self._sent >= self._crowd.ends:
            self.connection.close()
            return
        self._completing = False
        self._send(self._requests.open())

    def _send(self, request: bytes) -> None:
        self._request = request
        self.connection.send(request)

    def _again(self) -> None:
        """What was asked before, under the same key; who has not opened his checkout by the end goes home."""
        if self._completing or time.perf_counter() < self._crowd.ends:
            self.connection.send(self._request)
        else:
            self.connection.close()

    def _answered(self, status: int, answer: bytes) -> None:
        now = time.perf_counter()
        if self._crowd.told_to_wait(status, answer, self._again):
            return
        if self._completing:
            if status == 200 and b'"status":"completed"' in answer:
                self._crowd.done(self._first, now - self._sent, now)
            else:
                self._crowd.failed(status, answer)
            self.begin()
            return
        opened = _opened.decode(answer[answer.index(b"\r\n\r\n") + 4 :]) if status == 201 else None
        if opened is None or opened.status != "ready_for_complete":
            self._crowd.failed(status, answer)
            self.begin()
            return
        self._first = now - self._sent
        self._completing = True
        self._sent = time.perf_counter()
        self._send(self._requests.complete(opened.id))


class Requests:
    """Prepared bytes of requests; each gets an Idempotency-Key of its own."""

    def __init__(self, ask: Ask) -> None:
        chance = random.Random(ask.seed)
        agent = f'profile="http://{ask.host}:{ask.port}/ucp/platforms/curl.json"'
        self._head = (
            f"Host: {ask.host}:{ask.port}\r\nUCP-Agent: {agent}\r\nContent-Type: application/json\r\nIdempotency-Key: "
        ).encode()
        self._keys = (
            (b"%032x" % chance.getrandbits(128) for _ in itertools.repeat(None))
            if ask.random_keys
            else (b"bench-%08x-%012d" % (ask.seed, number) for number in itertools.count(1))
        )
        self._bodies = [
            _length_and_body(opening(person, chance.choice(ask.baskets))) for person in people(_ADDRESSES, chance)
        ]
        self._payment = _length_and_body(_PAYMENT)
        self._made = 0

    def open(self) -> bytes:
        """A request that opens a checkout: the next person, a basket by chance."""
        self._made += 1
        body = self._bodies[self._made % _ADDRESSES]
        return b"POST /ucp/v1/checkout-sessions HTTP/1.1\r\n%b%b\r\n%b" % (self._head, next(self._keys), body)

    def complete(self, name: str) -> bytes:
        """A request that pays that checkout."""
        return b"POST /ucp/v1/checkout-sessions/%b/complete HTTP/1.1\r\n%b%b\r\n%b" % (
            name.encode(),
            self._head,
            next(self._keys),
            self._payment,
        )


def opening(person: Person, basket: tuple[str, ...]) -> bytes:
    """What a platform sends to open a checkout."""
    body = {
        "line_items": [{"item": {"id": sku}, "quantity": 1} for sku in basket],
        "buyer": {
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
            "phone_number": person.phone,
        },
        "context": {"address_country": "GB", "currency": "GBP"},
        "fulfillment": {
            "methods": [
                {
                    "type": "shipping",
                    "destinations": [
                        {
                            "id": "d1",
                            "first_name": person.first_name,
                            "last_name": person.last_name,
                            "street_address": person.street,
                            "address_locality": person.city,
                            "address_country": "GB",
                            "postal_code": person.postcode,
                        }
                    ],
                    "selected_destination_id": "d1",
                    "groups": [{"selected_option_id": "std"}],
                }
            ]
        },
    }
    return msgspec.json.encode(body)


_PAYMENT = msgspec.json.encode(
    {
        "payment": {
            "instruments": [
                {
                    "id": "pi_1",
                    "handler_id": "evertill_sandbox",
                    "type": "card",
                    "selected": True,
                    "display": {"brand": "visa", "last_digits": "4242"},
                    "credential": {"type": "token", "token": "tok_approve"},
                }
            ]
        }
    }
)


def _length_and_body(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Visitor:
    """Looks at one page after the other, with the cookie of a browser that was here before."""

    def __init__(self, crowd: Crowd, ask: Ask, number: int) -> None:
        self._crowd = crowd
        self._requests = [look(ask, path, number) for path in ask.paths]
        self._next = random.Random(ask.seed + number).randrange(len(self._requests))
        self._sent = 0.0
        self.connection = Connection(self._answered, crowd.leaves)

    def begin(self) -> None:
        """Ask for the next page, or go home where it is time to."""
        self._sent = time.perf_counter()
        if self._sent >= self._crowd.ends:
            self.connection.close()
            return
        self._next = (self._next + 1) % len(self._requests)
        self.connection.send(self._requests[self._next])

    def _answered(self, status: int, answer: bytes) -> None:
        now = time.perf_counter()
        if self._crowd.told_to_wait(status, answer, self.begin):
            return
        if status == 200:
            self._crowd.done(now - self._sent, now - self._sent, now)
        else:
            self._crowd.failed(status, answer)
        self.begin()


def look(ask: Ask, path: str, number: int) -> bytes:
    """A request for a page, with the cookie of that browser."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {ask.host}:{ask.port}\r\nCookie: evertill_browser={number:043d}\r\n"
        "Accept: text/html\r\n\r\n"
    ).encode()


async def run(ask: Ask) -> Load:
    """Let everybody in at once, and wait until the last has gone home."""
    requests = Requests(ask) if ask.baskets else None  # prepared before the clock runs
    crowd = Crowd(ask)
    everybody: list[Buyer | Visitor] = [
        Buyer(crowd, requests) if requests else Visitor(crowd, ask, number) for number in range(ask.people)
    ]
    loop = asyncio.get_running_loop()
    for each in everybody:
        await loop.create_connection(lambda each=each: each.connection, ask.host, ask.port)  # type: ignore[misc]
    cpu_before = time.process_time()
    for each in everybody:
        each.begin()
    await asyncio.wait_for(crowd.gone.wait(), ask.warm_seconds + ask.seconds + 60)
    return Load(
        per_second=len(crowd.lasts) / ask.seconds,
        done=len(crowd.lasts),
        done_in_all=crowd.done_in_all,
        first=latency_of(crowd.firsts),
        last=latency_of(crowd.lasts),
        cpu_s_before=cpu_before,
        cpu_ms_each=(time.process_time() - cpu_before) * 1000 / max(crowd.done_in_all, 1),
        refused=crowd.refused,
        errors=crowd.errors,
        samples=tuple(crowd.samples),
    )


def latency_of(seconds: Sequence[float]) -> Latency:
    """Percentiles of all of them, exact; zeros where there are none."""
    if not seconds:
        return Latency(0.0, 0.0, 0.0)
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    return Latency(p50_ms=at(0.50), p99_ms=at(0.99), max_ms=ordered[-1] * 1000)


def main() -> None:
    """The load process."""
    ask = msgspec.json.decode(sys.stdin.buffer.read(), type=Ask)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(ask))))


if __name__ == "__main__":
    main()
