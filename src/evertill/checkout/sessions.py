"""
Open, change and cancel checkout sessions, in groups.

Every one of these is asked under a key; the answer is written in the same statement as its effect, so
repeating brings the same answer. Nothing is held but what is claimed: units are taken when paying (till.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from evertill.checkout.compose import Held, Offered, check_wish, compose
from evertill.checkout.model import House, Session, SessionStatus, Wish
from evertill.checkout.records import encode, session_of
from evertill.codes import folded
from evertill.codes.using import Uses, buyer_of, read_codes
from evertill.deals.costing import Cost, Costs, costs_of
from evertill.idempotency import Key, Recorded, check_same
from evertill.ids import new_id
from evertill.refusals import Conflict, NotFound, Unavailable
from evertill.storage import Connection, Groups, Pool, Statements

sql = Statements.of(__package__)
_session = msgspec.json.Decoder(Session)

# A change that finds the session changed by somebody else meanwhile reads again and retries, this often.
_TRIES_MAX = 5


class Opening(msgspec.Struct, frozen=True):
    """Open a session for this wish."""

    key: Key
    wish: Wish
    channel: str
    owner: str
    customer_id: UUID | None
    now: datetime
    agent: msgspec.Raw | None = None


class Revision(msgspec.Struct, frozen=True):
    """Replace what a session wants; None: cancel it."""

    key: Key
    session_id: UUID
    owner: str
    wish: Wish | None
    customer_id: UUID | None
    now: datetime
    agent: msgspec.Raw | None = None


class Sessions:
    """The desk where sessions are opened and changed: one per worker."""

    def __init__(self, pool: Pool, *, house: House, life: timedelta) -> None:
        self._pool = pool
        self._house = house
        self._life = life
        self.groups: Groups[Opening | Revision, Session] = Groups("sessions", self._run)

    async def open(self, ask: Opening) -> Session:
        """
        A new session with its terms, or the one this key opened before.

        Raises:
            Invalid: A line that cannot be asked for.
            Conflict: The key was used for something else.
        """
        check_wish(ask.wish)
        return await self._carry_out(ask)

    async def revise(self, ask: Revision) -> Session:
        """
        The session with its terms worked out anew (or canceled), or what this key brought before.

        Raises:
            Invalid, NotFound, Conflict: As `open`; the session is not theirs, or past changing.
        """
        if ask.wish is not None:
            check_wish(ask.wish)
        return await self._carry_out(ask)

    async def _carry_out(self, ask: Opening | Revision) -> Session:
        for _ in range(_TRIES_MAX):
            try:
                return await self.groups.submit(ask)
            except (_ChangedMeanwhile, asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
                continue  # its twin, or another change, was first: the next look finds what that left
        raise Unavailable("busy_session", "This checkout is being changed elsewhere. Please try again.")

    async def _run(self, asks: Sequence[Opening | Revision]) -> Sequence[Session | Exception]:
        async with self._pool.acquire() as connection:
            known = await _recall(connection, asks)
            sessions = await _read(connection, [ask.session_id for ask in asks if isinstance(ask, Revision)])
            market = await read_market(connection, asks)
            codes = await _codes(connection, asks)
            answers: list[Session | Exception] = []
            opened: dict[UUID, tuple[Opening, Session]] = {}
            revised: dict[UUID, tuple[Revision, Session]] = {}
            names: dict[tuple[str, str], Session] = {}
            for ask in asks:
                name = (ask.key.scope, ask.key.name)
                recorded = known.get(name)
                if recorded is not None:
                    answers.append(_repeated(ask.key, recorded))
                elif name in names:  # its twin stands in this very group: it will find the answer on record
                    answers.append(_ChangedMeanwhile())
                else:
                    answer = self._decide(ask, sessions, market, codes)
                    if isinstance(answer, Session):
                        if isinstance(ask, Opening):
                            opened[answer.id] = (ask, answer)
                        elif answer.id in revised:
                            answer = _ChangedMeanwhile()
                        else:
                            revised[answer.id] = (ask, answer)
                    if isinstance(answer, Session):
                        names[name] = answer
                    answers.append(answer)
            written = await _write(connection, list(opened.values()), list(revised.values()))
        return [
            _ChangedMeanwhile() if isinstance(answer, Session) and _lost(answer, opened, revised, written) else answer
            for answer in answers
        ]

    def _decide(
        self, ask: Opening | Revision, sessions: Mapping[UUID, Session], market: "Market", codes: Uses | None
    ) -> Session | Exception:
        if isinstance(ask, Opening):
            offers, claims = market.offered(ask.wish, owner=ask.owner, customer_id=ask.customer_id)
            rules = codes.rules(buyer_of(ask.customer_id, ask.wish.email)) if codes is not None else None
            terms, status = compose(ask.wish, offers, self._house, claims=claims, codes=rules, agent=ask.agent)
            return Session(
                id=new_id(), status=status, channel=ask.channel, owner=ask.owner, customer_id=ask.customer_id,
                order_id=None, version=1, terms=terms, created_at=ask.now, updated_at=ask.now,
                expires_at=ask.now + self._life,
            )  # fmt: skip
        session = sessions.get(ask.session_id)
        if session is None or session.owner != ask.owner:
            return no_such_session()
        if refusal := not_changeable(session, ask.now):
            return refusal
        if ask.wish is None:
            return msgspec.structs.replace(
                session, status=SessionStatus.CANCELED, version=session.version + 1, updated_at=ask.now
            )
        offers, claims = market.offered(ask.wish, owner=ask.owner, customer_id=ask.customer_id)
        agent = ask.agent or session.terms.agent
        rules = codes.rules(buyer_of(ask.customer_id, ask.wish.email)) if codes is not None else None
        terms, status = compose(ask.wish, offers, self._house, claims=claims, codes=rules, agent=agent)
        return msgspec.structs.replace(
            session, terms=terms, status=status, version=session.version + 1, updated_at=ask.now,
            customer_id=ask.customer_id,
        )  # fmt: skip


class _ChangedMeanwhile(Exception):
    """Somebody else wrote first: read again."""


def no_such_session() -> NotFound:
    """The answer for a session that is not there and for one that is somebody else's: the same."""
    return NotFound("not_found", "There is no such checkout session.")


def not_changeable(session: Session, now: datetime) -> Conflict | None:
    """Why a session can no longer be changed or paid, None where it can."""
    if session.expired(now):
        return Conflict("session_expired", "This checkout has expired. Your cart is still there: please start again.")
    match session.status:
        case SessionStatus.COMPLETED:
            return Conflict("session_completed", "This checkout is completed: the order is confirmed.")
        case SessionStatus.COMPLETING:
            return Conflict("session_completing", "This checkout is being completed: the order is taken.")
        case SessionStatus.CANCELED:
            return Conflict("session_canceled", "This checkout was canceled.")
        case _:
            return None


async def get_session(connection: Connection | Pool, *, session_id: UUID, owner: str) -> Session:
    """
    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    row = await connection.fetchrow(sql["read_session"], session_id)
    if row is None or row["owner"] != owner:
        raise no_such_session()
    return session_of(row)


class Market(msgspec.Struct, frozen=True):
    """What a group's SKUs can be sold at now, to whoever asks; a SKU that is missing is not on sale."""

    offers: Mapping[str, Offered]  # at the list price
    costs: Costs | None  # None: none of them is in a deal

    def offered(
        self, wish: Wish, *, owner: str, customer_id: UUID | None
    ) -> tuple[Mapping[str, Offered], Mapping[UUID, Held]]:
        """What one buyer is offered, and what their claims hold."""
        if self.costs is None:
            return self.offers, {}
        offers: dict[str, Offered] = {}
        claims: dict[UUID, Held] = {}
        for want in wish.wants:
            offer = self.offers.get(want.sku)
            if offer is None:
                continue
            list_minor = offer.cost.list_minor
            cost = self.costs.cost(want.sku, list_minor, customer_id=customer_id)
            offers[want.sku] = msgspec.structs.replace(offer, cost=cost)
            claim = self.costs.held(want.claim_id, want.sku, holder=owner, customer_id=customer_id)
            if claim is not None:
                claims[claim.id] = Held(claim.sku, claim.quantity, self.costs.cost_held(claim, list_minor))
        return offers, claims


async def read_market(connection: Connection, asks: Sequence[Opening | Revision]) -> Market:
    """One statement; some more only where a SKU is in a deal, or a line has its claim."""
    skus = {want.sku for ask in asks if ask.wish for want in ask.wish.wants}
    rows = await connection.fetch(sql["read_offers"], list(skus)) if skus else []
    offers = {
        row["sku"]: Offered(
            title_of(row["title"], row["option_values"]),
            Cost(row["price_minor"], row["price_minor"]),
            max(row["free"], 0),
        )
        for row in rows
    }
    dealt = {row["sku"] for row in rows if row["in_deal"]}
    claimed = [want for ask in asks if ask.wish for want in ask.wish.wants if want.claim_id is not None]
    dealt |= {want.sku for want in claimed}
    claims = {want.claim_id for want in claimed if want.claim_id is not None}
    if not dealt:
        return Market(offers, None)
    customers = {ask.customer_id for ask in asks if ask.customer_id is not None}
    return Market(offers, await costs_of(connection, skus=dealt, customers=customers, claims=claims))


async def _codes(connection: Connection, asks: Sequence[Opening | Revision]) -> Uses | None:
    """The codes of a group's wishes; None, and nothing asked: they name none."""
    naming = [(ask, ask.wish) for ask in asks if ask.wish is not None and ask.wish.codes]
    if not naming:
        return None
    codes = {folded(code) for _, wish in naming for code in wish.codes} - {""}
    return await read_codes(connection, codes, [buyer_of(ask.customer_id, wish.email) for ask, wish in naming])


def title_of(title: str, option_values: Sequence[str]) -> str:
    """A product's title with what was chosen of it: "Mug, red"."""
    chosen = ", ".join(value for value in option_values if value and value != "Default Title")
    return f"{title}, {chosen}" if chosen else title


def _repeated(key: Key, recorded: Recorded) -> Session | Exception:
    try:
        check_same(key, recorded)
    except Conflict as refusal:
        return refusal
    if recorded.answer is None:
        return Conflict("idempotency_conflict", "This Idempotency-Key was already used for a different request.")
    return _session.decode(recorded.answer)


async def _recall(connection: Connection, asks: Sequence[Opening | Revision]) -> dict[tuple[str, str], Recorded]:
    rows = await connection.fetch(sql["recall_keys"], [ask.key.scope for ask in asks], [ask.key.name for ask in asks])
    return {(row["scope"], row["key"]): Recorded(row["fingerprint"], row["answer"], row["order_id"]) for row in rows}


async def _read(connection: Connection, ids: list[UUID]) -> dict[UUID, Session]:
    if not ids:
        return {}
    return {row["id"]: session_of(row) for row in await connection.fetch(sql["read_sessions"], ids)}


async def _write(
    connection: Connection, opened: list[tuple[Opening, Session]], revised: list[tuple[Revision, Session]]
) -> set[UUID]:
    """Write a group's sessions with their keys; returns the ids that were written."""
    written: set[UUID] = set()
    if opened:
        rows = await connection.fetch(
            sql["open_sessions"],
            [session.id for _, session in opened],
            [session.status for _, session in opened],
            [session.channel for _, session in opened],
            [session.owner for _, session in opened],
            [session.customer_id for _, session in opened],
            [encode(session.terms) for _, session in opened],
            [session.created_at for _, session in opened],
            [session.expires_at for _, session in opened],
            [ask.key.scope for ask, _ in opened],
            [ask.key.name for ask, _ in opened],
            [ask.key.fingerprint for ask, _ in opened],
            [encode(session) for _, session in opened],
        )
        written.update(row["id"] for row in rows)
    if revised:
        rows = await connection.fetch(
            sql["revise_sessions"],
            [session.id for _, session in revised],
            [session.version - 1 for _, session in revised],
            [session.status for _, session in revised],
            [session.customer_id for _, session in revised],
            [encode(session.terms) for _, session in revised],
            [session.updated_at for _, session in revised],
            [ask.key.scope for ask, _ in revised],
            [ask.key.name for ask, _ in revised],
            [ask.key.fingerprint for ask, _ in revised],
            [encode(session) for _, session in revised],
        )
        written.update(row["id"] for row in rows)
    return written


def _lost(
    answer: Session,
    opened: Mapping[UUID, tuple[Opening, Session]],
    revised: Mapping[UUID, tuple[Revision, Session]],
    written: set[UUID],
) -> bool:
    """Whether an answer of ours was meant to be written and was not: its twin, or another change, came first."""
    ours = opened.get(answer.id) or revised.get(answer.id)
    return ours is not None and ours[1] is answer and answer.id not in written
