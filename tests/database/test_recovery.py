"""Whatever died when: each point at which a purchase can be cut off, entered there and brought to its end."""

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec

from evertill.app import settle_with
from evertill.checkout.complete import Checkout
from evertill.checkout.model import Completion
from evertill.checkout.placing import Placed
from evertill.checkout.settling import Settling
from evertill.ids import new_id
from evertill.money import Money
from evertill.notices.letters import write_letter
from evertill.payments.model import AttemptState, Authorisation, Done, Ending, Failed, Seen, Unknown
from evertill.payments.reconcile import Reconciler
from evertill.shop import Shop
from tests.buying import attempt_of, books, open_session, placing

HOLD = timedelta(hours=1)


async def _placed(shop: Shop, method: str = "tok_approve", *, name: str = "the-attempt") -> Placed:
    session = await open_session(shop, ("MUG", 2))
    answer = await shop.checkout.till.place(placing(session, method, name=name))
    assert isinstance(answer, Placed)
    return answer


def _later(shop: Shop, minutes: int = 5) -> Reconciler:
    """The reconciler of a worker that looks some minutes from now."""
    return Reconciler(
        shop.desk,
        provider=shop.provider,
        settle=settle_with(shop.checkout.till),
        clock=lambda: shop.clock() + timedelta(minutes=minutes),
        hold=HOLD,
    )


async def _state(shop: Shop, order_id: UUID) -> str:
    return str(await shop.desk.fetchval("SELECT state FROM orders WHERE id = $1", order_id))


async def _charges(shop: Shop) -> int:
    return int(await shop.desk.fetchval("SELECT count(*) FROM sandbox_provider.charge WHERE state <> 'declined'"))


async def test_died_before_the_provider_was_asked(shop: Shop) -> None:
    """The order is taken, the units are claimed; the reconciler asks, once, and the order is confirmed."""
    placed = await _placed(shop)
    assert await books(shop, "MUG") == (1_000, 2, 0)
    await _later(shop).run_once()
    assert await _state(shop, placed.order_id) == "confirmed"
    assert await books(shop, "MUG") == (1_000, 0, 2)
    assert await _charges(shop) == 1


async def test_died_after_the_provider_reserved_the_money(shop: Shop) -> None:
    """The provider's record is believed; nothing is reserved a second time."""
    placed = await _placed(shop)
    assert isinstance(await shop.provider.authorise(placed.authorisation), Done)
    await _later(shop).run_once()
    assert await _state(shop, placed.order_id) == "confirmed"
    assert await _charges(shop) == 1


async def test_died_after_the_provider_declined(shop: Shop) -> None:
    """The decline is found, the units are free again, the session can be paid another way."""
    placed = await _placed(shop, "tok_decline_generic")
    assert isinstance(await shop.provider.authorise(placed.authorisation), Failed)
    await _later(shop).run_once()
    assert await _state(shop, placed.order_id) == "declined"
    assert await books(shop, "MUG") == (1_000, 0, 0)
    session = await shop.desk.fetchrow("SELECT status, order_id FROM checkout_session")
    assert session is not None
    assert (session["status"], session["order_id"]) == ("ready", None)


async def test_died_after_all_was_written_but_before_the_answer(shop: Shop) -> None:
    """Everything is durable; the buyer's repeat brings the answer that was never delivered."""
    placed = await _placed(shop)
    ending = await shop.provider.authorise(placed.authorisation)
    now = shop.clock()
    await shop.checkout.till.settle(Settling(placed.authorisation.attempt_id, ending, now, now))
    again = await shop.checkout.complete(placing(placed.session, name="the-attempt"))
    assert isinstance(again, Completion)
    assert (again.order_id, again.state) == (placed.order_id, "confirmed")
    assert await _charges(shop) == 1


async def test_the_repeat_of_an_attempt_that_died_is_told_the_truth_when_it_is_known(shop: Shop) -> None:
    """A buyer who presses again while the dead run's order is pending waits for the reconciler's ending."""
    placed = await _placed(shop)
    repeat = asyncio.create_task(shop.checkout.complete(placing(placed.session, name="the-attempt")))
    await asyncio.sleep(0.2)
    assert not repeat.done()
    await _later(shop).run_once()
    answer = await repeat
    assert isinstance(answer, Completion)
    assert (answer.order_id, answer.state) == (placed.order_id, "confirmed")


async def test_a_worker_that_is_still_at_it_is_not_disturbed(shop: Shop) -> None:
    """Before its time is over an attempt is left to the worker that made it."""
    placed = await _placed(shop)
    assert await _later(shop, minutes=0).run_once() == 0
    assert await _state(shop, placed.order_id) == "pending"


async def test_two_reconcilers_end_an_attempt_once(shop: Shop) -> None:
    """Ten reconcilers at once: units move once, one letter is written."""
    for number in range(8):
        await _placed(shop, name=f"attempt {number}")
    await asyncio.gather(*(_later(shop).run_once() for _ in range(10)))
    assert await books(shop, "MUG") == (1_000, 0, 16)
    assert await shop.desk.fetchval("SELECT count(*) FROM outbox WHERE kind = 'order_confirmed'") == 8
    assert await _charges(shop) == 8


async def test_the_answer_and_the_reconciler_cross(shop: Shop) -> None:
    """The provider answers late, after the reconciler has found out: the second ending changes nothing."""
    placed = await _placed(shop)
    await _later(shop).run_once()
    late = await shop.checkout.till.settle(
        Settling(placed.authorisation.attempt_id, Failed("late", ""), shop.clock(), shop.clock())
    )
    assert (late.state, late.ended_now) == ("confirmed", False)
    assert await attempt_of(shop, placed.order_id) == "authorised"
    assert await books(shop, "MUG") == (1_000, 0, 2)


class Silent:
    """A provider that does what it is asked and does not say so, as often as it is told."""

    name = "silent"

    def __init__(self, *, reserves: bool) -> None:
        self.reserves = reserves
        self.speaks = False
        self.reserved: dict[UUID, int] = {}

    async def authorise(self, ask: Authorisation) -> Ending:
        if self.reserves or self.speaks:
            self.reserved[ask.attempt_id] = self.reserved.get(ask.attempt_id, 0) or 1
        return Done("silent") if self.speaks else Unknown("timeout")

    async def look_up(self, attempt_id: UUID) -> Seen | Unknown | None:
        if not self.speaks:
            return Unknown("timeout")
        return Seen(AttemptState.AUTHORISED, None, "silent") if attempt_id in self.reserved else None

    async def capture(self, attempt_id: UUID) -> Ending:
        return Unknown("timeout")

    async def void(self, attempt_id: UUID) -> Ending:
        return Unknown("timeout")

    async def refund(self, attempt_id: UUID, refund_id: UUID, amount: Money) -> Ending:
        return Unknown("timeout")


async def _held_then_confirmed(shop: Shop, provider: Silent) -> None:
    session = await open_session(shop, ("MUG", 1))
    checkout = Checkout(shop.checkout.till, provider, shop.till_pool, shop.clock)
    answer = await checkout.complete(placing(session))
    assert isinstance(answer, Completion)
    assert answer.state == "held"
    assert await books(shop, "MUG") == (1_000, 1, 0)

    def later(minutes: int) -> Reconciler:
        return Reconciler(
            shop.desk,
            provider=provider,
            settle=settle_with(shop.checkout.till),
            clock=lambda: shop.clock() + timedelta(minutes=minutes),
            hold=HOLD,
        )

    await later(1).run_once()
    assert await _state(shop, answer.order_id) == "held"
    provider.speaks = True
    await later(30).run_once()
    assert await _state(shop, answer.order_id) == "confirmed"
    assert await books(shop, "MUG") == (1_000, 0, 1)
    assert list(provider.reserved.values()) == [1]
    letters = await shop.desk.fetch("SELECT kind FROM outbox ORDER BY id")
    assert [row["kind"] for row in letters] == ["order_held", "order_confirmed"]


async def test_no_answer_with_the_money_reserved_is_held_and_found_out(shop: Shop) -> None:
    """The buyer is told it is held, once; when the provider speaks again, that it is confirmed. One reservation."""
    await _held_then_confirmed(shop, Silent(reserves=True))


async def test_no_answer_without_the_money_reserved_is_held_and_asked_again(shop: Shop) -> None:
    """Where nothing is on record, the same key is asked again: one reservation."""
    await _held_then_confirmed(shop, Silent(reserves=False))


async def test_a_repeat_of_a_held_order_says_held(shop: Shop) -> None:
    """Pressing again while the order is held brings the same order, at once."""
    session = await open_session(shop, ("MUG", 1))
    checkout = Checkout(shop.checkout.till, Silent(reserves=False), shop.till_pool, shop.clock)
    first = await checkout.complete(placing(session, name="k"))
    second = await checkout.complete(placing(session, name="k"))
    assert isinstance(first, Completion)
    assert isinstance(second, Completion)
    assert (first.order_id, first.state) == (second.order_id, second.state)
    assert msgspec.structs.replace(second, session=first.session) == first


async def test_units_are_not_held_for_ever(shop: Shop) -> None:
    """The provider never heard of it, and the hold is over: the order is given up once, by whoever looks."""
    placed = await _placed(shop)
    await asyncio.gather(*(_later(shop, minutes=61).run_once() for _ in range(10)))
    assert await _state(shop, placed.order_id) == "declined"
    assert await shop.desk.fetchval("SELECT state_reason FROM orders WHERE id = $1", placed.order_id) == "hold_expired"
    assert await books(shop, "MUG") == (1_000, 0, 0)
    assert await _charges(shop) == 0
    await _later(shop, minutes=600).run_once()
    assert await books(shop, "MUG") == (1_000, 0, 0)


async def test_money_that_was_reserved_in_time_buys_also_when_it_is_heard_of_late(shop: Shop) -> None:
    """What the provider has on record is what happened, however late anybody looks."""
    placed = await _placed(shop)
    await shop.provider.authorise(placed.authorisation)
    await _later(shop, minutes=600).run_once()
    assert await _state(shop, placed.order_id) == "confirmed"
    assert await books(shop, "MUG") == (1_000, 0, 2)


async def test_a_held_order_whose_hold_is_over_is_told_by_letter(shop: Shop) -> None:
    """It was promised a word: nothing was charged, and the goods are no longer set aside."""
    provider = Silent(reserves=False)
    session = await open_session(shop, ("MUG", 1))
    held = await Checkout(shop.checkout.till, provider, shop.till_pool, shop.clock).complete(placing(session))
    assert isinstance(held, Completion)
    late = Reconciler(
        shop.desk,
        provider=provider,
        settle=settle_with(shop.checkout.till),
        clock=lambda: shop.clock() + timedelta(hours=2),
        hold=HOLD,
    )
    await late.run_once()  # the provider is still silent: money may be reserved, so nothing is decided
    assert await books(shop, "MUG") == (1_000, 1, 0)
    provider.speaks = True
    await shop.desk.execute("UPDATE payment_attempt SET next_look_at = now()")
    await late.run_once()
    assert await _state(shop, held.order_id) == "declined"
    assert await books(shop, "MUG") == (1_000, 0, 0)
    facts = {"order_id": str(held.order_id)}
    letter = await write_letter(
        shop.desk, id_=new_id(), kind="order_declined", recipient="ada@example.com", facts=facts,
        settings=shop.settings, signer=shop.signer,
    )  # fmt: skip
    assert "could not be confirmed in time" in letter.body
    assert await shop.desk.fetchval("SELECT count(*) FROM outbox WHERE kind = 'order_declined'") == 1
