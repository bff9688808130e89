"""Deal days in the console: planned, filled from a file, run and watched; what is refused loses nothing."""

import asyncio
import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from evertill.deals.importing import BYTES_MAX
from evertill.ids import new_id
from evertill.ops.deal_export import COLUMNS, harmless
from evertill.shop import Shop
from evertill.staff import Role
from tests.consoling import enter, hidden, press

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def at(days: float) -> str:
    """A time so many days from now, as the form of an event in UTC sends it."""
    return (NOW + DAY * days).strftime("%Y-%m-%dT%H:%M")


EVENT = {
    "name": "Deal Days", "slug": "deal-days", "time_zone": "Etc/UTC", "theme": "plain", "opens_at": at(-2),
    "closes_at": at(10), "members_from": at(-3), "reason": "the autumn sale",
}  # fmt: skip
DEAL = {
    "title": "A fifth off mugs", "kind": "percent", "value": "20", "skus": "MUG\nTEA", "handles": "",
    "begins_at": at(-1), "ends_at": at(2), "members_from": "", "units": "10", "per_customer": "2",
    "claim_minutes": "15", "reason": "as agreed",
}  # fmt: skip
HEAD = "title,kind,value,skus,begins at,ends at,units\n"


async def planned_event(console: httpx.AsyncClient, **other: str) -> str:
    """The address of an event that was planned by its form."""
    page = await console.get("/ops/events/new")
    answer = await press(console, "/ops/events", {**EVENT, **other, "form": hidden(page, "form")})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def planned_deal(console: httpx.AsyncClient, event: str, **other: str) -> str:
    """The address of a deal that was planned by its form."""
    answer = await press(console, f"{event}/deals", {**DEAL, **other, "form": str(new_id())})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def send_file(
    console: httpx.AsyncClient, event: str, rows: str | bytes, *, step: str, as_file: bool = False, **other: str
) -> httpx.Response:
    """The import's form, its rows typed or in a file."""
    content = rows.encode() if isinstance(rows, str) else rows
    form = await console.get(f"{event}/import")
    fields = {
        "csrf": hidden(form, "csrf"), "form": hidden(form, "form"), "step": step, "keep": "none",
        "reason": "from the buyers", **other,
    }  # fmt: skip
    parts: list[tuple[str, tuple[str | None, bytes]]] = [
        (name, (None, value.encode())) for name, value in fields.items()
    ]
    parts.append(("rows", (None, b"" if as_file else content)))
    parts.append(("file", ("deals.csv", content if as_file else b"")))
    return await console.post(f"{event}/import", files=parts)


def id_in(address: str) -> UUID:
    """What an address is about."""
    return UUID(address.rpartition("/")[2])


async def claim(
    shop: Shop, deal: UUID, *, state: str, quantity: int = 1, price_minor: int = 1_000, minutes_ago: float = 1
) -> None:  # fmt: skip
    """A claim, as the shop's own verbs leave it in the tables."""
    await shop.desk.execute(
        """INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, state, claimed_at, expires_at, order_id,
                              ended_at, ended_because)
           VALUES ($1, $2, 'MUG', $3, $4, $8, $5, clock_timestamp() - make_interval(secs => $6),
                   now() + interval '1 hour', $7,
                   CASE WHEN $5 = 'released' THEN now() END, CASE WHEN $5 = 'released' THEN 'expired' END)""",
        new_id(), deal, quantity, price_minor, state, minutes_ago * 60,
        new_id() if state in ("ordered", "bought") else None, new_id().hex,
    )  # fmt: skip
    column = {"held": "claimed", "ordered": "claimed", "bought": "sold"}.get(state)
    if column:
        await shop.desk.execute(f"UPDATE deal SET {column} = {column} + $2 WHERE id = $1", deal, quantity)


async def count(shop: Shop, table: str) -> int:
    return int(await shop.desk.fetchval(f"SELECT count(*) FROM {table}"))


# ---------------------------------------------------------------- who


async def test_deal_days_are_behind_the_door(console: httpx.AsyncClient, shop: Shop) -> None:
    """Nobody looks without signing in; a viewer looks at everything and changes nothing."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    deal = await planned_deal(console, event)
    looks = ("/ops/events", event, f"{event}/preview", f"{event}/deals.csv", f"{event}/example.csv", deal)
    forms = ("/ops/events/new", f"{event}/change", f"{event}/import", f"{event}/deals/new", f"{deal}/change")
    console.cookies.delete("evertill_staff")
    for path in (*looks, *forms):
        answer = await console.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/ops/sign-in"), path
    await enter(console, shop, Role.VIEWER)
    for path in looks:
        page = await console.get(path)
        assert page.status_code == 200, path
        posts = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', page.text)
        assert posts == ([] if path.endswith(".csv") else ["/ops/sign-out"]), path
    for path in forms:
        assert (await console.get(path)).status_code == 403, path
    moves = [f"{deal}/{move}" for move in ("change", "pause", "resume", "extend", "units", "end")]
    for path in ("/ops/events", f"{event}/change", f"{event}/stop", f"{event}/import", f"{event}/deals", *moves):
        answer = await press(console, path, {"reason": "because I can"})
        assert answer.status_code == 403, path
    assert (await count(shop, "sale_event"), await count(shop, "deal")) == (1, 1)
    assert await shop.desk.fetchval("SELECT version FROM deal") == 1


async def test_what_is_not_there_is_not_found(console: httpx.AsyncClient, shop: Shop) -> None:
    """Events, deals and moves that are not."""
    await enter(console, shop, Role.OPERATOR)
    deal = await planned_deal(console, await planned_event(console))
    for path in (
        f"/ops/events/{new_id()}",
        f"/ops/events/{new_id()}/preview",
        f"/ops/deals/{new_id()}",
        "/ops/deals/x",
    ):
        assert (await console.get(path)).status_code == 404, path
    for path in (f"{deal}/explode", f"/ops/deals/{new_id()}/pause", f"/ops/events/{new_id()}/stop"):
        assert (await press(console, path, {"reason": "as agreed"})).status_code == 404, path


# ---------------------------------------------------------------- planning


async def test_an_event_is_planned_and_changed_by_its_forms(console: httpx.AsyncClient, shop: Shop) -> None:
    """It is listed, its page tells who planned it and why, and the form that changes it shows what it is."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    assert "Deal Days" in (await console.get("/ops/events")).text
    page = await console.get(event)
    for expected in ("<strong>Operator</strong> planned the sale event", "“the autumn sale”", "No deal in it yet."):
        assert expected in page.text, expected
    form = await console.get(f"{event}/change")
    assert f'value="{EVENT["opens_at"]}"' in form.text
    said = {**EVENT, "name": "Deal Week", "form": hidden(form, "form"), "seen": hidden(form, "seen")}
    answer = await press(console, f"{event}/change", said)
    assert answer.headers["location"] == f"{event}?done=event-change"
    page = await console.get(answer.headers["location"])
    assert "name Deal Days → Deal Week" in page.text


@pytest.mark.parametrize(
    ("field", "typed", "problem"),
    [
        ("slug", "Deal Days!", "small letters, digits and hyphens"),
        ("name", "", "What people read"),
        ("time_zone", "Europe/Atlantis", "A time zone by its IANA name"),
        ("opens_at", "tomorrow", "A date and a time"),
        ("closes_at", at(-5), "It closes after it opens."),
        ("members_from", at(1), "Members come before everybody"),
        ("theme", "<b>", "The name of a theme"),
        ("reason", "x", "Say why"),
    ],
)
async def test_what_is_wrong_with_an_event_is_said_at_its_field(
    console: httpx.AsyncClient, shop: Shop, field: str, typed: str, problem: str
) -> None:
    """And nothing that was typed is lost; mended, the same form is carried out."""
    await enter(console, shop, Role.OPERATOR)
    form = {**EVENT, field: typed, "form": str(new_id())}
    answer = await press(console, "/ops/events", form)
    assert answer.status_code == 422
    said = re.search(rf'id="wrong-{field}">(.*?)</p>', answer.text)
    assert said is not None, answer.text
    assert problem in said[1]
    for name, value in form.items():
        if value and name != field and name != "form":
            assert f'value="{value}"' in answer.text, name
    assert hidden(answer, "form") == UUID(form["form"]).hex
    assert await count(shop, "sale_event") == 0
    assert (await press(console, "/ops/events", {**EVENT, "form": hidden(answer, "form")})).status_code == 303


async def test_an_hour_that_is_not_or_comes_twice_is_explained(console: httpx.AsyncClient, shop: Shop) -> None:
    """In spring and in autumn; the second of two equal hours can be said, and is shown so again."""
    await enter(console, shop, Role.OPERATOR)
    london = {**EVENT, "time_zone": "Europe/London", "members_from": "", "closes_at": "2027-11-30T08:00"}
    answer = await press(console, "/ops/events", {**london, "opens_at": "2027-03-28T01:30", "form": str(new_id())})
    assert answer.status_code == 422
    assert "does not exist in Europe/London: clocks are put forward by 60 minutes" in answer.text
    answer = await press(console, "/ops/events", {**london, "opens_at": "2027-10-31T01:30", "form": str(new_id())})
    assert "comes twice in Europe/London" in answer.text
    assert 'id="field-opens_at" name="opens_at" type="text"' in answer.text
    said = {**london, "opens_at": "2027-10-31T01:30+00:00", "form": hidden(answer, "form")}
    answer = await press(console, "/ops/events", said)
    assert answer.status_code == 303
    assert await shop.desk.fetchval("SELECT opens_at FROM sale_event") == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    form = await console.get(answer.headers["location"].replace("?done=event", "/change"))
    assert 'value="2027-10-31T01:30+00:00"' in form.text


@pytest.mark.parametrize(
    ("field", "typed", "problem"),
    [
        ("title", "", "What people read"),
        ("kind", "gift", "Please choose one"),
        ("value", "abc", "A percentage, such as 20 or 12.5"),
        ("value", "100", "less than 100 %"),
        ("skus", "NOPE", "Not known: NOPE"),
        ("skus", "", "At least one SKU"),
        ("handles", "no-such", "No product of that name"),
        ("begins_at", at(-5), "Not before its sale event opens."),
        ("ends_at", at(30), "Not after its sale event closes."),
        ("members_from", at(1), "Members come before everybody"),
        ("units", "many", "A whole number"),
        ("units", "0", "A whole number from 1"),
        ("per_customer", "1000", "A whole number from 1 to 999"),
        ("claim_minutes", "-1", "A whole number from 1 to 1,440 minutes."),
        ("reason", "", "Say why"),
    ],
)
async def test_what_is_wrong_with_a_deal_is_said_at_its_field(
    console: httpx.AsyncClient, shop: Shop, field: str, typed: str, problem: str
) -> None:
    """And nothing that was typed is lost."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    form = {**DEAL, "stackable": "1", field: typed, "form": str(new_id())}
    answer = await press(console, f"{event}/deals", form)
    assert answer.status_code == 422
    said = re.search(rf'id="wrong-{field}">(.*?)</p>', answer.text)
    assert said is not None, answer.text
    assert problem in said[1]
    assert 'name="stackable" value="1" checked' in answer.text
    assert field == "skus" or "MUG\nTEA</textarea>" in answer.text
    assert field == "title" or 'value="A fifth off mugs"' in answer.text
    assert await count(shop, "deal") == 0


async def test_doubts_are_told_before_a_deal_is_kept_and_after(console: httpx.AsyncClient, shop: Shop) -> None:
    """Looking plans nothing and writes nothing into the books; what was told before is on the pages after."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    await planned_deal(console, event, title="The first")
    before = [await count(shop, table) for table in ("deal", "staff_action", "price_history", "attempt_key")]
    form = {**DEAL, "title": "The second", "units": "5000", "skus": "MUG", "form": str(new_id())}
    answer = await press(console, f"{event}/deals", {**form, "step": "check"})
    assert answer.status_code == 200, answer.text
    for expected in ("Not saved yet.", "this one and The second", "5,000 units to be claimed, but only 1,000"):
        assert expected in answer.text, expected
    assert [await count(shop, table) for table in ("deal", "staff_action", "price_history", "attempt_key")] == before
    answer = await press(console, f"{event}/deals", {**form, "form": hidden(answer, "form")})
    assert answer.status_code == 303
    for path in (event, answer.headers["location"]):
        assert "5,000 units to be claimed, but only 1,000" in (await console.get(path)).text
    clean = {**DEAL, "title": "Last", "skus": "LAST", "units": "3", "begins_at": at(3), "ends_at": at(4)}
    answer = await press(console, f"{event}/deals", {**clean, "form": str(new_id()), "step": "check"})
    assert "3 units to be claimed" not in answer.text


async def test_a_deal_is_changed_and_what_somebody_else_changed_is_not_lost(
    console: httpx.AsyncClient, shop: Shop
) -> None:
    """The second of two is told, sees what it is now and what was typed, and may write it over, knowingly."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    deal = await planned_deal(console, event)
    form = await console.get(f"{deal}/change")
    mine = {**DEAL, "title": "Mine", "form": hidden(form, "form"), "seen": hidden(form, "seen")}
    theirs = {**DEAL, "title": "Theirs", "value": "25", "form": str(new_id()), "seen": hidden(form, "seen")}
    assert (await press(console, f"{deal}/change", theirs)).status_code == 303
    answer = await press(console, f"{deal}/change", mine)
    assert answer.status_code == 409
    assert "Somebody has changed this deal since you opened the page." in answer.text
    assert "<dt>Title</dt><dd>Theirs</dd><dt>Value</dt><dd>25</dd>" in answer.text
    assert 'value="Mine"' in answer.text
    assert await shop.desk.fetchval("SELECT title FROM deal") == "Theirs"
    again = {**mine, "form": hidden(answer, "form"), "seen": hidden(answer, "seen")}
    assert (await press(console, f"{deal}/change", again)).status_code == 303
    assert await shop.desk.fetchval("SELECT title FROM deal") == "Mine"
    page = await console.get(deal)
    assert "value 2,500 → 2,000" in page.text


async def test_an_event_changed_meanwhile_is_not_overwritten_unseen(console: httpx.AsyncClient, shop: Shop) -> None:
    """As with deals."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    said = {**EVENT, "name": "Theirs", "seen": "1", "form": str(new_id())}
    assert (await press(console, f"{event}/change", said)).status_code == 303
    answer = await press(console, f"{event}/change", {**said, "name": "Mine", "form": str(new_id())})
    assert answer.status_code == 409
    assert "<dt>Name</dt><dd>Theirs</dd>" in answer.text
    assert 'value="Mine"' in answer.text
    assert hidden(answer, "seen") == "2"


# ---------------------------------------------------------------- a file


async def test_a_file_is_looked_at_before_it_is_planned(console: httpx.AsyncClient, shop: Shop) -> None:
    """Chosen as a file its rows come back in the box; looking plans nothing; pressed twice they are planned once."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    rows = HEAD + f"Cheap mugs,percent,20,MUG,{at(-1)},{at(1)},100\nTea at 4,price,4.00,TEA,{at(-1)},{at(1)},\n"
    answer = await send_file(console, event, rows, step="look", as_file=True)
    assert answer.status_code == 200, answer.text
    for expected in ("Nothing is planned yet. The file comes to 2 deals", "20 % off", "£4.00", "Cheap mugs,percent"):
        assert expected in answer.text, expected
    assert (await count(shop, "deal"), await count(shop, "deal_sku")) == (0, 0)
    name = hidden(answer, "form")
    for _ in range(2):
        answer = await send_file(console, event, rows, step="import", form=name)
        assert answer.headers["location"] == f"{event}?done=import"
    assert await count(shop, "deal") == 2
    page = await console.get(event)
    assert page.text.count("planned the deal") == 2
    assert "“from the buyers”" in page.text


async def test_rows_that_cannot_be_are_told_with_line_and_column(console: httpx.AsyncClient, shop: Shop) -> None:
    """All or nothing leaves everything as it was; keeping the good rows plans them."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    rows = HEAD + (
        f"Good,percent,20,MUG,{at(-1)},{at(1)},\nBad,percent,120,NOPE,{at(-1)},{at(1)},\n"
        f"Worse,gift,1,MUG,{at(-1)},{at(1)},x\n"
    )
    answer = await send_file(console, event, rows, step="import")
    assert answer.status_code == 422
    assert "Nothing was planned." in answer.text
    cells = re.findall(r'<td class="number">(\d+)</td><td>([^<]*)</td><td class="wordy">([^<]*)</td>', answer.text)
    assert [(line, column) for line, column, _ in cells] == [
        ("3", "skus"), ("3", "value"), ("4", "kind"), ("4", "units"),
    ]  # fmt: skip
    assert "Worse,gift" in answer.text
    assert await count(shop, "deal") == 0
    answer = await send_file(console, event, rows, step="import", keep="good")
    assert answer.status_code == 200, answer.text
    assert "1 deal is planned; 2 rows were left out." in answer.text
    assert await count(shop, "deal") == 1


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"", 400, "The file is empty"),
        (b"name;price\n", 400, "It seems to be separated by semicolons"),
        (b"\xff\xfe\x00", 400, "The file is not UTF-8"),
        (b"title\0", 400, "holds a NUL byte"),
        (HEAD.encode() + b'"open', 400, "is a quotation mark left open?"),
        (b"x" * (BYTES_MAX + 1), 413, "at most 1,048,576 bytes"),
        (HEAD.encode() + b"a,b,c,d,e,f,g\n" * 501, 413, "at most 500 rows"),
    ],
)
async def test_a_file_that_is_none_is_refused_in_words(
    console: httpx.AsyncClient, shop: Shop, content: bytes, status: int, sentence: str
) -> None:
    """Whichever button is pressed; the page stays."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    for step in ("look", "import"):
        answer = await send_file(console, event, content, step=step, as_file=True)
        assert answer.status_code == status
        assert sentence in answer.text
        assert "Import deals into Deal Days" in answer.text
    assert await count(shop, "deal") == 0


async def test_an_import_is_bounded_and_proves_to_be_ours(console: httpx.AsyncClient, shop: Shop) -> None:
    """A body beyond bounds, another kind of body, half a body, and a form from elsewhere."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    answer = await console.post(f"{event}/import", files={"file": ("x.csv", b"x" * (3 * BYTES_MAX))})
    assert answer.status_code == 413
    assert (await console.post(f"{event}/import", json={"rows": "x"})).status_code == 415
    assert (await console.post(f"{event}/import", data={"rows": "x"})).status_code == 403
    answer = await console.post(f"{event}/import", files={"rows": (None, HEAD), "csrf": (None, "made-up")})
    assert answer.status_code == 403
    for kind, body in (("multipart/form-data", b"x"), ("multipart/form-data; boundary=a", b"--a\r\nhalf")):
        answer = await console.post(f"{event}/import", content=body, headers={"content-type": kind})
        assert answer.status_code == 400, kind
    assert await count(shop, "deal") == 0


async def test_the_example_file_can_be_planned(console: httpx.AsyncClient, shop: Shop) -> None:
    """As it is downloaded."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    file = await console.get(f"{event}/example.csv")
    assert file.headers["content-type"].startswith("text/csv")
    assert 'filename="deals-example.csv"' in file.headers["content-disposition"]
    answer = await send_file(console, event, file.text, step="import")
    assert answer.status_code == 303, answer.text
    assert await count(shop, "deal") == 2


# ---------------------------------------------------------------- looking


async def test_any_moment_of_an_event_can_be_looked_at(console: httpx.AsyncClient, shop: Shop) -> None:
    """Before, for members first, for everybody, after: where deals stand, and what everything costs then."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    await planned_deal(console, event, skus="MUG", begins_at=at(3), members_from=at(2), ends_at=at(5))

    async def look(days: float, **asked: str) -> tuple[str, str]:
        page = (await console.get(f"{event}/preview", params={"at": at(days), **asked})).text
        price = re.search(r'<th scope="row" class="mono">MUG</th><td class="number">£12.50</td>(.*?)</tr>', page)
        badge = re.search(r'A fifth off mugs</a> <span class="badge[^"]*">([^<]+)', page)
        assert price is not None
        assert badge is not None
        found = re.search(r"£[\d.]+", price[1])
        assert found is not None
        return badge[1], found[0]

    assert await look(1) == ("upcoming", "£12.50")
    assert await look(2.5) == ("members first", "£12.50")
    assert await look(2.5, member="1") == ("members first", "£10.00")
    assert await look(4) == ("live", "£10.00")
    assert await look(6) == ("ended", "£12.50")
    page = await console.get(f"{event}/preview", params={"at": "some day"})
    assert "A date and a time" in page.text
    assert page.status_code == 200


# ---------------------------------------------------------------- running


async def test_a_deal_is_paused_resumed_extended_filled_and_ended(console: httpx.AsyncClient, shop: Shop) -> None:
    """Each with a reason, each in the book with who, when, why and from what to what; then no more is offered."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    deal = await planned_deal(console, event)

    async def run(move: str, **said: str) -> httpx.Response:
        page = await console.get(deal)
        return await press(console, f"{deal}/{move}", {"seen": hidden(page, "seen"), "reason": f"to {move} it", **said})

    for move, said in (
        ("pause", {}), ("resume", {}), ("extend", {"ends_at": at(4)}),
        ("units", {"change": "15", "form": str(new_id())}),
    ):  # fmt: skip
        answer = await run(move, **said)
        assert answer.headers["location"] == f"{deal}?done=deal-{move}", answer.text
    row = await shop.desk.fetchrow("SELECT units, paused_at, ends_at FROM deal")
    assert row is not None
    assert (row["units"], row["paused_at"], row["ends_at"].strftime("%Y-%m-%dT%H:%M")) == (25, None, at(4))
    assert (await run("end")).status_code == 303
    for page in (await console.get(deal), await console.get(event)):
        for expected in (
            "paused the deal", "resumed the deal", "extended the deal", "changed the units of the deal", "10 → 25",
            "ended the deal", "“to end it”",
        ):  # fmt: skip
            assert expected in page.text, expected
    assert "Run it" not in (await console.get(deal)).text
    answer = await press(
        console, f"{deal}/units", {"seen": "9", "reason": "more", "change": "1", "form": str(new_id())}
    )
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("move", "said", "field", "problem"),
    [
        ("pause", {"reason": "x"}, "reason", "Say why"),
        ("end", {"reason": ""}, "reason", "Say why"),
        ("units", {"change": "some"}, "change", "A whole number"),
        ("units", {"change": "0"}, "change", "not 0"),
        ("units", {"change": "-9"}, "change", "at least 2 must stay"),
        ("extend", {"ends_at": at(1)}, "ends_at", "Later than it ends now."),
        ("extend", {"ends_at": at(11)}, "ends_at", "Not after its sale event closes."),
        ("extend", {"ends_at": "soon"}, "ends_at", "A date and a time"),
    ],
)
async def test_a_move_that_cannot_be_is_said_at_its_field(
    console: httpx.AsyncClient, shop: Shop, move: str, said: Mapping[str, str], field: str, problem: str
) -> None:
    """Its form is open again with what was typed, and nothing is changed."""
    await enter(console, shop, Role.OPERATOR)
    deal = await planned_deal(console, await planned_event(console))
    await claim(shop, id_in(deal), state="held", quantity=2)
    form = {"seen": "1", "reason": "as agreed", "form": str(new_id()), **said}
    answer = await press(console, f"{deal}/{move}", form)
    assert answer.status_code in (409, 422)
    found = re.search(rf'id="wrong-{field}">(.*?)</p>', answer.text)
    assert found is not None, answer.text
    assert problem in found[1]
    if said.get(field):
        assert f'value="{said[field]}"' in answer.text
    assert await shop.desk.fetchval("SELECT version FROM deal") == 1


async def test_what_adds_asks_which_version_was_seen_and_the_brakes_do_not(
    console: httpx.AsyncClient, shop: Shop
) -> None:
    """Two who add the same units add them once, and the second is told; whoever pauses or ends is not sent to look."""
    await enter(console, shop, Role.OPERATOR)
    deal = await planned_deal(console, await planned_event(console))
    said = {"seen": "1", "reason": "they go fast", "change": "5"}
    assert (await press(console, f"{deal}/units", {**said, "form": str(new_id())})).status_code == 303
    answer = await press(console, f"{deal}/units", {**said, "form": str(new_id())})
    assert answer.status_code == 409
    assert "Somebody has changed this deal since you opened the page." in answer.text
    assert 'value="they go fast"' in answer.text
    assert await shop.desk.fetchval("SELECT units FROM deal") == 15
    answer = await press(console, f"{deal}/extend", {"seen": "1", "reason": "as agreed", "ends_at": at(5)})
    assert answer.status_code == 409
    assert (await press(console, f"{deal}/pause", {"seen": "1", "reason": "wrong price"})).status_code == 303
    assert (await press(console, f"{deal}/resume", {"seen": "1", "reason": "price mended"})).status_code == 409
    assert (await press(console, f"{deal}/end", {"seen": "1", "reason": "wrong price"})).status_code == 303


async def test_of_many_who_add_the_same_units_one_does(console: httpx.AsyncClient, shop: Shop) -> None:
    """A crowd that looked at one version, each with a form of their own: one is done, all others are told."""
    await enter(console, shop, Role.OPERATOR)
    deal = await planned_deal(console, await planned_event(console))
    forms = [{"seen": "1", "reason": "they go fast", "change": "5", "form": str(new_id())} for _ in range(8)]
    answers = await asyncio.gather(*(press(console, f"{deal}/units", form) for form in forms))
    assert sorted(answer.status_code for answer in answers) == [303] + [409] * 7
    assert await shop.desk.fetchval("SELECT units FROM deal") == 15


async def test_the_kill_switch_stops_a_whole_event(console: httpx.AsyncClient, shop: Shop) -> None:
    """With a reason; then every price is the list price, and nothing in it can be changed."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    deal = await planned_deal(console, event)
    answer = await press(console, f"{event}/stop", {"reason": ""})
    assert answer.status_code == 422
    assert 'id="wrong-reason"' in answer.text
    answer = await press(console, f"{event}/stop", {"reason": "the prices are wrong"})
    assert answer.headers["location"] == f"{event}?done=event-stop"
    page = await console.get(event)
    for expected in ("stopped", "“the prices are wrong”", "ended"):
        assert expected in page.text, expected
    assert "Stop the whole event" not in page.text
    assert (await press(console, f"{deal}/pause", {"reason": "as agreed"})).status_code == 409
    assert (await press(console, f"{event}/deals", {**DEAL, "form": str(new_id())})).status_code == 409
    latest = "SELECT price_minor FROM price_history WHERE sku = 'MUG' ORDER BY since DESC LIMIT 1"
    assert await shop.desk.fetchval(latest) == 1_250


# ---------------------------------------------------------------- watching


async def test_a_deal_tells_how_it_sells(console: httpx.AsyncClient, shop: Shop) -> None:
    """Sold, claimed, free; what became of claims; revenue at the price claimed for; how long the rest lasts."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    deal = await planned_deal(console, event, units="100", skus="MUG")
    page = await console.get(deal)
    for expected in ("too little is claimed to tell", "none has ended", "Nothing was claimed in the last hour."):
        assert expected in page.text, expected
    for _ in range(3):
        await claim(shop, id_in(deal), state="bought", quantity=10, price_minor=1_000, minutes_ago=3)
    await claim(shop, id_in(deal), state="held", quantity=10, minutes_ago=2)
    await claim(shop, id_in(deal), state="released", quantity=50, minutes_ago=2)
    await claim(shop, id_in(deal), state="bought", quantity=1, price_minor=999, minutes_ago=90)
    page = await console.get(deal)
    tiles = dict(re.findall(r'<dt class="tile-name">([^<]+)</dt><dd class="tile-value">([^<]+)</dd>', page.text))
    assert tiles == {
        "Free": "59", "Sold": "31", "Claimed now": "10", "Claims bought": "80 %", "Revenue of claims": "£309.99",
        "Sells out in": "15 min",  # 40 units kept in ten minutes, 59 left
    }  # fmt: skip
    assert "90 in an hour" in page.text
    assert (
        '<rect class="sale-sold" width="310" height="10"/><rect class="sale-claimed" x="310" width="100"' in page.text
    )
    page = await console.get(event)
    assert "4 of 5 that ended" in page.text
    assert "£309.99" in page.text


async def test_a_deal_that_limits_customers_and_has_no_units_is_watched(console: httpx.AsyncClient, shop: Shop) -> None:
    """What is claimed and sold of it is told; that anything of it were free, or could be added, is not."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    deal = await planned_deal(console, event, units="", per_customer="2", skus="MUG")
    await claim(shop, id_in(deal), state="bought", quantity=2, price_minor=1_000, minutes_ago=3)
    page = await console.get(deal)
    assert page.status_code == 200
    assert "as many as there are, 2 for each customer" in page.text
    assert "Add units" not in page.text
    page = await console.get(event)
    assert page.status_code == 200
    assert "as many as there are" in page.text


async def test_the_deals_of_an_event_are_exported(console: httpx.AsyncClient, shop: Shop) -> None:
    """With their figures; what a spreadsheet would carry out as a formula is words."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    deal = await planned_deal(console, event, title='=HYPERLINK("http://evil.example";"20 % off")')
    await planned_deal(
        console, event, title="A price, and no limit", kind="price", value="4.00", skus="TEA", units="", per_customer=""
    )
    await claim(shop, id_in(deal), state="bought", quantity=2, price_minor=1_000)
    answer = await console.get(f"{event}/deals.csv")
    assert 'filename="deal-days-deals.csv"' in answer.headers["content-disposition"]
    head, first, second = csv.reader(io.StringIO(answer.text))
    assert tuple(head) == COLUMNS
    told = dict(zip(head, first, strict=True))
    assert told["title"] == '\'=HYPERLINK("http://evil.example";"20 % off")'
    figures = ("state", "value", "skus", "units", "sold", "free", "claims", "revenue of claims")
    assert [told[name] for name in figures] == [
        "live", "20", "MUG;TEA", "10", "2", "8", "1", "20.00",
    ]  # fmt: skip
    told = dict(zip(head, second, strict=True))
    assert [told[name] for name in ("title", "units", "free", "revenue of claims")] == [
        "A price, and no limit",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1"])
def test_a_formula_is_made_words(text: str) -> None:
    """Whatever a spreadsheet would carry out."""
    assert harmless(text) == f"'{text}"
    assert harmless("A fifth off = cheap") == "A fifth off = cheap"


async def test_a_long_event_is_paged(console: httpx.AsyncClient, shop: Shop) -> None:
    """Fifty deals a page, each on one."""
    await enter(console, shop, Role.OPERATOR)
    event = await planned_event(console)
    rows = HEAD + "".join(f"Deal {n},percent,20,MUG,{at(-1)},{at(1)},\n" for n in range(60))
    assert (await send_file(console, event, rows, step="import")).status_code == 303
    pages = [(await console.get(event, params={"page": str(page)})).text for page in (1, 2)]
    shown = [len(re.findall(r'<tr>\s*<th scope="row" class="sale-title"><a href="/ops/deals/', page)) for page in pages]
    assert shown == [50, 10]
