"""What was done, by whom, when and why, put into words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec

from evertill.money import format_money
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)
_facts = msgspec.json.Decoder(dict[str, object])

_SHOWN_MAX = 100
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", re.ASCII)

_WORDS = {
    "ship": "shipped it",
    "ship_failed": "could not take the money: not shipped",
    "cancel": "cancelled it",
    "refund": "gave money back",
    "refund_failed": "could not give money back",
    "ask_provider": "had the payment provider asked at once",
    "change_stock": "changed the units on hand",
    "change_price": "changed the price",
    "change_status": "changed the status",
    "open_room": "opened a waiting room",
    "pause_room": "paused a waiting room",
    "drain_room": "had a waiting room drained",
    "close_room": "closed a waiting room",
    "plan_event": "planned the sale event",
    "change_event": "changed the sale event",
    "stop_event": "stopped the sale event",
    "plan_deal": "planned the deal",
    "change_deal": "changed the deal",
    "pause_deal": "paused the deal",
    "resume_deal": "resumed the deal",
    "extend_deal": "extended the deal",
    "end_deal": "ended the deal",
    "add_units": "changed the units of the deal",
    "grant_rain_checks": "gave rain checks",
    "withdraw_rain_checks": "withdrew open rain checks",
    "make_code": "made the code",
    "make_codes": "made codes",
    "end_code": "ended the code",
    "retry_letter": "had a letter tried again",
    "give_membership": "gave a membership",
    "end_membership": "ended a membership",
    "make_client": "made an API client",
    "revoke_client": "revoked an API client",
    "add_staff": "added somebody to staff",
    "change_role": "changed a role",
    "disable_staff": "shut somebody out",
    "enable_staff": "let somebody in again",
    "set_password": "set a password",
    "change_password": "changed a password",
}


class Entry(msgspec.Struct, frozen=True):
    """One line of the staff's book."""

    at: datetime
    name: str | None  # None: the system's own doing
    verb: str
    subject: str  # order:<id>, customer:<id>, sku:<sku>, product:<id>, staff:<id>, client:<id>, letter:<id>
    reason: str
    facts: Mapping[str, object]
    order_number: str | None  # where it was done to an order

    @property
    def words(self) -> str:
        """What was done, after a name."""
        return _WORDS.get(self.verb, self.verb.replace("_", " "))

    @property
    def about(self) -> str:
        """What it was done to, without its kind."""
        return self.subject.partition(":")[2]

    def detail(self, locale: str) -> str:
        """From what to what, or how much; "" where there is nothing to add."""
        currency = self.facts.get("currency")
        amount = self.facts.get("amount_minor")
        if isinstance(amount, int) and isinstance(currency, str):
            return format_money(amount, currency, locale)
        before, after = self.facts.get("before", self.facts.get("from")), self.facts.get("after", self.facts.get("to"))
        if before is None or after is None:
            return "; ".join(_changed(self.facts))
        if isinstance(before, int) and isinstance(after, int):
            if isinstance(currency, str):
                return f"{format_money(before, currency, locale)} → {format_money(after, currency, locale)}"
            return f"{before:,} → {after:,}"
        return f"{_told(before)} → {_told(after)}"


def _changed(facts: Mapping[str, object]) -> Iterator[str]:
    """Where several things became others: each by its name, from what to what."""
    for name, change in facts.items():
        if isinstance(change, dict) and change.keys() == {"before", "after"}:
            yield f"{name.replace('_', ' ')} {_told(change['before'])} → {_told(change['after'])}"


def _told(value: object) -> str:
    """A value of the book, as people read it; of a moment, to the second, in UTC."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return f"{value[:10]} {value[11:19]} UTC"
    return str(value)


async def history_of(pool: Pool, *, subjects: Sequence[str]) -> tuple[Entry, ...]:
    """What was done to any of these, newest first, a hundred at the most."""
    rows = await pool.fetch(sql["actions_of"], subjects, _SHOWN_MAX)
    return tuple(entry_from(row) for row in rows)


def entry_from(row: asyncpg.Record) -> Entry:
    """A row of the staff's book as a record."""
    return Entry(
        at=row["at"],
        name=row["name"],
        verb=row["verb"],
        subject=row["subject"],
        reason=row["reason"],
        facts=_facts.decode(row["facts"]),
        order_number=row["order_number"],
    )
