"""How many requests a worker does well to have under way at once, found from how long they take."""

import math
from collections.abc import Mapping

START = 256
# Fewer do not take less time: below this, groups are so small that each request costs more work than is saved, and what
# thousands of refusals a second take of the thread is not congestion that letting in less would mend.
LIMIT_MIN = 128
LIMIT_MAX = 1_000
# How many times its time on a quiet worker a request may take. Alone, a purchase costs a worker six times the work it
# costs in a group of a hundred (bench/README.md): below this much waiting, groups are small and throughput is lost;
# above it, what is gained is under a tenth and what everybody waits doubles.
TOLERANCE = 25.0
_WINDOW_SECONDS = 0.1
_SAMPLES_MIN = 20
_SMOOTHING = 0.25
_QUIET = 4  # so few under way: what is measured now is the time on a quiet worker
_QUIET_SECONDS_UNSEEN = 0.002  # taken for it until it was seen: a worker may start in the middle of a rush
_KINDS_MAX = 20


class _Kind:
    """One kind of request: its time on a quiet worker, and its times in this window."""

    __slots__ = ("count", "quiet_s", "sum_s")

    def __init__(self) -> None:
        self.quiet_s: float | None = None
        self.count = 0
        self.sum_s = 0.0


class Limit:
    """
    A concurrency limit that follows measured latency.

    For each window of a tenth of a second or more:

        stretch = how many times its quiet time a request took, on average over all kinds
        wanted  = limit × min(1, TOLERANCE / stretch) + √limit
        limit  ← limit + 0.25 × (wanted − limit),  within LIMIT_MIN and LIMIT_MAX

    Where fewer than half the limit are under way it does not grow: nothing was learnt about more. Quiet times are
    learnt only while four requests or fewer are under way, so that a long rush cannot teach that rush is normal.

    Source: the Gradient limit of Netflix's concurrency-limits (minimum against current latency, room of √limit for a
    queue), with a tolerance that fits work done in groups, and without its probing: quiet times come by themselves.
    """

    def __init__(self) -> None:
        self._limit = float(START)
        self._kinds: dict[str, _Kind] = {}
        self._began: float | None = None
        self._samples = 0
        self._most_under_way = 0
        self.stretch = 1.0  # of the last window, for the console

    @property
    def value(self) -> int:
        """The limit as it is now."""
        return int(self._limit)

    def sample(self, kind: str, seconds: float, *, under_way: int, now: float) -> None:
        """
        One request was carried out.

        Args:
            kind: Requests that take alike: "open", "pay".

            seconds: Of our own time: waiting for somebody outside does not count.

            under_way: Requests under way beside it when it ended, itself included.

            now: A monotonic time in seconds.
        """
        if self._began is None:
            self._began = now
        entry = self._kinds.get(kind)
        if entry is None:
            if len(self._kinds) >= _KINDS_MAX:
                return
            entry = self._kinds[kind] = _Kind()
        entry.count += 1
        entry.sum_s += seconds
        self._samples += 1
        self._most_under_way = max(self._most_under_way, under_way)
        if now - self._began >= _WINDOW_SECONDS and self._samples >= _SAMPLES_MIN:
            self._learn(now)

    def quiet_times(self) -> Mapping[str, float]:
        """What each kind takes on a quiet worker, in seconds, where that was seen."""
        return {name: kind.quiet_s for name, kind in self._kinds.items() if kind.quiet_s is not None}

    def _learn(self, now: float) -> None:
        seen = [kind for kind in self._kinds.values() if kind.count]
        if self._most_under_way <= _QUIET:
            for kind in seen:
                mean = kind.sum_s / kind.count
                kind.quiet_s = mean if kind.quiet_s is None else kind.quiet_s + _SMOOTHING * (mean - kind.quiet_s)
        stretched = sum(kind.sum_s / (kind.quiet_s or _QUIET_SECONDS_UNSEEN) for kind in seen)
        self.stretch = stretched / self._samples
        gradient = min(1.0, TOLERANCE / self.stretch) if self.stretch > 0 else 1.0
        if gradient < 1.0 or self._most_under_way * 2 >= self._limit:
            wanted = self._limit * gradient + math.sqrt(self._limit)
            moved = self._limit + _SMOOTHING * (wanted - self._limit)
            self._limit = min(max(moved, LIMIT_MIN), LIMIT_MAX)
        for kind in seen:
            kind.count, kind.sum_s = 0, 0.0
        self._began, self._samples, self._most_under_way = now, 0, 0
