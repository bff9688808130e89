"""Background duties of a worker: each repeats by itself, survives its own failures, and ends with the worker."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

_PAUSE_AFTER_FAILURE_SECONDS = 5.0
_PAUSE_ASIDE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Duty:
    """
    Something done again and again: at once while there was work, else after a pause.

    A duty that can wait steps aside while buyers wait; it never stops altogether, so what it does is
    late at the peak and caught up with after it.
    """

    name: str
    run_once: Callable[[], Awaitable[int]]
    pause_seconds: float
    steps_aside: Callable[[], bool] = lambda: False  # while this holds, one round a second and no more

    async def run(self, stopping: asyncio.Event) -> None:
        """Repeat until stopping is set; the round under way is finished."""
        while not stopping.is_set():
            pause = self.pause_seconds
            try:
                if await self.run_once() > 0:
                    pause = _PAUSE_ASIDE_SECONDS if self.steps_aside() else 0.0
            except Exception:
                log.exception("duty_failed name=%s", self.name)
                pause = _PAUSE_AFTER_FAILURE_SECONDS
            try:
                await asyncio.wait_for(stopping.wait(), pause)
            except TimeoutError:
                continue
