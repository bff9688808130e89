"""How checkout does, over all workers, read off their pulses."""

from evertill.pulse import Heart
from evertill.pulse.model import figure
from evertill.waitingroom.model import Pressure

_SMOOTHING = 0.3
_LANES = ("pay", "checkout")


class Pressing:
    """
    Measures between two askings.

    The load is smoothed: one look in a second sees a moment. Refusals are counted exactly.
    """

    def __init__(self, heart: Heart) -> None:
        self._heart = heart
        self._load = 0.0
        self._refused: float | None = None
        self._taken: float | None = None

    def __call__(self) -> Pressure:
        """How it was since the last asking."""
        seen = self._heart.latest() or self._heart.alone()
        limit = seen.gauges.get("limit", 0)
        now = seen.gauges.get("under_way", 0) / limit if limit else 0.0
        self._load += _SMOOTHING * (now - self._load)
        refused = sum(seen.counters.get(figure("refused", lane), 0) for lane in _LANES)
        before, self._refused = self._refused, refused
        taken = seen.counters.get(figure("orders", "taken"), 0)
        taken_before, self._taken = self._taken, taken
        # What was before this worker looked for the first time is not of this second.
        return Pressure(load=self._load, refused=_grown(before, refused), taken=_grown(taken_before, taken))


def _grown(before: float | None, now: float) -> int:
    return 0 if before is None else max(int(now - before), 0)
