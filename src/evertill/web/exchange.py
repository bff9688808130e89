"""
One request and its answer, without a framework between them and the server.

For what is asked thousands of times a second (docs/decisions/0009): the API by which purchases are made. Pages and
forms are the framework's.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.types import Receive, Send
from litestar.types.asgi_types import HTTPResponseBodyEvent, HTTPResponseStartEvent

from evertill.refusals import Malformed, Stalled, TooLarge

RECEIVE_SECONDS_MAX = 10.0

Headers = list[tuple[bytes, bytes]]


class Asked:
    """A request: its line and headers at once, its body when it is wanted."""

    __slots__ = ("_body", "_receive", "headers", "method", "path", "repeated", "scope")

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])  # by lower-case name; of several, the last
        self.repeated = len(self.headers) < len(scope["headers"])
        self._receive = receive
        self._body: bytes | None = None

    def header(self, name: bytes) -> str | None:
        """A header's value by its lower-case name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    async def body(self, bytes_max: int) -> bytes:
        """
        The body, if it isn't too long; a stated length that is too long is refused unread.

        Raises:
            TooLarge: More than bytes_max.
            Malformed: Whoever sent it hung up before its end.
        """
        if self._body is None:
            self._body = await self._read(bytes_max)
        return self._body

    async def _read(self, bytes_max: int) -> bytes:
        stated = self.headers.get(b"content-length", b"")
        if stated.isdigit() and (len(stated) > 12 or int(stated) > bytes_max):
            raise too_large(bytes_max)
        read: bytes = b""
        while True:
            message = await receive_soon(self._receive)
            if message["type"] == "http.disconnect":
                raise cut_off()
            read += bytes(message["body"])
            if len(read) > bytes_max:
                raise too_large(bytes_max)
            if not message.get("more_body"):
                return read


async def receive_soon(receive: Receive) -> Any:
    """
    The next piece of a request, within ten seconds: one that stalls must not hold a place, nor hold up a drain.

    Raises:
        Stalled: It did not come.
    """
    # What asyncio.timeout does, at a third of its price: it would be the dearest part of reading a request.
    task, gave_up = asyncio.current_task(), False
    assert task is not None

    def give_up() -> None:
        nonlocal gave_up
        gave_up = True
        task.cancel()

    handle = asyncio.get_running_loop().call_later(RECEIVE_SECONDS_MAX, give_up)
    try:
        return await receive()
    except asyncio.CancelledError:
        if gave_up and task.uncancel() == 0:
            raise stalled() from None
        raise
    finally:
        handle.cancel()


class Answer(msgspec.Struct, frozen=True):
    """What is sent back; its length is added when it is sent."""

    status: int
    body: bytes
    headers: Headers

    async def send(self, send: Send, always: Headers) -> None:
        """Send it with its own headers, and those of `always` that it does not carry itself."""
        for message in self.messages(always):
            await send(message)

    def messages(self, always: Headers) -> tuple[HTTPResponseStartEvent, HTTPResponseBodyEvent]:
        """What is sent, as the server takes it."""
        return (
            {"type": "http.response.start", "status": self.status, "headers": self._all_headers(always)},
            {"type": "http.response.body", "body": self.body, "more_body": False},
        )

    def raw(self, always: Headers) -> bytes:
        """What is sent after the status line, as it goes over the wire."""
        return b"".join((*(b"%s: %s\r\n" % header for header in self._all_headers(always)), b"\r\n", self.body))

    def _all_headers(self, always: Headers) -> Headers:
        own = {name for name, _ in self.headers}
        return [
            *self.headers,
            *(header for header in always if header[0] not in own),
            (b"content-length", b"%d" % len(self.body)),
        ]


def prefers_json(accept: str) -> bool:
    """Whether an Accept header is a program's: JSON, and no page."""
    return "json" in accept and "text/html" not in accept


def too_large(bytes_max: int) -> TooLarge:
    """The refusal of a body longer than that."""
    return TooLarge("too_large", f"The request is too large: at most {bytes_max:,} bytes are read.")


def stalled() -> Stalled:
    """The answer to somebody whose connection hangs."""
    return Stalled("stalled", "The rest of the request did not come. Nothing was changed. Please try again.")


def cut_off() -> Malformed:
    """The answer to somebody who is most likely gone."""
    return Malformed("cut_off", "The request was cut off before its end. Nothing was changed.")
