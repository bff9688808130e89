"""The console's pure parts: charts, order numbers as people type them, amounts as people type them."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.ids import new_order_number
from evertill.ops import live
from evertill.ops.chart import TALL, chart, round_ceiling
from evertill.ops.lines import TALL as HIGH
from evertill.ops.lines import WIDE, draw
from evertill.ops.order_routes import read_amount
from evertill.ops.overview import Hour, every_hour
from evertill.orders.reading import number_beginning
from evertill.refusals import Invalid

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("highest", "unit", "ceiling"),
    [(0, 1, 2), (1, 1, 2), (2, 1, 2), (3, 1, 4), (5, 1, 6), (9, 1, 10), (10, 1, 10), (11, 1, 20), (41, 1, 60),
     (99, 1, 100), (0, 100, 200), (250, 100, 400), (41_442, 100, 60_000)],
)  # fmt: skip
def test_an_axis_ends_at_a_round_figure(highest: int, unit: int, ceiling: int) -> None:
    """At or above the highest value, with a whole half."""
    assert round_ceiling(highest, unit=unit) == ceiling


@given(st.lists(st.integers(0, 10**12), max_size=25))
def test_bars_stand_on_the_floor_and_under_the_ceiling(values: list[int]) -> None:
    """Whatever the figures, nothing is drawn outside."""
    drawn = chart(values)
    assert drawn.total == sum(values)
    assert [bar.value for bar in drawn.bars] == values
    for bar in drawn.bars:
        assert 0 <= bar.height <= TALL
        assert bar.y + bar.height == pytest.approx(TALL, abs=0.02)


@pytest.mark.parametrize(("minutes", "hours"), [(0, 24), (1, 25), (59, 25)])
def test_hours_without_orders_are_there(minutes: int, hours: int) -> None:
    """From the hour it began to the one that runs, none missing, known figures in their place."""
    now = NOON + timedelta(minutes=minutes)
    sold = Hour(NOON - timedelta(hours=3), 7, 700)
    shown = every_hour(now - timedelta(hours=24), now, [sold])
    assert len(shown) == hours
    assert [hour for hour in shown if hour.orders] == [sold]
    assert all(later.start - earlier.start == timedelta(hours=1) for earlier, later in pairwise(shown))


@pytest.mark.parametrize(
    ("typed", "beginning"),
    [("1", "1"), ("1vv3f4", "1VV3-F4"), ("1VV3-", "1VV3"), ("1VV3 F4YK Z091", "1VV3-F4YK-Z091"), ("lo", "10"),
     ("", ""), ("-", ""), ("u", ""), ("%", ""), ("1VV3F4YKZ0911", ""), ("ß", ""), ("１", "")],
)  # fmt: skip
def test_a_number_is_known_however_it_is_written(typed: str, beginning: str) -> None:
    """Case, dashes, blanks and mistaken letters do not matter; what cannot be a number is none."""
    assert number_beginning(typed) == beginning


@given(st.integers(1, 12))
def test_every_beginning_of_a_number_is_one(length: int) -> None:
    """As we make them."""
    number = new_order_number(NOON)
    plain = number.replace("-", "")[:length]
    assert number.startswith(number_beginning(plain))
    assert number_beginning(plain).replace("-", "") == plain


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [("12", "GBP", 1200), ("12.5", "GBP", 1250), ("12,50", "GBP", 1250), ("7", "JPY", 7)],
)
def test_plain_amounts_are_read(typed: str, currency: str, minor: int) -> None:
    """Point or comma, in the currency's own fineness."""
    assert read_amount(typed, currency, "amount") == minor


@pytest.mark.parametrize(
    ("typed", "currency"),
    [("1,299.00", "GBP"), ("1.299,00", "GBP"), ("1 299", "GBP"), ("£5", "GBP"), ("-5", "GBP"), ("5.001", "GBP"),
     ("7.5", "JPY"), (".5", "GBP"), ("5.", "GBP"), ("", "GBP"), ("1_000", "GBP"), ("٣", "GBP"), ("1e2", "GBP")],
)  # fmt: skip
def test_an_amount_that_could_be_two_things_is_asked_again(typed: str, currency: str) -> None:
    """Nothing is guessed about money."""
    with pytest.raises(Invalid) as refusal:
        read_amount(typed, currency, "amount")
    assert refusal.value.fields[0].field == "amount"


# ---------------------------------------------------------------- the live page


def points_of(path: str) -> list[tuple[int, int]]:
    """Where a path leads: absolute again."""
    found: list[tuple[int, int]] = []
    for verb, x, y in re.findall(r"([Ml])(-?\d+) (-?\d+)", path):
        step = (int(x), int(y))
        found.append(step if verb == "M" else (found[-1][0] + step[0], found[-1][1] + step[1]))
    return found


@given(st.lists(st.tuples(st.integers(0, 400), st.one_of(st.none(), st.floats(0, 10**6))), max_size=40))
def test_lines_stay_within_their_drawing(seen: list[tuple[int, float | None]]) -> None:
    """Each known figure of the last five minutes is a point, at its age and height; what is older is left out."""
    oldest_first = sorted(seen, key=lambda each: -each[0])
    ages, values = [age for age, _ in oldest_first], [value for _, value in oldest_first]
    drawn = draw("id", "Title", "unit", {"one": values}, ages=ages, worth=live.rate)
    found = points_of(drawn.lines[0].path)
    assert [x for x, _ in found] == [WIDE - age for age, value in oldest_first if value is not None and age <= WIDE]
    assert all(0 <= y <= HIGH for _, y in found)


def test_a_line_is_broken_where_nothing_is_known() -> None:
    """A gap of a few seconds is drawn across, a longer one is not."""
    values = {"one": [1.0, None, 1.0, 0.5, None, 2.0]}
    drawn = draw("id", "Title", "unit", values, ages=[60, 59, 58, 30, 29, 28], worth=live.rate)
    assert drawn.lines[0].path == "M240 100h0l2 0M270 150h0l2 -150"
    assert (drawn.ceiling, drawn.half, drawn.lines[0].last) == ("2", "1", "2.0")


def test_a_line_without_a_figure_says_so() -> None:
    """A dash, and an axis all the same."""
    for ages in ([], [0]):
        drawn = draw("id", "Title", "unit", {"one": [None for _ in ages]}, ages=ages, worth=live.rate)
        assert [(line.path, line.last) for line in drawn.lines] == [("", "–")]


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0.0, "0"), (0.04, "0.0"), (0.42, "0.4"), (9.94, "9.9"), (9.96, "10"), (2310.4, "2,310")],
)
def test_a_rate_has_as_many_digits_as_say_something(value: float | None, said: str) -> None:
    """One behind the point below ten."""
    assert live.rate(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0.0024, "2.4 ms"), (0.12, "120 ms"), (10.0, "10,000 ms")],
)
def test_a_time_is_said_in_milliseconds(seconds: float | None, said: str) -> None:
    """As one compares them."""
    assert live.milliseconds(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "does not go"), (0.0, "sold out"), (59.0, "under a minute"), (60.0, "1 min"), (5_399.0, "89 min"),
     (5_400.0, "1 h"), (172_799.0, "47 h"), (172_800.0, "2 days")],
)  # fmt: skip
def test_time_to_sell_out_in_words(seconds: float | None, said: str) -> None:
    """From none to days."""
    assert live.left(seconds) == said
