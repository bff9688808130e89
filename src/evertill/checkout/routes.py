"""
The checkout's pages: where to, how, then look at it all and pay.

    /checkout                  e-mail and address; opens a session from the cart
    /checkout/{session}        the same again, to change it
    /checkout/{session}/delivery
    /checkout/{session}/pay    everything at a glance; the button that buys
    /checkout/{session}/code   a code is put in, or taken out again

Each step posts to its own address and leads on with 303. The API (ucp/) calls the same verbs.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill import cart
from evertill.address import countries, country_name, needed_fields
from evertill.checkout.compose import chosen
from evertill.checkout.delivery import delivery_price
from evertill.checkout.model import Session, SessionStatus, Severity, Want, Wish
from evertill.checkout.placing import NotPlaced, Placing
from evertill.checkout.sessions import Opening, Revision, get_session, no_such_session, not_changeable
from evertill.codes import CODE_CHARACTERS, Why
from evertill.codes.guessing import BY_BROWSER, count_guess, take_guess_back
from evertill.customers.tries import network_of
from evertill.deals.standing import HeldUntil, held_until
from evertill.idempotency import Key, fingerprint_of
from evertill.ids import new_id
from evertill.orders import Address, Buyer, OrderState, order_link
from evertill.payments.sandbox import TOKENS, sentence_of
from evertill.refusals import FieldProblem, Invalid, Refusal, TooMany
from evertill.shop import Shop
from evertill.waitingroom.checking import check_line, note_bought
from evertill.web.browser import ShopRequest, Visitor, read_form, shop_of, visitor_of
from evertill.web.rendering import page, see_other

_SEAL = "checkout-session"
_KEY = re.compile(r"[0-9a-f-]{36}")
_PHONE_CHARACTERS = 40
_PHONE = re.compile(
    r"(?=(?:\D*[0-9]){5})[0-9+(][0-9 ().+/-]*(?:(?:x|ext\.?) ?[0-9]+)?", re.IGNORECASE
)  # for a courier to dial

# What the form calls its fields, and what a remark calls them; in the order of the page.
_ADDRESS_FIELDS = ("email", "country", "name", "street", "street2", "city", "postcode", "region", "phone")
_STEPS = ("Address", "Delivery", "Pay")


@get("/checkout")
async def start(request: ShopRequest) -> Response[str] | Redirect:
    """Where to? From the cart as it is."""
    visitor = await visitor_of(request)
    wanted = await _cart_of(request)
    if not wanted.ready:
        return await see_other(request, "/cart")
    check_line(request, visitor, {line.sku for line in wanted.lines}, onwards="/checkout")
    filled = {"country": shop_of(request).settings.country}
    if visitor.customer:
        filled |= {"email": visitor.customer.email, "name": visitor.customer.name}
    return await _address_page(request, filled, action="/checkout")


@post("/checkout", status_code=303)
async def open_session(request: ShopRequest) -> Response[str] | Redirect:
    """Open a session for what is in the cart, to go there."""
    form = await read_form(request)
    shop, visitor = shop_of(request), await visitor_of(request)
    wanted = await _cart_of(request)
    if not wanted.ready:
        return await see_other(request, "/cart")
    check_line(request, visitor, {line.sku for line in wanted.lines}, onwards="/checkout")
    wish = Wish(
        wants=tuple(
            Want(line.sku, line.quantity, claim_id=line.held.id if line.held else None) for line in wanted.lines
        ),
        buyer=_buyer(form),
        address=_address(form),
    )
    try:
        session = await shop.sessions.open(
            Opening(_key(visitor, form, "open", ""), wish, "web", visitor.owner, _customer_id(visitor), shop.clock())
        )
    except Invalid as refusal:
        return await _address_page(request, form, action="/checkout", problems=refusal.fields, refusal=refusal)
    problems = _address_problems(session, form)
    if problems:
        return await _address_page(request, form, action=_path(shop, session), problems=problems)
    return await see_other(request, _path(shop, session, "delivery"))


@get("/checkout/{sealed:str}")
async def address_again(request: ShopRequest, sealed: FromPath[str]) -> Response[str] | Redirect:
    """The address of a session, to be changed."""
    session = await _session(request, sealed)
    if elsewhere := await _ended(request, session):
        return elsewhere
    return await _address_page(request, _filled(session), action=_path(shop_of(request), session), session=session)


@post("/checkout/{sealed:str}", status_code=303)
async def change_address(request: ShopRequest, sealed: FromPath[str]) -> Response[str] | Redirect:
    """Another address for a session."""
    form = await read_form(request)
    session = await _session(request, sealed)
    if elsewhere := await _ended(request, session):
        return elsewhere
    wish = msgspec.structs.replace(session.terms.wish, buyer=_buyer(form), address=_address(form))
    session = await _revise(request, session, wish, form)
    problems = _address_problems(session, form)
    if problems:
        action = _path(shop_of(request), session)
        return await _address_page(request, form, action=action, problems=problems, session=session)
    return await see_other(request, _path(shop_of(request), session, "delivery"))


@get("/checkout/{sealed:str}/delivery")
async def delivery(request: ShopRequest, sealed: FromPath[str]) -> Response[str] | Redirect:
    """How? By where it goes."""
    session = await _session(request, sealed)
    if elsewhere := await _ended(request, session):
        return elsewhere
    return await _delivery_page(request, session)


@post("/checkout/{sealed:str}/delivery", status_code=303)
async def choose_delivery(request: ShopRequest, sealed: FromPath[str]) -> Response[str] | Redirect:
    """Choose one of the ways."""
    form = await read_form(request)
    session = await _session(request, sealed)
    if elsewhere := await _ended(request, session):
        return elsewhere
    code = form.get("delivery", "")
    if code not in {choice.code for choice in session.terms.choices}:
        problem = FieldProblem("delivery", "Please choose one of these.")
        return await _delivery_page(request, session, problems=(problem,))
    wish = msgspec.structs.replace(session.terms.wish, delivery=code)
    session = await _revise(request, session, wish, form)
    if claims := _claims(session):  # what is held is held while one pays
        shop, visitor = shop_of(request), await visitor_of(request)
        await shop.claims.extend(claims, holder=visitor.owner, customer_id=_customer_id(visitor))
    return await see_other(request, _path(shop_of(request), session, "pay"))


@get("/checkout/{sealed:str}/pay")
async def pay_page(request: ShopRequest, sealed: FromPath[str]) -> Response[str] | Redirect:
    """Everything at a glance, and how to pay."""
    session = await _session(request, sealed)
    if elsewhere := await _ended(request, session):
        return elsewhere
    if chosen(session.terms) is None:
        return await see_other(request, _path(shop_of(request), session, "delivery"))
    return await _pay_page(request, session)


@post("/checkout/{sealed:str}/pay", status_code=303)
async def pay(request: ShopRequest, sealed: FromPath[str]) -> Response[str] | Redirect:
    """Buy. Pressing twice, going back, two tabs: all lead to the one order."""
    form = await read_form(request)
    shop, visitor = shop_of(request), await visitor_of(request)
    session = await _session(request, sealed)
    total, method = form.get("total_minor", ""), form.get("method", "")
    placing = Placing(
        key=_key(visitor, form, "complete", sealed),
        session_id=session.id,
        owner=visitor.owner,
        method=method,
        total_minor=int(total) if total.isascii() and total.isdigit() and len(total) < 16 else -1,
        now=shop.clock(),
    )
    try:
        answer = await shop.checkout.complete(placing)
    except Invalid as refusal:
        return await _pay_page(request, session, refusal=_beside_the_cards(refusal), method=method)
    if isinstance(answer, NotPlaced):
        refused = Invalid(answer.code, answer.sentence)
        return await _pay_page(request, answer.session, refusal=refused, method=method)
    if answer.state == OrderState.DECLINED:
        return await _pay_page(request, answer.session, refusal=_declined(answer.reason), method=method)
    await _empty_cart(request, answer.session)
    note_bought(request, visitor)
    return await see_other(request, order_link(shop.signer, answer.order_id))


@post("/checkout/{sealed:str}/code", status_code=303)
async def change_code(request: ShopRequest, sealed: FromPath[str]) -> Response[str] | Redirect:
    """Put a code in, or take it out. One that takes nothing off leaves the session as it was, and why is said."""
    form = await read_form(request)
    session = await _session(request, sealed)
    if elsewhere := await _ended(request, session):
        return elsewhere
    before = session.terms.wish
    if form.get("verb") == "remove":
        await _revise(request, session, msgspec.structs.replace(before, codes=()), form)
        return await see_other(request, _path(shop_of(request), session, "pay"))
    typed = form.get("code", "")[: CODE_CHARACTERS.stop].strip()
    if not typed:
        problem = FieldProblem("code", "Type the code, or leave it: your order needs none.")
        return await _pay_page(request, session, code_problem=problem)
    try:
        session = await _try_code(request, session, typed, form)
    except TooMany as refusal:
        answer = await _pay_page(
            request, session, code_problem=FieldProblem("code", refusal.sentence), typed=typed, status=refusal.status
        )
        answer.headers["Retry-After"] = str(refusal.retry_after_seconds)
        return answer
    if session.terms.code is not None:
        return await see_other(request, _path(shop_of(request), session, "pay"))
    said = next(
        (remark.sentence for remark in session.terms.remarks if remark.field == "codes.0"), "It takes nothing off."
    )
    session = await _revise(request, session, before, {})
    return await _pay_page(request, session, code_problem=FieldProblem("code", said), typed=typed)


async def _try_code(request: ShopRequest, session: Session, typed: str, form: Mapping[str, str]) -> Session:
    """The session with that code, whether it holds or not; a guess is counted."""
    shop, visitor = shop_of(request), await visitor_of(request)
    network, now = network_of(request.client.host if request.client else None), shop.clock()
    await count_guess(shop.desk, BY_BROWSER, who=visitor.owner, network=network, now=now)
    session = await _revise(request, session, msgspec.structs.replace(session.terms.wish, codes=(typed,)), form)
    if not any(remark.code == Why.UNKNOWN for remark in session.terms.remarks):
        await take_guess_back(shop.desk, BY_BROWSER, who=visitor.owner, network=network, now=now)
    return session


def _beside_the_cards(refusal: Invalid) -> Invalid:
    """A refusal of the way to pay, in the words of a page that asks nobody for a token."""
    if not any(field.field == "payment" for field in refusal.fields):
        return refusal
    problem = FieldProblem("method", "Please choose one of these.")
    return Invalid(refusal.code, "Please choose how to pay. Nothing was charged.", fields=(problem,))


def _declined(reason: str | None) -> Refusal:
    sentence = (
        f"{sentence_of(reason)} Nothing was charged, and your order was not placed. Your cart is as it was: "
        "you can try again, or pay another way."
    )
    return Invalid("payment_declined", sentence)


async def _session(request: ShopRequest, sealed: str) -> Session:
    shop, visitor = shop_of(request), await visitor_of(request)
    session_id = shop.signer.unseal(_SEAL, sealed)
    if session_id is None:
        raise no_such_session()
    return await get_session(shop.till_pool, session_id=session_id, owner=visitor.owner)


async def _ended(request: ShopRequest, session: Session) -> Redirect | None:
    """Where a session that can no longer be changed leads: to its order, if it made one."""
    shop = shop_of(request)
    if session.order_id is not None:
        return await see_other(request, order_link(shop.signer, session.order_id))
    if refusal := not_changeable(session, shop.clock()):
        raise refusal
    return None


async def _revise(request: ShopRequest, session: Session, wish: Wish, form: Mapping[str, str]) -> Session:
    shop, visitor = shop_of(request), await visitor_of(request)
    return await shop.sessions.revise(
        Revision(
            _key(visitor, form, "revise", session.id.hex),
            session.id,
            visitor.owner,
            wish,
            _customer_id(visitor),
            shop.clock(),
        )
    )


async def _cart_of(request: ShopRequest) -> cart.Cart:
    visitor = await visitor_of(request)
    return await cart.view(
        shop_of(request).browse, browser_hash=visitor.browser_hash, customer_id=_customer_id(visitor)
    )


async def _empty_cart(request: ShopRequest, session: Session) -> None:
    """Take what was bought out of the cart, now that the order is durable."""
    shop, visitor = shop_of(request), await visitor_of(request)
    bought: dict[str, int] = {}
    for line in session.terms.lines:
        bought[line.sku] = bought.get(line.sku, 0) + line.quantity
    async with shop.desk.acquire() as connection:
        await cart.take_out(
            connection,
            browser_hash=visitor.browser_hash,
            customer_id=_customer_id(visitor),
            bought=bought,
            claims=_claims(session),
        )


def _key(visitor: Visitor, form: Mapping[str, str], verb: str, subject: str) -> Key:
    """The form's own attempt name, so that sending it twice does it once."""
    name = form.get("attempt", "")
    if not _KEY.fullmatch(name):
        name = str(new_id())
    content = "\n".join(f"{field}={value}" for field, value in sorted(form.items()) if field != "csrf")
    return Key(visitor.owner, name, fingerprint_of(verb, subject, content.encode()))


def _customer_id(visitor: Visitor) -> Any:
    return visitor.customer.id if visitor.customer else None


def _claims(session: Session) -> list[UUID]:
    return [line.claim_id for line in session.terms.lines if line.claim_id is not None]


async def _holds(request: ShopRequest, session: Session | None) -> HeldUntil | None:
    """Until when the lines of a session are held, where any is."""
    claims = _claims(session) if session is not None else []
    return await held_until(shop_of(request).browse, claims) if claims else None


def _path(shop: Shop, session: Session, step: str = "") -> str:
    path = f"/checkout/{shop.signer.seal(_SEAL, session.id)}"
    return f"{path}/{step}" if step else path


def _buyer(form: Mapping[str, str]) -> Buyer:
    first, _, last = form.get("name", "").rpartition(" ")
    return Buyer(
        email=form.get("email", ""), first_name=first or last, last_name=last if first else "",
        phone=form.get("phone", "")[:_PHONE_CHARACTERS],
    )  # fmt: skip


def _address(form: Mapping[str, str]) -> Address:
    street = "\n".join(line for line in (form.get("street", ""), form.get("street2", "")) if line)
    return Address(
        country=form.get("country", "").upper(), name=form.get("name", ""), street=street,
        city=form.get("city", ""), region=form.get("region", ""), postcode=form.get("postcode", ""),
    )  # fmt: skip


def _filled(session: Session) -> dict[str, str]:
    """A session's buyer and address as the form's fields."""
    buyer, address = session.terms.wish.buyer or Buyer(), session.terms.wish.address
    filled = {"email": buyer.email, "phone": buyer.phone}
    if address is not None:
        street, _, street2 = address.street.partition("\n")
        filled |= {
            "name": address.name, "street": street, "street2": street2, "city": address.city,
            "region": address.region, "postcode": address.postcode, "country": address.country,
        }  # fmt: skip
    return filled


def _address_problems(session: Session, form: Mapping[str, str]) -> tuple[FieldProblem, ...]:
    """What is wrong with buyer and address, in the order in which the form asks for it."""
    problems = [
        FieldProblem(remark.field.rpartition(".")[2], remark.sentence)
        for remark in session.terms.remarks
        if remark.severity is Severity.ERROR and remark.field.startswith(("address", "buyer"))
    ]
    phone = form.get("phone", "")
    if phone and (len(phone) > _PHONE_CHARACTERS or not _PHONE.fullmatch(phone)):
        sentence = "This does not look like a telephone number. It has the form +44 20 7946 0958; it can be left out."
        problems.append(FieldProblem("phone", sentence))
    place = {name: number for number, name in enumerate(_ADDRESS_FIELDS)}
    return tuple(sorted(problems, key=lambda problem: place.get(problem.field, len(place))))


async def _address_page(
    request: ShopRequest,
    filled: Mapping[str, str],
    *,
    action: str,
    problems: Sequence[FieldProblem] = (),
    refusal: Refusal | None = None,
    session: Session | None = None,
) -> Response[str]:
    settings = shop_of(request).settings
    context = {
        "action": action,
        "attempt": str(new_id()),
        "filled": {name: filled.get(name, "") for name in _ADDRESS_FIELDS},
        "countries": countries(settings.locale),
        "needed": needed_fields(filled.get("country", "").upper()),
        "problems": tuple(problems),
        "refusal": refusal,
        "cart": await _cart_of(request) if session is None else None,
        "session": session,
        "holds": await _holds(request, session),
        "steps": _STEPS,
    }
    return await page(request, "checkout/address.html", context, status=422 if problems or refusal else 200)


async def _delivery_page(
    request: ShopRequest, session: Session, *, problems: Sequence[FieldProblem] = ()
) -> Response[str]:
    shop = shop_of(request)
    prices = {
        choice.code: delivery_price(choice, session.terms.quote.subtotal_minor) for choice in session.terms.choices
    }
    context = {
        "session": session,
        "holds": await _holds(request, session),
        "path_to": _path(shop, session),
        "attempt": str(new_id()),
        "prices": prices,
        "now_chosen": session.terms.wish.delivery or session.terms.choices[0].code,
        "place": _place(session.terms.wish.address, shop.settings.locale),
        "problems": tuple(problems),
        "steps": _STEPS,
    }
    return await page(request, "checkout/delivery.html", context, status=422 if problems else 200)


def _place(address: Address | None, locale: str) -> str:
    """Where it goes, in a few words: the town before the country, which so needs no article."""
    if address is None:
        return "you"
    return ", ".join(part for part in (address.city, country_name(address.country, locale)) if part)


async def _pay_page(
    request: ShopRequest,
    session: Session,
    *,
    refusal: Refusal | None = None,
    method: str = "",
    code_problem: FieldProblem | None = None,
    typed: str = "",
    status: int = 422,
) -> Response[str]:
    shop = shop_of(request)
    address = session.terms.wish.address
    context = {
        "session": session,
        "holds": await _holds(request, session),
        "path_to": _path(shop, session),
        "attempt": str(new_id()),
        "choice": chosen(session.terms),
        "country": country_name(address.country, shop.settings.locale) if address else "",
        "methods": _METHODS,
        "method": method if method in _SAID else _METHODS[0][0],
        "refusal": refusal,
        "can_pay": session.status is SessionStatus.READY,
        "code_attempt": str(new_id()),
        "code_problems": (code_problem,) if code_problem else (),
        "typed": typed or next(iter(session.terms.wish.codes), ""),
        "steps": _STEPS,
    }
    return await page(request, "checkout/pay.html", context, status=status if refusal or code_problem else 200)


# The sandbox's ways to pay, as its buyer reads them.
_SAID = {
    "tok_approve": ("Test card that works", "The payment is approved at once."),
    "tok_decline_insufficient_funds": ("Test card without money", "Declined: not enough money."),
    "tok_decline_expired_card": ("Test card that has expired", "Declined: expired."),
    "tok_slow": ("Test card of a slow bank", "Approved after three seconds."),
    "tok_timeout_before": ("Test card of a silent bank", "No answer; the money was not reserved."),
    "tok_timeout_after": ("Test card of a bank that loses its voice", "No answer; but the money was reserved."),
}
_METHODS = tuple((token, *_SAID[token]) for token in TOKENS if token in _SAID)

routes = [
    start, open_session, address_again, change_address, delivery, choose_delivery, pay_page, pay, change_code,
]  # fmt: skip
