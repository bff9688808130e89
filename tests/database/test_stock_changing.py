"""What staff do with stock: counted once, whoever presses, and never below what is spoken for."""

import asyncio
from uuid import UUID

import pytest

from evertill.audit import audit
from evertill.checkout.model import Completion
from evertill.idempotency import Key, fingerprint_of
from evertill.ids import new_id
from evertill.refusals import Conflict, Invalid
from evertill.shop import Shop
from evertill.staff import actions_of
from evertill.stock.changing import CHANGE_MAX, Level, change_on_hand
from evertill.stock.movements import STAFF_REASONS, Reason
from evertill.storage import Connection
from tests.buying import books, buy, open_session, placing
from tests.conftest import put_on_hand

SAM = UUID("01990000-0000-7000-8000-000000000001")


@pytest.fixture(autouse=True)
async def sam(connection: Connection) -> None:
    """Somebody who counts."""
    await connection.execute(
        """INSERT INTO staff (id, email, email_folded, name, role, password_hash, created_at)
           VALUES ($1, 'sam@example.com', 'sam@example.com', 'Sam', 'operator', '', now())""",
        SAM,
    )


async def counted(
    shop: Shop,
    sku: str,
    change: int,
    *,
    reason: str = Reason.COUNT,
    note: str = "behind the shelf",
    name: str | None = None,
) -> Level:
    """Sam presses the button of one form."""
    asked = f"{change}{reason}{note}".encode()
    key = Key(f"staff:{SAM}", name or str(new_id()), fingerprint_of("change_stock", sku, asked))
    return await change_on_hand(
        shop.console, sku=sku, change=change, reason=reason, note=note, key=key, staff_id=SAM, now=shop.clock()
    )


async def movements(shop: Shop, sku: str) -> list[tuple[object, ...]]:
    """Units, reason, note and who of each, the oldest first; not what was there when the test began."""
    rows = await shop.desk.fetch(
        "SELECT units, reason, note, staff_id FROM stock_movement WHERE sku = $1 AND reason <> 'import' ORDER BY id",
        sku,
    )
    return [tuple(row) for row in rows]


async def test_units_come_and_go_and_it_is_written_down(shop: Shop) -> None:
    """Added and taken off, each with from, to and why, in the book of staff and in the ledger of stock."""
    assert (await counted(shop, "LAST", 5, reason=Reason.RECEIVED, note="a delivery came")).free == 8
    assert (await counted(shop, "LAST", -6, reason=Reason.WRITTEN_OFF, note="broken in the warehouse")).free == 2
    assert await books(shop, "LAST") == (2, 0, 0)
    newest, _ = await actions_of(shop.desk, subject="sku:LAST")
    assert (newest.name, newest.verb, newest.reason) == ("Sam", "change_stock", "broken in the warehouse")
    assert newest.facts == {"change": -6, "why": "written_off", "before": 8, "after": 2}
    assert await movements(shop, "LAST") == [
        (5, "received", "a delivery came", SAM),
        (-6, "written_off", "broken in the warehouse", SAM),
    ]


async def test_what_is_spoken_for_cannot_be_taken_off(shop: Shop) -> None:
    """One sold, one claimed, one free: two cannot go, and the refusal names all of that; one can."""
    await buy(shop, ("LAST", 1))
    session = await open_session(shop, ("LAST", 1))
    await shop.checkout.till.place(placing(session))
    with pytest.raises(Conflict, match="1 are claimed and 1 are sold: at most 1 can be taken off") as refusal:
        await counted(shop, "LAST", -2)
    assert refusal.value.facts == {"on_hand": 3, "claimed": 1, "sold": 1}
    assert refusal.value.fields[0].field == "change"
    assert await books(shop, "LAST") == (3, 1, 1)
    assert await actions_of(shop.desk, subject="sku:LAST") == ()
    assert await movements(shop, "LAST") == []
    assert (await counted(shop, "LAST", -1)).free == 0


async def test_a_form_pressed_twenty_times_changes_once(shop: Shop) -> None:
    """At once or later: the same answer, one line in the book."""
    answers = await asyncio.gather(*(counted(shop, "LAST", 5, name="form") for _ in range(20)))
    assert {answer.on_hand for answer in answers} == {8}
    assert (await counted(shop, "LAST", 5, name="form")).on_hand == 8
    assert await books(shop, "LAST") == (8, 0, 0)
    assert len(await actions_of(shop.desk, subject="sku:LAST")) == 1
    assert await movements(shop, "LAST") == [(5, "count", "behind the shelf", SAM)]


async def test_one_form_is_one_change(shop: Shop) -> None:
    """The same form with other words, or about another SKU, is refused."""
    await counted(shop, "LAST", 5, name="form")
    for sku, change in (("LAST", 6), ("MUG", 5)):
        with pytest.raises(Conflict, match="already used"):
            await counted(shop, sku, change, name="form")
    assert (await books(shop, "LAST"), await books(shop, "MUG")) == ((8, 0, 0), (1_000, 0, 0))


async def test_counting_and_buying_cross(shop: Shop) -> None:
    """Thirty buyers while units come and go: never oversold, and every unit is accounted for."""
    counts = [counted(shop, "LAST", change) for change in (5, -1, 4, -2, 3, -3, 6, -1, 2, -2)]
    buys = [buy(shop, ("LAST", 1), owner=f"browser:{n}") for n in range(30)]
    answers = await asyncio.gather(*counts, *buys, return_exceptions=True)
    faults = [each for each in answers if isinstance(each, Exception) and not isinstance(each, Conflict)]
    assert faults == []
    changed = sum(
        change
        for change, answer in zip((5, -1, 4, -2, 3, -3, 6, -1, 2, -2), answers, strict=False)
        if isinstance(answer, Level)
    )
    sold = sum(isinstance(answer, Completion) and answer.state == "confirmed" for answer in answers)
    assert await books(shop, "LAST") == (3 + changed, 0, sold)
    assert sold <= 3 + changed
    assert sum(int(str(units)) for units, *_ in await movements(shop, "LAST")) == changed


async def test_a_crowd_that_counts_one_sku_leaves_on_hand_the_sum_of_its_movements(
    shop: Shop, connection: Connection
) -> None:
    """Sixty at once, some of whom are refused: each that was not has its movement, and the audit agrees."""
    changes = [change for change in range(-30, 31) if change]
    answers = await asyncio.gather(*(counted(shop, "LAST", change) for change in changes), return_exceptions=True)
    done = [change for change, answer in zip(changes, answers, strict=True) if isinstance(answer, Level)]
    assert all(isinstance(answer, Level | Conflict) for answer in answers)
    assert len(done) >= 30  # who adds is never refused
    assert sorted(await movements(shop, "LAST")) == [(change, "count", "behind the shelf", SAM) for change in done]
    assert await books(shop, "LAST") == (3 + sum(done), 0, 0)
    assert (await audit(connection, now=shop.clock())).anomalies == 0


async def test_buying_moves_nothing_on_hand_and_writes_no_movement(shop: Shop) -> None:
    """The ledger is not on the purchase's path: neither a sale nor a declined payment is a row of it."""
    before = await shop.desk.fetchval("SELECT count(*) FROM stock_movement")
    await buy(shop, ("LAST", 1), ("MUG", 2))
    await shop.checkout.complete(placing(await open_session(shop, ("LAST", 1)), "tok_decline_generic"))
    assert await books(shop, "LAST") == (3, 0, 1)
    assert await shop.desk.fetchval("SELECT count(*) FROM stock_movement") == before


async def test_what_cannot_be_said_names_its_field(shop: Shop) -> None:
    """Nothing, too much, no reason, one that is not staff's to give or does not fit, no note, no such SKU."""
    for sku, change, reason, note, field in (
        ("MUG", 0, "count", "why not", "change"),
        ("MUG", CHANGE_MAX + 1, "count", "why not", "change"),
        ("MUG", -CHANGE_MAX - 1, "count", "why not", "change"),
        ("MUG", -1, "received", "why not", "change"),
        ("MUG", -1, "returned", "why not", "change"),
        ("MUG", 1, "written_off", "why not", "change"),
        ("MUG", 1, "", "why not", "reason"),
        *(("MUG", 1, str(reason), "why not", "reason") for reason in Reason if reason not in STAFF_REASONS),
        ("MUG", 1, "count", "no", "note"),
        ("MUG", 1, "count", "x" * 301, "note"),
        ("NOSUCH", 1, "count", "why not", "sku"),
        ("", 1, "count", "why not", "sku"),
    ):
        with pytest.raises(Invalid) as refusal:
            await counted(shop, sku, change, reason=reason, note=note)
        assert [problem.field for problem in refusal.value.fields] == [field]
    assert await books(shop, "MUG") == (1_000, 0, 0)
    assert await movements(shop, "MUG") == []


async def test_there_is_an_end_to_units(shop: Shop, connection: Connection) -> None:
    """A billion units of a SKU is where counting ends, well before the column does."""
    await put_on_hand(connection, "MUG", 1_000_000_000)
    with pytest.raises(Invalid, match="At most"):
        await counted(shop, "MUG", 1)
    assert (await counted(shop, "MUG", -1)).on_hand == 999_999_999
