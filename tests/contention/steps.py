"""
Races opened on purpose: one is stopped at a named statement, the other goes as far as it can, then the one goes on.

The steps of a verb are its statements in queries.sql, by the tag each carries: "checkout.settle_orders".
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, cast

from evertill.checkout.complete import Checkout
from evertill.checkout.till import Till
from evertill.resilience import PAYMENT
from evertill.shop import Shop
from evertill.storage import Connection, Pool
from evertill.storage.pools import tag_of

First = TypeVar("First")
Second = TypeVar("Second")

_WAITING = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'"""


class Step:
    """
    Where the first to come is stopped until it is let on; everybody after it passes.

    Args:
        statement: Its tag: "stock.move_stock".

        after: Stopped when the statement is done and nothing of it is committed; otherwise just before it.
    """

    def __init__(self, statement: str, *, after: bool = False) -> None:
        self.statement = statement
        self.after = after
        self.reached = asyncio.Event()
        self.go = asyncio.Event()

    async def carry_out(self, connection: Any, verb: str, statement: str, arguments: tuple[Any, ...]) -> Any:
        run: Callable[..., Awaitable[Any]] = getattr(connection, verb)
        if self.reached.is_set() or tag_of(statement) != self.statement:
            return await run(statement, *arguments)
        if not self.after:
            await self.stop()
            return await run(statement, *arguments)
        async with connection.transaction():
            answer = await run(statement, *arguments)
            await self.stop()
        return answer

    async def stop(self) -> None:
        self.reached.set()
        await self.go.wait()


class Death(Step):
    """Whoever comes to the step first loses its connection there: nothing of its transaction is written."""

    async def stop(self) -> None:
        self.reached.set()
        raise ConnectionResetError(f"died at {self.statement}")


class _Connection:
    """A connection that passes by a step."""

    def __init__(self, inner: Any, step: Step) -> None:
        self.inner = inner
        self._step = step

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def execute(self, statement: str, *arguments: Any) -> Any:
        return await self._step.carry_out(self.inner, "execute", statement, arguments)

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        return await self._step.carry_out(self.inner, "fetch", statement, arguments)

    async def fetchrow(self, statement: str, *arguments: Any) -> Any:
        return await self._step.carry_out(self.inner, "fetchrow", statement, arguments)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        return await self._step.carry_out(self.inner, "fetchval", statement, arguments)


class _Connections:
    """Those of a pool, each passing by the step."""

    def __init__(self, inner: Any, step: Step) -> None:
        self._inner = inner
        self._step = step

    async def acquire(self, **bounds: float) -> _Connection:
        return _Connection(await self._inner.acquire(**bounds), self._step)

    async def release(self, connection: _Connection) -> None:
        await self._inner.release(connection.inner)


def stopping(shop: Shop, step: Step) -> Shop:
    """That worker, whose every statement passes by the step."""

    def past(pool: Pool) -> Pool:
        return replace(pool, inner=cast(Any, _Connections(pool.inner, step)))

    till = Till(
        past(shop.till_pool), house=shop.house, provider_name=shop.provider.name, answer_within=PAYMENT.deadline * 2
    )
    checkout = Checkout(till, shop.provider, past(shop.till_pool), shop.clock)
    return replace(shop, desk=past(shop.desk), console=past(shop.console), checkout=checkout)


@dataclass(frozen=True)
class Met(Generic[First, Second]):
    """How a race ended: what each was told (refusals too), and whether the second had to wait for the first."""

    first: First | BaseException
    second: Second | BaseException
    waited: bool


async def race(
    step: Step,
    first: Coroutine[Any, Any, First],
    second: Coroutine[Any, Any, Second],
    *,
    watching: Connection,
) -> Met[First, Second]:
    """
    The first up to the step; then the second until it ends or waits for a lock; then the first to its end.

    Raises:
        AssertionError: The first never came to the step.
    """
    one = asyncio.create_task(first)
    reached = asyncio.create_task(step.reached.wait())
    await asyncio.wait({one, reached}, return_when=asyncio.FIRST_COMPLETED)
    if not step.reached.is_set():
        reached.cancel()
        raise AssertionError(f"{step.statement} was never reached: {await one}")
    two = asyncio.create_task(second)
    waited = False
    while not two.done() and not waited:
        await asyncio.wait({two}, timeout=0.005)
        waited = not two.done() and await watching.fetchval(_WAITING) > 0
    step.go.set()
    told = await asyncio.gather(one, two, return_exceptions=True)
    return Met(told[0], told[1], waited)
