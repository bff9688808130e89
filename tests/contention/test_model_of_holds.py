"""
What an order holds, over time: claims, their endings and their expiry, against arithmetic.

Beside test_model.py, which walks through all verbs, this one walks through time and through deaths: the clock is handed
in, a worker can die at any statement of a purchase, and the provider is late, silent, or heard after the hold is over.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from evertill.app import open_shop, settle_with
from evertill.checkout.complete import Checkout
from evertill.checkout.model import Completion, Session
from evertill.checkout.placing import Followed, NotPlaced, Placed, Placing
from evertill.checkout.sessions import get_session
from evertill.checkout.settling import Settling
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.money import Money
from evertill.notices import Sender
from evertill.orders.changing import Outcome, cancel, refund, ship
from evertill.orders.finishing import Finisher
from evertill.payments.model import HOLD_EXPIRED, Authorisation, Ending, Failed, Unknown
from evertill.payments.reconcile import Reconciler
from evertill.refusals import Conflict, Invalid, Refusal, Unavailable
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.stock.changing import change_on_hand
from tests.buying import key, open_session, placing
from tests.conftest import put_on_hand, stock_up
from tests.contention.counting import wrongs
from tests.contention.steps import Death, stopping
from tests.providers import AUTHORISED, CAPTURED, VOIDED, Ledger

Result = TypeVar("Result")

START = {"MUG": 12, "TEA": 6, "LAST": 2}
PRICES = {"MUG": 1_250, "TEA": 495, "LAST": 9_900}
STAFF = new_id()
OWNER = "browser:ada"
# Every time of ours is far shorter than the shortest step of the clock, the hold and a session's life apart: what was
# put off is due after any step, and not before one.
MINUTES = (11, 31, 61)
wants = st.dictionaries(st.sampled_from(sorted(START)), st.integers(1, 3), min_size=1)
lost = st.sampled_from(("", "", "before", "after"))
BEFORE_THE_ORDER = ("checkout.lock_sessions", "stock.lock_stock", "stock.move_stock", "checkout.place_orders")
BEFORE_THE_ENDING = ("checkout.lock_attempts", "checkout.settle_orders")


@dataclass
class Kept:
    """An order with its payment, as arithmetic keeps it."""

    session_id: UUID
    ask: Authorisation
    units: Counter[str]
    placed_at: datetime
    due: datetime  # for the reconciler while unsettled, for the finisher after that
    state: str = "pending"
    attempt: str = "recorded"
    reason: str | None = None
    wish: str = ""  # what the finisher is to see through: captured, voided
    given_back: int = 0  # minor units, and as much of it as the provider did not confirm:
    refund_due: bool = False

    @property
    def total(self) -> int:
        subtotal = sum(PRICES[sku] * units for sku, units in self.units.items())
        return subtotal + (0 if subtotal >= 5_000 else 395)

    @property
    def unsettled(self) -> bool:
        return self.attempt in ("recorded", "unknown")


class Holds(RuleBasedStateMachine):
    """Ours on PostgreSQL under a clock that is set, and records with arithmetic; after every rule both say the same."""

    run: ClassVar[asyncio.Runner]
    shop: ClassVar[Shop]

    sessions = Bundle("sessions")
    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.now = utc_now()
        self.hold = timedelta(minutes=self.shop.settings.hold_minutes)
        checkout = Checkout(self.shop.checkout.till, self.ledger, self.shop.till_pool, self.clock)
        self.here = replace(self.shop, provider=self.ledger, checkout=checkout, clock=self.clock)
        self.on_hand = Counter(START)
        self.lines: dict[UUID, Counter[str]] = {}  # what each session would sell
        self.kept: dict[UUID, Kept] = {}
        self.charges: dict[UUID, object] = {}  # by attempt
        self.do(self._begin_anew())

    async def _begin_anew(self) -> None:
        await self.shop.desk.execute(
            "TRUNCATE orders, order_line, payment_attempt, refund, checkout_session, attempt_key, outbox, "
            "staff_action, stock_movement"
        )
        await self.shop.desk.execute("UPDATE stock SET on_hand = 0, claimed = 0, sold = 0")
        for sku, units in START.items():
            await put_on_hand(self.shop.desk, sku, units)

    def clock(self) -> datetime:
        return self.now

    def do(self, verb: Awaitable[Result]) -> Result:
        async def doing() -> Result:
            return await verb

        return self.run.run(doing())

    # ------------------------------------------------------------------ arithmetic

    def spoken(self, sku: str, *states: str) -> int:
        return sum(order.units[sku] for order in self.kept.values() if order.state in states)

    def free(self, sku: str) -> int:
        return self.on_hand[sku] - self.spoken(sku, "pending", "held", "confirmed", "shipped")

    def living(self, session_id: UUID) -> UUID | None:
        ids = [id_ for id_, order in self.kept.items() if order.session_id == session_id and order.state != "declined"]
        assert len(ids) <= 1
        return ids[0] if ids else None

    def reserves(self, order: Kept) -> None:
        """What the provider does when it is asked: once."""
        self.charges.setdefault(order.ask.attempt_id, AUTHORISED)

    def hears(self, order: Kept, said: str, reason: str) -> None:
        """Somebody of ours hears the provider say yes, no or nothing, which has a reason."""
        if order.unsettled:
            if said == "yes":
                order.state, order.attempt, order.reason = "confirmed", "authorised", None
            elif said == "no":
                order.state, order.attempt, order.reason = "declined", "declined", reason
            else:
                order.state, order.attempt, order.reason = "held", "unknown", reason
                order.due = self.now + timedelta(seconds=5)
        elif said == "yes" and order.attempt == "declined":
            order.attempt, order.wish, order.due = "authorised", "voided", self.now

    # ------------------------------------------------------------------ buying

    @rule(target=sessions, asked=wants)
    def open(self, asked: dict[str, int]) -> Session:
        session: Session = self.do(open_session(self.here, *asked.items(), owner=OWNER))
        self.lines[session.id] = +Counter({sku: min(units, self.free(sku)) for sku, units in asked.items()})
        return session

    def _ask(self, session: Session) -> Placing:
        found = self.do(get_session(self.shop.desk, session_id=session.id, owner=OWNER))
        return msgspec.structs.replace(placing(found), now=self.now)

    def _sellable(self, session: Session, ask: Placing, worker: Shop) -> bool:
        """Whether pressing makes an order; where it cannot, that is said, and is what arithmetic says."""
        earlier, lines = self.living(session.id), self.lines[session.id]
        if earlier is not None:
            assert self.do(worker.checkout.till.place(ask)) == Followed(earlier)
            return False
        if self.now >= session.expires_at or not lines:
            with pytest.raises(Conflict if self.now >= session.expires_at else Invalid):
                self.do(worker.checkout.till.place(ask))
            return False
        if any(self.free(sku) < units for sku, units in lines.items()):
            answer = self.do(worker.checkout.till.place(ask))
            assert isinstance(answer, NotPlaced)
            assert answer == self.do(worker.checkout.till.place(ask))  # the same key, the same answer
            now = Counter({line.sku: line.quantity for line in answer.session.terms.lines})
            assert all(units <= self.free(sku) for sku, units in now.items())
            self.lines[session.id] = now
            return False
        return True

    def _taken(self, session: Session, placed: Placed) -> Kept:
        kept = Kept(
            session.id, placed.authorisation, self.lines[session.id], self.now, self.now + timedelta(seconds=18)
        )
        self.kept[placed.order_id] = kept
        return kept

    @rule(target=orders, session=sessions, reserved=st.booleans(), dying=st.sampled_from((None, *BEFORE_THE_ORDER)))
    def place_and_die(self, session: Session, reserved: bool, dying: str | None) -> object:
        """
        The worker dies before the provider is asked, or before its answer is written.

        Where it died within the till, nothing was taken, and the same key takes it now.
        """
        ask = self._ask(session)
        if not self._sellable(session, ask, self.here):
            return multiple()
        if dying is not None:
            with pytest.raises(Unavailable):
                self.do(stopping(self.here, Death(dying)).checkout.till.place(ask))
            self.do(self._compare())
        placed = self.do(self.here.checkout.till.place(ask))
        assert isinstance(placed, Placed)
        assert self.do(self.here.checkout.till.place(ask)) == Followed(placed.order_id)
        order = self._taken(session, placed)
        if reserved:
            self.do(self.ledger.authorise(order.ask))
            self.reserves(order)
        return placed.order_id

    @rule(
        target=orders, session=sessions, said=st.sampled_from(("yes", "yes", "no", "before", "after")),
        times=st.integers(1, 3), dying=st.sampled_from((None, None, *BEFORE_THE_ENDING)),
    )  # fmt: skip
    def press(self, session: Session, said: str, times: int, dying: str | None) -> object:
        """Pressing "pay" so often at once under one key, which is pressing once; again later says the same."""
        ask = self._ask(session)
        if not self._sellable(session, ask, self.here):
            return multiple()
        self._lose("authorise", said)
        self.ledger.refuses = {"authorise"} if said == "no" else set()
        if dying is not None:
            with pytest.raises(Unavailable):
                self.do(stopping(self.here, Death(dying)).checkout.complete(ask))
        else:
            answers = self.do(self._together(*(self.here.checkout.complete(ask) for _ in range(times))))
        self._lose("authorise", "")
        self.ledger.refuses = set()
        order_id, placed = self.do(self._newest(session))
        order = self._taken(session, placed)
        if said in ("yes", "after"):
            self.reserves(order)
        if dying is not None:
            return order_id
        self.hears(order, said, "provider_error" if said == "before" else "timeout" if said == "after" else "refused")
        again = self.do(self.here.checkout.complete(ask))
        for answer in (*answers, again):
            assert isinstance(answer, Completion)
            assert (answer.order_id, answer.state, answer.reason) == (order_id, order.state, order.reason)
            assert answer.total_minor == order.total
        return order_id

    async def _together(self, *verbs: Coroutine[Any, Any, Result]) -> list[Result]:
        return await asyncio.gather(*verbs)

    async def _newest(self, session: Session) -> tuple[UUID, Placed]:
        """The order the press made, read: what it became is compared, only its ids are taken over."""
        row = await self.shop.desk.fetchrow(
            "SELECT orders.id, number, attempt.id AS attempt_id, amount_minor, attempt.currency FROM orders "
            "JOIN payment_attempt AS attempt ON attempt.order_id = orders.id "
            "WHERE session_id = $1 AND NOT orders.id = ANY ($2::uuid[])",
            session.id, list(self.kept),
        )  # fmt: skip
        assert row is not None
        amount = Money(row["currency"], row["amount_minor"])
        ask = Authorisation(row["attempt_id"], amount, "tok_approve", row["number"])
        return row["id"], Placed(row["id"], session, ask)

    @initialize(target=orders, asked=wants, said=st.sampled_from(("yes", "before", "after")))
    def first_comes(self, asked: dict[str, int], said: str) -> object:
        """There is always an order to do something with."""
        return self.press(self.open(asked), said, 1, None)

    @rule(target=orders, asked=wants, said=st.sampled_from(("yes", "yes", "before", "after", "no")))
    def buy(self, asked: dict[str, int], said: str) -> object:
        """A session opened and pressed at once: what comes after is reached more often this way."""
        return self.press(self.open(asked), said, 1, None)

    # ------------------------------------------------------------------ the provider, late

    @rule(order_id=orders, said=st.sampled_from(("yes", "yes", "no", "nothing")))
    def hear_late(self, order_id: UUID, said: str) -> None:
        """An answer arrives whenever it likes: before the reconciler, after it, after the hold was given up."""
        order = self.kept[order_id]
        if said == "no" and order.ask.attempt_id in self.charges:
            return  # a provider that reserved the money does not decline
        if said == "yes" and (order.attempt == "declined" and order.reason != HOLD_EXPIRED):
            return  # nor does one that declined reserve it
        ending: Ending = Unknown("timeout") if said == "nothing" else Failed("refused", "No.")
        if said == "yes":
            ending = self.do(self.ledger.authorise(order.ask))
            self.reserves(order)
        was_open = order.unsettled
        settled = self.do(
            self.here.checkout.till.settle(
                Settling(order.ask.attempt_id, ending, self.now, self.now + timedelta(seconds=5))
            )
        )
        self.hears(order, said, "refused" if said == "no" else "timeout")
        assert (settled.state, settled.reason, settled.ended_now) == (order.state, order.reason, was_open)

    @rule(order_id=orders)
    def reserve_unheard(self, order_id: UUID) -> None:
        """The provider gets round to a request that everybody has given up waiting for."""
        order = self.kept[order_id]
        if order.unsettled:
            self.do(self.ledger.authorise(order.ask))
            self.reserves(order)

    # ------------------------------------------------------------------ time and duties

    @rule(minutes=st.sampled_from(MINUTES))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(said=st.sampled_from(("yes", "yes", "no", "nothing")), workers=st.integers(1, 3))
    def reconcile(self, said: str, workers: int) -> None:
        """So many sweep at once: what is due is ended once, what is over is given up, silence decides nothing."""
        self.ledger.before = {"look_up"} if said == "nothing" else set()
        self.ledger.refuses = {"authorise"} if said == "no" else set()
        reconciler = Reconciler(
            self.here.desk, provider=self.ledger, settle=settle_with(self.here.checkout.till), clock=self.clock,
            hold=self.hold,
        )  # fmt: skip
        due = [order for order in self.kept.values() if order.unsettled and order.due <= self.now]
        looked = self.do(self._together(*(reconciler.run_once() for _ in range(workers))))
        assert sum(looked) == len(due)
        self.ledger.before = self.ledger.refuses = set()
        for order in due:
            over = self.now >= order.placed_at + self.hold
            if said == "nothing":
                self.hears(order, "nothing", "timeout")
            elif order.ask.attempt_id in self.charges:
                self.hears(order, "yes", "")
            elif over:
                self.hears(order, "no", HOLD_EXPIRED)
            elif said == "no":
                self.hears(order, "no", "refused")
            else:
                self.reserves(order)
                self.hears(order, "yes", "")

    @rule(session=sessions, said=st.sampled_from(("", "yes", "yes", "no")))
    def hold_ends(self, session: Session, said: str) -> None:
        """An order whose request the provider never saw is given up; it may see it yet, and answer."""
        order_id = self.place_and_die(session, False, None)
        if isinstance(order_id, UUID):
            self.time_passes(MINUTES[-1])
            self.reconcile("yes", 2)
            if said:
                self.hear_late(order_id, said)

    @rule()
    def finish(self) -> None:
        """What was wanted of the provider and not confirmed is seen through."""
        self.do(Finisher(self.here.desk, provider=self.ledger, clock=self.clock).run_once())
        for order in self.kept.values():
            if order.due <= self.now:
                self._seen_through(order)
            order.refund_due = order.refund_due and order.due > self.now

    def _seen_through(self, order: Kept) -> None:
        if order.wish == "captured":
            order.state, order.attempt, self.charges[order.ask.attempt_id] = "shipped", "captured", CAPTURED
        elif order.wish == "voided":
            order.attempt, self.charges[order.ask.attempt_id] = "voided", VOIDED
        order.wish = ""

    # ------------------------------------------------------------------ staff

    @rule(order_id=orders, lost=lost, dying=st.sampled_from((None, None, "orders.free_units", "payments.voided")))
    def call_off(self, order_id: UUID, lost: str, dying: str | None) -> None:
        order = self.kept[order_id]
        worker = stopping(self.here, Death(dying, after=True)) if dying else self.here
        verb = cancel(
            worker.console, provider=self.ledger, order_id=order_id, staff_id=STAFF, reason="why not", clock=self.clock
        )
        if order.state not in ("confirmed", "cancelled") or (order.state == "confirmed" and order.wish):
            with pytest.raises(Conflict):
                self.do(verb)
            return
        if order.state == "confirmed" and dying == "orders.free_units":
            with pytest.raises(Unavailable):
                self.do(verb)
            return
        self._lose("void", lost)
        self.do(verb)
        self._lose("void", "")
        if order.state == "confirmed":
            order.state, order.reason, order.wish = "cancelled", "why not", "voided"
            order.due = self.now + timedelta(seconds=13)
            if lost != "before":
                self.charges[order.ask.attempt_id] = VOIDED
            if not lost and not dying:
                self._seen_through(order)

    @rule(order_id=orders, lost=lost, dying=st.sampled_from((None, None, "payments.captured", "orders.ship_units")))
    def ship(self, order_id: UUID, lost: str, dying: str | None) -> None:
        order = self.kept[order_id]
        worker = stopping(self.here, Death(dying, after=True)) if dying else self.here
        verb = ship(worker.console, provider=self.ledger, order_id=order_id, staff_id=STAFF, clock=self.clock)
        if order.state not in ("confirmed", "shipped"):
            with pytest.raises(Conflict):
                self.do(verb)
            return
        self._lose("capture", lost)
        outcome = self.do(verb)
        self._lose("capture", "")
        if order.state == "confirmed" and not order.wish:
            order.wish, order.due = "captured", self.now + timedelta(seconds=13)
            if lost != "before":
                self.charges[order.ask.attempt_id] = CAPTURED
            if not lost and not dying:
                self._seen_through(order)
        assert outcome is (Outcome.DONE if order.state == "shipped" else Outcome.UNDER_WAY)

    @rule(order_id=orders, amount=st.sampled_from((1, 395, 1_645, 9_900)), lost=lost, times=st.integers(1, 2))
    def give_back(self, order_id: UUID, amount: int, lost: str, times: int) -> None:
        """One form, pressed so often at once."""
        order, form = self.kept[order_id], new_id()
        if order.refund_due:
            return  # one that is under way at a time, so that one due time is enough

        async def pressed() -> object:
            try:
                return await refund(
                    self.here.console, provider=self.ledger, order_id=order_id, refund_id=form, amount_minor=amount,
                    staff_id=STAFF, reason="a gesture", clock=self.clock,
                )  # fmt: skip
            except Refusal as refusal:
                return type(refusal)

        self._lose("refund", lost)
        answers = set(self.do(self._together(*(pressed() for _ in range(times)))))
        self._lose("refund", "")
        if order.state != "shipped":
            assert answers == {Conflict}
        elif order.given_back + amount > order.total:
            assert answers == {Invalid}
        else:
            assert answers <= ({Outcome.UNDER_WAY} if lost else {Outcome.DONE, Outcome.UNDER_WAY})
            order.given_back += amount
            if lost:
                order.refund_due, order.due = True, self.now + timedelta(seconds=13)

    def _lose(self, verb: str, way: str) -> None:
        self.ledger.before = {verb} if way == "before" else set()
        self.ledger.after = {verb} if way == "after" else set()

    @rule(sku=st.sampled_from(sorted(START)), change=st.sampled_from((-6, -2, -1, 1, 3)), times=st.integers(1, 2))
    def count(self, sku: str, change: int, times: int) -> None:
        """Units come or are gone; what is spoken for cannot be. One form, pressed so often at once."""
        form = key("count")

        async def counted() -> object:
            try:
                level = await change_on_hand(
                    self.here.console, sku=sku, change=change, reason="count", note="counted", key=form,
                    staff_id=STAFF, now=self.now,
                )  # fmt: skip
            except Conflict as refusal:
                return refusal.code
            return level.free

        (answer,) = set(self.do(self._together(*(counted() for _ in range(times)))))
        if self.free(sku) + change < 0:
            assert answer == "units_spoken_for"
        else:
            self.on_hand[sku] += change
            assert answer == self.free(sku)

    # ------------------------------------------------------------------ what both must agree on

    @invariant()
    def both_say_the_same(self) -> None:
        self.do(self._compare())

    async def _compare(self) -> None:
        rows = await self.shop.desk.fetch(
            "SELECT orders.id, orders.state, state_reason, total_minor, refunded_minor, attempt.state AS attempt, "
            "CASE WHEN capture_due_at IS NOT NULL THEN 'captured' "
            "WHEN void_due_at IS NOT NULL THEN 'voided' ELSE '' END "
            "FROM orders JOIN payment_attempt AS attempt ON attempt.order_id = orders.id"
        )
        assert {row[0]: tuple(row)[1:] for row in rows} == {
            id_: (kept.state, kept.reason, kept.total, kept.given_back, kept.attempt, kept.wish)
            for id_, kept in self.kept.items()
        }
        rows = await self.shop.desk.fetch("SELECT sku, on_hand, claimed, sold FROM stock")
        assert {row["sku"]: tuple(row)[1:] for row in rows} == {
            sku: (
                self.on_hand[sku] - self.spoken(sku, "shipped"),
                self.spoken(sku, "pending", "held"),
                self.spoken(sku, "confirmed"),
            )
            for sku in START
        }
        rows = await self.shop.desk.fetch("SELECT id, status, order_id FROM checkout_session")
        assert {row["id"]: (row["status"], row["order_id"]) for row in rows} == {
            session_id: (self._status(session_id), self.living(session_id)) for session_id in self.lines
        }
        assert self.ledger.charges == self.charges
        for kept in self.kept.values():
            given_back = self.ledger.given_back(kept.ask.attempt_id)
            assert given_back == kept.given_back or kept.refund_due

    def _status(self, session_id: UUID) -> str:
        order_id = self.living(session_id)
        if order_id is None:
            return "ready" if self.lines[session_id] else "incomplete"
        return "completing" if self.kept[order_id].unsettled else "completed"

    def teardown(self) -> None:
        """In the end everything has ended: nothing is claimed, nothing reserved in vain, the books are sound."""
        self.now += self.hold
        self.reconcile("yes", 1)
        self.finish()
        self.do(self._compare())
        sender = Sender(self.shop.desk, settings=self.shop.settings, signer=self.shop.signer, clock=self.clock)
        while self.do(sender.run_once()):
            pass
        for kept in self.kept.values():
            goal = {"confirmed": AUTHORISED, "shipped": CAPTURED}.get(kept.state)
            assert self.charges.get(kept.ask.attempt_id) in ((goal,) if goal else (None, VOIDED))
            assert self.ledger.given_back(kept.ask.attempt_id) == kept.given_back
        assert self.do(wrongs(self.shop.desk, dict(self.on_hand), now=self.now)) == []


def test_holds_end_as_arithmetic_says_whoever_dies_and_however_late(settings: Settings) -> None:
    """Placed, paid, held, expired, heard of late, cancelled, shipped, refunded, counted; dying in between."""
    with asyncio.Runner() as runner:

        async def opened(stack: AsyncExitStack) -> Shop:
            shop = await open_shop(
                msgspec.structs.replace(settings, hold_minutes=60), Signer(b"test" * 8), utc_now, stack
            )
            async with shop.desk.acquire() as connection:
                await stock_up(connection, {sku: (PRICES[sku], START[sku]) for sku in START})
            await shop.desk.execute(
                "INSERT INTO staff VALUES ($1, 'ops@shop.test', 'ops@shop.test', 'Ops', 'operator', '', now())", STAFF
            )
            return shop

        stack = AsyncExitStack()
        Holds.run, Holds.shop = runner, runner.run(opened(stack))
        try:
            run_state_machine_as_test(
                Holds,
                settings=limits(
                    max_examples=60, stateful_step_count=30, deadline=None, derandomize=True, database=None,
                    suppress_health_check=list(HealthCheck),
                    phases=(Phase.generate,),  # as in test_model.py
                ),
            )  # fmt: skip
        finally:
            runner.run(stack.aclose())
