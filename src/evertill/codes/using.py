"""
How codes are used: read when a checkout is looked at, counted when its order is placed, ended with its payment.

    placed ──► held ──confirmed──► used ──cancelled, refunded──► given back
                └──declined──► released

The till holds sessions, orders, attempts, stock, deals and claims when it comes here; codes are locked behind them all
(docs/decisions/0019). So are they by staff, who hold an order, its stock and its deals by then.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from evertill.clock import Clock
from evertill.codes.model import Code, Kind, Rules, Taken
from evertill.customers.model import fold_email
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)


class Buyer(msgspec.Struct, frozen=True):
    """Who is counted as one: by account, and by e-mail, whoever is signed in."""

    customer_id: UUID | None
    email: str  # folded; "": not known

    @property
    def known(self) -> bool:
        return self.customer_id is not None or self.email != ""


def buyer_of(customer_id: UUID | None, email: str) -> Buyer:
    """Whoever buys with this account and this e-mail."""
    return Buyer(customer_id, fold_email(email.strip()))


class Use(msgspec.Struct, frozen=True):
    """An order that used a code, or is being paid with it."""

    code: str
    customer_id: UUID | None
    email: str | None

    def by(self, buyer: Buyer) -> bool:
        same = buyer.customer_id is not None and buyer.customer_id == self.customer_id
        return same or (buyer.email != "" and buyer.email == self.email)


class Uses:
    """
    The codes a group has read or locked, and what becomes of them. Pure; written afterwards.

    Args:
        moment: The database's; of locked codes, read after the locks.

        uses: By those of the group's buyers, of codes that have a limit for each customer.
    """

    def __init__(self, moment: datetime, codes: Iterable[Code], uses: Iterable[Use]) -> None:
        self.moment = moment
        self._codes = {code.code: code for code in codes}
        self._uses = list(uses)
        self._held: list[tuple[UUID, Taken, Buyer, str]] = []
        self._ended: dict[UUID, str] = {}

    def rules(self, buyer: Buyer) -> Rules:
        """What holds for a buyer."""
        mine: dict[str, int] = {}
        for use in self._uses:
            if use.by(buyer):
                mine[use.code] = mine.get(use.code, 0) + 1
        return Rules(self.moment, self._codes, mine, buyer.known)

    def hold(self, order_id: UUID, taken: Taken, buyer: Buyer, currency: str) -> None:
        """An order is placed with a code: whoever comes after it in the group finds one use fewer."""
        code = self._codes[taken.code]
        self._codes[taken.code] = msgspec.structs.replace(code, held=code.held + 1)
        self._uses.append(Use(taken.code, buyer.customer_id, buyer.email or None))
        self._held.append((order_id, taken, buyer, currency))

    def end(self, order_id: UUID, *, used: bool) -> None:
        """The payment of an order with a code was confirmed, or declined."""
        self._ended[order_id] = "used" if used else "released"

    async def write(self, connection: Connection) -> None:
        """Uses that orders hold from now on, and those whose payment ended."""
        if self._held:
            await connection.execute(
                sql["hold_uses"],
                [order_id for order_id, _, _, _ in self._held],
                [taken.code for _, taken, _, _ in self._held],
                [buyer.customer_id for _, _, buyer, _ in self._held],
                [buyer.email or None for _, _, buyer, _ in self._held],
                [taken.amount_minor for _, taken, _, _ in self._held],
                [currency for _, _, _, currency in self._held],
                self.moment,
            )
        if self._ended:
            await connection.execute(sql["end_uses"], list(self._ended), list(self._ended.values()), self.moment)


async def read_codes(connection: Connection | Pool, codes: Collection[str], buyers: Collection[Buyer]) -> Uses:
    """Codes as they are at this moment, for those who look."""
    rows = await connection.fetch(sql["read_codes"], list(codes))
    found = [_code(row) for row in rows if row["code"] is not None]
    if not _limited(found):
        return Uses(rows[0]["moment"], found, ())
    return await _with_uses(connection, found, buyers, None)


async def lock_codes(
    connection: Connection, codes: Collection[str], buyers: Collection[Buyer], clock: Clock | None
) -> Uses:
    """The same under the locks of a group of the till."""
    found = [_code(row) for row in await connection.fetch(sql["lock_codes"], list(codes))]
    return await _with_uses(connection, found, buyers, clock)


async def give_back(connection: Connection, *, order_id: UUID) -> None:
    """
    The use of an order that is called off, or given back in full, can be had again, once, while its code runs.

    In the caller's transaction, which holds the order and has moved its stock and its deals.
    """
    if await connection.fetchval(sql["lock_code_of_order"], order_id) is not None:
        await connection.execute(sql["give_back"], order_id)


async def _with_uses(
    connection: Connection | Pool, codes: Sequence[Code], buyers: Collection[Buyer], clock: Clock | None
) -> Uses:
    rows = await connection.fetch(
        sql["read_uses"],
        _limited(codes),
        list({buyer.customer_id for buyer in buyers if buyer.customer_id is not None}),
        list({buyer.email for buyer in buyers if buyer.email}),
        clock() if clock is not None else None,
    )
    uses = [Use(row["code"], row["customer_id"], row["email"]) for row in rows if row["code"] is not None]
    return Uses(rows[0]["moment"], codes, uses)


def _limited(codes: Iterable[Code]) -> list[str]:
    return [code.code for code in codes if code.per_customer is not None]


def _code(row: asyncpg.Record) -> Code:
    values = {name: row[name] for name in Code.__struct_fields__}
    return Code(**{**values, "kind": Kind(row["kind"])})
