"""The deal day as browsers, programs and calendars see it: pages, JSON, iCalendar, and the stream."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TypeAlias

import httpx
import pytest
from icalendar import Calendar
from litestar.testing import AsyncTestClient

from evertill.app import Application, build
from evertill.clock import utc_now
from evertill.deals import Claiming, Claims
from evertill.deals.board import Board
from evertill.deals.drawing import state_drawn_in
from evertill.deals.history import note_prices
from evertill.ids import new_id
from evertill.settings import Settings
from evertill.signing import Signer
from evertill.storage import Connection, Pool
from tests.conftest import stock_up
from tests.dealing import HOUR, make_deal, price_of

Browser: TypeAlias = AsyncTestClient[Application]
DAY = timedelta(days=1)


@pytest.fixture
async def browser(
    settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Browser]:
    """A browser in a shop with a few things, and no deal yet; what is planned is seen at once."""
    for seconds in ("_PLAN_SECONDS", "_FIGURES_SECONDS"):
        monkeypatch.setattr(f"evertill.deals.board.{seconds}", 0.0)
    await stock_up(connection, {"MUG": (1_250, 1_000), "TEA": (500, 1_000), "JUG": (2_000, 3)})
    async with AsyncTestClient(app=build(settings, Signer(b"test" * 8))) as client:
        yield client


@pytest.fixture
async def board(connection: Connection, pool: Pool) -> Board:
    """A worker's board, looked at by nobody else."""
    await stock_up(connection, {"MUG": (1_250, 1_000), "TEA": (500, 1_000)})
    return Board(pool, draw=state_drawn_in("en_GB"))


async def claim(pool: Pool, deal_id: object, quantity: int, *, holder: str = "browser:a") -> None:
    claims = Claims(pool, price=price_of)
    await claims.claim(Claiming(deal_id, "MUG", quantity, holder))  # type: ignore[arg-type]


async def fresh(browser: Browser, path: str, holds: str) -> httpx.Response:
    """A page once it says so: how deals stand is read once a second, what is planned every five."""
    async with asyncio.timeout(10):
        while holds not in (answer := await browser.get(path)).text:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return answer


# ---- the page


async def test_every_deal_is_told_as_it_stands(browser: Browser, connection: Connection, pool: Pool) -> None:
    """Live with its share, to come with its time, over; prices as the deal makes them."""
    live, coming, over = new_id(), new_id(), new_id()
    now = utc_now()
    await make_deal(connection, live, "MUG", units=20)
    await make_deal(connection, coming, "TEA", begins_at=now + DAY, ends_at=now + 2 * DAY, units=None)
    await make_deal(connection, over, "JUG", begins_at=now - 2 * HOUR, ends_at=now - HOUR)
    await claim(pool, live, 13)
    page = (await fresh(browser, "/deals", str(live))).text
    sections = re.split(r'<h2 id="deals-', page)
    assert [section.partition('"')[0] for section in sections[1:]] == ["live", "upcoming", "ended"]
    is_live, is_coming, is_over = sections[1:]
    assert f'data-deal="{live}" data-phase="live"' in is_live
    assert 'max="100" value="65"' in is_live
    assert "Only 7 left" in is_live
    assert "£10.00" in is_live
    assert f'data-deal="{coming}" data-phase="upcoming"' in is_coming
    assert "Opens in" in is_coming
    assert f'data-deal="{over}" data-phase="ended"' in is_over


async def test_nothing_is_said_to_be_saved_that_is_not(browser: Browser, connection: Connection) -> None:
    """The saving is against the lowest price of the 30 days before: not against a list price raised for the day."""
    await connection.execute(
        "INSERT INTO price_history (sku, since, price_minor) VALUES ('MUG', now() - interval '20 days', 1100), "
        "('MUG', now() - interval '10 days', 1250), ('TEA', now() - interval '20 days', 400)"
    )
    await make_deal(connection, new_id(), "MUG")
    await make_deal(connection, new_id(), "TEA")
    page = (await fresh(browser, "/deals", "/products/tea")).text
    mug = next(card for card in page.split('<li class="deal ') if "/products/mug" in card)
    tea = next(card for card in page.split('<li class="deal ') if "/products/tea" in card)
    assert "You save £1.00 (9%)" in mug
    assert "Lowest price in the 30 days before: £11.00" in mug
    assert "List price: £12.50" in mug
    assert "You save" not in tea
    assert "<s " not in tea.partition("</li>")[0]
    assert "Lowest price in the 30 days before: £4.00" in tea


async def test_the_page_is_narrowed_by_links(browser: Browser, connection: Connection) -> None:
    """By section; nonsense is no filter; a page past the end is the last."""
    now = utc_now()
    await make_deal(connection, new_id(), "MUG")
    await make_deal(connection, new_id(), "TEA", begins_at=now + DAY, ends_at=now + 2 * DAY)
    await fresh(browser, "/deals", "/products/tea")
    live = (await browser.get("/deals?show=live&page=99")).text
    assert "/products/mug" in live
    assert "/products/tea" not in live
    assert "Nothing has ended yet" in (await browser.get("/deals?show=ended")).text
    assert "/products/tea" in (await browser.get("/deals?show=nonsense&page=x")).text


async def test_a_category_is_a_filter(browser: Browser, connection: Connection) -> None:
    """Where deals are in more than one; one that has none says so."""
    await connection.execute("INSERT INTO category (slug, name) VALUES ('mugs', 'Mugs'), ('teas', 'Teas')")
    await connection.execute("UPDATE product SET category = handle || 's' WHERE handle IN ('mug', 'tea')")
    await make_deal(connection, new_id(), "MUG")
    await make_deal(connection, new_id(), "TEA")
    assert "category=mugs" in (await fresh(browser, "/deals", "/products/tea")).text
    mugs = (await browser.get("/deals?category=mugs")).text
    assert "/products/mug" in mugs
    assert "/products/tea" not in mugs
    assert "no deal in this category" in (await browser.get("/deals?category=none")).text


async def test_an_event_has_its_own_page(browser: Browser, connection: Connection) -> None:
    """With its deals only; also long after; there is none at another address."""
    now = utc_now()
    live, old = new_id(), new_id()
    await make_deal(connection, live, "MUG")
    await make_deal(connection, old, "TEA", begins_at=now - 90 * DAY, ends_at=now - 89 * DAY)
    slugs = {
        row["id"]: row["slug"]
        for row in await connection.fetch("SELECT deal.id, slug FROM deal JOIN sale_event ON event_id = sale_event.id")
    }
    page = await fresh(browser, f"/deals/{slugs[live]}", str(live))
    assert "/products/tea" not in page.text
    assert f'href="/deals/{slugs[live]}.ics"' in page.text
    assert f'data-deal="{old}" data-phase="ended"' in (await browser.get(f"/deals/{slugs[old]}")).text
    assert str(old) not in (await browser.get("/deals")).text
    for path in ("/deals/none", "/deals/none.ics", "/deals/none.json", f"/deals/{slugs[live]}.pdf", "/deals/%00"):
        assert (await browser.get(path)).status_code == 404, path


async def test_every_page_points_to_a_sale_that_is_on(browser: Browser, connection: Connection) -> None:
    """And to none where none is on or near."""
    await browser.get("/deals")
    assert "fascia-sale" not in (await browser.get("/")).text
    await make_deal(connection, new_id(), "MUG")
    assert 'class="sale-strip" href="/deals"' in (await fresh(browser, "/", "fascia-sale-live")).text


# ---- products and shelves


async def test_a_product_s_page_tells_of_its_deal(browser: Browser, connection: Connection, pool: Pool) -> None:
    """Live: its price is the price, and one form puts it in the cart. All claimed: the list price, said to be it."""
    live = new_id()
    await make_deal(connection, live, "MUG", units=20)
    await make_deal(connection, new_id(), "TEA", units=None)
    await fresh(browser, "/deals", str(live))
    page = (await browser.get("/products/mug")).text
    assert f'data-deal="{live}" data-phase="live"' in page
    assert '"price":"10.00"' in page
    assert 'name="at"' not in page
    await claim(pool, live, 20)
    claimed = (await browser.get("/products/mug")).text
    assert f'data-deal="{live}" data-phase="claimed"' in claimed
    assert '<input type="hidden" name="at" value="list">' in claimed
    assert "Put in cart at list price" in claimed
    assert '"price":"12.50"' in claimed
    assert 'Live now instead: <a href="/products/tea">' in claimed


@pytest.mark.parametrize(
    ("change", "phase"), [("paused_at = now()", "paused"), ("claimed = 0, sold = units", "sold_out")]
)
async def test_a_deal_that_cannot_be_had_costs_the_list_price(
    browser: Browser, connection: Connection, change: str, phase: str
) -> None:
    """And its page says why."""
    deal_id = new_id()
    await make_deal(connection, deal_id, "MUG", units=20)
    await connection.execute(f"UPDATE deal SET {change}")
    await fresh(browser, "/deals", str(deal_id))
    page = (await browser.get("/products/mug")).text
    assert f'data-phase="{phase}"' in page
    assert '"price":"12.50"' in page


async def test_shelves_show_what_everybody_pays(browser: Browser, connection: Connection) -> None:
    """Unlimited deals by their price, limited ones by a label: what is limited may be gone on the way."""
    await make_deal(connection, new_id(), "MUG", units=None)
    await make_deal(connection, new_id(), "TEA", units=20)
    await fresh(browser, "/deals", "/products/tea")
    for path in ("/", "/search?q=mug", "/search?q=tea"):
        page = (await browser.get(path)).text
        cards = {
            match[1]: match[0] for match in re.finditer(r'<li class="card.*?href="/products/(\w+)".*?</li>', page, re.S)
        }
        if "mug" in cards:
            assert "£10.00" in cards["mug"]
            assert '<span class="card-deal">Deal</span>' in cards["mug"]
        if "tea" in cards:
            assert "£5.00" in cards["tea"]
            assert "Limited deal" in cards["tea"]
        if "jug" in cards:
            assert "card-deal" not in cards["jug"]
        assert cards, path


# ---- programs and calendars


async def test_programs_are_told_in_minor_units(browser: Browser, connection: Connection, pool: Pool) -> None:
    """The same to all, so that it can be kept for a moment and asked for by its name."""
    live = new_id()
    await make_deal(connection, live, "MUG", units=20)
    await note_prices(connection, ["MUG"])
    await claim(pool, live, 5)
    answer = await fresh(browser, "/deals.json", str(live))
    assert answer.headers["cache-control"] == "public, max-age=2"
    assert "set-cookie" not in answer.headers
    (event,) = answer.json()["events"]
    (deal,) = event["deals"]
    assert (event["state"], deal["state"], deal["currency"]) == ("live", "live", "GBP")
    assert (deal["units"], deal["units_left"], deal["claimed_percent"]) == (20, 15, 25)
    assert (deal["items"][0]["price_minor"], deal["items"][0]["list_price_minor"]) == (1_000, 1_250)
    again = await browser.get("/deals.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await claim(pool, live, 5, holder="browser:b")
    newer = await fresh(browser, "/deals.json", '"units_left":10')
    assert newer.headers["etag"] != answer.headers["etag"]
    assert (await browser.get(f"/deals/{event['slug']}.json")).json() == newer.json()["events"][0]
    refused = await browser.get("/deals/none.json", headers={"accept": "application/json"})
    assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")
    assert refused.json()["code"] == "event_not_found"


async def test_an_event_can_be_put_into_a_calendar(browser: Browser, connection: Connection) -> None:
    """Read back by a reader of RFC 5545: the event's window and its deals, in UTC, whatever is in their names."""
    live, stopped, now = new_id(), new_id(), utc_now().replace(microsecond=0)
    await make_deal(connection, live, "MUG", begins_at=now + DAY, ends_at=now + 2 * DAY)
    name = 'Ünusual; sale, with \\ a "name" that is far too long for one line of a calendar file\nBEGIN:VEVENT'
    await connection.execute("UPDATE sale_event SET name = $1, slug = 'long'", name)
    await connection.execute(
        """INSERT INTO deal (id, event_id, title, kind, value, currency, begins_at, ends_at, ended_at, created_at)
           SELECT $1, event_id, 'Called off', 'price', 1, 'GBP', begins_at, ends_at, now(), now() FROM deal""",
        stopped,
    )
    answer = await fresh(browser, "/deals/long.ics", "Called off")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    lines = answer.content.split(b"\r\n")
    assert max(len(line) for line in lines) <= 75
    calendar = Calendar.from_ical(answer.content)
    event, *deals = calendar.walk("VEVENT")
    assert str(event["summary"]).startswith("Ünusual; sale, with \\ a")
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (now + DAY, now + 2 * DAY)
    found = {str(deal["uid"]): deal for deal in deals}
    assert set(found) == {f"deal-{live}@evertill", f"deal-{stopped}@evertill"}
    assert found[f"deal-{live}@evertill"].decoded("dtstart") == now + DAY
    assert b"DTSTART:" + (now + DAY).strftime("%Y%m%dT%H%M%SZ").encode() in lines
    assert str(found[f"deal-{live}@evertill"]["status"]) == "CONFIRMED"
    assert str(found[f"deal-{stopped}@evertill"]["status"]) == "CANCELLED"
    again = await browser.get("/deals/long.ics", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


# ---- the stream


def said(message: bytes) -> dict[str, dict[str, object]]:
    deals: dict[str, dict[str, object]] = json.loads(message.removeprefix(b"data: "))["deals"]
    return deals


async def test_watchers_are_told_at_once_and_then_what_changes(
    board: Board, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First everything, then only what is new: figures as numbers, a new state as it is drawn."""
    monkeypatch.setattr("evertill.deals.board._FIGURES_SECONDS", 0.0)
    first, second = new_id(), new_id()
    await make_deal(connection, first, "MUG", units=20)
    await make_deal(connection, second, "TEA", units=20)
    await board.run_once()
    watching = board.watchers.watch()
    assert await anext(watching) == b"retry: 2000\n\n"
    whole = said(await anext(watching))
    assert set(whole) == {str(first), str(second)}
    assert "Live now" in str(whole[str(first)]["html"])
    await claim(pool, first, 13)
    await board.run_once()
    assert said(await anext(watching)) == {str(first): {"phase": "live", "share": 65, "left": "Only 7 left"}}
    await claim(pool, first, 7, holder="browser:b")
    await board.run_once()
    told = said(await anext(watching))[str(first)]
    assert (told["phase"], told["share"]) == ("claimed", 100)
    assert "Fully claimed" in str(told["html"])


async def test_a_change_of_the_plan_is_seen_with_the_next_figures(
    board: Board, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staff pause a deal, or stop its event: nobody waits for the next plan."""
    monkeypatch.setattr("evertill.deals.board._FIGURES_SECONDS", 0.0)
    deal_id = new_id()
    await make_deal(connection, deal_id, "MUG", units=20)
    assert (await board.seen()).told[deal_id].phase == "live"
    await connection.execute("UPDATE deal SET paused_at = now(), version = version + 1")
    assert (await board.seen()).told[deal_id].phase == "paused"
    await connection.execute("UPDATE sale_event SET ended_at = now(), version = version + 1")
    assert (await board.seen()).told[deal_id].phase == "ended"


async def test_a_thousand_who_look_are_one_reading(board: Board, connection: Connection, pool: Pool) -> None:
    """Of the database, in a second."""
    await make_deal(connection, new_id(), "MUG", units=20)
    readings = await asyncio.gather(*(board.seen() for _ in range(1_000)))
    assert len({id(reading) for reading in readings}) == 1
    assert pool.holds["deals.board_events"].count == 1


async def test_the_stream_has_a_bound(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is told to come again later, and the page is right without it."""
    monkeypatch.setattr("evertill.deals.board.WATCHERS_MAX", 0)
    async with AsyncTestClient(app=build(settings, Signer(b"test" * 8))) as client:
        refused = await client.get("/deals.stream", headers={"accept": "text/event-stream"})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 30
        assert (await client.get("/deals")).status_code == 200
