"""
What a deal's units are, over time: claimed, changed, released, over, ordered, paid for or not, called off; paused,
ended, counted, against arithmetic.

The clock is handed in; two workers take turns, and sweepers come when they like.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, Phase
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from evertill.app import open_shop
from evertill.audit import audit
from evertill.checkout.model import Want, Wish
from evertill.checkout.placing import NotPlaced, Placed, PlacingAnswer
from evertill.checkout.sessions import Opening
from evertill.checkout.settling import Settling
from evertill.checkout.till import Till
from evertill.clock import utc_now
from evertill.deals import Claim, Claiming, Claims, Releasing, Sweeper
from evertill.ids import new_id
from evertill.orders.changing import cancel
from evertill.payments.model import HOLD_EXPIRED, Ending, Failed, Unknown
from evertill.refusals import Conflict, NotFound, Refusal
from evertill.resilience import PAYMENT
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from tests.buying import ADA, LONDON, key, placing
from tests.conftest import put_on_hand, stock_up
from tests.dealing import make_deal, price_of
from tests.providers import Ledger

Result = TypeVar("Result")

STAFF = new_id()

START = {"MUG": 6, "TEA": 4}
UNITS, LIMIT, MINUTES = 7, 3, 10
CUSTOMERS = (None, new_id(), new_id())
HOLDERS = ("browser:a", "browser:b", "browser:c", "browser:d")


@dataclass
class Kept:
    """A claim, as arithmetic keeps it."""

    sku: str
    quantity: int
    holder: str
    customer_id: UUID | None
    ends: datetime
    made: datetime
    state: str = "held"
    because: str | None = None
    order: Placed | None = None
    given_back: bool = False  # after the deal's end


class Deals(RuleBasedStateMachine):
    """Ours on PostgreSQL under a clock that is set, and records with arithmetic; after every rule both say the same."""

    run: ClassVar[asyncio.Runner]
    shop: ClassVar[Shop]

    def __init__(self) -> None:
        super().__init__()
        self.now = utc_now()
        self.deal_id = new_id()
        self.desks = [Claims(self.shop.till_pool, price=price_of, clock=lambda: self.now) for _ in range(2)]
        self.ledger = Ledger()
        self.till = Till(
            self.shop.till_pool, house=self.shop.house, provider_name="ledger", answer_within=PAYMENT.deadline,
            clock=lambda: self.now,
        )  # fmt: skip
        self.sweeper = Sweeper(self.shop.till_pool, clock=lambda: self.now)
        self.begins, self.ends = self.now + timedelta(minutes=5), self.now + timedelta(hours=2)
        self.units, self.paused, self.ended = UNITS, False, False
        self.on_hand = dict(START)
        self.kept: dict[UUID, Kept] = {}
        self.do(self._begin_anew())

    async def _begin_anew(self) -> None:
        database = self.shop.desk
        await database.execute(
            "TRUNCATE claim, deal, deal_sku, sale_event, stock_movement, orders, order_line, payment_attempt, "
            "checkout_session, attempt_key, outbox, staff_action CASCADE"
        )
        await database.execute("UPDATE stock SET on_hand = 0, claimed = 0, sold = 0")
        for sku, units in START.items():
            await put_on_hand(database, sku, units)
        await make_deal(
            database, self.deal_id, *START, units=UNITS, per_customer=LIMIT, claim_minutes=MINUTES,
            begins_at=self.begins, ends_at=self.ends,
        )  # fmt: skip

    def do(self, verb: Awaitable[Result]) -> Result:
        async def doing() -> Result:
            return await verb

        return self.run.run(doing())

    # ------------------------------------------------------------------ arithmetic

    def held(self, sku: str | None = None) -> int:
        """Claimed, by whoever holds or has ordered it."""
        return sum(
            kept.quantity
            for kept in self.kept.values()
            if kept.state in ("held", "ordered") and sku in (None, kept.sku)
        )

    def sold(self, sku: str | None = None) -> int:
        """Of the deal; of a SKU, what has not been given back."""
        return sum(
            kept.quantity
            for kept in self.kept.values()
            if kept.state == "bought" and (sku is None or (sku == kept.sku and not kept.given_back))
        )

    def has(self, holder: str, customer_id: UUID | None) -> int:
        return sum(
            kept.quantity
            for kept in self.kept.values()
            if kept.state != "released"
            and (kept.holder == holder or (customer_id is not None and kept.customer_id == customer_id))
        )

    def expected(self, ask: Claiming) -> str | None:
        """Why more is not granted, past everything that is over; None: it is."""
        own = self.own(ask)
        more = ask.quantity - (own.quantity if own else 0)
        if more <= 0:
            return None
        if self.ended or self.now >= self.ends:
            return "deal_ended"
        if self.paused:
            return "deal_paused"
        if self.now < self.begins:
            return "deal_not_begun"
        if self.has(ask.holder, ask.customer_id) + more > LIMIT:
            return "limit_reached"
        left = self.units - self.held() - self.sold()
        free = self.on_hand[ask.sku] - self.held(ask.sku) - self.sold(ask.sku)
        if min(left, free) >= more:
            return None
        if min(left, free) > 0:
            return "too_few_left"
        return "all_claimed" if left < more and self.held() else "sold_out"

    def _is(self, kept: Kept, ask: Claiming) -> bool:
        theirs = kept.holder == ask.holder or (ask.customer_id is not None and kept.customer_id == ask.customer_id)
        return kept.state == "held" and kept.sku == ask.sku and theirs

    def own(self, ask: Claiming) -> Kept | None:
        """This browser's, or its customer's in another one."""
        found = [kept for kept in self.kept.values() if self._is(kept, ask)]
        return min(found, key=lambda kept: kept.holder != ask.holder, default=None)

    # ------------------------------------------------------------------ what happens

    @rule(
        sku=st.sampled_from(sorted(START)), quantity=st.integers(1, 3), holder=st.sampled_from(HOLDERS),
        customer_id=st.sampled_from(CUSTOMERS), desk=st.integers(0, 1), times=st.integers(1, 2),
    )  # fmt: skip
    def claim(self, sku: str, quantity: int, holder: str, customer_id: UUID | None, desk: int, times: int) -> None:
        ask = Claiming(self.deal_id, sku, quantity, holder, customer_id)
        for kept in self.kept.values():
            if self._is(kept, ask) and self.now >= kept.ends:
                kept.state, kept.because = "released", "expired"
        expected = self.expected(ask)
        answers = self.do(self._together(*(self.desks[desk].claim(ask) for _ in range(times))))
        for answer in answers:
            if expected is not None:
                assert isinstance(answer, Refusal)
                assert answer.code == expected
                continue
            assert isinstance(answer, Claim)
            assert answer.quantity == quantity
            known = self.kept.get(answer.id)
            if known is None:
                ends = self.now + timedelta(minutes=MINUTES)
                self.kept[answer.id] = Kept(sku, quantity, holder, customer_id, ends, self.now)
            else:
                known.quantity = quantity
            assert answer.expires_at == self.kept[answer.id].ends

    async def _together(self, *verbs: Awaitable[Claim]) -> list[Claim | BaseException]:
        return await asyncio.gather(*verbs, return_exceptions=True)

    @rule(number=st.integers(0, 20), holder=st.sampled_from(HOLDERS), desk=st.integers(0, 1))
    def release(self, number: int, holder: str, desk: int) -> None:
        """One of all there ever were, by whoever: only its holder's word counts, and once."""
        if not self.kept:
            return
        claim_id = list(self.kept)[number % len(self.kept)]
        kept = self.kept[claim_id]
        (answer,) = self.do(self._together(self.desks[desk].release(Releasing(claim_id, holder))))
        if holder != kept.holder:
            assert isinstance(answer, NotFound)
            return
        if kept.state in ("ordered", "bought"):
            assert isinstance(answer, Conflict)
            return
        if kept.state == "held":
            kept.state, kept.because = "released", "removed"
        assert isinstance(answer, Claim)
        assert (answer.state, answer.ended_because) == (kept.state, kept.because)

    @rule(seconds=st.sampled_from((299, 300, 301, 600, 3_000)))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(workers=st.integers(1, 3))
    def sweep(self, workers: int) -> None:
        over = [kept for kept in self.kept.values() if kept.state == "held" and self.now >= kept.ends]
        assert sum(self.do(self._swept(workers))) == len(over)
        for kept in over:
            kept.state, kept.because = "released", "expired"

    async def _swept(self, workers: int) -> list[int]:
        return await asyncio.gather(*(self.sweeper.run_once() for _ in range(workers)))

    def of(self, number: int, *states: str) -> tuple[UUID, Kept] | None:
        """One of those that stand so."""
        found = [(id_, kept) for id_, kept in self.kept.items() if kept.state in states]
        return found[number % len(found)] if found else None

    @rule(number=st.integers(0, 20), times=st.integers(1, 2))
    def order(self, number: int, times: int) -> None:
        """One that is held, in a checkout or in two at once: one takes it over, if it is not over."""
        found = self.of(number, "held")
        if found is None:
            return
        claim_id, kept = found
        answers = self.do(self._ordered(claim_id, kept, times))
        placed = [answer for answer in answers if isinstance(answer, Placed)]
        assert len(placed) == (1 if self.now < kept.ends else 0)
        assert all(answer.code == "claim_over" for answer in answers if isinstance(answer, NotPlaced))
        if placed:
            kept.state, kept.order = "ordered", placed[0]

    async def _ordered(self, claim_id: UUID, kept: Kept, times: int) -> list[PlacingAnswer]:
        wish = Wish((Want(kept.sku, kept.quantity, claim_id=claim_id),), buyer=ADA, address=LONDON, delivery="std")
        sessions = [
            await self.shop.sessions.open(
                Opening(key("open", kept.holder), wish, "web", kept.holder, kept.customer_id, self.shop.clock())
            )
            for _ in range(times)
        ]
        return await asyncio.gather(*(self.till.place(placing(session)) for session in sessions))

    @rule(
        number=st.integers(0, 20), said=st.sampled_from(("yes", "no", "given up", "unknown")), times=st.integers(1, 2)
    )
    def settle(self, number: int, said: str, times: int) -> None:
        """What the provider says, once or twice."""
        found = self.of(number, "ordered")
        if found is None:
            return
        _, kept = found
        assert kept.order is not None
        ending: Ending = Failed(HOLD_EXPIRED, "Over.") if said == "given up" else Failed("do_not_honour", "No.")
        if said == "unknown":
            ending = Unknown("timeout")
        if said == "yes":
            ending = self.do(self.ledger.authorise(kept.order.authorisation))
        now = utc_now()
        for _ in range(times):
            self.do(self.till.settle(Settling(kept.order.authorisation.attempt_id, ending, now, now)))
        if said == "yes":
            kept.state = "bought"
        elif said == "given up" or (said == "no" and self._has_rival(kept)):
            kept.state, kept.because = "released", "declined"
        elif said == "no":
            until = min(self.now + timedelta(minutes=10), kept.made + timedelta(minutes=MINUTES + 60))
            kept.state, kept.ends = "held", max(kept.ends, until)

    @rule(
        sku=st.sampled_from(sorted(START)), holder=st.sampled_from(HOLDERS), customer_id=st.sampled_from(CUSTOMERS),
        anew=st.booleans(), said=st.sampled_from(("yes", "no", "given up")),
    )  # fmt: skip
    def buy(self, sku: str, holder: str, customer_id: UUID | None, anew: bool, said: str) -> None:
        """Claimed, ordered, maybe claimed anew meanwhile, and settled: so what comes of it is reached often."""
        self.claim(sku, 1, holder, customer_id, 0, 1)
        own = self.own(Claiming(self.deal_id, sku, 1, holder, customer_id))
        if own is None:
            return
        self.order([kept for kept in self.kept.values() if kept.state == "held"].index(own), 1)
        if own.state != "ordered":
            return
        if anew:
            self.claim(sku, 1, holder, customer_id, 1, 1)
        self.settle([kept for kept in self.kept.values() if kept.state == "ordered"].index(own), said, 1)

    def _has_rival(self, kept: Kept) -> bool:
        return any(
            other.state == "held" and other.sku == kept.sku and (
                other.holder == kept.holder or (kept.customer_id is not None and other.customer_id == kept.customer_id)
            )
            for other in self.kept.values()
        )  # fmt: skip

    @rule(number=st.integers(0, 20), times=st.integers(1, 2))
    def call_off(self, number: int, times: int) -> None:
        """Its units are the deal's again while it runs, and only the stock's afterwards."""
        found = self.of(number, "bought")
        if found is None or found[1].given_back:
            return
        _, kept = found
        assert kept.order is not None
        for _ in range(times):
            self.do(
                cancel(
                    self.shop.console, provider=self.ledger, order_id=kept.order.order_id, staff_id=STAFF,
                    reason="why not", clock=utc_now,
                )
            )  # fmt: skip
        if self.ended:
            kept.given_back = True
        else:
            kept.state, kept.because = "released", "cancelled"

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.paused = paused
        at = self.now if paused else None
        self.do(self.shop.desk.execute("UPDATE deal SET paused_at = $1", at))

    @rule(ended=st.sampled_from((True, False, False)), event=st.booleans())
    def end(self, ended: bool, event: bool) -> None:
        """The deal, or its event with it; and, as no shop does, begun again, so that there is more to look at."""
        self.ended = ended
        at = self.now if ended else None
        self.do(self.shop.desk.execute("UPDATE deal SET ended_at = $1", None if event else at))
        self.do(self.shop.desk.execute("UPDATE sale_event SET ended_at = $1", at if event else None))

    @rule(units=st.integers(1, 12))
    def set_units(self, units: int) -> None:
        """More, or fewer, but never fewer than are claimed."""
        self.units = max(units, self.held() + self.sold(), 1)
        self.do(self.shop.desk.execute("UPDATE deal SET units = $1", self.units))

    @rule(sku=st.sampled_from(sorted(START)), units=st.integers(0, 8))
    def count(self, sku: str, units: int) -> None:
        """Somebody counts what is on the shelf."""
        self.on_hand[sku] = max(units, self.held(sku) + self.sold(sku))
        self.do(put_on_hand(self.shop.desk, sku, self.on_hand[sku]))

    # ------------------------------------------------------------------ what both must agree on

    @invariant()
    def both_say_the_same(self) -> None:
        self.do(self._compare())

    async def _compare(self) -> None:
        rows = await self.shop.desk.fetch("SELECT id, state, ended_because, quantity, expires_at FROM claim")
        assert {row["id"]: tuple(row)[1:] for row in rows} == {
            id_: (kept.state, kept.because, kept.quantity, kept.ends) for id_, kept in self.kept.items()
        }
        row = await self.shop.desk.fetchrow("SELECT claimed, sold FROM deal")
        assert row is not None
        assert tuple(row) == (self.held(), self.sold())
        rows = await self.shop.desk.fetch("SELECT sku, on_hand, claimed, sold FROM stock")
        assert {row["sku"]: tuple(row)[1:] for row in rows} == {
            sku: (self.on_hand[sku], self.held(sku), self.sold(sku)) for sku in START
        }

    def teardown(self) -> None:
        """The books are sound; and in the end nothing is held."""
        self.do(self._audited())
        while self.of(0, "ordered"):
            self.settle(0, "yes", 1)
        self.now += timedelta(hours=3)
        self.sweep(2)
        assert self.held() == 0
        self.do(self._compare())
        self.do(self._audited())

    async def _audited(self) -> None:
        async with self.shop.desk.acquire() as connection:
            report = await audit(connection, now=utc_now())  # at ours everything would be late
        assert report.shown() == ()


def test_claims_are_what_arithmetic_says(settings: Settings) -> None:
    """Claimed, changed, given back, over, swept, bought, called off; paused, ended, counted up and down between."""
    with asyncio.Runner() as runner:

        async def opened(stack: AsyncExitStack) -> Shop:
            shop = await open_shop(settings, Signer(b"test" * 8), utc_now, stack)
            async with shop.desk.acquire() as connection:
                await stock_up(connection, {sku: (1_000, units) for sku, units in START.items()})
                await connection.execute(
                    "INSERT INTO staff VALUES ($1, 'o@example.com', 'o@example.com', 'O', 'operator', '', now())", STAFF
                )
            return shop

        stack = AsyncExitStack()
        Deals.run, Deals.shop = runner, runner.run(opened(stack))
        try:
            run_state_machine_as_test(
                Deals,
                settings=limits(
                    max_examples=40, stateful_step_count=30, deadline=None, derandomize=True, database=None,
                    suppress_health_check=list(HealthCheck),
                    phases=(Phase.generate,),  # as in test_model.py
                ),
            )  # fmt: skip
        finally:
            runner.run(stack.aclose())
