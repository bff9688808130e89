"""Ids made by the application: UUIDv7 (RFC 9562), so that any number of nodes can make them without asking."""

import itertools
import os
import secrets
import time
from datetime import datetime
from uuid import UUID

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NUMBER_EPOCH_S = 1_735_689_600  # 2025-01-01: 31 bits of seconds last until 2093


def new_id() -> UUID:
    """A fresh UUIDv7: 48 bits of milliseconds, then 74 bits from the system's random source."""
    return _uuid7(time.time_ns() // 1_000_000)


def id_at(moment: datetime) -> UUID:
    """A fresh UUIDv7 that sorts as if made at that moment."""
    return _uuid7(int(moment.timestamp() * 1000))


def floor_id(moment: datetime) -> UUID:
    """The smallest id made in that millisecond."""
    return UUID(int=id_at(moment).int >> 80 << 80)


def _uuid7(milliseconds: int) -> UUID:
    random = int.from_bytes(_randomness.ten_bytes(), "big") >> 6
    return UUID(
        int=(milliseconds & 0xFFFFFFFFFFFF) << 80
        | 0x7 << 76
        | (random >> 62) << 64
        | 0b10 << 62
        | (random & 0x3FFFFFFFFFFFFFFF)
    )


class _Randomness:
    """The system's random source, read for 400 ids at once: a purchase makes five. A forked process reads its own."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._bytes = b""
        self._at = 0

    def ten_bytes(self) -> bytes:
        if self._at >= len(self._bytes):
            self._bytes, self._at = os.urandom(4_000), 0
        self._at += 10
        return self._bytes[self._at - 10 : self._at]


_randomness = _Randomness()
os.register_at_fork(after_in_child=_randomness.forget)


def new_order_number(moment: datetime) -> str:
    """
    What people say on the telephone: twelve letters and digits in three fours, for example "1VV3-F4YK-Z091".

    60 bits in Crockford's base 32 (no I, L, O, U): 31 of seconds, 13 drawn once per process, 16 of a counter,
    scrambled so that a number tells nothing of how much was sold. Two processes that drew the same 13 bits may
    once make the same number in the same second: the table refuses the second and the till draws again.
    """
    bits = (
        (int(moment.timestamp()) - _NUMBER_EPOCH_S) << 29
        | _numbering.process << 16
        | next(_numbering.counter) * 40503 % 65536
    )
    digits = "".join(_CROCKFORD[bits >> shift & 31] for shift in range(55, -1, -5))
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


class _Numbering:
    """What makes order numbers of one process its own. A forked process draws anew."""

    def __init__(self) -> None:
        self.draw()

    def draw(self) -> None:
        self.process = secrets.randbits(13)
        self.counter = itertools.count(secrets.randbits(16))


_numbering = _Numbering()
os.register_at_fork(after_in_child=_numbering.draw)
