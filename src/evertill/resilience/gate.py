"""
Who is let in: one lane per kind of work, each with its own bound, all under one limit that follows latency.

    request ──► lane ──► room under the limit for this lane? ──► room in the lane? ──► under way ──► done
                              │ no                                    │ no: wait, briefly and few
                              └────────────► refused: early, cheap, with a time to come again ◄┘

Lanes give way in order: the fuller the worker, the fewer lanes are let in, the least important refused first. A payment
is refused last of all, and what is under way is never interrupted.
"""

import asyncio
import enum
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import exp
from time import perf_counter

from evertill.resilience.durations import Durations
from evertill.resilience.limit import Limit


class Priority(enum.IntEnum):
    """What is let in before what. The order is the promise: the till stays open."""

    PAY = 0  # completing a checkout: the money and the units
    CHECKOUT = 1  # opening and changing one; looking at one's order
    LINE = 2  # where one stands in line: whoever waits must be told
    CONSOLE = 3  # staff: they must see what is going on
    CART = 4  # carts and accounts
    BROWSE = 5  # looking around
    BOT = 6  # crawlers


@dataclass(frozen=True, slots=True)
class Lane:
    """
    The bounds of one kind of work.

    Args:
        share: How full the worker may be, of its limit, for this kind still to be let in.

        running_max: So many at once; of pages, which keep the worker's only thread for a millisecond each, few.

        beside_max: So many at once while people buy: what a page takes of the thread, every purchase waits for.

        rest: So many times as long as one took its place then stays empty: with one place and 4, pages have a fifth of
            the thread at most.

        waiting_max: So many may wait for one of them to end.

        wait_seconds_max: And so long.
    """

    share: float
    running_max: int
    beside_max: int
    waiting_max: int = 0
    wait_seconds_max: float = 0.0
    rest: float = 0.0


# Payments may go past the limit (each has a session that was let in before it), up to a bound of their own.
LANES = {
    Priority.PAY: Lane(share=4.0, running_max=2_000, beside_max=2_000),
    Priority.CHECKOUT: Lane(share=1.0, running_max=1_000, beside_max=1_000),
    Priority.LINE: Lane(share=4.0, running_max=32, beside_max=32, waiting_max=500, wait_seconds_max=3.0),
    Priority.CONSOLE: Lane(share=4.0, running_max=4, beside_max=4, waiting_max=32, wait_seconds_max=5.0),
    Priority.CART: Lane(share=0.9, running_max=12, beside_max=6, waiting_max=100, wait_seconds_max=0.5),
    Priority.BROWSE: Lane(share=0.8, running_max=6, beside_max=1, rest=4.0, waiting_max=64, wait_seconds_max=0.3),
    Priority.BOT: Lane(share=0.3, running_max=1, beside_max=1, rest=9.0, waiting_max=4, wait_seconds_max=0.2),
}


@dataclass(slots=True)
class LaneState:
    """What goes on in one lane."""

    running: int = 0
    waiting: "deque[asyncio.Future[None]]" = field(default_factory=deque)
    admitted: int = 0
    refused: int = 0


# People buy: so many purchases in the last half second, the older the less they count. It is forgotten as quickly.
_BUYING, _BUYING_SECONDS = 10.0, 0.5
_REST_SECONDS_MAX = 0.1


_here: ContextVar["Permit | None"] = ContextVar("permit", default=None)


class Gate:
    """The gate of one worker."""

    def __init__(self, limit: Limit | None = None, *, clock: Callable[[], float] = perf_counter) -> None:
        self.limit = limit or Limit()
        self.lanes = {priority: LaneState() for priority in Priority}
        self.durations: dict[str, Durations] = {}  # by kind: as many as lane_of knows
        self.under_way = 0
        self.clock = clock
        self._bought = 0.0  # purchases of late, the older the less
        self._bought_at = clock()

    async def enter(self, priority: Priority, kind: str = "") -> "Permit | None":
        """
        Let a request in, or not.

        Args:
            kind: Requests that take alike, where their time tells how the worker does; "" where it does not.

        Returns:
            A permit, to be given back with `leave`; None: refused.
        """
        if self.turns_away(priority):
            return None
        lane, state = LANES[priority], self.lanes[priority]
        if state.running < self._places(lane):
            state.running += 1
        elif not await self._handed(lane, state):
            state.refused += 1
            return None
        state.admitted += 1
        self.under_way += 1
        if priority <= Priority.CHECKOUT:
            self._count_purchase()
        permit = Permit(self, priority, kind)
        _here.set(permit)
        return permit

    def turns_away(self, priority: Priority) -> bool:
        """Whether there is no room for one more of these, nor a place to wait for it; if so, it was refused."""
        lane, state = LANES[priority], self.lanes[priority]
        if self.under_way < self.limit.value * lane.share and (
            state.running < self._places(lane) or len(state.waiting) < lane.waiting_max
        ):
            return False
        state.refused += 1
        return True

    async def _handed(self, lane: Lane, state: LaneState) -> bool:
        """Wait for somebody's place in the lane, first come, first served; False: none came in time."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        state.waiting.append(place)
        try:
            async with asyncio.timeout(lane.wait_seconds_max):
                await place
        except TimeoutError:
            return place.done() and not place.cancelled()  # handed over in the very moment of giving up
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._hand_on(lane, state)
            raise
        return True

    def left(self, priority: Priority, seconds: float, *, stepped_out: bool) -> None:
        """Somebody is gone who took so long."""
        self.under_way -= not stepped_out
        lane, state = LANES[priority], self.lanes[priority]
        if lane.rest and self._buying:
            pause = min(seconds * lane.rest, _REST_SECONDS_MAX)
            asyncio.get_running_loop().call_later(pause, self._hand_on, lane, state)
        else:
            self._hand_on(lane, state)

    @property
    def _buying(self) -> bool:
        """Whether people buy: twenty or so a second, or more."""
        return self._bought * exp((self._bought_at - self.clock()) / _BUYING_SECONDS) >= _BUYING

    def _count_purchase(self) -> None:
        now = self.clock()
        self._bought = min(self._bought * exp((self._bought_at - now) / _BUYING_SECONDS) + 1, _BUYING * 2)
        self._bought_at = now

    def _places(self, lane: Lane) -> int:
        """How many of this kind may run at this moment."""
        if lane.beside_max == lane.running_max:
            return lane.running_max  # a purchase is not to ask whether people buy
        return lane.beside_max if self._buying else lane.running_max

    def _hand_on(self, lane: Lane, state: LaneState) -> None:
        """A place in a lane is free: for those who still wait, or for whoever comes."""
        state.running -= 1
        places = self._places(lane)
        while state.waiting and state.running < places:
            place = state.waiting.popleft()
            if not place.done():
                state.running += 1
                place.set_result(None)


class Permit:
    """A request that was let in."""

    __slots__ = ("_began", "_gate", "_kind", "_outside_s", "_over", "_priority", "_stepped_out")

    def __init__(self, gate: Gate, priority: Priority, kind: str) -> None:
        self._gate = gate
        self._priority = priority
        self._kind = kind
        self._began = gate.clock()
        self._outside_s = 0.0
        self._stepped_out: float | None = None
        self._over = False

    def leave(self) -> None:
        """It is over, one way or the other."""
        gate, now = self._gate, self._gate.clock()
        self._over = True
        if self._kind and self._stepped_out is None:
            seconds = now - self._began - self._outside_s
            gate.limit.sample(self._kind, seconds, under_way=gate.under_way, now=now)
            durations = gate.durations.get(self._kind)
            if durations is None:
                durations = gate.durations[self._kind] = Durations()
            durations.add(seconds)
        gate.left(self._priority, now - self._began, stepped_out=self._stepped_out is not None)

    def says_nothing(self) -> None:
        """Its time is not that of its kind."""
        self._kind = ""

    def step_out(self) -> None:
        """
        It waits for somebody outside: it takes nothing of ours, and its time says nothing of us.

        What goes on after its asker hung up has left already, and is not counted twice.
        """
        if not self._over:
            self._stepped_out = self._gate.clock()
            self._gate.under_way -= 1

    def step_in(self) -> None:
        """It goes on. It is never refused here: what was begun is finished."""
        if self._over or self._stepped_out is None:
            return
        self._outside_s += self._gate.clock() - self._stepped_out
        self._stepped_out = None
        self._gate.under_way += 1


@contextmanager
def outside() -> Iterator[None]:
    """While somebody outside is waited for, the request that waits has stepped out of its gate."""
    permit = _here.get()
    if permit is None:
        yield
        return
    permit.step_out()
    try:
        yield
    finally:
        permit.step_in()


def says_nothing() -> None:
    """The request under way turned out to be less than its kind: its time says nothing of how the worker does."""
    permit = _here.get()
    if permit is not None:
        permit.says_nothing()
