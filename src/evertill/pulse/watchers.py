"""Who watches this worker's live page: all are sent the same, made once; whoever is slow gets the newest only."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

WATCHERS_MAX = 16  # per worker; staff, each with a page open
# Then the browser comes again by itself, and it is looked up anew whether it may.
_STAY_SECONDS_MAX = 15 * 60
_SILENCE_SECONDS_MAX = 5.0  # then a line that says nothing: who is gone without a word is noticed by it


class Watchers:
    """Server-sent events for however many watch, up to a bound."""

    def __init__(self) -> None:
        self.here = 0
        self._closed = False
        self._news = b""
        self.shown: datetime | None = None  # what was published last is of that moment
        self._arrived = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether nobody can be let in at this moment."""
        return self.here >= WATCHERS_MAX or self._closed

    def publish(self, data: bytes, *, at: datetime) -> None:
        """Send what is so at that moment to all who watch; it must be one line."""
        self.shown = at
        self._news = b"data: " + data + b"\n\n"
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()

    def close(self) -> None:
        """The worker ends: nobody is kept, so that nobody is waited for."""
        self._closed = True
        self._arrived.set()

    async def watch(self) -> AsyncIterator[bytes]:
        """What one watcher is sent, until it has stayed long enough or the worker ends; nothing where all is full."""
        if self.full:
            return
        self.here += 1
        try:
            yield b"retry: 2000\n\n"
            until = asyncio.get_running_loop().time() + _STAY_SECONDS_MAX
            while not self._closed and asyncio.get_running_loop().time() < until:
                try:
                    await asyncio.wait_for(self._arrived.wait(), _SILENCE_SECONDS_MAX)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if not self._closed:
                    yield self._news
        finally:
            self.here -= 1
