"""What a till took: whole numbers counted when a group is written, for whoever wants to know how it does."""

from collections.abc import Mapping, Sequence

from evertill.checkout.settling import Settlement
from evertill.orders.model import OrderState
from evertill.payments.model import AttemptState

# So many SKUs are told apart between two looks; a till that nobody looks at must not fill its memory.
_SKUS_MAX = 1_000


class Takings:
    """Counts of one till. They only grow, but for `moved`, which is taken away by whoever looks."""

    __slots__ = ("confirmed", "declined", "held", "moved", "not_taken", "taken")

    def __init__(self) -> None:
        self.taken = 0
        self.not_taken = 0  # the terms no longer held: sold out, another price
        self.confirmed = 0
        self.declined = 0
        self.held = 0
        self.moved: dict[str, int] = {}  # units that left the free ones, per SKU

    def count(self, *, taken: int, not_taken: int, endings: Sequence[Settlement], moved: Mapping[str, int]) -> None:
        """A group is written."""
        self.taken += taken
        self.not_taken += not_taken
        for ending in endings:
            if ending.order_state is OrderState.CONFIRMED:
                self.confirmed += 1
            elif ending.order_state is OrderState.DECLINED:
                self.declined += 1
            elif ending.attempt.state is AttemptState.RECORDED:  # held is counted once, however often it is looked at
                self.held += 1
        for sku, units in moved.items():
            if sku in self.moved:
                self.moved[sku] += units
            elif len(self.moved) < _SKUS_MAX:
                self.moved[sku] = units

    def take_moved(self) -> dict[str, int]:
        """What moved since the last look."""
        moved, self.moved = self.moved, {}
        return moved
