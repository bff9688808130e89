"""
What an audit looks for, and what it found.

    check ──► finding (a kind, how many) ──► anomaly (what it is about) ──► proof (the fewest rows that show it)

There are no foreign keys on the purchase's path (docs/decisions/0003): what they would say is counted here, and so
is what no key can say, that units, money, sessions and letters agree with each other.
"""

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

SHOWN_MAX = 20  # anomalies of a kind that are shown with their proof; all are counted

# How long past its time something may be before nobody is at it. Longer than the longest pause between two tries of
# a payment (resilience/policies.py), so that what is tried again and again is never taken for forgotten.
PATIENCE = timedelta(minutes=15)
# And a claim: sweepers come every second.
CLAIM_PATIENCE = timedelta(minutes=5)


class Kind(enum.StrEnum):
    """A way in which books can be wrong, with what it means and what to do."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> "Kind":
        kind = str.__new__(cls, code)
        kind._value_ = code
        kind.sentence = sentence
        return kind

    UNITS_CLAIMED = (
        "units_claimed",
        "More or fewer units are claimed than orders with an open payment, claims and rain checks hold: set claimed to "
        "their sum.",
    )
    UNITS_SOLD = (
        "units_sold",
        "More or fewer units are sold than confirmed orders wait for: set sold to what those orders say.",
    )
    OVERSOLD = (
        "oversold",
        "More units are promised than are on hand, so one is in two places: find units, or cancel and apologise.",
    )
    UNITS_ON_HAND = (
        "units_on_hand",
        "On hand is not the sum of its stock movements: count the units, then set on hand to that sum or write the "
        "movement that is missing.",
    )
    UNITS_SHIPPED = (
        "units_shipped",
        "Stock movements say that more or fewer units were shipped than shipped orders have: compare order by order.",
    )
    DEAL_CLAIMED = (
        "deal_claimed",
        "More or fewer units of a deal are claimed than its claims hold: set its claimed to what they say.",
    )
    DEAL_SOLD = (
        "deal_sold",
        "More or fewer units of a deal are sold than its claims say were bought: set its sold to what they say.",
    )
    LIMIT_PASSED = (
        "limit_passed",
        "A customer has more of a deal than one may: cancel what is too much. It is also said of a limit that was "
        "lowered while the deal ran.",
    )
    CLAIM_NOT_IN_ORDER = (
        "claim_not_in_order",
        "A claim says it was ordered or bought, and its order is not there, off, or has no such line: compare the two.",
    )
    CLAIM_PAST_END = (
        "claim_past_end",
        "A claim is past its end, and its units were not given back in time: does the sweeper of claims run?",
    )
    OFFER_WITHOUT_CLAIM = (
        "offer_without_claim",
        "Somebody in the line of a deal is told that units are held for them, and no claim holds them: write to them, "
        "and set their place to missed.",
    )
    WAITS_TWICE = (
        "waits_twice",
        "Somebody has two living places in line for one thing: set the later one to left, and check waiting_one_each.",
    )
    PASSED_OVER = (
        "passed_over",
        "Somebody who joined a line later was offered units before somebody who waits still: offer the next to them.",
    )
    RAIN_CHECKS_DIFFER = (
        "rain_checks_differ",
        "More or fewer units are in the rain checks of a grant than were given, or more than were set aside: withdraw "
        "what is too much.",
    )
    RAIN_CHECK_NOT_IN_ORDER = (
        "rain_check_not_in_order",
        "A rain check says it was ordered or redeemed, and its order is not there, off, or has no such line: compare "
        "the two.",
    )
    RAIN_CHECK_PAST_END = (
        "rain_check_past_end",
        "A rain check is past its end and still open: its units were not given back in time. Does the sweeper run?",
    )
    CODE_COUNTED = (
        "code_counted",
        "A code counts more or fewer uses, held or used, than its orders say: set its counts to what they say.",
    )
    CODE_OVERUSED = (
        "code_overused",
        "A code was used more often than it may be, by all or by one customer: cancel what is too much.",
    )
    CODE_USE_NOT_IN_ORDER = (
        "code_use_not_in_order",
        "A code was used by an order that is not there, off, or of another code or amount: compare the two.",
    )
    ORDER_WITHOUT_CODE_USE = (
        "order_without_code_use",
        "An order has a code taken off, and no use of it is written: count the code's uses by its orders.",
    )
    ORDER_WITHOUT_LINES = ("order_without_lines", "An order of nothing: find its lines in a backup, or cancel it.")
    LINE_WITHOUT_ORDER = ("line_without_order", "Lines of an order that is not there: find the order in a backup.")
    LINE_WITHOUT_CLAIM = (
        "line_without_claim",
        "A line was sold with a claim that is not there, or not that order's: count the deal's units by its orders.",
    )
    SUMS_DIFFER = (
        "sums_differ",
        "An order is not the sum of its lines, code, delivery and tax: compare with the letter its buyer got.",
    )
    ORDER_WITHOUT_ATTEMPT = (
        "order_without_attempt",
        "An order nobody was asked to pay: look for it at the payment provider by its number.",
    )
    ATTEMPT_WITHOUT_ORDER = (
        "attempt_without_order",
        "A payment without an order: find the order in a backup, or have the provider give the money back.",
    )
    SECOND_ATTEMPT = (
        "second_attempt",
        "An order with more than one payment attempt: keep one, have the provider let the others go.",
    )
    AMOUNT_DIFFERS = (
        "amount_differs",
        "Another amount or currency was asked for than the order's: give back what is too much.",
    )
    NOT_PAID = (
        "not_paid",
        "A confirmed or shipped order without a good payment: look it up at the provider before anything is shipped.",
    )
    NOT_SETTLED = (
        "not_settled",
        "An order waits for a payment that is not where the order believes it: look it up at the provider.",
    )
    CHARGED_FOR_NOTHING = (
        "charged_for_nothing",
        "An order that is off, and money that may still be held or taken for it: let it go or give it back.",
    )
    ORDER_WITHOUT_SESSION = (
        "order_without_session",
        "An order whose checkout session is not there: its buyer's repeat would not find it. Restore the session.",
    )
    SESSION_WITHOUT_ORDER = (
        "session_without_order",
        "A checkout session that became an order that is not there: find the order in a backup.",
    )
    SESSION_DISAGREES = (
        "session_disagrees",
        "A checkout session and its order tell its buyer different things: set the session to what the order says.",
    )
    BOUGHT_TWICE = (
        "bought_twice",
        "One checkout session became two living orders: cancel one, and check orders_one_living_per_session.",
    )
    KEY_WITHOUT_ORDER = (
        "key_without_order",
        "A buyer's key is answered with an order that is not there: find the order in a backup.",
    )
    EVENT_WITHOUT_ORDER = (
        "event_without_order",
        "A platform is to be told of an order that is not there: find the order in a backup.",
    )
    NOT_TOLD = ("not_told", "A confirmed order whose buyer was never written to: send the confirmation.")
    TOLD_WRONGLY = (
        "told_wrongly",
        "A confirmation was written twice, or for an order that is not confirmed: write to the buyer.",
    )
    REFUNDS_DIFFER = (
        "refunds_differ",
        "What an order says was given back is not the sum of its refunds: compare with the provider.",
    )
    REFUND_NOT_COVERED = (
        "refund_not_covered",
        "A refund of money that was not taken for that order, or of more than was: compare with the provider.",
    )
    HOLD_PAST_END = (
        "hold_past_end",
        "An order holds units, and nobody looked for its payment in time: does the reconciler run, does the provider "
        "answer?",
    )
    CAPTURE_PAST_DUE = (
        "capture_past_due",
        "Money of an order that is to be shipped was not taken in time: does the finisher run?",
    )
    VOID_PAST_DUE = (
        "void_past_due",
        "A cancelled order's reservation was not let go in time: does the finisher run?",
    )
    REFUND_PAST_DUE = ("refund_past_due", "Promised money was not given back in time: does the finisher run?")
    LETTER_STUCK = (
        "letter_stuck",
        "A letter that is due and is passed by, or that ends whoever sends it: does the sender run? See its log.",
    )
    EVENT_STUCK = (
        "event_stuck",
        "A platform that is to be told and is passed by, or ends whoever tells it: do webhooks run? See the log.",
    )


class Check(msgspec.Struct, frozen=True):
    """One pair of statements in queries.sql, find_… and prove_…"""

    name: str
    promise: str  # what holds where nothing is found
    tables: tuple[str, ...]  # what it reads, whole or through an index
    kinds: tuple[Kind, ...]


CHECKS = (
    Check(
        "units",
        "On hand is free, claimed and sold; what is claimed or sold is in one order, claim or rain check",
        ("stock", "orders", "order_line", "claim"),
        (Kind.UNITS_CLAIMED, Kind.UNITS_SOLD, Kind.OVERSOLD),
    ),
    Check(
        "movements",
        "On hand is what came and went; what was shipped is in one order",
        ("stock", "stock_movement", "orders", "order_line"),
        (Kind.UNITS_ON_HAND, Kind.UNITS_SHIPPED),
    ),
    Check(
        "claims",
        "A deal's units are its claims, and those its orders; limits hold, and ends",
        ("deal", "claim", "orders", "order_line"),
        (Kind.DEAL_CLAIMED, Kind.DEAL_SOLD, Kind.LIMIT_PASSED, Kind.CLAIM_NOT_IN_ORDER, Kind.CLAIM_PAST_END),
    ),
    Check(
        "waiting",
        "Who waits for a deal stands in one place, and nobody is passed over",
        ("waiting", "claim"),
        (Kind.OFFER_WITHOUT_CLAIM, Kind.WAITS_TWICE, Kind.PASSED_OVER),
    ),
    Check(
        "rain_checks",
        "A grant's units are its rain checks, within what was set aside; each is in one order, or open until its end",
        ("rain_check_grant", "claim", "orders", "order_line"),
        (Kind.RAIN_CHECKS_DIFFER, Kind.RAIN_CHECK_NOT_IN_ORDER, Kind.RAIN_CHECK_PAST_END),
    ),
    Check(
        "codes",
        "A code's uses are its orders, never more than it has, for all and for each customer",
        ("discount_code", "code_use", "orders"),
        (Kind.CODE_COUNTED, Kind.CODE_OVERUSED, Kind.CODE_USE_NOT_IN_ORDER, Kind.ORDER_WITHOUT_CODE_USE),
    ),
    Check(
        "lines",
        "An order has lines and is their sum; a line has its claim",
        ("orders", "order_line", "claim"),
        (Kind.ORDER_WITHOUT_LINES, Kind.LINE_WITHOUT_ORDER, Kind.LINE_WITHOUT_CLAIM, Kind.SUMS_DIFFER),
    ),
    Check(
        "payments",
        "An order has one payment of its total, and they agree",
        ("orders", "payment_attempt"),
        (Kind.ORDER_WITHOUT_ATTEMPT, Kind.ATTEMPT_WITHOUT_ORDER, Kind.SECOND_ATTEMPT, Kind.AMOUNT_DIFFERS,
         Kind.NOT_PAID, Kind.NOT_SETTLED, Kind.CHARGED_FOR_NOTHING),
    ),
    Check(
        "sessions",
        "A session is bought once, and agrees with its order",
        ("orders", "checkout_session"),
        (Kind.ORDER_WITHOUT_SESSION, Kind.SESSION_WITHOUT_ORDER, Kind.SESSION_DISAGREES, Kind.BOUGHT_TWICE),
    ),
    Check(
        "names",
        "Keys and events name orders that are there",
        ("orders", "attempt_key", "order_event"),
        (Kind.KEY_WITHOUT_ORDER, Kind.EVENT_WITHOUT_ORDER),
    ),
    Check(
        "letters",
        "A confirmed order is confirmed to its buyer, once",
        ("orders", "outbox"),
        (Kind.NOT_TOLD, Kind.TOLD_WRONGLY),
    ),
    Check(
        "refunds",
        "What is given back was taken, and adds up",
        ("orders", "payment_attempt", "refund"),
        (Kind.REFUNDS_DIFFER, Kind.REFUND_NOT_COVERED),
    ),
    Check(
        "overdue",
        "No hold is past its end, no payment forgotten",
        ("orders", "payment_attempt", "refund"),
        (Kind.HOLD_PAST_END, Kind.CAPTURE_PAST_DUE, Kind.VOID_PAST_DUE, Kind.REFUND_PAST_DUE),
    ),
    Check("outbox", "No notice is stuck", ("outbox", "order_event"), (Kind.LETTER_STUCK, Kind.EVENT_STUCK)),
)  # fmt: skip

FactValue: TypeAlias = str | int | float | bool | None


class Row(msgspec.Struct, frozen=True):
    """One row of a proof: of a table, or a sum over it. No facts: there is no such row, and that is the proof."""

    table: str
    facts: Mapping[str, FactValue] | None


class Anomaly(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    kind: Kind
    subject: str  # order:<id>, sku:<sku>, …
    proof: tuple[Row, ...]


class Finding(msgspec.Struct, frozen=True):
    """All of one kind that one check found."""

    kind: Kind
    count: int
    shown: tuple[Anomaly, ...]  # the first SHOWN_MAX of them


class Checked(msgspec.Struct, frozen=True):
    """What one check came to."""

    name: str
    promise: str
    rows: int  # of the tables it judges
    findings: tuple[Finding, ...]

    @property
    def anomalies(self) -> int:
        return sum(finding.count for finding in self.findings)


class Report(msgspec.Struct, frozen=True):
    """The books at one moment."""

    began_at: datetime
    seconds: float
    checks: tuple[Checked, ...]

    @property
    def anomalies(self) -> int:
        return sum(check.anomalies for check in self.checks)

    def counts(self) -> dict[Kind, int]:
        """How many of every kind; zeros too."""
        found = {finding.kind: finding.count for check in self.checks for finding in check.findings}
        return {kind: found.get(kind, 0) for kind in Kind}

    def shown(self) -> tuple[Anomaly, ...]:
        """Everything that is shown with its proof."""
        return tuple(anomaly for check in self.checks for finding in check.findings for anomaly in finding.shown)
