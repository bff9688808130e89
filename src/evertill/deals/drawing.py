"""The part of a deal that changes, drawn by the templates that draw the page: in a page, and in the stream."""

from datetime import datetime, timedelta
from functools import partial

from markupsafe import Markup

from evertill.deals.board import DrawState
from evertill.deals.showing import DealSeen, Told, how_long, local_time
from evertill.web.rendering import environment


def state_drawn_in(locale: str) -> DrawState:
    """How people of a locale are shown how a deal stands."""
    return partial(_state, locale)


def _state(locale: str, seen: DealSeen, told: Told, moment: datetime) -> Markup:
    when = local_time(told.at, seen.event.time_zone, locale) if told.at else ""
    left = how_long(told.at - moment) if told.at else ""
    macros = environment().get_template("deals/state.html").module
    drawn: Markup = macros.state(seen, told, when, left)  # type: ignore[attr-defined]
    return drawn


def countdown(at: datetime, moment: datetime) -> str:
    """How long it is until then, as it stands at a moment."""
    return how_long(max(at - moment, timedelta(0)))
