"""The ledger of stock: every change of what is on hand, with why, who and when."""

import enum
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from evertill.ids import id_at
from evertill.storage import Connection, Statements

sql = Statements.of(__package__)


class Reason(enum.StrEnum):
    """Why units came or went."""

    OPENING_BALANCE = "opening_balance"  # on hand before movements were kept
    IMPORT = "import"  # an imported catalogue stated another quantity
    COUNT = "count"  # more or fewer were found than were written
    RECEIVED = "received"  # from a supplier
    RETURNED = "returned"  # by a customer, fit to be sold again
    WRITTEN_OFF = "written_off"  # broken, lost, given away
    SHIPPED = "shipped"  # left with an order's parcel


# What staff say; the others are written by the deed itself.
STAFF_REASONS = (Reason.RECEIVED, Reason.RETURNED, Reason.WRITTEN_OFF, Reason.COUNT)

MORE_ONLY = frozenset({Reason.RECEIVED, Reason.RETURNED})


async def write_movements(
    connection: Connection,
    units: Mapping[str, int],
    *,
    reason: Reason,
    note: str = "",
    staff_id: UUID | None = None,
    order_id: UUID | None = None,
    now: datetime,
) -> None:
    """
    Write down what moved, in the transaction that moves it and holds the stock rows' locks.

    Args:
        units: Per SKU, how many more are on hand (above 0) or fewer (below 0); never 0.

        staff_id: Whose doing, where the reason is one of STAFF_REASONS; then only.

        order_id: Whose parcel it was, where the reason is SHIPPED; then only.
    """
    ids = [id_at(now) for _ in units]
    await connection.execute(
        sql["write_movements"], ids, list(units), list(units.values()), reason, note, staff_id, order_id, now
    )
