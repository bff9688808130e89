"""Codes in the console: made, drawn, watched and ended; what is refused loses nothing."""

import csv
import io
import re

import httpx
import pytest

from evertill.audit import audit
from evertill.checkout.model import Completion
from evertill.clock import utc_now
from evertill.codes import folded
from evertill.shop import Shop
from evertill.staff import Role
from tests.buying import placing
from tests.coding import open_with_code
from tests.consoling import enter, press

CODE = {
    "how": "named", "code": "summer-10", "how_many": "", "kind": "percent", "value": "10", "begins_at": "",
    "ends_at": "2099-01-01T00:00", "uses_max": "2", "per_customer": "1", "minimum": "5.00", "reason": "the newsletter",
}  # fmt: skip


async def test_a_code_is_made_used_and_ended(console: httpx.AsyncClient, shop: Shop) -> None:
    """By its name, with who, when and why; its figures follow, and after its end nobody has it."""
    await enter(console, shop, Role.OPERATOR)
    answer = await press(console, "/ops/codes", CODE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/ops/codes?done=code")
    session = await open_with_code(shop, "Summer-10")
    answer_ = await shop.checkout.complete(placing(session))
    assert isinstance(answer_, Completion)
    page = (await console.get("/ops/codes")).text
    assert "SUMMER-10" in page
    assert "10 % off" in page
    assert "£2.50" in page  # taken off
    assert "the newsletter" in page
    assert "made the code" in page
    found = (await console.get(f"/ops/orders/{answer_.order_id}")).text
    assert "/ops/codes?q=SUMMER-10" in found
    for reason, done in (("", 422), ("misprinted", 303), ("misprinted", 303)):
        assert (await press(console, "/ops/codes/SUMMER-10/end", {"reason": reason})).status_code == done
    assert await shop.desk.fetchval("SELECT count(*) FROM staff_action WHERE verb = 'end_code'") == 1
    late = await open_with_code(shop, "SUMMER-10", owner="browser:ben")
    assert [remark.code for remark in late.terms.remarks] == ["code_over"]
    assert "over" in (await console.get("/ops/codes?q=summer-10")).text
    async with shop.console.acquire() as connection:
        assert (await audit(connection, now=utc_now())).anomalies == 0


async def test_many_are_drawn_and_fetched_as_a_file(console: httpx.AsyncClient, shop: Shop) -> None:
    """Each once, none alike, each for one use; the file says which are used; they end together."""
    await enter(console, shop, Role.OPERATOR)
    drawn = {**CODE, "how": "drawn", "how_many": "250", "code": "vip-", "minimum": "", "per_customer": ""}
    assert (await press(console, "/ops/codes", drawn)).headers["location"] == "/ops/codes?done=codes"
    page = (await console.get("/ops/codes")).text
    address = re.search(r'href="(/ops/codes/drawn/([0-9a-f-]{36})/codes\.csv)"', page)
    assert address is not None
    file = await console.get(address[1])
    rows = list(csv.DictReader(io.StringIO(file.text)))
    codes = {row["code"] for row in rows}
    assert len(rows) == len(codes) == 250
    assert all(code.startswith("VIP-") and folded(code) == code and len(code) == 16 for code in codes)
    session = await open_with_code(shop, rows[7]["code"].lower())
    assert isinstance(await shop.checkout.complete(placing(session)), Completion)
    again = await open_with_code(shop, rows[7]["code"], owner="browser:ben")
    assert [remark.code for remark in again.terms.remarks] == ["code_used_up"]
    used = [row["code"] for row in csv.DictReader(io.StringIO((await console.get(address[1])).text)) if row["used"]]
    assert used == [rows[7]["code"]]
    assert "250 drawn codes" in (await console.get(f"/ops/codes?q={rows[9]['code']}")).text
    assert (await press(console, f"/ops/codes/{address[2]}/end", {"reason": "leaked"})).status_code == 303
    assert await shop.desk.fetchval("SELECT count(*) FROM discount_code WHERE ended_at IS NULL") == 0


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("code", "a"), ("code", "with blank"), ("code", "ÅÅÅ"), ("kind", "gift"), ("value", ""), ("value", "0"),
        ("value", "100"), ("value", "-1"), ("value", "10.001"), ("value", "lots"), ("ends_at", "2001-01-01T00:00"),
        ("ends_at", "tomorrow"), ("begins_at", "0001-01-01T00:00+14:00"), ("uses_max", "0"), ("uses_max", "many"),
        ("per_customer", "1.5"), ("minimum", "-5"), ("reason", ""), ("reason", "x" * 301),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_said_beside_its_field(
    console: httpx.AsyncClient, shop: Shop, field: str, typed: str
) -> None:
    """And nothing that was typed is lost."""
    await enter(console, shop, Role.OPERATOR)
    answer = await press(console, "/ops/codes", {**CODE, field: typed})
    assert answer.status_code == 422
    assert f'aria-describedby="wrong-{field}' in answer.text
    assert 'value="summer-10"' in answer.text or field == "code"
    assert await shop.desk.fetchval("SELECT count(*) FROM discount_code") == 0


@pytest.mark.parametrize("how_many", ["", "0", "1001", "1e3"])
async def test_so_many_are_drawn_at_once_and_no_more(console: httpx.AsyncClient, shop: Shop, how_many: str) -> None:
    """A number is asked for, and it has a bound."""
    await enter(console, shop, Role.OPERATOR)
    answer = await press(console, "/ops/codes", {**CODE, "how": "drawn", "how_many": how_many})
    assert answer.status_code == 422
    assert 'aria-describedby="wrong-how_many' in answer.text


async def test_a_name_is_given_once(console: httpx.AsyncClient, shop: Shop) -> None:
    """Orders name it, so it is never another code."""
    await enter(console, shop, Role.OPERATOR)
    assert (await press(console, "/ops/codes", CODE)).status_code == 303
    answer = await press(console, "/ops/codes", {**CODE, "code": "SUMMER-10"})
    assert answer.status_code == 409
    assert 'aria-describedby="wrong-code' in answer.text


async def test_whoever_only_looks_makes_nothing_and_takes_no_codes_along(
    console: httpx.AsyncClient, shop: Shop
) -> None:
    """Codes are worth money."""
    await enter(console, shop, Role.OPERATOR)
    await press(console, "/ops/codes", {**CODE, "how": "drawn", "how_many": "3"})
    batch = await shop.desk.fetchval("SELECT batch FROM discount_code LIMIT 1")
    await enter(console, shop, Role.VIEWER)
    page = (await console.get("/ops/codes")).text
    assert "New codes" not in page
    assert "codes.csv" not in page
    assert (await console.get(f"/ops/codes/drawn/{batch}/codes.csv")).status_code == 403
    assert (await press(console, "/ops/codes", CODE)).status_code == 403
    assert (await press(console, f"/ops/codes/{batch}/end", {"reason": "leaked"})).status_code == 403
