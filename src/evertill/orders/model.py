"""
An order's life.

    pending ──► confirmed ──► shipped
       │  ▲ │       └───────► cancelled   before it ships; what was reserved is let go
       │  │ └──► declined                 the payment was refused for good; its units are free again
       └► held ──► (confirmed or declined)  taken, but the provider has not answered: the reconciler ends it

Every order is written before its payment is asked for, and ends in one of: confirmed (and on), declined.
"""

import enum
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.orders.details import Details


class OrderState(enum.StrEnum):
    """Where an order stands."""

    PENDING = "pending"  # taken; its payment is being asked for at this moment
    HELD = "held"  # taken; the payment provider has not answered yet
    CONFIRMED = "confirmed"  # paid: the money is reserved
    DECLINED = "declined"  # not paid, not charged; its units are free again
    SHIPPED = "shipped"  # on its way; the money is taken
    CANCELLED = "cancelled"  # called off before it shipped


SETTLED = frozenset({OrderState.CONFIRMED, OrderState.DECLINED, OrderState.SHIPPED, OrderState.CANCELLED})


class OrderLine(msgspec.Struct, frozen=True):
    """One line as it was sold."""

    line: int
    sku: str
    title: str
    quantity: int
    unit_price_minor: int
    total_minor: int
    code_minor: int  # what the order's code takes off it


class Order(msgspec.Struct, frozen=True):
    """An order as its owner and staff see it."""

    id: UUID
    number: str
    session_id: UUID
    channel: str
    customer_id: UUID | None
    email: str
    state: OrderState
    state_reason: str | None
    currency: str
    subtotal_minor: int
    delivery_minor: int
    tax_minor: int
    tax_included: bool
    total_minor: int
    discount_minor: int
    code: str | None  # that took it off
    refunded_minor: int
    delivery: str
    details: Details
    placed_at: datetime
    settled_at: datetime | None
    shipped_at: datetime | None
    cancelled_at: datetime | None
    lines: tuple[OrderLine, ...] = ()


class OrderSummary(msgspec.Struct, frozen=True):
    """An order in a list."""

    id: UUID
    number: str
    state: OrderState
    total_minor: int
    currency: str
    placed_at: datetime
    email: str = ""
    channel: str = ""
    refunded_minor: int = 0
