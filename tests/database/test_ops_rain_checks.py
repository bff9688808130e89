"""Rain checks in the console: looked at first, given once, withdrawn; by operators."""

import re

import httpx

from evertill.audit import audit
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.shop import Shop
from evertill.staff import Role
from evertill.storage import Connection
from tests.consoling import enter, hidden, press
from tests.dealing import counts, make_customer, make_deal

DEAL = new_id()
FORM = {
    "who": "named", "since": "", "until": "", "emails": "", "each": "1", "sku": "", "units": "10", "days": "3",
    "reason": "the outage at noon", "step": "look",
}  # fmt: skip


async def test_staff_look_give_and_withdraw(console: httpx.AsyncClient, shop: Shop, connection: Connection) -> None:
    """Shown first, then given once however often it is pressed, told of with who and why, and withdrawn."""
    await make_deal(connection, DEAL, "MUG")
    page = f"/ops/deals/{DEAL}/rain-checks"
    await enter(console, shop, Role.OPERATOR)
    assert "Rain checks" in (await console.get(f"/ops/deals/{DEAL}")).text
    emails = [f"{(await make_customer(connection)).hex}@example.com" for _ in range(3)]
    form = {**FORM, "emails": "\r\n".join([*emails, "", "eve@example.com"]), "each": "4"}
    look = await press(console, page, form)
    assert look.status_code == 200
    said = re.sub(r"\s+", " ", look.text)
    assert "Nothing is given yet. 2 of 3 people would get a rain check, for 8 of 12 units." in said
    assert "No account has eve@example.com." in said
    assert emails[2] in said  # nothing has to be typed again
    assert await connection.fetchval("SELECT count(*) FROM claim") == 0
    sent = {**form, "step": "give", "form": hidden(look, "form")}
    for _ in range(2):
        answer = await press(console, page, sent)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{page}?done=rain-checks")
    assert await connection.fetchval("SELECT sum(quantity) FROM claim") == 8
    said = re.sub(r"\s+", " ", (await console.get(page)).text)
    assert "8 of 10 units set aside, to 2 people" in said
    assert "by Operator" in said
    assert "gave rain checks" in said
    grant_id = await connection.fetchval("SELECT id FROM rain_check_grant")
    refused = await press(console, f"{page}/{grant_id}/withdrawal", {"reason": ""})
    assert (refused.status_code, "Say why" in refused.text) == (422, True)
    answer = await press(console, f"{page}/{grant_id}/withdrawal", {"reason": "by mistake"})
    assert answer.status_code == 303
    assert "8 withdrawn" in (await console.get(page)).text
    assert await counts(connection, DEAL, "MUG") == (0, 0, 0)
    assert (await audit(connection, now=utc_now())).shown() == ()


async def test_what_cannot_be_is_said_beside_its_field(
    console: httpx.AsyncClient, shop: Shop, connection: Connection
) -> None:
    """Each field with what is allowed; what was typed stays."""
    await make_deal(connection, DEAL, "MUG", "TEA")
    await enter(console, shop, Role.OPERATOR)
    for other, said in (
        ({"who": "everybody"}, "Please choose one."),
        ({"who": "lost", "since": "noon", "until": "2026-11-27T08:00"}, "A date and a time"),
        ({"who": "lost", "since": "2026-11-27T09:00", "until": "2026-11-27T08:00"}, "A period: from when to when"),
        ({"units": "many"}, "A whole number."),
        ({"days": "91", "sku": "MUG"}, "A whole number of days from 1 to 90."),
        ({"sku": "MUG"}, "E-mails of customers, one a line, 1 to 10,000."),
        ({"emails": "eve@example.com"}, "Please choose the SKU they may have."),
        ({"sku": "GONE", "who": "carts"}, "One of the deal&#39;s SKUs."),
        ({"who": "carts", "step": "give"}, "There is nobody to give one to"),
        ({"who": "carts", "step": "give", "reason": ""}, "Say why"),
    ):
        answer = await press(console, f"/ops/deals/{DEAL}/rain-checks", {**FORM, "form": new_id().hex, **other})
        assert answer.status_code in (409, 422), (other, answer.status_code)
        assert said in answer.text, (other, answer.text)
    assert await connection.fetchval("SELECT count(*) FROM rain_check_grant") == 0


async def test_viewers_look_and_give_nothing(console: httpx.AsyncClient, shop: Shop, connection: Connection) -> None:
    """Nobody at the door sees it; a viewer sees what was given, and no form."""
    await make_deal(connection, DEAL, "MUG")
    page = f"/ops/deals/{DEAL}/rain-checks"
    assert (await console.get(page)).status_code == 303
    await enter(console, shop, Role.VIEWER)
    shown = await console.get(page)
    assert re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', shown.text) == ["/ops/sign-out"]
    for path in (page, f"{page}/{new_id()}/withdrawal"):
        assert (await press(console, path, FORM)).status_code == 403
    await enter(console, shop, Role.OPERATOR)
    assert (await press(console, f"{page}/{new_id()}/withdrawal", {"reason": "because"})).status_code == 404
    assert (await console.get(f"/ops/deals/{new_id()}/rain-checks")).status_code == 404
