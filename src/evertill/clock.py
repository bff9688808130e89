"""Time is aware UTC and handed in, so that a test can move it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """The machine's idea of now, aware and in UTC."""
    return datetime.now(UTC)
