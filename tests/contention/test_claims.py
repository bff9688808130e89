"""A crowd at a limited deal: nobody gets a unit too many, nobody waits for nothing, and everybody is told why."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from evertill.audit import audit
from evertill.clock import utc_now
from evertill.deals import Because, Bounds, Claim, Claiming, Claims, ClaimState, Releasing, Sweeper
from evertill.ids import new_id
from evertill.refusals import Conflict, Invalid, NotFound, Refusal, TooMany
from evertill.shop import Shop
from evertill.storage import Connection, Pool, open_pool
from tests.buying import buy
from tests.contention.steps import Step, race, stopping
from tests.dealing import HOUR, counts, make_customer, make_deal, make_member, price_of

DEAL = new_id()
INSTANT = timedelta(microseconds=1)


@pytest.fixture
async def pools(shop: Shop, database_url: str) -> AsyncIterator[list[Pool]]:
    """Those of three workers."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(3):
            pool = await open_pool(database_url, purpose="test", size=2, statement_ms_max=15_000, lock_ms_max=10_000)
            stack.push_async_callback(pool.close)
            opened.append(pool)
        yield opened


@pytest.fixture
def desks(pools: list[Pool]) -> list[Claims]:
    """Where claims are made, in three workers."""
    return [Claims(pool, price=price_of) for pool in pools]


async def come(desks: list[Claims], asks: list[Claiming]) -> list[Claim | Refusal]:
    """All at once, to one worker after the other."""
    answers = await asyncio.gather(
        *(desks[number % len(desks)].claim(ask) for number, ask in enumerate(asks)), return_exceptions=True
    )
    assert all(isinstance(answer, (Claim, Refusal)) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, (Claim, Refusal))]


def outcomes(answers: list[Claim | Refusal]) -> Counter[str]:
    """How many of each."""
    return Counter("claimed" if isinstance(answer, Claim) else answer.code for answer in answers)


def browsers(many: int, sku: str = "MUG", quantity: int = 1) -> list[Claiming]:
    """So many people who know nothing of each other."""
    return [Claiming(DEAL, sku, quantity, f"browser:{number}") for number in range(many)]


async def clean(connection: Connection) -> bool:
    """Whether the books balance."""
    report = await audit(connection, now=utc_now())
    assert report.shown() == ()
    return report.anomalies == 0


async def test_three_hundred_come_for_twenty_units(shop: Shop, desks: list[Claims], connection: Connection) -> None:
    """Twenty are told they have one, at a fifth off; all others that everything is claimed; three workers agree."""
    await make_deal(connection, DEAL, "MUG")
    answers = await come(desks, browsers(300))
    assert outcomes(answers) == {"claimed": 20, "all_claimed": 280}
    assert {answer.price_minor for answer in answers if isinstance(answer, Claim)} == {1_000}
    assert await counts(connection, DEAL, "MUG") == (20, 0, 20)
    assert await connection.fetchval("SELECT count(*) FROM claim WHERE state = 'held'") == 20
    assert await clean(connection)


async def test_the_last_unit_of_a_deal_is_one_claim(desks: list[Claims], connection: Connection) -> None:
    """Sixty for one."""
    await make_deal(connection, DEAL, "MUG", units=1)
    assert outcomes(await come(desks, browsers(60))) == {"claimed": 1, "all_claimed": 59}
    assert await clean(connection)


async def test_a_deal_gives_no_more_than_there_is_on_hand(
    shop: Shop, desks: list[Claims], connection: Connection
) -> None:
    """Twenty units of a deal, three of the SKU, one of which is bought by the way: two claims."""
    await make_deal(connection, DEAL, "LAST")
    await buy(shop, ("LAST", 1))
    assert outcomes(await come(desks, browsers(30, "LAST"))) == {"claimed": 2, "sold_out": 28}
    assert await counts(connection, DEAL, "LAST") == (2, 0, 2)
    assert await clean(connection)


async def test_claims_and_orders_share_what_is_on_hand(shop: Shop, desks: list[Claims], connection: Connection) -> None:
    """Both at once, over several workers: three units go to three of them."""
    await make_deal(connection, DEAL, "LAST")
    claims, orders = await asyncio.gather(
        come(desks, browsers(20, "LAST")),
        asyncio.gather(*(buy(shop, ("LAST", 1), owner=f"browser:b{number}") for number in range(20))),
    )
    bought = sum(getattr(order, "state", "") == "confirmed" for order in orders)
    assert outcomes(claims)["claimed"] + bought == 3
    assert await clean(connection)


async def test_two_skus_of_a_deal_share_one_count(desks: list[Claims], connection: Connection) -> None:
    """Whatever colour: there are twenty at this price."""
    await make_deal(connection, DEAL, "MUG", "TEA")
    asks = [Claiming(DEAL, ("MUG", "TEA")[number % 2], 1, f"browser:{number}") for number in range(100)]
    assert outcomes(await come(desks, asks))["claimed"] == 20
    claimed = [(await counts(connection, DEAL, sku))[2] for sku in ("MUG", "TEA")]
    assert sum(claimed) == 20
    assert await clean(connection)


async def test_whole_or_not_at_all(desks: list[Claims], connection: Connection) -> None:
    """Three of two are not two; who asks for two gets them."""
    await make_deal(connection, DEAL, "MUG", units=2)
    with pytest.raises(Conflict, match="Only 2 can be claimed") as refused:
        await desks[0].claim(Claiming(DEAL, "MUG", 3, "browser:a"))
    assert (refused.value.code, refused.value.facts) == ("too_few_left", {"left": 2, "wanted": 3})
    assert (await desks[0].claim(Claiming(DEAL, "MUG", 2, "browser:b"))).quantity == 2


async def test_a_customer_with_fifty_browsers_has_what_one_customer_may(
    desks: list[Claims], connection: Connection
) -> None:
    """Two each, whichever browser, whichever worker, whichever SKU; and what is bought goes on counting."""
    await make_deal(connection, DEAL, "MUG", "TEA", per_customer=2)
    customer = new_id()
    asks = [Claiming(DEAL, ("MUG", "TEA")[n % 2], 1, f"browser:{n}", customer) for n in range(50)]
    answers = await come(desks, asks)
    # One of each, which all browsers see; more of it none of them gets.
    assert len({answer.id for answer in answers if isinstance(answer, Claim)}) == 2
    assert await counts(connection, DEAL, "MUG") == (2, 0, 1)
    more = [Claiming(DEAL, ask.sku, 2, ask.holder, customer) for ask in asks]
    assert outcomes(await come(desks, more)) == {"limit_reached": 50}
    assert await clean(connection)
    mine = next(answer for answer in answers if isinstance(answer, Claim) and answer.sku == "MUG")
    await connection.execute("UPDATE claim SET state = 'bought', order_id = gen_random_uuid() WHERE id <> $1", mine.id)
    with pytest.raises(Conflict, match="at most 2") as refused:
        await desks[0].claim(Claiming(DEAL, "TEA", 1, "browser:new", customer))
    assert refused.value.facts == {"per_customer": 2, "yours": 2}
    # What is given back does not count.
    await desks[1].release(Releasing(mine.id, mine.holder))
    assert (await desks[0].claim(Claiming(DEAL, "TEA", 1, "browser:new", customer))).quantity == 1


async def test_a_browser_does_not_get_more_by_signing_in(desks: list[Claims], connection: Connection) -> None:
    """What it has as a guest counts, and what its customer has elsewhere."""
    await make_deal(connection, DEAL, "MUG", "TEA", per_customer=1)
    await desks[0].claim(Claiming(DEAL, "MUG", 1, "browser:a"))
    with pytest.raises(Conflict, match="at most 1"):
        await desks[1].claim(Claiming(DEAL, "TEA", 1, "browser:a", new_id()))


async def test_pressing_twice_is_one_claim_and_another_quantity_changes_it(
    desks: list[Claims], connection: Connection
) -> None:
    """At once or later, at one worker or at another; price and end stay as they were."""
    await make_deal(connection, DEAL, "MUG", units=5, per_customer=4)
    ask = Claiming(DEAL, "MUG", 2, "browser:a")
    answers = await come(desks, [ask] * 30)
    assert len({answer.id for answer in answers if isinstance(answer, Claim)}) == 1
    first = answers[0]
    assert await counts(connection, DEAL, "MUG") == (2, 0, 2)
    await connection.execute("UPDATE variant SET price_minor = 1")
    for quantity in (4, 1, 3):
        changed = await desks[quantity % 3].claim(Claiming(DEAL, "MUG", quantity, "browser:a"))
        assert replaced(first, quantity) == changed
        assert await counts(connection, DEAL, "MUG") == (quantity, 0, quantity)
    for quantity, code in ((5, "limit_reached"), (999, "limit_reached")):
        with pytest.raises(Conflict) as refused:
            await desks[0].claim(Claiming(DEAL, "MUG", quantity, "browser:a"))
        assert refused.value.code == code
    assert await counts(connection, DEAL, "MUG") == (3, 0, 3)
    assert await clean(connection)


def replaced(claim: Claim | Refusal, quantity: int) -> Claim:
    """That claim with another quantity."""
    assert isinstance(claim, Claim)
    return Claim(**{name: getattr(claim, name) for name in claim.__struct_fields__} | {"quantity": quantity})


async def test_a_claim_survives_the_end_of_its_deal(desks: list[Claims], connection: Connection) -> None:
    """It is one's still, and fewer can be had; more cannot, nor a new one."""
    await make_deal(connection, DEAL, "MUG")
    mine = await desks[0].claim(Claiming(DEAL, "MUG", 3, "browser:a"))
    await connection.execute("UPDATE sale_event SET ended_at = now()")
    assert await desks[1].claim(Claiming(DEAL, "MUG", 3, "browser:a")) == mine
    assert (await desks[1].claim(Claiming(DEAL, "MUG", 2, "browser:a"))).quantity == 2
    for ask in (Claiming(DEAL, "MUG", 3, "browser:a"), Claiming(DEAL, "MUG", 1, "browser:b")):
        with pytest.raises(Conflict, match="has ended"):
            await desks[2].claim(ask)
    assert await counts(connection, DEAL, "MUG") == (2, 0, 2)


async def test_what_cannot_be_claimed_is_said(desks: list[Claims], connection: Connection) -> None:
    """No such deal, not of this SKU, no such quantity, a product that is no longer sold."""
    await make_deal(connection, DEAL, "MUG")
    for ask in (Claiming(new_id(), "MUG", 1, "browser:a"), Claiming(DEAL, "TEA", 1, "browser:a")):
        with pytest.raises(NotFound):
            await desks[0].claim(ask)
    for quantity in (0, -1, 1_000):
        with pytest.raises(Invalid) as invalid:
            await desks[0].claim(Claiming(DEAL, "MUG", quantity, "browser:a"))
        assert invalid.value.fields[0].field == "quantity"
    await connection.execute("UPDATE product SET status = 'archived'")
    with pytest.raises(Conflict, match="no longer sold"):
        await desks[0].claim(Claiming(DEAL, "MUG", 1, "browser:a"))
    assert await connection.fetchval("SELECT count(*) FROM claim") == 0


async def test_workers_wait_for_each_other_where_a_deal_has_many_skus(shop: Shop, connection: Connection) -> None:
    """One has the last unit in hand, of one SKU; who comes for the other SKU waits, and is told the truth."""
    await make_deal(connection, DEAL, "MUG", "TEA", units=1)
    step = Step("deals.make_claims")
    first = Claims(stopping(shop, step).desk, price=price_of)
    met = await race(
        step,
        first.claim(Claiming(DEAL, "MUG", 1, "browser:a")),
        shop.claims.claim(Claiming(DEAL, "TEA", 1, "browser:b")),
        watching=connection,
    )
    assert met.waited
    assert isinstance(met.first, Claim)
    assert isinstance(met.second, Conflict)
    assert met.second.code == "all_claimed"
    assert await clean(connection)


# ---------------------------------------------------------------- scripts


async def test_an_address_has_a_bounded_number_of_claims(pools: list[Pool], connection: Connection) -> None:
    """A hundred browsers of one address at three workers: five. Others, and who is not counted, are not held up."""
    await make_deal(connection, DEAL, "MUG", units=100)
    desks = [Claims(pool, price=price_of, bounds=Bounds(standing=5)) for pool in pools]
    asks = [Claiming(DEAL, "MUG", 1, f"browser:{n}", network=7) for n in range(100)]
    answers = await come(desks, asks)
    assert outcomes(answers) == {"claimed": 5, "too_many_from_address": 95}
    assert all(answer.retry_after_seconds for answer in answers if isinstance(answer, TooMany))
    others = [Claiming(DEAL, "MUG", 1, f"browser:o{n}", network=n % 2 or None) for n in range(8)]
    assert outcomes(await come(desks, others)) == {"claimed": 8}
    mine = next(answer for answer in answers if isinstance(answer, Claim))
    assert await desks[1].claim(Claiming(DEAL, "MUG", 1, mine.holder, network=7)) == mine
    await desks[0].release(Releasing(mine.id, mine.holder))
    assert outcomes(await come(desks, asks[50:60]))["claimed"] == 1


async def test_a_holder_makes_a_bounded_number_of_claims_a_minute(
    pool: Pool, connection: Connection, shop: Shop
) -> None:
    """Claiming and giving back in turns ends after three, and goes on when the minute is over, not before."""
    now = utc_now()
    await make_deal(connection, DEAL, "MUG")
    at = [now]
    desk = Claims(pool, price=price_of, bounds=Bounds(minute=3), clock=lambda: at[0])
    for _ in range(3):
        claim = await desk.claim(Claiming(DEAL, "MUG", 1, "browser:a"))
        await desk.release(Releasing(claim.id, "browser:a"))
    for moment in (now, now + timedelta(minutes=1) - INSTANT):
        at[0] = moment
        with pytest.raises(TooMany, match="wait for a moment"):
            await desk.claim(Claiming(DEAL, "MUG", 1, "browser:a"))
    at[0] = now + timedelta(minutes=1)
    await desk.claim(Claiming(DEAL, "MUG", 1, "browser:a"))


# ---------------------------------------------------------------- time


async def test_a_deal_begins_and_ends_at_its_moments(pool: Pool, connection: Connection, shop: Shop) -> None:
    """Its first moment is in, its last is not; members have theirs; clocks of workers do not matter."""
    now = utc_now()
    begins, ends, early = now + HOUR, now + 2 * HOUR, now + HOUR / 2
    await make_deal(connection, DEAL, "MUG", begins_at=begins, ends_at=ends, members_from=early)
    ada = await make_member(pool, now - HOUR, 3 * HOUR)
    holders = iter(range(100))

    async def asked(moment: object, *, member: bool = False) -> str:
        desk = Claims(pool, price=price_of, clock=lambda: moment)  # type: ignore[arg-type,return-value]
        (answer,) = await come([desk], [Claiming(DEAL, "MUG", 1, f"browser:{next(holders)}", ada if member else None)])
        return "claimed" if isinstance(answer, Claim) else answer.code

    assert await asked(begins - INSTANT) == "deal_not_begun"
    assert await asked(begins) == "claimed"
    assert await asked(ends - INSTANT) == "claimed"
    assert await asked(ends) == "deal_ended"
    assert await asked(early - INSTANT, member=True) == "deal_not_begun"
    assert await asked(early, member=True) == "claimed"
    assert await asked(early) == "deal_not_begun"
    # Without a clock of its own, it is the database's: now it has not begun.
    with pytest.raises(Conflict, match="has not begun"):
        await Claims(pool, price=price_of).claim(Claiming(DEAL, "MUG", 1, "browser:x"))


async def test_what_is_for_members_asks_who_is_one(pool: Pool, connection: Connection, shop: Shop) -> None:
    """At the moment of the claim: neither who never was one nor who was; what was claimed before stays theirs."""
    now = utc_now()
    await make_deal(connection, DEAL, "MUG", members_only=True)
    ada, ben = await make_member(pool, now - HOUR, HOUR + HOUR / 2), await make_customer(connection)
    moment = now

    async def asked(customer_id: UUID | None, quantity: int = 1) -> str:
        desk = Claims(pool, price=price_of, clock=lambda: moment)
        (answer,) = await come([desk], [Claiming(DEAL, "MUG", quantity, f"browser:{customer_id}", customer_id)])
        return str(answer.quantity) if isinstance(answer, Claim) else answer.code

    assert [await asked(each) for each in (ada, ben, None)] == ["1", "members_only", "members_only"]
    assert await asked(ada, 2) == "2"
    moment = now + HOUR / 2 - INSTANT
    await connection.execute("UPDATE claim SET expires_at = $1", now + HOUR)
    assert await asked(ada, 3) == "3"
    moment = now + HOUR / 2
    assert await asked(ada, 4) == "members_only"
    assert [await asked(ada, each) for each in (3, 1)] == ["3", "1"]
    assert await clean(connection)


async def test_members_are_asked_for_only_where_it_decides(pool: Pool, connection: Connection, shop: Shop) -> None:
    """Once a deal is everybody's, its groups ask one statement less, and a membership changes nothing."""
    early, late = new_id(), new_id()
    now = utc_now()
    await make_deal(connection, early, "MUG", begins_at=now + HOUR / 2, members_from=now - HOUR, ends_at=now + HOUR)
    await make_deal(connection, late, "TEA")
    ada = await make_member(pool, now - HOUR, 3 * HOUR)
    step = Step("members.members_among")
    step.go.set()
    claims = Claims(stopping(shop, step).desk, price=price_of)
    await claims.claim(Claiming(late, "TEA", 1, "browser:a", ada))
    assert not step.reached.is_set()
    await claims.claim(Claiming(early, "MUG", 1, "browser:a", ada))
    assert step.reached.is_set()


@pytest.mark.parametrize(
    "stopped", ["UPDATE deal SET ends_at = clock_timestamp()", "UPDATE sale_event SET ended_at = clock_timestamp()"]
)
async def test_who_waited_past_the_end_is_too_late(shop: Shop, connection: Connection, stopped: str) -> None:
    """The moment is read when the deal is had: it ended while somebody waited for it, or staff stopped its event."""
    await make_deal(connection, DEAL, "MUG")
    async with shop.desk.acquire() as staff, staff.transaction():
        await staff.execute("SELECT FROM deal FOR NO KEY UPDATE")
        waiting = shop.claims.groups.submit(Claiming(DEAL, "MUG", 1, "browser:a"))
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            assert not waiting.done()
        await staff.execute(stopped)
    with pytest.raises(Conflict, match="has ended"):
        await waiting


async def test_units_come_back_at_their_moment_and_once(
    pools: list[Pool], desks: list[Claims], connection: Connection
) -> None:
    """Two hundred claims, three sweepers at once, again and again: not one an instant early, and none twice."""
    await make_deal(connection, DEAL, "MUG", "TEA", units=200)
    asks = [Claiming(DEAL, ("MUG", "TEA")[n % 2], 1, f"browser:{n}") for n in range(200)]
    assert outcomes(await come(desks, asks)) == {"claimed": 200}
    ends = await connection.fetchval("SELECT expires_at FROM claim ORDER BY expires_at LIMIT 1")
    last = await connection.fetchval("SELECT max(expires_at) FROM claim")
    assert await swept(pools, ends - INSTANT) == [0, 0, 0]
    assert await connection.fetchval("SELECT claimed FROM deal") == 200
    first = await connection.fetchval("SELECT count(*) FROM claim WHERE expires_at <= $1", ends)
    assert sum(await swept(pools, ends)) == first
    assert sum(await swept(pools, last)) == 200 - first
    assert await swept(pools, last + HOUR) == [0, 0, 0]
    for sku in ("MUG", "TEA"):
        assert await counts(connection, DEAL, sku) == (0, 0, 0)
    rows = await connection.fetch("SELECT state, ended_because, count(*) FROM claim GROUP BY 1, 2")
    assert [tuple(row) for row in rows] == [("released", "expired", 200)]
    assert await clean(connection)


async def swept(pools: list[Pool], moment: object) -> list[int]:
    """How many claims three sweepers released, all at once."""
    return list(await asyncio.gather(*(Sweeper(pool, clock=lambda: moment).run_once() for pool in pools)))  # type: ignore[arg-type,return-value]


async def test_who_comes_back_after_the_end_finds_a_new_claim_or_none(
    pool: Pool, connection: Connection, shop: Shop
) -> None:
    """Before the sweeper came by: what is over is over, its unit is there for whoever is first."""
    await make_deal(connection, DEAL, "MUG", units=1)
    now = utc_now()
    at = [now]
    desk = Claims(pool, price=price_of, clock=lambda: at[0])
    first = await desk.claim(Claiming(DEAL, "MUG", 1, "browser:a"))
    at[0] = first.expires_at - INSTANT
    assert await desk.claim(Claiming(DEAL, "MUG", 1, "browser:a")) == first
    at[0] = first.expires_at
    second = await desk.claim(Claiming(DEAL, "MUG", 1, "browser:a"))
    assert (second.id != first.id, second.claimed_at, second.state) == (True, at[0], ClaimState.HELD)
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)
    because = await connection.fetchval("SELECT ended_because FROM claim WHERE id = $1", first.id)
    assert because == Because.EXPIRED


async def test_who_presses_while_their_claim_is_swept_has_one_claim(shop: Shop, connection: Connection) -> None:
    """The sweeper has the stock already: the press waits for it, and is a claim anew."""
    await make_deal(connection, DEAL, "MUG", units=1)
    first = await shop.claims.claim(Claiming(DEAL, "MUG", 1, "browser:a"))
    await connection.execute("UPDATE claim SET expires_at = now()")
    step = Step("deals.lock_deals")
    sweeper = Sweeper(stopping(shop, step).desk)
    met = await race(
        step, sweeper.run_once(), shop.claims.claim(Claiming(DEAL, "MUG", 1, "browser:a")), watching=connection
    )
    assert (met.first, met.waited) == (1, True)
    assert isinstance(met.second, Claim)
    assert met.second.id != first.id
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)
    assert await clean(connection)


async def test_what_was_ordered_while_the_sweeper_looked_is_let_be(shop: Shop, connection: Connection) -> None:
    """It was over when it was picked; under the locks it is an order's."""
    await make_deal(connection, DEAL, "MUG", units=1)
    claim = await shop.claims.claim(Claiming(DEAL, "MUG", 1, "browser:a"))
    await connection.execute("UPDATE claim SET expires_at = now()")
    step = Step("deals.expire_claims")
    met = await race(
        step, Sweeper(stopping(shop, step).desk).run_once(), ordered(connection, claim.id), watching=connection
    )
    assert met.first == 0
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)


async def test_what_the_till_has_in_hand_is_passed_by(shop: Shop, connection: Connection) -> None:
    """Nobody's sweep waits for an order that is being placed, nor takes its units away."""
    await make_deal(connection, DEAL, "MUG", "TEA")
    claim = await shop.claims.claim(Claiming(DEAL, "MUG", 1, "browser:a"))
    await shop.claims.claim(Claiming(DEAL, "TEA", 1, "browser:b"))
    await connection.execute("UPDATE claim SET expires_at = now()")
    async with connection.transaction():
        await ordered(connection, claim.id)
        assert await Sweeper(shop.desk).run_once() == 1
    assert await Sweeper(shop.desk).run_once() == 0
    assert (await counts(connection, DEAL, "MUG"), await counts(connection, DEAL, "TEA")) == ((1, 0, 1), (1, 0, 0))


async def ordered(connection: Connection, claim_id: UUID) -> None:
    """As the till takes a claim over."""
    await connection.execute("UPDATE claim SET state = 'ordered', order_id = gen_random_uuid() WHERE id = $1", claim_id)


# ---------------------------------------------------------------- giving back


async def test_a_claim_is_given_back_by_its_holder_once(desks: list[Claims], connection: Connection) -> None:
    """By nobody else, and pressing twice at once gives one unit back; an order's is not."""
    await make_deal(connection, DEAL, "MUG", units=2)
    mine = await desks[0].claim(Claiming(DEAL, "MUG", 1, "browser:a"))
    other = await desks[0].claim(Claiming(DEAL, "MUG", 1, "browser:b"))
    for ask in (Releasing(mine.id, "browser:b"), Releasing(new_id(), "browser:a")):
        with pytest.raises(NotFound):
            await desks[1].release(ask)
    await asyncio.gather(*(desks[n % 3].release(Releasing(mine.id, "browser:a")) for n in range(20)))
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)
    await ordered(connection, other.id)
    with pytest.raises(Conflict, match="part of an order"):
        await desks[2].release(Releasing(other.id, "browser:b"))
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)


async def test_what_one_gives_back_is_the_next_ones_in_the_same_group(
    pool: Pool, connection: Connection, shop: Shop
) -> None:
    """First come, first served, within a group as between them; claimed, given back and claimed again is one claim."""
    await make_deal(connection, DEAL, "MUG", units=1)
    desk = Claims(pool, price=price_of)
    first = await desk.claim(Claiming(DEAL, "MUG", 1, "browser:a"))
    blocking = asyncio.ensure_future(desk.claim(Claiming(DEAL, "MUG", 1, "browser:a")))
    await asyncio.sleep(0)  # it is a group of its own; what comes now is the next
    too_early, given, next_one = await asyncio.gather(
        desk.claim(Claiming(DEAL, "MUG", 1, "browser:b")),
        desk.release(Releasing(first.id, "browser:a")),
        desk.claim(Claiming(DEAL, "MUG", 1, "browser:c")),
        return_exceptions=True,
    )
    await blocking
    assert isinstance(too_early, Conflict)
    assert isinstance(given, Claim)
    assert given.state is ClaimState.RELEASED
    assert isinstance(next_one, Claim)
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)


async def test_workers_that_meet_at_many_deals_do_not_wait_in_a_circle(
    desks: list[Claims], connection: Connection
) -> None:
    """Claims and releases of four deals on two SKUs in every order, at three workers: all are answered."""
    deals = [new_id() for _ in range(4)]
    for deal_id in deals:
        await make_deal(connection, deal_id, "MUG", "TEA", units=500)
    ways = [(deal_id, sku) for deal_id in deals for sku in ("MUG", "TEA")]

    async def one(number: int) -> None:
        order = ways if number % 2 else ways[::-1]
        for deal_id, sku in order[number % 3 :]:
            claim = await desks[number % 3].claim(Claiming(deal_id, sku, 1, f"browser:{number}"))
            if number % 5 == 0:
                await desks[(number + 1) % 3].release(Releasing(claim.id, claim.holder))

    await asyncio.gather(*(one(number) for number in range(45)))
    held = await connection.fetchval("SELECT count(*) FROM claim WHERE state = 'held'")
    assert held == sum(len(ways[number % 3 :]) for number in range(45) if number % 5)
    assert await clean(connection)
