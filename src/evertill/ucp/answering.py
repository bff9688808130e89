"""From our sessions and orders to the protocol's words."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.checkout.compose import chosen
from evertill.checkout.delivery import delivery_price
from evertill.checkout.model import Choice, Line, Remark, Session, SessionStatus, Severity, Terms
from evertill.codes import Kind, Why
from evertill.money import portion
from evertill.orders import Order, OrderState
from evertill.ucp.asking import Memo
from evertill.ucp.wire import (
    DISCOUNT,
    FULFILLMENT,
    Adjustment,
    Allocation,
    AppliedDiscount,
    AvailableMethod,
    BuyerAsked,
    CheckoutAnswer,
    Destination,
    DiscountsAnswer,
    Envelope,
    Expectation,
    FulfillmentAnswer,
    FulfillmentEvent,
    FulfillmentGroup,
    FulfillmentMethod,
    InstrumentUsed,
    Item,
    LineItem,
    LineUnits,
    Message,
    Option,
    OrderAnswer,
    OrderFulfillment,
    OrderLineItem,
    OrderMade,
    OrderQuantity,
    PaymentAnswer,
    Total,
    TotalLine,
)

_memo = msgspec.json.Decoder(Memo | None)

_STATUS = {
    SessionStatus.INCOMPLETE: "incomplete",
    SessionStatus.READY: "ready_for_complete",
    SessionStatus.COMPLETING: "complete_in_progress",
    SessionStatus.COMPLETED: "completed",
    SessionStatus.CANCELED: "canceled",
}
IN_PROGRESS = Message(
    type="info",
    code="payment_pending",
    content="The order is taken. Its payment will be confirmed: ask for this checkout again in a while.",
)
_EXPIRED = Message(type="info", code="session_expired", content="This checkout has expired. Start a new one.")
# Codes the standard names for what is missing; ours stay as they are.
_CODES = {
    "email_needed": "missing",
    "address_needed": "missing",
    "delivery_needed": "missing",
    Why.UNKNOWN.value: "discount_code_invalid",
    Why.NOT_YET.value: "discount_code_invalid",
    Why.OVER.value: "discount_code_expired",
    Why.USED_UP.value: "discount_code_expired",
    Why.YOURS_USED.value: "discount_code_user_ineligible",
    Why.NOBODY.value: "discount_code_user_not_logged_in",
    Why.BELOW_MINIMUM.value: "discount_code_invalid",
    Why.APPLIES_TO_NOTHING.value: "discount_code_combination_disallowed",
    Why.ONE_ONLY.value: "discount_code_combination_disallowed",
    Why.TWICE.value: "discount_code_already_applied",
}
_DESTINATION = "$.fulfillment.methods[0].destinations"
_PATHS = {
    "delivery": "$.fulfillment.methods[0].groups[0].selected_option_id",
    "buyer.email": "$.buyer.email",
    "address": _DESTINATION,
    "address.country": f"{_DESTINATION}[0].address_country",
    "address.name": f"{_DESTINATION}[0].first_name",
    "address.street": f"{_DESTINATION}[0].street_address",
    "address.city": f"{_DESTINATION}[0].address_locality",
    "address.region": f"{_DESTINATION}[0].address_region",
    "address.postcode": f"{_DESTINATION}[0].postal_code",
}


def memo_of(session: Session) -> Memo:
    """What a session remembers for us."""
    return _memo.decode(session.terms.agent) or Memo()


def checkout_answer(
    session: Session,
    *,
    name: str,
    envelope: Envelope,
    now: datetime,
    order: OrderMade | None = None,
    instrument: InstrumentUsed | None = None,
    messages: tuple[Message, ...] = (),
) -> CheckoutAnswer:
    """
    A session as a checkout.

    Args:
        name: Its public id.

        order: What it became, where it is completed.

        messages: What there is to say beyond the session's own remarks.
    """
    terms, memo = session.terms, memo_of(session)
    quote = terms.quote
    discounting = DISCOUNT in envelope.capabilities
    dealt = sum(_dealt(line) for line in terms.lines) if discounting else 0
    status = _STATUS[session.status]
    said = (*messages, *_messages(terms.remarks, session.status), *_claims(memo))
    if session.expired(now):
        status, said = "canceled", (_EXPIRED,)
    elif session.status is SessionStatus.COMPLETING:
        said = (*messages, IN_PROGRESS) if IN_PROGRESS not in messages else messages
    return CheckoutAnswer(
        ucp=envelope,
        id=name,
        status=status,
        currency=quote.currency,
        line_items=tuple(_line_item(line, dealt=_dealt(line) if discounting else 0) for line in terms.lines),
        totals=totals(
            quote.subtotal_minor + dealt,
            quote.discount_minor + dealt,
            quote.delivery_minor,
            quote.tax_minor,
            included=quote.tax_included,
            rate_bp=quote.tax_rate_bp,
        ),
        links=(),
        expires_at=session.expires_at,
        buyer=_buyer(session),
        fulfillment=_fulfillment(session, memo) if FULFILLMENT in envelope.capabilities else None,
        discounts=_discounts(terms) if discounting else None,
        messages=said,
        payment=PaymentAnswer((instrument,)) if instrument else None,
        order=order,
    )


def unavailable(session: Session) -> tuple[Message, ...]:
    """Why nothing of what was asked for can be sold."""
    return tuple(
        Message("error", remark.code, remark.sentence, severity="unrecoverable", path=_request_path(remark.field))
        for remark in session.terms.remarks
        if remark.field.startswith("wants.")
    )


def standard_code(code: str) -> str:
    """A remark's code in the standard's word, where it has one."""
    return _CODES.get(code, code)


def totals(
    subtotal_minor: int, discount_minor: int, delivery_minor: int, tax_minor: int, *, included: bool, rate_bp: int
) -> tuple[Total, ...]:
    """
    Amounts that add up to the last one. Discounts are all of lines, and negative.

    Prices that contain tax say so in the lines under them, since an entry of type tax would be added to the sum.
    """
    goods_tax = portion(subtotal_minor, rate_bp=rate_bp, of_included=included) if included else 0
    paid_tax = portion(subtotal_minor - discount_minor, rate_bp=rate_bp, of_included=included) if included else 0
    delivery_tax = tax_minor - paid_tax if included else 0
    said = " (incl. VAT)" if included and rate_bp else ""
    entries = [
        Total("subtotal", subtotal_minor, f"Subtotal{said}", _parts("Goods", subtotal_minor, goods_tax, rate_bp))
    ]
    if discount_minor:
        parts = _parts("Discount", discount_minor, goods_tax - paid_tax, rate_bp)
        parts = tuple(TotalLine(part.display_text, -part.amount) for part in parts)
        entries.append(Total("items_discount", -discount_minor, f"Discount{said}", parts))
    if delivery_minor:
        parts = _parts("Delivery", delivery_minor, delivery_tax, rate_bp)
        entries.append(Total("fulfillment", delivery_minor, f"Delivery{said}", parts))
    if not included and tax_minor:
        entries.append(Total("tax", tax_minor, f"VAT {_percent(rate_bp)}"))
    total = sum(entry.amount for entry in entries)
    return (*entries, Total("total", total, f"Total{said}"))


def _parts(what: str, gross_minor: int, tax_minor: int, rate_bp: int) -> tuple[TotalLine, ...]:
    if tax_minor <= 0 or tax_minor >= gross_minor:
        return ()
    return (
        TotalLine(f"{what} excl. VAT", gross_minor - tax_minor),
        TotalLine(f"VAT {_percent(rate_bp)} (included)", tax_minor),
    )


def _percent(rate_bp: int) -> str:
    return f"{rate_bp / 100:g}%"


def _line_item(line: Line, *, dealt: int) -> LineItem:
    """A line: where its deal is told as a discount, at its list price."""
    return LineItem(
        line.line_id,
        Item(line.sku, line.title, line.unit_price_minor + dealt // line.quantity),
        line.quantity,
        line_totals(line.total_minor + dealt, line.code_minor + dealt),
    )


def line_totals(subtotal_minor: int, discount_minor: int) -> tuple[Total, ...]:
    """A line's amounts, that add up to its last one."""
    discount = (Total("items_discount", -discount_minor),) if discount_minor else ()
    return (Total("subtotal", subtotal_minor), *discount, Total("total", subtotal_minor - discount_minor))


def _dealt(line: Line) -> int:
    """What its deal takes off a line: of one unit, so many times."""
    return (line.cost.list_minor - line.unit_price_minor) * line.quantity


def _discounts(terms: Terms) -> DiscountsAnswer:
    """Deals, which count by themselves, in the order of their lines; then the code."""
    by_deal: dict[UUID, list[tuple[int, Line]]] = {}
    for position, line in enumerate(terms.lines):
        if line.deal_id is not None and _dealt(line):
            by_deal.setdefault(line.deal_id, []).append((position, line))
    applied = [
        AppliedDiscount(
            lines[0][1].deal_title or "Deal",
            sum(_dealt(line) for _, line in lines),
            "each",
            1,
            tuple(Allocation(f"$.line_items[{position}]", _dealt(line)) for position, line in lines),
            automatic=True,
        )
        for lines in by_deal.values()
    ]
    if terms.code is not None:
        percent = terms.code.kind is Kind.PERCENT
        allocations = tuple(
            Allocation(f"$.line_items[{position}]", line.code_minor)
            for position, line in enumerate(terms.lines)
            if line.code_minor
        )
        title = f"{terms.code.value / 100:g}% off" if percent else "Off with a code"
        method = "each" if percent else "across"
        applied.append(AppliedDiscount(title, terms.code.amount_minor, method, 2, allocations, code=terms.code.code))
    return DiscountsAnswer(terms.wish.codes, tuple(applied))


def _buyer(session: Session) -> BuyerAsked | None:
    buyer = session.terms.wish.buyer
    if buyer is None:
        return None
    return BuyerAsked(
        first_name=buyer.first_name or None,
        last_name=buyer.last_name or None,
        email=buyer.email or None,
        phone_number=buyer.phone or None,
    )


def _messages(remarks: Sequence[Remark], status: SessionStatus) -> tuple[Message, ...]:
    """A session's remarks; those about what is needed only while something can still be given."""
    dropped: list[int] = []
    said = []
    for remark in remarks:
        path = _PATHS.get(remark.field, "")
        if remark.field.startswith("wants."):
            position = int(remark.field.split(".")[1])
            if remark.field.endswith(".quantity"):
                index = position - sum(1 for other in dropped if other < position)
                path = f"$.line_items[{index}].quantity"
            else:
                dropped.append(position)
                path = "$.line_items"
        elif remark.field.startswith("codes."):
            path = f"$.discounts.codes[{remark.field.partition('.')[2]}]"
        code = standard_code(remark.code)
        if remark.severity is not Severity.ERROR:
            said.append(Message(remark.severity.value, code, remark.sentence, path=path))
        elif status is SessionStatus.INCOMPLETE:
            said.append(Message("error", code, remark.sentence, severity="recoverable", path=path))
    return tuple(said)


def _claims(memo: Memo) -> tuple[Message, ...]:
    return tuple(
        Message(
            "warning",
            "eligibility_not_accepted",
            f"We know no such benefit: {claim[:80]}. Prices are the same for everybody.",
            path=f"$.context.eligibility[{position}]",
        )
        for position, claim in enumerate(memo.claims)
    )


def _request_path(field: str) -> str:
    parts = field.split(".")
    return f"$.line_items[{parts[1]}]"


def _fulfillment(session: Session, memo: Memo) -> FulfillmentAnswer:
    terms = session.terms
    lines = tuple(line.line_id for line in terms.lines)
    shipping = memo.type == "shipping"
    choices = [choice for choice in terms.choices if choice.pickup is not shipping]
    selected = chosen(terms)
    group = FulfillmentGroup(
        memo.group_id,
        lines,
        options=tuple(_option(choice, terms.quote.subtotal_minor) for choice in choices),
        selected_option_id=selected.code if selected else None,
    )
    method = FulfillmentMethod(
        memo.method_id,
        "shipping" if shipping else "pickup",
        lines,
        # A place to collect from has no destination: in the standard's schema one would be valid as an address too,
        # and must be valid as one of the two only.
        destinations=memo.destinations if shipping else (),
        selected_destination_id=_selected_destination(memo) if shipping else None,
        groups=(group,),
    )
    hint = AvailableMethod("shipping", lines, "Delivered to an address: ask for a method of type shipping.")
    return FulfillmentAnswer((method,), available_methods=(hint,) if not memo.type else ())


def _selected_destination(memo: Memo) -> str | None:
    if memo.selected_destination_id is None and len(memo.destinations) == 1:
        return memo.destinations[0].id
    return memo.selected_destination_id


def _option(choice: Choice, subtotal_minor: int) -> Option:
    price = delivery_price(choice, subtotal_minor)
    return Option(choice.code, choice.title, choice.promise, (Total("fulfillment", price), Total("total", price)))


class Refund(msgspec.Struct, frozen=True):
    """Money given back, or on its way back."""

    id: UUID
    amount_minor: int
    state: str  # recorded, done, failed
    reason: str
    recorded_at: datetime


def order_answer(
    order: Order,
    session: Session,
    refunds: Sequence[Refund],
    *,
    made: OrderMade,
    checkout_name: str,
    envelope: Envelope,
) -> OrderAnswer:
    """
    An order, with the session it came from.

    Args:
        made: Its public id, number and page.

        checkout_name: The session's public id.
    """
    named = _line_names(order, session)
    gone = order.state is OrderState.CANCELLED
    shipped = order.state is OrderState.SHIPPED
    lines = []
    for line, line_id in zip(order.lines, named, strict=True):
        total = 0 if gone else line.total_minor
        quantity = OrderQuantity(line.quantity, 0 if gone else line.quantity, line.quantity if shipped else 0)
        lines.append(
            OrderLineItem(
                line_id,
                Item(line.sku, line.title, line.unit_price_minor),
                quantity,
                line_totals(total, 0 if gone else line.code_minor),
                "removed" if gone else "fulfilled" if shipped else "processing",
            )
        )
    units = tuple(LineUnits(line_id, line.quantity) for line, line_id in zip(order.lines, named, strict=True))
    return OrderAnswer(
        ucp=envelope,
        id=made.id,
        label=made.label,
        checkout_id=checkout_name,
        permalink_url=made.permalink_url,
        currency=order.currency,
        line_items=tuple(lines),
        fulfillment=_order_fulfillment(order, units, expected=not gone),
        totals=totals(
            order.subtotal_minor,
            order.discount_minor,
            order.delivery_minor,
            order.tax_minor,
            included=order.tax_included,
            rate_bp=session.terms.quote.tax_rate_bp,
        ),
        adjustments=_adjustments(order, units, refunds),
    )


def _line_names(order: Order, session: Session) -> list[str]:
    """The ids the lines had in the checkout."""
    lines = session.terms.lines
    if session.order_id == order.id and len(lines) == len(order.lines):
        return [line.line_id for line in lines]
    return [f"li_{line.line}" for line in order.lines]


def _order_fulfillment(order: Order, units: tuple[LineUnits, ...], *, expected: bool) -> OrderFulfillment:
    details = order.details
    expectation = Expectation(
        "exp_1",
        units,
        "shipping" if details.address else "pickup",
        _destination(order),
        f"{details.delivery_title}: {details.delivery_promise}",
        "now",
    )
    event = None
    if order.shipped_at is not None:
        event = FulfillmentEvent("fe_1", order.shipped_at, "shipped", units, "Handed to the carrier.")
    return OrderFulfillment((expectation,) if expected else (), (event,) if event else ())


def _destination(order: Order) -> Destination:
    address = order.details.address
    if address is None:
        return Destination()
    first, _, last = address.name.rpartition(" ")
    street, _, extended = address.street.partition("\n")
    return Destination(
        first_name=(first or last) or None,
        last_name=(last if first else "") or None,
        street_address=street or None,
        extended_address=extended or None,
        address_locality=address.city or None,
        address_region=address.region or None,
        address_country=address.country or None,
        postal_code=address.postcode or None,
    )


_REFUND_STATUS = {"recorded": "pending", "done": "completed", "failed": "failed"}


def _adjustments(order: Order, units: tuple[LineUnits, ...], refunds: Sequence[Refund]) -> tuple[Adjustment, ...]:
    """What changed after the purchase: called off as a whole, money given back."""
    adjustments = [
        Adjustment(
            refund.id.hex,
            "refund",
            refund.recorded_at,
            _REFUND_STATUS[refund.state],
            totals=(Total("total", -refund.amount_minor),),
            description=refund.reason,
        )
        for refund in refunds
    ]
    if order.cancelled_at is not None:
        adjustments.append(
            Adjustment(
                "cancellation",
                "cancellation",
                order.cancelled_at,
                "completed",
                tuple(LineUnits(unit.id, -unit.quantity) for unit in units),
                (Total("total", -order.total_minor),),
                order.state_reason or "",
            )
        )
    return tuple(adjustments)
