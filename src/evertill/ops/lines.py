"""Lines over the last five minutes, worked out in whole numbers: the page draws them as they are."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil

import msgspec

from evertill.ops.chart import round_ceiling

WIDE = 300  # one unit of the drawing is a second
TALL = 200
_GAP_SECONDS = 10  # nothing known for so long: the line is broken there, not drawn across


class Line(msgspec.Struct, frozen=True):
    """One figure over time."""

    name: str
    path: str  # of an SVG drawing WIDE × TALL
    last: str  # in words


class Lines(msgspec.Struct, frozen=True):
    """A drawing with one axis."""

    id: str
    title: str
    unit: str
    ceiling: str
    half: str
    lines: tuple[Line, ...]


def draw(
    id_: str,
    title: str,
    unit: str,
    series: Mapping[str, Sequence[float | None]],
    *,
    ages: Sequence[int],
    worth: Callable[[float], str],
) -> Lines:
    """
    A drawing of these figures under one round ceiling.

    Args:
        series: By name, oldest first; None where there is nothing to say: the line has a gap there.

        ages: Of each figure, in seconds before the right edge.

        worth: A value in words.
    """
    known = (value for values in series.values() for value in values if value is not None)
    ceiling = round_ceiling(ceil(max(known, default=0)))
    return Lines(
        id=id_,
        title=title,
        unit=unit,
        ceiling=f"{ceiling:,}",
        half=f"{ceiling // 2:,}",
        lines=tuple(
            Line(
                name=name,
                path=_path(values, ages, ceiling),
                last="–" if not values or values[-1] is None else worth(values[-1]),
            )
            for name, values in series.items()
        ),
    )


def _path(values: Sequence[float | None], ages: Sequence[int], ceiling: int) -> str:
    """Relative steps, which are short: a drawing is sent to everybody who watches, once a second."""
    steps: list[str] = []
    x_before = y_before = 0
    for value, age in zip(values, ages, strict=True):
        x = WIDE - age
        if value is None or x < 0:
            continue
        y = TALL - round(TALL * value / ceiling)
        if steps and x - x_before <= _GAP_SECONDS:
            steps.append(f"l{x - x_before} {y - y_before}")
        else:
            steps.append(f"M{x} {y}h0")  # a lone point is a dot: lines end round
        x_before, y_before = x, y
    return "".join(steps)
