"""
What a deal's units are, over time: claimed, changed, released, over, paused, ended, counted, against arithmetic.

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
from evertill.clock import utc_now
from evertill.deals import Claim, Claiming, Claims, Releasing, Sweeper
from evertill.ids import new_id
from evertill.refusals import NotFound, Refusal
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from tests.conftest import put_on_hand, stock_up
from tests.dealing import make_deal, price_of

Result = TypeVar("Result")

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
    state: str = "held"
    because: str | None = None


class Deals(RuleBasedStateMachine):
    """Ours on PostgreSQL under a clock that is set, and records with arithmetic; after every rule both say the same."""

    run: ClassVar[asyncio.Runner]
    shop: ClassVar[Shop]

    def __init__(self) -> None:
        super().__init__()
        self.now = utc_now()
        self.deal_id = new_id()
        self.desks = [Claims(self.shop.till_pool, price=price_of, clock=lambda: self.now) for _ in range(2)]
        self.sweeper = Sweeper(self.shop.till_pool, clock=lambda: self.now)
        self.begins, self.ends = self.now + timedelta(minutes=5), self.now + timedelta(hours=2)
        self.units, self.paused, self.ended = UNITS, False, False
        self.on_hand = dict(START)
        self.kept: dict[UUID, Kept] = {}
        self.do(self._begin_anew())

    async def _begin_anew(self) -> None:
        database = self.shop.desk
        await database.execute("TRUNCATE claim, deal, deal_sku, sale_event, stock_movement CASCADE")
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
        return sum(kept.quantity for kept in self.kept.values() if kept.state == "held" and sku in (None, kept.sku))

    def has(self, holder: str, customer_id: UUID | None) -> int:
        return sum(
            kept.quantity
            for kept in self.kept.values()
            if kept.state == "held"
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
        left, free = self.units - self.held(), self.on_hand[ask.sku] - self.held(ask.sku)
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
                self.kept[answer.id] = Kept(sku, quantity, holder, customer_id, ends)
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
        self.units = max(units, self.held(), 1)
        self.do(self.shop.desk.execute("UPDATE deal SET units = $1", self.units))

    @rule(sku=st.sampled_from(sorted(START)), units=st.integers(0, 8))
    def count(self, sku: str, units: int) -> None:
        """Somebody counts what is on the shelf."""
        self.on_hand[sku] = max(units, self.held(sku))
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
        assert await self.shop.desk.fetchval("SELECT claimed FROM deal") == self.held()
        rows = await self.shop.desk.fetch("SELECT sku, on_hand, claimed FROM stock")
        assert {row["sku"]: tuple(row)[1:] for row in rows} == {
            sku: (self.on_hand[sku], self.held(sku)) for sku in START
        }

    def teardown(self) -> None:
        """The books are sound; and in the end nothing is held."""
        self.do(self._audited(self.now))
        self.now += timedelta(hours=1)
        self.sweep(2)
        assert self.held() == 0
        self.do(self._compare())
        self.do(self._audited(self.now))

    async def _audited(self, now: datetime) -> None:
        overdue = any(kept.state == "held" and kept.ends < now - timedelta(minutes=5) for kept in self.kept.values())
        async with self.shop.desk.acquire() as connection:
            report = await audit(connection, now=now)
        assert {anomaly.kind for anomaly in report.shown()} <= ({"claim_past_end"} if overdue else set())


def test_claims_are_what_arithmetic_says(settings: Settings) -> None:
    """Claimed, changed, given back, over, swept; paused, ended, counted up and down between."""
    with asyncio.Runner() as runner:

        async def opened(stack: AsyncExitStack) -> Shop:
            shop = await open_shop(settings, Signer(b"test" * 8), utc_now, stack)
            async with shop.desk.acquire() as connection:
                await stock_up(connection, {sku: (1_000, units) for sku, units in START.items()})
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
