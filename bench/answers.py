"""What an answer of the shop means to a buyer, and how long a buyer who is told "not now" goes on asking."""

import enum

_WAIT_SECONDS_MAX = 60.0  # who is told to wait longer goes away: it would be no answer within a run
_END_OF_HEAD = b"\r\n\r\n"


class Said(enum.Enum):
    """An answer, in a buyer's words."""

    OPENED = "you may pay"
    COMPLETED = "it is yours"
    SOLD_OUT = "there is none left"
    NOT_NOW = "not now, ask again in a while"  # 503 with Retry-After: nothing was done
    NOTHING = "nothing a buyer could go by"  # any other error, no answer, or two that exclude each other


def said_to_opening(status: int, answer: bytes) -> Said:
    """What was said to somebody who wants to open a checkout."""
    if status == 503:
        return _not_now(answer)
    if status == 201 and b'"status":"ready_for_complete"' in answer:
        return Said.OPENED
    if status == 200 and b'"code":"out_of_stock"' in answer:
        return Said.SOLD_OUT
    return Said.NOTHING


def said_to_completing(status: int, answer: bytes) -> Said:
    """What was said to somebody who wants to pay."""
    if status == 503:
        return _not_now(answer)
    completed, sold_out = b'"status":"completed"' in answer, b'"code":"out_of_stock"' in answer
    if status != 200 or completed is sold_out:
        return Said.NOTHING
    return Said.COMPLETED if completed else Said.SOLD_OUT


def retry_after_seconds(answer: bytes, *, longest: float = _WAIT_SECONDS_MAX) -> float | None:
    """What a whole answer says in Retry-After; None where it says nothing that could be waited for."""
    value = header_of(answer, b"retry-after")
    return float(value) if value.isdigit() and float(value) <= longest else None


def header_of(answer: bytes, name: bytes) -> bytes:
    """
    A header of a whole answer; empty where it has none.

    Args:
        name: In lower case.
    """
    head = answer[: answer.find(_END_OF_HEAD) + 2]
    at = head.lower().find(b"\r\n%b:" % name)
    return head[at + len(name) + 3 : head.find(b"\r\n", at + 2)].strip() if at >= 0 else b""


class Patience:
    """One buyer's: told "not now", he waits as long as he is told, so many times and no more."""

    def __init__(self, tries: int) -> None:
        self._left = tries
        self.told = 0  # how often it was "not now"

    def wait_seconds(self, answer: bytes) -> float | None:
        """How long to wait before asking again; None: he has had enough."""
        self.told += 1
        seconds = retry_after_seconds(answer)
        if seconds is None or self._left <= 0:
            return None
        self._left -= 1
        return seconds


def _not_now(answer: bytes) -> Said:
    return Said.NOTHING if retry_after_seconds(answer) is None else Said.NOT_NOW
