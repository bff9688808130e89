"""
Two at the same thing, each race opened on purpose at a named step and run in both orders.

Whoever is first decides, whoever is second is told so plainly, and every book balances: ours and the provider's.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from evertill.app import open_shop, settle_with
from evertill.checkout.complete import Checkout
from evertill.checkout.model import Completion, Session
from evertill.checkout.placing import Followed, NotPlaced, Placed
from evertill.checkout.settling import Settled, Settling
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.orders.changing import Outcome, cancel, refund, ship
from evertill.orders.finishing import Finisher
from evertill.payments.model import HOLD_EXPIRED, Done, Ending, Failed, Unknown
from evertill.payments.reconcile import Reconciler
from evertill.refusals import Conflict, Invalid
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.stock.changing import Level, change_on_hand
from evertill.storage import Connection
from tests.buying import books, key, open_session, placing
from tests.conftest import stock_up
from tests.contention.counting import wrongs
from tests.contention.steps import Step, race, stopping
from tests.providers import AUTHORISED, VOIDED, Ledger

STAFF = new_id()
HOLD = timedelta(hours=1)
START = {"MUG": 100, "LAST": 3}
NO = Failed("do_not_honour", "No.")
EITHER_ORDER = pytest.mark.parametrize("second_waits", [True, False], ids=["in mid-step", "before the step"])


@pytest.fixture
def ledger() -> Ledger:
    """The provider's own books."""
    return Ledger()


@pytest.fixture
async def workers(settings: Settings, connection: Connection, ledger: Ledger) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two workers of one shop, and one provider."""
    await stock_up(connection, {"MUG": (1_250, START["MUG"]), "LAST": (9_900, START["LAST"])})
    await connection.execute(
        "INSERT INTO staff VALUES ($1, 'ops@shop.test', 'ops@shop.test', 'Ops', 'operator', '', now())", STAFF
    )
    async with AsyncExitStack() as stack:

        async def opened() -> Shop:
            shop = await open_shop(settings, Signer(b"test" * 8), utc_now, stack)
            checkout = Checkout(shop.checkout.till, ledger, shop.till_pool, utc_now)
            return replace(shop, provider=ledger, checkout=checkout)

        yield await opened(), await opened()


async def _placed(shop: Shop, *wants: tuple[str, int]) -> Placed:
    answer = await shop.checkout.till.place(placing(await open_session(shop, *wants or [("MUG", 2)])))
    assert isinstance(answer, Placed)
    return answer


async def _confirmed(shop: Shop) -> UUID:
    answer = await shop.checkout.complete(placing(await open_session(shop, ("MUG", 2))))
    assert isinstance(answer, Completion)
    assert answer.state == "confirmed"
    return answer.order_id


async def _settled(shop: Shop, placed: Placed, ending: Ending) -> Settled:
    now = utc_now()
    return await shop.checkout.till.settle(Settling(placed.authorisation.attempt_id, ending, now, now))


def _reconciler(shop: Shop, *, hours: float = 0.5) -> Reconciler:
    return Reconciler(
        shop.desk,
        provider=shop.provider,
        settle=settle_with(shop.checkout.till),
        clock=lambda: utc_now() + timedelta(hours=hours),
        hold=HOLD,
    )


async def _finished(shop: Shop) -> int:
    """A finisher's round, later than everybody here."""
    return await Finisher(shop.desk, provider=shop.provider, clock=lambda: utc_now() + timedelta(hours=3)).run_once()


async def _cancelled(shop: Shop, order_id: UUID) -> None:
    await cancel(
        shop.console, provider=shop.provider, order_id=order_id, staff_id=STAFF, reason="why not", clock=utc_now
    )


async def _given_back(shop: Shop, order_id: UUID, amount_minor: int, refund_id: UUID | None = None) -> Outcome:
    return await refund(
        shop.console, provider=shop.provider, order_id=order_id, refund_id=refund_id or new_id(),
        amount_minor=amount_minor, staff_id=STAFF, reason="a gesture", clock=utc_now,
    )  # fmt: skip


async def _order(shop: Shop, order_id: UUID) -> tuple[str, str | None, str]:
    """State and reason of an order, and the status of its session."""
    row = await shop.desk.fetchrow(
        "SELECT state, state_reason, status FROM orders JOIN checkout_session AS session ON session.id = session_id "
        "WHERE orders.id = $1",
        order_id,
    )
    assert row is not None
    return row["state"], row["state_reason"], row["status"]


async def _letters(shop: Shop) -> list[str]:
    return [row["kind"] for row in await shop.desk.fetch("SELECT kind FROM outbox ORDER BY created_at, id")]


# ---------------------------------------------------------------- settle against the reconciler


@EITHER_ORDER
@pytest.mark.parametrize("said", [Done("ledger"), NO, Unknown("timeout")], ids=["done", "failed", "unknown"])
async def test_of_two_endings_of_an_attempt_the_first_counts(
    workers: tuple[Shop, Shop], connection: Connection, ledger: Ledger, said: Ending, second_waits: bool
) -> None:
    """A worker hears one thing, the reconciler finds another: units move once, one of them is told it was late."""
    here, there = workers
    placed = await _placed(here)
    await ledger.authorise(placed.authorisation)
    step = Step("checkout.settle_orders" if second_waits else "checkout.lock_attempts")
    met = await race(step, _reconciler(stopping(there, step)).run_once(), _settled(here, placed, said),
                     watching=connection)  # fmt: skip
    assert (met.waited, met.first) == (second_waits, 1)
    assert isinstance(met.second, Settled)
    assert met.second.ended_now is not second_waits
    declined = said == NO and not second_waits
    assert await _order(here, placed.order_id) == (
        ("declined", "do_not_honour", "ready") if declined else ("confirmed", None, "completed")
    )
    held_first = ["order_held"] if isinstance(said, Unknown) and not second_waits else []
    assert await _letters(here) == ([] if declined else [*held_first, "order_confirmed"])
    assert await wrongs(here.desk, START) == []
    assert await _finished(here) == (1 if declined else 0)
    assert ledger.charges == {placed.authorisation.attempt_id: VOIDED if declined else AUTHORISED}
    assert await books(here, "MUG") == (100, 0, 0 if declined else 2)
    assert await wrongs(here.desk, START) == []


async def test_the_reconciler_passes_by_what_is_being_settled(
    workers: tuple[Shop, Shop], connection: Connection, ledger: Ledger
) -> None:
    """An attempt whose ending is being written is nobody else's: the reconciler neither waits for it nor asks."""
    here, there = workers
    placed = await _placed(here)
    yes = await ledger.authorise(placed.authorisation)
    step = Step("checkout.settle_orders")
    met = await race(step, _settled(stopping(here, step), placed, yes), _reconciler(there).run_once(),
                     watching=connection)  # fmt: skip
    assert (met.waited, met.second, ledger.asked["look_up"]) == (False, 0, 0)
    assert await books(here, "MUG") == (100, 0, 2)
    assert await wrongs(here.desk, START) == []


# ---------------------------------------------------------------- the end of a hold against a late yes


@EITHER_ORDER
async def test_money_reserved_while_its_hold_ends_buys_or_is_let_go(
    workers: tuple[Shop, Shop], connection: Connection, ledger: Ledger, second_waits: bool
) -> None:
    """Nothing was on record when the reconciler looked; it is when it writes: bought, or given up and let go."""
    here, there = workers
    placed = await _placed(here)
    step = Step("checkout.settle_orders" if second_waits else "checkout.lock_attempts")
    expiry = _reconciler(stopping(here, step), hours=2).run_once()

    async def late_yes() -> Settled:
        return await _settled(there, placed, await ledger.authorise(placed.authorisation))

    met = await race(step, expiry, late_yes(), watching=connection)
    assert (met.waited, met.first) == (second_waits, 1)
    assert isinstance(met.second, Settled)
    assert met.second.ended_now is not second_waits
    assert await wrongs(here.desk, START) == []
    assert await _finished(here) == (1 if second_waits else 0)
    assert await _order(here, placed.order_id) == (
        ("declined", HOLD_EXPIRED, "ready") if second_waits else ("confirmed", None, "completed")
    )
    assert ledger.charges == {placed.authorisation.attempt_id: VOIDED if second_waits else AUTHORISED}
    assert await books(here, "MUG") == (100, 0, 0 if second_waits else 2)
    assert await wrongs(here.desk, START) == []


@pytest.mark.parametrize("order", [1, -1], ids=["no, yes", "yes, no"])
async def test_a_no_and_a_yes_in_one_group_are_one_ending(
    workers: tuple[Shop, Shop], ledger: Ledger, order: int
) -> None:
    """The same where one till writes both at once."""
    here, _ = workers
    placed = await _placed(here)
    yes = await ledger.authorise(placed.authorisation)
    before = here.checkout.till.groups.groups_run
    both = [_settled(here, placed, ending) for ending in (Failed(HOLD_EXPIRED, ""), yes)[::order]]
    answers = await asyncio.gather(*both)
    assert here.checkout.till.groups.groups_run == before + 1
    assert [answer.ended_now for answer in answers] == [True, False]
    bought = order == -1
    assert {answer.state for answer in answers} == {"confirmed" if bought else "declined"}
    assert await _finished(here) == (0 if bought else 1)
    assert ledger.charges == {placed.authorisation.attempt_id: AUTHORISED if bought else VOIDED}
    assert await wrongs(here.desk, START) == []


async def test_a_buyer_whose_yes_came_too_late_is_told_and_can_buy_again(
    workers: tuple[Shop, Shop], ledger: Ledger
) -> None:
    """The provider sits on the request past the hold: not bought, let go; pressed again, it is bought and paid once."""
    here, there = workers
    session = await open_session(here, ("MUG", 2))
    asked, answer_now = asyncio.Event(), asyncio.Event()

    async def slow(verb: str) -> None:
        asked.set()
        await answer_now.wait()

    ledger.pause = slow
    pressed = asyncio.create_task(here.checkout.complete(placing(session, name="k")))
    await asked.wait()
    assert await _reconciler(there, hours=2).run_once() == 1
    answer_now.set()
    told = await pressed
    assert isinstance(told, Completion)
    assert (told.state, told.reason, told.session.status) == ("declined", HOLD_EXPIRED, "ready")
    again = await here.checkout.complete(placing(session))
    assert isinstance(again, Completion)
    assert again.state == "confirmed"
    assert await _finished(there) == 1
    assert sorted(ledger.charges.values()) == [AUTHORISED, VOIDED]
    assert await books(here, "MUG") == (100, 0, 2)
    assert await wrongs(here.desk, START) == []


# ---------------------------------------------------------------- two reconcilers


@pytest.mark.parametrize(
    ("step", "first", "second"),
    [
        (Step("payments.due_attempts"), 5, 20),
        (Step("payments.due_attempts", after=True), 20, 5),
        (Step("checkout.lock_attempts"), 20, 5),
    ],
    ids=["before it takes", "while it takes", "when it has found out"],
)
async def test_two_sweeps_of_the_same_holds_give_each_up_once(
    workers: tuple[Shop, Shop], connection: Connection, ledger: Ledger, step: Step, first: int, second: int
) -> None:
    """Twenty-five holds are over: one takes a bite of twenty, the other what is left, and neither waits."""
    here, there = workers
    placed = [await _placed(here, ("MUG", 1)) for _ in range(25)]
    for each in placed:  # held: whoever gives it up writes a letter
        await _settled(here, each, Unknown("timeout"))
    met = await race(step, _reconciler(stopping(here, step), hours=2).run_once(),
                     _reconciler(there, hours=2).run_once(), watching=connection)  # fmt: skip
    assert (met.waited, met.first, met.second) == (False, first, second)
    assert ledger.asked == {"look_up": 25}
    assert await books(here, "MUG") == (100, 0, 0)
    assert sorted(await _letters(here)) == ["order_declined"] * 25 + ["order_held"] * 25
    assert await _reconciler(here, hours=2).run_once() == 0
    assert await wrongs(here.desk, START) == []


# ---------------------------------------------------------------- cancel against settle


@EITHER_ORDER
async def test_cancelling_and_the_first_ending_cross(
    workers: tuple[Shop, Shop], connection: Connection, ledger: Ledger, second_waits: bool
) -> None:
    """Staff who come while it is being confirmed cancel what is confirmed; who come before are told it is pending."""
    here, there = workers
    placed = await _placed(here)
    yes = await ledger.authorise(placed.authorisation)
    step = Step("checkout.settle_orders" if second_waits else "checkout.lock_attempts")
    met = await race(step, _settled(stopping(here, step), placed, yes), _cancelled(there, placed.order_id),
                     watching=connection)  # fmt: skip
    assert met.waited is second_waits
    assert isinstance(met.first, Settled)
    assert met.first.ended_now
    if second_waits:
        assert met.second is None
    else:
        assert isinstance(met.second, Conflict)
        assert met.second.code == "wrong_state"
    state, _, status = await _order(here, placed.order_id)
    assert (state, status) == ("cancelled" if second_waits else "confirmed", "completed")
    assert ledger.charges == {placed.authorisation.attempt_id: VOIDED if second_waits else AUTHORISED}
    assert await books(here, "MUG") == (100, 0, 0 if second_waits else 2)
    assert await wrongs(here.desk, START) == []


@pytest.mark.parametrize("said", [Done("ledger"), NO, Unknown("timeout")], ids=["done", "failed", "unknown"])
@pytest.mark.parametrize("in_mid_step", [True, False])
async def test_an_ending_heard_while_it_is_cancelled_changes_nothing(
    workers: tuple[Shop, Shop], connection: Connection, ledger: Ledger, in_mid_step: bool, said: Ending
) -> None:
    """Somebody else asked the provider, too, and answers while staff cancel: units are freed once, the money let go."""
    here, there = workers
    placed = await _placed(here)
    await _settled(here, placed, await ledger.authorise(placed.authorisation))
    if in_mid_step:
        step = Step("orders.free_units", after=True)
        met = await race(step, _cancelled(stopping(here, step), placed.order_id), _settled(there, placed, said),
                         watching=connection)  # fmt: skip
        cancelled, settled = met.first, met.second
    else:
        step = Step("checkout.lock_attempts")
        late = await race(step, _settled(stopping(there, step), placed, said), _cancelled(here, placed.order_id),
                          watching=connection)  # fmt: skip
        cancelled, settled = late.second, late.first
    assert cancelled is None
    assert isinstance(settled, Settled)
    assert (settled.state, settled.ended_now) == ("cancelled", False)
    assert (await _order(here, placed.order_id))[0] == "cancelled"
    assert await _finished(here) == 0
    assert ledger.charges == {placed.authorisation.attempt_id: VOIDED}
    assert await books(here, "MUG") == (100, 0, 0)
    assert await _letters(here) == ["order_confirmed", "order_cancelled"]
    assert await wrongs(here.desk, START) == []


# ---------------------------------------------------------------- refund against refund


@EITHER_ORDER
async def test_two_refunds_share_what_was_paid(
    workers: tuple[Shop, Shop], connection: Connection, ledger: Ledger, second_waits: bool
) -> None:
    """Two of staff give back more than half each: one does, the other is told what is left."""
    here, there = workers
    order_id = await _confirmed(here)
    await ship(here.console, provider=ledger, order_id=order_id, staff_id=STAFF, clock=utc_now)
    step = Step("payments.raise_refunded", after=True) if second_waits else Step("orders.lock_order")
    met = await race(step, _given_back(stopping(here, step), order_id, 2_000), _given_back(there, order_id, 1_900),
                     watching=connection)  # fmt: skip
    assert met.waited is second_waits
    given, refused = (met.first, met.second) if second_waits else (met.second, met.first)
    assert given is Outcome.DONE
    assert isinstance(refused, Invalid)
    assert refused.facts == {"left_minor": 2_895 - (2_000 if second_waits else 1_900)}
    (attempt_id,) = ledger.charges
    assert ledger.given_back(attempt_id) == (2_000 if second_waits else 1_900)
    assert await wrongs(here.desk, START) == []


@EITHER_ORDER
async def test_one_refund_form_pressed_at_two_workers_gives_back_once(
    workers: tuple[Shop, Shop], connection: Connection, ledger: Ledger, second_waits: bool
) -> None:
    """Whoever is second says how the first one stands, and asks nobody."""
    here, there = workers
    order_id, form = await _confirmed(here), new_id()
    await ship(here.console, provider=ledger, order_id=order_id, staff_id=STAFF, clock=utc_now)
    step = Step("payments.record_refund", after=True) if second_waits else Step("orders.lock_order")
    met = await race(step, _given_back(stopping(here, step), order_id, 500, form),
                     _given_back(there, order_id, 500, form), watching=connection)  # fmt: skip
    assert met.waited is second_waits
    assert Outcome.DONE in (met.first, met.second)
    assert all(isinstance(each, Outcome) for each in (met.first, met.second))
    assert (ledger.asked["refund"], ledger.did["refund"]) == (1, 1)
    assert (await _letters(here)).count("order_refunded") == 1
    assert await wrongs(here.desk, START) == []


@EITHER_ORDER
@pytest.mark.parametrize("refused", [True, False], ids=["refused", "done"])
async def test_a_refund_and_the_finisher_that_stands_in_for_it_are_one(
    workers: tuple[Shop, Shop], connection: Connection, ledger: Ledger, second_waits: bool, refused: bool
) -> None:
    """Both ask under one key and both come to write: one ending, one letter or none, the sum counted back once."""
    here, there = workers
    order_id = await _confirmed(here)
    await ship(here.console, provider=ledger, order_id=order_id, staff_id=STAFF, clock=utc_now)
    ledger.refuses = {"refund"} if refused else set()
    step = Step("payments.end_refund") if second_waits else _after_the_answer(ledger)
    met = await race(step, _given_back(stopping(here, step), order_id, 500), _finished(there), watching=connection)
    assert (met.waited, met.second) == (second_waits, 1)
    assert isinstance(met.first, Conflict) if refused else met.first is Outcome.DONE
    assert (ledger.asked["refund"], ledger.did["refund"]) == (2, 0 if refused else 1)
    assert await here.desk.fetchval("SELECT refunded_minor FROM orders") == (0 if refused else 500)
    assert (await _letters(here)).count("order_refunded") == (0 if refused else 1)
    assert await wrongs(here.desk, START) == []


def _after_the_answer(ledger: Ledger) -> Step:
    """The first call to the provider is a step of its own: stopped there, nothing is locked."""
    step = Step("the provider's answer")

    async def stop(verb: str) -> None:
        if not step.reached.is_set():
            await step.stop()

    ledger.pause = stop
    return step


# ---------------------------------------------------------------- placing against counting


@EITHER_ORDER
@pytest.mark.parametrize("counted_first", [True, False], ids=["counting", "placing"])
async def test_units_that_are_counted_away_while_they_are_bought_go_one_way(
    workers: tuple[Shop, Shop], connection: Connection, counted_first: bool, second_waits: bool
) -> None:
    """Three lie there, two are wanted, two are found missing: bought and not counted away, or the other way round."""
    here, there = workers
    session = await open_session(here, ("LAST", 2))
    if counted_first:
        step = Step("stock.change_on_hand", after=True) if second_waits else Step("stock.lock_level")
        counting = await race(step, _counted(stopping(here, step), -2), there.checkout.till.place(placing(session)),
                              watching=connection)  # fmt: skip
        counted, placed, waited = counting.first, counting.second, counting.waited
    else:
        step = Step("stock.move_stock" if second_waits else "stock.lock_stock")
        buying = await race(step, stopping(here, step).checkout.till.place(placing(session)), _counted(there, -2),
                            watching=connection)  # fmt: skip
        counted, placed, waited = buying.second, buying.first, buying.waited
    assert waited is second_waits
    if counted_first is second_waits:
        assert isinstance(counted, Level)
        assert isinstance(placed, NotPlaced)
        assert placed.code == "out_of_stock"
        assert [(line.sku, line.quantity) for line in placed.session.terms.lines] == [("LAST", 1)]
        assert await books(here, "LAST") == (1, 0, 0)
    else:
        assert isinstance(placed, Placed)
        assert isinstance(counted, Conflict)
        assert (counted.code, counted.facts) == ("units_spoken_for", {"on_hand": 3, "claimed": 2, "sold": 0})
        assert await books(here, "LAST") == (3, 2, 0)
    assert await wrongs(here.desk, {**START, "LAST": 1 if counted_first is second_waits else 3}) == []


async def _counted(shop: Shop, change: int) -> Level:
    return await change_on_hand(
        shop.console, sku="LAST", change=change, reason="count", note="found missing", key=key("count"),
        staff_id=STAFF, now=utc_now(),
    )  # fmt: skip


# ---------------------------------------------------------------- a session paid twice


@EITHER_ORDER
@pytest.mark.parametrize("names", [("a", "b"), ("k", "k")], ids=["two keys", "one key"])
async def test_a_session_placed_at_two_workers_is_one_order(
    workers: tuple[Shop, Shop], connection: Connection, names: tuple[str, str], second_waits: bool
) -> None:
    """Under whatever keys: one order, one claim; the second is told of the first one's."""
    here, there = workers
    session: Session = await open_session(here, ("MUG", 2))
    step = Step("checkout.place_orders" if second_waits else "checkout.lock_sessions")
    one, other = (placing(session, name=name) for name in names)
    met = await race(step, stopping(here, step).checkout.till.place(one), there.checkout.till.place(other),
                     watching=connection)  # fmt: skip
    assert met.waited is second_waits
    placed, followed = (met.first, met.second) if second_waits else (met.second, met.first)
    assert isinstance(placed, Placed)
    assert followed == Followed(placed.order_id)
    assert await books(here, "MUG") == (100, 2, 0)
    for ask in (one, other):
        assert await here.checkout.till.place(ask) == Followed(placed.order_id)
    assert await here.desk.fetchval("SELECT count(*) FROM payment_attempt") == 1
    assert await wrongs(here.desk, START) == []
