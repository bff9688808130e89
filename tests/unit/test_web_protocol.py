"""One connection of the server: who is turned away by the head of his request, and what has a bound."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import Server

from evertill.web import protocol
from evertill.web.protocol import Connection

NO = b"retry-after: 2\r\ncontent-length: 4\r\n\r\nlast"


class Door:
    """An application that echoes bodies, and turns away whoever asks for /full; asking for /fault is a fault of its."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.goes_on = asyncio.Event()

    def turned_away(self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]) -> bytes | None:
        """By path."""
        if target.startswith(b"/fault"):
            raise ValueError(target)
        return NO if target.startswith(b"/full") else None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Echo (ASGI)."""
        self.served.append(scope["path"])
        if scope["path"] == "/stream":
            await self._stream(send)
            return
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message.get("more_body"):
                break
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _stream(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
        await self.goes_on.wait()
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})


@asynccontextmanager
async def connected(door: Door) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A real server with that door, and one connection to it."""
    config = Config(door, http=Connection, ws="none", interface="asgi3", lifespan="off", proxy_headers=False,
                    log_config=None, server_header=False, date_header=False, access_log=False)  # fmt: skip
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(config)
    serving = asyncio.create_task(server._serve([listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    try:
        async with asyncio.timeout(20):
            yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await serving


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[bytes, bytes], bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status, *lines = head.strip().split(b"\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in lines)
    return int(status.split()[1]), headers, await reader.readexactly(int(headers[b"content-length"]))


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until it is hung up, or cut off where we have sent more than was read."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


def _post(path: str, body: bytes, *, more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def test_who_is_turned_away_is_told_so_and_may_ask_again_on_the_same_connection() -> None:
    """The application hears nothing of it, the body is read and dropped, and the next request is served."""
    door = Door()
    async with connected(door) as (reader, writer):
        writer.write(_post("/full?a=1", b"x" * 1_000))
        assert await _answer(reader) == (503, {b"retry-after": b"2", b"content-length": b"4"}, b"last")
        writer.write(_post("/in", b"hello"))
        assert (await _answer(reader))[2] == b"hello"
    assert door.served == ["/in"]


async def test_requests_sent_in_one_go_are_answered_in_their_order() -> None:
    """Behind one that is served a request goes the whole way; behind one that was turned away it does not."""
    door = Door()
    async with connected(door) as (reader, writer):
        writer.write(_post("/full", b"a") + _post("/in", b"b") + _post("/full", b"c"))
        told = [await _answer(reader) for _ in range(3)]
    assert [(status, body) for status, _, body in told] == [(503, b"last"), (200, b"b"), (200, b"c")]


async def test_the_head_of_a_stream_does_not_wait_for_its_body() -> None:
    """Whoever listens is told that he is heard; what follows comes in its order."""
    door = Door()
    async with connected(door) as (reader, writer):
        writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        door.goes_on.set()
        assert await reader.readexactly(6) == b"onetwo"


async def test_an_answer_without_a_body_is_sent() -> None:
    """To HEAD, and where the sender then hangs up."""
    for more in (b"", b"Connection: close\r\n"):
        async with connected(Door()) as (reader, writer):
            writer.write(b"HEAD /in HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_who_wants_the_connection_closed_gets_that_with_the_no() -> None:
    """Asked for, or spoken by HTTP/1.0."""
    for request in (_post("/full", b"", more="Connection: close\r\n"), b"GET /full HTTP/1.0\r\n\r\n"):
        async with connected(Door()) as (reader, writer):
            writer.write(request)
            status, headers, _ = await _answer(reader)
            assert (status, headers[b"connection"]) == (503, b"close")
            assert await reader.read() == b""


async def test_a_long_body_of_one_turned_away_is_not_read_to_its_end() -> None:
    """What is sent on and on is answered and hung up on."""
    async with connected(Door()) as (reader, writer):
        writer.write(b"POST /full HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n" + b"x" * 300_000)
        assert (await _answer(reader))[0] == 503
        assert await _rest(reader) == b""


async def test_a_fault_in_saying_no_is_nobodys_fault_but_ours(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the request goes the whole way."""
    async with connected(Door()) as (reader, writer):
        writer.write(_post("/fault", b"all the same"))
        assert (await _answer(reader))[2] == b"all the same"
    assert "fault turned_away" in caplog.text


async def test_a_head_has_a_bound_in_length() -> None:
    """Headers without end are answered 431."""
    async with connected(Door()) as (reader, writer):
        writer.write(b"GET /in HTTP/1.1\r\nHost: x\r\n" + b"X-More: and more\r\n" * 40_000)
        assert (await reader.readline()).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n", b"GET /in HTTP/1.1\r\nHo", b"POST /full HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"],
    ids=["nothing", "an empty line", "half a head", "half a body of one turned away"],
)
async def test_whoever_stalls_before_anything_runs_is_hung_up_on(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """He would hold his connection, and a worker that is to stop."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS_MAX", 0.1)
    async with connected(Door()) as (reader, writer):
        writer.write(sent)
        assert await _rest(reader) == b""


async def test_one_connection_too_many_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that are there go on."""
    monkeypatch.setattr(protocol, "CONNECTIONS_MAX", 1)
    async with connected(Door()) as (reader, writer):
        writer.write(_post("/in", b"1"))
        assert (await _answer(reader))[2] == b"1"
        too_many, other = await asyncio.open_connection(*writer.get_extra_info("peername"))
        assert (await too_many.readline()).startswith(b"HTTP/1.1 503")
        other.close()
        writer.write(_post("/in", b"2"))
        assert (await _answer(reader))[2] == b"2"
