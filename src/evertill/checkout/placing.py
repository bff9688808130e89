"""Which orders a group takes: decided in memory under the group's locks, then written set by set."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from evertill import stock
from evertill.checkout.compose import Held, Offered, chosen, compose
from evertill.checkout.model import House, Line, Remark, Session, SessionStatus, Severity, Terms
from evertill.checkout.records import encode, session_of
from evertill.checkout.redeeming import redeem
from evertill.checkout.sessions import no_such_session, not_changeable, title_of
from evertill.checkout.settling import AttemptLocked
from evertill.clock import Clock
from evertill.codes import folded
from evertill.codes.using import Buyer as CodeBuyer
from evertill.codes.using import Uses, buyer_of, lock_codes
from evertill.deals.carrying import Carried, Lost, lock_carried
from evertill.deals.costing import Cost
from evertill.deals.model import Claim
from evertill.deals.pricing import standing
from evertill.idempotency import Key, Recorded, check_same
from evertill.ids import id_at, new_order_number
from evertill.money import Money, format_money
from evertill.orders.details import Buyer, Details
from evertill.payments.model import Authorisation
from evertill.refusals import Conflict, Invalid
from evertill.storage import Connection, Statements

sql = Statements.of(__package__)
stock_sql = Statements.of(stock.__name__)

_NOBODY = Buyer()
_LOOK_AGAIN = "Nothing was charged. Please look at the order again."


class Placing(msgspec.Struct, frozen=True):
    """Take the order of this session, to be paid that way."""

    key: Key
    session_id: UUID
    owner: str
    method: str
    total_minor: int | None  # what the buyer was shown; another total is refused, not charged
    now: datetime


class Placed(msgspec.Struct, frozen=True):
    """The order is taken and its units are claimed; now ask the provider for this."""

    order_id: UUID
    session: Session
    authorisation: Authorisation


class Followed(msgspec.Struct, frozen=True):
    """The order was taken before, by this very attempt or a twin of it: its state is the answer."""

    order_id: UUID


class NotPlaced(msgspec.Struct, frozen=True):
    """No order was taken: what the session is like now, and why."""

    session: Session
    code: str
    sentence: str


PlacingAnswer = Placed | Followed | NotPlaced
_not_placed = msgspec.json.Decoder(NotPlaced)


class Locked(msgspec.Struct, frozen=True):
    """A session that is locked for an ask, with what is on record under the ask's key."""

    session: Session
    known: Recorded | None


class Shelf(msgspec.Struct, frozen=True):
    """One SKU as it stands under the group's lock."""

    free: int
    unit_price_minor: int
    on_sale: bool
    title: str


class Group:
    """The orders one group takes: decided in memory, then written set by set."""

    def __init__(self, house: House, provider_name: str, answer_within: timedelta) -> None:
        self._house = house
        self._provider_name = provider_name
        self._answer_within = answer_within
        self._taken: list[tuple[Placing, Placed]] = []
        self._revised: list[Session] = []
        self._refused: list[tuple[Placing, NotPlaced]] = []

    def decide(
        self,
        placings: Sequence[tuple[int, Placing]],
        locked: Mapping[int, Locked],
        shelves: Mapping[str, Shelf],
        moves: stock.Moves,
        carried: Carried | None,
        codes: Uses | None,
    ) -> dict[int, PlacingAnswer | Exception]:
        """
        One answer per placing, in order of arrival; pure but for filling this group, the moves, what is carried and the
        uses of codes.

        Args:
            carried: Deals and claims; None: no line is at a deal's price.

            codes: None: no session names one.
        """
        answers: dict[int, PlacingAnswer | Exception] = {}
        free = {sku: shelf.free for sku, shelf in shelves.items()}
        taking: dict[UUID, UUID] = {}  # sessions this very group has an order for
        for position, ask in placings:
            entry = locked.get(position)
            if entry is None or entry.session.owner != ask.owner:
                answers[position] = no_such_session()
            elif entry.session.id in taking:
                answers[position] = Followed(taking[entry.session.id])
            elif (earlier := _earlier(ask, entry)) is not None:
                answers[position] = earlier
            else:
                answer = self._take(ask, entry.session, shelves, free, moves, carried, codes)
                if isinstance(answer, Placed):
                    taking[entry.session.id] = answer.order_id
                answers[position] = answer
        return answers

    def _take(
        self,
        ask: Placing,
        session: Session,
        shelves: Mapping[str, Shelf],
        free: dict[str, int],
        moves: stock.Moves,
        carried: Carried | None,
        codes: Uses | None,
    ) -> PlacingAnswer | Exception:
        if session.status is not SessionStatus.READY:
            return _incomplete(session.terms)
        lines = session.terms.lines
        changed: list[Changed] = []
        for line in lines:
            shelf = shelves.get(line.sku)
            if shelf is None or not shelf.on_sale:
                changed.append(Changed(line, None))
                continue
            price = _price_now(line, shelf, session, carried)
            if price != line.unit_price_minor:
                changed.append(Changed(line, price))
        if changed:
            offers, claims = _offered(session, shelves, free, carried)
            code, sentence = _changed(changed, offers, self._house)
            return self._revise(ask, session, offers, claims, codes, code, sentence)
        if session.terms.code is not None and (lost := _code_lost(session, carried, codes, self._house)):
            offers, claims = _offered(session, shelves, free, carried)
            return self._revise(ask, session, offers, claims, codes, *lost)
        if ask.total_minor is not None and ask.total_minor != session.terms.quote.total_minor:
            return self._refuse(
                ask, session, "total_changed", "The total has changed since you saw it. Please look again."
            )
        unclaimed = [(line.sku, line.quantity) for line in lines if line.claim_id is None]
        (shortage,) = stock.allot(free, [unclaimed])
        if shortage is not None:
            offers, claims = _offered(session, shelves, free, carried)
            sentence = _short_sentence(lines, shortage)
            return self._revise(ask, session, offers, claims, codes, "out_of_stock", sentence)
        moves.claim(unclaimed)
        placed = self._order(ask, session)
        for line in lines:
            if line.claim_id is not None:
                assert carried is not None  # it was looked at
                carried.order(line.claim_id, placed.order_id)
        if session.terms.code is not None:
            assert codes is not None  # it was looked at
            codes.hold(placed.order_id, session.terms.code, _code_buyer(session), session.terms.quote.currency)
        self._taken.append((ask, placed))
        return placed

    def _order(self, ask: Placing, session: Session) -> Placed:
        quote = session.terms.quote
        order_id = id_at(ask.now)
        taken = msgspec.structs.replace(
            session, status=SessionStatus.COMPLETING, order_id=order_id, version=session.version + 1, updated_at=ask.now
        )
        authorisation = Authorisation(
            attempt_id=id_at(ask.now),
            amount=Money(quote.currency, quote.total_minor),
            method=ask.method,
            order_number=new_order_number(ask.now),
        )
        return Placed(order_id=order_id, session=taken, authorisation=authorisation)

    def _refuse(self, ask: Placing, session: Session, code: str, sentence: str) -> NotPlaced:
        refused = NotPlaced(session=session, code=code, sentence=sentence)
        self._refused.append((ask, refused))
        return refused

    def _revise(
        self,
        ask: Placing,
        session: Session,
        offers: Mapping[str, Offered],
        claims: Mapping[UUID, Held],
        codes: Uses | None,
        code: str,
        sentence: str,
    ) -> NotPlaced:
        """The terms no longer hold: offer what can still be had of them, and say so. Nothing is taken."""
        rules = codes.rules(_code_buyer(session)) if codes is not None else None
        terms, status = compose(
            session.terms.wish, offers, self._house, claims=claims, codes=rules, agent=session.terms.agent
        )
        terms = msgspec.structs.replace(terms, remarks=(Remark(Severity.WARNING, code, sentence), *terms.remarks))
        revised = msgspec.structs.replace(
            session, terms=terms, status=status, version=session.version + 1, updated_at=ask.now
        )
        if all(other.id != session.id for other in self._revised):
            self._revised.append(revised)
        return self._refuse(ask, revised, code, sentence)

    @property
    def taken(self) -> int:
        """How many orders it takes."""
        return len(self._taken)

    @property
    def not_taken(self) -> int:
        """How many it does not take, for their terms no longer hold."""
        return len(self._refused)

    async def write(self, connection: Connection) -> None:
        """Write what was decided: one statement for orders and keys, one for sessions offered anew."""
        if self._taken or self._refused:
            await connection.execute(sql["place_orders"], *self._columns())
        if self._revised:
            await connection.execute(
                sql["revise_terms"],
                [session.id for session in self._revised],
                [session.status for session in self._revised],
                [encode(session.terms) for session in self._revised],
                [session.updated_at for session in self._revised],
            )

    def _columns(self) -> list[list[object]]:
        """The columns of place_orders, in the statement's order."""
        orders: list[tuple[object, ...]] = []
        lines: list[tuple[object, ...]] = []
        keys: list[tuple[object, ...]] = []
        for ask, placed in self._taken:
            session, quote, wanted = placed.session, placed.session.terms.quote, placed.authorisation
            choice = chosen(session.terms)
            assert choice is not None  # a READY session has one
            wish = session.terms.wish
            buyer = wish.buyer
            details = encode(_details(session))
            orders.append(
                (placed.order_id, wanted.order_number, session.id, session.channel, session.customer_id,
                 buyer.email if buyer else "", quote.currency, quote.subtotal_minor, quote.delivery_minor,
                 quote.tax_minor, quote.tax_included, quote.total_minor, choice.code, details, ask.now,
                 wanted.attempt_id, self._provider_name, wanted.method, ask.now + self._answer_within,
                 quote.discount_minor, session.terms.code.code if session.terms.code else None)
            )  # fmt: skip
            lines += [
                (
                    placed.order_id,
                    number,
                    line.sku,
                    line.title,
                    line.quantity,
                    line.unit_price_minor,
                    line.list_minor,
                    line.deal_id,
                    line.claim_id,
                    line.code_minor,
                )
                for number, line in enumerate(session.terms.lines, start=1)
            ]
            keys.append((ask.key.scope, ask.key.name, ask.key.fingerprint, None, placed.order_id, ask.now))
        for ask, refused in self._refused:
            keys.append((ask.key.scope, ask.key.name, ask.key.fingerprint, encode(refused), None, ask.now))
        return [*_transposed(orders, 21), *_transposed(lines, 10), *_transposed(keys, 6)]


def _transposed(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _details(session: Session) -> Details:
    choice = chosen(session.terms)
    assert choice is not None
    wish = session.terms.wish
    return Details(
        buyer=wish.buyer or _NOBODY,
        address=None if choice.pickup else wish.address,
        delivery_title=choice.title,
        delivery_promise=choice.promise,
    )


def _earlier(ask: Placing, entry: Locked) -> PlacingAnswer | Exception | None:
    """What was answered before under this key, or what the session already became."""
    if entry.known is not None:
        try:
            check_same(ask.key, entry.known)
        except Conflict as refusal:
            return refusal
        if entry.known.order_id is not None:
            return Followed(entry.known.order_id)
        return _not_placed.decode(entry.known.answer or "")
    if entry.session.order_id is not None:
        # Pressed twice in two tabs: the order that was taken is the answer.
        return Followed(entry.session.order_id)
    return not_changeable(entry.session, ask.now)


def _incomplete(terms: Terms) -> Invalid:
    needs = [remark for remark in terms.remarks if remark.severity is Severity.ERROR]
    sentence = " ".join(remark.sentence for remark in needs) or "There is nothing left in it that can be bought."
    return Invalid("session_incomplete", sentence)


def _price_now(line: Line, shelf: Shelf, session: Session, carried: Carried | None) -> int | Lost:
    """What a unit of a line costs at this very moment, at the deal or with the claim that its terms were made with."""
    if line.deal_id is None:
        return shelf.unit_price_minor
    assert carried is not None  # it is locked with the lines' deals
    if line.claim_id is None:
        return carried.price_now(
            line.deal_id, sku=line.sku, list_minor=shelf.unit_price_minor, customer_id=session.customer_id
        )
    claim = _claim(line.claim_id, line.sku, line.quantity, session, carried)
    return min(claim.price_minor, shelf.unit_price_minor) if isinstance(claim, Claim) else claim


def _claim(claim_id: UUID, sku: str, quantity: int, session: Session, carried: Carried) -> Claim | Lost:
    return carried.claimed(claim_id, sku=sku, quantity=quantity, holder=session.owner, customer_id=session.customer_id)


def _offered(
    session: Session, shelves: Mapping[str, Shelf], free: Mapping[str, int], carried: Carried | None
) -> tuple[dict[str, Offered], dict[UUID, Held]]:
    """What a session can still be offered, by what is locked; and what its claims hold."""
    lowest = {(line.sku, line.deal_id): line.lowest_minor for line in session.terms.lines}
    offers: dict[str, Offered] = {}
    claims: dict[UUID, Held] = {}
    for want in session.terms.wish.wants:
        shelf = shelves.get(want.sku)
        if shelf is None or not shelf.on_sale:
            continue
        cost = Cost(shelf.unit_price_minor, shelf.unit_price_minor)
        if carried is not None:
            member = carried.member(session.customer_id)
            best = standing(
                carried.deals_of(want.sku), list_minor=cost.list_minor, moment=carried.moment, member=member
            )
            if best is not None:
                known = lowest.get((want.sku, best.deal_id))
                cost = Cost(
                    cost.list_minor, best.price_minor, best.deal_id, lowest_minor=known, deal_title=best.deal.title,
                    takes_codes=best.deal.stackable,
                )  # fmt: skip
            if want.claim_id is not None:
                claim = _claim(want.claim_id, want.sku, want.quantity, session, carried)
                if isinstance(claim, Claim):
                    price = min(claim.price_minor, shelf.unit_price_minor)
                    known = lowest.get((want.sku, claim.deal_id))
                    deal = carried.deal(claim.deal_id)
                    claimed = Cost(
                        shelf.unit_price_minor, price, claim.deal_id, claim.id, known, deal.title, deal.stackable
                    )
                    claims[claim.id] = Held(claim.sku, claim.quantity, claimed)
        offers[want.sku] = Offered(shelf.title, cost, max(free.get(want.sku, 0), 0))
    return offers, claims


def _code_lost(session: Session, carried: Carried | None, codes: Uses | None, house: House) -> tuple[str, str] | None:
    """Why a session's code takes off something else now than was shown, with a sentence; None: it holds as it was."""
    assert codes is not None  # they are locked where a session names one
    terms = session.terms
    lines = [
        line if line.deal_id is None or carried is None
        else msgspec.structs.replace(line, takes_codes=carried.deal(line.deal_id).stackable)
        for line in terms.lines
    ]  # fmt: skip
    now = redeem(terms.wish.codes, lines, codes.rules(_code_buyer(session)), house)
    if now.taken == terms.code and [line.code_minor for line in now.lines] == [each.code_minor for each in terms.lines]:
        return None
    assert terms.code is not None
    said = next(
        (remark for remark in now.remarks if folded(terms.wish.codes[int(remark.field[6:])]) == terms.code.code), None
    )
    if said is None:
        return "total_changed", f"What your code takes off has changed. {_LOOK_AGAIN}"
    return said.code, f"{said.sentence} {_LOOK_AGAIN}"


def _code_buyer(session: Session) -> CodeBuyer:
    return buyer_of(session.customer_id, session.terms.wish.email)


class Changed(msgspec.Struct, frozen=True):
    """A line that no longer holds: its price of now, why its deal is lost, or None where it is no longer sold."""

    line: Line
    now: int | Lost | None


_LOST = {
    Lost.CLAIM: ("claim_over", "No longer held for you at the deal's price: {}."),
    Lost.MEMBERS: ("members_only", "For members only, and your account is none at this moment: {}."),
    Lost.DEAL: ("deal_over", "The deal you saw is over or has changed: {}."),
}


def _changed(changed: Sequence[Changed], offers: Mapping[str, Offered], house: House) -> tuple[str, str]:
    """
    A code, and a sentence in which all that changed is said: what is said of one line must not hide what became of
    another.
    """
    code, said = "price_changed", []
    gone = [each.line.title for each in changed if each.now is None]
    if gone:
        said.append(f"No longer sold: {', '.join(gone)}.")
    for lost, (name, words) in _LOST.items():
        lines = [each.line for each in changed if each.now is lost]
        if lines:
            code = name
            said.append(words.format("; ".join(_was(line, offers[line.sku].cost.price_minor, house) for line in lines)))
    prices = [_was(each.line, each.now, house) for each in changed if isinstance(each.now, int)]
    if prices:
        said.append(f"A price has changed since you saw it: {'; '.join(prices)}.")
    return code, " ".join([*said, _LOOK_AGAIN])


def _was(line: Line, price_minor: int, house: House) -> str:
    was, now = (format_money(minor, house.currency, house.locale) for minor in (line.unit_price_minor, price_minor))
    return f"{line.title} was {was} and is now {now}" if was != now else f"{line.title}, {now}"


def _short_sentence(lines: Sequence[Line], shortage: stock.Shortage) -> str:
    title = next(line.title for line in lines if line.sku == shortage.sku)
    left = f"only {shortage.free} left" if shortage.free > 0 else "sold out"
    return f"{title}: {left} at this moment. {_LOOK_AGAIN}"


async def lock_sessions(connection: Connection, placings: Sequence[tuple[int, Placing]]) -> dict[int, Locked]:
    """
    The sessions of these placings, by their position in the group; those that can be paid are locked.

    Raises:
        SerializationError: One became payable between the two looks, and so is not locked: begin anew.
    """
    locked = await _sessions(connection, "lock_sessions", placings)
    others = [(position, ask) for position, ask in placings if position not in locked]
    peeked = await _sessions(connection, "peek_sessions", others)
    if any(entry.session.status is SessionStatus.READY for entry in peeked.values()):
        raise asyncpg.SerializationError("a session became payable between two looks")
    return locked | peeked


async def _sessions(
    connection: Connection, statement: str, placings: Sequence[tuple[int, Placing]]
) -> dict[int, Locked]:
    if not placings:
        return {}
    rows = await connection.fetch(
        sql[statement],
        [position for position, _ in placings],
        [ask.session_id for _, ask in placings],
        [ask.key.scope for _, ask in placings],
        [ask.key.name for _, ask in placings],
    )
    return {
        row["ask"]: Locked(
            session=session_of(row),
            known=None
            if row["known_fingerprint"] is None
            else Recorded(row["known_fingerprint"], row["known_answer"], row["known_order_id"]),
        )
        for row in rows
    }


async def lock_deals_of(
    connection: Connection,
    locked: Mapping[int, Locked],
    attempts: Mapping[UUID, AttemptLocked],
    clock: Clock | None,
) -> Carried | None:
    """Deals and claims of a group, locked behind its stock. None, and nothing asked: no line of it has one."""
    sessions = [
        entry.session for entry in locked.values() if entry.session.status is SessionStatus.READY
    ]  # the others are answered without a look at their lines
    deals = {line.deal_id for session in sessions for line in session.terms.lines if line.deal_id is not None}
    claims = {line.claim_id for session in sessions for line in session.terms.lines if line.claim_id is not None}
    claims |= {claim_id for attempt in attempts.values() for claim_id in attempt.claims}
    if not deals and not claims:
        return None
    customers = {session.customer_id for session in sessions if session.customer_id is not None}
    return await lock_carried(connection, deals=deals, claims=claims, customers=customers, clock=clock)


async def lock_codes_of(
    connection: Connection,
    locked: Mapping[int, Locked],
    attempts: Mapping[UUID, AttemptLocked],
    clock: Clock | None,
) -> Uses | None:
    """Codes of a group, locked behind its claims. None, and nothing asked: nobody of it names one."""
    naming = [
        entry.session
        for entry in locked.values()
        if entry.session.status is SessionStatus.READY and entry.session.terms.wish.codes
    ]
    codes = {folded(code) for session in naming for code in session.terms.wish.codes} - {""}
    codes |= {attempt.code for attempt in attempts.values() if attempt.code is not None}
    if not codes:
        return None
    return await lock_codes(connection, codes, [_code_buyer(session) for session in naming], clock)


async def lock_stock(
    connection: Connection, locked: Mapping[int, Locked], attempts: Mapping[UUID, AttemptLocked]
) -> dict[str, Shelf]:
    """The shelves of all a group may move, whether it is placed or settled, locked in one order."""
    skus = {
        want.sku
        for entry in locked.values()
        if entry.session.status is SessionStatus.READY
        for want in entry.session.terms.wish.wants
    }
    if not skus and not any(attempt.claims for attempt in attempts.values()):
        return {}  # settling alone: the statement that moves the units locks them in the same order
    skus |= {sku for attempt in attempts.values() for sku, _ in attempt.units}
    rows = await connection.fetch(stock_sql["lock_stock"], list(skus))
    return {
        row["sku"]: Shelf(row["free"], row["price_minor"], row["on_sale"], title_of(row["title"], row["option_values"]))
        for row in rows
    }
