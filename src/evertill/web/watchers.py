"""Who watches a page that moves: all are sent the same, made once; whoever missed something gets the whole as it is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime

WATCHERS_MAX = 16  # per worker, of the console's live page: staff, each with a page open
# Then the browser comes again by itself, and it is looked up anew whether it may.
_STAY_SECONDS_MAX = 15 * 60
_SILENCE_SECONDS_MAX = 5.0  # then a line that says nothing: who is gone without a word is noticed by it
# So many are written to in one go, the next a little later: nobody who buys waits for all watchers of a worker.
_COHORT = 100
_APART_SECONDS = 0.01


class Watchers:
    """
    Server-sent events for however many watch, up to a bound.

    Args:
        most: How many at once; without, as many as staff need.
    """

    def __init__(self, most: int | None = None) -> None:
        self.here = 0
        self._most = WATCHERS_MAX if most is None else most
        self._closed = False
        self._news = b""
        self._whole: Callable[[], bytes] | None = None
        self._whole_made: bytes | None = None
        self._number = 0
        self.shown: datetime | None = None  # what was published last is of that moment
        self._arrived = [asyncio.Event() for _ in range(max(1, -(-self._most // _COHORT)))]
        self._came = 0

    @property
    def full(self) -> bool:
        """Whether nobody can be let in at this moment."""
        return self.here >= self._most or self._closed

    def publish(self, data: bytes, *, at: datetime, whole: Callable[[], bytes] | None = None) -> None:
        """
        Send what is so at that moment to all who watch; it must be one line.

        Args:
            whole: Makes what is sent to those who come now, or missed something, where data says only what is new;
                called at most once.
        """
        self.shown = at
        self._news = _message(data)
        self._whole, self._whole_made = whole, None
        self._number += 1
        self._wake()

    def close(self) -> None:
        """The worker ends: nobody is kept, so that nobody is waited for."""
        self._closed = True
        for arrived in self._arrived:
            arrived.set()

    async def watch(self) -> AsyncIterator[bytes]:
        """What one watcher is sent, until it has stayed long enough or the worker ends; nothing where all is full."""
        if self.full:
            return
        self.here += 1
        cohort = self._came % len(self._arrived)
        self._came += 1
        try:
            yield b"retry: 2000\n\n"
            number = self._number
            if self._whole is not None:
                yield self._all_of_it()
            until = asyncio.get_running_loop().time() + _STAY_SECONDS_MAX
            while not self._closed and asyncio.get_running_loop().time() < until:
                if number == self._number:
                    try:
                        async with asyncio.timeout(_SILENCE_SECONDS_MAX):
                            await self._arrived[cohort].wait()
                    except TimeoutError:
                        yield b": still here\n\n"
                    continue
                missed, number = number + 1 < self._number, self._number
                yield self._all_of_it() if missed else self._news
        finally:
            self.here -= 1

    def _all_of_it(self) -> bytes:
        if self._whole is None:
            return self._news
        if self._whole_made is None:
            self._whole_made = _message(self._whole())
        return self._whole_made

    def _wake(self) -> None:
        told, self._arrived = self._arrived, [asyncio.Event() for _ in self._arrived]
        told[0].set()
        loop = asyncio.get_running_loop()
        for number, arrived in enumerate(told[1:], start=1):
            loop.call_later(number * _APART_SECONDS, arrived.set)


def _message(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"
