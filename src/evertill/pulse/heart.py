"""Tells this worker's pulse, sees everybody's, and keeps the last five minutes of it."""

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec

from evertill.audit import Auditor
from evertill.checkout.takings import Takings
from evertill.clock import Clock
from evertill.ids import new_id
from evertill.pulse.minute import LastMinute
from evertill.pulse.model import (
    FORGOTTEN,
    Audited,
    Figures,
    Holder,
    Pulse,
    Second,
    Seen,
    Told,
    figure,
    holders_between,
    less,
    second_between,
    sum_of,
)
from evertill.resilience import Gate
from evertill.storage import Groups, Pool, Statements

sql = Statements.of(__package__)

DEPARTED = UUID(int=0)
SPAN_SECONDS = 300
# Rates are of the last seconds: workers do not tell their pulses at the same moment, and one second alone would jump.
_WINDOW = 5
_HOLDERS_SHOWN = 10


class _Counters(msgspec.Struct, frozen=True):
    """What a row of the departed has."""

    counters: dict[str, float]


_pulse, _counters = msgspec.json.Decoder(Pulse), msgspec.json.Decoder(_Counters)


class Heart:
    """
    One per worker. Everything it keeps is bounded, whatever the load.

    Args:
        pool: Its own: what one looks at when everything is stuck must not be stuck with it.

        pools: Everybody's, whose holders are counted.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        gate: Gate,
        groups: Sequence[Groups[Any, Any]],
        takings: Takings,
        pools: Sequence[Pool],
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self.pool = pool
        self._gate = gate
        self._groups = groups
        self._takings = takings
        self._pools = (*pools, pool)
        self._auditor = auditor
        self._clock = clock
        self._since = clock()
        self._id = new_id()
        self._minute = LastMinute()
        self._tried: Figures = {}  # counters as they were when it was last tried to tell them
        self._folded: Figures = {}  # and as they were told under ids that were folded away
        self._begun = False
        self._lock = asyncio.Lock()
        self._looked_at = -1.0
        self._looked: Seen | None = None
        self._recent: deque[Seen] = deque(maxlen=_WINDOW + 1)
        self.seconds: deque[Second] = deque(maxlen=SPAN_SECONDS)

    async def run_once(self) -> int:
        """Tell and look, fold away who is gone, keep what was seen; returns 0, for there is never more at once."""
        seen = await self.look()
        await self.pool.execute(sql["fold"], seen.at - FORGOTTEN, DEPARTED)
        self._recent.append(seen)
        if len(self._recent) > 1:
            self.seconds.append(second_between(self._recent[0], seen))
        return 0

    async def look(self) -> Seen:
        """
        What all workers say, this one's pulse told first, so that no counter anybody saw is ever smaller afterwards.

        Who asks while somebody looks shares the next look: the database is asked no more often than it answers.

        Raises:
            Unavailable: The database does not answer.
        """
        asked_at = monotonic()
        async with self._lock:
            if self._looked is not None and self._looked_at >= asked_at:
                return self._looked
            looked_at = monotonic()
            await self._tell(at=self._clock())
            rows = await self.pool.fetch(sql["read"])
            self._looked = sum_of(_told(rows), at=self._clock())
            self._looked_at = looked_at
            return self._looked

    def alone(self) -> Seen:
        """What this worker knows of itself, nobody asked."""
        now, pulse = self._clock(), self._pulse()
        return sum_of([Told(now, pulse.counters, pulse)], at=now, whole=False)

    def latest(self) -> Seen | None:
        """What was seen last by the duty."""
        return self._recent[-1] if self._recent else None

    def holders(self) -> list[Holder]:
        """Who held connections in the last seconds, the longest first."""
        return holders_between(self._recent[0], self._recent[-1], _HOLDERS_SHOWN) if len(self._recent) > 1 else []

    async def stop(self) -> None:
        """The last pulse, told as one of long ago: what was counted is kept, and the worker is not taken for alive."""
        async with self._lock:
            await self._tell(at=self._clock() - 2 * FORGOTTEN)

    async def _tell(self, *, at: datetime) -> None:
        pulse = self._pulse()
        before, self._tried = self._tried, pulse.counters
        said = msgspec.json.encode(_less(pulse, self._folded)).decode()
        if self._begun and await self.pool.fetchval(sql["tell"], self._id, at, said):
            return
        if self._begun:
            # Folded away while it was silent. What it last tried to tell may not have arrived: then it is lost,
            # which is better than counted twice.
            self._id, self._folded = new_id(), before
            said = msgspec.json.encode(_less(pulse, self._folded)).decode()
        self._begun = True  # also if its answer is lost: the next pulse finds the row, or begins anew
        await self.pool.execute(sql["begin"], self._id, at, said)

    def _pulse(self) -> Pulse:
        self._minute.add(self._takings.take_moved(), monotonic())
        report, finished_at = self._auditor.report, self._auditor.finished_at
        return Pulse(
            pid=os.getpid(),
            since=self._since,
            gauges=dict(self._gauges()),
            counters=dict(self._counters()),
            moved=self._minute.most(),
            audited=None
            if report is None or finished_at is None
            else Audited(finished_at.timestamp(), report.seconds, {str(k): n for k, n in report.counts().items()}),
        )

    def _gauges(self) -> Iterable[tuple[str, float]]:
        yield "limit", self._gate.limit.value
        yield "under_way", self._gate.under_way
        for priority, lane in self._gate.lanes.items():
            yield figure("lane_running", priority.name.lower()), lane.running
            yield figure("lane_waiting", priority.name.lower()), len(lane.waiting)
        for groups in self._groups:
            yield figure("group_waiting", groups.name), groups.waiting
        for pool in self._pools:
            yield figure("pool_connections", pool.purpose, "idle"), pool.open - pool.busy
            yield figure("pool_connections", pool.purpose, "busy"), pool.busy

    def _counters(self) -> Iterable[tuple[str, float]]:
        for ending in ("taken", "not taken", "confirmed", "declined", "held"):
            yield figure("orders", ending), getattr(self._takings, ending.replace(" ", "_"))
        for groups in self._groups:
            yield figure("groups", groups.name), groups.groups_run
            yield figure("group_asks", groups.name), groups.asks_run
        for priority, lane in self._gate.lanes.items():
            yield figure("admitted", priority.name.lower()), lane.admitted
            yield figure("refused", priority.name.lower()), lane.refused
        for kind, durations in self._gate.durations.items():
            for place, count in enumerate(durations.counts):
                yield figure("request_seconds_bucket", kind, str(place)), count
            yield figure("request_seconds_sum", kind), durations.sum_s
        for pool in self._pools:
            for caller, holds in list(pool.holds.items()):
                yield figure("connection_holds", pool.purpose, caller), holds.count
                yield figure("connection_held_seconds", pool.purpose, caller), holds.held_s
                yield figure("connection_waited_seconds", pool.purpose, caller), holds.waited_s


def _less(pulse: Pulse, folded: Figures) -> Pulse:
    return msgspec.structs.replace(pulse, counters=less(pulse.counters, folded)) if folded else pulse


def _told(rows: "Sequence[Any]") -> Iterable[Told]:
    for row in rows:
        if row["worker"] == DEPARTED:
            yield Told(row["at"], _counters.decode(row["figures"]).counters, None)
        else:
            pulse = _pulse.decode(row["figures"])
            yield Told(row["at"], pulse.counters, pulse)
