"""What moved in the last minute: slots of a second, and their total."""

from collections import deque
from collections.abc import Mapping
from heapq import nlargest

SPAN_S = 60
SKUS_SHOWN_MAX = 20
# Of what moved between two looks so many SKUs are kept: those that move most are among them, whatever there is.
_SKUS_KEPT_MAX = 200


class LastMinute:
    """Units that left the free ones, per SKU, in the last minute. A unit that comes back counts against them."""

    def __init__(self) -> None:
        self._slots: deque[tuple[int, dict[str, int]]] = deque()
        self._total: dict[str, int] = {}

    def add(self, moved: Mapping[str, int], now: float) -> None:
        """
        What moved since the last time.

        Args:
            now: A monotonic time in seconds.
        """
        second = int(now)
        if not self._slots or self._slots[-1][0] != second:
            self._slots.append((second, {}))
        slot = self._slots[-1][1]
        for sku, units in nlargest(_SKUS_KEPT_MAX, moved.items(), key=lambda move: abs(move[1])):
            slot[sku] = slot.get(sku, 0) + units
            self._change(sku, units)
        while self._slots[0][0] <= second - SPAN_S:
            for sku, units in self._slots.popleft()[1].items():
                self._change(sku, -units)

    def most(self) -> dict[str, int]:
        """The SKUs that moved most."""
        most = nlargest(SKUS_SHOWN_MAX, ((units, sku) for sku, units in self._total.items() if units > 0))
        return {sku: units for units, sku in most}

    def _change(self, sku: str, units: int) -> None:
        left = self._total.get(sku, 0) + units
        if left:
            self._total[sku] = left
        else:
            self._total.pop(sku, None)
