"""Look at orders."""

import re
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
_NUMBER = re.compile(r"[0-9A-HJKMNP-TV-Z]{1,12}")
_MISTAKEN = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


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
        words: The beginning of an order number, however it is written, or an e-mail address.

        before: The last order of the page before.
    """
    typed = (words or "").strip()
    if not typed:
        rows = await connection.fetch(sql["find"], state, before, FOUND_MAX)
    elif "@" in typed:
        rows = await connection.fetch(sql["find_by_email"], state, before, FOUND_MAX, typed.replace("\0", ""))
    elif beginning := number_beginning(typed):
        end = beginning[:-1] + chr(ord(beginning[-1]) + 1)
        rows = await connection.fetch(sql["find_by_number"], state, before, FOUND_MAX, beginning, end)
    else:
        rows = []
    return tuple(OrderSummary(**{**row, "state": OrderState(row["state"])}) for row in rows)


def number_beginning(typed: str) -> str:
    """
    The beginning of an order number as we write it: "1vv3f4" is "1VV3-F4"; "" where it cannot be one.

    Blanks and dashes may be anywhere or nowhere, and letters that are mistaken for digits count as those.
    """
    plain = typed.upper().translate(_MISTAKEN)
    if not (typed.isascii() and _NUMBER.fullmatch(plain)):
        return ""
    return "-".join(plain[start : start + 4] for start in range(0, len(plain), 4))


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
