"""The live page: how all workers do at this moment, and did in the last five minutes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

import msgspec
from markupsafe import Markup

from evertill.checkout.sessions import title_of
from evertill.ops.lines import Lines, draw
from evertill.pulse import Seen
from evertill.pulse.model import GROUPS, LANES, Holder, Second, Took, seconds_left
from evertill.shop import Shop
from evertill.storage import Pool, Statements
from evertill.web.rendering import environment

sql = Statements.of(__package__)

_HOTTEST_SHOWN = 10
# What is sent when it is new: macros of ops/pages/live_parts.html, elements of the page by the same name.
PARTS = ("as_of", "tiles", "charts", "orders", "lanes", "hottest", "holders", "workers")
ENDINGS = ("taken", "confirmed", "declined", "held", "not_taken")


class Hot(msgspec.Struct, frozen=True):
    """A SKU that sells."""

    sku: str
    title: str
    per_minute: int
    free: int
    seconds_left: float | None


class Live(msgspec.Struct, frozen=True):
    """Everything the page shows."""

    seen: Seen
    second: Second | None  # None: this worker has only just begun to look
    minutes: Mapping[str, float]  # orders a second over five minutes, by ending
    charts: tuple[Lines, ...]
    holders: Sequence[Holder]
    hottest: Sequence[Hot]

    @property
    def refused(self) -> float:
        """Requests refused a second, of all lanes."""
        return sum(lane.refused for lane in self.second.lanes.values()) if self.second is not None else 0.0

    @property
    def waiting(self) -> int:
        """Requests that wait to be let in, of all lanes."""
        return sum(lane.waiting for lane in self.second.lanes.values()) if self.second is not None else 0


async def live(shop: Shop) -> Live:
    """How all do, as this worker saw it last."""
    heart = shop.heart
    seen = heart.latest() or await heart.look()
    seconds = tuple(heart.seconds)
    return Live(
        seen=seen,
        second=seconds[-1] if seconds else None,
        minutes={
            ending: sum(getattr(second, ending) for second in seconds) / max(len(seconds), 1) for ending in ENDINGS
        },
        charts=_charts(seconds, seen.at),
        holders=heart.holders(),
        hottest=await _hottest(heart.pool, seen.moved),
    )


async def tell_watchers(shop: Shop) -> int:
    """Send what is new to all who watch, made once; nothing where nobody does. Returns 0: there is never more to do."""
    latest, watchers = shop.heart.latest(), shop.watchers
    if watchers.here and latest is not None and latest.at != watchers.shown:
        watchers.publish(msgspec.json.encode(parts_of(await live(shop)), enc_hook=str), at=latest.at)
    return 0


def parts_of(seen: Live) -> dict[str, Markup]:
    """The parts of the page that change."""
    words = {"rate": rate, "milliseconds": milliseconds, "left": left, "since": since}
    macros = environment().get_template("ops/live_parts.html").make_module(words)
    return {name: getattr(macros, name)(seen) for name in PARTS}


async def _hottest(pool: Pool, moved: Mapping[str, int]) -> list[Hot]:
    falling = sorted(moved.items(), key=lambda move: (-move[1], move[0]))[:_HOTTEST_SHOWN]
    if not falling:
        return []
    rows = {row["sku"]: row for row in await pool.fetch(sql["levels_of"], [sku for sku, _ in falling])}
    return [
        Hot(
            sku=sku,
            title=title_of(row["title"], row["option_values"]) if row["title"] is not None else "",
            per_minute=units,
            free=row["free"],
            seconds_left=seconds_left(row["free"], units),
        )
        for sku, units in falling
        if (row := rows.get(sku)) is not None
    ]


_Of = Callable[[Second], float | None]  # one figure of a second, if there is one


def _charts(seconds: Sequence[Second], now: datetime) -> tuple[Lines, ...]:
    ages = [round((now - second.at).total_seconds()) for second in seconds]

    def lines(id_: str, title: str, unit: str, worth: Callable[[float], str], figures: Mapping[str, _Of]) -> Lines:
        series = {name: [of(second) for second in seconds] for name, of in figures.items()}
        return draw(id_, title, unit, series, ages=ages, worth=worth)

    endings: dict[str, _Of] = {name: attrgetter(name) for name in ("confirmed", "held", "declined")}
    refused: dict[str, _Of] = {lane: _refused(lane) for lane in LANES}
    return (
        lines("purchases", "Purchases", "orders a second", rate, endings),
        lines("groups", "Group size", "asks a group", rate, {name: _group_size(name) for name in GROUPS}),
        lines("paying", "Paying, our own time", "milliseconds", _ms, _shares(lambda second: second.paying)),
        lines("opening", "Opening a checkout by API", "milliseconds", _ms,
              _shares(lambda second: second.took.get("open"))),
        lines("limit", "Requests under way", "requests", _whole, {
            "under way": attrgetter("under_way"), "limit": attrgetter("limit"),
        }),
        lines("refused", "Told to come again", "requests a second", rate, refused),
    )  # fmt: skip


def _group_size(groups: str) -> _Of:
    return lambda second: second.group_size.get(groups)


def _refused(lane: str) -> _Of:
    return lambda second: second.lanes[lane].refused


def _shares(of: Callable[[Second], Took | None]) -> dict[str, _Of]:
    """The percentiles of a time, in milliseconds."""

    def share(name: str) -> _Of:
        return lambda second: None if (took := of(second)) is None else getattr(took, name) * 1000

    return {name: share(name) for name in ("p50", "p95", "p99")}


# ---------------------------------------------------------------- figures in words


def rate(value: float | None) -> str:
    """A figure with as many digits as say something: 0, 0.4, 12, 2,310."""
    if value is None:
        return "–"
    return f"{value:.1f}" if 0 < value < 9.95 else f"{value:,.0f}"


def milliseconds(seconds: float | None) -> str:
    """A time as one reads it: 2.4 ms, 120 ms."""
    return "–" if seconds is None else f"{_ms(seconds * 1000)} ms"


def left(seconds: float | None) -> str:
    """How long until it is sold out."""
    if seconds is None:
        return "does not go"
    if seconds <= 0:
        return "sold out"
    if seconds < 60:
        return "under a minute"
    if seconds < 90 * 60:
        return f"{seconds // 60:.0f} min"
    return f"{seconds // 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds // 86400:.0f} days"


def since(at: datetime, now: datetime) -> str:
    """How long something goes on: 12 s, 5 min, 3 h, 4 days."""
    seconds = max(int((now - at).total_seconds()), 0)
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 90 * 60:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 48 * 3600 else f"{seconds // 86400} days"


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"
