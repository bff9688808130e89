"""Codes with their figures, as staff look at them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from evertill.codes.model import Kind, folded
from evertill.codes.using import sql
from evertill.storage import Pool

PAGE = 50


class Made(msgspec.Struct, frozen=True):
    """One code, or those that were drawn together, with their figures."""

    key: str  # the code, or the id of the batch
    code: str  # the first of a batch
    batch: UUID | None
    codes: int
    kind: Kind
    value: int
    currency: str
    begins_at: datetime
    ends_at: datetime | None
    uses_max: int | None
    per_customer: int | None
    subtotal_min_minor: int
    held: int
    used: int
    created_at: datetime
    why: str
    ended_at: datetime | None
    made_by: str | None
    taken_minor: int  # by uses that count
    revenue_minor: int  # of their orders, less what was given back
    moment: datetime

    @property
    def state(self) -> str:
        """Where it stands."""
        if self.ended_at is not None or (self.ends_at is not None and self.moment >= self.ends_at):
            return "over"
        if self.moment < self.begins_at:
            return "planned"
        if self.uses_max is not None and self.held + self.used >= self.uses_max * self.codes:
            return "used up"
        return "running"


async def latest_codes(pool: Pool, *, page: int = 1, typed: str = "") -> tuple[Made, ...]:
    """The newest first, fifty a page; or the one of that name, with those that were drawn with it."""
    only = folded(typed) or "-" if typed else None
    rows = await pool.fetch(sql["latest_codes"], PAGE, PAGE * (max(page, 1) - 1), only)
    return tuple(_made(row) for row in rows)


async def codes_of_batch(pool: Pool, batch: UUID) -> Sequence[asyncpg.Record]:
    """All that were drawn together: code, uses and end."""
    return await pool.fetch(sql["codes_of_batch"], batch)


def _made(row: asyncpg.Record) -> Made:
    values = {name: row[name] for name in Made.__struct_fields__}
    return Made(**{**values, "kind": Kind(row["kind"])})
