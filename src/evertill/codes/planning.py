"""
Staff make codes, one by its name or many that are drawn, and end them. Each is written with who, when and why.

Nothing of a code changes once it is made: what somebody was promised holds until it is over. Its end is at once.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.codes.model import Kind, folded
from evertill.codes.using import sql
from evertill.ids import new_id
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound
from evertill.staff import record_action
from evertill.storage import Pool

DRAWN_MAX = 1_000  # at once
_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that is mistaken for another
_LETTERS_DRAWN = 12  # of thirty: nobody guesses one of a thousand among 5e17
_PREFIX_CHARACTERS = 20
_REASON_CHARACTERS = range(3, 301)
_NUMBER_MAX = 1_000_000
_AMOUNT_MAX = 10**12


class CodePlan(msgspec.Struct, frozen=True):
    """A code as staff want it."""

    kind: Kind
    value: int  # hundredths of a percent, or minor units
    begins_at: datetime | None  # None: now
    ends_at: datetime | None  # None: until it is ended
    uses_max: int | None  # None: any number
    per_customer: int | None
    subtotal_min_minor: int
    why: str


async def make_code(pool: Pool, *, typed: str, plan: CodePlan, currency: str, staff_id: UUID, now: datetime) -> str:
    """
    One code of that name. Returns it as it is kept.

    Raises:
        Invalid: Naming each field.
        Conflict: There is, or was, one of that name.
    """
    code = folded(typed)
    problems = _problems(plan, now)
    if not code:
        said = "3 to 40 letters, figures, dashes or underscores, the first a letter or a figure."
        problems.insert(0, FieldProblem("code", said))
    _refuse(problems)
    made = await _make(pool, [code], plan, currency=currency, staff_id=staff_id, now=now, batch=None)
    if not made:
        said = "There is a code of that name, or was. Orders name it: choose another."
        raise Conflict("code_exists", said, fields=[FieldProblem("code", said)])
    return code


async def draw_codes(
    pool: Pool, *, how_many: int, prefix: str, plan: CodePlan, currency: str, staff_id: UUID, now: datetime
) -> UUID:
    """
    So many codes that nobody can guess, each for one use. Returns the name of the batch.

    Args:
        prefix: What all of them begin with; "": nothing.

    Raises:
        Invalid: Naming each field.
    """
    problems = _problems(plan, now)
    if not 1 <= how_many <= DRAWN_MAX:
        problems.append(FieldProblem("how_many", f"A whole number from 1 to {DRAWN_MAX:,}."))
    beginning = folded(f"{prefix}000")[:-3] if prefix.strip() else ""
    if prefix.strip() and (not beginning or len(beginning) > _PREFIX_CHARACTERS):
        said = f"Up to {_PREFIX_CHARACTERS} letters, figures, dashes or underscores, the first a letter or a figure."
        problems.append(FieldProblem("code", said))
    _refuse(problems)
    batch, once = new_id(), msgspec.structs.replace(plan, uses_max=1)
    codes: set[str] = set()
    while len(codes) < how_many:
        codes.add(beginning + "".join(secrets.choice(_LETTERS) for _ in range(_LETTERS_DRAWN)))
    made = await _make(pool, sorted(codes), once, currency=currency, staff_id=staff_id, now=now, batch=batch)
    assert len(made) == how_many  # drawn twice: once in the age of the universe
    return batch


async def end_code(pool: Pool, *, name: str, reason: str, staff_id: UUID, now: datetime) -> int:
    """
    Nobody can use it from now on; orders that are being paid with it keep it. The same again changes nothing.

    Args:
        name: A code, or the id of a batch: all of it.

    Returns:
        How many were ended.

    Raises:
        Invalid: Without a reason.
        NotFound: There is no such code.
    """
    _refuse(_reason_problems(reason))
    batch = _batch(name)
    async with pool.acquire() as connection, connection.transaction():
        if batch is not None:
            row = await connection.fetchrow(sql["end_batch"], batch)
            known, ended = (row["codes"] > 0, int(row["ended"])) if row else (False, 0)
        else:
            ended = int(await connection.fetchval(sql["end_code"], folded(name)) is not None)
            known = ended > 0 or await connection.fetchval(sql["code_exists"], folded(name))
        if not known:
            raise NotFound("not_found", "There is no such code.")
        if ended:
            subject = f"code:{batch or folded(name)}"
            await record_action(
                connection, staff_id=staff_id, verb="end_code", subject=subject, reason=reason.strip(),
                facts={"codes": ended}, now=now,
            )  # fmt: skip
    return ended


async def _make(
    pool: Pool, codes: Sequence[str], plan: CodePlan, *, currency: str, staff_id: UUID, now: datetime,
    batch: UUID | None,
) -> list[str]:  # fmt: skip
    async with pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(
            sql["make_codes"], list(codes), plan.kind, plan.value, currency, plan.begins_at, plan.ends_at,
            plan.uses_max, plan.per_customer, plan.subtotal_min_minor, batch, staff_id, plan.why.strip(),
        )  # fmt: skip
        if rows:
            facts: dict[str, object] = {"codes": len(rows), "kind": plan.kind.value, "value": plan.value}
            await record_action(
                connection, staff_id=staff_id, verb="make_codes" if batch else "make_code",
                subject=f"code:{batch or codes[0]}", reason=plan.why.strip(), facts=facts, now=now,
            )  # fmt: skip
    return [row["code"] for row in rows]


def _batch(name: str) -> UUID | None:
    try:
        return UUID(name) if len(name) == 36 else None
    except ValueError:
        return None


def _problems(plan: CodePlan, now: datetime) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    if plan.kind is Kind.PERCENT and not 1 <= plan.value < 10_000:
        problems.append(FieldProblem("value", "More than 0 and less than 100 percent: something must be left to pay."))
    elif not 1 <= plan.value <= _AMOUNT_MAX:
        problems.append(FieldProblem("value", "More than nothing."))
    if plan.ends_at is not None and plan.ends_at <= max(plan.begins_at or now, now):
        problems.append(FieldProblem("ends_at", "Must be later than now, and than it begins."))
    for field, number in (("uses_max", plan.uses_max), ("per_customer", plan.per_customer)):
        if number is not None and not 1 <= number <= _NUMBER_MAX:
            said = f"A whole number from 1 to {_NUMBER_MAX:,}; leave it empty for no limit."
            problems.append(FieldProblem(field, said))
    if not 0 <= plan.subtotal_min_minor <= _AMOUNT_MAX:
        problems.append(FieldProblem("minimum", "An amount, or nothing."))
    return problems + _reason_problems(plan.why)


def _reason_problems(reason: str) -> list[FieldProblem]:
    if len(reason.strip()) in _REASON_CHARACTERS:
        return []
    return [FieldProblem("reason", "Say why, in 3 to 300 characters.")]


def _refuse(problems: Sequence[FieldProblem]) -> None:
    if problems:
        raise Invalid("invalid", problems[0].problem, fields=problems)
