"""The staff API: programs are let in, prove themselves, and plan and run deal days as staff do in the console."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from evertill.clients.admitting import CLIENTS_MAX, Admitted, make_client, revoke_client
from evertill.clients.granting import API_SECRET
from evertill.clients.model import TOKEN_LIFE, Claimed, Scope, read_token, token_for
from evertill.deals.importing import ROWS_MAX
from evertill.deals.reading import EVENTS_MAX
from evertill.ids import id_at, new_id
from evertill.refusals import Conflict, NotAllowed
from evertill.shop import Shop
from evertill.signing import Signer, token_hash
from evertill.staff import Role
from tests.consoling import console_of, enter, press

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
BASE = "/staff/v1"
TOKEN = f"{BASE}/token"
WHY = "as agreed"


def at(days: float) -> str:
    """A time so many days from now, in UTC."""
    return (NOW + DAY * days).strftime("%Y-%m-%dT%H:%M:%SZ")


EVENT: dict[str, object] = {
    "slug": "deal-days", "name": "Deal Days", "time_zone": "Europe/London", "opens_at": at(-2), "closes_at": at(10),
    "reason": WHY,
}  # fmt: skip
DEAL: dict[str, object] = {
    "title": "A fifth off mugs", "kind": "percent", "value": 2_000, "skus": ["MUG", "TEA"], "begins_at": at(-1),
    "ends_at": at(2), "units": 10, "per_customer": 2, "reason": WHY,
}  # fmt: skip
ROW = {name: value for name, value in DEAL.items() if name != "reason"}
HEAD = "title,kind,value,skus,begins at,ends at,units\n"


class Caller:
    """A program with its token."""

    def __init__(self, http: httpx.AsyncClient, admitted: Admitted, token: str) -> None:
        self.http, self.admitted, self.token = http, admitted, token

    async def send(
        self, method: str, path: str, said: object = None, *, key: str | None = "", **headers: str
    ) -> httpx.Response:
        """A request under a key of its own where none is said; None: under none."""
        named = {} if key is None else {"idempotency-key": key or new_id().hex}
        return await self.http.request(
            method, path if path.startswith("/") else f"{BASE}/{path}", json=said,
            headers={"authorization": f"Bearer {self.token}", **named, **headers},
        )  # fmt: skip

    async def get(self, path: str) -> Any:
        answer = await self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def made(self, path: str, said: object) -> Any:
        answer = await self.send("POST", path, said)
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"].endswith(answer.json()["id"])
        return answer.json()

    async def event(self, **other: object) -> Any:
        return await self.made("events", {**EVENT, **other})

    async def deal(self, event: Mapping[str, Any], **other: object) -> Any:
        return await self.made(f"events/{event['id']}/deals", {**DEAL, **other})


async def admit(shop: Shop, *scopes: Scope, name: str = "Buying desk") -> Admitted:
    """A program, let in by an admin."""
    async with console_of(shop) as console:
        admin = await enter(console, shop, Role.ADMIN)
    return await make_client(
        shop.console, name=name, scopes=scopes or tuple(Scope), reason="to plan", by=admin, now=shop.clock()
    )


async def prove(http: httpx.AsyncClient, admitted: Admitted, **other: str) -> httpx.Response:
    """Ask for a token, id and secret in the form."""
    said = {
        "grant_type": "client_credentials", "client_id": admitted.client.id.hex, "client_secret": admitted.secret,
    }  # fmt: skip
    return await http.post(TOKEN, data={**said, **other})


@pytest.fixture
async def http(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Something that speaks HTTP, with no cookie at all."""
    async with console_of(shop) as client:
        yield client


@pytest.fixture
async def caller(http: httpx.AsyncClient, shop: Shop) -> Caller:
    """A program that may everything."""
    admitted = await admit(shop)
    return Caller(http, admitted, (await prove(http, admitted)).json()["access_token"])


def problem(answer: httpx.Response, status: int, code: str, *fields: str) -> Any:
    """What a refusal says, in the shape of RFC 9457."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    said = answer.json()
    assert (answer.status_code, said["status"], said["code"]) == (status, status, code), said
    assert [each["field"] for each in said["errors"]] == list(fields), said
    return said


# ---------------------------------------------------------------- who is let in


async def test_an_admin_lets_a_program_in_and_shuts_it_out(console: httpx.AsyncClient, shop: Shop) -> None:
    """The secret is shown once and kept nowhere; making and revoking are in the book with who and why."""
    await enter(console, shop, Role.ADMIN)
    fields = {"name": "Buying desk", "scope_read": "1", "scope_run": "1", "reason": "the spring sale"}
    page = await press(console, "/ops/clients", fields)
    found = re.search(r"shown this once: <code[^>]*>([\w-]{43})<", page.text)
    assert found is not None, page.text
    secret = found[1]
    row = await shop.desk.fetchrow("SELECT * FROM api_client")
    assert row is not None
    assert (row["name"], row["scopes"], row["secret_hash"]) == (
        "Buying desk",
        ["deals:read", "deals:run"],
        token_hash(secret),
    )
    again = await console.get("/ops/clients")
    assert secret not in again.text
    assert "made an API client" in again.text
    assert "the spring sale" in again.text
    body = {"grant_type": "client_credentials", "client_id": str(row["id"]), "client_secret": secret}
    assert (await console.post(TOKEN, data=body)).status_code == 200
    gone = await press(console, "/ops/clients/revoke", {"client": row["id"].hex, "reason": "no longer needed"})
    assert gone.status_code == 303
    assert (await console.post(TOKEN, data=body)).status_code == 401
    book = await shop.desk.fetch("SELECT verb, reason, staff_id IS NOT NULL AS named FROM staff_action ORDER BY id")
    assert [tuple(each) for each in book if each["verb"].endswith("_client")] == [
        ("make_client", "the spring sale", True), ("revoke_client", "no longer needed", True),
    ]  # fmt: skip


async def test_only_an_admin_decides_which_programs_are_let_in(console: httpx.AsyncClient, shop: Shop) -> None:
    """Neither seen nor made nor revoked by an operator, nor by an admin who is none any more."""
    await enter(console, shop, Role.OPERATOR)
    assert (await console.get("/ops/clients")).status_code == 403
    for path in ("/ops/clients", "/ops/clients/revoke"):
        assert (await press(console, path, {"name": "x", "scope_read": "1", "reason": WHY})).status_code == 403
    operator = await shop.desk.fetchval("SELECT id FROM staff")
    for verb in (
        make_client(shop.console, name="x", scopes=[Scope.READ], reason=WHY, by=operator, now=NOW),
        revoke_client(shop.console, client_id=new_id(), reason=WHY, by=operator, now=NOW),
    ):
        with pytest.raises(NotAllowed):
            await verb
    assert await shop.desk.fetchval("SELECT count(*) FROM api_client") == 0


async def test_what_cannot_be_said_of_a_program_comes_back_with_what_was_typed(
    console: httpx.AsyncClient, shop: Shop
) -> None:
    """No name, no scope, no reason: each told at its field, the rest kept; a client that is none is not there."""
    await enter(console, shop, Role.ADMIN)
    page = await press(console, "/ops/clients", {"name": "Buying desk", "reason": WHY})
    assert page.status_code == 422
    assert 'value="Buying desk"' in page.text
    assert "At least one of deals:read" in page.text
    page = await press(console, "/ops/clients", {"name": "", "scope_write": "1", "reason": ""})
    assert page.status_code == 422
    assert "1 to 60 characters" in page.text
    assert 'name="scope_write" value="1" checked' in page.text
    page = await press(console, "/ops/clients", {"name": "x", "scope_write": "1", "reason": "?"})
    assert "Say why" in page.text
    admitted = await admit(shop)
    await enter(console, shop, Role.ADMIN)
    page = await press(console, "/ops/clients/revoke", {"client": admitted.client.id.hex, "reason": ""})
    assert page.status_code == 422
    assert await shop.desk.fetchval("SELECT revoked_at FROM api_client") is None
    for id_ in (new_id().hex, "x", ""):
        answer = await press(console, "/ops/clients/revoke", {"client": id_, "reason": WHY})
        assert answer.status_code == 404


async def test_there_are_only_so_many_programs(shop: Shop) -> None:
    """However many admins make one at once: the admins' lock puts them in a row."""
    async with console_of(shop) as console:
        admin = await enter(console, shop, Role.ADMIN)

    async def make(number: int) -> bool:
        try:
            await make_client(
                shop.console, name=f"n{number}", scopes=[Scope.READ], reason=WHY, by=admin, now=shop.clock()
            )
        except Conflict:
            return False
        return True

    made = await asyncio.gather(*(make(number) for number in range(CLIENTS_MAX + 5)))
    assert sum(made) == CLIENTS_MAX == await shop.desk.fetchval("SELECT count(*) FROM api_client")


async def test_the_book_names_one_who_did_it(shop: Shop, http: httpx.AsyncClient) -> None:
    """Somebody of staff or a program, never both: the table says so."""
    admitted = await admit(shop)
    staff = await shop.desk.fetchval("SELECT id FROM staff")
    with pytest.raises(asyncpg.CheckViolationError, match="staff_action_of_one"):
        await shop.desk.execute(
            """INSERT INTO staff_action (id, staff_id, client_id, at, verb, subject)
               VALUES ($1, $2, $3, now(), 'x', 'x')""",
            new_id(), staff, admitted.client.id,
        )  # fmt: skip


# ---------------------------------------------------------------- tokens


async def test_a_token_is_had_by_basic_or_by_form(http: httpx.AsyncClient, shop: Shop) -> None:
    """RFC 6749, sections 2.3.1, 4.4 and 5.1: never cached, a quarter of an hour, for as much as was asked."""
    admitted = await admit(shop, Scope.READ, Scope.RUN)
    answer = await prove(http, admitted)
    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == ("no-store", "application/json")
    said = answer.json()
    assert set(said) == {"access_token", "token_type", "expires_in", "scope"}
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 900, "deals:read deals:run")
    basic = base64.b64encode(f"{admitted.client.id}:{admitted.secret}".encode()).decode()
    answer = await http.post(
        TOKEN, data={"grant_type": "client_credentials", "scope": "deals:read"},
        headers={"authorization": f"Basic {basic}"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["scope"]) == (200, "deals:read")
    assert await shop.desk.fetchval("SELECT last_used_at FROM api_client") is not None
    assert await shop.desk.fetchval("SELECT coalesce(sum(tries), 0) FROM sign_in_try") == 0


async def test_a_token_is_refused_in_the_words_of_the_standard(http: httpx.AsyncClient, shop: Shop) -> None:
    """RFC 6749, section 5.2: whoever proves nothing learns nothing."""
    admitted = await admit(shop, Scope.READ)
    other = await admit(shop, name="Other")

    async def told(answer: httpx.Response) -> tuple[int, str]:
        assert set(answer.json()) == {"error", "error_description"}
        assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", answer.json()["error_description"]), answer.text
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code, answer.json()["error"]

    for wrong in (
        {"client_secret": other.secret}, {"client_secret": ""}, {"client_id": new_id().hex}, {"client_id": "💥"},
        {"client_id": ""}, {"client_id": other.client.id.hex},
    ):  # fmt: skip
        answer = await prove(http, admitted, **wrong)
        assert await told(answer) == (401, "invalid_client")
        assert answer.headers["www-authenticate"] == 'Basic realm="staff"'
    for scope in ("deals:write", "deals:read deals:write", "everything", "deals:read,deals:run"):
        assert await told(await prove(http, admitted, scope=scope)) == (400, "invalid_scope")
    assert await told(await prove(http, admitted, grant_type="password")) == (400, "unsupported_grant_type")
    assert await told(await http.post(TOKEN, json={})) == (415, "invalid_request")
    assert await told(await http.post(TOKEN, data={"x": "y" * 70_000})) == (413, "invalid_request")
    for header in ("Basic !", "Basic /w==", "Bearer x"):
        answer = await http.post(TOKEN, data={"grant_type": "client_credentials"}, headers={"authorization": header})
        assert await told(answer) == (400, "invalid_request"), header
    basic = {"authorization": "Basic eDp5"}
    twice = await http.post(TOKEN, data={"client_secret": "x", "grant_type": "client_credentials"}, headers=basic)
    assert await told(twice) == (400, "invalid_request")


async def test_guessing_a_secret_has_an_end(http: httpx.AsyncClient, shop: Shop) -> None:
    """A crowd that guesses is stopped, however it writes the id; the right secret is not looked at any more, either."""
    admitted = await admit(shop)
    id_ = admitted.client.id
    spelled = (id_.hex, str(id_), f"{{{id_}}}", id_.hex.upper())

    async def guess(number: int) -> int:
        return (await prove(http, admitted, client_id=spelled[number % 4], client_secret=f"x{number}")).status_code

    told = await asyncio.gather(*(guess(number) for number in range(API_SECRET.per_email + 20)))
    assert told.count(401) == API_SECRET.per_email
    assert told.count(429) == 20
    stopped = await prove(http, admitted)
    assert (stopped.status_code, stopped.json()["error"]) == (429, "too_many_tries")
    assert int(stopped.headers["retry-after"]) > 0


async def test_one_place_cannot_guess_at_many_programs(http: httpx.AsyncClient, shop: Shop) -> None:
    """The bound of an address counts over all clients."""
    admitted = await admit(shop)
    told = [
        (await prove(http, admitted, client_id=new_id().hex)).status_code for _ in range(API_SECRET.per_network + 1)
    ]
    assert set(told[:-1]) == {401}
    assert told[-1] == 429


async def test_a_token_is_ours_whole_and_young(caller: Caller, shop: Shop) -> None:
    """Forged, changed, over, of another purpose or of a client that never was: 401, as RFC 6750 has it."""
    client = caller.admitted.client
    claimed, now = Claimed(client.id, (Scope.READ,)), shop.clock()
    over = token_for(shop.signer, claimed, expires_at=now - timedelta(seconds=1))
    forged = token_for(Signer(b"evil" * 8), claimed, expires_at=now + DAY)
    nobodys = token_for(shop.signer, Claimed(new_id(), (Scope.READ,)), expires_at=now + DAY)
    text, _, signature = caller.token.rpartition(".")
    wider = f"{text.replace('read-', '')}.{signature}"
    for_links = f"{text}.{shop.signer.sign('csrf', text)}"
    for token in (
        over, forged, nobodys, wider, for_links, caller.token[:-1], caller.token + "A", "", ".", "x" * 10_000, "é",
        caller.admitted.secret, f"{text}.",
    ):  # fmt: skip
        answer = await caller.http.get(
            f"{BASE}/events", headers={b"authorization": f"Bearer {token}".encode("latin-1")}
        )
        problem(answer, 401, "invalid_token")
        assert answer.headers["www-authenticate"] == 'Bearer realm="staff", error="invalid_token"'
    for header in ({}, {"authorization": "Basic eDp5"}, {"authorization": caller.token}):
        answer = await caller.http.get(f"{BASE}/events", headers=header)
        problem(answer, 401, "token_needed")
        assert answer.headers["www-authenticate"] == 'Bearer realm="staff"'  # no error where nothing was shown


def test_a_token_ends_with_its_quarter_of_an_hour() -> None:
    """To the second, by the clock that is handed in."""
    signer, claimed = Signer(b"test" * 8), Claimed(new_id(), (Scope.READ, Scope.RUN))
    made = NOW.replace(microsecond=0)
    token = token_for(signer, claimed, expires_at=made + TOKEN_LIFE)
    assert read_token(signer, token, now=made + TOKEN_LIFE - timedelta(seconds=1)) == claimed
    assert read_token(signer, token, now=made + TOKEN_LIFE) is None


async def test_tokens_of_a_revoked_program_stop_at_once(caller: Caller, shop: Shop) -> None:
    """Not when they are over: with the next request."""
    await caller.get("events")
    admin = await shop.desk.fetchval("SELECT id FROM staff")
    for _ in range(2):
        await revoke_client(
            shop.console, client_id=caller.admitted.client.id, reason="it leaked", by=admin, now=shop.clock()
        )
    problem(await caller.send("GET", "events"), 401, "invalid_token")
    problem(await caller.send("POST", "events", EVENT), 401, "invalid_token")
    assert (await prove(caller.http, caller.admitted)).status_code == 401
    assert await shop.desk.fetchval("SELECT count(*) FROM staff_action WHERE verb = 'revoke_client'") == 1


async def test_a_token_is_for_what_it_was_made_for(caller: Caller) -> None:
    """Each route asks for one scope; RFC 6750's 403 names it, and nothing was done."""
    event = await caller.event()
    deal = await caller.deal(event)
    routes = {
        Scope.READ: [("GET", "events"), ("GET", f"events/{event['id']}"), ("GET", f"deals/{deal['id']}")],
        Scope.WRITE: [
            ("POST", "events"), ("PUT", f"events/{event['id']}"), ("POST", f"events/{event['id']}/deals"),
            ("POST", f"events/{event['id']}/imports"), ("PUT", f"deals/{deal['id']}"),
        ],
        Scope.RUN: [
            ("POST", f"events/{event['id']}/stop"),
            *(("POST", f"deals/{deal['id']}/{move}") for move in ("pause", "resume", "extend", "units", "end")),
        ],
    }  # fmt: skip
    for held in Scope:
        token = (await prove(caller.http, caller.admitted, scope=held)).json()["access_token"]
        narrow = Caller(caller.http, caller.admitted, token)
        for needed, asked in routes.items():
            for method, path in asked:
                answer = await narrow.send(method, path, None if method == "GET" else {})
                if needed is held:
                    assert answer.status_code in (200, 422), (method, path, answer.text)
                    continue
                assert problem(answer, 403, "insufficient_scope")["scope"] == needed
                assert answer.headers["www-authenticate"] == (
                    f'Bearer realm="staff", error="insufficient_scope", scope="{needed}"'
                )
    assert (await caller.get(f"deals/{deal['id']}"))["deal"]["version"] == 1


async def test_cookies_open_nothing_and_none_is_set(console: httpx.AsyncClient, shop: Shop) -> None:
    """An admin's browser is nobody here; no other site is let in by CORS."""
    await enter(console, shop, Role.ADMIN)
    for method, path in (("GET", "events"), ("POST", "events"), ("POST", "token")):
        answer = await console.request(method, f"{BASE}/{path}", headers={"origin": "https://evil.example"})
        assert answer.status_code in (401, 415)
        assert not [name for name in answer.headers if name.startswith("access-control") or name == "set-cookie"]
    preflight = await console.options(f"{BASE}/events", headers={"access-control-request-method": "POST"})
    assert not [name for name in preflight.headers if name.startswith("access-control")]


# ---------------------------------------------------------------- a sale, from plan to end


async def test_a_sale_is_planned_and_run_by_program(caller: Caller, console: httpx.AsyncClient, shop: Shop) -> None:
    """Planned, filled, looked at, paused, resumed, extended, refilled, ended, stopped; the console tells who did it."""
    event = await caller.event()
    assert event["opens_at"] == EVENT["opens_at"]
    event = (
        await caller.send("PUT", f"events/{event['id']}", {**EVENT, "name": "Deal Week", "version": event["version"]})
    ).json()
    assert (event["name"], event["version"]) == ("Deal Week", 2)
    deal = await caller.deal(event)
    assert (deal["value"], deal["skus"], deal["units"], deal["begins_at"]) == (
        2_000,
        ["MUG", "TEA"],
        10,
        DEAL["begins_at"],
    )
    path = f"deals/{deal['id']}"
    written = {name: deal[name] for name in ROW}  # what is answered can be sent back
    deal = (
        await caller.send("PUT", path, {**written, "value": 2_500, "version": 1, "reason": "a quarter, not a fifth"})
    ).json()
    assert (deal["value"], deal["version"]) == (2_500, 2)
    seen = await caller.get(path)
    assert (seen["figures"]["state"], seen["figures"]["left"], seen["deal"]) == ("live", 10, deal)
    paused = (await caller.send("POST", f"{path}/pause", {"reason": "the price is wrong"})).json()
    assert paused["paused_at"] is not None
    assert (await caller.get(path))["figures"]["state"] == "paused"
    again = (await caller.send("POST", f"{path}/pause", {"reason": "pressed twice"})).json()
    assert again == paused
    resumed = await caller.send("POST", f"{path}/resume", {"reason": "right again", "version": paused["version"]})
    assert resumed.json()["paused_at"] is None
    longer = await caller.send(
        "POST", f"{path}/extend", {"ends_at": at(3), "version": resumed.json()["version"], "reason": "it goes well"}
    )
    assert longer.json()["ends_at"] == at(3)
    more = await caller.send("POST", f"{path}/units", {"change": 5, "reason": "more came"}, key="five more")
    assert more.json()["units"] == 15
    assert (await caller.send("POST", f"{path}/units", {"change": 5, "reason": "more came"}, key="five more")).json() \
        == more.json()  # fmt: skip
    looked = await caller.get(f"events/{event['id']}")
    assert (looked["sums"]["units"], looked["sums"]["live"], len(looked["deals"])) == (15, 1, 1)
    ended = await caller.send("POST", f"{path}/end", {"reason": "that is all"})
    assert ended.json()["ended_at"] is not None
    stopped = await caller.send("POST", f"events/{event['id']}/stop", {"reason": "the sale is over"})
    assert stopped.json()["ended_at"] is not None
    problem(await caller.send("POST", f"events/{event['id']}/deals", DEAL), 409, "event_stopped")
    done = await shop.desk.fetch("SELECT verb FROM staff_action WHERE client_id = $1", caller.admitted.client.id)
    assert {row["verb"] for row in done} == {
        "plan_event", "change_event", "plan_deal", "change_deal", "pause_deal", "resume_deal", "extend_deal",
        "add_units", "end_deal", "stop_event",
    }  # fmt: skip
    assert len(done) == 10
    await enter(console, shop, Role.VIEWER)
    for page in (f"/ops/{path}", f"/ops/events/{event['id']}", "/ops"):
        assert "<strong>API client Buying desk</strong>" in (await console.get(page)).text, page


async def test_events_are_listed_in_bounded_pages(caller: Caller, shop: Shop) -> None:
    """Fifty at a time, the last planned first, each once; the last page says that it is the last."""
    for number in range(EVENTS_MAX + 2):
        await shop.desk.execute(
            """INSERT INTO sale_event (id, slug, name, time_zone, opens_at, closes_at, created_at)
               VALUES ($1, $2, 'A sale', 'Etc/UTC', now(), now() + interval '1 day', now())""",
            id_at(NOW + timedelta(seconds=number)), f"sale-{number}",
        )  # fmt: skip
    first = await caller.get("events")
    second = await caller.get(first["next"])
    slugs = [event["slug"] for page in (first, second) for event in page["events"]]
    assert len(first["events"]) == EVENTS_MAX
    assert slugs == [f"sale-{number}" for number in reversed(range(EVENTS_MAX + 2))]
    assert second["next"] is None
    problem(await caller.send("GET", "events?before=yesterday"), 422, "invalid", "before")


async def test_the_deals_of_an_event_come_in_bounded_pages(caller: Caller) -> None:
    """A hundred at a time, each once; the sums are those of all."""
    event = await caller.event()
    rows = [{**ROW, "title": f"Deal {number}"} for number in range(102)]
    answer = await caller.send("POST", f"events/{event['id']}/imports", {"deals": rows, "reason": WHY})
    assert answer.status_code == 201, answer.text
    first = await caller.get(f"events/{event['id']}")
    second = await caller.get(first["next"])
    assert (len(first["deals"]), len(second["deals"]), second["next"]) == (100, 2, None)
    assert len({each["deal"]["id"] for page in (first, second) for each in page["deals"]}) == 102
    assert first["sums"] == second["sums"]
    assert first["sums"]["units"] == 1_020


async def test_what_is_not_there_is_not_found(caller: Caller) -> None:
    """Of every route that names something."""
    nobody = new_id()
    asked = [
        ("GET", f"events/{nobody}", None), ("PUT", f"events/{nobody}", {**EVENT, "version": 1}),
        ("POST", f"events/{nobody}/stop", {"reason": WHY}), ("POST", f"events/{nobody}/deals", DEAL),
        ("POST", f"events/{nobody}/deals?dry_run=true", DEAL),
        ("POST", f"events/{nobody}/imports", {"deals": [ROW], "reason": WHY}),
        ("GET", f"deals/{nobody}", None), ("PUT", f"deals/{nobody}", {**DEAL, "version": 1}),
        ("POST", f"deals/{nobody}/pause", {"reason": WHY}), ("POST", f"deals/{nobody}/resume", {"reason": WHY}),
        ("POST", f"deals/{nobody}/extend", {"ends_at": at(1), "version": 1, "reason": WHY}),
        ("POST", f"deals/{nobody}/units", {"change": 1, "reason": WHY}),
        ("POST", f"deals/{nobody}/end", {"reason": WHY}), ("GET", "nothing", None), ("GET", "events/x", None),
    ]  # fmt: skip
    for method, path, said in asked:
        problem(await caller.send(method, path, said), 404, "not_found")
    problem(await caller.send("DELETE", "events"), 405, "method_not_allowed")


# ---------------------------------------------------------------- what is sent


async def test_every_field_that_cannot_be_is_named(caller: Caller, shop: Shop) -> None:
    """All that is wrong with what can be read at once; what cannot be read, by its path."""
    event = await caller.event()
    deals = f"events/{event['id']}/deals"
    slug = await caller.send("POST", "events", EVENT)
    problem(slug, 422, "invalid", "slug")
    several = {**EVENT, "slug": "Not A Slug", "time_zone": "Europe/Nowhere", "name": ""}
    problem(await caller.send("POST", "events", several), 422, "invalid", "slug", "name", "time_zone")
    several = {**DEAL, "kind": "gift", "skus": ["NO-SUCH"], "units": 0, "ends_at": "soon"}
    problem(await caller.send("POST", deals, several), 422, "invalid", "kind", "skus", "ends_at", "units")
    for said, field in (
        ({**DEAL, "unit": 5}, "unit"), ({**DEAL, "value": "20"}, "value"), ({**DEAL, "value": 12.5}, "value"),
        ({**DEAL, "units": 10**30}, "units"), ({**DEAL, "skus": ["MUG", 7]}, "skus.1"),
        ({**DEAL, "skus": None}, "skus"), ({**DEAL, "skus": ["\0"]}, "skus"),
        ({name: value for name, value in DEAL.items() if name != "title"}, "title"), ({**DEAL, "reason": ""}, "reason"),
        ({**DEAL, "reason": "a\0b"}, "reason"), ({**DEAL, "title": "a\0b"}, "title"),
        ({**DEAL, "members_only": 1}, "members_only"),
    ):  # fmt: skip
        problem(await caller.send("POST", deals, said), 422, "invalid", field)
    whole: tuple[object, ...] = ([], 7, "x")
    for nothing in whole:
        problem(await caller.send("POST", deals, nothing), 422, "invalid")
    problem(await caller.send("POST", f"{deals}?dry_run=perhaps", DEAL), 422, "invalid", "dry_run")
    for path in (f"events/{event['id']}", f"deals/{(await caller.deal(event))['id']}"):
        unseen = EVENT if path.startswith("events") else DEAL
        problem(await caller.send("PUT", path, unseen), 422, "invalid", "version")
    assert await shop.desk.fetchval("SELECT count(*) FROM deal") == 1


async def test_what_is_no_json_is_refused_as_such(caller: Caller) -> None:
    """Another kind, no JSON, JSON without end, too much of it: each in RFC 9457's shape."""

    async def sent(kind: str, body: bytes) -> httpx.Response:
        headers = {"authorization": f"Bearer {caller.token}", "content-type": kind, "idempotency-key": "x"}
        return await caller.http.post(f"{BASE}/events", content=body, headers=headers)

    problem(await sent("text/plain", b"{}"), 415, "wrong_content_type")
    problem(await sent("application/x-www-form-urlencoded", b"name=x"), 415, "wrong_content_type")
    for body in (b"", b"{", b"\xff", b"\x00", b'{"name": "\xff"}', b'{"name": "\\ud800"}'):
        problem(await sent("application/json; charset=utf-8", body), 400, "malformed_json")
    assert (await sent("application/json", b'{"name": ' + b"[" * 100_000)).status_code in (400, 422)
    assert (await sent("application/json", b"[" * 100_000)).status_code in (400, 422)
    problem(await sent("application/json", b" " * 140_000), 413, "too_large")


async def test_what_somebody_changed_meanwhile_is_not_overwritten_unseen(caller: Caller) -> None:
    """409 with the version and the whole of it as it is now; so are a change, a dry run, a resumption, an extension."""
    event = await caller.event()
    deal = await caller.deal(event)
    path = f"deals/{deal['id']}"
    changed = (await caller.send("PUT", path, {**DEAL, "value": 3_000, "version": 1})).json()
    later = {"ends_at": at(3), "version": 1, "reason": WHY}
    for method, address, said in (
        ("PUT", path, {**DEAL, "version": 1}), ("PUT", f"{path}?dry_run=true", {**DEAL, "version": 1}),
        ("POST", f"{path}/extend", later), ("POST", f"{path}/units", {"change": 1, "version": 1, "reason": WHY}),
    ):  # fmt: skip
        told = problem(await caller.send(method, address, said), 409, "changed_meanwhile")
        assert (told["version"], told["seen"], told["now"]) == (2, 1, changed)
    paused = (await caller.send("POST", f"{path}/pause", {"reason": WHY, "version": 1})).json()
    told = problem(await caller.send("POST", f"{path}/resume", {"reason": WHY, "version": 1}), 409, "changed_meanwhile")
    assert told["version"] == paused["version"]
    await caller.send("PUT", f"events/{event['id']}", {**EVENT, "name": "Other", "version": 1})
    told = problem(await caller.send("PUT", f"events/{event['id']}", {**EVENT, "version": 1}), 409, "changed_meanwhile")
    assert told["now"]["name"] == "Other"


async def test_what_the_state_forbids_is_a_conflict_that_says_why(caller: Caller) -> None:
    """Units that are no count, a deal that is over, more taken out than is free."""
    event = await caller.event()
    free = await caller.deal(event, units=None, per_customer=None, title="As many as there are")
    problem(await caller.send("POST", f"deals/{free['id']}/units", {"change": 1, "reason": WHY}), 409, "not_limited")
    deal = await caller.deal(event)
    taken = await caller.send("POST", f"deals/{deal['id']}/units", {"change": -10, "reason": WHY})
    assert problem(taken, 409, "units_spoken_for", "change")["units"] == 10
    problem(
        await caller.send("POST", f"deals/{deal['id']}/units", {"change": 0, "reason": WHY}), 422, "invalid", "change"
    )
    await caller.send("POST", f"deals/{deal['id']}/end", {"reason": WHY})
    problem(await caller.send("POST", f"deals/{deal['id']}/pause", {"reason": WHY}), 409, "deal_over")


# ---------------------------------------------------------------- repeating is safe


async def test_the_same_key_is_the_same_answer_and_done_once(caller: Caller, shop: Shop) -> None:
    """Events, deals, imports, units; another body under it is refused, and another program's keys are its own."""
    event = await caller.event()
    path = f"events/{event['id']}"
    rows = {"deals": [ROW, ROW], "reason": WHY}
    for address, said, other in (
        ("events", {**EVENT, "slug": "second"}, {**EVENT, "slug": "third"}),
        (f"{path}/deals", DEAL, {**DEAL, "value": 1}),
        (f"{path}/imports", rows, {**rows, "keep_good_rows": True}),
    ):
        first, second = [await caller.send("POST", address, said, key=address) for _ in range(2)]
        assert first.status_code == second.status_code == 201
        assert first.content == second.content
        problem(await caller.send("POST", address, other, key=address), 409, "idempotency_conflict")
    assert await shop.desk.fetchval("SELECT count(*) FROM deal") == 3
    assert await shop.desk.fetchval("SELECT count(*) FROM sale_event") == 2
    neighbour = Caller(
        caller.http, admitted := await admit(shop), (await prove(caller.http, admitted)).json()["access_token"]
    )
    answer = await neighbour.send("POST", "events", {**EVENT, "slug": "fourth"}, key="events")
    assert answer.status_code == 201
    problem(await caller.send("POST", "events", EVENT, key=None), 400, "idempotency_key_required")
    problem(await caller.send("POST", "events", EVENT, key="x" * 256), 400, "malformed")
    two = [("authorization", f"Bearer {caller.token}"), ("idempotency-key", "a"), ("idempotency-key", "b")]
    problem(await caller.http.post(f"{BASE}/events", json=EVENT, headers=two), 400, "malformed")


async def test_a_crowd_under_one_key_makes_one_event(caller: Caller, shop: Shop) -> None:
    """Twenty at once: one is carried out, all are told the same."""
    told = await asyncio.gather(*(caller.send("POST", "events", EVENT, key="once") for _ in range(20)))
    assert {answer.status_code for answer in told} == {201}
    assert len({answer.content for answer in told}) == 1
    assert await shop.desk.fetchval("SELECT count(*) FROM sale_event") == 1
    assert await shop.desk.fetchval("SELECT count(*) FROM staff_action WHERE verb = 'plan_event'") == 1


async def test_a_crowd_that_changes_one_version_changes_it_once(caller: Caller) -> None:
    """Ten who saw the same: one is first, nine are told what it is now."""
    event = await caller.event()
    told = await asyncio.gather(
        *(
            caller.send("PUT", f"events/{event['id']}", {**EVENT, "name": f"Name {number}", "version": 1})
            for number in range(10)
        )
    )
    assert sorted(answer.status_code for answer in told) == [200] + [409] * 9
    [kept] = [answer.json()["name"] for answer in told if answer.status_code == 200]
    assert {answer.json()["now"]["name"] for answer in told if answer.status_code == 409} == {kept}


# ---------------------------------------------------------------- many deals, and trying first


async def test_a_deal_can_be_tried_before_it_is_kept(caller: Caller, shop: Shop) -> None:
    """What is doubtful is told, of a new one and of a change; nothing stays, and no key is needed."""
    event = await caller.event()
    deal = await caller.deal(event)
    before = await shop.desk.fetchval("SELECT count(*) FROM staff_action")
    tried = await caller.send("POST", f"events/{event['id']}/deals?dry_run=true", {**ROW, "units": 5_000}, key=None)
    assert tried.status_code == 200
    assert {each["about"] for each in tried.json()["warnings"]} >= {"overlap", "beyond_stock"}
    assert all("deal_id" not in each for each in tried.json()["warnings"])
    tried = await caller.send(
        "PUT", f"deals/{deal['id']}?dry_run=true", {**DEAL, "units": 5_000, "version": 1}, key=None
    )
    assert "beyond_stock" in {each["about"] for each in tried.json()["warnings"]}
    problem(
        await caller.send("POST", f"events/{event['id']}/deals?dry_run=true", {**DEAL, "skus": ["NO-SUCH"]}),
        422, "invalid", "skus",
    )  # fmt: skip
    assert (await caller.get(f"deals/{deal['id']}"))["deal"] == deal
    assert await shop.desk.fetchval("SELECT count(*) FROM deal") == 1
    assert await shop.desk.fetchval("SELECT count(*) FROM staff_action") == before


async def test_many_deals_are_planned_all_or_the_good_ones(caller: Caller, shop: Shop) -> None:
    """A bad row is named by its path; without leave to keep the good ones nothing is planned."""
    event = await caller.event()
    path = f"events/{event['id']}/imports"
    rows = [ROW, {**ROW, "skus": ["NO-SUCH"]}, {**ROW, "units": 0, "begins_at": "soon"}]
    bad = await caller.send("POST", path, {"deals": rows, "reason": WHY}, key="all")
    problem(bad, 422, "invalid", "deals.1.skus", "deals.2.begins_at", "deals.2.units")
    again = await caller.send("POST", path, {"deals": rows, "reason": WHY}, key="all")
    assert (again.status_code, again.json()) == (422, bad.json())
    assert await shop.desk.fetchval("SELECT count(*) FROM deal") == 0
    tried = await caller.send("POST", f"{path}?dry_run=true", {"deals": rows}, key=None)
    assert (tried.status_code, tried.json()["deals"]) == (200, 1)
    assert len(tried.json()["errors"]) == 3
    good = await caller.send("POST", path, {"deals": rows, "reason": WHY, "keep_good_rows": True})
    assert good.status_code == 201
    [made] = good.json()["deal_ids"]
    assert [each["field"] for each in good.json()["errors"]] == [
        "deals.1.skus", "deals.2.begins_at", "deals.2.units",
    ]  # fmt: skip
    assert await shop.desk.fetchval("SELECT id FROM deal") == UUID(made)
    problem(
        await caller.send("POST", path, {"deals": [{**ROW, "unit": 1}], "reason": WHY}), 422, "invalid", "deals.0.unit"
    )
    problem(await caller.send("POST", path, {"deals": [ROW], "reason": ""}), 422, "invalid", "reason")
    many = await caller.send("POST", path, {"deals": [ROW] * (ROWS_MAX + 1), "reason": WHY})
    problem(many, 413, "file_too_large")


async def test_the_consoles_file_is_taken_too(caller: Caller, shop: Shop) -> None:
    """The CSV that staff import: a bad row by line and column, good rows on demand, a reason in the query."""
    event = await caller.event()
    path = f"{BASE}/events/{event['id']}/imports"
    good = f"A fifth off,percent,20,MUG,{at(-1)},{at(2)},5\n"

    async def sent(rows: str, query: str = "", key: str = "") -> httpx.Response:
        headers = {
            "authorization": f"Bearer {caller.token}", "content-type": "text/csv; charset=utf-8",
            "idempotency-key": key or new_id().hex,
        }  # fmt: skip
        return await caller.http.post(path + query, content=rows.encode(), headers=headers)

    bad = HEAD + good + f"Nothing,percent,120,NO-SUCH,{at(-1)},{at(2)},5\n"
    problem(await sent(bad, "?reason=as+agreed"), 422, "invalid", "line 3, skus", "line 3, value")
    problem(await sent(HEAD + good), 422, "invalid", "reason")
    problem(await sent("title\n", "?reason=as+agreed"), 400, "no_header")
    tried = await sent(bad, "?dry_run=true")
    assert (tried.json()["deals"], len(tried.json()["errors"])) == (1, 2)
    assert await shop.desk.fetchval("SELECT count(*) FROM deal") == 0
    told = [await sent(bad, "?reason=as+agreed&keep_good_rows=true", "csv") for _ in range(2)]
    assert [answer.status_code for answer in told] == [201, 201]
    assert told[0].content == told[1].content
    problem(await sent(bad, "?reason=otherwise&keep_good_rows=true", "csv"), 409, "idempotency_conflict")
    assert await shop.desk.fetchval("SELECT count(*) FROM deal") == 1
    answer = await caller.http.post(
        path, content=b"x", headers={"authorization": f"Bearer {caller.token}", "content-type": "application/pdf"}
    )
    problem(answer, 415, "wrong_content_type")
