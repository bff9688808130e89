"""From what is wanted to terms: which lines can be sold, how they can be delivered, what it costs, what is missing."""

import re
from collections.abc import Mapping
from uuid import UUID

import msgspec

from evertill.address import check_address, is_country
from evertill.checkout.delivery import PICKUP, choices_for
from evertill.checkout.model import Choice, House, Line, Remark, SessionStatus, Severity, Terms, Want, Wish
from evertill.checkout.quote import quote
from evertill.checkout.redeeming import redeem
from evertill.codes import CODES_MAX, Rules
from evertill.deals.costing import Cost
from evertill.refusals import FieldProblem, Invalid

QUANTITY_MAX = 999
LINES_MAX = 100
# Letters of any script, and nothing that would end this address, or begin another, in the head of a letter.
_LETTER = r'[^@\s\x00-\x1f\x7f,;:<>()\[\]\\"]'
_EMAIL = re.compile(rf"{_LETTER}{{1,64}}@{_LETTER}{{1,189}}\.(?!\.){_LETTER}{{2,63}}(?<!\.)")


class Offered(msgspec.Struct, frozen=True):
    """What a SKU can be sold at this moment."""

    title: str
    cost: Cost  # of a unit that nobody has claimed
    free: int  # units left, 0 or more


class Held(msgspec.Struct, frozen=True):
    """Units that a claim holds for whoever asks."""

    sku: str
    quantity: int
    cost: Cost


def check_wish(wish: Wish) -> None:
    """
    Refuse what no offer could mend.

    Raises:
        Invalid: Naming each field.
    """
    problems: list[FieldProblem] = []
    if not 1 <= len(wish.wants) <= LINES_MAX:
        problems.append(FieldProblem("line_items", f"Between 1 and {LINES_MAX} lines."))
    for position, want in enumerate(wish.wants[:LINES_MAX]):
        if not 1 <= want.quantity <= QUANTITY_MAX:
            problems.append(
                FieldProblem(f"line_items.{position}.quantity", f"A whole number from 1 to {QUANTITY_MAX}.")
            )
        if not 1 <= len(want.sku) <= 120 or "\x00" in want.sku:
            problems.append(FieldProblem(f"line_items.{position}.item.id", "A SKU of 1 to 120 characters."))
    if len(wish.codes) > CODES_MAX or any("\x00" in code for code in wish.codes):
        problems.append(FieldProblem("discounts.codes", f"At most {CODES_MAX} codes."))
    if problems:
        raise Invalid(
            "invalid", " ".join(f"{problem.field}: {problem.problem}" for problem in problems), fields=problems
        )


def compose(
    wish: Wish,
    offers: Mapping[str, Offered],
    house: House,
    *,
    claims: Mapping[UUID, Held] | None = None,
    codes: Rules | None = None,
    agent: msgspec.Raw | None = None,
) -> tuple[Terms, SessionStatus]:
    """
    Work out the terms of a wish.

    A line that cannot be sold is left out, one that can be sold in part is cut, and a remark says so.

    Args:
        offers: What each wanted SKU can be sold at; a SKU that is missing is not on sale.

        claims: What the claims hold that the wish names; one that is missing holds nothing any more.

        codes: The codes that the wish names, to whoever asks; None: it names none.

    Returns:
        The terms and READY or INCOMPLETE; INCOMPLETE comes with a remark of severity ERROR for each need.
    """
    lines, remarks = _lines(wish, offers, claims or {})
    redeemed = redeem(wish.codes, lines, codes, house)
    lines, remarks = redeemed.lines, [*remarks, *redeemed.remarks]
    address = wish.address
    country: str | None = None
    if address is not None and is_country(address.country):
        country = address.country
    choices = choices_for(country, home=house.country)
    choice, choice_remarks = _choice(wish, choices)
    remarks += choice_remarks
    tidy, needs = _needs(wish, choice)
    remarks += needs
    goes_to = house.country if choice is None or choice.pickup or country is None else country
    terms = Terms(
        wish=tidy,
        lines=tuple(lines),
        choices=choices,
        quote=quote(
            lines, choice=choice, country=goes_to, currency=house.currency, tax_included=house.prices_include_tax
        ),
        remarks=tuple(remarks),
        agent=msgspec.Raw(b"null") if agent is None else agent,
        code=redeemed.taken,
    )
    missing = not lines or any(remark.severity is Severity.ERROR for remark in remarks)
    return terms, SessionStatus.INCOMPLETE if missing else SessionStatus.READY


def chosen(terms: Terms) -> Choice | None:
    """The delivery choice that was made, if it is one of those there are."""
    return next((choice for choice in terms.choices if choice.code == terms.wish.delivery), None)


def _lines(wish: Wish, offers: Mapping[str, Offered], claims: Mapping[UUID, Held]) -> tuple[list[Line], list[Remark]]:
    lines: list[Line] = []
    remarks: list[Remark] = []
    left = {want.sku: offers[want.sku].free for want in wish.wants if want.sku in offers}
    names: set[str] = set()
    for position, want in enumerate(wish.wants):
        offer = offers.get(want.sku)
        where = f"wants.{position}"
        if offer is None:
            remarks.append(Remark(Severity.WARNING, "item_unavailable", f"Article {want.sku} is not sold here.", where))
            continue
        cost = offer.cost
        held = _held(want, offer, claims)
        if held is not None:
            left[want.sku] += held.quantity  # counted already: it takes nothing from what is free
            cost = held.cost
        elif want.claim_id is not None and want.claim_id not in claims:
            sentence = f"{offer.title} is no longer held for you at the deal's price: this is its price of now."
            remarks.append(Remark(Severity.WARNING, "claim_over", sentence, where))
        quantity = min(want.quantity, left[want.sku])
        if quantity <= 0:
            remarks.append(Remark(Severity.WARNING, "out_of_stock", f"{offer.title} is sold out.", where))
            continue
        if quantity < want.quantity:
            sentence = f"Only {quantity} of {offer.title} left: the quantity was changed from {want.quantity}."
            remarks.append(Remark(Severity.WARNING, "quantity_adjusted", sentence, f"{where}.quantity"))
        left[want.sku] -= quantity
        name = want.line_id if want.line_id and want.line_id not in names else f"li_{position + 1}"
        while name in names:
            name += "_"
        names.add(name)
        lines.append(line_of(name, want.sku, offer.title, quantity, cost))
    return lines, remarks


def _held(want: Want, offer: Offered, claims: Mapping[UUID, Held]) -> Held | None:
    """What is claimed for a line, whole or not at all; not where it costs less without, and there are enough."""
    held = claims.get(want.claim_id) if want.claim_id is not None else None
    if held is None or (held.sku, held.quantity) != (want.sku, want.quantity):
        return None
    cheaper = offer.cost.price_minor < held.cost.price_minor and offer.free >= want.quantity
    return None if cheaper else held


def line_of(name: str, sku: str, title: str, quantity: int, cost: Cost) -> Line:
    """A line at what its units cost; without a deal nothing is said of one."""
    if cost.deal_id is None:
        return Line(name, sku, title, quantity, cost.price_minor)
    return Line(
        name, sku, title, quantity, cost.price_minor, cost.list_minor, cost.deal_id, cost.claim_id, cost.lowest_minor,
        cost.deal_title, cost.takes_codes,
    )  # fmt: skip


def _choice(wish: Wish, choices: tuple[Choice, ...]) -> tuple[Choice | None, list[Remark]]:
    if wish.delivery is None:
        return None, [Remark(Severity.ERROR, "delivery_needed", "Please choose how you want it delivered.", "delivery")]
    choice = next((choice for choice in choices if choice.code == wish.delivery), None)
    if choice is None:
        sentence = f"There is no delivery choice {wish.delivery[:40]!r} there."
        return None, [Remark(Severity.ERROR, "delivery_unavailable", sentence, "delivery")]
    return choice, []


def _needs(wish: Wish, choice: Choice | None) -> tuple[Wish, list[Remark]]:
    """The wish with its address made tidy, and what is still needed of buyer and address."""
    remarks: list[Remark] = []
    email = wish.buyer.email if wish.buyer else ""
    if email and (len(email) > 254 or not _EMAIL.fullmatch(email)):
        sentence = "This does not look like an e-mail address. It has the form name@example.com."
        remarks.append(Remark(Severity.ERROR, "email_invalid", sentence, "buyer.email"))
    elif not email and not wish.vouched:
        sentence = "We need an e-mail address to send the confirmation to."
        remarks.append(Remark(Severity.ERROR, "email_needed", sentence, "buyer.email"))
    if choice is PICKUP or (choice is not None and choice.pickup):
        return wish, remarks
    if wish.address is None:
        if choice is not None:
            remarks.append(Remark(Severity.ERROR, "address_needed", "Where should it go?", "address"))
        return wish, remarks
    tidy, problems = check_address(wish.address)
    if wish.vouched and is_country(wish.address.country):
        return wish, remarks
    remarks += [
        Remark(Severity.ERROR, "address_invalid", problem.problem, f"address.{problem.field}") for problem in problems
    ]
    return msgspec.structs.replace(wish, address=tidy), remarks
