"""Charts as SVG: lines over categories or numbers, and bars side by side. Labels stand beside what they name."""

from collections.abc import Callable, Iterable, Sequence
from html import escape

import msgspec

BLUE, RED, GREY, GREEN = "#0b6bcb", "#c2410c", "#6b7280", "#15803d"

_WIDTH, _HEIGHT = 760, 420
_LEFT, _END, _TOP, _BOTTOM = 70, 570, 50, 50


class Curve(msgspec.Struct, frozen=True):
    """A line through points."""

    label: str
    colour: str
    points: Sequence[tuple[float, float]]  # x is a category's number where there are categories
    dots: bool = True


class Level(msgspec.Struct, frozen=True):
    """A dashed line across: something to compare with."""

    label: str
    colour: str
    value: float


class Bars(msgspec.Struct, frozen=True):
    """One bar per group, of one colour."""

    label: str
    colour: str
    values: Sequence[float | None]


def lines(
    title: str,
    curves: Sequence[Curve],
    *,
    below: str,
    categories: Sequence[str] = (),
    levels: Sequence[Level] = (),
    unit: str = "",
) -> str:
    """
    Curves, each named at its end.

    Args:
        below: What the horizontal axis counts.

        categories: Its places by name, evenly apart; without them it is numbers from zero.
    """
    curves = [curve for curve in curves if curve.points]
    top = _round_up(max([level.value for level in levels] + [y for curve in curves for _, y in curve.points]))
    right = float(len(categories) - 1) if categories else max(x for curve in curves for x, _ in curve.points)

    def x(value: float) -> float:
        margin = 25 if categories else 0
        return _LEFT + margin + value / max(right, 1e-9) * (_END - _LEFT - 2 * margin)

    ticks = list(enumerate(categories)) if categories else [(right * n / 5, f"{right * n / 5:.2g}") for n in range(6)]
    labels = [(_y(level.value, top), f"{level.label}: {_number(level.value)}", level.colour) for level in levels]
    labels += [
        (_y(curve.points[-1][1], top), f"{curve.label}: {_number(curve.points[-1][1])}", curve.colour)
        for curve in curves
    ]
    return _picture(
        title,
        [
            *_grid(top, unit),
            *(_tick(x(place), name) for place, name in ticks),
            _below(below),
            *(_dashed(_y(level.value, top), level.colour) for level in levels),
            *(part for curve in curves for part in _curve(curve, x, top)),
            *_beside(labels),
        ],
    )


def bars(
    title: str, groups: Sequence[str], series: Sequence[Bars], *, levels: Sequence[Level] = (), unit: str = ""
) -> str:
    """Groups of bars side by side, each with its value above it; the series are named beside them."""
    values = [value for one in series for value in one.values if value is not None]
    top = _round_up(max([level.value for level in levels] + values))
    room = (_END - _LEFT) / len(groups)
    width = room * 0.8 / len(series)
    parts = []
    for number, one in enumerate(series):
        for group, value in enumerate(one.values):
            if value is None:
                continue
            left, y = _LEFT + room * (group + 0.1) + width * number, _y(value, top)
            size = f'width="{width * 0.94:.1f}" height="{_HEIGHT - _BOTTOM - y:.1f}"'
            parts.append(f'<rect x="{left:.1f}" y="{y:.1f}" {size} fill="{one.colour}"/>')
            parts.append(
                f'<text x="{left + width * 0.47:.1f}" y="{y - 4:.1f}" text-anchor="middle" font-size="11" '
                f'fill="#374151" paint-order="stroke" stroke="#fff" stroke-width="3">{_number(value)}</text>'
            )
    labels = [(_y(level.value, top), f"{level.label}: {_number(level.value)}", level.colour) for level in levels]
    labels += [(float(_TOP), one.label, one.colour) for one in series]
    return _picture(
        title,
        [
            *_grid(top, unit),
            *(_tick(_LEFT + room * (group + 0.5), name) for group, name in enumerate(groups)),
            *parts,
            *(_dashed(_y(level.value, top), level.colour) for level in levels),
            *_beside(labels),
        ],
    )


def _picture(title: str, parts: Iterable[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="13" role="img" '
            f'font-family="system-ui, sans-serif" aria-label="{escape(title)}">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            f'<text x="{_LEFT}" y="26" font-size="15" font-weight="600">{escape(title)}</text>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _grid(top: float, unit: str) -> list[str]:
    parts = []
    for value in (top * step / 5 for step in range(6)):
        y = _y(value, top)
        parts.append(f'<line x1="{_LEFT}" x2="{_END}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e7eb"/>')
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#4b5563">{_number(value)}{unit}</text>'
        )
    return parts


def _tick(x: float, name: str) -> str:
    below = _HEIGHT - _BOTTOM + 20
    return f'<text x="{x:.1f}" y="{below}" text-anchor="middle" fill="#4b5563">{escape(name)}</text>'


def _below(what: str) -> str:
    middle = (_LEFT + _END) / 2
    return f'<text x="{middle}" y="{_HEIGHT - 10}" text-anchor="middle" fill="#4b5563">{escape(what)}</text>'


def _dashed(y: float, colour: str) -> str:
    return f'<line x1="{_LEFT}" x2="{_END}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-dasharray="5 4"/>'


def _curve(curve: Curve, x: Callable[[float], float], top: float) -> list[str]:
    places = [(f"{x(place):.1f}", f"{_y(value, top):.1f}") for place, value in curve.points]
    line = " ".join(f"{left},{y}" for left, y in places)
    dots = [f'<circle cx="{left}" cy="{y}" r="4" fill="{curve.colour}"/>' for left, y in places] if curve.dots else []
    return [f'<polyline points="{line}" fill="none" stroke="{curve.colour}" stroke-width="2.5"/>', *dots]


def _beside(labels: Sequence[tuple[float, str, str]]) -> list[str]:
    return [
        f'<text x="{_END + 10}" y="{y + 4:.1f}" fill="{colour}">{escape(text)}</text>'
        for y, text, colour in _apart(labels)
    ]


def _apart(labels: Sequence[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """Labels moved down until none covers another."""
    placed: list[tuple[float, str, str]] = []
    for y, text, colour in sorted(labels, key=lambda label: label[0]):
        lowest = placed[-1][0] + 16 if placed else 0.0
        placed.append((max(y, lowest), text, colour))
    return placed


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _round_up(value: float) -> float:
    """The top of an axis of five steps, each a round number."""
    step = 10.0**-3
    while True:
        for factor in (1.0, 2.0, 2.5, 4.0, 5.0):
            if value <= step * factor * 5:
                return step * factor * 5
        step *= 10
