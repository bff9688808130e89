"""Codes at the till: counted when an order is placed, once, and never more often than they may be."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from evertill.app import open_shop
from evertill.audit import audit
from evertill.checkout.model import Completion, Session, SessionStatus
from evertill.checkout.placing import NotPlaced, Placed
from evertill.checkout.settling import Settling
from evertill.clock import utc_now
from evertill.deals import Claiming
from evertill.ids import new_id
from evertill.orders.changing import cancel, refund, ship
from evertill.payments.model import HOLD_EXPIRED, Done, Failed, Unknown
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.storage import Connection
from evertill.storage.pools import tag_of
from tests.buying import open_session, placing
from tests.coding import make_code, open_with_code, uses
from tests.contention.steps import Step, race, stopping
from tests.dealing import HOUR, make_customer, make_deal
from tests.providers import Ledger

DEAL = new_id()
STAFF = new_id()
YES, NO = Done("yes"), Failed("do_not_honour", "No.")


class Hearing(Step):
    """Stops nobody, and hears which statements are run."""

    def __init__(self, statement: str) -> None:
        super().__init__(statement)
        self.tags: list[str] = []

    async def carry_out(self, connection: Any, verb: str, statement: str, arguments: tuple[Any, ...]) -> Any:
        self.tags.append(tag_of(statement))
        return await super().carry_out(connection, verb, statement, arguments)


async def place(shop: Shop, session: Session) -> Placed:
    answer = await shop.checkout.till.place(placing(session))
    assert isinstance(answer, Placed)
    return answer


async def settle(shop: Shop, placed: Placed, ending: Done | Failed | Unknown) -> None:
    await shop.checkout.till.settle(Settling(placed.authorisation.attempt_id, ending, utc_now(), utc_now()))


async def clean(connection: Connection) -> bool:
    report = await audit(connection, now=utc_now())
    assert report.shown() == ()
    return True


# ---------------------------------------------------------------- one use


async def test_a_code_is_used(shop: Shop, connection: Connection) -> None:
    """Shown as what it takes off, held when the order is placed, used when it is paid; the order says all of it."""
    await make_code(connection, uses_max=3)
    session = await open_with_code(shop, "summer", ("MUG", 2, None), ("TEA", 1, None))
    quote = session.terms.quote
    assert (quote.subtotal_minor, quote.discount_minor, quote.delivery_minor) == (2_995, 300, 395)
    assert (quote.total_minor, quote.tax_minor) == (3_090, 515)
    assert await uses(connection) == (0, 0)  # to look costs nothing
    placed = await place(shop, session)
    assert placed.authorisation.amount.minor == 3_090
    assert await uses(connection) == (1, 0)
    assert await clean(connection)
    for _ in range(2):
        await settle(shop, placed, YES)
        assert await uses(connection) == (0, 1)
    order = await connection.fetchrow("SELECT code, discount_minor, total_minor FROM orders")
    assert order is not None
    assert tuple(order) == ("SUMMER", 300, 3_090)
    lines = await connection.fetch("SELECT total_minor, code_minor FROM order_line ORDER BY line")
    assert [tuple(line) for line in lines] == [(2_500, 250), (495, 50)]
    assert await clean(connection)


@pytest.mark.parametrize("how", ["declined", "given up", "held, then declined"])
async def test_a_decline_gives_a_use_back_once(shop: Shop, connection: Connection, how: str) -> None:
    """Said twice, it changes nothing twice; another card uses it then."""
    await make_code(connection, uses_max=1, per_customer=1)
    session = await open_with_code(shop)
    placed = await place(shop, session)
    if how == "held, then declined":
        await settle(shop, placed, Unknown("timeout"))
        assert await uses(connection) == (1, 0)
    for _ in range(2):
        await settle(shop, placed, Failed(HOLD_EXPIRED, "No.") if how == "given up" else NO)
        assert await uses(connection) == (0, 0)
    assert await clean(connection)
    again = await place(shop, session)
    await settle(shop, again, YES)
    assert await uses(connection) == (0, 1)
    assert await clean(connection)


@pytest.mark.parametrize(
    ("after", "code"),
    [
        ("UPDATE discount_code SET used = 1", "code_used_up"),
        ("UPDATE discount_code SET ended_at = now()", "code_over"),
        ("UPDATE discount_code SET ends_at = clock_timestamp()", "code_over"),
        ("UPDATE discount_code SET begins_at = now() + interval '1 hour'", "code_not_yet"),
        ("UPDATE discount_code SET subtotal_min_minor = 9000", "code_below_minimum"),
        ("UPDATE discount_code SET value = 500", "total_changed"),
        ("DELETE FROM discount_code", "code_unknown"),
    ],
)
async def test_a_code_that_no_longer_holds_is_not_charged_for(
    shop: Shop, connection: Connection, after: str, code: str
) -> None:
    """It is said, with the total of now; whoever accepts that pays it."""
    await make_code(connection, uses_max=1)
    session = await open_with_code(shop)
    await connection.execute(after)
    answer = await shop.checkout.till.place(placing(session))
    assert isinstance(answer, NotPlaced)
    assert answer.code == code
    assert "Nothing was charged" in answer.sentence
    assert await connection.fetchval("SELECT count(*) FROM orders") == 0
    revised = answer.session
    assert revised.status is SessionStatus.READY
    assert revised.terms.quote.discount_minor == (125 if code == "total_changed" else 0)
    assert isinstance(await shop.checkout.till.place(placing(revised)), Placed)


async def test_a_price_that_changes_changes_what_a_code_takes_off(shop: Shop, connection: Connection) -> None:
    """The order is offered anew as a whole, with its code."""
    await make_code(connection)
    session = await open_with_code(shop)
    await connection.execute("UPDATE variant SET price_minor = 2000 WHERE sku = 'MUG'")
    answer = await shop.checkout.till.place(placing(session))
    assert isinstance(answer, NotPlaced)
    assert answer.code == "price_changed"
    assert answer.session.terms.quote.discount_minor == 400
    await settle(shop, await place(shop, answer.session), YES)
    assert await clean(connection)


async def test_each_customer_may_as_often_as_is_said(shop: Shop, connection: Connection) -> None:
    """Counted by account, and by e-mail in whatever letters; a use that was given back is none."""
    await make_code(connection, per_customer=1)
    ada = await make_customer(connection)
    await settle(shop, await place(shop, await open_with_code(shop, customer_id=ada, email="ADA@example.com")), YES)
    for customer, email in ((ada, "other@example.com"), (None, "Ada@Example.com")):
        session = await open_with_code(shop, owner="browser:b", customer_id=customer, email=email)
        assert [remark.code for remark in session.terms.remarks] == ["code_yours_used"]
    other = await open_with_code(shop, owner="browser:ben")
    await settle(shop, await place(shop, other), NO)
    await settle(shop, await place(shop, other), YES)
    assert await uses(connection) == (0, 2)
    assert await clean(connection)


# ---------------------------------------------------------------- with deals


@pytest.mark.parametrize("stackable", [True, False])
@pytest.mark.parametrize("limited", [True, False])
async def test_deals_say_whether_codes_count_on_top_of_them(
    shop: Shop, connection: Connection, limited: bool, stackable: bool
) -> None:
    """Off the deal's price where they do; else off the other lines only. And again at the till."""
    await make_code(connection)
    await make_deal(connection, DEAL, "MUG", units=5 if limited else None)
    await connection.execute("UPDATE deal SET stackable = $1", stackable)
    claim = await shop.claims.claim(Claiming(DEAL, "MUG", 1, "browser:ada")) if limited else None
    session = await open_with_code(shop, "SUMMER", ("MUG", 1, claim.id if claim else None), ("TEA", 2, None))
    assert [line.code_minor for line in session.terms.lines] == [100 if stackable else 0, 99]
    await connection.execute("UPDATE deal SET stackable = NOT stackable")
    answer = await shop.checkout.till.place(placing(session))
    assert isinstance(answer, NotPlaced)
    assert answer.code == "total_changed"
    assert [line.code_minor for line in answer.session.terms.lines] == [0 if stackable else 100, 99]
    await settle(shop, await place(shop, answer.session), YES)
    assert await clean(connection)


async def test_whoever_names_no_code_is_asked_nothing_more(shop: Shop, connection: Connection) -> None:
    """Not one statement about codes, from opening to confirmation."""
    await make_code(connection)
    heard = Hearing("")
    till = stopping(shop, heard).checkout.till
    for session in (await open_session(shop, ("MUG", 1)), await open_with_code(shop)):
        answer = await till.place(placing(session))
        assert isinstance(answer, Placed)
        await till.settle(Settling(answer.authorisation.attempt_id, YES, utc_now(), utc_now()))
    end = heard.tags.index("checkout.settle_orders") + 1
    assert not [tag for tag in heard.tags[:end] if tag.startswith("codes.")]
    assert [tag for tag in heard.tags[end:] if tag.startswith("codes.")] == [
        "codes.lock_codes", "codes.read_uses", "codes.hold_uses",
        "codes.lock_codes", "codes.read_uses", "codes.end_uses",
    ]  # fmt: skip


# ---------------------------------------------------------------- after the sale


@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("how", ["cancelled", "refunded", "refunded in part"])
async def test_a_use_is_given_back_while_its_code_runs(
    shop: Shop, connection: Connection, runs: bool, how: str
) -> None:
    """Cancelled or paid back in full, once; after the code's end nobody can have it, and it stays counted."""
    await make_code(connection, uses_max=1, per_customer=1)
    await connection.execute(
        "INSERT INTO staff VALUES ($1, 'o@example.com', 'o@example.com', 'O', 'operator', '', now())", STAFF
    )
    ledger = Ledger()
    placed = await place(shop, await open_with_code(shop))
    await settle(shop, placed, await ledger.authorise(placed.authorisation))
    if not runs:
        await connection.execute("UPDATE discount_code SET ends_at = clock_timestamp()")
    for _ in range(2):
        if how == "cancelled":
            await cancel(shop.console, provider=ledger, order_id=placed.order_id, staff_id=STAFF, reason="why not",
                         clock=utc_now)  # fmt: skip
            continue
        await ship(shop.console, provider=ledger, order_id=placed.order_id, staff_id=STAFF, clock=utc_now)
        amount = placed.authorisation.amount.minor - (1 if how == "refunded in part" else 0)
        await refund(shop.console, provider=ledger, order_id=placed.order_id, refund_id=STAFF, amount_minor=amount,
                     staff_id=STAFF, reason="a gesture", clock=utc_now)  # fmt: skip
    given_back = runs and how != "refunded in part"
    assert await uses(connection) == (0, 0 if given_back else 1)
    assert await clean(connection)
    if given_back:
        assert isinstance(await shop.checkout.till.place(placing(await open_with_code(shop))), Placed)


# ---------------------------------------------------------------- crowds and races


async def test_a_crowd_at_three_tills_uses_a_code_as_often_as_it_may_be(
    settings: Settings, shop: Shop, connection: Connection
) -> None:
    """Two hundred come with a code for twenty: exactly twenty have it, and nobody is charged without being told."""
    await make_code(connection, uses_max=20, per_customer=1)
    async with AsyncExitStack() as stack:
        shops = [shop] + [await open_shop(settings, Signer(b"test" * 8), utc_now, stack) for _ in range(2)]
        sessions = [await open_with_code(shops[number % 3], owner=f"browser:{number}") for number in range(200)]

        async def come(number: int) -> str:
            answer = await shops[(number + 1) % 3].checkout.complete(placing(sessions[number]))
            return answer.state if isinstance(answer, Completion) else answer.code

        said = Counter(await asyncio.gather(*(come(number) for number in range(200))))
    assert said == {"confirmed": 20, "code_used_up": 180}
    assert await uses(connection) == (0, 20)
    assert await connection.fetchval("SELECT count(*) FROM orders WHERE code = 'SUMMER'") == 20
    assert await clean(connection)


async def test_a_crowd_with_bad_cards_leaves_no_use_behind(
    settings: Settings, shop: Shop, connection: Connection
) -> None:
    """A third of the cards is bad: what they held is had by whoever comes after, and the books balance throughout."""
    await make_code(connection, uses_max=20)
    async with AsyncExitStack() as stack:
        shops = [shop] + [await open_shop(settings, Signer(b"test" * 8), utc_now, stack) for _ in range(2)]
        sessions = [await open_with_code(shops[number % 3], owner=f"browser:{number}") for number in range(90)]

        async def come(number: int) -> str:
            method = "tok_decline_insufficient_funds" if number % 3 == 0 else "tok_approve"
            answer = await shops[(number + 1) % 3].checkout.complete(placing(sessions[number], method))
            return answer.state if isinstance(answer, Completion) else answer.code

        said = Counter(await asyncio.gather(*(come(number) for number in range(90))))
    held, used = await uses(connection)
    assert held == 0
    assert used == said["confirmed"] <= 20
    assert used + said["declined"] >= 20
    assert await clean(connection)


@pytest.mark.parametrize("by", ["account", "e-mail"])
async def test_one_customer_in_fifty_browsers_has_what_one_may(
    settings: Settings, shop: Shop, connection: Connection, by: str
) -> None:
    """Two uses for each: fifty checkouts at three tills at once are two orders."""
    await make_code(connection, per_customer=2)
    ada = await make_customer(connection) if by == "account" else None
    async with AsyncExitStack() as stack:
        shops = [shop] + [await open_shop(settings, Signer(b"test" * 8), utc_now, stack) for _ in range(2)]

        async def browser(number: int) -> Session:
            email = f"{number}@example.com" if ada else "Ada@example.com"
            owner = f"browser:{number}"
            return await open_with_code(shops[number % 3], owner=owner, customer_id=ada, email=email)

        sessions = [await browser(number) for number in range(50)]
        answers = await asyncio.gather(
            *(shops[at % 3].checkout.complete(placing(session)) for at, session in enumerate(sessions))
        )
    said = Counter(answer.state if isinstance(answer, Completion) else answer.code for answer in answers)
    assert said == {"confirmed": 2, "code_yours_used": 48}
    assert await uses(connection) == (0, 2)
    assert await clean(connection)


async def test_the_end_of_a_code_meets_an_order(shop: Shop, connection: Connection) -> None:
    """Staff end it while an order is being placed with it: they wait, and that order has it."""
    await make_code(connection)
    session = await open_with_code(shop)
    step = Step("codes.read_uses")  # locked by then

    async def end() -> None:
        await shop.desk.execute("UPDATE discount_code SET ended_at = clock_timestamp()")

    met = await race(step, stopping(shop, step).checkout.till.place(placing(session)), end(), watching=connection)
    assert isinstance(met.first, Placed)
    assert met.waited
    answer = await shop.checkout.till.place(placing(await open_with_code(shop, owner="browser:ben")))
    assert isinstance(answer, Placed)
    assert answer.session.terms.code is None
    assert await clean(connection)


async def test_the_moment_is_the_database_s(shop: Shop, connection: Connection) -> None:
    """A code that begins in an hour cannot be used now, whatever a worker's clock says."""
    await make_code(connection, begins_at=utc_now() + HOUR)
    session = await open_with_code(shop)
    assert [remark.code for remark in session.terms.remarks] == ["code_not_yet"]
    await connection.execute("UPDATE discount_code SET begins_at = $1", utc_now() - timedelta(hours=1))
    assert (await open_with_code(shop)).terms.code is not None
