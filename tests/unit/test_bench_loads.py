"""The bench's loads against a scripted shop: nobody is lost, and a repeat is the same request under the same key."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bench import arrivals, buyers, crowd
from bench.arrivals import Stream
from bench.buyers import Ask
from bench.crowd import Rush

_BASKET = (("BENCH-0001",),)
_NOT_NOW = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\n", '{"code":"too_busy"}'
_OPENED = "HTTP/1.1 201 Created\r\n", '{"id":"ID","status":"ready_for_complete"}'
_COMPLETED = "HTTP/1.1 200 OK\r\n", '{"id":"ID","status":"completed"}'
_SOLD_OUT = "HTTP/1.1 200 OK\r\n", '{"messages":[{"code":"out_of_stock"}]}'
_BROKEN = "HTTP/1.1 500 Internal Server Error\r\n", "{}"

Reply = Callable[["Script", bool, str], tuple[str, str]]


class Script:
    """A shop that answers as it is told to, and remembers what it was asked under which key."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.asked: dict[str, list[bytes]] = {}
        self.openings: list[str] = []
        self.completions: list[str] = []
        self.given: dict[str, tuple[str, str]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                first, answer = self._answer(head, body)
                if not first:
                    break
                writer.write(f"{first}content-length: {len(answer)}\r\n\r\n{answer}".encode())
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    def _answer(self, head: bytes, body: bytes) -> tuple[str, str]:
        named = re.search(rb"Idempotency-Key: (\S+)", head)
        key = named[1].decode() if named else ""
        again = self.asked.setdefault(key, [])
        completing = b"/complete HTTP" in head
        if not again:
            (self.completions if completing else self.openings).append(key)
        again.append(head + body)
        return self._reply(self, completing, key)


@asynccontextmanager
async def scripted(reply: Reply) -> AsyncIterator[tuple[Script, int]]:
    """That shop, and its port."""
    script = Script(reply)
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    async with server:
        yield script, server.sockets[0].getsockname()[1]


def _stream(port: int, *, paths: tuple[str, ...] = ()) -> Stream:
    baskets = () if paths else _BASKET
    return Stream("127.0.0.1", port, 4, 0.0, 0.4, 1, baskets, paths, per_second=500)


async def test_buyers_of_the_closed_loop_wait_as_they_are_told() -> None:
    """ "Not now" is no error: the same request comes again under the same key, and everybody is served."""

    def reply(script: Script, completing: bool, key: str) -> tuple[str, str]:
        known = script.completions if completing else script.openings
        if known.index(key) % 3 == 0 and len(script.asked[key]) == 1:
            return _NOT_NOW
        return _COMPLETED if completing else _OPENED

    async with scripted(reply) as (script, port):
        load = await buyers.run(Ask("127.0.0.1", port, 4, 0.0, 0.2, 1, _BASKET, random_keys=True))
    told = [*script.openings[::3], *script.completions[::3]]
    assert load.errors == 0
    assert load.done_in_all == len(script.completions) > 10
    assert load.refused == len(told)
    assert all(len(set(requests)) == 1 for requests in script.asked.values())
    assert all(re.fullmatch("[0-9a-f]{32}", key) for key in script.asked)


async def test_whoever_arrives_ends_as_the_shop_said() -> None:
    """Served, refused, given up after one wait, or failed: the load's count is the shop's."""

    def reply(script: Script, completing: bool, key: str) -> tuple[str, str]:
        if not completing:
            number = script.openings.index(key)
            return (_OPENED, _NOT_NOW, _OPENED, _BROKEN)[number % 4]
        number, tries = script.completions.index(key), len(script.asked[key])
        if number % 3 == 1:
            return _NOT_NOW if tries == 1 else _COMPLETED
        return _NOT_NOW if number % 3 == 2 else _COMPLETED

    async with scripted(reply) as (script, port):
        flow = await arrivals.run(_stream(port))
    paid = Counter(n % 3 for n in range(len(script.completions)))
    came = Counter(n % 4 for n in range(len(script.openings)))
    assert flow.arrivals == len(script.openings) > 50
    assert flow.refused == came[1]
    assert flow.errors == came[3]
    assert len(script.completions) == came[0] + came[2]
    assert flow.completed == paid[0] + paid[1]
    assert flow.given_up == paid[2]
    assert flow.told_to_wait == paid[1] + paid[2]
    assert flow.unanswered == 0
    assert flow.samples[0].startswith("500 ")
    for key, requests in script.asked.items():
        assert len(set(requests)) == 1, "a repeat under its key says the same"
        assert len(requests) == (2 if key in script.completions and script.completions.index(key) % 3 else 1)


async def test_a_lost_connection_is_an_error_and_another_takes_its_place() -> None:
    """People after it are served."""

    def reply(script: Script, completing: bool, key: str) -> tuple[str, str]:
        if completing:
            return _COMPLETED
        return ("", "") if script.openings.index(key) % 10 == 0 else _OPENED

    async with scripted(reply) as (script, port):
        flow = await arrivals.run(_stream(port))
    lost = len(range(0, len(script.openings), 10))
    assert flow.errors == flow.connections_lost == lost
    assert flow.completed == flow.arrivals - lost
    assert "the connection was lost" in flow.samples


async def test_pages_are_looked_at_as_people_arrive() -> None:
    """A page that is refused is no error."""

    def reply(script: Script, completing: bool, key: str) -> tuple[str, str]:
        return _NOT_NOW if len(script.asked[key]) % 5 == 0 else ("HTTP/1.1 200 OK\r\n", "<p>")

    async with scripted(reply) as (script, port):
        flow = await arrivals.run(_stream(port, paths=("/a", "/b")))
    asked = len(script.asked[""])
    assert flow.arrivals == asked
    assert flow.refused == asked // 5
    assert flow.completed == asked - asked // 5
    assert {request.split()[1] for request in script.asked[""]} == {b"/a", b"/b"}


def _rush(port: int) -> Rush:
    return Rush("127.0.0.1", port, 300, 0.0, 0.0, 1, _BASKET, connections=7)


def _sells(units: int) -> Reply:
    """One unit each until there is none; everybody is told "not now" at first, and the same answer for ever after."""

    def reply(script: Script, completing: bool, key: str) -> tuple[str, str]:
        if len(script.asked[key]) == 1:
            return _NOT_NOW
        if key not in script.given:
            sold = sum(answer is _COMPLETED for answer in script.given.values())
            left = sold < units
            script.given[key] = (_COMPLETED if completing else _OPENED) if left else _SOLD_OUT
        return script.given[key]

    return reply


async def test_everybody_of_a_crowd_has_one_definite_answer() -> None:
    """As many as there are units have one; "not now" is waited for, however often."""
    async with scripted(_sells(20)) as (script, port):
        rushed = await crowd.run(_rush(port))
    assert (rushed.completed, rushed.sold_out, rushed.errored) == (20, 280, 0)
    assert rushed.told_not_now == 300
    assert rushed.not_nows == len(script.asked)
    assert (rushed.asked_twice, rushed.changed) == (3, 0)
    assert rushed.curve[-1][1:] == (20, 300)
    assert rushed.curve[0][1:] == (0, 0)
    assert all(len(set(requests)) == 1 for requests in script.asked.values())


async def test_a_shop_that_takes_back_its_word_is_found_out() -> None:
    """Whoever asks again under the same key is to hear the same."""

    def reply(script: Script, completing: bool, key: str) -> tuple[str, str]:
        if not completing:
            return _OPENED
        return _COMPLETED if len(script.asked[key]) == 1 else _SOLD_OUT

    async with scripted(reply) as (_, port):
        rushed = await crowd.run(_rush(port))
    assert rushed.completed == 300
    assert (rushed.asked_twice, rushed.changed) == (3, 3)


async def test_whoever_gets_no_answer_is_counted() -> None:
    """A fault and a lost connection leave somebody in the dark; the others of that connection are played on."""

    def reply(script: Script, completing: bool, key: str) -> tuple[str, str]:
        number = script.openings.index(key) if not completing else -1
        if number in (5, 6):
            return _BROKEN
        return ("", "") if number == 7 else (_COMPLETED if completing else _OPENED)

    async with scripted(reply) as (_, port):
        rushed = await crowd.run(_rush(port))
    assert (rushed.completed, rushed.errored) == (297, 3)
    assert "the connection was lost" in rushed.samples
