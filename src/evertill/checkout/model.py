"""
The attempt to buy, from what is wanted to a signed quote.

    incomplete ◄──► ready ──► completing ──► completed
        │             │  ▲        │
        │             │  └────────┘ declined: the session may be tried again
        └─────────────┴──► canceled              (any of them expires with time)
"""

import enum
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.address import Address
from evertill.codes import Good, Taken
from evertill.deals.costing import Cost
from evertill.orders.details import Buyer


class SessionStatus(enum.StrEnum):
    """Where a checkout session stands."""

    INCOMPLETE = "incomplete"  # something is still needed, see its remarks
    READY = "ready"  # can be paid
    COMPLETING = "completing"  # an order is taken, its payment has not ended
    COMPLETED = "completed"  # the order is confirmed
    CANCELED = "canceled"


class Want(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line somebody wants."""

    sku: str
    quantity: int
    line_id: str = ""  # the client's own name for the line, if it gave one
    claim_id: UUID | None = None  # what holds its units, at a deal's price


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a client may say of a session; everything else is ours."""

    wants: tuple[Want, ...]
    buyer: Buyer | None = None
    address: Address | None = None
    delivery: str | None = None  # code of a delivery choice
    vouched: bool = False  # a platform known to us answers for the buyer's e-mail and address
    codes: tuple[str, ...] = ()  # as they were typed; one of them counts

    @property
    def email(self) -> str:
        """The buyer's; "" where it is not told."""
        return self.buyer.email if self.buyer else ""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line as it would be sold."""

    line_id: str
    sku: str
    title: str
    quantity: int
    unit_price_minor: int
    list_minor: int | None = None  # without its deal; None: at no deal's price
    deal_id: UUID | None = None
    claim_id: UUID | None = None  # what holds its units; None: they are taken when paying
    lowest_minor: int | None = None  # of the 30 days before its deal
    deal_title: str = ""
    takes_codes: bool = True  # its deal does, or it has none
    code_minor: int = 0  # what the session's code takes off this line

    @property
    def cost(self) -> Cost:
        """What one unit costs, beside what it costs without its deal."""
        list_minor = self.unit_price_minor if self.list_minor is None else self.list_minor
        return Cost(
            list_minor, self.unit_price_minor, self.deal_id, self.claim_id, self.lowest_minor, self.deal_title,
            self.takes_codes,
        )  # fmt: skip

    @property
    def good(self) -> Good:
        """It as a code sees it."""
        return Good(self.sku, self.quantity, self.total_minor, self.takes_codes)

    @property
    def total_minor(self) -> int:
        """Before a code."""
        return self.unit_price_minor * self.quantity


class Choice(msgspec.Struct, frozen=True):
    """One way to get the goods."""

    code: str
    title: str
    promise: str  # "2 to 3 working days"
    price_minor: int
    pickup: bool = False


class Quote(msgspec.Struct, frozen=True):
    """The totals at one moment. Source: checkout/quote.py states the order of sums and the rounding."""

    currency: str
    subtotal_minor: int
    delivery_minor: int
    tax_minor: int
    tax_included: bool
    tax_rate_bp: int
    total_minor: int
    discount_minor: int = 0  # what a code takes off the subtotal


class House(msgspec.Struct, frozen=True):
    """What the shop has decided once: where it stands and how it states prices."""

    country: str
    currency: str
    prices_include_tax: bool
    locale: str = "en_GB"  # how amounts are written in sentences


class Severity(enum.StrEnum):
    """How much a remark matters."""

    ERROR = "error"  # the session cannot be paid before this is mended
    WARNING = "warning"  # something is not as asked
    INFO = "info"


class Remark(msgspec.Struct, frozen=True):
    """Something the buyer must know about a session."""

    severity: Severity
    code: str  # stable: out_of_stock, quantity_adjusted, price_changed, address_invalid, …
    sentence: str
    field: str = ""  # what it is about: "wants.0.quantity", "address.postcode", "buyer.email", "codes.0"


class Terms(msgspec.Struct, frozen=True):
    """What a session offers and asks: everything worked out from a wish (the table's `doc`)."""

    wish: Wish
    lines: tuple[Line, ...]
    choices: tuple[Choice, ...]
    quote: Quote
    remarks: tuple[Remark, ...] = ()
    agent: msgspec.Raw = msgspec.Raw(b"null")  # what a protocol wants to remember, opaque here
    code: Taken | None = None  # the one that counts, and what it takes off


class Session(msgspec.Struct, frozen=True):
    """A checkout session as the table has it."""

    id: UUID
    status: SessionStatus
    channel: str
    owner: str
    customer_id: UUID | None
    order_id: UUID | None
    version: int
    terms: Terms
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    def expired(self, now: datetime) -> bool:
        """Whether its time is over; an order it made is not touched by that."""
        return self.status in (SessionStatus.INCOMPLETE, SessionStatus.READY) and now >= self.expires_at


class Completion(msgspec.Struct, frozen=True):
    """What pressing "pay" came to."""

    session: Session
    order_id: UUID
    order_number: str
    state: str  # pending, held, confirmed, declined; later shipped, cancelled
    reason: str | None  # why declined or held
    total_minor: int
    currency: str
