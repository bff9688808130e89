"""How checkout does, read off a worker's gate once a second."""

from evertill.resilience import Gate, Priority
from evertill.waitingroom.model import Pressure

_SMOOTHING = 0.3


class Pressing:
    """
    Measures between two askings.

    The load is smoothed: one look in a second sees a moment. Refusals are counted exactly.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._load = 0.0
        self._refused = 0

    def __call__(self) -> Pressure:
        """How it was since the last asking."""
        gate = self._gate
        self._load += _SMOOTHING * (gate.under_way / gate.limit.value - self._load)
        refused = gate.lanes[Priority.PAY].refused + gate.lanes[Priority.CHECKOUT].refused
        since, self._refused = refused - self._refused, refused
        return Pressure(load=self._load, refused=since)
