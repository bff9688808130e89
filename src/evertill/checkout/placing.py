"""Which orders a group takes: decided in memory under the group's locks, then written set by set."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from evertill import stock
from evertill.checkout.compose import House, Offered, chosen, compose
from evertill.checkout.model import Line, Remark, Session, SessionStatus, Severity, Terms
from evertill.checkout.records import encode, session_of
from evertill.checkout.sessions import no_such_session, not_changeable, title_of
from evertill.checkout.settling import AttemptLocked
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
    ) -> dict[int, PlacingAnswer | Exception]:
        """One answer per placing, in order of arrival; pure but for filling this group."""
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
                answer = self._take(ask, entry.session, shelves, free, moves)
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
    ) -> PlacingAnswer | Exception:
        if session.status is not SessionStatus.READY:
            return _incomplete(session.terms)
        lines = session.terms.lines
        changed = [line for line in lines if (shelf := shelves.get(line.sku)) is None or not shelf.on_sale
                   or shelf.unit_price_minor != line.unit_price_minor]  # fmt: skip
        if changed:
            return self._revise(
                ask, session, shelves, free, "price_changed", _changed_sentence(changed, shelves, self._house)
            )
        if ask.total_minor is not None and ask.total_minor != session.terms.quote.total_minor:
            return self._refuse(
                ask, session, "total_changed", "The total has changed since you saw it. Please look again."
            )
        (shortage,) = stock.allot(free, [[(line.sku, line.quantity) for line in lines]])
        if shortage is not None:
            return self._revise(ask, session, shelves, free, "out_of_stock", _short_sentence(lines, shortage))
        moves.claim([(line.sku, line.quantity) for line in lines])
        placed = self._order(ask, session)
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
        shelves: Mapping[str, Shelf],
        free: Mapping[str, int],
        code: str,
        sentence: str,
    ) -> NotPlaced:
        """The terms no longer hold: offer what can still be had of them, and say so. Nothing is taken."""
        offers = {
            want.sku: Offered(shelf.title, shelf.unit_price_minor, max(free.get(want.sku, 0), 0))
            for want in session.terms.wish.wants
            if (shelf := shelves.get(want.sku)) is not None and shelf.on_sale
        }
        terms, status = compose(session.terms.wish, offers, self._house, agent=session.terms.agent)
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
                 wanted.attempt_id, self._provider_name, wanted.method, ask.now + self._answer_within)
            )  # fmt: skip
            lines += [
                (placed.order_id, number, line.sku, line.title, line.quantity, line.unit_price_minor)
                for number, line in enumerate(session.terms.lines, start=1)
            ]
            keys.append((ask.key.scope, ask.key.name, ask.key.fingerprint, None, placed.order_id, ask.now))
        for ask, refused in self._refused:
            keys.append((ask.key.scope, ask.key.name, ask.key.fingerprint, encode(refused), None, ask.now))
        return [*_transposed(orders, 19), *_transposed(lines, 6), *_transposed(keys, 6)]


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


def _changed_sentence(changed: Sequence[Line], shelves: Mapping[str, Shelf], house: House) -> str:
    """All that changed is said: what is said of one line must not hide what became of another."""
    gone = [line.title for line in changed if (shelf := shelves.get(line.sku)) is None or not shelf.on_sale]
    prices = [
        f"{line.title} was {format_money(line.unit_price_minor, house.currency, house.locale)} and is now "
        f"{format_money(shelves[line.sku].unit_price_minor, house.currency, house.locale)}"
        for line in changed
        if line.title not in gone
    ]
    said = [f"No longer sold: {', '.join(gone)}."] if gone else []
    said += [f"A price has changed since you saw it: {'; '.join(prices)}."] if prices else []
    return " ".join([*said, "Nothing was charged. Please look at the order again."])


def _short_sentence(lines: Sequence[Line], shortage: stock.Shortage) -> str:
    title = next(line.title for line in lines if line.sku == shortage.sku)
    left = f"only {shortage.free} left" if shortage.free > 0 else "sold out"
    return f"{title}: {left} at this moment. Nothing was charged. Please look at the order again."


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
    if not skus:
        return {}  # settling alone: the statement that moves the units locks them in the same order
    skus |= {sku for attempt in attempts.values() for sku, _ in attempt.units}
    rows = await connection.fetch(stock_sql["lock_stock"], list(skus))
    return {
        row["sku"]: Shelf(row["free"], row["price_minor"], row["on_sale"], title_of(row["title"], row["option_values"]))
        for row in rows
    }
