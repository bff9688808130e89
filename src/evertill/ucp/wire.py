"""
The standard's JSON as types: what may be asked, and what is answered.

Requests are read leniently where the standard says that a field is ours (ids, prices, totals sent along are
ignored) and strictly where it is the platform's. Source: https://ucp.dev/2026-04-08/schemas/shopping/.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from evertill.codes import CODES_MAX

VERSION = "2026-04-08"

CHECKOUT = "dev.ucp.shopping.checkout"
DISCOUNT = "dev.ucp.shopping.discount"
FULFILLMENT = "dev.ucp.shopping.fulfillment"
ORDER = "dev.ucp.shopping.order"

# Said, and checked where it can matter (asking.py): a pattern on every text would be run for every text.
_NO_NUL = {"pattern": r"^[^\u0000]*$"}

Text = Annotated[str, Meta(max_length=200, extra_json_schema=_NO_NUL)]
Name = Annotated[str, Meta(max_length=100, extra_json_schema=_NO_NUL)]  # an id somebody else made
# JSON knows one kind of number: 2.0 is the whole number 2, and some clients write it so.
Units = Annotated[int, Meta(ge=1, le=999)] | Annotated[float, Meta(ge=1, le=999, multiple_of=1)]

# ---------------------------------------------------------------- asked


class ItemAsked(msgspec.Struct, frozen=True):
    """What is wanted; everything but its SKU is ours to say."""

    id: Annotated[str, Meta(min_length=1, max_length=120, description="The SKU.", extra_json_schema=_NO_NUL)]


class LineAsked(msgspec.Struct, frozen=True):
    """One line that is wanted."""

    item: ItemAsked
    quantity: Units
    id: Name | None = None


class BuyerAsked(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who buys."""

    first_name: Text | None = None
    last_name: Text | None = None
    email: Annotated[str, Meta(max_length=254, extra_json_schema=_NO_NUL)] | None = None
    phone_number: Annotated[str, Meta(max_length=40, extra_json_schema=_NO_NUL)] | None = None


class Destination(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where to."""

    id: Name | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    street_address: Text | None = None
    extended_address: Text | None = None
    address_locality: Text | None = None
    address_region: Text | None = None
    address_country: Text | None = None
    postal_code: Text | None = None
    phone_number: Text | None = None


class GroupAsked(msgspec.Struct, frozen=True):
    """One parcel, and the way chosen for it."""

    id: Name | None = None
    selected_option_id: Name | None = None


class MethodAsked(msgspec.Struct, frozen=True):
    """Shipping or pickup."""

    type: Annotated[str, Meta(pattern="^(shipping|pickup)$")] = "shipping"
    id: Name | None = None
    destinations: Annotated[tuple[Destination, ...], Meta(max_length=10)] | None = None
    selected_destination_id: Name | None = None
    groups: Annotated[tuple[GroupAsked, ...], Meta(max_length=100)] | None = None


class FulfillmentAsked(msgspec.Struct, frozen=True):
    """How the goods are to come. We send everything in one way: the first method counts."""

    methods: Annotated[tuple[MethodAsked, ...], Meta(max_length=10)] | None = None


class ContextAsked(msgspec.Struct, frozen=True):
    """What the platform says about the buyer."""

    eligibility: Annotated[tuple[Text, ...], Meta(max_length=20)] | None = None


class DiscountsAsked(msgspec.Struct, frozen=True):
    """The codes of a checkout; they replace those before. What is applied is ours to say."""

    codes: Annotated[tuple[Name, ...], Meta(max_length=CODES_MAX)] = ()


class CheckoutAsked(msgspec.Struct, frozen=True):
    """All that a platform may say of a checkout; an update replaces it whole."""

    line_items: Annotated[tuple[LineAsked, ...], Meta(min_length=1, max_length=100)]
    buyer: BuyerAsked | None = None
    fulfillment: FulfillmentAsked | None = None
    context: ContextAsked | None = None
    discounts: DiscountsAsked | None = None


class CredentialAsked(msgspec.Struct, frozen=True):
    """A token of the payment handler's; never a card number."""

    token: Annotated[str, Meta(min_length=1, max_length=255, pattern="^[!-~]+$")]
    type: Name = "token"


class InstrumentAsked(msgspec.Struct, frozen=True):
    """One way to pay."""

    credential: CredentialAsked
    id: Name = "instrument"
    type: Name = "card"
    handler_id: Name | None = None
    selected: bool = False


class PaymentAsked(msgspec.Struct, frozen=True):
    """How it is paid: one instrument, or several of which one is selected."""

    instruments: Annotated[tuple[InstrumentAsked, ...], Meta(min_length=1, max_length=10)]


class CompleteAsked(msgspec.Struct, frozen=True):
    """Pay."""

    payment: PaymentAsked


# ---------------------------------------------------------------- answered


class CapabilityInUse(msgspec.Struct, frozen=True):
    """A capability at the version in use."""

    version: str


class Instruments(msgspec.Struct, frozen=True):
    """A kind of instrument that a handler takes."""

    type: str


class HandlerConfig(msgspec.Struct, frozen=True):
    """What a platform must know of a handler."""

    environment: str


class Handler(msgspec.Struct, frozen=True, omit_defaults=True):
    """A payment handler that a checkout offers."""

    id: str
    version: str
    available_instruments: tuple[Instruments, ...]
    config: HandlerConfig
    spec: str = ""
    schema: str = ""


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """The protocol's part of an answer."""

    version: str
    capabilities: dict[str, tuple[CapabilityInUse, ...]]
    status: str = ""  # "error": there is no resource, see messages
    payment_handlers: dict[str, tuple[Handler, ...]] = {}


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something to know about a resource."""

    type: str  # error, warning, info
    code: str
    content: str
    severity: str = ""  # of an error: recoverable, unrecoverable
    path: str = ""  # JSONPath to what it is about


class TotalLine(msgspec.Struct, frozen=True):
    """What an amount consists of."""

    display_text: str
    amount: int


class Total(msgspec.Struct, frozen=True, omit_defaults=True):
    """An amount in minor units; those above the total add up to it."""

    type: str
    amount: int
    display_text: str = ""
    lines: tuple[TotalLine, ...] = ()


class Item(msgspec.Struct, frozen=True):
    """What is sold, at its price in minor units."""

    id: str
    title: str
    price: int


class LineItem(msgspec.Struct, frozen=True):
    """One line as it would be sold."""

    id: str
    item: Item
    quantity: int
    totals: tuple[Total, ...]


class Option(msgspec.Struct, frozen=True):
    """One way for a parcel to come."""

    id: str
    title: str
    description: str
    totals: tuple[Total, ...]


class FulfillmentGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """One parcel."""

    id: str
    line_item_ids: tuple[str, ...]
    options: tuple[Option, ...] = ()
    selected_option_id: str | None = None


class FulfillmentMethod(msgspec.Struct, frozen=True, omit_defaults=True):
    """Shipping or pickup."""

    id: str
    type: str
    line_item_ids: tuple[str, ...]
    destinations: tuple[Destination, ...] = ()
    selected_destination_id: str | None = None
    groups: tuple[FulfillmentGroup, ...] = ()


class AvailableMethod(msgspec.Struct, frozen=True):
    """Another way the goods could come, to be asked for."""

    type: str
    line_item_ids: tuple[str, ...]
    description: str


class FulfillmentAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the goods will come."""

    methods: tuple[FulfillmentMethod, ...]
    available_methods: tuple[AvailableMethod, ...] = ()


class InstrumentUsed(msgspec.Struct, frozen=True):
    """The instrument that was used. Its credential is never sent back."""

    id: str
    handler_id: str
    type: str
    selected: bool


class PaymentAnswer(msgspec.Struct, frozen=True):
    """How it was paid."""

    instruments: tuple[InstrumentUsed, ...]


class Allocation(msgspec.Struct, frozen=True):
    """What of a discount is of one line."""

    path: str  # JSONPath
    amount: int


class AppliedDiscount(msgspec.Struct, frozen=True, omit_defaults=True):
    """A discount that counts: a deal, by itself, or a code. Amounts are positive, and the sum of their allocations."""

    title: str
    amount: int
    method: str  # each: of each line by itself; across: of all lines together
    priority: int  # deals before codes
    allocations: tuple[Allocation, ...]
    code: str = ""
    automatic: bool = False


class DiscountsAnswer(msgspec.Struct, frozen=True):
    """The codes that were asked for, as they were, and what counts; of one that does not a message says why."""

    codes: tuple[str, ...]
    applied: tuple[AppliedDiscount, ...]


class OrderMade(msgspec.Struct, frozen=True):
    """The order that a checkout became."""

    id: str
    label: str
    permalink_url: str


class Link(msgspec.Struct, frozen=True):
    """A page that belongs to a checkout."""

    type: str
    url: str


class CheckoutAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A checkout."""

    ucp: Envelope
    id: str
    status: str
    currency: str
    line_items: tuple[LineItem, ...]
    totals: tuple[Total, ...]
    links: tuple[Link, ...]
    expires_at: datetime
    buyer: BuyerAsked | None = None
    fulfillment: FulfillmentAnswer | None = None
    discounts: DiscountsAnswer | None = None
    messages: tuple[Message, ...] = ()
    payment: PaymentAnswer | None = None
    order: OrderMade | None = None
    continue_url: str = ""


class ErrorAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """There is no resource, and why: a business outcome, answered with 200."""

    ucp: Envelope
    messages: tuple[Message, ...]
    continue_url: str = ""


class ProtocolError(msgspec.Struct, frozen=True, omit_defaults=True):
    """The request could not be carried out; nothing was done."""

    code: str
    content: str
    continue_url: str = ""


class OrderQuantity(msgspec.Struct, frozen=True):
    """Units of an order's line: bought, still wanted, and on their way."""

    original: int
    total: int
    fulfilled: int


class OrderLineItem(msgspec.Struct, frozen=True):
    """One line of an order."""

    id: str
    item: Item
    quantity: OrderQuantity
    totals: tuple[Total, ...]
    status: str  # processing, partial, fulfilled, removed


class LineUnits(msgspec.Struct, frozen=True):
    """So many units of a line."""

    id: str
    quantity: int


class Expectation(msgspec.Struct, frozen=True):
    """What the buyer may expect."""

    id: str
    line_items: tuple[LineUnits, ...]
    method_type: str
    destination: Destination
    description: str
    fulfillable_on: str


class FulfillmentEvent(msgspec.Struct, frozen=True):
    """What has happened to a parcel."""

    id: str
    occurred_at: datetime
    type: str
    line_items: tuple[LineUnits, ...]
    description: str


class OrderFulfillment(msgspec.Struct, frozen=True):
    """What is expected and what has happened."""

    expectations: tuple[Expectation, ...]
    events: tuple[FulfillmentEvent, ...]


class Adjustment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What changed after the purchase: quantities and amounts are signed."""

    id: str
    type: str
    occurred_at: datetime
    status: str
    line_items: tuple[LineUnits, ...] = ()
    totals: tuple[Total, ...] = ()
    description: str = ""


class OrderAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order."""

    ucp: Envelope
    id: str
    label: str
    checkout_id: str
    permalink_url: str
    currency: str
    line_items: tuple[OrderLineItem, ...]
    fulfillment: OrderFulfillment
    totals: tuple[Total, ...]
    adjustments: tuple[Adjustment, ...] = ()
