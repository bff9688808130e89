"""
Connection pools, one per kind of work, so that reading never stands in the way of buying.

Each bounds three waits: for a free connection, for a lock, for a statement. Whoever meets a bound is told
Unavailable, and the log says which bound, whose, and in which statement. Each counts how long every caller holds
its connections: the real ceiling of a busy shop is often a connection held by somebody else's work.

Source: Shopify's inventory reservations, "tag every SQL statement with its caller and measure how long each caller
holds a connection".
"""

import logging
import sys
from collections import deque
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from evertill.refusals import Unavailable

if TYPE_CHECKING:  # asyncpg's own classes are generic for the type checker only
    Inner: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Inner = asyncpg.Pool
    Connection = asyncpg.Connection

log = logging.getLogger(__name__)

_CALLERS_MAX = 500  # there are as many as places in the code; a bound all the same
_RECENT = 200
_SAY_EVERY_SECONDS = 1.0


class Holds:
    """How long one caller held connections of one pool, in seconds."""

    __slots__ = ("count", "held_s", "longest_s", "recent_s", "waited_s")

    def __init__(self) -> None:
        self.count = 0
        self.held_s = 0.0
        self.waited_s = 0.0  # for a free connection
        self.longest_s = 0.0
        self.recent_s: deque[float] = deque(maxlen=_RECENT)

    def add(self, waited_s: float, held_s: float) -> None:
        """One more hold."""
        self.count += 1
        self.waited_s += waited_s
        self.held_s += held_s
        self.longest_s = max(self.longest_s, held_s)
        self.recent_s.append(held_s)


@dataclass(slots=True)
class Said:
    """When one bound of one caller was last told to the log, and how often it was met since."""

    at: float
    since: int = 0


@dataclass(slots=True)
class Pool:
    """
    Connections for one kind of work.

    Raises (every use of it):
        Unavailable: No connection was free in time, a statement or a lock took too long, or the database is not
            there. What was asked for may or may not have been done where the connection was lost in a commit.
    """

    inner: Inner
    purpose: str
    acquire_s_max: float
    holds: dict[str, Holds] = field(default_factory=dict)
    said: dict[tuple[str, str], "Said"] = field(default_factory=dict)

    def acquire(self, caller: str = "") -> "Held":
        """
        A connection for the length of an `async with`.

        Args:
            caller: Who holds it, for the books; by default the function that asks.
        """
        if not caller:
            frame = sys._getframe(1)
            caller = f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_name}".removeprefix("evertill.")
        return Held(self, caller)

    async def execute(self, statement: str, *arguments: Any) -> str:
        """Run one statement; its status."""
        async with Held(self, tag_of(statement)) as connection:
            return await connection.execute(statement, *arguments)

    async def fetch(self, statement: str, *arguments: Any) -> "list[asyncpg.Record]":
        """The rows of one statement."""
        async with Held(self, tag_of(statement)) as connection:
            return await connection.fetch(statement, *arguments)

    async def fetchrow(self, statement: str, *arguments: Any) -> "asyncpg.Record | None":
        """The first row of one statement, if there is one."""
        async with Held(self, tag_of(statement)) as connection:
            return await connection.fetchrow(statement, *arguments)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        """The first value of the first row of one statement, None where there is none."""
        async with Held(self, tag_of(statement)) as connection:
            return await connection.fetchval(statement, *arguments)

    @property
    def open(self) -> int:
        """Connections that are open, busy or not."""
        return self.inner.get_size()

    @property
    def busy(self) -> int:
        """Connections somebody holds at this moment."""
        return self.inner.get_size() - self.inner.get_idle_size()

    async def close(self) -> None:
        """Close all connections once they are given back."""
        await self.inner.close()

    def _say(self, bound: str, caller: str, error: BaseException) -> None:
        """To the log, once a second for each: a flood of errors must not become a flood of lines."""
        now = perf_counter()
        said = self.said.get((bound, caller))
        if said is not None and now - said.at < _SAY_EVERY_SECONDS:
            said.since += 1
            return
        if len(self.said) < _CALLERS_MAX:
            self.said[bound, caller] = Said(now)
        since = said.since if said else 0
        log.error("database_%s pool=%s caller=%s error=%r unsaid=%d", bound, self.purpose, caller, error, since)

    def _note(self, caller: str, waited_s: float, held_s: float) -> None:
        holds = self.holds.get(caller)
        if holds is None:
            if len(self.holds) >= _CALLERS_MAX:
                return
            holds = self.holds[caller] = Holds()
        holds.add(waited_s, held_s)


class Held:
    """A connection while somebody holds it."""

    __slots__ = ("_asked", "_caller", "_connection", "_had", "_pool")

    def __init__(self, pool: Pool, caller: str) -> None:
        self._pool = pool
        self._caller = caller
        self._connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record] | None = None
        self._asked = self._had = 0.0

    async def __aenter__(self) -> Connection:
        pool = self._pool
        self._asked = perf_counter()
        try:
            self._connection = await pool.inner.acquire(timeout=pool.acquire_s_max)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise self._bounded(error) or error from error
        self._had = perf_counter()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._connection is not None
        self._pool._note(self._caller, self._had - self._asked, perf_counter() - self._had)
        try:
            await self._pool.inner.release(self._connection)
        except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            if error is None:
                raise
        if error is not None and (bounded := self._bounded(error)) is not None:
            raise bounded from error

    def _bounded(self, error: BaseException) -> Unavailable | None:
        """The refusal that an error of the database stands for, said in the log by name; None: it is a fault."""
        for kinds, bound in _BOUNDS:
            if isinstance(error, kinds) or (bound == "unreachable" and _is_lost(error)):
                self._pool._say(bound, self._caller, error)
                return Unavailable(f"database_{bound}", _SENTENCES[bound], retry_after_seconds=2)
        return None


# A unique or check violation is not among them: what it means is for whoever wrote the statement to say.
_BOUNDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((asyncpg.LockNotAvailableError,), "lock_timeout"),
    ((asyncpg.QueryCanceledError,), "statement_timeout"),
    ((asyncpg.TooManyConnectionsError, asyncpg.OutOfMemoryError, asyncpg.DiskFullError), "exhausted"),
    (
        (
            asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
            asyncpg.CannotConnectNowError, asyncpg.ReadOnlySQLTransactionError, ConnectionError, FileNotFoundError,
        ),
        "unreachable",
    ),
    ((TimeoutError,), "busy"),
)  # fmt: skip
_SENTENCES = {
    "lock_timeout": "Somebody else is changing this at the moment. Nothing was changed. Please try again.",
    "statement_timeout": "This took too long and was stopped. Nothing was changed. Please try again.",
    "exhausted": "We cannot write anything at this moment. Nothing was changed. Please try again.",
    "unreachable": (
        "Our database cannot be reached at this moment. Your cart is safe. If you were paying, press the button again: "
        "the same attempt is never carried out twice."
    ),
    "busy": "Too much is going on at this moment. Nothing was changed. Please try again.",
}


def _is_lost(error: BaseException) -> bool:
    """Whether it is the client's word for a connection that is gone; its other words are for faults of ours."""
    if isinstance(error, asyncpg.InternalClientError):  # a server that died in mid-sentence
        return "cannot switch to state" in str(error)
    return isinstance(error, asyncpg.InterfaceError) and any(word in str(error) for word in ("closed", "released"))


def tag_of(statement: str) -> str:
    """The name in a statement's tag: "/* cart.read */ SELECT …" is "cart.read"."""
    return statement[3 : statement.index(" */")] if statement.startswith("/* ") else "untagged"


async def open_pool(
    url: str, *, purpose: str, size: int, statement_ms_max: int, lock_ms_max: int, acquire_s_max: float = 5.0
) -> Pool:
    """
    Open a pool whose connections name their purpose and never wait for ever.

    Args:
        purpose: Shown as application_name: "evertill browse".

        size: Connections at the most. They are opened as they are needed.

        statement_ms_max: The server cancels a statement that runs longer.

        lock_ms_max: The server cancels a statement that waits longer for a lock.

        acquire_s_max: How long one waits for a free connection.
    """
    inner = await asyncpg.create_pool(
        url,
        reset=_as_it_is,
        min_size=1,
        max_size=size,
        timeout=acquire_s_max,
        command_timeout=statement_ms_max / 1000 + 5,
        max_inactive_connection_lifetime=300,
        server_settings=_named_and_bounded(purpose, statement_ms_max, lock_ms_max),
    )
    return Pool(inner, purpose, acquire_s_max)


async def open_connection(url: str, *, purpose: str, statement_ms_max: int, lock_ms_max: int) -> Connection:
    """Open one connection under the same rules, for work that must not share a pool with anybody."""
    return await asyncpg.connect(
        url,
        timeout=5.0,
        command_timeout=statement_ms_max / 1000 + 5,
        server_settings=_named_and_bounded(purpose, statement_ms_max, lock_ms_max),
    )


def _named_and_bounded(purpose: str, statement_ms_max: int, lock_ms_max: int) -> dict[str, str]:
    return {
        "application_name": f"evertill {purpose}",
        "statement_timeout": str(statement_ms_max),
        "lock_timeout": str(lock_ms_max),
        "idle_in_transaction_session_timeout": str(statement_ms_max + 10_000),
        "timezone": "UTC",
    }


async def _as_it_is(connection: object) -> None:
    """
    What a connection gets on its way back, instead of asyncpg's RESET ALL: nothing, and one round trip less.

    An open transaction was rolled back before this; no statement of ours leaves anything else behind.
    """
