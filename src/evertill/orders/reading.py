"""Look at orders."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from evertill.ids import id_at
from evertill.orders.details import Details
from evertill.orders.model import Order, OrderLine, OrderState, OrderSummary
from evertill.refusals import NotFound
from evertill.signing import Signer
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)
_details = msgspec.json.Decoder(Details)

HISTORY_PAGE = 20
FOUND_MAX = 50
_LINK = "order-link"


class Day(msgspec.Struct, frozen=True):
    """The last 24 hours in figures."""

    confirmed: int
    waiting: int
    declined: int
    cancelled: int
    revenue_minor: int


def order_link(signer: Signer, order_id: UUID) -> str:
    """The order's own address: a path nobody can guess."""
    return f"/orders/{signer.seal(_LINK, order_id)}"


def order_behind(signer: Signer, sealed: str) -> UUID:
    """
    The order a link belongs to.

    Raises:
        NotFound: We did not make that link.
    """
    order_id = signer.unseal(_LINK, sealed)
    if order_id is None:
        raise NotFound("not_found", "There is no order at this address. Links are long: was it cut off?")
    return order_id


async def view(connection: Connection | Pool, *, order_id: UUID) -> Order:
    """
    An order with its lines.

    Raises:
        NotFound: There is none of that id.
    """
    row = await connection.fetchrow(sql["order"], order_id)
    if row is None:
        raise NotFound("not_found", "There is no such order.")
    lines = await connection.fetch(sql["lines"], order_id)
    return _order(row, lines)


async def history(connection: Connection | Pool, *, customer_id: UUID, page: int) -> tuple[OrderSummary, ...]:
    """A customer's orders, newest first, twenty a page (pages from 1)."""
    rows = await connection.fetch(sql["history"], customer_id, HISTORY_PAGE, HISTORY_PAGE * (max(page, 1) - 1))
    return tuple(OrderSummary(**{**row, "state": OrderState(row["state"])}) for row in rows)


async def find(
    connection: Connection | Pool,
    *,
    state: OrderState | None = None,
    words: str | None = None,
    before: UUID | None = None,
) -> tuple[OrderSummary, ...]:
    """
    Orders for the console, newest first, fifty at the most.

    Args:
        words: The beginning of an order number, or an e-mail address.

        before: The last order of the page before.
    """
    typed = words.strip() if words else None
    if typed and "@" not in typed:
        typed = typed.upper().replace("%", "").replace("_", "")
    rows = await connection.fetch(sql["find"], state, typed or None, before, FOUND_MAX)
    return tuple(OrderSummary(**{**row, "state": OrderState(row["state"])}) for row in rows)


async def day(connection: Connection | Pool, *, since: datetime) -> Day:
    """Counts and revenue of the orders placed since then."""
    floor = UUID(int=id_at(since).int >> 80 << 80)  # the smallest id of that millisecond
    row = await connection.fetchrow(sql["day"], floor)
    assert row is not None
    return Day(**dict(row))


def _order(row: "asyncpg.Record", lines: "Sequence[asyncpg.Record]") -> Order:
    values = dict(row)
    values["state"] = OrderState(values["state"])
    values["details"] = _details.decode(values["details"])
    return Order(**values, lines=tuple(OrderLine(**dict(line)) for line in lines))
