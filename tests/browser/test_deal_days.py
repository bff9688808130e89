"""An operator plans a sale and runs it on the day, by hand: with and without a script, at a desk and by telephone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from evertill.ids import new_id
from evertill.storage import Connection
from tests.browser.people import DESKTOP, PHONE, Doors, enter_console, hire
from tests.browser.test_comfort import Look
from tests.conftest import stock_up

pytestmark = pytest.mark.browser

NOW = datetime.now(UTC)


def at(days: float) -> str:
    """A time so many days from now, as the browser's own field takes it."""
    return (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


async def _plan_event(page: Page, name: str, slug: str) -> None:
    await page.goto("/ops/events")
    await page.get_by_role("link", name="Plan a sale event").click()
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Address").fill(slug)
    await page.get_by_label("Time zone").fill("Etc/UTC")
    await page.get_by_label("Theme").fill("plain")
    await page.get_by_label("Opens").fill(at(-1))
    await page.get_by_label("Closes").fill(at(6))
    await page.get_by_label("Members from").fill(at(-2))
    await page.get_by_label("Why").fill("The autumn sale")
    await page.get_by_role("button", name="Plan the event").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(name)


async def _run(page: Page, what: str, button: str, **said: str) -> None:
    """Open what can be done, say why, do it."""
    box: Locator = page.locator("details", has=page.locator("summary", has_text=what)).first
    await box.locator("summary").click()
    for label, value in said.items():
        await box.get_by_label(label).fill(value)
    await box.get_by_label("Why").fill(f"To {what.lower()}")
    await box.get_by_role("button", name=button).click()
    await expect(page.get_by_role("status").first).to_be_visible()


@pytest.mark.parametrize(
    ("javascript", "phone"), [(True, False), (False, True)], ids=["desk", "telephone without script"]
)
async def test_an_operator_plans_a_sale_and_runs_it(
    doors: Doors, tables: Connection, tmp_path: Path, javascript: bool, phone: bool
) -> None:
    """The event, its deals from a file with a bad row, a doubt, a pause, more units, the end: all of it in the book."""
    name = f"SALE-{'PHONE' if phone else 'DESK'}"
    await stock_up(tables, {name: (1_000, 20), f"{name}-TWO": (2_000, 20)})
    page = await doors.enter(PHONE if phone else DESKTOP, javascript=javascript)
    member = f"{name}@example.com".lower()
    await enter_console(page, email=member, password=hire(doors.shop, email=member, role="operator"))
    await _plan_event(page, f"Days of {name}", name.lower())
    event = page.url.partition("?")[0]

    file = tmp_path / "deals.csv"
    file.write_text(
        "title,kind,value,skus,begins at,ends at,units\n"
        f"A fifth off,percent,20,{name},{at(-1)},{at(1)},50\n"
        f"Nothing,percent,20,NOPE-{name},{at(-1)},{at(1)},50\n"
    )
    await page.get_by_role("link", name="Import deals").click()
    await page.get_by_label("A file").set_input_files(file)
    await page.get_by_role("button", name="Show what it comes to").click()
    await expect(page.get_by_role("status")).to_contain_text("comes to 1 deal, and some rows cannot be")
    await expect(page.get_by_role("region", name="Rows that cannot be, as a table")).to_contain_text(
        f"Not known: NOPE-{name}"
    )
    rows = await page.get_by_label("Or its rows").input_value()
    await page.get_by_label("Or its rows").fill("\n".join(rows.splitlines()[:2]))
    await page.get_by_label("Why").fill("The buyers' list")
    await page.get_by_role("button", name="Plan these deals").click()
    await expect(page.get_by_role("status").first).to_contain_text("The deals of the file are planned.")
    await expect(page.get_by_text("50 units to be claimed, but only 20")).to_be_visible()

    await page.get_by_role("link", name="Add a deal").click()
    await page.get_by_label("Title").fill("Half price")
    await page.get_by_label("Value").fill("120")
    await page.get_by_label("SKUs").fill(f"{name}-TWO")
    await page.get_by_label("Units").fill("10")
    await page.get_by_label("Why").fill("As agreed")
    await page.get_by_role("button", name="Plan the deal").click()
    await expect(page.get_by_text("More than 0 % and less than 100 %.").first).to_be_visible()
    await page.get_by_label("Value").fill("50")
    await page.get_by_role("button", name="Look for doubts first").click()
    await expect(page.get_by_role("status")).to_contain_text("Not saved yet.")
    await page.get_by_role("button", name="Plan the deal").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Half price")
    on_two = "SELECT value FROM deal JOIN deal_sku ON deal_sku.deal_id = deal.id WHERE sku = $1"
    assert await tables.fetchval(on_two, f"{name}-TWO") == 5_000

    await _run(page, "Pause", "Pause the deal")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("paused")
    await _run(page, "Resume", "Resume the deal")
    await _run(page, "Add units", "Change the units", Change="5")
    await expect(page.get_by_text("10 → 15")).to_be_visible()
    await _run(page, "End it now", "End the deal for good")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("ended")
    await page.goto(event)
    for expected in ("paused the deal", "resumed the deal", "changed the units of the deal", "ended the deal"):
        await expect(page.get_by_text(expected)).to_be_visible()
    box = page.locator("details", has=page.locator("summary", has_text="Stop the whole event"))
    await box.locator("summary").click()
    await box.get_by_label("Why").fill("The prices are wrong")
    await box.get_by_role("button", name="Stop the event for good").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("stopped")


async def test_the_figures_of_a_deal_come_by_themselves(doors: Doors, tables: Connection) -> None:
    """What is claimed meanwhile is seen without a reload, also where a form came back; held, they stay as they are."""
    await stock_up(tables, {"SALE-WATCH": (1_000, 20)})
    page = await doors.enter()
    password = hire(doors.shop, email="watcher@example.com", role="operator")
    await enter_console(page, email="watcher@example.com", password=password)
    await _plan_event(page, "Days to watch", "days-to-watch")
    await page.get_by_role("link", name="Add a deal").click()
    await page.get_by_label("Title").fill("Watched")
    await page.get_by_label("Value").fill("50")
    await page.get_by_label("SKUs").fill("SALE-WATCH")
    await page.get_by_label("Units").fill("10")
    await page.get_by_label("Why").fill("As agreed")
    await page.get_by_role("button", name="Plan the deal").click()
    deal = page.url.partition("?")[0]

    async def claim(units: int) -> None:
        """As the shop's own verb leaves it."""
        await tables.execute(
            """WITH its AS (SELECT id FROM deal WHERE title = 'Watched'),
                    made AS (INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, state, claimed_at,
                                                expires_at)
                             SELECT $1, id, 'SALE-WATCH', $2, 500, $3, 'held', now(), now() + interval '1 day'
                               FROM its),
                    held AS (UPDATE stock SET claimed = claimed + $2 WHERE sku = 'SALE-WATCH')
               UPDATE deal SET claimed = claimed + $2 FROM its WHERE deal.id = its.id""",
            new_id(), units, new_id().hex,
        )  # fmt: skip

    claimed = page.locator(".tile", has_text="Claimed now").locator(".tile-value")
    await expect(claimed).to_have_text("0")
    await claim(3)
    await expect(claimed).to_have_text("3")
    await page.locator("summary", has_text="Add units").click()
    await page.get_by_label("Change").fill("-9")
    await page.get_by_label("Why").locator("visible=true").fill("Too many")
    await page.get_by_role("button", name="Change the units").click()
    await expect(page.get_by_text("at least 3 must stay in it").first).to_be_visible()
    await claim(2)
    await expect(claimed).to_have_text("5")
    await expect(page.get_by_label("Change")).to_have_value("-9")
    await page.get_by_role("button", name="Hold the figures").click()
    await claim(1)
    async with page.expect_response(deal):
        await page.get_by_role("button", name="Let the figures go on").click()
    await expect(claimed).to_have_text("6")


async def test_deal_days_in_the_console_are_for_everybody(doors: Doors, tables: Connection) -> None:
    """Lists, forms as they are and as they come back, an event that sells, a deal, an import, a preview."""
    await stock_up(tables, {"SALE-LOOK": (1_250, 500), "SALE-LOOK-2": (900, 40)})
    page = await doors.enter()
    password = hire(doors.shop, email="deals-planner@example.com", role="operator")
    await enter_console(page, email="deals-planner@example.com", password=password)
    await _plan_event(page, "Days to look at", "days-to-look-at")
    event = page.url.partition("?")[0]
    await page.goto(f"{event}/import")
    rows = (
        "title,kind,value,skus,begins at,ends at,members from,units\n"
        f"A fifth off everything that is looked at for long enough,percent,20,SALE-LOOK,{at(-1)},{at(2)},,400\n"
        f"For members first,price,5.00,SALE-LOOK-2,{at(1)},{at(3)},{at(0.5)},60\n"
        f"As many as there are,amount,1.00,SALE-LOOK,{at(2)},{at(5)},,\n"
        f"Yesterday's,percent,30,SALE-LOOK-2,{at(-1)},{at(-0.5)},,10\n"
    )
    await page.get_by_label("Or its rows").fill(rows)
    await page.get_by_role("button", name="Show what it comes to").click()
    await expect(page.get_by_role("status")).to_contain_text("comes to 4 deals")
    look = Look()
    await look.at(page, "an import that was looked at")
    await page.get_by_label("Why").fill("To look at it")
    await page.get_by_role("button", name="Plan these deals").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Days to look at")
    deal = await tables.fetchval("SELECT id FROM deal WHERE title LIKE 'A fifth off everything%'")
    for minute in range(50):
        for number in range(1 + minute % 7):
            state = ("bought", "released", "held", "bought")[number % 4]
            await tables.execute(
                """INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, state, claimed_at, expires_at,
                                      order_id, ended_because)
                   VALUES ($1, $2, 'SALE-LOOK', 1, 1000, $3, $4, now() - make_interval(mins => $5),
                           now() + interval '1 day', $6, $7)""",
                new_id(), deal, new_id().hex, state, minute, new_id() if state == "bought" else None,
                "expired" if state == "released" else None,
            )  # fmt: skip
    await tables.execute(
        """WITH held AS (UPDATE deal SET
               claimed = (SELECT count(*) FROM claim WHERE deal_id = $1 AND state = 'held'),
               sold = (SELECT count(*) FROM claim WHERE deal_id = $1 AND state = 'bought') WHERE id = $1
               RETURNING claimed)
           UPDATE stock SET claimed = stock.claimed + held.claimed FROM held WHERE sku = 'SALE-LOOK'""",
        deal,
    )
    await look.go(
        page, "/ops/events", "/ops/events/new", event, f"{event}/change", f"{event}/deals/new", f"{event}/import",
        f"{event}/preview", f"/ops/deals/{deal}", f"/ops/deals/{deal}/change",
    )  # fmt: skip
    await page.goto(f"{event}/deals/new")
    await page.get_by_label("Title").fill("A slip")
    await page.get_by_label("Value").fill("lots")
    await page.get_by_label("Why").fill("As agreed")
    await page.get_by_role("button", name="Plan the deal").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await look.at(page, "a deal that cannot be")
    assert look.wrong == []
    # The shop goes on behind the other tests: what is only looked at is taken out of its books again.
    await tables.execute(
        """WITH held AS (SELECT count(*) AS units FROM claim WHERE deal_id = $1 AND state = 'held')
           UPDATE stock SET claimed = stock.claimed - held.units FROM held WHERE sku = 'SALE-LOOK'""",
        deal,
    )
    await tables.execute("DELETE FROM claim WHERE deal_id = $1", deal)
    await tables.execute("UPDATE deal SET claimed = 0, sold = 0 WHERE id = $1", deal)
