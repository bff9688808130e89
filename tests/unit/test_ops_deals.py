"""What the console works out of deals: where they stand in a drawing, and how long they last."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.deals import Deal, Kind, SaleEvent
from evertill.ids import new_id
from evertill.ops.calendar import WIDE, calendar_of
from evertill.ops.deal_forms import value_text, whole_number
from evertill.ops.event_routes import differing
from evertill.ops.selling import seconds_left

LONDON = ZoneInfo("Europe/London")
OPENS = datetime(2026, 10, 24, 8, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def an_event(days: float = 4) -> SaleEvent:
    return SaleEvent(
        id=new_id(), slug="days", name="Days", theme="plain", time_zone="Europe/London", opens_at=OPENS,
        closes_at=OPENS + DAY * days, members_from=None, ended_at=None, version=1,
    )  # fmt: skip


def a_deal(
    begins_at: datetime, ends_at: datetime, *, members_from: datetime | None = None, units: int | None = 100,
    claimed: int = 0, sold: int = 0, paused_at: datetime | None = None, ended_at: datetime | None = None,
) -> Deal:  # fmt: skip
    return Deal(
        id=new_id(), event_id=new_id(), title="A fifth off", kind=Kind.PERCENT, value=2_000, currency="GBP",
        begins_at=begins_at, ends_at=ends_at, members_from=members_from, members_only=False, stackable=False,
        units=units, claimed=claimed, sold=sold, per_customer=None, claim_minutes=15, paused_at=paused_at,
        ended_at=ended_at, version=1,
    )  # fmt: skip


def test_deals_stand_where_their_time_is() -> None:
    """The second of four days is the second quarter; what is for members comes before; what was ended is cut off."""
    deals = [
        a_deal(OPENS + DAY, OPENS + 2 * DAY),
        a_deal(OPENS + 2 * DAY, OPENS + 3 * DAY, members_from=OPENS + DAY),
        a_deal(OPENS, OPENS + 4 * DAY, ended_at=OPENS + DAY),
    ]
    drawn = calendar_of(an_event(), deals, zone=LONDON, moment=OPENS + 2 * DAY)
    assert [(span.members_x, span.x, span.end_x) for span in drawn.spans] == [
        (250, 250, 500), (250, 500, 750), (0, 0, 250),
    ]  # fmt: skip
    assert drawn.now_x == 500
    assert calendar_of(an_event(), deals, zone=LONDON, moment=OPENS - DAY).now_x is None


def test_days_are_marked_at_local_midnight_through_a_changed_clock() -> None:
    """The clocks of London are put back on 25 October 2026: that day is an hour longer."""
    marks = calendar_of(an_event(), [], zone=LONDON, moment=OPENS).marks
    assert [(mark.at.day, mark.at.hour) for mark in marks] == [(25, 0), (26, 0), (27, 0), (28, 0)]
    steps = [later.at.astimezone(UTC) - mark.at.astimezone(UTC) for mark, later in pairwise(marks)]
    assert steps == [25 * HOUR, 24 * HOUR, 24 * HOUR]


@given(st.integers(1, 60 * 24 * 400), st.integers(-10_000, 500_000), st.integers(1, 500_000), st.integers(0, 10_000))
def test_whatever_is_planned_can_be_drawn(minutes: int, begins: int, lasts: int, members: int) -> None:
    """Within the drawing, wide enough to be seen, with a bound number of marks."""
    begin = OPENS + MINUTE * begins
    deal = a_deal(begin, begin + MINUTE * lasts, members_from=begin - MINUTE * members if members else None)
    drawn = calendar_of(an_event(minutes / 1440), [deal], zone=LONDON, moment=OPENS)
    [span] = drawn.spans
    assert 0 <= span.members_x <= span.x <= span.end_x <= WIDE
    assert span.end_x - span.members_x >= 6
    assert len(drawn.marks) <= 14
    assert all(0 <= mark.x <= WIDE for mark in drawn.marks)


@pytest.mark.parametrize(
    ("deal", "kept", "expected"),
    [
        (a_deal(OPENS - DAY, OPENS + DAY), 10, 6_000),  # ten in ten minutes, a hundred left
        (a_deal(OPENS - DAY, OPENS + DAY, sold=50, claimed=40), 10, 600),
        (a_deal(OPENS - 2 * MINUTE, OPENS + DAY), 10, 1_200),  # it has been open for two minutes only
        (a_deal(OPENS, OPENS + DAY), 10, 600),  # since this moment: a minute at least
        (a_deal(OPENS + DAY, OPENS + 2 * DAY, members_from=OPENS - DAY), 10, 6_000),
        (a_deal(OPENS - DAY, OPENS + DAY), 4, None),  # too few to tell
        (a_deal(OPENS - DAY, OPENS + DAY, units=None), 10, None),
        (a_deal(OPENS + HOUR, OPENS + DAY), 10, None),
        (a_deal(OPENS - DAY, OPENS), 10, None),
        (a_deal(OPENS - DAY, OPENS + DAY, paused_at=OPENS), 10, None),
        (a_deal(OPENS - DAY, OPENS + DAY, claimed=1, sold=99), 10, None),  # all claimed
    ],
)
def test_how_long_a_deal_lasts_is_told_where_it_can_be(deal: Deal, kept: int, expected: float | None) -> None:
    """At the pace of the last ten minutes; otherwise it is not known, and not guessed."""
    assert seconds_left(deal, OPENS, kept=kept) == expected


@pytest.mark.parametrize(
    ("typed", "number"),
    [("15", 15), ("-3", -3), ("−3", -3), ("+7", 7), ("1,000", 1_000), ("", None), ("--1", None), ("1.5", None),
     ("٣", None), ("9" * 10, None)],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(typed: str, number: int | None) -> None:
    """And nothing else is taken for one."""
    assert whole_number(typed) == number


def test_a_value_is_shown_as_it_is_typed() -> None:
    """Hundredths of a percent as percent, minor units as an amount of that currency."""
    assert [value_text(Kind.PERCENT, value, "GBP") for value in (2_000, 1_250, 1)] == ["20", "12.5", "0.01"]
    assert [value_text(Kind.PRICE, 499, currency) for currency in ("GBP", "JPY")] == ["4.99", "499"]


def test_what_a_form_says_otherwise_is_named() -> None:
    """Line ends of a box are none of it; a box that was not ticked is."""
    now = {"title": "Theirs", "skus": "A\nB", "members_only": "1", "units": ""}
    assert differing({"title": "Mine", "skus": "A\r\nB", "units": ""}, now) == {"members_only": "1", "title": "Theirs"}
    assert differing(None, now) == {}
