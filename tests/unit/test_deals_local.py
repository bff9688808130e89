"""A local time is one moment, or staff are told why it is none."""

import zoneinfo
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.deals import local
from evertill.deals.local import moment_of, written, zone_named

LONDON = ZoneInfo("Europe/London")
ZONES = st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-27T08:00", datetime(2026, 11, 27, 8, tzinfo=UTC)),
        ("2026-07-01 08:00", datetime(2026, 7, 1, 7, tzinfo=UTC)),
        ("2026-07-01T08:00:30", datetime(2026, 7, 1, 7, 0, 30, tzinfo=UTC)),
        ("2026-07-01T08:00Z", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-10-25T01:30+01:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25T01:30+00:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2026-10-25T02:00", datetime(2026, 10, 25, 2, tzinfo=UTC)),
        ("2026-03-29T02:00", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ],
)
def test_a_local_time_is_a_moment(text: str, expected: datetime) -> None:
    """In summer, in winter, and on the edges of both."""
    assert moment_of(text, LONDON) == expected


def test_an_hour_that_comes_twice_is_asked_about() -> None:
    """With both ways to write it, and each of them is understood."""
    with pytest.raises(ValueError, match="comes twice in Europe/London") as told:
        moment_of("2026-10-25T01:30", LONDON)
    assert "2026-10-25T01:30+01:00 for the first one or 2026-10-25T01:30+00:00 for the second" in str(told.value)


def test_an_hour_that_does_not_exist_is_told() -> None:
    """With a time that does."""
    with pytest.raises(ValueError, match="2026-03-29T01:30 does not exist in Europe/London") as told:
        moment_of("2026-03-29T01:30", LONDON)
    assert "60 minutes" in str(told.value)
    assert "such as 2026-03-29T02:30" in str(told.value)


@pytest.mark.parametrize(
    "text", ["", "soon", "27.11.2026 08:00", "2026-13-01T00:00", "2026-02-30T08:00", "2026-11-27", "2026-11-27T24:00",
             "2026-11-27T08:00+99:00", "0001-01-01T00:00", "٢٠٢٦-11-27T08:00"]
)  # fmt: skip
def test_what_is_no_time_is_told(text: str) -> None:
    """With what one looks like."""
    with pytest.raises(ValueError, match=r"A date and a time|A year from"):
        moment_of(text, LONDON)


@given(st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1)), ZONES)  # noqa: DTZ001
def test_every_minute_of_the_world_has_a_way_to_be_written(moment: datetime, name: str) -> None:
    """As its local time where that is one moment; always with its offset."""
    zone = ZoneInfo(name)
    there = moment.replace(second=0, microsecond=0, tzinfo=UTC).astimezone(zone)
    if (there.utcoffset() or timedelta()).total_seconds() % 60 == 0:
        assert moment_of(there.isoformat(timespec="minutes"), zone) == there
    twice = len({there.replace(fold=fold).utcoffset() for fold in (0, 1)}) == 2
    shown = there.replace(tzinfo=None).isoformat(timespec="minutes")
    with pytest.raises(ValueError, match="comes twice") if twice else nullcontext():
        assert moment_of(shown, zone) == there  # a time that somebody's clock showed exists


@pytest.mark.parametrize("name", ["", "London", "Europe", "../../etc/passwd", "europe/london", "Mars/Olympus", "\0"])
def test_what_is_no_zone_is_told(name: str) -> None:
    """With what one looks like."""
    with pytest.raises(ValueError, match="IANA name"):
        zone_named(name)


@pytest.fixture
def no_system_tables() -> Iterator[None]:
    """A machine without tables of time zones, such as a slim Debian."""
    zoneinfo.reset_tzpath(to=[])
    ZoneInfo.clear_cache()
    local.zone_names.cache_clear()
    yield
    zoneinfo.reset_tzpath()
    ZoneInfo.clear_cache()
    local.zone_names.cache_clear()


@pytest.mark.usefixtures("no_system_tables")
def test_time_zones_are_there_where_the_system_has_none() -> None:
    """They come with us."""
    assert moment_of("2026-07-01T08:00", zone_named("Europe/London")) == datetime(2026, 7, 1, 7, tzinfo=UTC)


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - Hypothesis
        lambda moment: moment.replace(microsecond=0)
    ),
    ZONES,
)
def test_a_moment_is_written_so_that_it_is_read_back(moment: datetime, name: str) -> None:
    """In the hour that comes twice, too: then with its offset."""
    zone = ZoneInfo(name)
    assert moment_of(written(moment, zone), zone) == moment


def test_a_moment_is_written_as_a_browser_takes_it_where_it_can_be() -> None:
    """To the minute without an offset; with one where the hour comes twice."""
    assert written(datetime(2026, 11, 27, 8, tzinfo=UTC), LONDON) == "2026-11-27T08:00"
    assert written(datetime(2026, 11, 27, 8, 0, 30, tzinfo=UTC), LONDON) == "2026-11-27T08:00:30"
    assert written(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), LONDON) == "2026-10-25T01:30+01:00"
    assert written(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), LONDON) == "2026-10-25T01:30+00:00"
