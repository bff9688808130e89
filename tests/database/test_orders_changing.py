"""What staff do with orders: done once, whoever presses, whatever dies, and the money always agrees."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from evertill.checkout.complete import Checkout
from evertill.checkout.model import Completion
from evertill.ids import new_id
from evertill.orders import OrderState, changing, find
from evertill.orders.changing import Outcome, ask_now, cancel, refund, ship
from evertill.orders.finishing import Finisher
from evertill.payments.model import Ending
from evertill.refusals import Conflict, Invalid, NotFound
from evertill.shop import Shop
from evertill.staff import actions_of
from tests.buying import attempt_of, books, open_session, placing
from tests.providers import CAPTURED, VOIDED, Ledger

SAM = UUID("01990000-0000-7000-8000-000000000001")
WHY = "the customer asked for it"


@pytest.fixture
def ledger() -> Ledger:
    """The provider's own books."""
    return Ledger()


@pytest.fixture
async def order_id(shop: Shop, ledger: Ledger) -> UUID:
    """A confirmed order of two mugs and a tea, and somebody of staff to handle it."""
    await shop.desk.execute(
        """INSERT INTO staff (id, email, email_folded, name, role, password_hash, created_at)
           VALUES ($1, 'sam@example.com', 'sam@example.com', 'Sam', 'operator', '', now())""",
        SAM,
    )
    return await bought(shop, ledger, ("MUG", 2), ("TEA", 1))


async def bought(shop: Shop, ledger: Ledger, *wants: tuple[str, int]) -> UUID:
    """An order, paid through that ledger."""
    session = await open_session(shop, *wants)
    checkout = Checkout(shop.checkout.till, ledger, shop.till_pool, shop.clock)
    answer = await checkout.complete(placing(session))
    assert isinstance(answer, Completion)
    return answer.order_id


async def later(shop: Shop, ledger: Ledger, minutes: int = 5) -> int:
    """A finisher's round some minutes from now."""
    return await Finisher(
        shop.desk, provider=ledger, clock=lambda: shop.clock() + timedelta(minutes=minutes)
    ).run_once()


async def state_of(shop: Shop, order_id: UUID) -> str:
    return str(await shop.desk.fetchval("SELECT state FROM orders WHERE id = $1", order_id))


async def refunded(shop: Shop, order_id: UUID) -> int:
    return int(await shop.desk.fetchval("SELECT refunded_minor FROM orders WHERE id = $1", order_id))


async def total(shop: Shop, order_id: UUID) -> int:
    return int(await shop.desk.fetchval("SELECT total_minor FROM orders WHERE id = $1", order_id))


async def letters(shop: Shop) -> list[str]:
    """What was told after the confirmation, in order."""
    rows = await shop.desk.fetch("SELECT kind FROM outbox WHERE kind <> 'order_confirmed' ORDER BY created_at, id")
    return [row["kind"] for row in rows]


async def verbs(shop: Shop, order_id: UUID) -> list[str]:
    """What is on record as done to an order, newest first."""
    return [action.verb for action in await actions_of(shop.desk, subject=f"order:{order_id}")]


async def shipped(shop: Shop, ledger: Ledger, order_id: UUID) -> Outcome:
    return await ship(shop.desk, provider=ledger, order_id=order_id, staff_id=SAM, clock=shop.clock)


async def cancelled(shop: Shop, ledger: Ledger, order_id: UUID, reason: str = WHY) -> None:
    await cancel(shop.desk, provider=ledger, order_id=order_id, staff_id=SAM, reason=reason, clock=shop.clock)


async def given_back(
    shop: Shop, ledger: Ledger, order_id: UUID, amount_minor: int, *, refund_id: UUID | None = None, reason: str = WHY
) -> Outcome:
    return await refund(
        shop.desk,
        provider=ledger,
        order_id=order_id,
        refund_id=refund_id or new_id(),
        amount_minor=amount_minor,
        staff_id=SAM,
        reason=reason,
        clock=shop.clock,
    )


def charge(ledger: Ledger) -> str:
    (state,) = ledger.charges.values()
    return state


# ---------------------------------------------------------------- ship


async def test_shipping_takes_the_money_and_the_units(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """Shipped: captured, units gone from on hand and sold alike, the buyer told, who did it written down."""
    assert await shipped(shop, ledger, order_id) is Outcome.DONE
    assert await state_of(shop, order_id) == "shipped"
    assert await attempt_of(shop, order_id) == "captured"
    assert charge(ledger) is CAPTURED
    assert await books(shop, "MUG") == (998, 0, 0)
    assert await books(shop, "TEA") == (999, 0, 0)
    assert await letters(shop) == ["order_shipped"]
    (action,) = await actions_of(shop.desk, subject=f"order:{order_id}")
    assert (action.name, action.verb) == ("Sam", "ship")


async def test_what_left_with_a_parcel_is_in_the_ledger_of_stock(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """One movement for each SKU of the order, however often shipping is asked for."""
    before = [(await books(shop, sku))[0] for sku in ("MUG", "TEA")]
    await asyncio.gather(*(shipped(shop, ledger, order_id) for _ in range(5)))
    rows = await shop.desk.fetch(
        "SELECT sku, units, order_id, staff_id FROM stock_movement WHERE reason = 'shipped' ORDER BY sku"
    )
    assert [tuple(row) for row in rows] == [("MUG", -2, order_id, None), ("TEA", -1, order_id, None)]
    assert [(await books(shop, sku))[0] for sku in ("MUG", "TEA")] == [before[0] - 2, before[1] - 1]


async def test_ship_pressed_twenty_times_at_once_ships_once(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """Stock moved once, captured once, told once; nobody who pressed gets an error."""
    outcomes = await asyncio.gather(*(shipped(shop, ledger, order_id) for _ in range(20)))
    assert Outcome.DONE in outcomes
    assert await state_of(shop, order_id) == "shipped"
    assert await books(shop, "MUG") == (998, 0, 0)
    assert (ledger.asked["capture"], ledger.did["capture"]) == (1, 1)
    assert await letters(shop) == ["order_shipped"]
    assert await verbs(shop, order_id) == ["ship"]


async def test_shipping_again_changes_nothing(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """What is shipped is shipped: the same answer, nothing moved."""
    await shipped(shop, ledger, order_id)
    assert await shipped(shop, ledger, order_id) is Outcome.DONE
    assert await books(shop, "MUG") == (998, 0, 0)
    assert ledger.asked["capture"] == 1


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_capture_without_an_answer_is_seen_through(
    shop: Shop, ledger: Ledger, order_id: UUID, lost: str
) -> None:
    """Lost on the way there or back: the order stays confirmed until the provider speaks, then it is shipped, once."""
    getattr(ledger, lost).add("capture")
    assert await shipped(shop, ledger, order_id) is Outcome.UNDER_WAY
    assert await state_of(shop, order_id) == "confirmed"
    assert await books(shop, "MUG") == (1_000, 0, 2)
    assert await shipped(shop, ledger, order_id) is Outcome.UNDER_WAY
    assert await later(shop, ledger) == 1
    assert await state_of(shop, order_id) == "confirmed"
    getattr(ledger, lost).clear()
    assert await later(shop, ledger, minutes=10) == 1
    assert await state_of(shop, order_id) == "shipped"
    assert ledger.did["capture"] == 1
    assert await books(shop, "MUG") == (998, 0, 0)
    assert await letters(shop) == ["order_shipped"]
    assert await later(shop, ledger, minutes=60) == 0


async def test_a_worker_that_dies_between_wish_and_call_is_stood_in_for(
    shop: Shop, ledger: Ledger, order_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the wish was recorded and before the provider was asked: the finisher ships."""
    await _die_in(monkeypatch, "finish_shipping", shipped(shop, ledger, order_id))
    assert await later(shop, ledger, minutes=0) == 0  # not before the worker's own time is over
    assert await later(shop, ledger) == 1
    assert await state_of(shop, order_id) == "shipped"
    assert charge(ledger) is CAPTURED


async def test_many_finishers_ship_once(
    shop: Shop, ledger: Ledger, order_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten finishers at once: one parcel."""
    await _die_in(monkeypatch, "finish_shipping", shipped(shop, ledger, order_id))
    await asyncio.gather(*(later(shop, ledger) for _ in range(10)))
    assert await books(shop, "MUG") == (998, 0, 0)
    assert await letters(shop) == ["order_shipped"]


async def test_a_slow_verb_and_the_finisher_cross(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """The provider answers both, the verb that was slow and the finisher that stood in: shipped once."""
    gate = asyncio.Event()

    async def hold(verb: str) -> None:
        if ledger.asked["capture"] == 1:
            await gate.wait()

    ledger.pause = hold
    slow = asyncio.create_task(shipped(shop, ledger, order_id))
    await _until(lambda: ledger.asked["capture"] == 1)
    assert await later(shop, ledger) == 1
    gate.set()
    assert await slow is Outcome.DONE
    assert await books(shop, "MUG") == (998, 0, 0)
    assert await letters(shop) == ["order_shipped"]


async def test_a_refused_capture_leaves_the_order_confirmed(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """The reservation is gone: nothing ships, the no is on record, and the order can still be cancelled."""
    ledger.refuses.add("capture")
    with pytest.raises(Conflict, match="bank says no"):
        await shipped(shop, ledger, order_id)
    assert await state_of(shop, order_id) == "confirmed"
    assert await books(shop, "MUG") == (1_000, 0, 2)
    assert await verbs(shop, order_id) == ["ship_failed", "ship"]
    assert await later(shop, ledger) == 0
    await cancelled(shop, ledger, order_id)
    assert (await state_of(shop, order_id), charge(ledger)) == ("cancelled", VOIDED)


async def test_an_answer_that_cannot_be_written_is_not_lost(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """The money is taken, and then the order's row is locked for longer than we wait: seen through later, once."""
    async with shop.desk.acquire() as connection:
        transaction = connection.transaction()

        async def lock(verb: str) -> None:
            await transaction.start()
            await connection.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", order_id)

        ledger.pause = lock
        outcome = await shipped(shop, ledger, order_id)
        await transaction.rollback()
    ledger.pause = None
    assert outcome is Outcome.UNDER_WAY
    assert (await state_of(shop, order_id), charge(ledger)) == ("confirmed", CAPTURED)
    with pytest.raises(Conflict, match="being shipped"):
        await cancelled(shop, ledger, order_id)
    assert await later(shop, ledger) == 1
    assert (await state_of(shop, order_id), ledger.did["capture"]) == ("shipped", 1)
    assert await books(shop, "MUG") == (998, 0, 0)


# ---------------------------------------------------------------- cancel


async def test_cancelling_frees_the_units_and_lets_the_money_go(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """Called off: units free, reservation void, the buyer told, the reason on record."""
    await cancelled(shop, ledger, order_id)
    assert await state_of(shop, order_id) == "cancelled"
    assert await attempt_of(shop, order_id) == "voided"
    assert charge(ledger) is VOIDED
    assert await books(shop, "MUG") == (1_000, 0, 0)
    assert await letters(shop) == ["order_cancelled"]
    (action,) = await actions_of(shop.desk, subject=f"order:{order_id}")
    assert (action.verb, action.reason) == ("cancel", WHY)


async def test_cancel_pressed_twenty_times_at_once_cancels_once(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """Units come back once."""
    await asyncio.gather(*(cancelled(shop, ledger, order_id) for _ in range(20)))
    assert await books(shop, "MUG") == (1_000, 0, 0)
    assert await letters(shop) == ["order_cancelled"]
    assert await verbs(shop, order_id) == ["cancel"]


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_void_without_an_answer_is_seen_through(shop: Shop, ledger: Ledger, order_id: UUID, lost: str) -> None:
    """The order is cancelled at once; its reservation is let go as soon as the provider speaks."""
    getattr(ledger, lost).add("void")
    await cancelled(shop, ledger, order_id)
    assert await state_of(shop, order_id) == "cancelled"
    assert await attempt_of(shop, order_id) == "authorised"
    getattr(ledger, lost).clear()
    assert await later(shop, ledger) == 1
    assert await attempt_of(shop, order_id) == "voided"
    assert ledger.did["void"] == 1
    assert await later(shop, ledger, minutes=60) == 0


async def test_a_worker_that_dies_after_cancelling_is_stood_in_for(
    shop: Shop, ledger: Ledger, order_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the provider was asked: the finisher lets the money go."""
    await _die_in(monkeypatch, "let_go", cancelled(shop, ledger, order_id))
    assert await later(shop, ledger) == 1
    assert charge(ledger) is VOIDED
    assert await attempt_of(shop, order_id) == "voided"


async def test_money_found_taken_at_a_cancelled_order_is_given_back(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """Somebody captured at the provider's own desk: the void is refused, so the whole amount is given back, once."""
    (attempt_id,) = ledger.charges
    ledger.charges[attempt_id] = CAPTURED
    await cancelled(shop, ledger, order_id)
    assert await attempt_of(shop, order_id) == "captured"
    for minutes in (5, 10, 60):
        await later(shop, ledger, minutes=minutes)
    assert ledger.given_back(attempt_id) == ledger.amounts[attempt_id]
    assert ledger.did["refund"] == 1
    assert await refunded(shop, order_id) == await total(shop, order_id)
    assert await letters(shop) == ["order_cancelled", "order_refunded"]


async def test_a_reservation_that_ran_out_is_simply_gone(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """A refused void of what the provider has no longer means let go, not taken: nothing is given back."""
    ledger.charges.clear()
    await cancelled(shop, ledger, order_id)
    assert await attempt_of(shop, order_id) == "voided"
    assert await refunded(shop, order_id) == 0
    assert await later(shop, ledger, minutes=60) == 0


async def test_a_refused_void_nobody_can_explain_stays_due(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """The provider says no and then nothing: nothing is guessed, it is asked again."""
    ledger.refuses.add("void")
    ledger.before.add("look_up")
    await cancelled(shop, ledger, order_id)
    assert await attempt_of(shop, order_id) == "authorised"
    ledger.refuses.clear()
    ledger.before.clear()
    assert await later(shop, ledger) == 1
    assert (await attempt_of(shop, order_id), charge(ledger)) == ("voided", VOIDED)


# ---------------------------------------------------------------- ship against cancel


async def test_of_ship_and_cancel_exactly_one_wins(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """Thirty orders, each shipped and cancelled at once: one winner each, and money and units agree with it."""
    ids = [order_id, *[await bought(shop, ledger, ("MUG", 1)) for _ in range(29)]]
    both = [press(shop, ledger, id_) for id_ in ids for press in (shipped, cancelled)]
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert all(answer is None or isinstance(answer, (Outcome, Conflict)) for answer in answers), answers
    assert sum(isinstance(answer, Conflict) for answer in answers) == 30  # the other one is told so
    await _agree(shop, ledger, ids)


async def test_cancel_is_refused_while_the_money_is_being_taken(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """The race held open in the middle of the capture: cancel is told why, ship wins."""
    gate = asyncio.Event()

    async def hold(verb: str) -> None:
        await gate.wait()

    ledger.pause = hold
    shipping = asyncio.create_task(shipped(shop, ledger, order_id))
    await _until(lambda: ledger.asked["capture"] == 1)
    with pytest.raises(Conflict, match="being shipped"):
        await cancelled(shop, ledger, order_id)
    gate.set()
    assert await shipping is Outcome.DONE
    await _agree(shop, ledger, [order_id])


async def test_ship_is_refused_while_the_money_is_being_let_go(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """The race held open in the middle of the void: ship is told it is cancelled."""
    gate = asyncio.Event()

    async def hold(verb: str) -> None:
        await gate.wait()

    ledger.pause = hold
    cancelling = asyncio.create_task(cancelled(shop, ledger, order_id))
    await _until(lambda: ledger.asked["void"] == 1)
    with pytest.raises(Conflict, match="cancelled"):
        await shipped(shop, ledger, order_id)
    gate.set()
    await cancelling
    await _agree(shop, ledger, [order_id])


async def test_the_table_refuses_to_take_and_let_go_at_once(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """The last judge: whatever the code does, one attempt is never both."""
    with pytest.raises(asyncpg.CheckViolationError, match="payment_attempt_capture_or_void"):
        await shop.desk.execute("UPDATE payment_attempt SET capture_due_at = now(), void_due_at = now()")
    with pytest.raises(asyncpg.CheckViolationError, match="payment_attempt_due_while_authorised"):
        await shop.desk.execute("UPDATE payment_attempt SET state = 'voided', capture_due_at = now()")


async def _agree(shop: Shop, ledger: Ledger, ids: list[UUID]) -> None:
    """Every order is shipped and captured, or cancelled and let go; the units say the same."""
    for minutes in (5, 10):
        await later(shop, ledger, minutes=minutes)
    ended = [(await state_of(shop, id_), await attempt_of(shop, id_)) for id_ in ids]
    assert set(ended) <= {("shipped", "captured"), ("cancelled", "voided")}
    rows = await shop.desk.fetch("SELECT id, state FROM payment_attempt")
    assert {row["id"]: row["state"] for row in rows} == ledger.charges
    gone = await shop.desk.fetchval(
        """SELECT coalesce(sum(quantity), 0) FROM order_line JOIN orders ON orders.id = order_id
            WHERE state = 'shipped' AND sku = 'MUG'"""
    )
    assert await books(shop, "MUG") == (1_000 - gone, 0, 0)


# ---------------------------------------------------------------- refund


async def test_money_is_given_back_in_parts_up_to_what_was_paid(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """Two parts, then the rest, and not a penny more; the refusal says how much is left."""
    await shipped(shop, ledger, order_id)
    paid = await total(shop, order_id)
    assert await given_back(shop, ledger, order_id, 500) is Outcome.DONE
    with pytest.raises(Invalid) as refusal:
        await given_back(shop, ledger, order_id, paid - 499)
    assert refusal.value.facts == {"left_minor": paid - 500}
    assert refusal.value.fields[0].field == "amount"
    assert f"£{(paid - 500) / 100:.2f}" in refusal.value.sentence
    assert await given_back(shop, ledger, order_id, paid - 500) is Outcome.DONE
    with pytest.raises(Invalid, match="given back already"):
        await given_back(shop, ledger, order_id, 1)
    assert await refunded(shop, order_id) == paid
    assert ledger.given_back(next(iter(ledger.charges))) == paid
    assert await letters(shop) == ["order_shipped", "order_refunded", "order_refunded"]


async def test_two_refunds_at_once_cannot_exceed_what_was_paid(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """Twelve operators each give back all of it: one does, eleven are told."""
    await shipped(shop, ledger, order_id)
    paid = await total(shop, order_id)
    answers = await asyncio.gather(
        *(given_back(shop, ledger, order_id, paid) for _ in range(12)), return_exceptions=True
    )
    assert sum(answer is Outcome.DONE for answer in answers) == 1
    assert sum(isinstance(answer, Invalid) for answer in answers) == 11
    assert ledger.given_back(next(iter(ledger.charges))) == paid


async def test_a_refund_pressed_twice_gives_back_once(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """One form, twelve presses: one refund, and later presses say how it stands."""
    await shipped(shop, ledger, order_id)
    form = new_id()
    answers = await asyncio.gather(*(given_back(shop, ledger, order_id, 500, refund_id=form) for _ in range(12)))
    assert Outcome.DONE in answers
    assert await given_back(shop, ledger, order_id, 500, refund_id=form) is Outcome.DONE
    assert await refunded(shop, order_id) == 500
    assert (ledger.asked["refund"], ledger.did["refund"]) == (1, 1)
    assert (await verbs(shop, order_id)).count("refund") == 1


async def test_one_form_cannot_be_two_refunds(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """Another amount, or another order, under the same id is refused."""
    await shipped(shop, ledger, order_id)
    other = await bought(shop, ledger, ("MUG", 1))
    await shipped(shop, ledger, other)
    form = new_id()
    await given_back(shop, ledger, order_id, 500, refund_id=form)
    with pytest.raises(Conflict, match="another refund"):
        await given_back(shop, ledger, order_id, 400, refund_id=form)
    with pytest.raises(Conflict, match="another refund"):
        await given_back(shop, ledger, other, 500, refund_id=form)
    assert ledger.did["refund"] == 1


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_refund_without_an_answer_is_seen_through(
    shop: Shop, ledger: Ledger, order_id: UUID, lost: str
) -> None:
    """It counts as given at once, so that nobody gives it twice; the buyer is told when it is done."""
    await shipped(shop, ledger, order_id)
    getattr(ledger, lost).add("refund")
    assert await given_back(shop, ledger, order_id, 500) is Outcome.UNDER_WAY
    assert await refunded(shop, order_id) == 500
    assert await letters(shop) == ["order_shipped"]
    getattr(ledger, lost).clear()
    assert await later(shop, ledger) == 1
    assert ledger.did["refund"] == 1
    assert await refunded(shop, order_id) == 500
    assert await letters(shop) == ["order_shipped", "order_refunded"]
    assert await later(shop, ledger, minutes=60) == 0


async def test_a_worker_that_dies_after_recording_a_refund_is_stood_in_for(
    shop: Shop, ledger: Ledger, order_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the provider was asked: the finisher gives the money back, once."""
    await shipped(shop, ledger, order_id)
    await _die_in(monkeypatch, "carry_out_refund", given_back(shop, ledger, order_id, 500))
    await asyncio.gather(*(later(shop, ledger) for _ in range(5)))
    assert ledger.given_back(next(iter(ledger.charges))) == 500
    assert await letters(shop) == ["order_shipped", "order_refunded"]


async def test_a_refused_refund_counts_as_not_given(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """The provider says no: nothing is told to the buyer, the amount can be given again, the same form cannot."""
    await shipped(shop, ledger, order_id)
    ledger.refuses.add("refund")
    form = new_id()
    with pytest.raises(Conflict, match="bank says no"):
        await given_back(shop, ledger, order_id, 500, refund_id=form)
    assert await refunded(shop, order_id) == 0
    assert await verbs(shop, order_id) == ["refund_failed", "refund", "ship"]
    ledger.refuses.clear()
    with pytest.raises(Conflict, match="refused this refund"):
        await given_back(shop, ledger, order_id, 500, refund_id=form)
    assert ledger.did["refund"] == 0
    assert await given_back(shop, ledger, order_id, 500) is Outcome.DONE
    assert await letters(shop) == ["order_shipped", "order_refunded"]


# ---------------------------------------------------------------- what cannot be


async def test_what_cannot_be_done_is_told_and_changes_nothing(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """No such order, no reason, not the moment: a refusal each, and the order as it was."""
    nobody = new_id()
    for verb in (shipped, cancelled):
        with pytest.raises(NotFound):
            await verb(shop, ledger, nobody)
    for reason in ("", "ab", "x" * 301):
        with pytest.raises(Invalid) as refusal:
            await cancelled(shop, ledger, order_id, reason)
        assert refusal.value.fields[0].field == "reason"
    with pytest.raises(Conflict, match="cancel it instead"):
        await given_back(shop, ledger, order_id, 100)
    for amount in (0, -1):
        with pytest.raises(Invalid, match="more than nothing"):
            await given_back(shop, ledger, order_id, amount)
    assert await state_of(shop, order_id) == "confirmed"
    await cancelled(shop, ledger, order_id)
    with pytest.raises(Conflict, match="is cancelled: it cannot be shipped"):
        await shipped(shop, ledger, order_id)
    with pytest.raises(Conflict, match="No money"):
        await given_back(shop, ledger, order_id, 100)


async def test_a_held_order_cannot_be_shipped_or_cancelled_but_asked_about(
    shop: Shop, ledger: Ledger, order_id: UUID
) -> None:
    """While nobody knows whether it is paid, nothing is done to it but asking; asking makes it due at once."""
    ledger.after.add("authorise")
    held = await bought(shop, ledger, ("MUG", 1))
    assert await state_of(shop, held) == "held"
    for verb in (shipped, cancelled):
        with pytest.raises(Conflict, match="is held"):
            await verb(shop, ledger, held)
    now = shop.clock()
    await ask_now(shop.desk, order_id=held, staff_id=SAM, now=now)
    assert await shop.desk.fetchval("SELECT next_look_at FROM payment_attempt WHERE order_id = $1", held) == now
    with pytest.raises(Conflict, match="waits"):
        await ask_now(shop.desk, order_id=order_id, staff_id=SAM, now=now)


async def test_asking_now_hurries_whatever_is_open(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """A capture without an answer is due at once when staff say so."""
    ledger.before.add("capture")
    await shipped(shop, ledger, order_id)
    ledger.before.clear()
    assert await later(shop, ledger, minutes=0) == 0
    await ask_now(shop.desk, order_id=order_id, staff_id=SAM, now=shop.clock())
    assert await later(shop, ledger, minutes=0) == 1
    assert await state_of(shop, order_id) == "shipped"


async def test_one_silent_order_does_not_hold_up_the_others(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """Twenty captures are due, the provider takes its time over each: they are waited for side by side."""
    ids = [order_id, *[await bought(shop, ledger, ("TEA", 1)) for _ in range(9)]]
    ledger.before.add("capture")
    await asyncio.gather(*(shipped(shop, ledger, id_) for id_ in ids))
    ledger.before.clear()

    async def slowly(verb: str) -> None:
        await asyncio.sleep(0.2)

    ledger.pause = slowly
    async with asyncio.timeout(1.5):
        await later(shop, ledger)
    assert {await state_of(shop, id_) for id_ in ids} == {"shipped"}


async def test_orders_are_found_as_people_say_them(shop: Shop, ledger: Ledger, order_id: UUID) -> None:
    """By the beginning of a number, however it is typed; by e-mail in any case; by state; page after page."""
    second = await bought(shop, ledger, ("MUG", 1))
    number = await shop.desk.fetchval("SELECT number FROM orders WHERE id = $1", second)
    for typed in (
        number,
        number.lower(),
        number.replace("-", ""),
        number[:13],
        f" {number} ",
        number.replace("0", "o"),
    ):
        assert second in [order.id for order in await find(shop.desk, words=typed)], typed
    assert [order.id for order in await find(shop.desk, words="ADA@example.com")] == [second, order_id]
    assert await find(shop.desk, words="nobody@example.com") == ()
    for nonsense in ("%", "_", "'; --", "\u0131", "é", "x" * 500, "-"):
        assert await find(shop.desk, words=nonsense) == (), nonsense
    await shipped(shop, ledger, second)
    assert [order.id for order in await find(shop.desk, state=OrderState.SHIPPED)] == [second]
    assert [order.id for order in await find(shop.desk, before=second)] == [order_id]


async def _die_in(monkeypatch: pytest.MonkeyPatch, step: str, verb: Awaitable[object]) -> None:
    """Run a verb whose worker dies where that step would begin."""

    async def die(*_: object, **__: object) -> Ending:
        raise KilledHere

    with monkeypatch.context() as patch:
        patch.setattr(changing, step, die)
        with pytest.raises(KilledHere):
            await verb


class KilledHere(BaseException):
    """What a kill is, as far as one coroutine is concerned."""


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")
