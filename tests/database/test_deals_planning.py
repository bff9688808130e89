"""Planning a deal day: what staff may do, what it makes of prices over time, and that nothing is done twice."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from evertill.catalog.changing import change_price
from evertill.catalog.importing import import_products
from evertill.catalog.incoming import RowProblem
from evertill.clock import utc_now
from evertill.deals import Deal, SaleEvent
from evertill.deals.doubting import About, warnings
from evertill.deals.history import lowest_price, note_prices
from evertill.deals.importing import DealsImported, import_deals
from evertill.deals.planning import (
    PlannedDeal,
    add_units,
    change_deal,
    change_event,
    end_deal,
    known_of,
    lock_event,
    pause_deal,
    plan_deal,
    plan_event,
    resume_deal,
    stop_event,
    write_deals,
)
from evertill.deals.plans import DealPlan, EventPlan, read_deal
from evertill.deals.reading import deals_of_skus, event_by_slug, events_seen
from evertill.idempotency import Key, fingerprint_of
from evertill.ids import new_id
from evertill.refusals import Conflict, Invalid, Malformed, NotFound, Refusal, TooLarge
from evertill.staff import actions_of
from evertill.storage import Connection, Pool
from tests.conftest import stock_up

SAM = UUID("01990000-0000-7000-8000-000000000001")
NOW = datetime.now(UTC)
WHY = "the autumn sale"


def at(days: float) -> str:
    """A time so many days from now, as a form of a shop in UTC sends it."""
    return (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


def moment(days: float) -> datetime:
    """The same as a moment."""
    return (NOW + timedelta(days=days)).replace(second=0, microsecond=0)


EVENT = EventPlan("deal-days", "Deal Days", "Etc/UTC", at(-3), at(20), members_from=at(-4))
DEAL = DealPlan("A fifth off", "percent", 2_000, at(-1), at(2), skus=("MUG",), units=10, per_customer=2)


def key(name: str | None = None, what: str = "") -> Key:
    """A form's name, fresh or given."""
    return Key(f"staff:{SAM}", name or str(new_id()), fingerprint_of("plan", what, b""))


@pytest.fixture(autouse=True)
async def catalogue(connection: Connection) -> None:
    """Somebody who plans, and what there is to plan with."""
    await connection.execute(
        """INSERT INTO staff (id, email, email_folded, name, role, password_hash, created_at)
           VALUES ($1, 'sam@example.com', 'sam@example.com', 'Sam', 'operator', '', now())""",
        SAM,
    )
    await stock_up(connection, {"MUG": (1_000, 50), "TEA": (495, 50), "LAST": (9_900, 3)})
    await connection.execute(
        """INSERT INTO price_history (sku, since, price_minor)
           SELECT sku, now() - interval '90 days', price_minor FROM variant"""
    )


async def event_of(pool: Pool, plan: EventPlan = EVENT, name: str | None = None) -> SaleEvent:
    """Sam plans an event."""
    return await plan_event(pool, plan, reason=WHY, key=key(name), by=SAM, now=utc_now())


async def deal_in(pool: Pool, event: SaleEvent, plan: DealPlan = DEAL, name: str | None = None) -> PlannedDeal:
    """Sam plans a deal."""
    return await plan_deal(pool, plan, event_id=event.id, reason=WHY, key=key(name), by=SAM, now=utc_now())


async def changed(pool: Pool, deal: Deal, plan: DealPlan, *, seen: int | None = None) -> PlannedDeal:
    """Sam changes a deal."""
    return await change_deal(
        pool, plan, deal_id=deal.id, seen=seen or deal.version, reason=WHY, key=key(), by=SAM, now=utc_now()
    )


async def history(connection: Connection, sku: str) -> list[tuple[int, bool]]:
    """Each price of a SKU since yesterday in the order of time, and whether it is a deal's."""
    rows = await connection.fetch(
        """SELECT price_minor, deal_id FROM price_history
            WHERE sku = $1 AND since > now() - interval '1 day' ORDER BY since""",
        sku,
    )
    return [(row["price_minor"], row["deal_id"] is not None) for row in rows]


def fields(refusal: Refusal) -> set[str]:
    """The fields it names."""
    return {problem.field for problem in refusal.fields}


# ---- events


async def test_an_event_is_planned_once_however_often_the_form_is_pressed(pool: Pool) -> None:
    """Ten at once and one later: one event, one line in the book; other words under the same key are refused."""
    events = await asyncio.gather(*(event_of(pool, name="form") for _ in range(10)))
    assert {event.id for event in events} == {events[0].id}
    assert await event_of(pool, name="form") == events[0]
    [action] = await actions_of(pool, subject=f"event:{events[0].id}")
    assert (action.name, action.verb, action.reason) == ("Sam", "plan_event", WHY)
    assert events[0].members_from == moment(-4)
    with pytest.raises(Conflict, match="already used"):
        await plan_event(pool, EVENT, reason=WHY, key=key("form", "other"), by=SAM, now=utc_now())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"slug": "Deal Days"}, {"slug"}),
        ({"slug": ""}, {"slug"}),
        ({"name": "  "}, {"name"}),
        ({"name": "a\nb"}, {"name"}),
        ({"theme": "<b>"}, {"theme"}),
        ({"time_zone": "Europe/Nowhere"}, {"time_zone"}),
        ({"opens_at": "soon", "closes_at": ""}, {"opens_at", "closes_at"}),
        ({"closes_at": at(-3)}, {"closes_at"}),
        ({"members_from": at(-2)}, {"members_from"}),
        ({"time_zone": "Europe/London", "opens_at": "2026-03-29T01:30", "members_from": ""}, {"opens_at"}),
        ({"time_zone": "Europe/London", "opens_at": "2026-10-25T01:30", "members_from": ""}, {"opens_at"}),
    ],
)
async def test_an_event_that_cannot_be_names_each_field(pool: Pool, change: dict[str, object], named: set[str]) -> None:
    """And nothing is planned."""
    with pytest.raises(Invalid) as refused:
        await event_of(pool, msgspec.structs.replace(EVENT, **change))
    assert fields(refused.value) == named
    assert await pool.fetchval("SELECT count(*) FROM sale_event") == 0


async def test_an_address_belongs_to_one_event(pool: Pool) -> None:
    """A second one is told so, beside its field."""
    await event_of(pool)
    with pytest.raises(Invalid, match="deal-days already") as refused:
        await event_of(pool)
    assert fields(refused.value) == {"slug"}


async def test_an_event_is_changed_by_whoever_saw_it_as_it_is(pool: Pool) -> None:
    """Its deals must fit into it; what changed is in the book."""
    event = await event_of(pool)
    await deal_in(pool, event)

    async def change(plan: EventPlan, seen: int) -> SaleEvent:
        return await change_event(
            pool, plan, event_id=event.id, seen=seen, reason=WHY, key=key(), by=SAM, now=utc_now()
        )

    with pytest.raises(Invalid) as refused:
        await change(msgspec.structs.replace(EVENT, opens_at=at(0), closes_at=at(1), members_from=""), 1)
    assert fields(refused.value) == {"opens_at", "closes_at"}
    with pytest.raises(Invalid) as refused:  # members may come earlier, everybody may not
        await change(msgspec.structs.replace(EVENT, opens_at=at(0)), 1)
    assert fields(refused.value) == {"opens_at"}
    after = await change(msgspec.structs.replace(EVENT, name="Deal Week"), 1)
    assert (after.name, after.version) == ("Deal Week", 2)
    with pytest.raises(Conflict, match="Somebody has changed this sale event"):
        await change(EVENT, 1)
    newest, _ = await actions_of(pool, subject=f"event:{event.id}")
    assert newest.facts == {"name": {"before": "Deal Days", "after": "Deal Week"}}


# ---- deals


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"title": ""}, {"title"}),
        ({"kind": "bargain"}, {"kind"}),
        ({"value": 0}, {"value"}),
        ({"value": 10_000}, {"value"}),
        ({"kind": "price", "value": 0}, {"value"}),
        ({"kind": "amount", "value": 1_000}, {"value"}),
        ({"skus": ()}, {"skus"}),
        ({"skus": ("MUG", "NOPE", "\0")}, {"skus"}),
        ({"handles": ("no-such",)}, {"handles"}),
        ({"skus": ("MUG", "EURO")}, {"skus"}),
        ({"units": 0}, {"units"}),
        ({"units": -1}, {"units"}),
        ({"units": 2**40}, {"units"}),
        ({"per_customer": 0}, {"per_customer"}),
        ({"claim_minutes": 0}, {"claim_minutes"}),
        ({"ends_at": at(-1)}, {"ends_at"}),
        ({"begins_at": at(-5), "ends_at": at(21)}, {"begins_at", "ends_at"}),
        ({"members_from": at(0)}, {"members_from"}),
        ({"members_from": at(-5)}, {"members_from"}),
        ({"title": " ", "value": -1, "units": 0, "begins_at": "then"}, {"title", "value", "units", "begins_at"}),
    ],
)
async def test_a_deal_that_cannot_be_names_each_field(
    pool: Pool, connection: Connection, change: dict[str, object], named: set[str]
) -> None:
    """And nothing is planned."""
    await stock_up(connection, {"EURO": (500, 1)})
    await connection.execute("UPDATE variant SET currency = 'EUR' WHERE sku = 'EURO'")
    event = await event_of(pool)
    with pytest.raises(Invalid) as refused:
        await deal_in(pool, event, msgspec.structs.replace(DEAL, **change))
    assert fields(refused.value) == named
    assert all(problem.problem.endswith(".") for problem in refused.value.fields)
    assert await pool.fetchval("SELECT count(*) FROM deal") == 0


async def test_a_deal_is_planned_once_on_skus_and_whole_products(pool: Pool) -> None:
    """Pressed ten times at once; a product by its handle is its SKUs."""
    event = await event_of(pool)
    plan = msgspec.structs.replace(DEAL, skus=("MUG",), handles=("tea", "mug"))
    deals = await asyncio.gather(*(deal_in(pool, event, plan, name="form") for _ in range(10)))
    assert {each.deal.id for each in deals} == {deals[0].deal.id}
    assert deals[0].skus == ("MUG", "TEA")
    seen = await event_by_slug(pool, "deal-days")
    assert seen is not None
    assert seen.deals == (deals[0],)
    with pytest.raises(NotFound):
        await plan_deal(pool, plan, event_id=new_id(), reason=WHY, key=key(), by=SAM, now=utc_now())
    with pytest.raises(Invalid) as refused:
        await plan_deal(pool, plan, event_id=event.id, reason=" ", key=key(), by=SAM, now=utc_now())
    assert fields(refused.value) == {"reason"}


async def test_a_deal_is_changed_by_whoever_saw_it_as_it_is(pool: Pool) -> None:
    """Two people with one page: the second is told; the book says what was changed."""
    event = await event_of(pool)
    deal = (await deal_in(pool, event)).deal
    plans = [msgspec.structs.replace(DEAL, title=title, skus=("MUG", "TEA")) for title in ("One", "Other")]
    answers = await asyncio.gather(*(changed(pool, deal, plan) for plan in plans), return_exceptions=True)
    [after] = [answer for answer in answers if isinstance(answer, PlannedDeal)]
    [refused] = [answer for answer in answers if isinstance(answer, Conflict)]
    assert refused.facts == {"version": 2, "seen": 1}
    assert (after.deal.version, after.skus) == (2, ("MUG", "TEA"))
    newest, _ = await actions_of(pool, subject=f"deal:{deal.id}")
    assert newest.facts["skus"] == {"before": 1, "after": 2}


async def test_units_never_fall_below_what_is_spoken_for(pool: Pool, connection: Connection) -> None:
    """Added, taken out, changed: seven claimed and sold stay, and the refusal says so."""
    deal = (await deal_in(pool, await event_of(pool))).deal
    await connection.execute("UPDATE deal SET claimed = 4, sold = 3")

    async def add(change: int, name: str | None = None) -> Deal:
        return await add_units(pool, deal_id=deal.id, change=change, reason=WHY, key=key(name), by=SAM, now=utc_now())

    units = await asyncio.gather(*(add(5, "form") for _ in range(5)))
    assert {each.units for each in units} == {15}
    assert (await add(-8)).units == 7
    with pytest.raises(Conflict, match="4 are claimed and 3 are sold: at least 7") as refused:
        await add(-1)
    assert fields(refused.value) == {"change"}
    with pytest.raises(Conflict, match="at least 7") as refused:
        await changed(pool, deal, msgspec.structs.replace(DEAL, units=6), seen=3)
    assert fields(refused.value) == {"units"}
    with pytest.raises(Invalid, match="stays limited") as invalid:
        await changed(pool, deal, msgspec.structs.replace(DEAL, units=None), seen=3)
    assert fields(invalid.value) == {"units"}
    with pytest.raises(Invalid):
        await add(0)
    assert await connection.fetchval("SELECT units FROM deal") == 7


async def test_a_limit_per_customer_is_not_lowered_under_those_who_have_more(
    pool: Pool, connection: Connection
) -> None:
    """While nobody has any, it may be anything; afterwards it is raised or lifted."""
    deal = (await deal_in(pool, await event_of(pool))).deal
    deal = (await changed(pool, deal, msgspec.structs.replace(DEAL, per_customer=1))).deal
    deal = (await changed(pool, deal, DEAL)).deal
    await connection.execute("UPDATE deal SET claimed = 1")
    with pytest.raises(Invalid, match="raised or lifted, not lowered") as refused:
        await changed(pool, deal, msgspec.structs.replace(DEAL, per_customer=1))
    assert fields(refused.value) == {"per_customer"}
    for limit in (3, None):
        deal = (await changed(pool, deal, msgspec.structs.replace(DEAL, per_customer=limit))).deal
        assert deal.per_customer == limit
    with pytest.raises(Invalid):
        await changed(pool, deal, DEAL)


async def test_a_deal_pauses_goes_on_and_ends_once(pool: Pool, connection: Connection) -> None:
    """The same again changes nothing and writes no second line; what is over stays over."""
    deal = (await deal_in(pool, await event_of(pool))).deal
    assert await history(connection, "MUG") == [(800, True), (1_000, False)]

    async def do(verb: object) -> Deal:
        answer = await verb(pool, deal_id=deal.id, reason=WHY, by=SAM, now=utc_now())  # type: ignore[operator]
        assert isinstance(answer, Deal)
        return answer

    for _ in range(2):
        assert (await do(pause_deal)).paused_at is not None
    assert await history(connection, "MUG") == [(800, True), (1_000, False)]
    assert await connection.fetchval("SELECT max(since) < clock_timestamp() FROM price_history")
    for _ in range(2):
        assert (await do(resume_deal)).paused_at is None
    assert await history(connection, "MUG") == [(800, True), (1_000, False), (800, True), (1_000, False)]
    ended = [await do(end_deal) for _ in range(2)]
    assert ended[0].ended_at is not None
    assert ended[1] == ended[0]
    with pytest.raises(Conflict, match="over"):
        await do(pause_deal)
    with pytest.raises(Conflict, match="over"):
        await changed(pool, ended[0], DEAL)
    verbs = [action.verb for action in await actions_of(pool, subject=f"deal:{deal.id}")]
    assert verbs == ["end_deal", "resume_deal", "pause_deal", "plan_deal"]
    assert await connection.fetchval("SELECT max(since) < clock_timestamp() FROM price_history")


async def test_the_kill_switch_ends_every_deal_at_once(pool: Pool, connection: Connection) -> None:
    """Every price is the list price again, nothing is foreseen, and nothing more can be planned in it."""
    event = await event_of(pool)
    deal = (await deal_in(pool, event, msgspec.structs.replace(DEAL, skus=("MUG", "TEA")))).deal
    for _ in range(2):
        stopped = await stop_event(pool, event_id=event.id, reason="wrong prices", by=SAM, now=utc_now())
    assert stopped.ended_at is not None
    assert await history(connection, "MUG") == [(800, True), (1_000, False)]
    assert await connection.fetchval("SELECT max(since) < clock_timestamp() FROM price_history")
    assert (await deals_of_skus(pool, ["MUG", "TEA"])).of_sku == {}
    with pytest.raises(Conflict, match="stopped"):
        await deal_in(pool, event)
    with pytest.raises(Conflict, match="stopped"):
        await changed(pool, deal, DEAL)
    newest, *_ = await actions_of(pool, subject=f"event:{event.id}")
    assert (newest.verb, newest.reason) == ("stop_event", "wrong prices")
    assert len(await actions_of(pool, subject=f"event:{event.id}")) == 2


# ---- prices over time


async def test_every_change_of_the_list_price_is_in_the_history(
    pool: Pool, connection: Connection, tmp_path: Path
) -> None:
    """An import's, staff's; the same again writes nothing."""
    file = tmp_path / "catalogue.csv"
    for price in ("12.00", "12.00", "11.00"):
        file.write_text(f"Handle,Title,Variant SKU,Variant Price\nmug,Mug,MUG,{price}\npot,Pot,POT,30.00\n")
        await import_products(
            pool, file, currency="GBP", now=utc_now(), on_problem=lambda problem: pytest.fail(str(problem))
        )
    await change_price(pool, sku="MUG", price_minor=999, seen_minor=1_100, reason=WHY, staff_id=SAM, now=utc_now())
    assert await history(connection, "MUG") == [(1_200, False), (1_100, False), (999, False)]
    assert await history(connection, "POT") == [(3_000, False)]


async def test_a_new_list_price_moves_what_is_foreseen(pool: Pool, connection: Connection) -> None:
    """A deal to come is a fifth off whatever it then costs; members' prices are not everybody's."""
    event = await event_of(pool)
    await deal_in(pool, event, msgspec.structs.replace(DEAL, begins_at=at(1)))
    await deal_in(pool, event, msgspec.structs.replace(DEAL, value=9_000, members_only=True))
    assert await history(connection, "MUG") == [(800, True), (1_000, False)]
    await change_price(pool, sku="MUG", price_minor=2_000, seen_minor=1_000, reason=WHY, staff_id=SAM, now=utc_now())
    assert await history(connection, "MUG") == [(2_000, False), (1_600, True), (2_000, False)]


async def test_plans_and_prices_that_change_at_once_miss_nothing(pool: Pool, connection: Connection) -> None:
    """Deals on the same SKUs are planned while prices change: the history ends as the tables do."""
    event = await event_of(pool)

    async def price(sku: str, to: int) -> None:
        seen = await pool.fetchval("SELECT price_minor FROM variant WHERE sku = $1", sku)
        with suppress(Conflict):  # somebody else was quicker
            await change_price(pool, sku=sku, price_minor=to, seen_minor=seen, reason=WHY, staff_id=SAM, now=utc_now())

    plan = msgspec.structs.replace(DEAL, skus=("MUG", "TEA", "LAST"))
    deals = [deal_in(pool, event, msgspec.structs.replace(plan, value=100 * n)) for n in range(1, 9)]
    prices = [price(sku, 2_000 + n) for n in range(8) for sku in ("TEA", "MUG")]
    await asyncio.gather(*deals, *prices)
    rows = await connection.fetch(
        """SELECT variant.price_minor AS list_minor, now_is.price_minor, at_last.price_minor AS last_minor
             FROM variant
            CROSS JOIN LATERAL (SELECT price_minor FROM price_history WHERE sku = variant.sku
                                   AND since <= clock_timestamp() ORDER BY since DESC LIMIT 1) AS now_is
            CROSS JOIN LATERAL (SELECT price_minor FROM price_history WHERE sku = variant.sku
                                 ORDER BY since DESC LIMIT 1) AS at_last"""
    )
    for row in rows:
        assert row["price_minor"] == row["list_minor"] - (row["list_minor"] * 8 + 50) // 100
        assert row["last_minor"] == row["list_minor"]


async def waits(pool: Pool, task: asyncio.Task[object]) -> None:
    """Until it stands before somebody's lock, or is through."""
    for _ in range(500):
        if task.done() or await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it neither waits nor ends")


async def test_a_deal_planned_while_a_price_is_being_changed_knows_the_new_price(
    pool: Pool, connection: Connection
) -> None:
    """It waits for the change and is foreseen on top of it."""
    event = await event_of(pool)
    async with connection.transaction():
        await connection.execute("UPDATE variant SET price_minor = 2000 WHERE sku = 'MUG'")
        await note_prices(connection, ["MUG"])
        task: asyncio.Task[object] = asyncio.create_task(deal_in(pool, event))
        await waits(pool, task)
    await task
    assert await history(connection, "MUG") == [(2_000, False), (1_600, True), (2_000, False)]


async def test_a_price_changed_while_a_deal_is_being_planned_knows_the_deal(pool: Pool, connection: Connection) -> None:
    """It waits for the plan and is the price the deal is then taken off."""
    planned = await event_of(pool)
    async with connection.transaction():
        event, _ = await lock_event(connection, planned.id)
        terms = read_deal(DEAL, event=event, known=await known_of(connection, [DEAL]))
        await write_deals(connection, event, [terms], reason=WHY, by=SAM, now=utc_now())
        task: asyncio.Task[object] = asyncio.create_task(
            change_price(pool, sku="MUG", price_minor=2_000, seen_minor=1_000, reason=WHY, staff_id=SAM, now=utc_now())
        )
        await waits(pool, task)
    await task
    assert await history(connection, "MUG") == [(800, True), (1_600, True), (2_000, False)]


async def test_the_lowest_price_is_of_the_thirty_days_before(connection: Connection) -> None:
    """What it cost when they began counts, what it cost before that does not, nor does the reduction's own price."""
    await connection.execute("DELETE FROM price_history")
    for days, price in ((60, 300), (40, 900), (20, 700), (10, 950), (0, 500)):
        await connection.execute(
            "INSERT INTO price_history (sku, since, price_minor) VALUES ('MUG', $1, $2)", moment(-days), price
        )

    async def lowest(days: float, sku: str = "MUG") -> int | None:
        return (await lowest_price(connection, [sku, "NOPE"], before=moment(days))).get(sku)

    assert await lowest(0) == 700
    assert await lowest(-20) == 300  # the 300 of sixty days ago held until forty days ago
    assert await lowest(-9) == 700
    assert await lowest(1) == 500  # a second deal right behind the first one rests on the first one's price
    assert await lowest(-10) == 700  # exactly 30 days before, it was 900
    assert await lowest(-61) is None
    assert await lowest(0, "TEA") is None
    assert await lowest_price(connection, ["MUG"], before=moment(0), days=5) == {"MUG": 950}


# ---- warnings


async def test_what_is_doubtful_is_told(pool: Pool, connection: Connection) -> None:
    """Overlaps, more units than stock, a price that is no reduction, a window that is past; nothing of what is fine."""
    event = await event_of(pool)
    await connection.execute(
        "INSERT INTO price_history (sku, since, price_minor) VALUES ('TEA', now() - interval '9 days', 250)"
    )
    fine = await deal_in(pool, event, msgspec.structs.replace(DEAL, ends_at=at(1), units=50))
    assert await warnings(pool, event_id=event.id) == ()
    crossing = await deal_in(pool, event, msgspec.structs.replace(DEAL, title="Crossing", skus=("MUG", "LAST")))
    behind = await deal_in(pool, event, msgspec.structs.replace(DEAL, title="Behind", begins_at=at(2), ends_at=at(3)))
    beyond = await deal_in(pool, event, msgspec.structs.replace(DEAL, skus=("LAST",), begins_at=at(3), ends_at=at(4)))
    raised = await deal_in(pool, event, msgspec.structs.replace(DEAL, skus=("TEA",)))
    past = await deal_in(pool, event, msgspec.structs.replace(DEAL, begins_at=at(-2), ends_at=at(-1)))
    told = [(each.about, each.deal_id, each.other_id) for each in await warnings(pool, event_id=event.id)]
    assert told[:2] == [
        (About.OVERLAP, fine.deal.id, crossing.deal.id),
        (About.BEYOND_STOCK, beyond.deal.id, None),
    ]
    assert (About.PAST, past.deal.id, None) in told
    reductions = [each for each in await warnings(pool, event_id=event.id) if each.about is About.NOT_BELOW_LOWEST]
    assert [(each.deal_id, each.sku, each.price_minor, each.lowest_minor) for each in reductions] == [
        # the deals before these cost the same: what follows at that price reduces nothing
        (behind.deal.id, "MUG", 800, 800),
        (beyond.deal.id, "LAST", 7_920, 7_920),
        (raised.deal.id, "TEA", 396, 250),
    ]


# ---- many from a file

HEADER = "Title,Kind,Value,SKUs,Products,Begins at,Ends at,Units\n"
GOOD = f"One,percent,12.5 %,MUG;TEA,,{at(0)},{at(1)},5\n"


async def imported(pool: Pool, event: SaleEvent, text: str, *, keep: bool, name: str | None = None) -> DealsImported:
    """Sam hands in a file."""
    return await import_deals(
        pool, text.encode(), event_id=event.id, currency="GBP", keep_good_rows=keep, reason=WHY, key=key(name),
        by=SAM, now=utc_now(),
    )  # fmt: skip


BAD_ROWS = (
    f"Two,percent,100,MUG,,{at(0)},{at(1)},5\n"
    f"Three,price,4.999,MUG,,{at(0)},{at(1)},5\n"
    f'"Four\n lines",amount,1,NOPE,no-such,{at(0)},{at(1)},0\n'
    f"Five,gift,1,MUG,,{at(0)},{at(1)},5\n"
    f"Six,percent,1,MUG,,then,{at(1)},many,too much\n"
    f"Seven,percent,1,MUG,,then,{at(1)},many\n"
)
PLACES = [
    (3, "value"), (4, "value"), (5, "title"), (5, "skus"), (5, "products"), (5, "units"), (7, "kind"), (8, ""),
    (9, "units"),
]  # fmt: skip


@pytest.mark.parametrize("keep", [True, False])
async def test_bad_rows_are_named_and_the_rest_is_kept_or_nothing_is(pool: Pool, keep: bool) -> None:
    """As the operator chooses; line and column of each problem are told either way."""
    event = await event_of(pool)
    text = HEADER + GOOD + BAD_ROWS + "\n" + f"Eight,price,3.99,,tea,{at(0)},{at(1)},\n"
    answer = await imported(pool, event, text, keep=keep)
    assert [(problem.line, problem.column) for problem in answer.problems] == PLACES
    assert all(isinstance(problem, RowProblem) and problem.reason for problem in answer.problems)
    rows = await pool.fetch("SELECT id, title, value, units FROM deal ORDER BY title")
    assert [(row["title"], row["value"], row["units"]) for row in rows] == (
        [("Eight", 399, None), ("One", 1_250, 5)] if keep else []
    )
    assert {row["id"] for row in rows} == set(answer.deal_ids)


async def test_a_file_is_imported_once(pool: Pool) -> None:
    """Pressed five times at once: its deals are there once, each with its line in the book."""
    event = await event_of(pool)
    answers = await asyncio.gather(*(imported(pool, event, HEADER + GOOD * 3, keep=False, name="f") for _ in range(5)))
    assert [answer == answers[0] for answer in answers] == [True] * 5
    assert await pool.fetchval("SELECT count(*) FROM deal") == len(answers[0].deal_ids) == 3
    for deal_id in answers[0].deal_ids:
        assert [action.verb for action in await actions_of(pool, subject=f"deal:{deal_id}")] == ["plan_deal"]


@pytest.mark.parametrize(
    ("content", "refusal", "match"),
    [
        (b"", Malformed, "empty"),
        (b"\n\n", Malformed, "empty"),
        (b"\xff\xfe", Malformed, "line 1"),
        (b"a\0b", Malformed, "NUL"),
        (b"title;kind;value\n", Malformed, "semicolons"),
        (b"title,kind,value,begins at,ends at\n", Malformed, "skus or products"),
        (b"title,title,kind,value,begins at,ends at,skus\n", Malformed, "twice"),
        (HEADER.encode() + b'"One,percent\n', Malformed, "line 2"),
        (HEADER.encode() + GOOD.encode() * 501, TooLarge, "500 rows"),
        (b"x" * 1_048_577, TooLarge, "1,048,576"),
    ],
)
async def test_a_file_that_cannot_be_read_is_told_and_changes_nothing(
    pool: Pool, content: bytes, refusal: type[Refusal], match: str
) -> None:
    """Where and why."""
    event = await event_of(pool)
    with pytest.raises(refusal, match=match):
        await import_deals(
            pool, content, event_id=event.id, currency="GBP", keep_good_rows=True, reason=WHY, key=key(), by=SAM,
            now=utc_now(),
        )  # fmt: skip
    assert await pool.fetchval("SELECT count(*) FROM deal") == 0


# ---- reading


async def test_events_stand_where_the_database_says(pool: Pool) -> None:
    """Live, to come, over, stopped; with the moment, also where there is none."""
    assert (await events_seen(pool)).live == ()
    for slug, opens, closes, members in (
        ("live", -1, 1, ""), ("early", 1, 2, at(-1)), ("soon", 1, 2, ""), ("later", 3, 4, ""), ("past", -2, -1, ""),
        ("stopped", -1, 1, ""),
    ):  # fmt: skip
        event = await event_of(pool, EventPlan(slug, slug, "Etc/UTC", at(opens), at(closes), members_from=members))
    await stop_event(pool, event_id=event.id, reason=WHY, by=SAM, now=utc_now())
    seen = await events_seen(pool)
    assert {each.slug for each in seen.live} == {"live", "early"}
    assert [each.slug for each in seen.upcoming] == ["soon", "later"]
    assert {each.slug for each in seen.ended} == {"stopped", "past"}
    assert abs(seen.moment - datetime.now(UTC)) < timedelta(minutes=1)


async def test_deals_of_skus_are_those_that_are_not_over(pool: Pool) -> None:
    """Running, paused and to come, in order; SKUs without one are left out, and the moment comes in any case."""
    event = await event_of(pool)
    later = await deal_in(pool, event, msgspec.structs.replace(DEAL, begins_at=at(1)))
    now = await deal_in(pool, event)
    await deal_in(pool, event, msgspec.structs.replace(DEAL, begins_at=at(-2), ends_at=at(-1)))
    ended = await deal_in(pool, event)
    await end_deal(pool, deal_id=ended.deal.id, reason=WHY, by=SAM, now=utc_now())
    seen = await deals_of_skus(pool, ["MUG", "TEA", "NOPE"])
    assert seen.of_sku == {"MUG": (now.deal, later.deal)}
    assert (await deals_of_skus(pool, ["NOPE"])).moment > seen.moment
    assert await event_by_slug(pool, "no-such") is None
    assert await event_by_slug(pool, "\0") is None
