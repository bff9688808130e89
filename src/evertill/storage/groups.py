"""Group commit: requests that arrive while one group is being written form the next."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import asyncpg

from evertill.refusals import Unavailable

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

_TRIES_MAX = 4


async def again_where_told(
    write: Callable[[Sequence[Ask]], Awaitable[Sequence[Answer | Exception]]], asks: Sequence[Ask]
) -> Sequence[Answer | Exception]:
    """Write a group in one transaction, and anew where the database tells it that it met another one."""
    for tried in range(_TRIES_MAX):
        try:
            return await write(asks)
        except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
            if tried == _TRIES_MAX - 1:
                raise
    raise AssertionError("unreachable")


class Groups(Generic[Ask, Answer]):
    """
    Runs asks in groups, one group at a time, in order of arrival.

        ask ──► waiting ──► [group] ──► run(group) ──► one answer or exception each
                   ▲            │ under way: who comes now waits for the next
                   └────────────┘

    There is no timer: an ask that finds nobody before it runs at once and alone; groups grow by
    themselves under load. A group that the database refuses for its data is run again ask by ask, so
    that whoever broke it fails alone and its neighbours commit; any other failure is everybody's.

    Args:
        name: For logs and metrics.

        run: Writes a group and returns one answer per ask, in order. An answer that is an exception is
            raised to its asker. It must be all or nothing: on raising, nothing of the group was written.

        size_max: Largest group. Kept well under 3,000 rows of any table (docs/decisions/0002).

        waiting_max: How many may wait; whoever comes then is told Unavailable at once.

    Source: hot-row grouping of PolarDB and TigerBeetle's batches, done in the application.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[Sequence[Ask]], Awaitable[Sequence[Answer | Exception]]],
        *,
        size_max: int = 256,
        waiting_max: int = 5_000,
    ) -> None:
        self.name = name
        self._run = run
        self._size_max = size_max
        self._waiting_max = waiting_max
        self._waiting: deque[tuple[Ask, asyncio.Future[Answer]]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self.groups_run = 0
        self.asks_run = 0

    def submit(self, ask: Ask) -> "asyncio.Future[Answer]":
        """
        Put an ask in line; the future brings its answer.

        The ask is carried out even if whoever awaits the future goes away: a buyer who closes the
        browser has still pressed the button.

        Raises:
            Unavailable: Too many wait already.
        """
        if len(self._waiting) >= self._waiting_max:
            raise Unavailable(
                "too_busy", "Too many people are at the till at this moment. Please try again.", retry_after_seconds=2
            )
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name=f"groups:{self.name}")
        return future

    @property
    def waiting(self) -> int:
        """How many wait for the next group."""
        return len(self._waiting)

    async def drain(self) -> None:
        """Wait until nobody waits."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._size_max))]
                await self._carry_out(group)
        finally:
            self._worker = None

    async def _carry_out(self, group: list[tuple[Ask, "asyncio.Future[Answer]"]]) -> None:
        self.groups_run += 1
        self.asks_run += len(group)
        try:
            answers = await self._run([ask for ask, _ in group])
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
            if len(group) == 1:
                self._fail(group, error)
                return
            log.warning("group_refused name=%s size=%d error=%r: each runs alone now", self.name, len(group), error)
            for single in group:
                await self._carry_out([single])
            return
        except Exception as error:
            self._fail(group, error)
            return
        if len(answers) != len(group):
            raise AssertionError(f"{self.name}: {len(group)} asks, {len(answers)} answers")
        for (_, future), answer in zip(group, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _fail(self, group: list[tuple[Ask, "asyncio.Future[Answer]"]], error: Exception) -> None:
        log.error("group_failed name=%s size=%d error=%r", self.name, len(group), error)
        for _, future in group:
            if not future.done():
                future.set_exception(error)
