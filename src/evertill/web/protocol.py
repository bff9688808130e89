"""
HTTP/1.1 on one connection: uvicorn's own, with bounds it does not have, and a door that says no before anything begins.

    bytes ──► request line and headers ──► turned away? ──► no ──► a task runs the application
                 │ too many, too slow            └── yes: written at once, no task, no scope
                 └── 431, or hung up

At ten times what can be served nine requests of ten are refused: what a no costs decides what is left for those who are
served (docs/decisions/0015).
"""

import logging
from asyncio import BaseTransport, TimerHandle, Transport
from typing import Any, Protocol, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

log = logging.getLogger(__name__)

# A request whose headers are not whole by then is dropped: it would hold its connection, and a worker that is to stop.
HEAD_SECONDS_MAX = 10.0
HEAD_BYTES_MAX = 64 * 1024
_UNREAD_BYTES_MAX = 128 * 1024  # of the body of a request that was turned away
CONNECTIONS_MAX = 8_192  # of one worker

_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 3\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_STATUS = b"HTTP/1.1 503 Service Unavailable\r\n"
_CLOSE = b"connection: close\r\n"


class Turning(Protocol):
    """An application that can say no to a request by its head alone."""

    def turned_away(self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]) -> bytes | None:
        """
        The 503 for this request: what follows its status line, own headers and body; None: it is let in.

        Args:
            target: The path with its query, as sent.

            headers: Names in lower case.
        """


class Connection(HttpToolsProtocol):
    """One connection; the server makes it (uvicorn's `http` setting)."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], **others: Any) -> None:
        super().__init__(config, server_state, app_state, **others)
        self._door = cast("Turning", self.app)
        self._no: bytes | None = None  # the answer to a request that was turned away, until its body is read
        self._unread = 0
        self._in_head = False
        self._head_bytes = 0
        self._head_timer: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Somebody is there; whoever is one too many is told so."""
        super().connection_made(cast("Transport", transport))
        if len(self.connections) > CONNECTIONS_MAX:
            self._end_with(_FULL)
            return
        self._head_timer = self.loop.call_later(HEAD_SECONDS_MAX, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on. What has no task yet has a bound in length and in time."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._end_with(_TOO_LONG)
                return
        if self._head_timer is None and self.timeout_keep_alive_task is None and self._idle:
            self._head_timer = self.loop.call_later(HEAD_SECONDS_MAX, self.transport.abort)

    def on_message_begin(self) -> None:
        """A request line begins."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there: no, or a task for it."""
        self._in_head = False
        self._stop_timer()
        if self._idle:  # else it is pipelined: its turn comes, in the slow way
            try:
                self._no = self._door.turned_away(self.parser.get_method(), self.url, self.headers)
            except Exception:  # a fault of ours: the parser would take it for the asker's
                log.exception("fault turned_away")
            if self._no is not None:
                self._unread = 0
                return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of a body; of one that was turned away nothing is kept."""
        if self._no is None:
            super().on_body(body)
            return
        self._unread += len(body)
        if self._unread > _UNREAD_BYTES_MAX and not self.transport.is_closing():
            self._end_with(b"".join((_STATUS, _CLOSE, self._no)))

    def on_message_complete(self) -> None:
        """The request is read; one that was turned away is told so now, that its sender is ready to listen."""
        if self._no is None:
            super().on_message_complete()
            return
        no, self._no = self._no, None
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self.parser.should_keep_alive():
            self.transport.write(b"".join((_STATUS, self._default_headers(), no)))
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            self._end_with(b"".join((_STATUS, self._default_headers(), _CLOSE, no)))

    @property
    def _idle(self) -> bool:
        """No task of ours runs for this connection."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def _default_headers(self) -> bytes:
        return b"".join(b"%s: %s\r\n" % header for header in self.server_state.default_headers)

    def _end_with(self, last: bytes) -> None:
        self.transport.write(last)
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
