"""The demo's deal day, opened by the shop's own verbs on the real catalogue."""

from collections import Counter
from uuid import UUID

import pytest

from evertill.audit import audit_at
from evertill.catalog.online_retail import load_demo_catalog
from evertill.clock import utc_now
from evertill.deals import Phase
from evertill.deals.board import Board
from evertill.deals.doubting import warnings
from evertill.deals.drawing import state_drawn_in
from evertill.deals.planning import stop_event
from evertill.deals.reading import event_by_slug
from evertill.demo import open_the_day
from evertill.demo.day import SKETCHES
from evertill.shop import Shop
from evertill.staff import Role, create_staff, new_password


@pytest.fixture
async def admin(shop: Shop) -> UUID:
    """In whose name the day is planned."""
    await load_demo_catalog(shop.desk, now=utc_now())
    made = await create_staff(
        shop.desk, email="ada@example.com", name="Ada", role=Role.ADMIN, password=new_password(), by=None, now=utc_now()
    )
    return made.id


async def test_the_demo_opens_on_a_running_deal_day(shop: Shop, admin: UUID, database_url: str) -> None:
    """Whose figures are what people did: each unit is in a claim or an order, and the books balance."""
    opened = await open_the_day(shop, staff_id=admin, now=utc_now())
    assert opened.planned
    assert opened.deals == len(SKETCHES)
    reading = await Board(shop.browse, draw=state_drawn_in("en_GB")).seen()
    phases = Counter(told.phase for told in reading.told.values())
    assert set(phases) == set(Phase)
    assert Counter((seen.deal.title, seen.deal.units, seen.deal.sold, seen.deal.claimed) for seen in reading.deals) == (
        Counter(
            (sketch.title, sketch.units, *((sketch.sold, sketch.carted) if sketch.limited else (0, 0)))
            for sketch in SKETCHES
        )
    )
    orders = await shop.desk.fetchrow(
        "SELECT count(*) AS placed, count(*) FILTER (WHERE state = 'confirmed') AS confirmed FROM orders"
    )
    assert orders is not None
    assert orders["placed"] == orders["confirmed"] == opened.orders
    assert (await audit_at(database_url, now=utc_now())).anomalies == 0
    assert await warnings(shop.desk, event_id=reading.events[0].id) == ()


async def test_what_is_saved_is_saved_against_the_price_of_the_months_before(shop: Shop, admin: UUID) -> None:
    """The data knows it: no deal of the day is without a saving that may be told, those on new articles apart."""
    await open_the_day(shop, staff_id=admin, now=utc_now())
    reading = await Board(shop.browse, draw=state_drawn_in("en_GB")).seen()
    savings = [seen.saving(seen.items[0]) for seen in reading.deals]
    assert all(saving.reduced_minor == saving.saved_minor > 0 for saving in savings)


async def test_a_day_that_runs_is_not_planned_again(shop: Shop, admin: UUID) -> None:
    """A restart finds it: no second event, deal, order or claim."""
    counted = """SELECT (SELECT count(*) FROM sale_event), (SELECT count(*) FROM deal),
                        (SELECT count(*) FROM orders), (SELECT count(*) FROM claim)"""
    first = await open_the_day(shop, staff_id=admin, now=utc_now())
    before = await shop.desk.fetchrow(counted)
    again = await open_the_day(shop, staff_id=admin, now=utc_now())
    assert await shop.desk.fetchrow(counted) == before
    assert (again.slug, again.planned, again.orders, again.units_claimed) == (first.slug, False, 0, 0)


async def test_a_day_that_was_cut_short_is_made_whole(shop: Shop, admin: UUID) -> None:
    """A start that was killed between two deals: the next one plans and sells the rest, and nothing twice."""
    await open_the_day(shop, staff_id=admin, now=utc_now())
    deal = await shop.desk.fetchrow("SELECT id FROM deal WHERE title = 'Money off' AND sold = 0 ORDER BY id LIMIT 1")
    assert deal is not None
    await shop.desk.execute("DELETE FROM deal WHERE id = $1", deal["id"])  # as if its transaction had never been
    await shop.desk.execute(
        "DELETE FROM attempt_key WHERE scope = 'demo' AND answer::text LIKE '%' || $1::text || '%'", str(deal["id"])
    )
    orders = await shop.desk.fetchval("SELECT count(*) FROM orders")
    again = await open_the_day(shop, staff_id=admin, now=utc_now())
    assert again.deals == len(SKETCHES)
    assert await shop.desk.fetchval("SELECT count(*) FROM orders") == orders


async def test_when_a_day_is_over_the_next_one_is_planned_on_other_things(shop: Shop, admin: UUID) -> None:
    """Within a month of a deal another on the same thing would have nothing to save against."""
    first = await open_the_day(shop, staff_id=admin, now=utc_now())
    seen = await event_by_slug(shop.desk, first.slug)
    assert seen is not None
    await stop_event(shop.desk, event_id=seen.event.id, reason="it is over", by=admin, now=utc_now())
    second = await open_the_day(shop, staff_id=admin, now=utc_now())
    after = await event_by_slug(shop.desk, second.slug)
    assert after is not None
    assert second.planned
    assert second.slug == f"{first.slug}-2"
    had = {sku for each in seen.deals for sku in each.skus}
    assert len(after.deals) == len(SKETCHES)
    assert not had & {sku for each in after.deals for sku in each.skus}
