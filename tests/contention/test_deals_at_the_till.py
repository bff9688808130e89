"""Deals are bought: claims are carried through the till, prices hold at their moments, units are counted once."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from evertill.app import open_shop
from evertill.audit import audit
from evertill.checkout.model import Completion, Session, SessionStatus, Want, Wish
from evertill.checkout.placing import NotPlaced, Placed, PlacingAnswer
from evertill.checkout.sessions import Opening
from evertill.checkout.settling import Settling
from evertill.checkout.till import Till
from evertill.clock import utc_now
from evertill.deals import Claim, Claiming, ClaimState, Releasing, Sweeper
from evertill.ids import new_id
from evertill.orders.changing import cancel, refund, ship
from evertill.payments.model import HOLD_EXPIRED, Done, Failed, Unknown
from evertill.refusals import Refusal
from evertill.resilience import PAYMENT
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.storage import Connection
from tests.buying import ADA, LONDON, key, placing
from tests.contention.steps import Step, race, stopping
from tests.dealing import HOUR, counts, make_deal, make_member
from tests.providers import Ledger

DEAL = new_id()
STAFF = new_id()


async def open_for(
    shop: Shop, *wants: tuple[str, int, UUID | None], owner: str = "browser:ada", customer_id: UUID | None = None
) -> Session:
    """A session of lines, some of which are held by claims."""
    wish = Wish(
        tuple(Want(sku, quantity, claim_id=claim_id) for sku, quantity, claim_id in wants),
        buyer=ADA, address=LONDON, delivery="std",
    )  # fmt: skip
    return await shop.sessions.open(Opening(key("open", owner), wish, "web", owner, customer_id, shop.clock()))


async def claimed(shop: Shop, quantity: int = 1, *, sku: str = "MUG", owner: str = "browser:ada") -> Claim:
    return await shop.claims.claim(Claiming(DEAL, sku, quantity, owner))


async def place(shop: Shop, claim: Claim) -> Placed:
    """An order that takes a claim over; the provider is not asked yet."""
    session = await open_for(shop, (claim.sku, claim.quantity, claim.id), owner=claim.holder)
    answer = await shop.checkout.till.place(placing(session))
    assert isinstance(answer, Placed)
    return answer


async def settle(shop: Shop, placed: Placed, ending: Done | Failed | Unknown) -> None:
    await shop.checkout.till.settle(Settling(placed.authorisation.attempt_id, ending, utc_now(), utc_now()))


async def state_of(connection: Connection, claim: Claim) -> tuple[str, str | None]:
    row = await connection.fetchrow("SELECT state, ended_because FROM claim WHERE id = $1", claim.id)
    assert row is not None
    return row[0], row[1]


async def clean(connection: Connection) -> bool:
    report = await audit(connection, now=utc_now())
    assert report.shown() == ()
    return True


YES, NO = Done("yes"), Failed("do_not_honour", "No.")


# ---------------------------------------------------------------- one claim


async def test_a_claim_is_bought(shop: Shop, connection: Connection) -> None:
    """At the deal's price, its units counted once from claim to sale; the order's line says deal, claim, list price."""
    await make_deal(connection, DEAL, "MUG")
    claim = await claimed(shop, 2)
    session = await open_for(shop, ("MUG", 2, claim.id), ("TEA", 1, None))
    assert [line.unit_price_minor for line in session.terms.lines] == [1_000, 495]
    placed = await shop.checkout.till.place(placing(session))
    assert isinstance(placed, Placed)
    assert await counts(connection, DEAL, "MUG") == (2, 0, 2)
    assert await state_of(connection, claim) == ("ordered", None)
    assert await clean(connection)
    await settle(shop, placed, YES)
    assert await counts(connection, DEAL, "MUG") == (0, 2, 0)
    assert await state_of(connection, claim) == ("bought", None)
    row = await connection.fetchrow("SELECT list_price_minor, deal_id, claim_id FROM order_line WHERE sku = 'MUG'")
    assert row is not None
    assert tuple(row) == (1_250, DEAL, claim.id)
    await settle(shop, placed, YES)
    assert await counts(connection, DEAL, "MUG") == (0, 2, 0)
    assert await clean(connection)


async def test_declined_another_card_can_be_tried(shop: Shop, connection: Connection) -> None:
    """The claim is held again, for ten minutes at the least; then it is bought; nothing is counted twice on the way."""
    await make_deal(connection, DEAL, "MUG", claim_minutes=1)
    claim = await claimed(shop)
    placed = await place(shop, claim)
    await settle(shop, placed, NO)
    assert await state_of(connection, claim) == ("held", None)
    assert await connection.fetchval("SELECT expires_at - now() > '9 minutes' FROM claim")
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)
    assert await clean(connection)
    again = await place(shop, claim)
    await settle(shop, again, YES)
    assert await counts(connection, DEAL, "MUG") == (0, 1, 0)
    assert await clean(connection)


async def test_cards_cannot_be_tried_for_ever(shop: Shop, connection: Connection) -> None:
    """An hour past the time it was made for it is not held again for longer."""
    await make_deal(connection, DEAL, "MUG", claim_minutes=1)
    claim = await claimed(shop)
    placed = await place(shop, claim)
    await connection.execute("UPDATE claim SET claimed_at = now() - interval '1 day', expires_at = now()")
    await settle(shop, placed, NO)
    assert await Sweeper(shop.till_pool).run_once() == 1
    assert await state_of(connection, claim) == ("released", "expired")
    assert await counts(connection, DEAL, "MUG") == (0, 0, 0)
    assert await clean(connection)


async def test_given_up_it_is_released_once(shop: Shop, connection: Connection) -> None:
    """Nobody stands there with another card. Said twice, it changes nothing twice."""
    await make_deal(connection, DEAL, "MUG")
    claim = await claimed(shop, 2)
    placed = await place(shop, claim)
    await settle(shop, placed, Unknown("timeout"))
    assert await state_of(connection, claim) == ("ordered", None)
    for _ in range(2):
        await settle(shop, placed, Failed(HOLD_EXPIRED, "Given up."))
        assert await state_of(connection, claim) == ("released", "declined")
        assert await counts(connection, DEAL, "MUG") == (0, 0, 0)
    assert await clean(connection)


async def test_who_has_claimed_anew_meanwhile_has_one(shop: Shop, connection: Connection) -> None:
    """While the first is being paid its holder claims another; the first is declined, and is not held beside it."""
    await make_deal(connection, DEAL, "MUG")
    first = await claimed(shop)
    placed = await place(shop, first)
    second = await claimed(shop, 2)
    assert await counts(connection, DEAL, "MUG") == (3, 0, 3)
    await settle(shop, placed, NO)
    assert await state_of(connection, first) == ("released", "declined")
    assert await state_of(connection, second) == ("held", None)
    assert await counts(connection, DEAL, "MUG") == (2, 0, 2)
    assert await clean(connection)


@pytest.mark.parametrize(
    "after", ["UPDATE deal SET ends_at = clock_timestamp()", "UPDATE variant SET price_minor = 2000"]
)
async def test_a_claim_made_in_time_is_honoured(shop: Shop, connection: Connection, after: str) -> None:
    """The deal ends, or the list price goes up, while it is paid for."""
    await make_deal(connection, DEAL, "MUG")
    claim = await claimed(shop)
    await connection.execute(after)
    placed = await place(shop, claim)
    await settle(shop, placed, YES)
    assert await connection.fetchval("SELECT unit_price_minor FROM order_line") == 1_000
    assert await clean(connection)


async def test_a_claim_never_costs_more_than_the_list_price(shop: Shop, connection: Connection) -> None:
    """It has fallen below the deal's: nobody pays more for having claimed."""
    await make_deal(connection, DEAL, "MUG")
    claim = await claimed(shop)
    session = await open_for(shop, ("MUG", 1, claim.id))
    await connection.execute("UPDATE variant SET price_minor = 900 WHERE sku = 'MUG'")
    answer = await shop.checkout.till.place(placing(session))
    assert isinstance(answer, NotPlaced)
    assert answer.code == "price_changed"
    assert answer.session.terms.lines[0].unit_price_minor == 900
    assert isinstance(await shop.checkout.till.place(placing(answer.session)), Placed)
    assert await clean(connection)


@pytest.mark.parametrize("lost", ["expired", "removed", "somebody else's", "changed"])
async def test_what_is_no_longer_held_is_not_charged(shop: Shop, connection: Connection, lost: str) -> None:
    """It is told with the price of now; who accepts that pays it, and the deal's units are others'."""
    await make_deal(connection, DEAL, "MUG")
    claim = await claimed(shop)
    session = await open_for(shop, ("MUG", 1, claim.id))
    match lost:
        case "expired":
            await connection.execute("UPDATE claim SET expires_at = clock_timestamp()")
        case "removed":
            await shop.claims.release(Releasing(claim.id, claim.holder))
        case "changed":
            await claimed(shop, 2)
        case _:
            await connection.execute("UPDATE claim SET holder = 'browser:ben'")
    answer = await shop.checkout.till.place(placing(session))
    assert isinstance(answer, NotPlaced)
    assert answer.code == "claim_over"
    assert "Nothing was charged" in answer.sentence
    assert "was £10.00 and is now £12.50" in answer.sentence
    assert (answer.session.status, answer.session.terms.lines[0].unit_price_minor) == (SessionStatus.READY, 1_250)
    placed = await shop.checkout.till.place(placing(answer.session))
    assert isinstance(placed, Placed)
    assert await connection.fetchval("SELECT claim_id FROM order_line") is None
    await Sweeper(shop.till_pool).run_once()
    assert await clean(connection)


# ---------------------------------------------------------------- a price in a window


async def test_an_unlimited_deal_is_a_price_at_its_moments(shop: Shop, connection: Connection) -> None:
    """By the till's moment, to the instant, whenever the session was made: its first is in, its last is not."""
    now = utc_now()
    begins, ends = now - HOUR, now + HOUR
    await make_deal(connection, DEAL, "MUG", units=None, begins_at=begins, ends_at=ends)
    instant = timedelta(microseconds=1)

    async def sold(moment: object) -> str:
        till = Till(
            shop.till_pool, house=shop.house, provider_name="sandbox", answer_within=PAYMENT.deadline,
            clock=lambda: moment,  # type: ignore[arg-type,return-value]
        )  # fmt: skip
        session = await open_for(shop, ("MUG", 1, None))
        assert session.terms.lines[0].unit_price_minor == 1_000
        answer = await till.place(placing(session))
        return answer.code if isinstance(answer, NotPlaced) else "sold"

    assert await sold(begins - instant) == "deal_over"
    assert await sold(begins) == "sold"
    assert await sold(ends - instant) == "sold"
    assert await sold(ends) == "deal_over"
    rows = await connection.fetch("SELECT unit_price_minor, list_price_minor, deal_id, claim_id FROM order_line")
    assert {tuple(row) for row in rows} == {(1_000, 1_250, DEAL, None)}
    assert await clean(connection)


async def test_before_a_deal_begins_it_is_nobody_s(shop: Shop, connection: Connection) -> None:
    """A session that is made before and paid after pays what it was shown; one made after, the deal's price."""
    await make_deal(connection, DEAL, "MUG", units=None, begins_at=utc_now() + HOUR, ends_at=utc_now() + 2 * HOUR)
    session = await open_for(shop, ("MUG", 1, None))
    assert session.terms.lines[0].unit_price_minor == 1_250
    await connection.execute("UPDATE deal SET begins_at = now() - interval '1 hour'")
    assert isinstance(await shop.checkout.till.place(placing(session)), Placed)
    assert (await open_for(shop, ("MUG", 1, None))).terms.lines[0].unit_price_minor == 1_000


@pytest.mark.parametrize("limited", [True, False])
async def test_whoever_is_no_member_any_more_pays_no_member_s_price(
    shop: Shop, connection: Connection, limited: bool
) -> None:
    """Asked when claiming, and again when paying."""
    await make_deal(connection, DEAL, "MUG", units=5 if limited else None, members_only=True)
    ada = await make_member(shop.desk, utc_now() - HOUR, 2 * HOUR)
    claim = await shop.claims.claim(Claiming(DEAL, "MUG", 1, "browser:ada", ada)) if limited else None
    sessions = [
        await open_for(shop, ("MUG", 1, claim.id if claim else None), customer_id=customer) for customer in (ada, ada)
    ]
    assert {session.terms.lines[0].unit_price_minor for session in sessions} == {1_000}
    other = await open_for(shop, ("MUG", 1, None), owner="browser:ben")
    assert other.terms.lines[0].unit_price_minor == 1_250
    await connection.execute("UPDATE membership SET ends_at = now()")
    answer = await shop.checkout.till.place(placing(sessions[0]))
    assert isinstance(answer, NotPlaced)
    assert answer.code == "members_only"
    assert "members" in answer.sentence
    assert answer.session.terms.lines[0].unit_price_minor == 1_250
    await connection.execute("UPDATE membership SET ends_at = now() + interval '1 hour'")
    assert isinstance(await shop.checkout.till.place(placing(sessions[1])), Placed)
    assert await clean(connection)


async def test_a_limit_without_units_is_kept_over_history(shop: Shop, connection: Connection) -> None:
    """As many as there are, one for each: claimed, bought, and not to be had again."""
    await make_deal(connection, DEAL, "MUG", units=None, per_customer=1)
    assert (await open_for(shop, ("MUG", 1, None))).terms.lines[0].unit_price_minor == 1_250  # not without a claim
    await settle(shop, await place(shop, await claimed(shop)), YES)
    with pytest.raises(Refusal, match="at most 1"):
        await claimed(shop)
    assert await clean(connection)


# ---------------------------------------------------------------- after the sale


@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("how", ["cancelled", "refunded", "refunded in part"])
async def test_what_is_given_back_is_the_deal_s_while_it_runs(
    shop: Shop, connection: Connection, runs: bool, how: str
) -> None:
    """Cancelled or paid back in full; after its end nobody can have it, and the deal counts it sold."""
    await make_deal(connection, DEAL, "MUG", per_customer=2)
    await connection.execute(
        "INSERT INTO staff VALUES ($1, 'o@example.com', 'o@example.com', 'O', 'operator', '', now())", STAFF
    )
    ledger = Ledger()
    claim = await claimed(shop, 2)
    placed = await place(shop, claim)
    await settle(shop, placed, await ledger.authorise(placed.authorisation))
    if not runs:
        await connection.execute("UPDATE deal SET ends_at = clock_timestamp()")
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
    assert await counts(connection, DEAL, "MUG") == (0, 0 if given_back else 2, 0)
    assert await state_of(connection, claim) == (("released", "cancelled") if given_back else ("bought", None))
    assert await connection.fetchval("SELECT sold FROM stock WHERE sku = 'MUG'") == 0
    assert await clean(connection)
    if given_back:  # and they may be had again, by the same customer too
        assert (await claimed(shop, 2)).quantity == 2


# ---------------------------------------------------------------- crowds and races


async def test_a_crowd_buys_a_deal_at_three_tills(settings: Settings, shop: Shop, connection: Connection) -> None:
    """A hundred and twenty come for twenty at three workers, a quarter of the cards is bad: each unit is sold once."""
    await make_deal(connection, DEAL, "MUG", "TEA")
    async with AsyncExitStack() as stack:
        shops = [shop] + [await open_shop(settings, Signer(b"test" * 8), utc_now, stack) for _ in range(2)]

        async def come(number: int) -> str:
            here, sku = shops[number % 3], ("MUG", "TEA")[number % 2]
            owner = f"browser:{number}"
            try:
                claim = await here.claims.claim(Claiming(DEAL, sku, 1, owner))
            except Refusal as refusal:
                return refusal.code
            session = await open_for(here, (sku, 1, claim.id), ("LAST", 1, None), owner=owner) if number % 7 == 0 else (
                await open_for(here, (sku, 1, claim.id), owner=owner)
            )  # fmt: skip
            method = "tok_decline_insufficient_funds" if number % 4 == 0 else "tok_approve"
            answer = await shops[(number + 1) % 3].checkout.complete(placing(session, method))
            return answer.state if isinstance(answer, Completion) else answer.code

        said = Counter(await asyncio.gather(*(come(number) for number in range(120))))
    claims = Counter(row["state"] for row in await connection.fetch("SELECT state FROM claim"))
    assert claims["bought"] + claims["held"] == 20
    assert said["all_claimed"] == 100
    assert claims["bought"] == said["confirmed"] > 0
    mug, tea = await counts(connection, DEAL, "MUG"), await counts(connection, DEAL, "TEA")
    assert mug[:2] == (claims["held"], claims["bought"])
    assert mug[2] + tea[2] == claims["held"]
    assert await connection.fetchval("SELECT sum(sold) FROM stock WHERE sku IN ('MUG', 'TEA')") == claims["bought"]
    assert await clean(connection)


async def test_one_claim_is_one_order_however_many_sessions_name_it(shop: Shop, connection: Connection) -> None:
    """Ten tabs, each with a checkout of its own, all paid at once: one is at the deal's price."""
    await make_deal(connection, DEAL, "MUG")
    claim = await claimed(shop)
    sessions = [await open_for(shop, ("MUG", 1, claim.id)) for _ in range(10)]
    answers: list[PlacingAnswer] = await asyncio.gather(
        *(shop.checkout.till.place(placing(session)) for session in sessions)
    )
    said = Counter("placed" if isinstance(answer, Placed) else getattr(answer, "code", "") for answer in answers)
    assert said == {"placed": 1, "claim_over": 9}
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)
    assert await clean(connection)


@pytest.mark.parametrize("statement", ["stock.lock_stock", "deals.lock_deals", "deals.order_claims"])
async def test_the_sweeper_meets_an_order_being_placed(shop: Shop, connection: Connection, statement: str) -> None:
    """The claim is over at the very moment it is being paid: it is either, and never both."""
    await make_deal(connection, DEAL, "MUG")
    claim = await claimed(shop)
    session = await open_for(shop, ("MUG", 1, claim.id))
    late = claim.expires_at + HOUR
    step = Step(statement)
    met = await race(
        step,
        stopping(shop, step).checkout.till.place(placing(session)),
        Sweeper(shop.desk, clock=lambda: late).run_once(),
        watching=connection,
    )
    if isinstance(met.first, Placed):
        assert met.second == 0
        assert await state_of(connection, claim) == ("ordered", None)
    else:
        assert isinstance(met.first, NotPlaced)
        assert met.second == 1
        assert await state_of(connection, claim) == ("released", "expired")
    assert isinstance(met.first, Placed) == (statement != "stock.lock_stock")
    assert await clean(connection)


async def test_a_decline_meets_a_new_claim(shop: Shop, connection: Connection) -> None:
    """Its holder presses again while the decline is being written: one claim is held in the end."""
    await make_deal(connection, DEAL, "MUG")
    claim = await claimed(shop)
    placed = await place(shop, claim)
    step = Step("deals.settle_claims")
    slow = stopping(shop, step)
    met = await race(
        step,
        slow.checkout.till.settle(Settling(placed.authorisation.attempt_id, NO, utc_now(), utc_now())),
        claimed(shop, 2),
        watching=connection,
    )
    assert met.waited
    assert isinstance(met.second, Claim)
    held = await connection.fetch("SELECT id, quantity FROM claim WHERE state = $1", ClaimState.HELD)
    assert [tuple(row) for row in held] == [(claim.id, 2)]
    assert await counts(connection, DEAL, "MUG") == (2, 0, 2)
    assert await clean(connection)
