"""
People before a deal that opens: each with a browser that has the product's page open, all of whom press in its first
second.

    python -m bench.openers   reads one Door as JSON from stdin, writes one Came as JSON to stdout

Moments are drawn evenly over the second; latencies count from them, also for whom no connection was free. Whoever is
told 503 comes again when he is told to, with the same form. An answer that ends it: the units are his, or he is told
that all are claimed or sold.
"""

import asyncio
import contextlib
import random
import time
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from bench.answers import Patience, header_of
from bench.arrivals import Pool, let_in, serve_as_load
from bench.buyers import Latency, latency_of
from evertill.signing import Signer, load_secret, new_token

_TRIES = 100  # of one person
_SECONDS_MAX = 150.0
_SAMPLES_MAX = 5


class Door(msgspec.Struct, frozen=True):
    """Who comes, for what, and when."""

    host: str
    port: int
    data: str  # the shop's data folder: its secret signs the forms that these browsers were given
    people: int
    connections: int
    sku: str
    handle: str
    opens_at: float  # by the clock of the machine, in seconds since 1970
    seconds: float  # within which all come
    seed: int


class Came(msgspec.Struct, frozen=True):
    """What people were told. claimed + refused are everybody, where all is well."""

    people: int
    claimed: int
    refused: int
    errors: int  # anything that is neither, a lost connection, and no answer at all
    samples: tuple[str, ...]
    told_not_now: int  # people who were told 503 at least once
    not_nows: int  # how often it was said in all
    all_claimed_after: float  # seconds from the opening until the last unit was somebody's
    all_answered_after: float
    answer: Latency  # from the moment a person meant to press to the answer that ended it, waits included
    answer_claimed: Latency  # of those who have one
    late: Latency  # of this process
    cpu_s: float


class Tally:
    """What everybody was told, and when."""

    def __init__(self, people: int, opened: float) -> None:
        self.opened = opened
        self.left = people
        self.claimed: list[float] = []
        self.refused: list[float] = []
        self.ended: list[float] = []
        self.claimed_at: list[float] = []
        self.lates: list[float] = []
        self.samples: list[str] = []
        self.errors = self.told_not_now = self.not_nows = 0
        self.everybody = asyncio.Event()

    def over(self, patience: Patience) -> None:
        """Somebody has an answer, or never will."""
        self.told_not_now += patience.told > 0
        self.not_nows += patience.told
        self.ended.append(time.perf_counter() - self.opened)
        self.left -= 1
        if self.left == 0:
            self.everybody.set()

    def failed(self, sample: str) -> None:
        """Somebody got no answer to go by."""
        self.errors += 1
        if len(self.samples) < _SAMPLES_MAX:
            self.samples.append(sample)


class Opener:
    """One person: a browser, a form, and patience."""

    __slots__ = ("_intended", "_patience", "_pool", "_request", "_tally", "sent")

    def __init__(self, intended: float, request: bytes, pool: Pool, tally: Tally) -> None:
        self._intended = intended
        self._request = request
        self._pool = pool
        self._tally = tally
        self._patience = Patience(_TRIES)
        self.sent = 0.0

    def begin(self) -> None:
        """Press, as soon as a connection is free."""
        self._pool.ask(self)

    def request(self) -> bytes:
        """The form."""
        return self._request

    def answered(self, status: int, answer: bytes) -> bytes | None:
        """Whether it is his."""
        took = time.perf_counter() - self._intended
        if status == 503 and (seconds := self._patience.wait_seconds(answer)) is not None:
            asyncio.get_running_loop().call_later(seconds, self.begin)
            return None
        if status == 303 and header_of(answer, b"location") == b"/cart":
            self._tally.claimed.append(took)
            self._tally.claimed_at.append(time.perf_counter() - self._tally.opened)
        elif status == 409 and (b"All of them are claimed" in answer or b"Sold out" in answer):
            self._tally.refused.append(took)
        else:
            self._tally.failed(f"{status} {answer[:300]!r}")
        self._tally.over(self._patience)
        return None

    def lost(self) -> None:
        """No answer came."""
        self._tally.failed("the connection was lost")
        self._tally.over(self._patience)


def forms(door: Door) -> list[bytes]:
    """What each of the browsers sends: its own cookie, its own proof that the form is ours."""
    signer = Signer(load_secret(Path(door.data)))
    return [_form(door, token, signer.sign("csrf", token)) for token in (new_token() for _ in range(door.people))]


def _form(door: Door, token: str, csrf: str) -> bytes:
    body = urlencode({"csrf": csrf, "handle": door.handle, "sku": door.sku, "quantity": "1"})
    return (
        f"POST /cart/lines HTTP/1.1\r\nHost: {door.host}:{door.port}\r\nCookie: evertill_browser={token}\r\n"
        "Accept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def run(door: Door) -> Came:
    """Wait for the opening, let everybody press, and wait until the last has an answer."""
    requests = forms(door)
    pool = Pool(door.host, door.port, door.connections)
    await pool.open()
    opened = time.perf_counter() + door.opens_at - time.time()
    if opened < time.perf_counter():
        pool.close()
        raise RuntimeError("the deal opened before everybody was there")
    tally = Tally(door.people, opened)
    chance = random.Random(door.seed)
    moments = sorted(opened + chance.random() * door.seconds for _ in requests)
    cpu = time.process_time()
    coming = iter(requests)

    def arrive(intended: float, seen: float) -> None:
        tally.lates.append(seen - intended)
        Opener(intended, next(coming), pool, tally).begin()

    await let_in(moments, arrive)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(tally.everybody.wait(), _SECONDS_MAX)
    pool.close()
    return Came(
        people=door.people,
        claimed=len(tally.claimed),
        refused=len(tally.refused),
        errors=tally.errors + tally.left,
        samples=tuple(tally.samples) + ((f"{tally.left} without an answer",) if tally.left else ()),
        told_not_now=tally.told_not_now,
        not_nows=tally.not_nows,
        all_claimed_after=max(tally.claimed_at, default=0.0),
        all_answered_after=max(tally.ended, default=0.0),
        answer=latency_of(tally.claimed + tally.refused),
        answer_claimed=latency_of(tally.claimed),
        late=latency_of(tally.lates),
        cpu_s=time.process_time() - cpu,
    )


if __name__ == "__main__":
    serve_as_load(Door, run)
