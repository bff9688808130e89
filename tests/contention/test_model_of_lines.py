"""
What becomes of those who wait for a deal: joined, offered, taken, missed, left, over, against arithmetic that knows
only the order of the line. The clock is handed in; two workers take turns, sweepers and callers come when they like.
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
from evertill.deals import Caller, Claim, Claiming, Claims, Leaving, Place, Releasing, Sweeper, Waiting
from evertill.deals.waiting import OFFER_LIFE
from evertill.ids import new_id
from evertill.refusals import Refusal
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from tests.conftest import put_on_hand, stock_up
from tests.dealing import make_deal, price_of

Result = TypeVar("Result")

UNITS, LIMIT, MINUTES = 2, 2, 30
SKUS = {"MUG": 4, "TEA": 2}
NAMES = ("a", "b", "c", "d", "e", "f")
skus, names, quantities = st.sampled_from(sorted(SKUS)), st.sampled_from(NAMES), st.integers(1, 2)


@dataclass
class Held:
    """A claim, as arithmetic keeps it."""

    sku: str
    quantity: int
    name: str
    ends: datetime


@dataclass
class Stands:
    """A place, as arithmetic keeps it."""

    sku: str
    quantity: int
    name: str
    state: str = "waiting"
    offer: UUID | None = None


class Lines(RuleBasedStateMachine):
    """Ours on PostgreSQL under a clock that is set, and a list in order; after every rule both say the same."""

    run: ClassVar[asyncio.Runner]
    shop: ClassVar[Shop]

    def __init__(self) -> None:
        super().__init__()
        self.now = utc_now()
        self.deal_id = new_id()
        self.desks = [Claims(self.shop.till_pool, price=price_of, clock=lambda: self.now) for _ in range(2)]
        self.sweeper = Sweeper(self.shop.till_pool, clock=lambda: self.now)
        self.caller = Caller(self.shop.till_pool, self.desks[0], clock=lambda: self.now)
        self.ends = self.now + timedelta(hours=3)
        self.units, self.paused = UNITS, False
        self.on_hand = dict(SKUS)
        self.held: dict[UUID, Held] = {}
        self.line: dict[UUID, Stands] = {}
        self.do(self._begin_anew())
        for name, sku in (("a", "MUG"), ("b", "TEA")):  # everything is claimed, and some wait
            claim = self.do(self.desks[0].claim(Claiming(self.deal_id, sku, 1, f"browser:{name}")))
            self.held[claim.id] = Held(sku, 1, name, claim.expires_at)
        for name, sku in (("c", "MUG"), ("d", "MUG"), ("e", "TEA")):
            self.wait(sku, 2, name, 0, 1)

    async def _begin_anew(self) -> None:
        database = self.shop.desk
        await database.execute("TRUNCATE waiting, claim, deal, deal_sku, sale_event, stock_movement CASCADE")
        await database.execute("UPDATE stock SET on_hand = 0, claimed = 0, sold = 0")
        for sku, units in SKUS.items():
            await put_on_hand(database, sku, units)
        await make_deal(
            database, self.deal_id, *SKUS, units=UNITS, per_customer=LIMIT, claim_minutes=MINUTES, ends_at=self.ends
        )

    def do(self, verb: Awaitable[Result]) -> Result:
        async def doing() -> Result:
            return await verb

        return self.run.run(doing())

    def told(self, verb: Awaitable[Result]) -> Result | Refusal:
        """What somebody is told: a result or a no; nothing else is raised."""

        async def doing() -> Result | Refusal:
            try:
                return await verb
            except Refusal as refusal:
                return refusal

        return self.run.run(doing())

    # ------------------------------------------------------------------ arithmetic

    def claimed(self, sku: str | None = None) -> int:
        return sum(held.quantity for held in self.held.values() if sku in (None, held.sku))

    def left(self, sku: str) -> int:
        return min(self.units - self.claimed(), self.on_hand[sku] - self.claimed(sku))

    def has(self, name: str) -> int:
        return sum(held.quantity for held in self.held.values() if held.name == name)

    def holds(self, name: str, sku: str) -> UUID | None:
        return next((id_ for id_, held in self.held.items() if (held.name, held.sku) == (name, sku)), None)

    def stands(self, name: str, sku: str) -> UUID | None:
        return next(
            (
                id_
                for id_, place in self.line.items()
                if (place.name, place.sku) == (name, sku) and place.state in ("waiting", "offered")
            ),
            None,
        )

    def over(self) -> bool:
        return self.now >= self.ends

    def settle(self) -> None:
        """Offers whose claim is gone have come to their end, once somebody looks at the line."""
        for place in self.line.values():
            if place.state == "offered" and place.offer not in self.held:
                place.state = "missed"

    def serve(self) -> None:
        """Down the line, in its order."""
        waiting = [place for place in self.line.values() if place.state == "waiting"]
        if self.over():
            for place in waiting:
                place.state = "over"
            return
        if self.paused:
            return
        for place in waiting:
            if self.units == self.claimed():
                return
            if self.left(place.sku) < 1 or self.holds(place.name, place.sku):
                continue
            may = LIMIT - self.has(place.name)
            if may < 1:
                place.state = "over"
                continue
            # Which id the offer has is looked up when both are compared.
            offer = new_id()
            quantity = min(place.quantity, self.left(place.sku), may)
            self.held[offer] = Held(place.sku, quantity, place.name, self.now + OFFER_LIFE)
            place.state, place.offer = "offered", offer

    def expire_own(self, name: str, sku: str) -> None:
        """Who asks has nothing that is over."""
        id_ = self.holds(name, sku)
        if id_ is not None and self.now >= self.held[id_].ends:
            del self.held[id_]
            self.settle()

    def looks(self, sku: str) -> bool:
        """Whether a group looks at who stands in line: where something of the deal is free, before it decides."""
        return self.units > self.claimed()

    # ------------------------------------------------------------------ what happens

    # Few rules of many kinds each: Hypothesis leaves whole rules out of a run, and a line needs most of them.

    @rule(
        what=st.sampled_from(("claim", "wait", "wait", "release", "leave")), sku=skus, quantity=quantities, name=names,
        desk=st.integers(0, 1), times=st.integers(1, 2), number=st.integers(0, 20),
    )  # fmt: skip
    def somebody(self, what: str, sku: str, quantity: int, name: str, desk: int, times: int, number: int) -> None:
        match what:
            case "claim":
                offers = [place for place in self.line.values() if place.state == "offered"]
                if offers and number % 2:  # whoever has an offer comes for it more often than others
                    name, sku = offers[0].name, offers[0].sku
                self.claim(sku, quantity, name, desk)
            case "wait":
                self.wait(sku, quantity, name, desk, times)
            case "release":
                self.release(number, desk)
            case _:
                self.leave(number, desk)

    @rule(
        what=st.sampled_from(("time", "sweep", "call")), minutes=st.sampled_from((1, 14, 15, 31)),
        workers=st.integers(1, 2),
    )  # fmt: skip
    def time_goes_by(self, what: str, minutes: int, workers: int) -> None:
        match what:
            case "time":
                self.time_passes(minutes)
            case "sweep":
                self.sweep(workers)
            case _:
                self.call()

    @rule(
        what=st.sampled_from(("go on", "go on", "pause", "add", "count")), sku=skus, units=st.integers(1, 2),
    )  # fmt: skip
    def staff(self, what: str, sku: str, units: int) -> None:
        match what:
            case "add":
                self.add_units(units)
            case "count":
                self.count(sku, units)
            case _:
                self.pause(what == "pause")

    def claim(self, sku: str, quantity: int, name: str, desk: int) -> None:
        """By whoever: an offer is taken by it, and a newcomer gets only what nobody in line can be served with."""
        answer = self.told(self.desks[desk].claim(Claiming(self.deal_id, sku, quantity, f"browser:{name}")))
        # Whether the group saw the line: it does not where nothing was free before. What frees itself in the group is
        # the line's then, once a caller comes.
        seen = self.looks(sku)
        waits = any(place.state == "waiting" for place in self.line.values())
        self.settle()
        place_id = self.stands(name, sku)
        own_id = self.holds(name, sku)
        offered = place_id is not None and self.line[place_id].state == "offered"
        if own_id is not None and self.now >= self.held[own_id].ends:
            if offered and place_id is not None:
                self.line[place_id].state = "missed"
                del self.held[own_id]
                own_id, offered = None, False
                if seen:
                    self.serve()
            else:
                if seen:
                    self.serve()
                del self.held[own_id]
                own_id = None
        elif seen:
            self.serve()
        if self.over():
            self.serve()
        own_id = self.holds(name, sku)
        place_id = self.stands(name, sku)
        offered = place_id is not None and self.line[place_id].state == "offered"
        have = self.held[own_id].quantity if own_id is not None else 0
        more = quantity - have
        blocked = waits and not seen and any(place.state == "waiting" for place in self.line.values())
        expected = self.refusal(sku, name, more, blocked=blocked) if more > 0 else None
        if expected is not None:
            assert isinstance(answer, Refusal), (answer, expected)
            assert answer.code == expected
        else:
            assert isinstance(answer, Claim), (answer, have, more)
            assert answer.quantity == quantity
            if own_id is None:
                self.held[answer.id] = Held(sku, quantity, name, self.now + timedelta(minutes=MINUTES))
            else:
                self.held[own_id].quantity = quantity
                if offered and place_id is not None:
                    self.line[place_id].state = "taken"
                    self.held[own_id].ends = self.now + timedelta(minutes=MINUTES)
        if seen:
            self.serve()

    def refusal(self, sku: str, name: str, more: int, *, blocked: bool) -> str | None:
        if self.over():
            return "deal_ended"
        if self.paused:
            return "deal_paused"
        if self.has(name) + more > LIMIT:
            return "limit_reached"
        first = any(
            place.state == "waiting" and self.left(place.sku) > 0 and not self.holds(place.name, place.sku)
            for place in self.line.values()
        )
        if blocked or (first and self.units > self.claimed()):
            return "all_claimed"
        left, free = self.units - self.claimed(), self.on_hand[sku] - self.claimed(sku)
        if min(left, free) >= more:
            return None
        if min(left, free) > 0:
            return "too_few_left"
        return "all_claimed" if left < more and self.claimed() else "sold_out"

    def release(self, number: int, desk: int) -> None:
        """What somebody holds, an offer too, goes to the line in the same moment."""
        if not self.held:
            return
        id_ = list(self.held)[number % len(self.held)]
        held = self.held[id_]
        self.settle()
        answer = self.told(self.desks[desk].release(Releasing(id_, f"browser:{held.name}")))
        assert isinstance(answer, Claim)
        del self.held[id_]
        # That it was given up is written down when somebody looks at the line next.
        for place in self.line.values():
            if place.offer == id_ and place.state == "offered":
                place.state = "left"
        self.serve()

    def wait(self, sku: str, quantity: int, name: str, desk: int, times: int) -> None:
        """At the end of the line, once, where there is something to wait for."""
        ask = Waiting(self.deal_id, sku, quantity, f"browser:{name}")
        answers = self.do(self._together(*(self.desks[desk].wait(ask) for _ in range(times))))
        self.settle()
        place_id, own_id = self.stands(name, sku), self.holds(name, sku)
        seen = self.looks(sku)
        if place_id is not None and self.line[place_id].state == "offered":
            assert own_id is not None
            if self.now >= self.held[own_id].ends:
                self.line[place_id].state = "missed"
                del self.held[own_id]
        if seen or self.over():
            self.serve()
        place_id, own_id = self.stands(name, sku), self.holds(name, sku)
        expected: str | None = None
        if place_id is None:
            if own_id is not None and self.now < self.held[own_id].ends:
                expected = "claimed_already"
            expected = self.why_not(sku, name, quantity, expected, seen=seen)
        for answer in answers:
            if expected is not None:
                assert isinstance(answer, Refusal), (answer, expected)
                assert answer.code == expected
                continue
            assert isinstance(answer, Place), answer
            if place_id is None:
                place_id = answer.id
                self.line[answer.id] = Stands(sku, quantity, name)
            assert answer.id == place_id
        if seen:
            self.serve()

    def why_not(self, sku: str, name: str, quantity: int, own: str | None, *, seen: bool) -> str | None:
        if self.over():
            return "deal_ended"
        if self.paused:
            return "deal_paused"
        if own is not None:
            return own
        if self.has(name) + quantity > LIMIT:
            return "limit_reached"
        blocked = not seen and any(place.state == "waiting" for place in self.line.values())
        short = self.refusal_of_units(sku, 1, blocked=blocked)
        if short is None:
            return "not_all_claimed"
        return None if short == "all_claimed" else short

    def refusal_of_units(self, sku: str, more: int, *, blocked: bool) -> str | None:
        first = any(
            place.state == "waiting" and self.left(place.sku) > 0 and not self.holds(place.name, place.sku)
            for place in self.line.values()
        )
        if blocked or (first and self.units > self.claimed()):
            return "all_claimed"
        left, free = self.units - self.claimed(), self.on_hand[sku] - self.claimed(sku)
        if min(left, free) >= more:
            return None
        return "all_claimed" if left < more and self.claimed() else "sold_out"

    async def _together(self, *verbs: Awaitable[Place]) -> list[Place | BaseException]:
        return await asyncio.gather(*verbs, return_exceptions=True)

    def leave(self, number: int, desk: int) -> None:
        """Any place there ever was: a living one is given up, with its offer."""
        if not self.line:
            return
        id_ = list(self.line)[number % len(self.line)]
        place = self.line[id_]
        answer = self.told(self.desks[desk].leave(Leaving(id_, f"browser:{place.name}")))
        self.settle()
        if place.state in ("waiting", "offered"):
            if place.offer is not None:
                self.held.pop(place.offer, None)
            place.state = "left"
        assert isinstance(answer, Place)
        assert answer.state == place.state
        self.serve()

    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    def sweep(self, workers: int) -> None:
        over = [id_ for id_, held in self.held.items() if self.now >= held.ends]
        assert sum(self.do(self._swept(workers))) == len(over)
        for id_ in over:
            del self.held[id_]

    async def _swept(self, workers: int) -> list[int]:
        return await asyncio.gather(*(self.sweeper.run_once() for _ in range(workers)))

    def call(self) -> None:
        """The caller leaves nobody in line who could be served, nor an offer that has come to its end."""
        self.do(self.caller.run_once())
        self.settle()
        self.serve()

    def pause(self, paused: bool) -> None:
        self.paused = paused
        self.do(self.shop.desk.execute("UPDATE deal SET paused_at = $1", self.now if paused else None))

    def add_units(self, units: int) -> None:
        if self.units < 6:
            self.units += units
            self.do(self.shop.desk.execute("UPDATE deal SET units = $1", self.units))

    def count(self, sku: str, units: int) -> None:
        """More are on hand."""
        if self.on_hand[sku] < 6:
            self.on_hand[sku] += units
            self.do(put_on_hand(self.shop.desk, sku, self.on_hand[sku]))

    # ------------------------------------------------------------------ both say the same

    @invariant()
    def both_say_the_same(self) -> None:
        self.do(self._compare())

    async def _compare(self) -> None:
        database = self.shop.desk
        rows = await database.fetch("SELECT * FROM waiting ORDER BY joined_at, id")
        assert [row["id"] for row in rows] == list(self.line)
        claims = {row["id"]: row for row in await database.fetch("SELECT * FROM claim WHERE state = 'held'")}
        for row in rows:
            place = self.line[row["id"]]
            unwritten = row["state"] == "offered" and row["claim_id"] not in claims
            assert row["state"] == place.state or (unwritten and place.state in ("offered", "missed", "left")), place
            if row["claim_id"] is not None and place.offer not in (None, row["claim_id"]):
                assert place.offer is not None  # ours until now: it gets the name it has
                if place.offer in self.held:
                    self.held[row["claim_id"]] = self.held.pop(place.offer)
                place.offer = row["claim_id"]
        ours = {id_: (held.sku, held.quantity, f"browser:{held.name}", held.ends) for id_, held in self.held.items()}
        assert ours == {
            id_: (row["sku"], row["quantity"], row["holder"], row["expires_at"]) for id_, row in claims.items()
        }

    def teardown(self) -> None:
        """The books are sound; and when the deal is over nobody waits, and nothing is held."""
        self.do(self._audited(self.now))
        self.now = self.ends + timedelta(hours=1)
        self.sweep(2)
        self.paused = False
        self.do(self.shop.desk.execute("UPDATE deal SET paused_at = NULL"))
        self.call()
        self.do(self._compare())
        assert self.held == {}
        assert all(place.state not in ("waiting", "offered") for place in self.line.values())
        self.do(self._audited(self.now))

    async def _audited(self, now: datetime) -> None:
        async with self.shop.desk.acquire() as connection:
            report = await audit(connection, now=now)
        late = {"claim_past_end", "offer_without_claim"}  # nobody swept, nobody called
        assert {anomaly.kind for anomaly in report.shown()} <= late


def test_a_line_is_what_arithmetic_says(settings: Settings) -> None:
    """Joined, offered, taken, missed, left; swept, called, paused, added to and over between."""
    with asyncio.Runner() as runner:

        async def opened(stack: AsyncExitStack) -> Shop:
            shop = await open_shop(settings, Signer(b"test" * 8), utc_now, stack)
            async with shop.desk.acquire() as connection:
                await stock_up(connection, {sku: (1_000, units) for sku, units in SKUS.items()})
            return shop

        stack = AsyncExitStack()
        Lines.run, Lines.shop = runner, runner.run(opened(stack))
        try:
            run_state_machine_as_test(
                Lines,
                settings=limits(
                    max_examples=70, stateful_step_count=40, deadline=None, derandomize=True, database=None,
                    suppress_health_check=list(HealthCheck),
                    phases=(Phase.generate,),  # as in test_model.py
                ),
            )  # fmt: skip
        finally:
            runner.run(stack.aclose())
