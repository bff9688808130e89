"""The shop against the simplest shop there could be: any verbs in any order, and both say the same."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from evertill.app import open_shop, settle_with
from evertill.checkout.complete import Checkout
from evertill.checkout.model import Completion, Session, SessionStatus
from evertill.checkout.placing import Followed, NotPlaced, Placed, Placing
from evertill.checkout.sessions import Revision, get_session
from evertill.checkout.settling import Settling
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.orders.changing import Outcome, cancel, refund, ship
from evertill.orders.finishing import Finisher
from evertill.payments.model import AttemptState, Authorisation, Ending, Failed, Unknown
from evertill.payments.reconcile import Reconciler
from evertill.refusals import Conflict, Invalid
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from tests.buying import key, open_session, placing, wish
from tests.conftest import put_on_hand, stock_up
from tests.contention.counting import wrongs
from tests.providers import Ledger

Result = TypeVar("Result")

START = {"MUG": 12, "TEA": 6, "LAST": 2}
PRICES = {"MUG": 1_250, "TEA": 495, "LAST": 9_900}
STAFF = new_id()
OWNER = "browser:ada"
wants = st.dictionaries(st.sampled_from(sorted(START)), st.integers(1, 3), min_size=1)


@dataclass
class Ordered:
    """An order, as the simplest shop keeps it."""

    session_id: UUID
    attempt: Authorisation
    units: Counter[str]
    state: str  # as orders.state
    wanted: str = ""  # what staff asked for and the provider has not confirmed: shipped
    refunds: int = 0  # minor units

    @property
    def total(self) -> int:
        subtotal = sum(PRICES[sku] * units for sku, units in self.units.items())
        return subtotal + (0 if subtotal >= 5_000 else 395)


class Shops(RuleBasedStateMachine):
    """
    Two shops side by side: ours on PostgreSQL, and dictionaries with arithmetic.

    Every rule does the same to both and compares the answers; after each, all books are compared.
    """

    run: ClassVar[asyncio.Runner]
    shop: ClassVar[Shop]

    sessions = Bundle("sessions")
    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        till = self.shop.checkout.till
        self.here = replace(
            self.shop, provider=self.ledger, checkout=Checkout(till, self.ledger, self.shop.till_pool, utc_now)
        )
        self.lines: dict[UUID, Counter[str]] = {}  # what each session would sell
        self.status: dict[UUID, SessionStatus] = {}
        self.made: dict[UUID, Ordered] = {}
        self.do(self._begin_anew())

    async def _begin_anew(self) -> None:
        await self.shop.desk.execute(
            "TRUNCATE orders, order_line, payment_attempt, refund, checkout_session, attempt_key, outbox, "
            "staff_action, stock_movement"
        )
        await self.shop.desk.execute("UPDATE stock SET on_hand = 0, claimed = 0, sold = 0")
        for sku, units in START.items():
            await put_on_hand(self.shop.desk, sku, units)

    def do(self, verb: Awaitable[Result]) -> Result:
        async def doing() -> Result:
            return await verb

        return self.run.run(doing())

    # ------------------------------------------------------------------ the simplest shop

    def free(self, sku: str) -> int:
        gone = ("pending", "held", "confirmed", "shipped")
        return START[sku] - sum(order.units[sku] for order in self.made.values() if order.state in gone)

    def offered(self, asked: dict[str, int]) -> Counter[str]:
        return +Counter({sku: min(units, self.free(sku)) for sku, units in asked.items()})

    def take(self, session: Session, answer: Placed) -> UUID:
        self.made[answer.order_id] = Ordered(session.id, answer.authorisation, self.lines[session.id], "pending")
        self.status[session.id] = SessionStatus.COMPLETING
        return answer.order_id

    def end(self, order: Ordered, state: str) -> None:
        """The payment of an order came to that."""
        if order.state in ("pending", "held"):
            order.state = state
            after = {"confirmed": SessionStatus.COMPLETED, "declined": SessionStatus.READY}
            self.status[order.session_id] = after.get(state, SessionStatus.COMPLETING)

    def cannot_be_sold(self, session: Session) -> bool:
        return any(self.free(sku) < units for sku, units in self.lines[session.id].items())

    def offered_anew(self, session: Session, answer: NotPlaced) -> None:
        """What did not fit is offered as it can be had: never more than before, never more than there is."""
        assert answer.code == "out_of_stock"
        now = Counter({line.sku: line.quantity for line in answer.session.terms.lines})
        assert all(units <= self.free(sku) for sku, units in now.items())
        assert set(now) <= set(self.lines[session.id])
        self.lines[session.id] = now
        self.status[session.id] = answer.session.status

    # ------------------------------------------------------------------ rules

    @rule(target=sessions, asked=wants)
    def open(self, asked: dict[str, int]) -> Session:
        session = self.do(open_session(self.here, *asked.items(), owner=OWNER))
        self.lines[session.id] = self.offered(asked)
        self.status[session.id] = SessionStatus.READY if self.lines[session.id] else SessionStatus.INCOMPLETE
        return session

    @rule(session=sessions, asked=st.none() | wants)
    def revise_or_cancel(self, session: Session, asked: dict[str, int] | None) -> None:
        new = wish(*asked.items()) if asked else None
        change = self.here.sessions.revise(Revision(key("revise"), session.id, OWNER, new, None, utc_now()))
        if self.status[session.id] in (SessionStatus.READY, SessionStatus.INCOMPLETE):
            self.do(change)
            if asked is None:
                self.status[session.id] = SessionStatus.CANCELED
            else:
                self.lines[session.id] = self.offered(asked)
                ready = bool(self.lines[session.id])
                self.status[session.id] = SessionStatus.READY if ready else SessionStatus.INCOMPLETE
        else:
            with pytest.raises(Conflict):
                self.do(change)

    @rule(target=orders, session=sessions)
    def place_and_die(self, session: Session) -> object:
        """The worker dies when the order is written and the provider not yet asked."""
        ask = placing(self.do(get_session(self.shop.desk, session_id=session.id, owner=OWNER)))
        return self.pay(session, ask, self.here.checkout.till.place(ask))

    @rule(target=orders, session=sessions, lost=st.sampled_from(("", "before", "after", "refuses")))
    def complete(self, session: Session, lost: str) -> object:
        """Pressing "pay"; the request, its answer or the money may be missing."""
        ask = placing(self.do(get_session(self.shop.desk, session_id=session.id, owner=OWNER)))
        self.ledger.before = {"authorise"} if lost == "before" else set()
        self.ledger.after = {"authorise"} if lost == "after" else set()
        self.ledger.refuses = {"authorise"} if lost == "refuses" else set()
        placed: list[Placed] = []
        whole = self.here.checkout.till.place

        async def spied(asked: Placing) -> Placed | Followed | NotPlaced:
            answer = await whole(asked)
            placed.extend([answer] if isinstance(answer, Placed) else [])
            return answer

        self.here.checkout.till.place = spied  # type: ignore[assignment, method-assign]
        try:
            made = self.pay(session, ask, self.here.checkout.complete(ask), placed)
        finally:
            self.here.checkout.till.place = whole  # type: ignore[method-assign]
            self.ledger.before = self.ledger.after = self.ledger.refuses = set()
        if placed:
            order = self.made[placed[0].order_id]
            self.end(order, {"": "confirmed", "refuses": "declined"}.get(lost, "held"))
            again = self.do(self.here.checkout.complete(ask))
            assert isinstance(again, Completion)
            assert (again.order_id, again.state, again.total_minor) == (placed[0].order_id, order.state, order.total)
        return made

    def pay(
        self, session: Session, ask: Placing, press: Awaitable[object], placed: list[Placed] | None = None
    ) -> object:
        match self.status[session.id]:
            case SessionStatus.INCOMPLETE:
                with pytest.raises(Invalid):
                    self.do(press)
            case SessionStatus.CANCELED:
                with pytest.raises(Conflict):
                    self.do(press)
            case SessionStatus.COMPLETED | SessionStatus.COMPLETING:
                living = [id_ for id_, order in self.made.items() if order.session_id == session.id
                          and order.state != "declined"]  # fmt: skip
                if self.status[session.id] is SessionStatus.COMPLETING and placed is not None:
                    close_quietly(press)  # it would wait for somebody to end it; reconcile does
                    return multiple()
                answer = self.do(press)
                assert isinstance(answer, Followed | Completion)
                assert [answer.order_id] == living
            case SessionStatus.READY:
                answer = self.do(press)
                if self.cannot_be_sold(session):
                    assert isinstance(answer, NotPlaced)
                    self.offered_anew(session, answer)
                else:
                    (taken,) = [answer] if isinstance(answer, Placed) else placed or []
                    return self.take(session, taken)
        return multiple()

    @rule(target=orders, asked=wants)
    def sell(self, asked: dict[str, int]) -> object:
        """A whole purchase, shipped: what comes after it is reached more often this way."""
        session = self.open(asked)
        assert isinstance(session, Session)
        self.complete(session, "")
        living = [id_ for id_, order in self.made.items() if order.session_id == session.id]
        for order_id in living:
            self.ship(order_id, False)
        return multiple(*living)

    @rule(target=orders, first=sessions, second=sessions, third=sessions)
    def rush(self, first: Session, second: Session, third: Session) -> object:
        """Three orders are placed at one moment: first come, first served, each for itself."""
        together = [session for session in dict.fromkeys((first.id, second.id, third.id))
                    if self.status[session] is SessionStatus.READY]  # fmt: skip

        async def press() -> list[object]:
            found = [await get_session(self.shop.desk, session_id=id_, owner=OWNER) for id_ in together]
            return list(await asyncio.gather(*(self.here.checkout.till.place(placing(each)) for each in found)))

        made = []
        for session_id, answer in zip(together, self.do(press()), strict=True):
            session = next(each for each in (first, second, third) if each.id == session_id)
            if self.cannot_be_sold(session):
                assert isinstance(answer, NotPlaced)
                self.offered_anew(session, answer)
            else:
                assert isinstance(answer, Placed)
                made.append(self.take(session, answer))
        return multiple(*made)

    @rule(order_id=orders, said=st.sampled_from(("done", "failed", "unknown")))
    def settle(self, order_id: UUID, said: str) -> None:
        """The provider's answer arrives, late or again."""
        order = self.made[order_id]
        ending: Ending = Unknown("timeout")
        if said == "failed":
            ending = Failed("do_not_honour", "No.")
        elif said == "done" and order.state in ("pending", "held"):
            ending = self.do(self.ledger.authorise(order.attempt))
        if said == "failed" and order.attempt.attempt_id in self.ledger.charges:
            return  # a provider that reserved the money does not decline
        settled = self.do(
            self.here.checkout.till.settle(Settling(order.attempt.attempt_id, ending, utc_now(), utc_now()))
        )
        self.end(order, {"done": "confirmed", "failed": "declined", "unknown": "held"}[said])
        assert settled.state == order.state

    @rule()
    def reconcile(self) -> None:
        """Everything unsettled is asked for: what the provider never heard of, it is asked for now."""
        settle = settle_with(self.here.checkout.till)
        later = Reconciler(self.shop.desk, provider=self.ledger, settle=settle, clock=_tomorrow, hold=timedelta(days=9))
        while self.do(later.run_once()):
            pass
        for order in self.made.values():
            self.end(order, "confirmed")

    @rule(order_id=orders, lost=st.booleans())
    def ship(self, order_id: UUID, lost: bool) -> None:
        order = self.made[order_id]
        self.ledger.after = {"capture"} if lost else set()
        verb = ship(self.shop.console, provider=self.ledger, order_id=order_id, staff_id=STAFF, clock=utc_now)
        if order.state in ("confirmed", "shipped"):
            outcome = self.do(verb)
            if order.state == "confirmed" and (order.wanted or lost):
                assert outcome is Outcome.UNDER_WAY
                order.wanted = "shipped"
            else:
                assert outcome is Outcome.DONE
                order.state = "shipped"
        else:
            with pytest.raises(Conflict):
                self.do(verb)
        self.ledger.after = set()

    @rule(order_id=orders, lost=st.booleans())
    def call_off(self, order_id: UUID, lost: bool) -> None:
        order = self.made[order_id]
        self.ledger.before = {"void"} if lost else set()
        verb = cancel(
            self.shop.console, provider=self.ledger, order_id=order_id, staff_id=STAFF, reason="why not", clock=utc_now
        )
        if order.state in ("confirmed", "cancelled") and not order.wanted:
            self.do(verb)
            order.state = "cancelled"
        else:
            with pytest.raises(Conflict):
                self.do(verb)
        self.ledger.before = set()

    @rule(order_id=orders, amount=st.sampled_from((1, 395, 1_645, 9_900)), lost=st.booleans())
    def give_back(self, order_id: UUID, amount: int, lost: bool) -> None:
        order = self.made[order_id]
        self.ledger.after = {"refund"} if lost else set()
        verb = refund(
            self.shop.console, provider=self.ledger, order_id=order_id, refund_id=new_id(), amount_minor=amount,
            staff_id=STAFF, reason="a gesture", clock=utc_now,
        )  # fmt: skip
        if order.state != "shipped":
            with pytest.raises(Conflict):
                self.do(verb)
        elif order.refunds + amount > order.total:
            with pytest.raises(Invalid):
                self.do(verb)
        else:
            assert self.do(verb) is (Outcome.UNDER_WAY if lost else Outcome.DONE)
            order.refunds += amount
        self.ledger.after = set()

    @rule()
    def finish(self) -> None:
        """What staff began and the provider did not confirm is seen through."""
        later = Finisher(self.shop.desk, provider=self.ledger, clock=_tomorrow)
        for _ in range(5):
            self.do(later.run_once())
        for order in self.made.values():
            if order.wanted:
                order.state, order.wanted = order.wanted, ""

    # ------------------------------------------------------------------ what both must agree on

    @invariant()
    def both_shops_say_the_same(self) -> None:
        self.do(self._compare())

    async def _compare(self) -> None:
        assert await wrongs(self.shop.desk, START) == []
        rows = await self.shop.desk.fetch("SELECT id, state, total_minor, refunded_minor FROM orders")
        assert {row["id"]: (row["state"], row["total_minor"], row["refunded_minor"]) for row in rows} == {
            id_: (order.state, order.total, order.refunds) for id_, order in self.made.items()
        }
        rows = await self.shop.desk.fetch("SELECT id, status FROM checkout_session")
        assert {row["id"]: row["status"] for row in rows} == self.status
        rows = await self.shop.desk.fetch("SELECT sku, on_hand - claimed - sold AS free FROM stock")
        assert {row["sku"]: row["free"] for row in rows} == {sku: self.free(sku) for sku in START}
        for order in self.made.values():
            charge = self.ledger.charges.get(order.attempt.attempt_id)
            if order.state == "confirmed" and not order.wanted:
                assert charge is AttemptState.AUTHORISED
            if order.state == "shipped":
                assert charge is AttemptState.CAPTURED
                assert self.ledger.given_back(order.attempt.attempt_id) == order.refunds
            if order.state == "declined":
                assert charge is None
            if charge is not None:
                assert self.ledger.amounts[order.attempt.attempt_id] == order.total


def close_quietly(press: Awaitable[object]) -> None:
    """A verb that is not going to be awaited after all."""
    if asyncio.iscoroutine(press):
        press.close()


def _tomorrow() -> datetime:
    return utc_now() + timedelta(days=1)


def test_any_verbs_in_any_order_leave_both_shops_saying_the_same(settings: Settings) -> None:
    """Open, revise, cancel, place, settle, complete, reconcile, ship, call off, give back, finish; dying in between."""
    with asyncio.Runner() as runner:

        async def opened(stack: AsyncExitStack) -> Shop:
            shop = await open_shop(settings, Signer(b"test" * 8), utc_now, stack)
            async with shop.desk.acquire() as connection:
                await stock_up(connection, {sku: (PRICES[sku], START[sku]) for sku in START})
            await shop.desk.execute(
                "INSERT INTO staff VALUES ($1, 'ops@shop.test', 'ops@shop.test', 'Ops', 'operator', '', now())", STAFF
            )
            return shop

        stack = AsyncExitStack()
        Shops.run, Shops.shop = runner, runner.run(opened(stack))
        try:
            run_state_machine_as_test(
                Shops,
                settings=limits(
                    max_examples=60, stateful_step_count=40, deadline=None, derandomize=True, database=None,
                    suppress_health_check=list(HealthCheck),
                    # A failure is told as it was found. To have it made small, which takes minutes: add Phase.shrink.
                    phases=(Phase.generate,),
                ),
            )  # fmt: skip
        finally:
            runner.run(stack.aclose())
