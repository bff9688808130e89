"""
Units of one SKU, and who gets them.

    free ──claim──► claimed ──sell──► sold ──ship──► (gone from on_hand)
      ▲                │                │
      └────release─────┘                │
      └──────────────take back──────────┘
"""

from collections.abc import Sequence

import msgspec


class Shortage(msgspec.Struct, frozen=True):
    """Why an ask for units was not met: the first SKU it failed on."""

    sku: str
    wanted: int
    free: int


def allot(free: dict[str, int], asks: Sequence[Sequence[tuple[str, int]]]) -> list[Shortage | None]:
    """
    Decide who gets what when a group of orders wants the same stock.

    First come, first served; an ask is met whole or not at all. `free` is drawn down by what is given.

    Args:
        free: Units left per SKU, 0 or more. A SKU that is missing has none.

        asks: Per order, in order of arrival, the units it wants: (SKU, quantity > 0). A SKU may occur twice.

    Returns:
        One answer per ask, in the same order: None where it was met.

    Source: batches answered item by item, TigerBeetle's create_transfers reference.
    """
    return [_take(free, ask) for ask in asks]


def _take(free: dict[str, int], ask: Sequence[tuple[str, int]]) -> Shortage | None:
    for position, (sku, quantity) in enumerate(ask):
        left = free.get(sku, 0)
        if left < quantity:
            for taken_sku, taken in ask[:position]:
                free[taken_sku] += taken
            already = sum(taken for taken_sku, taken in ask[:position] if taken_sku == sku)
            return Shortage(sku=sku, wanted=quantity + already, free=left + already)
        free[sku] = left - quantity
    return None


class Moves:
    """Units to move, summed up per SKU: what one statement will write."""

    def __init__(self) -> None:
        self._claimed: dict[str, int] = {}
        self._sold: dict[str, int] = {}

    def claim(self, lines: Sequence[tuple[str, int]]) -> None:
        """free → claimed."""
        for sku, quantity in lines:
            self._claimed[sku] = self._claimed.get(sku, 0) + quantity

    def release(self, lines: Sequence[tuple[str, int]]) -> None:
        """claimed → free."""
        for sku, quantity in lines:
            self._claimed[sku] = self._claimed.get(sku, 0) - quantity

    def sell(self, lines: Sequence[tuple[str, int]]) -> None:
        """claimed → sold."""
        self.release(lines)
        for sku, quantity in lines:
            self._sold[sku] = self._sold.get(sku, 0) + quantity

    def columns(self) -> tuple[list[str], list[int], list[int]]:
        """SKUs, changes of claimed, changes of sold; a SKU whose moves cancel out is left out."""
        skus = [sku for sku in self._claimed if self._claimed[sku] or self._sold.get(sku, 0)]
        return skus, [self._claimed[sku] for sku in skus], [self._sold.get(sku, 0) for sku in skus]
