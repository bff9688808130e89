"""
What a code is, and whether it holds for somebody at a moment: pure rules.

    (nobody) ──placed──► held ──confirmed──► used ──cancelled, refunded──► released, while the code runs
                          └────declined, given up──► released

A use is counted when an order is placed, under the lock of the code's row (codes/using.py). A moment is always handed
in, and is the database's, as for deals.
"""

import enum
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from evertill.codes.pricing import Good, take_off

CODES_MAX = 5  # that may be said of one checkout; one of them counts
CODE_CHARACTERS = range(3, 41)
_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{2,39}")


class Kind(enum.StrEnum):
    """How a code takes off."""

    PERCENT = "percent"  # of each line; value in hundredths of a percent
    AMOUNT = "amount"  # of the goods together; value in minor units


class Why(enum.StrEnum):
    """Why a code takes nothing off; stable, as a remark's code."""

    UNKNOWN = "code_unknown"
    NOT_YET = "code_not_yet"
    OVER = "code_over"
    USED_UP = "code_used_up"
    YOURS_USED = "code_yours_used"
    NOBODY = "code_needs_email"
    BELOW_MINIMUM = "code_below_minimum"
    APPLIES_TO_NOTHING = "code_applies_to_nothing"
    ONE_ONLY = "code_one_only"
    TWICE = "code_twice"


class Code(msgspec.Struct, frozen=True):
    """A code with its counters."""

    code: str
    kind: Kind
    value: int
    currency: str
    begins_at: datetime
    ends_at: datetime | None
    uses_max: int | None  # None: any number
    per_customer: int | None
    subtotal_min_minor: int
    held: int
    used: int
    ended_at: datetime | None

    @property
    def left(self) -> int | None:
        """Uses that can still be had; None: any number."""
        return None if self.uses_max is None else self.uses_max - self.held - self.used

    def over(self, moment: datetime) -> bool:
        """Whether nobody can use it any more, however many uses are left."""
        return self.ended_at is not None or (self.ends_at is not None and moment >= self.ends_at)


class Taken(msgspec.Struct, frozen=True):
    """The code that counts, and what it takes off the goods."""

    code: str
    kind: Kind
    value: int
    amount_minor: int


class Rules(msgspec.Struct, frozen=True):
    """Codes as they are at one moment to one buyer."""

    moment: datetime
    codes: Mapping[str, Code]  # by their folded form; one that is missing is unknown
    mine: Mapping[str, int]  # how often this buyer has used each, where that counts
    known: bool  # whether it is known who buys

    def judge(self, code: str, goods: Sequence[Good], currency: str) -> Code | Why:
        """
        Whether a code takes something off these goods, for this buyer, now.

        Args:
            code: Folded.

            goods: The lines, at what they cost without it.
        """
        found = self.codes.get(code)
        if found is None or found.currency != currency:
            return Why.UNKNOWN
        if found.over(self.moment):
            return Why.OVER
        if self.moment < found.begins_at:
            return Why.NOT_YET
        if found.per_customer is not None and not self.known:
            return Why.NOBODY
        if found.per_customer is not None and self.mine.get(code, 0) >= found.per_customer:
            return Why.YOURS_USED
        if found.left == 0:
            return Why.USED_UP
        if sum(good.total_minor for good in goods) < found.subtotal_min_minor:
            return Why.BELOW_MINIMUM
        if not any(take_off(goods, percent=found.kind is Kind.PERCENT, value=found.value)):
            return Why.APPLIES_TO_NOTHING
        return found


def folded(typed: str) -> str:
    """
    A code as it is kept: capitals and small letters are one, blanks around it are nothing. "" where it cannot be one.
    """
    plain = unicodedata.normalize("NFKC", typed[: CODE_CHARACTERS.stop]).strip().upper()
    return plain if _CODE.fullmatch(plain) else ""
