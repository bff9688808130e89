"""Bars of a chart, worked out in whole numbers: the page draws them, nothing is loaded, nothing is scripted."""

from collections.abc import Sequence

import msgspec

TALL = 100  # the drawing is that high, whatever the figures; one unit wide per bar


class Bar(msgspec.Struct, frozen=True):
    """One bar, standing on the floor of a drawing TALL high."""

    x: int
    y: float  # its upper edge, from the top
    height: float
    value: int


class Chart(msgspec.Struct, frozen=True):
    """Bars under a round ceiling."""

    bars: tuple[Bar, ...]
    ceiling: int  # what a bar of full height would be worth
    total: int


def chart(values: Sequence[int], *, unit: int = 1) -> Chart:
    """
    Bars for these values, 0 or more, in order.

    Args:
        unit: What one step of the axis is worth at least: 100 for pence, so that no axis ends in halves of a pound.
    """
    ceiling = round_ceiling(max(values, default=0), unit=unit)
    heights = [round(TALL * value / ceiling, 2) for value in values]
    return Chart(
        bars=tuple(
            Bar(x=place, y=round(TALL - height, 2), height=height, value=value)
            for place, (value, height) in enumerate(zip(values, heights, strict=True))
        ),
        ceiling=ceiling,
        total=sum(values),
    )


def round_ceiling(highest: int, *, unit: int = 1) -> int:
    """The next of 2, 4, 6, 8, 10, 20, 40, … units at or above: its half is whole as well, and labels an axis."""
    step = 1
    while True:
        for factor in (2, 4, 6, 8, 10):
            if highest <= step * factor * unit:
                return step * factor * unit
        step *= 10
