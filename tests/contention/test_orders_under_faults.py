"""
Several workers sell the same shelves while payments fail, staff ship and cancel, and reconcilers come too early.

Every race here is run on several `Shop`s on one database, which is what several workers are.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from evertill.app import open_shop, settle_with
from evertill.checkout import placing as placing_module
from evertill.checkout.complete import Checkout
from evertill.checkout.model import Completion, Session, SessionStatus
from evertill.checkout.placing import NotPlaced, Placed, Placing
from evertill.checkout.sessions import Opening, Revision, get_session
from evertill.checkout.settling import Settling
from evertill.clock import Clock, utc_now
from evertill.ids import new_id
from evertill.money import Money
from evertill.orders.changing import ask_now, cancel, refund, ship
from evertill.orders.finishing import Finisher
from evertill.payments.model import Authorisation, Ending, Failed, Provider, Seen, Unknown
from evertill.payments.reconcile import Reconciler
from evertill.refusals import Conflict, Invalid, Refusal
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.storage import Connection
from tests.buying import books, key, open_session, placing, wish
from tests.conftest import stock_up
from tests.contention.counting import ledger_wrongs, wrongs

WORKERS = 3
SHELF = {f"SKU-{number:02}": 25 for number in range(20)}
TOKENS = ("tok_approve",) * 6 + ("tok_decline_insufficient_funds", "tok_decline_expired_card", "tok_nonsense")


@dataclass
class Moody:
    """The sandbox behind a bad line: now and then a request or its answer is lost on the way."""

    line: Provider
    dice: random.Random
    name: str = "sandbox"

    async def authorise(self, ask: Authorisation) -> Ending:
        mood = self.dice.random()
        if mood < 0.08:
            return Unknown("lost_on_the_way_there")
        await asyncio.sleep(self.dice.random() * 0.01)
        ending = await self.line.authorise(ask)
        return Unknown("lost_on_the_way_back") if mood < 0.16 else ending

    async def look_up(self, attempt_id: UUID) -> Seen | Unknown | None:
        return Unknown("lost") if self.dice.random() < 0.1 else await self.line.look_up(attempt_id)

    async def capture(self, attempt_id: UUID) -> Ending:
        ending = await self.line.capture(attempt_id)
        return Unknown("lost") if self.dice.random() < 0.2 else ending

    async def void(self, attempt_id: UUID) -> Ending:
        return Unknown("lost") if self.dice.random() < 0.2 else await self.line.void(attempt_id)

    async def refund(self, attempt_id: UUID, refund_id: UUID, amount: Money) -> Ending:
        ending = await self.line.refund(attempt_id, refund_id, amount)
        return Unknown("lost") if self.dice.random() < 0.2 else ending


def _with(shop: Shop, provider: Provider) -> Shop:
    """That shop with another provider."""
    till = shop.checkout.till
    return replace(shop, provider=provider, checkout=Checkout(till, provider, shop.till_pool, shop.clock))


def _reconciler(shop: Shop, *, minutes: int) -> Reconciler:
    """A reconciler whose clock runs ahead: what is under way at this moment is overdue to it."""
    settle = settle_with(shop.checkout.till)
    clock = _ahead(minutes)
    return Reconciler(shop.desk, provider=shop.provider, settle=settle, clock=clock, hold=timedelta(days=1))


def _finisher(shop: Shop, *, minutes: int) -> Finisher:
    return Finisher(shop.desk, provider=shop.provider, clock=_ahead(minutes))


def _ahead(minutes: int) -> Clock:
    return lambda: utc_now() + timedelta(minutes=minutes)


@pytest.fixture
async def workers(settings: Settings, connection: Connection) -> AsyncIterator[list[Shop]]:
    """Three workers of one shop: twenty SKUs, twenty-five units each."""
    await stock_up(connection, {sku: (995, units) for sku, units in SHELF.items()})
    await connection.execute(
        "INSERT INTO staff (id, email, email_folded, name, role, password_hash, created_at) "
        "VALUES ($1, 'ops@shop.test', 'ops@shop.test', 'Ops', 'operator', '', now())",
        STAFF,
    )
    async with AsyncExitStack() as stack:
        yield [await open_shop(settings, Signer(b"test" * 8), utc_now, stack) for _ in range(WORKERS)]


STAFF = new_id()


class Crowd:
    """Buyers, staff and duties, all drawn from one seed."""

    def __init__(self, workers: list[Shop], seed: int) -> None:
        self.dice = random.Random(seed)
        self.workers = [_with(shop, Moody(shop.provider, random.Random(seed + n))) for n, shop in enumerate(workers)]
        self.room = asyncio.Semaphore(60)
        self.outcomes: Counter[str] = Counter()
        self.answered: set[tuple[str, str]] = set()  # keys whose asker got an answer
        self.surprises: list[BaseException] = []
        self.audits = 0

    async def buyer(self, number: int) -> None:
        """Opens a session at one worker and presses at others: once, twice under one key, or in two tabs."""
        dice, owner = self.dice, f"browser:{number}"
        wants = [(sku, dice.randint(1, 3)) for sku in dice.sample(list(SHELF), dice.randint(1, 4))]
        async with self.room:
            session = await open_session(dice.choice(self.workers), *wants, owner=owner)
            if session.status is not SessionStatus.READY:
                self.outcomes["sold out before"] += 1
                return
            how = dice.choice(("once", "once", "twins", "tabs"))
            names = [str(new_id())] if how == "once" else [f"twin-{number}"] * 3 if how == "twins" else ["a", "b"]
            presses = [
                placing(session, dice.choice(TOKENS) if how != "twins" else "tok_approve", name=n) for n in names
            ]
            answers = await asyncio.gather(*(self.press(ask) for ask in presses))
            bought = {answer.order_id for answer in answers if isinstance(answer, Completion)}
            if how == "twins":
                assert len(bought) <= 1, "one key bought twice"
            for order_id in bought:
                await self.staff(order_id)

    async def press(self, ask: Placing) -> Completion | NotPlaced | None:
        try:
            answer = await self.dice.choice(self.workers).checkout.complete(ask)
        except Refusal as refusal:
            self.outcomes[refusal.code] += 1
            return None
        self.answered.add((ask.key.scope, ask.key.name))
        self.outcomes[answer.state if isinstance(answer, Completion) else answer.code] += 1
        return answer

    async def staff(self, order_id: UUID) -> None:
        """Ships, cancels, gives back, asks again; told no, it is a plain no."""
        dice = self.dice
        for verb in dice.sample(("ship", "cancel", "refund", "ask"), dice.randint(0, 3)):
            shop = dice.choice(self.workers)
            common = {"order_id": order_id, "staff_id": STAFF}
            try:
                if verb == "ship":
                    await ship(shop.console, provider=shop.provider, clock=utc_now, **common)
                elif verb == "cancel":
                    await cancel(shop.console, provider=shop.provider, clock=utc_now, reason="changed mind", **common)
                elif verb == "refund":
                    await refund(
                        shop.console, provider=shop.provider, clock=utc_now, reason="a gesture", refund_id=new_id(),
                        amount_minor=dice.choice((100, 995)), **common,
                    )  # fmt: skip
                else:
                    await ask_now(shop.console, now=utc_now(), **common)
                self.outcomes[f"{verb}: done"] += 1
            except (Conflict, Invalid) as refusal:
                self.outcomes[f"{verb}: {refusal.code}"] += 1

    async def duties(self, shop: Shop, over: asyncio.Event) -> None:
        """Reconciler and finisher, half a minute ahead of everybody: they meddle with what is under way."""
        while not over.is_set():
            await _reconciler(shop, minutes=1).run_once()
            await _finisher(shop, minutes=1).run_once()
            await asyncio.sleep(0.02)

    async def audit(self, over: asyncio.Event) -> None:
        """Again and again, whatever is going on: the books are sound at every moment."""
        while not over.is_set():
            assert await wrongs(self.workers[0].console, SHELF) == []
            self.audits += 1

    async def come(self, buyers: int) -> None:
        over = asyncio.Event()
        duties = [asyncio.create_task(self.duties(shop, over)) for shop in self.workers]
        duties.append(asyncio.create_task(self.audit(over)))
        results = await asyncio.gather(*(self.buyer(number) for number in range(buyers)), return_exceptions=True)
        over.set()
        results += await asyncio.gather(*duties, return_exceptions=True)
        self.surprises = [result for result in results if isinstance(result, BaseException)]

    async def all_ends(self) -> None:
        """Reconcile and finish, later and later, until nothing is left to end."""
        shop = self.workers[0]
        for minutes in range(60, 60 * 40, 60):
            left = await _reconciler(shop, minutes=minutes).run_once()
            left += await _finisher(shop, minutes=minutes).run_once()
            if not left:
                return
        raise AssertionError("something never ends")


@pytest.mark.parametrize("seed", [1, 2])
async def test_books_balance_whatever_a_crowd_and_a_bad_line_do(workers: list[Shop], seed: int) -> None:
    """Nobody meets a fault; every unit, every penny and every key is accounted for, in our books and the provider's."""
    crowd = Crowd(workers, seed)
    await crowd.come(buyers=120)
    assert not crowd.surprises, crowd.surprises[:3]
    pool = workers[0].desk
    assert await wrongs(pool, SHELF) == []
    await crowd.all_ends()
    assert await wrongs(pool, SHELF) == []
    assert await ledger_wrongs(pool) == []
    kept = {(row["scope"], row["key"]) for row in await pool.fetch("SELECT scope, key FROM attempt_key")}
    assert crowd.answered <= kept | {
        # A second tab that found the order of the first is answered by it, and leaves no key of its own.
        (scope, name)
        for scope, name in crowd.answered
        if name in ("a", "b")
    }
    assert crowd.outcomes["confirmed"] > 30, crowd.outcomes
    assert crowd.audits > 1


async def test_no_worker_waits_for_another_in_a_circle(workers: list[Shop]) -> None:
    """Placing and settling of the same few SKUs at three workers at once: the database never has to cut a knot."""
    shops = [_with(shop, Moody(shop.provider, random.Random(n))) for n, shop in enumerate(workers)]

    async def shop_on(number: int) -> None:
        shop, wants = shops[number % WORKERS], [("SKU-00", 1), ("SKU-01", 1), ("SKU-02", 1)]
        session = await open_session(shop, *wants[number % 3 :], *wants[: number % 3], owner=f"browser:{number}")
        await asyncio.gather(*(each.checkout.complete(placing(session, name="k")) for each in shops))

    for _ in range(3):
        await asyncio.gather(*(shop_on(number) for number in range(12)), return_exceptions=True)
    await workers[0].desk.execute("SELECT pg_stat_force_next_flush()")
    asked = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await workers[0].desk.fetchval(asked) == 0


async def test_one_key_at_two_workers_at_once_is_one_order(workers: list[Shop]) -> None:
    """Whichever worker is first, both say the same; the provider is asked for one reservation."""
    for number in range(10):
        session = await open_session(workers[0], ("SKU-00", 1), owner=f"browser:{number}")
        answers = await asyncio.gather(*(shop.checkout.complete(placing(session, name="k")) for shop in workers))
        assert [answer.state for answer in answers if isinstance(answer, Completion)] == ["confirmed"] * WORKERS
        assert len({answer.order_id for answer in answers if isinstance(answer, Completion)}) == 1
    assert await workers[0].desk.fetchval("SELECT count(*) FROM orders") == 10
    assert await workers[0].desk.fetchval("SELECT count(*) FROM sandbox_provider.charge") == 10


async def test_one_key_opens_one_session_at_two_workers_at_once(workers: list[Shop]) -> None:
    """Sessions are opened once, too, and changed once under one key."""
    for number in range(10):
        opening = Opening(
            key("open", "browser:a", f"k{number}"), wish(("SKU-00", 1)), "web", "browser:a", None, utc_now()
        )
        opened = await asyncio.gather(*(shop.sessions.open(opening) for shop in workers))
        assert len({session.id for session in opened}) == 1
        change = Revision(
            key("revise", "browser:a", f"r{number}"), opened[0].id, "browser:a", wish(("SKU-01", 2)), None, utc_now()
        )
        changed = await asyncio.gather(*(shop.sessions.revise(change) for shop in workers))
        assert [session.version for session in changed] == [2] * WORKERS
    assert await workers[0].desk.fetchval("SELECT count(*) FROM checkout_session") == 10


async def test_changes_of_the_same_sessions_at_several_workers_are_all_carried_out(workers: list[Shop]) -> None:
    """Each worker's group takes the same sessions in another order: nobody meets a knot, no change is lost."""
    sessions = [await open_session(workers[0], ("SKU-00", 1), owner="browser:a") for _ in range(12)]

    def changes(shop: Shop, at: int) -> list[Awaitable[Session]]:
        ordered = sessions if at == 0 else sessions[::-1] if at == 1 else sessions[6:] + sessions[:6]
        return [
            shop.sessions.revise(
                Revision(key("revise", "browser:a"), session.id, "browser:a", wish(("SKU-01", at + 1)), None, utc_now())
            )
            for session in ordered
        ]

    await asyncio.gather(*(change for at, shop in enumerate(workers) for change in changes(shop, at)))
    versions = await workers[0].desk.fetch("SELECT version FROM checkout_session")
    assert [row["version"] for row in versions] == [1 + WORKERS] * 12


async def test_what_is_charged_is_what_the_session_said_at_that_moment(workers: list[Shop]) -> None:
    """Changed at one worker while it is paid at another: the order is the one or the other whole, never a mixture."""
    seen: Counter[int] = Counter()
    for number in range(25):
        owner = f"browser:{number}"
        session = await open_session(workers[0], ("SKU-00", 1), owner=owner)
        change = Revision(key("revise", owner), session.id, owner, wish(("SKU-01", 2)), None, utc_now())
        ask = msgspec.structs.replace(
            placing(session), total_minor=None if number % 2 else placing(session).total_minor
        )
        paid, revised = await asyncio.gather(
            workers[1].checkout.complete(ask), workers[2].sessions.revise(change), return_exceptions=True
        )
        after = await get_session(workers[0].till_pool, session_id=session.id, owner=owner)
        lines = await workers[0].desk.fetch(
            "SELECT sku, quantity FROM order_line JOIN orders ON orders.id = order_id WHERE session_id = $1", session.id
        )
        bought = [(row["sku"], row["quantity"]) for row in lines]
        if isinstance(paid, Completion):
            assert bought == [(line.sku, line.quantity) for line in after.terms.lines]
            assert paid.total_minor == after.terms.quote.total_minor
            if ask.total_minor is not None:
                assert paid.total_minor == ask.total_minor
        else:
            assert isinstance(paid, NotPlaced)
            assert paid.code == "total_changed"
            assert bought == []
        assert isinstance(revised, Session | Conflict)
        seen[len(bought)] += 1
    assert await wrongs(workers[0].desk, SHELF) == []


async def test_a_session_that_becomes_payable_between_two_looks_is_looked_at_again(
    workers: list[Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first order is declined just after the lock passed it by, and it is changed: what is paid is the change."""
    here, there = workers[:2]
    session = await open_session(here, ("SKU-00", 1))
    first = await here.checkout.till.place(placing(session, "tok_decline_generic"))
    assert isinstance(first, Placed)
    looks = placing_module._sessions
    meanwhile = [Failed("do_not_honour", "No.")]

    async def with_a_decline_in_between(
        connection: Connection, statement: str, asks: list[tuple[int, Placing]]
    ) -> dict[int, placing_module.Locked]:
        if statement == "peek_sessions" and meanwhile:
            await there.checkout.till.settle(
                Settling(first.authorisation.attempt_id, meanwhile.pop(), utc_now(), utc_now())
            )
        return await looks(connection, statement, asks)

    monkeypatch.setattr(placing_module, "_sessions", with_a_decline_in_between)
    second = await here.checkout.complete(placing(session))
    assert isinstance(second, Completion)
    assert (second.state, meanwhile) == ("confirmed", [])
    assert await books(here, "SKU-00") == (25, 0, 1)
    assert await wrongs(here.desk, SHELF) == []


async def test_settled_by_the_reconciler_before_its_own_worker_is_the_same_answer(workers: list[Shop]) -> None:
    """Between placing and settling another worker asked the provider and wrote it: the buyer hears what was written."""
    here, there = workers[:2]
    session = await open_session(here, ("SKU-00", 1))
    entered, go = asyncio.Event(), asyncio.Event()

    class Slow(Moody):
        async def authorise(self, ask: Authorisation) -> Ending:
            ending = await self.line.authorise(ask)
            entered.set()
            await go.wait()
            return ending

    slow = _with(here, Slow(here.provider, random.Random(0)))
    pressed = asyncio.create_task(slow.checkout.complete(placing(session, name="k")))
    await entered.wait()
    assert await _reconciler(there, minutes=1).run_once() == 1
    twin = await there.checkout.complete(placing(session, name="k"))
    go.set()
    mine = await pressed
    assert isinstance(mine, Completion)
    assert isinstance(twin, Completion)
    assert (mine.state, mine.session.status, mine.order_id) == ("confirmed", SessionStatus.COMPLETED, twin.order_id)
    assert await books(here, "SKU-00") == (25, 0, 1)
    assert await wrongs(here.desk, SHELF) == []
    assert await ledger_wrongs(here.desk) == []


async def test_one_hundred_lines_of_many_units_are_one_order(workers: list[Shop], connection: Connection) -> None:
    """The largest session there can be completes; one line more is refused, and so is a unit too many."""
    many = {f"BULK-{number:03}": (99_999_999, 1_000) for number in range(100)}
    await stock_up(connection, many)
    session = await open_session(workers[0], *((sku, 999) for sku in many))
    answer = await workers[1].checkout.complete(placing(session))
    assert isinstance(answer, Completion)
    assert answer.state == "confirmed"
    assert answer.total_minor == 100 * 999 * 99_999_999
    assert await books(workers[0], "BULK-099") == (1_000, 0, 999)
    for wants in ([(sku, 1) for sku in many] + [("SKU-00", 1)], [("BULK-000", 1_000)]):
        with pytest.raises(Invalid):
            await open_session(workers[0], *wants)
