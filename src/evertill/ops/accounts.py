"""One customer, as staff need it: who it is, what was ordered, memberships, and what staff did."""

from datetime import datetime
from uuid import UUID

import msgspec

from evertill import orders
from evertill.customers import fold_email
from evertill.members import Memberships, memberships_of
from evertill.ops.history import Entry, history_of
from evertill.orders import OrderSummary
from evertill.refusals import NotFound
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)


class Account(msgspec.Struct, frozen=True):
    """A customer with what there is of them."""

    id: UUID
    email: str
    name: str
    created_at: datetime
    orders: tuple[OrderSummary, ...]  # the latest
    memberships: Memberships
    givers: dict[UUID, str]  # of staff, by whom memberships were given
    history: tuple[Entry, ...]


async def open_account(pool: Pool, *, customer_id: UUID) -> Account:
    """
    Everything of one customer.

    Raises:
        NotFound: There is no such customer.
    """
    row = await pool.fetchrow(sql["customer"], customer_id)
    if row is None:
        raise NotFound("no_such_customer", "There is no such customer.")
    memberships = await memberships_of(pool, customer_id)
    named = {each.given_by for each in memberships.all if each.given_by is not None}
    givers = await pool.fetch(sql["names_of_staff"], list(named)) if named else []
    return Account(
        **dict(row),
        orders=tuple(await orders.history(pool, customer_id=customer_id, page=1)),
        memberships=memberships,
        givers={row["id"]: row["name"] for row in givers},
        history=await history_of(pool, subjects=[f"customer:{customer_id}"]),
    )


async def account_of_email(pool: Pool, email: str) -> UUID | None:
    """Whose account that address is; None: nobody's."""
    found: UUID | None = await pool.fetchval(sql["customer_of_email"], fold_email(email))
    return found
