"""Everything of one order, as staff need it when a customer is on the telephone."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from evertill import orders
from evertill.ids import floor_id
from evertill.ops.history import Entry, history_of
from evertill.orders import Order, OrderState
from evertill.payments.model import AttemptState
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)

# A letter is made in the millisecond it tells of. That an order is held is told while its payment is asked for.
_INSTANT = timedelta(milliseconds=1)
_ASKING = timedelta(seconds=60)


class Attempt(msgspec.Struct, frozen=True):
    """One try at getting the order paid."""

    id: UUID  # the provider's key for it
    provider: str
    method: str
    amount_minor: int
    currency: str
    state: AttemptState
    reason: str | None
    provider_ref: str | None
    recorded_at: datetime
    answered_at: datetime | None
    captured_at: datetime | None
    voided_at: datetime | None
    next_look_at: datetime | None
    capture_due_at: datetime | None
    void_due_at: datetime | None
    looks: int


class Refund(msgspec.Struct, frozen=True):
    """Money given back, or on the way."""

    id: UUID
    amount_minor: int
    currency: str
    reason: str
    state: str  # recorded, done, failed
    recorded_at: datetime
    answered_at: datetime | None
    next_look_at: datetime | None


class Told(msgspec.Struct, frozen=True):
    """A letter about the order."""

    id: UUID
    kind: str
    recipient: str
    created_at: datetime
    sent_at: datetime | None
    given_up_at: datetime | None
    last_error: str | None


class CaseFile(msgspec.Struct, frozen=True):
    """One order with all that happened around it."""

    order: Order
    attempts: tuple[Attempt, ...]
    refunds: tuple[Refund, ...]
    letters: tuple[Told, ...]
    history: tuple[Entry, ...]

    @property
    def is_shipping(self) -> bool:
        """Somebody pressed "ship", and the provider has not answered yet."""
        return any(attempt.capture_due_at for attempt in self.attempts)

    @property
    def waits(self) -> bool:
        """Something of it waits for the payment provider."""
        return (
            self.order.state is OrderState.HELD
            or any(attempt.capture_due_at or attempt.void_due_at for attempt in self.attempts)
            or any(refund.next_look_at for refund in self.refunds)
        )

    @property
    def left_minor(self) -> int:
        """What can still be given back: nothing where nothing was taken."""
        taken = any(attempt.state is AttemptState.CAPTURED for attempt in self.attempts)
        return self.order.total_minor - self.order.refunded_minor if taken else 0

    @property
    def can_ship(self) -> bool:
        return self.order.state is OrderState.CONFIRMED and not self.is_shipping

    @property
    def can_cancel(self) -> bool:
        return self.can_ship


async def open_case(pool: Pool, *, order_id: UUID) -> CaseFile:
    """
    Everything of one order.

    Raises:
        NotFound: There is no such order.
    """
    order = await orders.view(pool, order_id=order_id)
    attempts = [
        Attempt(**{**row, "state": AttemptState(row["state"])}) for row in await pool.fetch(sql["attempts"], order_id)
    ]
    refunds = [Refund(**dict(row)) for row in await pool.fetch(sql["refunds"], order_id)]
    low, high = _windows(order, attempts, refunds)
    letters = await pool.fetch(sql["letters"], low, high, str(order_id))
    return CaseFile(
        order=order,
        attempts=tuple(attempts),
        refunds=tuple(refunds),
        letters=tuple(Told(**dict(row)) for row in letters),
        history=await history_of(pool, subjects=[f"order:{order_id}"]),
    )


def _windows(order: Order, attempts: Iterable[Attempt], refunds: Iterable[Refund]) -> tuple[list[UUID], list[UUID]]:
    """Where to look for letters: short stretches of ids, each from and up to."""
    instants = {order.settled_at, order.shipped_at, order.cancelled_at, *(refund.answered_at for refund in refunds)}
    windows = [(instant, instant + _INSTANT) for instant in instants if instant is not None]
    if any(attempt.looks or attempt.state is AttemptState.UNKNOWN for attempt in attempts):
        windows.append((order.placed_at, order.placed_at + _ASKING))
    return [floor_id(start) for start, _ in windows], [floor_id(end) for _, end in windows]
