"""What staff do with stock: count it anew, by a change of so many units."""

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from evertill.idempotency import Key, recall, remember
from evertill.refusals import Conflict, FieldProblem, Invalid, Refusal
from evertill.staff import record_action
from evertill.stock.movements import MORE_ONLY, STAFF_REASONS, Reason, write_movements
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)

CHANGE_MAX = 1_000_000
ON_HAND_MAX = 1_000_000_000  # the column ends at 2,147,483,647
_NOTE_CHARACTERS = range(3, 301)


class Level(msgspec.Struct, frozen=True):
    """How many units of a SKU there are, and how many are spoken for."""

    sku: str
    on_hand: int
    claimed: int
    sold: int

    @property
    def free(self) -> int:
        return self.on_hand - self.claimed - self.sold


async def change_on_hand(
    pool: Pool, *, sku: str, change: int, reason: str, note: str, key: Key, staff_id: UUID, now: datetime
) -> Level:
    """
    Add units that came, or take units off that are gone. Never below what is claimed and sold.

    Args:
        change: Units, -1,000,000 to 1,000,000, not 0; more where they came, fewer where they are written off.

        reason: One of STAFF_REASONS.

        note: Why, in 3 to 300 characters.

        key: Names this very change: pressing twice changes once.

    Returns:
        How the SKU stands after it.

    Raises:
        Invalid: The change, reason or note cannot be, or the SKU is unknown.
        Conflict: More is claimed or sold than would be left; nothing was changed. Or the key was used otherwise.
    """
    why = _check(change, reason, note)
    try:
        async with pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(sql["lock_level"], sku)
            if row is None:
                raise _unknown(sku)
            before = Level(**dict(row))
            known = await recall(connection, key=key)
            if known is not None:
                return msgspec.json.decode(known.answer or "", type=Level)
            if before.on_hand + change > ON_HAND_MAX:
                raise _wrong("change", f"At most {ON_HAND_MAX:,} units of a SKU are kept.")
            row = await connection.fetchrow(sql["change_on_hand"], sku, change)
            assert row is not None  # it is locked
            after = Level(sku, row["on_hand"], row["claimed"], row["sold"])
            await write_movements(connection, {sku: change}, reason=why, note=note, staff_id=staff_id, now=now)
            await remember(connection, key=key, answer=msgspec.json.encode(after).decode(), now=now)
            await record_action(
                connection,
                staff_id=staff_id,
                verb="change_stock",
                subject=f"sku:{sku}",
                reason=note,
                facts={"change": change, "why": why, "before": before.on_hand, "after": after.on_hand},
                now=now,
            )
            return after
    except asyncpg.CheckViolationError as error:
        raise _too_few(before, change) from error


def _too_few(before: Level, change: int) -> Refusal:
    """The table said no (stock_never_oversold): what is spoken for cannot be taken away."""
    problem = (
        f"There are {before.on_hand:,} on hand, of which {before.claimed:,} are claimed and {before.sold:,} are sold: "
        f"at most {before.free:,} can be taken off."
    )
    return Conflict(
        "units_spoken_for",
        f"{-change:,} cannot be taken off {before.sku}. {problem} Nothing was changed.",
        fields=[FieldProblem("change", problem)],
        facts={"on_hand": before.on_hand, "claimed": before.claimed, "sold": before.sold},
    )


def _check(change: int, reason: str, note: str) -> Reason:
    if change == 0 or abs(change) > CHANGE_MAX:
        raise _wrong("change", f"A whole number from -{CHANGE_MAX:,} to {CHANGE_MAX:,}, not 0.")
    if reason not in STAFF_REASONS:
        raise _wrong("reason", "Please choose one of the four reasons.")
    if reason in MORE_ONLY and change < 0:
        raise _wrong("change", "Units that came are a number above 0. Are they gone? Then choose another reason.")
    if reason == Reason.WRITTEN_OFF and change > 0:
        raise _wrong("change", f"Units that are written off are gone: a number below 0, such as -{change:,}.")
    if len(note) not in _NOTE_CHARACTERS:
        raise _wrong("note", "Say more, in 3 to 300 characters.")
    return Reason(reason)


def _unknown(sku: str) -> Invalid:
    return _wrong("sku", f"There is no stock of {sku!r}: is the SKU right?")


def _wrong(field: str, problem: str) -> Invalid:
    return Invalid("invalid", problem, fields=[FieldProblem(field, problem)])
