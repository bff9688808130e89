"""
Times as people write them, in a time zone, and the one moment that is meant.

Twice a year a clock is changed: an hour does not exist, or exists twice. Neither is guessed: a sale that opens an hour
early is not opened early again.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?) ?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_NO_PLACES = {"Factory", "localtime", "posixrules"}
_YEARS = range(2000, 2101)


def zone_named(name: str) -> ZoneInfo:
    """
    A time zone by its IANA name, from the system's tables or, where it has none, from those that come with us.

    Raises:
        ValueError: There is none of that name; the reason is a sentence for people.
    """
    if name not in zone_names():
        raise ValueError("A time zone by its IANA name, such as Europe/London.")
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_PLACES)


def moment_of(text: str, zone: ZoneInfo) -> datetime:
    """
    The moment, in UTC, that is written as a local time: "2026-11-27T08:00".

    Args:
        text: Year to minutes or seconds, "T" or a blank between date and time. With an offset ("+01:00", "Z") it is
            that moment, whatever the zone: so an hour that exists twice can be told apart.

    Raises:
        ValueError: It is no time, or no single one in this zone; the reason is a sentence for people.
    """
    found = _TIME.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError(text)
        local = datetime.fromisoformat(f"{found[1]}T{found[2]}{(found[3] or '').replace('Z', '+00:00')}")
    except ValueError:
        raise ValueError("A date and a time, such as 2026-11-27T08:00.") from None
    if local.year not in _YEARS:
        raise ValueError(f"A year from {_YEARS[0]} to {_YEARS[-1]}.")
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    earlier, later = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if earlier.utcoffset() == later.utcoffset():
        return earlier.astimezone(UTC)
    if earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise ValueError(_gap_sentence(local, earlier, later, zone))
    raise ValueError(
        f"{_shown(local)} comes twice in {zone.key}, because clocks are put back. "
        f"Write {_shown(earlier)} for the first one or {_shown(later)} for the second."
    )


def written(moment: datetime, zone: ZoneInfo) -> str:
    """
    A moment as moment_of reads it back, to the second: local, and with its offset only where the hour comes twice.
    """
    local = moment.astimezone(zone).replace(microsecond=0)
    timespec = "seconds" if local.second else "minutes"
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return (local if twice else local.replace(tzinfo=None)).isoformat(timespec=timespec)


def _gap_sentence(local: datetime, earlier: datetime, later: datetime, zone: ZoneInfo) -> str:
    """Clocks are put forward over this time: read by the old offset it comes out later, by the new one earlier."""
    width = (later.utcoffset() or timedelta()) - (earlier.utcoffset() or timedelta())
    return (
        f"{_shown(local)} does not exist in {zone.key}: clocks are put forward by {abs(width) // timedelta(minutes=1)} "
        f"minutes over it. Write a time before or after, such as "
        f"{_shown(earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None))}."
    )


def _shown(local: datetime) -> str:
    """To the minute; with its offset, where it has one."""
    return local.isoformat(timespec="minutes")
