"""Lines over the last five minutes, worked out in whole numbers: the page draws them as they are."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
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


Points = Sequence[tuple[datetime, float | None]]


def draw(
    id_: str, title: str, unit: str, series: Mapping[str, Points], *, now: datetime, worth: Callable[[float], str]
) -> Lines:
    """
    A drawing of these figures under one round ceiling.

    Args:
        series: By name, oldest first; None where there is nothing to say: the line has a gap there.

        now: The right edge.

        worth: A value in words.
    """
    ceiling = round_ceiling(
        ceil(max((value for points in series.values() for _, value in points if value is not None), default=0))
    )
    return Lines(
        id=id_,
        title=title,
        unit=unit,
        ceiling=f"{ceiling:,}",
        half=f"{ceiling // 2:,}",
        lines=tuple(
            Line(
                name=name,
                path=_path(points, ceiling, now),
                last="–" if not points or points[-1][1] is None else worth(points[-1][1]),
            )
            for name, points in series.items()
        ),
    )


def _path(points: Points, ceiling: int, now: datetime) -> str:
    """Relative steps, which are short: a drawing is sent to everybody who watches, once a second."""
    steps: list[str] = []
    before: tuple[int, int] | None = None
    for at, value in points:
        x = WIDE - round((now - at).total_seconds())
        if value is None or x < 0:
            continue
        y = TALL - round(TALL * min(value / ceiling, 1))
        if before is None or x - before[0] > _GAP_SECONDS:
            steps.append(f"M{x} {y}h0")  # a lone point is a dot: lines end round
        else:
            steps.append(f"l{x - before[0]} {y - before[1]}")
        before = (x, y)
    return "".join(steps)
