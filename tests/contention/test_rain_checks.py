"""Rain checks: given to whom an outage cost the deal, redeemed once whoever presses, and counted to the unit."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from evertill.app import open_shop
from evertill.audit import audit
from evertill.cart.claiming import Shopper, put_in_rain_check
from evertill.checkout.model import Completion, Session, Want, Wish
from evertill.checkout.placing import NotPlaced, Placed
from evertill.checkout.sessions import Opening
from evertill.checkout.settling import Settling
from evertill.clock import utc_now
from evertill.deals import Claiming, Releasing, Sweeper
from evertill.ids import new_id
from evertill.orders.changing import cancel
from evertill.payments.model import HOLD_EXPIRED, Done, Failed, Unknown
from evertill.rainchecks import Chosen, Given, Who
from evertill.rainchecks.giving import foresee, grant, withdraw
from evertill.rainchecks.model import of_customer
from evertill.rainchecks.reading import grants_of, open_rain_checks
from evertill.refusals import Conflict, Invalid, NotFound
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.staff import actions_of
from evertill.storage import Connection
from tests.buying import ADA, LONDON, key, placing
from tests.dealing import HOUR, counts, make_customer, make_deal
from tests.providers import Ledger

DEAL, STAFF = new_id(), new_id()
DAY = timedelta(days=1)
YES, NO = Done("yes"), Failed("do_not_honour", "No.")


async def lose(shop: Shop, *holders: str, quantity: int = 1, customer_id: UUID | None = None) -> None:
    """Each claims, and their time goes by unused."""
    for holder in holders:
        await shop.claims.claim(Claiming(DEAL, "MUG", quantity, holder, customer_id))
    await shop.desk.execute("UPDATE claim SET expires_at = clock_timestamp() WHERE state = 'held' AND grant_id IS NULL")
    while await Sweeper(shop.till_pool).run_once():
        pass


def lost(units: int = 100, days: int = 3, since: datetime | None = None) -> Chosen:
    """Whoever lost a claim in the last hour."""
    return Chosen(DEAL, Who.LOST, units, days, since=since or utc_now() - HOUR, until=utc_now() + HOUR)


def named(*emails: str, units: int = 100, each: int = 1) -> Chosen:
    return Chosen(DEAL, Who.NAMED, units, 3, emails=emails, each=each)


async def give(shop: Shop, chosen: Chosen, *, name: str | None = None) -> Given:
    """As the system itself gives, which has no name."""
    return await grant(
        shop.console,
        chosen,
        reason="the outage at noon",
        key=key("grant", "system", name),
        staff_id=None,
        now=utc_now(),
    )


async def rain_check(shop: Shop, holder: str = "browser:ada", customer_id: UUID | None = None) -> UUID:
    """The one somebody has open."""
    [found] = await open_rain_checks(shop.browse, holder=holder, customer_id=customer_id)
    return found.id


async def open_for(
    shop: Shop, claim_id: UUID, quantity: int = 1, *, owner: str = "browser:ada", customer_id: UUID | None = None
) -> Session:
    """A session whose line is held by a rain check."""
    wish = Wish((Want("MUG", quantity, claim_id=claim_id),), buyer=ADA, address=LONDON, delivery="std")
    return await shop.sessions.open(
        Opening(key("open", owner, new_id().hex), wish, "web", owner, customer_id, shop.clock())
    )


async def settle(shop: Shop, placed: Placed, ending: Done | Failed | Unknown) -> None:
    await shop.checkout.till.settle(Settling(placed.authorisation.attempt_id, ending, utc_now(), utc_now()))


async def placed(shop: Shop, claim_id: UUID, quantity: int = 1) -> Placed:
    answer = await shop.checkout.till.place(placing(await open_for(shop, claim_id, quantity)))
    assert isinstance(answer, Placed), answer
    return answer


async def states(connection: Connection) -> Counter[str]:
    """Of rain checks, with why they ended."""
    rows = await connection.fetch("SELECT state, ended_because FROM claim WHERE grant_id IS NOT NULL")
    return Counter(" ".join(filter(None, (row["state"], row["ended_because"]))) for row in rows)


async def clean(connection: Connection) -> bool:
    report = await audit(connection, now=utc_now())
    assert report.shown() == ()
    return True


# ---------------------------------------------------------------- who gets one


async def test_who_lost_a_claim_gets_one_first_come_first_served(shop: Shop, connection: Connection) -> None:
    """In the order they first claimed, within the units set aside; who claimed anew meanwhile needs none."""
    await make_deal(connection, DEAL, "MUG", units=50)
    await lose(shop, "browser:ada", quantity=2)
    await lose(shop, "browser:bob", "browser:cyd")
    ben = await make_customer(connection)
    await lose(shop, "browser:ben", customer_id=ben, quantity=3)
    await lose(shop, "browser:dan")
    await shop.claims.claim(Claiming(DEAL, "MUG", 1, "browser:dan"))
    foreseen = await foresee(shop.console, lost(units=6))
    assert (foreseen.people, foreseen.wanted, foreseen.given, foreseen.units) == (4, 7, 3, 4)
    given = await give(shop, lost(units=7))
    assert (given.people, given.given, given.units, given.told) == (4, 4, 7, 1)
    assert await counts(connection, DEAL, "MUG") == (1, 0, 8)  # no deal counts them, stock does
    assert await rain_check(shop, "browser:elsewhere", ben) is not None
    row = await connection.fetchrow("SELECT kind, recipient, facts::jsonb ->> 'quantity' AS units FROM outbox")
    assert row is not None
    assert tuple(row) == ("rain_check", f"{ben.hex}@example.com", "3")
    [known] = await grants_of(shop.console, DEAL)
    assert (known.name, known.why, known.given, known.people, known.open) == (None, "the outage at noon", 7, 4, 7)
    [action] = await actions_of(shop.desk, subject=f"deal:{DEAL}")
    assert (action.verb, action.name, action.facts["units"]) == ("grant_rain_checks", None, 7)
    assert await clean(connection)
    with pytest.raises(Conflict, match="nobody to give one to"):
        await give(shop, lost())


async def test_a_crowd_of_grants_gives_once(shop: Shop, connection: Connection) -> None:
    """Twenty presses at once, of one form and of several: nobody has two, and units are set aside once."""
    await make_deal(connection, DEAL, "MUG", units=50)
    await lose(shop, *(f"browser:{number}" for number in range(8)))
    answers = await asyncio.gather(
        *(give(shop, lost(), name="one form" if number % 2 else f"form {number}") for number in range(20)),
        return_exceptions=True,
    )
    assert {answer.grant_id for answer in answers if isinstance(answer, Given)} != set()
    assert {type(answer) for answer in answers} <= {Given, Conflict}
    assert await states(connection) == {"held": 8}
    assert await counts(connection, DEAL, "MUG") == (0, 0, 8)
    assert await clean(connection)


async def test_stock_is_the_last_bound(shop: Shop, connection: Connection) -> None:
    """Of three units a fourth rain check is not given, whatever was set aside; and what is given is nobody else's."""
    await make_deal(connection, DEAL, "LAST", units=3)
    ids = [await make_customer(connection) for _ in range(4)]
    emails = [f"{id_.hex}@example.com" for id_ in ids]
    given = await give(shop, named(*emails, "nobody@example.com", emails[0].upper()))
    assert (given.people, given.given, given.unknown) == (4, 3, ("nobody@example.com",))
    with pytest.raises(Conflict, match="Sold out"):
        await shop.claims.claim(Claiming(DEAL, "LAST", 1, "browser:eve"))
    with pytest.raises(Conflict, match="no rain check fits"):
        await give(shop, named(emails[3]))
    assert await clean(connection)


async def test_carts_that_hold_it_unclaimed(shop: Shop, connection: Connection) -> None:
    """Whose line holds nothing gets one, of as many as the line wants; guests by their browser."""
    await make_deal(connection, DEAL, "MUG")
    await connection.execute(
        """WITH made AS (INSERT INTO cart (id, browser_hash, created_at, updated_at)
                         VALUES (gen_random_uuid(), '\\xabcd', now(), now()) RETURNING id)
           INSERT INTO cart_line (cart_id, sku, quantity, price_minor, added_at)
           SELECT id, 'MUG', 4, 1250, now() FROM made"""
    )
    given = await give(shop, Chosen(DEAL, Who.CARTS, 10, 1))
    assert (given.given, given.units) == (1, 4)
    assert await rain_check(shop, "browser:abcd") is not None
    assert await clean(connection)


async def test_what_cannot_be_given_is_said_field_by_field(shop: Shop, connection: Connection) -> None:
    """Each field with what is allowed; a deal that is to come was missed by nobody."""
    await make_deal(connection, DEAL, "MUG", "TEA")
    for chosen, field in (
        (lost(units=0), "units"), (lost(days=91), "days"), (Chosen(DEAL, Who.LOST, 1, 1), "until"),
        (Chosen(DEAL, Who.CARTS, 1, 1, sku="GONE"), "sku"), (Chosen(DEAL, Who.NAMED, 1, 1, sku="MUG"), "emails"),
        (named("a@b.example", each=0), "each"), (named("a@b.example"), "sku"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            await foresee(shop.console, chosen)
        assert field in {problem.field for problem in refused.value.fields}
    later = new_id()
    await make_deal(connection, later, "MUG", begins_at=utc_now() + HOUR, ends_at=utc_now() + DAY)
    with pytest.raises(Conflict, match="has not begun"):
        await foresee(shop.console, Chosen(later, Who.CARTS, 1, 1))
    with pytest.raises(NotFound):
        await foresee(shop.console, Chosen(new_id(), Who.CARTS, 1, 1))


# ---------------------------------------------------------------- redeemed once


async def test_it_is_redeemed_after_the_deal_at_its_price(shop: Shop, connection: Connection) -> None:
    """The deal is over, and was for members: who was promised it pays its price; neither deal nor limit counts it."""
    await make_deal(connection, DEAL, "MUG", per_customer=1)
    await lose(shop, "browser:ada")
    await give(shop, lost())
    await connection.execute("UPDATE deal SET ends_at = now(), members_only = true")
    order = await placed(shop, await rain_check(shop))
    assert order.session.terms.lines[0].unit_price_minor == 1_000
    assert await counts(connection, DEAL, "MUG") == (0, 0, 1)
    assert await clean(connection)
    await settle(shop, order, YES)
    assert await counts(connection, DEAL, "MUG") == (0, 0, 0)
    assert await states(connection) == {"bought": 1}
    assert await open_rain_checks(shop.browse, holder="browser:ada", customer_id=None) == ()
    assert await clean(connection)


async def test_a_crowd_that_redeems_one_buys_once(shop: Shop, settings: Settings, connection: Connection) -> None:
    """Twelve tabs at two workers, each with a checkout of its own: one order at the price, all others are told."""
    await make_deal(connection, DEAL, "MUG")
    await lose(shop, "browser:ada", quantity=2)
    await give(shop, lost())
    claim_id = await rain_check(shop)
    async with AsyncExitStack() as stack:
        workers = [shop, await open_shop(settings, Signer(b"test" * 8), utc_now, stack)]
        sessions = [await open_for(workers[number % 2], claim_id, 2) for number in range(12)]
        answers = await asyncio.gather(
            *(workers[number % 2].checkout.complete(placing(session)) for number, session in enumerate(sessions))
        )
    bought = [answer for answer in answers if isinstance(answer, Completion)]
    assert len(bought) == 1
    assert {answer.code for answer in answers if isinstance(answer, NotPlaced)} == {"claim_over"}
    assert await states(connection) == {"bought": 1}
    assert await connection.fetchval("SELECT count(*) FROM order_line WHERE claim_id = $1", claim_id) == 1
    assert await clean(connection)


async def test_nobody_else_redeems_it(shop: Shop, connection: Connection) -> None:
    """A stranger who knows its name gets the list price at the till, and nothing into the cart."""
    await make_deal(connection, DEAL, "MUG")
    ada = await make_customer(connection)
    await give(shop, named(f"{ada.hex}@example.com"))
    claim_id = await rain_check(shop, "browser:anywhere", ada)
    stranger = await open_for(shop, claim_id, owner="browser:eve", customer_id=await make_customer(connection))
    assert stranger.terms.lines[0].unit_price_minor != 1_000 or stranger.terms.lines[0].claim_id is None
    eve = Shopper(b"eve", "browser:eve", None, lambda deal_id: None)
    with pytest.raises(NotFound):
        await put_in_rain_check(shop.desk, eve, claim_id=claim_id, now=utc_now())
    with pytest.raises(NotFound):
        await shop.claims.release(Releasing(claim_id, "browser:eve"))
    own = await open_for(shop, claim_id, owner="browser:anywhere", customer_id=ada)
    assert own.terms.lines[0].claim_id == claim_id
    assert of_customer(ada).startswith("customer:")
    assert await clean(connection)


async def test_declined_or_given_up_it_is_open_again(shop: Shop, connection: Connection) -> None:
    """Until the same end as before, however often; and can be redeemed then."""
    await make_deal(connection, DEAL, "MUG")
    await lose(shop, "browser:ada")
    await give(shop, lost())
    claim_id = await rain_check(shop)
    ends = await connection.fetchval("SELECT expires_at FROM claim WHERE id = $1", claim_id)
    for ending in (NO, Failed(HOLD_EXPIRED, "Given up."), NO):
        order = await placed(shop, claim_id)
        await settle(shop, order, ending)
        assert await states(connection) == {"held": 1}
        assert await counts(connection, DEAL, "MUG") == (0, 0, 1)
        assert await connection.fetchval("SELECT expires_at FROM claim WHERE id = $1", claim_id) == ends
        assert await clean(connection)
    await settle(shop, await placed(shop, claim_id), YES)
    assert await states(connection) == {"bought": 1}
    assert await clean(connection)


async def test_a_cancelled_order_does_not_bring_it_back(shop: Shop, connection: Connection) -> None:
    """It was good once: the units are free, the deal has sold nothing, and the books balance."""
    await connection.execute(
        "INSERT INTO staff VALUES ($1, 'o@example.com', 'o@example.com', 'O', 'operator', '', now())", STAFF
    )
    await make_deal(connection, DEAL, "MUG")
    await lose(shop, "browser:ada")
    await give(shop, lost())
    order = await placed(shop, await rain_check(shop))
    await settle(shop, order, YES)
    await cancel(
        shop.desk, provider=Ledger(), order_id=order.order_id, reason="changed mind", staff_id=STAFF, clock=utc_now
    )  # fmt: skip
    assert await states(connection) == {"bought": 1}
    assert await counts(connection, DEAL, "MUG") == (0, 0, 0)
    assert await clean(connection)


# ---------------------------------------------------------------- over


async def test_expired_its_units_are_given_back_once(shop: Shop, connection: Connection) -> None:
    """Ten sweepers at once; the deal, which never counted it, is not touched."""
    await make_deal(connection, DEAL, "MUG", units=40)
    await lose(shop, *(f"browser:{number}" for number in range(30)))
    await shop.claims.claim(Claiming(DEAL, "MUG", 1, "browser:held"))
    await give(shop, lost())
    assert await counts(connection, DEAL, "MUG") == (1, 0, 31)
    await connection.execute("UPDATE claim SET expires_at = clock_timestamp() WHERE grant_id IS NOT NULL")
    swept = await asyncio.gather(*(Sweeper(shop.till_pool).run_once() for _ in range(10)))
    assert sum(swept) == 30
    assert await states(connection) == {"released expired": 30}
    assert await counts(connection, DEAL, "MUG") == (1, 0, 1)
    assert await clean(connection)


async def test_its_end_against_paying(shop: Shop, connection: Connection) -> None:
    """At the very end thirty pay while sweepers run: each is either ordered or over, its units are counted once."""
    await make_deal(connection, DEAL, "MUG", units=40)
    holders = [f"browser:{number}" for number in range(30)]
    await lose(shop, *holders)
    await give(shop, lost())
    ids = {holder: await rain_check(shop, holder) for holder in holders}
    sessions = [await open_for(shop, claim_id, owner=holder) for holder, claim_id in ids.items()]
    await connection.execute(
        """UPDATE claim SET expires_at = clock_timestamp() + (row_number - 1) * interval '20 milliseconds'
             FROM (SELECT id, row_number() OVER (ORDER BY id) FROM claim WHERE grant_id IS NOT NULL) AS each
            WHERE claim.id = each.id"""
    )
    answers, _ = await asyncio.gather(
        asyncio.gather(*(shop.checkout.complete(placing(session)) for session in sessions)),
        asyncio.gather(*(Sweeper(shop.till_pool).run_once() for _ in range(5))),
    )
    await connection.execute("UPDATE claim SET expires_at = clock_timestamp() WHERE state = 'held'")
    await Sweeper(shop.till_pool).run_once()
    bought = sum(isinstance(answer, Completion) for answer in answers)
    assert await states(connection) == Counter({"bought": bought, "released expired": 30 - bought}) - Counter()
    assert await counts(connection, DEAL, "MUG") == (0, 0, 0)
    assert await connection.fetchval("SELECT sold FROM stock WHERE sku = 'MUG'") == bought
    assert await clean(connection)


async def test_staff_withdraw_what_is_open_once(shop: Shop, connection: Connection) -> None:
    """Five at once, against one that is being paid: that one stays, all else is free again, once."""
    await make_deal(connection, DEAL, "MUG")
    await lose(shop, "browser:ada", "browser:ben", "browser:cyd")
    given = await give(shop, lost())
    assert given.grant_id is not None
    order = await placed(shop, await rain_check(shop))
    units = await asyncio.gather(
        *(
            withdraw(shop.console, grant_id=given.grant_id, reason="by mistake", staff_id=None, now=utc_now())
            for _ in range(5)
        )
    )
    assert sorted(units) == [0, 0, 0, 0, 2]
    assert await states(connection) == {"ordered": 1, "released stopped": 2}
    assert await counts(connection, DEAL, "MUG") == (0, 0, 1)
    await settle(shop, order, YES)
    [known] = await grants_of(shop.console, DEAL)
    assert (known.open, known.redeemed, known.withdrawn) == (0, 1, 2)
    assert await clean(connection)
    with pytest.raises(NotFound):
        await withdraw(shop.console, grant_id=new_id(), reason="by mistake", staff_id=None, now=utc_now())


async def test_whoever_has_one_claims_as_anybody(shop: Shop, connection: Connection) -> None:
    """Beside it a claim is made, up to the limit, and given back; the rain check is what it was."""
    await make_deal(connection, DEAL, "MUG", per_customer=2)
    await lose(shop, "browser:ada", quantity=2)
    await give(shop, lost())
    claim = await shop.claims.claim(Claiming(DEAL, "MUG", 2, "browser:ada"))
    assert await counts(connection, DEAL, "MUG") == (2, 0, 4)
    assert await clean(connection)
    await shop.claims.release(Releasing(claim.id, "browser:ada"))
    await shop.claims.release(Releasing(await rain_check(shop), "browser:ada"))  # out of the cart
    assert await states(connection) == {"held": 1}
    assert await counts(connection, DEAL, "MUG") == (0, 0, 2)
    assert await clean(connection)
