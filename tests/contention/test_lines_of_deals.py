"""A crowd that waits for a deal of which everything is claimed: first come, first served, and nobody passed over."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest

from evertill.audit import audit
from evertill.clock import utc_now
from evertill.deals import (
    Caller,
    Claim,
    Claiming,
    Claims,
    Leaving,
    Place,
    PlaceState,
    Releasing,
    Sweeper,
    Waiting,
)
from evertill.deals.waiting import OFFER_LIFE, PLACES_MAX
from evertill.deals.waitlist import bring_along
from evertill.ids import new_id
from evertill.refusals import Conflict, NotAllowed, NotFound, Refusal, TooMany
from evertill.shop import Shop
from evertill.storage import Connection, Pool
from tests.contention.steps import Step, race, stopping
from tests.dealing import HOUR, counts, make_customer, make_deal, make_member, price_of

DEAL = new_id()
INSTANT = timedelta(microseconds=1)


class Time:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time() -> Time:
    """The moment everything is judged by."""
    return Time()


@pytest.fixture
def desk(shop: Shop, pool: Pool, time: Time) -> Claims:
    """Where units are claimed and places taken."""
    return Claims(pool, price=price_of, clock=time)


def claiming(name: str, quantity: int = 1, sku: str = "MUG") -> Claiming:
    return Claiming(DEAL, sku, quantity, f"browser:{name}")


def waiting(name: str, quantity: int = 1, sku: str = "MUG") -> Waiting:
    return Waiting(DEAL, sku, quantity, f"browser:{name}")


async def line(connection: Connection) -> list[tuple[str, str]]:
    """Who has which place, in the order of the line."""
    rows = await connection.fetch("SELECT holder, state FROM waiting ORDER BY joined_at, id")
    return [(row["holder"].removeprefix("browser:"), row["state"]) for row in rows]


async def clean(connection: Connection, now: datetime | None = None) -> bool:
    """Whether the books balance."""
    report = await audit(connection, now=now or utc_now())
    assert report.shown() == ()
    return report.anomalies == 0


async def refused(verb: object) -> str:
    """The code of the no."""
    with pytest.raises(Refusal) as no:
        await verb  # type: ignore[misc]
    return no.value.code


async def test_what_comes_back_is_the_first_ones_and_no_newcomers(desk: Claims, connection: Connection) -> None:
    """Released and wanted in one group: it is offered to the head of the line, and who comes is told how many wait."""
    await make_deal(connection, DEAL, "MUG", units=1)
    held = await desk.claim(claiming("held"))
    for name in ("ada", "ben"):
        await desk.wait(waiting(name))
    answers = await asyncio.gather(
        *(desk.claim(claiming(f"before{number}")) for number in range(10)),
        desk.release(Releasing(held.id, held.holder)),
        *(desk.claim(claiming(f"after{number}")) for number in range(10)),
        return_exceptions=True,
    )
    told = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [refusal.code for refusal in told] == ["all_claimed"] * 20
    assert {refusal.facts["waiting"] for refusal in told} == {2, 1}
    assert await line(connection) == [("ada", "offered"), ("ben", "waiting")]
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)
    offer = await connection.fetchrow("SELECT holder, state, quantity FROM claim WHERE state = 'held'")
    assert offer is not None
    assert tuple(offer) == ("browser:ada", "held", 1)
    assert await clean(connection)


async def test_sixty_join_at_once_and_are_served_in_the_order_of_their_places(
    desk: Claims, pool: Pool, connection: Connection, time: Time
) -> None:
    """Over three workers, each pressing twice; whatever comes back goes down the line one by one."""
    await make_deal(connection, DEAL, "MUG", units=5)
    claims = [await desk.claim(claiming(f"held{number}")) for number in range(5)]
    desks = [Claims(pool, price=price_of, clock=time) for _ in range(3)]
    joined = await asyncio.gather(
        *(desks[number % 3].wait(waiting(str(number // 2))) for number in range(120)), return_exceptions=True
    )
    places = [place for place in joined if isinstance(place, Place)]
    assert (len(places), len({place.id for place in places})) == (120, 60)
    await asyncio.gather(*(desks[0].release(Releasing(claim.id, claim.holder)) for claim in claims))
    in_order = await line(connection)
    assert [state for _, state in in_order] == ["offered"] * 5 + ["waiting"] * 55
    assert await counts(connection, DEAL, "MUG") == (5, 0, 5)
    assert await clean(connection)


async def test_a_missed_offer_moves_on_once(desk: Claims, pool: Pool, connection: Connection, time: Time) -> None:
    """However many sweep and call: the first misses it, the second is offered it, the third waits."""
    await make_deal(connection, DEAL, "MUG", units=1)
    held = await desk.claim(claiming("held"))
    for name in ("ada", "ben", "eve"):
        await desk.wait(waiting(name))
    await desk.release(Releasing(held.id, held.holder))
    callers = [Caller(pool, Claims(pool, price=price_of, clock=time), clock=time) for _ in range(4)]
    time.now += OFFER_LIFE - INSTANT
    assert await Sweeper(pool, clock=time).run_once() == 0
    assert [await caller.run_once() for caller in callers] == [0] * 4
    time.now += INSTANT
    assert sum(await asyncio.gather(*(Sweeper(pool, clock=time).run_once() for _ in range(4)))) == 1
    # A newcomer between the two: what is free is spoken for.
    assert await refused(Claims(pool, price=price_of, clock=time).claim(claiming("new"))) == "all_claimed"
    await asyncio.gather(*(caller.run_once() for caller in callers))
    assert await line(connection) == [("ada", "missed"), ("ben", "offered"), ("eve", "waiting")]
    assert await connection.fetchval("SELECT count(*) FROM claim WHERE state = 'held'") == 1
    assert [await caller.run_once() for caller in callers] == [0] * 4
    assert await clean(connection, time.now)


async def test_units_that_are_added_go_to_the_line_first(
    desk: Claims, pool: Pool, connection: Connection, time: Time
) -> None:
    """Three more for two who wait: both are offered one by the caller, and the third is whose who comes."""
    await make_deal(connection, DEAL, "MUG", units=1)
    await desk.claim(claiming("held"))
    for name in ("ada", "ben"):
        await desk.wait(waiting(name))
    await connection.execute("UPDATE deal SET units = 4")
    assert await refused(desk.claim(claiming("new", 2))) == "too_few_left"
    assert await line(connection) == [("ada", "offered"), ("ben", "offered")]
    assert isinstance(await desk.claim(claiming("new")), Claim)
    await desk.wait(waiting("eve"))
    await connection.execute("UPDATE deal SET units = 5")
    assert await Caller(pool, desk, clock=time).run_once() == 1
    assert (await line(connection))[-1] == ("eve", "offered")
    assert await clean(connection)


async def test_an_offer_is_taken_by_claiming(desk: Claims, connection: Connection, time: Time) -> None:
    """Its claim becomes one like others, with all their time; pressed twice it is one; the place is at its end."""
    await make_deal(connection, DEAL, "MUG", units=1, claim_minutes=30)
    held = await desk.claim(claiming("held"))
    await desk.wait(waiting("ada"))
    await desk.release(Releasing(held.id, held.holder))
    offered = await connection.fetchrow("SELECT claim_id, offered_until FROM waiting")
    assert offered is not None
    assert offered["offered_until"] == time.now + OFFER_LIFE
    time.now += OFFER_LIFE - INSTANT
    taken = await asyncio.gather(*(desk.claim(claiming("ada")) for _ in range(3)))
    assert {(claim.id, claim.expires_at) for claim in taken} == {
        (offered["claim_id"], time.now + timedelta(minutes=30))
    }
    assert await line(connection) == [("ada", "taken")]
    assert await connection.fetchval("SELECT expires_at FROM claim WHERE state = 'held'") == taken[0].expires_at
    assert await clean(connection, time.now)


async def test_an_offer_of_a_customer_is_taken_in_any_browser(desk: Claims, pool: Pool, connection: Connection) -> None:
    """Joined at home, taken on the way; one place, whichever browser asks, and a stranger takes nothing."""
    await make_deal(connection, DEAL, "MUG", units=1)
    ada = await make_customer(pool)
    held = await desk.claim(claiming("held"))
    first = await desk.wait(Waiting(DEAL, "MUG", 1, "browser:home", ada))
    assert await desk.wait(Waiting(DEAL, "MUG", 1, "browser:way", ada)) == first
    await desk.release(Releasing(held.id, held.holder))
    assert await refused(desk.claim(Claiming(DEAL, "MUG", 1, "browser:way", new_id()))) == "all_claimed"
    taken = await desk.claim(Claiming(DEAL, "MUG", 1, "browser:way", ada))
    assert (taken.holder, taken.customer_id) == ("browser:way", ada)
    assert await connection.fetchval("SELECT holder FROM claim WHERE state = 'held'") == "browser:way"
    assert await clean(connection)


async def test_an_offer_is_taken_where_one_s_claim_is_over(
    desk: Claims, pool: Pool, connection: Connection, time: Time
) -> None:
    """Claimed on the way before one signed in, and over; what is offered at home takes its place."""
    await make_deal(connection, DEAL, "MUG", units=2, claim_minutes=5)
    ada = await make_customer(pool)
    held = await desk.claim(claiming("held"))
    over = await desk.claim(claiming("way"))
    await desk.wait(Waiting(DEAL, "MUG", 1, "browser:home", ada))
    await desk.release(Releasing(held.id, held.holder))
    time.now += timedelta(minutes=5)
    taken = await desk.claim(Claiming(DEAL, "MUG", 1, "browser:way", ada))
    assert (taken.holder, taken.state, taken.id != over.id) == ("browser:way", "held", True)
    assert await line(connection) == [("home", "taken")]
    assert await connection.fetchval("SELECT array_agg(id) FROM claim WHERE state = 'held'") == [taken.id]
    assert await clean(connection, time.now)


async def test_who_leaves_passes_it_on(desk: Claims, connection: Connection) -> None:
    """A place is nobody's, and an offer the next one's; twice is once; a stranger's word does not count."""
    await make_deal(connection, DEAL, "MUG", units=1)
    held = await desk.claim(claiming("held"))
    ada, ben, eve = [await desk.wait(waiting(name)) for name in ("ada", "ben", "eve")]
    with pytest.raises(NotFound, match="no such place"):
        await desk.leave(Leaving(ada.id, "browser:ben"))
    with pytest.raises(NotFound):
        await desk.leave(Leaving(new_id(), "browser:ben"))
    assert (await desk.leave(Leaving(ben.id, "browser:ben"))).state is PlaceState.LEFT
    await desk.release(Releasing(held.id, held.holder))
    left = await asyncio.gather(*(desk.leave(Leaving(ada.id, "browser:ada")) for _ in range(3)))
    assert {place.state for place in left} == {PlaceState.LEFT}
    assert await line(connection) == [("ada", "left"), ("ben", "left"), ("eve", "offered")]
    assert (await desk.leave(Leaving(eve.id, "browser:eve"))).state is PlaceState.LEFT
    assert await counts(connection, DEAL, "MUG") == (0, 0, 0)
    assert await clean(connection)


async def test_as_much_as_there_is_and_no_more_than_one_may(desk: Claims, connection: Connection) -> None:
    """Two come back: one for who may have one more, one for who wants three; at the limit one is in nobody's way."""
    await make_deal(connection, DEAL, "MUG", "TEA", units=4, per_customer=3)
    held = [await desk.claim(claiming(name, 2)) for name in ("one", "two")]
    await desk.wait(waiting("ada", 3))
    assert await refused(desk.wait(waiting("ben", 4))) == "limit_reached"
    await desk.wait(waiting("ben", 3))
    for name, units in (("ada", 3), ("ben", 2)):
        await connection.execute(
            """INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, state, claimed_at, expires_at,
                                  order_id)
               VALUES ($1, $2, 'TEA', $3, 1, $4, 'bought', now(), now(), $1)""",
            new_id(), DEAL, units, f"browser:{name}",
        )  # fmt: skip
    await connection.execute("UPDATE deal SET sold = 5, units = units + 5")
    await desk.wait(waiting("eve", 3))
    await desk.release(Releasing(held[0].id, held[0].holder))
    assert await line(connection) == [("ada", "over"), ("ben", "offered"), ("eve", "offered")]
    offers = await connection.fetch("SELECT quantity FROM claim WHERE holder <> 'browser:two' AND state = 'held'")
    assert [row["quantity"] for row in offers] == [1, 1]


async def test_who_waits_for_what_is_not_on_hand_holds_nobody_up(
    desk: Claims, pool: Pool, connection: Connection, time: Time
) -> None:
    """A deal of two SKUs has one line: the first whom what is there can serve; the others keep their places."""
    await make_deal(connection, DEAL, "MUG", "LAST", units=4)
    for name in ("one", "two", "three"):
        await desk.claim(claiming(name, sku="LAST"))
    mug = await desk.claim(claiming("four", sku="MUG"))
    await desk.wait(waiting("ada", sku="LAST"))
    await desk.wait(waiting("ben"))
    await desk.release(Releasing(mug.id, mug.holder))
    assert await line(connection) == [("ada", "waiting"), ("ben", "offered")]
    await connection.execute("UPDATE deal SET units = 5")
    # Nobody who can be served waits: what is free is anybody's. Nor is anybody called in vain.
    assert await Caller(pool, desk, clock=time).run_once() == 0
    assert isinstance(await desk.claim(claiming("new")), Claim)
    assert await clean(connection)


async def test_a_line_ends_with_its_deal(desk: Claims, pool: Pool, connection: Connection, time: Time) -> None:
    """By its time or because it was ended: who waits is told it is over; an offer that was made is honoured."""
    await make_deal(connection, DEAL, "MUG", units=1, ends_at=time.now + HOUR)
    held = await desk.claim(claiming("held"))
    for name in ("ada", "ben"):
        await desk.wait(waiting(name))
    time.now += HOUR - INSTANT
    await desk.release(Releasing(held.id, held.holder))
    caller = Caller(pool, desk, clock=time)
    assert await caller.run_once() == 0
    time.now += INSTANT
    assert await caller.run_once() == 1
    assert await line(connection) == [("ada", "offered"), ("ben", "over")]
    assert await refused(desk.wait(waiting("eve"))) == "deal_ended"
    assert isinstance(await desk.claim(claiming("ada")), Claim)
    assert await caller.run_once() == 0


async def test_one_waits_only_for_what_can_be_had_by_waiting(
    desk: Claims, pool: Pool, connection: Connection, time: Time
) -> None:
    """Not where some are left, nor where all are bought, nor for what one has, nor by whom it cannot be claimed."""
    await make_deal(connection, DEAL, "MUG", units=1)
    assert await refused(desk.wait(waiting("ada"))) == "not_all_claimed"
    held = await desk.claim(claiming("held"))
    assert await refused(desk.wait(waiting("held"))) == "claimed_already"
    assert await refused(desk.wait(waiting("ada", sku="TEA"))) == "no_such_deal"
    assert await refused(desk.wait(Waiting(new_id(), "MUG", 1, "browser:ada"))) == "no_such_deal"
    with pytest.raises(Refusal, match="from 1 to 999"):
        await desk.wait(waiting("ada", 0))
    await connection.execute("UPDATE deal SET members_only = true")
    with pytest.raises(NotAllowed):
        await desk.wait(waiting("ada"))
    ada = await make_member(pool, time.now, HOUR)
    await desk.wait(Waiting(DEAL, "MUG", 1, "browser:ada", ada))
    time.now += HOUR / 2
    # Who is no member any more when it comes back is offered nothing.
    await connection.execute("UPDATE membership SET ended_at = $1", time.now)
    await desk.release(Releasing(held.id, held.holder))
    assert await line(connection) == [("ada", "over")]
    await connection.execute("UPDATE deal SET members_only = false, paused_at = now()")
    assert await refused(desk.wait(waiting("ben"))) == "deal_paused"
    await connection.execute("UPDATE deal SET paused_at = NULL, sold = 1")
    assert await refused(desk.wait(waiting("ben"))) == "sold_out"


async def test_a_paused_deal_offers_nothing(desk: Claims, pool: Pool, connection: Connection, time: Time) -> None:
    """Everybody keeps their place until it goes on."""
    await make_deal(connection, DEAL, "MUG", units=1)
    held = await desk.claim(claiming("held"))
    await desk.wait(waiting("ada"))
    await connection.execute("UPDATE deal SET paused_at = now()")
    await desk.release(Releasing(held.id, held.holder))
    caller = Caller(pool, desk, clock=time)
    assert (await caller.run_once(), await line(connection)) == (0, [("ada", "waiting")])
    await connection.execute("UPDATE deal SET paused_at = NULL")
    assert (await caller.run_once(), await line(connection)) == (1, [("ada", "offered")])


async def test_places_have_a_bound(desk: Claims, connection: Connection) -> None:
    """Of one holder over all deals, and of one address at one deal; who gives one up may take another."""
    deals = [new_id() for _ in range(PLACES_MAX + 1)]
    for deal_id in deals:
        await make_deal(connection, deal_id, "MUG", units=1)
        await desk.claim(Claiming(deal_id, "MUG", 1, f"browser:{deal_id}"))
    places = [await desk.wait(Waiting(deal_id, "MUG", 1, "browser:ada")) for deal_id in deals[:-1]]
    with pytest.raises(TooMany):
        await desk.wait(Waiting(deals[-1], "MUG", 1, "browser:ada"))
    await desk.leave(Leaving(places[0].id, "browser:ada"))
    await desk.wait(Waiting(deals[-1], "MUG", 1, "browser:ada"))
    crowd = [Waiting(deals[0], "MUG", 1, f"browser:{number}", network=7) for number in range(310)]
    answers = await asyncio.gather(*(desk.wait(ask) for ask in crowd), return_exceptions=True)
    assert sum(isinstance(answer, Place) for answer in answers) == 300
    assert sum(isinstance(answer, TooMany) for answer in answers) == 10
    # Signed in, nobody is counted.
    await desk.wait(Waiting(deals[0], "MUG", 1, "browser:signed in", new_id()))


async def test_an_offer_is_told_by_letter_with_what_made_it(desk: Claims, connection: Connection, time: Time) -> None:
    """To who left an address, once; the letter is in the same transaction."""
    await make_deal(connection, DEAL, "MUG", units=2)
    held = await desk.claim(claiming("held", 2))
    await desk.wait(Waiting(DEAL, "MUG", 2, "browser:ada", email="ada@example.com"))
    await desk.wait(waiting("ben"))
    await desk.release(Releasing(held.id, held.holder))
    letters = await connection.fetch("SELECT kind, recipient, facts FROM outbox")
    assert [(row["kind"], row["recipient"]) for row in letters] == [("offer_made", "ada@example.com")]
    facts = json.loads(letters[0]["facts"])
    assert (facts["what"], facts["units"]) == ("Mug", 2)
    assert facts["until"].endswith("(Europe/London)")


async def test_a_line_that_nobody_stands_in_costs_nothing(desk: Claims, connection: Connection, shop: Shop) -> None:
    """Claims of a deal that nobody waits for ask not a word about lines."""
    await make_deal(connection, DEAL, "MUG", units=1)
    step = Step("deals.places")
    step.go.set()
    claims = Claims(stopping(shop, step).desk, price=price_of)
    await claims.claim(claiming("ada"))
    with pytest.raises(Conflict):
        await claims.claim(claiming("ben"))
    assert not step.reached.is_set()
    await claims.wait(waiting("ben"))
    assert step.reached.is_set()


async def test_an_offer_is_no_more_than_one_customer_may_have_in_any_browser(
    desk: Claims, pool: Pool, connection: Connection
) -> None:
    """Who waits for two bought one of two elsewhere meanwhile, and has one offered; with two bought, nothing is."""
    await make_deal(connection, DEAL, "MUG", "TEA", units=4, per_customer=2)
    ada, ben = [await make_customer(pool) for _ in range(2)]
    held = [await desk.claim(claiming(name, 2)) for name in ("one", "two")]
    for name, id_ in (("ada", ada), ("ben", ben)):
        await desk.wait(Waiting(DEAL, "MUG", 2, f"browser:{name}", id_))
    for units, id_ in ((1, ada), (2, ben)):
        await connection.execute(
            """INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, customer_id, state, claimed_at,
                                  expires_at, order_id)
               VALUES ($1, $2, 'TEA', $3, 1, 'browser:elsewhere', $4, 'bought', now(), now(), $1)""",
            new_id(), DEAL, units, id_,
        )  # fmt: skip
    await connection.execute("UPDATE deal SET sold = 3, units = units + 3")
    await desk.release(Releasing(held[0].id, held[0].holder))
    assert await line(connection) == [("ada", "offered"), ("ben", "over")]
    offers = await connection.fetch(
        "SELECT customer_id, quantity FROM claim WHERE state = 'held' AND customer_id <> $1", ben
    )
    assert [tuple(row) for row in offers] == [(ada, 1)]


async def test_who_holds_some_in_another_browser_is_offered_more_when_that_has_ended(
    desk: Claims, pool: Pool, connection: Connection, time: Time
) -> None:
    """A customer has one claim of a thing, in whichever browser: the next in line has the turn meanwhile."""
    await make_deal(connection, DEAL, "MUG", units=3)
    ada = await make_customer(pool)
    held = await desk.claim(claiming("held", 2))
    paid = await desk.claim(Claiming(DEAL, "MUG", 1, "browser:way", ada))
    assert await refused(desk.wait(Waiting(DEAL, "MUG", 1, "browser:home", ada))) == "claimed_already"
    await connection.execute("UPDATE claim SET state = 'ordered', order_id = id WHERE id = $1", paid.id)
    await desk.wait(Waiting(DEAL, "MUG", 1, "browser:home", ada))
    await desk.wait(waiting("ben"))
    # The card was declined: it is held again.
    await connection.execute("UPDATE claim SET state = 'held', order_id = NULL WHERE id = $1", paid.id)
    await desk.release(Releasing(held.id, held.holder))
    assert await line(connection) == [("home", "waiting"), ("ben", "offered")]
    assert await clean(connection, time.now)
    await desk.release(Releasing(paid.id, "browser:desk", ada))
    assert await line(connection) == [("home", "offered"), ("ben", "offered")]
    assert await clean(connection, time.now)


async def test_a_limit_without_units_has_a_line_too(
    desk: Claims, pool: Pool, connection: Connection, time: Time
) -> None:
    """Where every unit on hand is claimed: what comes back to the shelf is the line's."""
    await make_deal(connection, DEAL, "LAST", units=None, per_customer=3)
    held = await desk.claim(claiming("held", 3, "LAST"))
    await desk.wait(waiting("ada", 2, "LAST"))
    time.now = held.expires_at
    assert await Sweeper(pool, clock=time).run_once() == 1
    assert await refused(desk.claim(claiming("ben", 2, "LAST"))) == "too_few_left"
    assert await line(connection) == [("ada", "offered")]
    await connection.execute("UPDATE claim SET expires_at = $1 WHERE state = 'held'", time.now)
    await Sweeper(pool, clock=time).run_once()
    await desk.claim(claiming("eve", 3, "LAST"))
    await desk.wait(waiting("ben", 1, "LAST"))
    await connection.execute("UPDATE claim SET expires_at = $1 WHERE state = 'held'", time.now)
    await Sweeper(pool, clock=time).run_once()
    assert await Caller(pool, desk, clock=time).run_once() == 1
    assert await line(connection) == [("ada", "missed"), ("ben", "offered")]
    assert await clean(connection, time.now)


@pytest.mark.parametrize("joins_first", [False, True])
async def test_who_signs_in_while_they_join_the_same_line_elsewhere_stands_once(
    shop: Shop, connection: Connection, joins_first: bool
) -> None:
    """Whichever comes second waits for the first, and finds one place: it is the customer's."""
    await make_deal(connection, DEAL, "MUG", units=1)
    ada = await make_customer(shop.desk)
    await shop.claims.claim(claiming("held"))
    await shop.claims.wait(waiting("phone"))

    async def sign_in(shop: Shop) -> None:
        async with shop.desk.acquire() as connection:
            await bring_along(connection, holder="browser:phone", customer_id=ada)

    async def join(shop: Shop) -> None:
        await Claims(shop.desk, price=price_of).wait(Waiting(DEAL, "MUG", 1, "browser:desk", ada))

    step = Step("deals.make_places" if joins_first else "deals.bring_along", after=True)
    slow = stopping(shop, step)
    one, two = (join(slow), sign_in(shop)) if joins_first else (sign_in(slow), join(shop))
    met = await race(step, one, two, watching=connection)
    assert (met.first, met.second, met.waited) == (None, None, True)
    rows = await connection.fetch("SELECT holder FROM waiting WHERE customer_id = $1", ada)
    assert [row["holder"] for row in rows] == ["browser:desk" if joins_first else "browser:phone"]
    assert await clean(connection)
