"""Every route of the shop as built, walked: forms that are not ours, nonsense, one error shape, headers, HEAD."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, unquote, urlencode
from urllib.robotparser import RobotFileParser

import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp

from evertill.app import build
from evertill.clients.model import Claimed, Scope, token_for
from evertill.clients.wire import DealAsked, EventAsked, ExtendAsked, ImportAsked, MoveAsked, UnitsAsked
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.members.giving import begin_trial
from evertill.orders import order_link
from evertill.resilience import LANES
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer, new_token, token_hash
from evertill.storage import Connection
from evertill.ucp.discovery import BASE, OWN_PLATFORM
from evertill.ucp.door import ADDRESSES, PROFILE
from evertill.waitingroom import Guards, Plan, plan_room
from evertill.web.browser import ACCOUNT_COOKIE, BROWSER_COOKIE, STAFF_COOKIE
from evertill.web.routing import routes
from evertill.web.watchers import WATCHERS_MAX
from tests.buying import open_session, placing
from tests.dealing import make_deal

DAY = timedelta(days=1)
OTHERS = {"POST", "PUT", "PATCH", "DELETE"}
API = "/ucp/"
PROGRAMS = "/staff/"  # the staff API: no cookies, no forms
SECRET = b"test" * 8  # the fixture shop's


@dataclass
class Answer:
    """What came back, byte by byte."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for each, value in self.headers if each == name]
        assert len(found) <= 1, f"{name} is there {len(found)} times: {found}"
        return found[0] if found else None

    @property
    def kind(self) -> str:
        return (self.header("content-type") or "").partition(";")[0]


@dataclass
class Site:
    """The application as a server drives it: bytes in, bytes out, nothing made nice on the way."""

    app: ASGIApp
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""
    parts: dict[str, str] = field(default_factory=dict)  # what stands for a parameter of a path

    async def ask(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        cookies: Mapping[str, str] | None = None,
        client: str = "192.0.2.7",
        cut_off: bool = False,
        stalls: bool = False,
        twice: tuple[str, str] | None = None,
    ) -> Answer:
        path, _, query = target.partition("?")
        jar = "; ".join(f"{name}={value}" for name, value in (self.cookies if cookies is None else cookies).items())
        sent = {"host": "localhost:8000", **({"cookie": jar} if jar else {}), **(headers or {})}
        if body:
            sent.setdefault("content-length", str(len(body)))
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in sent.items()],
            "client": (client, 4711), "server": ("127.0.0.1", 8000), "state": {},
        }  # fmt: skip
        if twice is not None:
            scope["headers"].append((twice[0].encode(), twice[1].encode()))
        messages: list[Any] = []
        asked: Iterator[Any] = iter([{"type": "http.request", "body": body, "more_body": cut_off or stalls}])

        async def receive() -> Any:
            message = next(asked, None)
            if message is None and stalls:
                await asyncio.Event().wait()
            return message or {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)  # type: ignore[arg-type]
        start = messages[0]
        decoded = [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]]
        return Answer(start["status"], decoded, b"".join(message.get("body", b"") for message in messages[1:]))

    async def form(self, path: str, fields: Mapping[str, str], *, method: str = "POST") -> Answer:
        body = urlencode(fields).encode("ascii")
        return await self.ask(method, path, headers={"content-type": "application/x-www-form-urlencoded"}, body=body)

    def filled(self, path: str) -> str:
        """A route's path with a part for each parameter."""
        return re.sub(r"\{(\w+):\w+\}", lambda found: self.parts[f"{path.split('/')[1]}.{found[1]}"], path)


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[None]:
    """The application between startup and shutdown."""
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}

    async def live() -> None:
        await app(scope, told.get, heard.put)  # type: ignore[arg-type]

    task = asyncio.create_task(live())
    await told.put({"type": "lifespan.startup"})
    assert (said := await heard.get())["type"] == "lifespan.startup.complete", said
    yield
    await told.put({"type": "lifespan.shutdown"})
    assert (await heard.get())["type"] == "lifespan.shutdown.complete"
    await task


@pytest.fixture
async def site(settings: Settings, shop: Shop, connection: Connection) -> AsyncIterator[Site]:
    """A shop with something of everything, visited by a browser in which a customer and an admin are signed in."""
    browser, account, staff = new_token(), new_token(), new_token()
    customer_id, staff_id, now = new_id(), new_id(), utc_now()
    await connection.execute(
        "INSERT INTO customer VALUES ($1, 'ada@example.com', 'ada@example.com', 'Ada', '', $2)", customer_id, now
    )
    await connection.execute(
        "INSERT INTO customer_sign_in VALUES ($1, $2, $3, $4)", token_hash(account), customer_id, now, now + DAY
    )
    await connection.execute(
        "INSERT INTO staff VALUES ($1, 'ops@example.com', 'ops@example.com', 'Ops', 'admin', '', $2)", staff_id, now
    )
    await connection.execute(
        "INSERT INTO staff_sign_in VALUES ($1, $2, $3, $4)", token_hash(staff), staff_id, now, now + DAY
    )
    trial = await begin_trial(shop.desk, customer_id=customer_id, length=DAY)
    owner = f"browser:{token_hash(browser).hex()}"
    session = await open_session(shop, ("MUG", 1), owner=owner)
    bought = await shop.checkout.complete(placing(await open_session(shop, ("TEA", 1), owner=owner)))
    room_id = await plan_room(
        shop.console, Plan("The last", Guards.CHECKOUT, skus=("LAST",)), staff_id=staff_id, now=now
    )
    await connection.execute("UPDATE waiting_room SET state = 'paused'")  # nothing moves by itself
    deal_id = new_id()
    await make_deal(connection, deal_id, "TEA")
    grant_id = await connection.fetchval(
        """INSERT INTO rain_check_grant (id, deal_id, units, given, granted_at, ends_at, why)
           VALUES (gen_random_uuid(), $1, 1, 0, now(), now() + interval '1 day', '') RETURNING id""",
        deal_id,
    )
    app = build(settings, shop.signer)
    made = Site(
        app,
        {BROWSER_COOKIE: browser, ACCOUNT_COOKIE: account, STAFF_COOKIE: staff},
        shop.signer.sign("csrf", browser),
        {
            "checkout.sealed": shop.signer.seal("checkout-session", session.id),
            "orders.sealed": order_link(shop.signer, bought.order_id).rpartition("/")[2],  # type: ignore[union-attr]
            "account.token": new_token(),
            "line.room_id": str(room_id),
            "ops.room_id": str(room_id),
            "ops.batch": str(new_id()),
            "ops.move": "pause",
            "ops.deal_id": str(deal_id),
            "ops.grant_id": str(grant_id),
            "staff.deal_id": str(deal_id),
            "staff.event_id": str(await connection.fetchval("SELECT event_id FROM deal")),
            "ops.event_id": str(await connection.fetchval("SELECT event_id FROM deal")),
            "ops.order_id": str(bought.order_id),  # type: ignore[union-attr]
            "ops.letter_id": str(new_id()),
            "waitlist.place_id": str(new_id()),
            "ops.customer_id": str(customer_id),
            "ops.membership_id": str(trial.id),
            "ops.handle": "mug",
            "ops.name": "nobody@example",
            "products.handle": "mug",
            "pictures.name": "mug.svg",
            "deals.name": "none",
            "categories.slug": "mugs",
            "static.name": "shop.css",
            "ucp.name": shop.signer.seal("ucp-session", session.id),
        },
    )
    async with running(app):
        async with asyncio.timeout(10):  # the confirmation's letter goes its way; then nothing moves by itself
            while await connection.fetchval("SELECT count(*) FROM outbox WHERE due_at IS NOT NULL"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield made


@lru_cache(maxsize=1)
def _walked() -> list[tuple[str, str]]:
    """Every method and path there is."""
    every = Litestar(route_handlers=routes(), openapi_config=None).routes
    pages = [(str(method), route.path) for route in every if isinstance(route, HTTPRoute) for method in route.methods]
    api = [
        (method, f"{BASE}/{address.replace('{}', '{name:str}')}")
        for address, methods in ADDRESSES.items()
        for method in (*methods, "OPTIONS")
    ]
    return [*pages, *api, ("GET", PROFILE), ("GET", OWN_PLATFORM)]


def _forms() -> list[str]:
    return [path for method, path in _walked() if method in OTHERS and not path.startswith((API, PROGRAMS))]


async def _tables(connection: Connection) -> dict[str, str]:
    """A fingerprint of every table's rows."""
    names = await connection.fetch(
        "SELECT schemaname || '.' || tablename AS name FROM pg_tables "
        "WHERE schemaname IN ('public', 'sandbox_provider') AND tablename <> 'worker_pulse'"  # that beats by itself
    )
    return {
        row["name"]: await connection.fetchval(
            f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {row['name']} AS t"
        )
        for row in names
    }


async def test_every_form_that_is_not_ours_is_refused_and_changes_nothing(site: Site, connection: Connection) -> None:
    """Without our token, with another browser's, with a changed one: 403 at every address, every table as it was."""
    before = await _tables(connection)
    own, foreign = site.csrf, Signer(SECRET).sign("csrf", new_token())
    assert len(_forms()) > 20
    for path in _forms():
        for token in (None, "", foreign, own[:-1], own + "A", own.swapcase()):
            fields = {"quantity": "1", "sku": "MUG", "email": "eve@example.com", "reason": "because"}
            answer = await site.form(site.filled(path), fields if token is None else {**fields, "csrf": token})
            assert answer.status == 403, (path, token, answer.status)
            assert b"Nothing was changed" in answer.body, path
    assert await _tables(connection) == before


async def test_our_own_token_in_a_browser_without_our_cookie_is_refused(site: Site) -> None:
    """A form's token counts with its browser only."""
    for path in _forms():
        cookies = {name: value for name, value in site.cookies.items() if name != BROWSER_COOKIE}
        answer = await site.ask(
            "POST", site.filled(path), cookies=cookies, body=urlencode({"csrf": site.csrf}).encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        assert answer.status == 403, path


NONSENSE_PARTS = [
    "%00", "%ff%fe", "..%2f..%2fetc%2fpasswd", "x" * 3000, quote("💥'\"<>;--"), "%0d%0aSet-Cookie:%20a=b", "-", "%20",
]  # fmt: skip
NONSENSE_QUERIES = [
    "page=%00&q=%00&sort=%00&next=%00&state=%00&before=%00", "q=%ff%fe&page=%ff", "page=" + "9" * 400,
    "q=" + "a%20" * 6_000, "&&&==&=", "q=1&q=2&page=-1&page=1e9", "q[]=%F0%9F%92%A5&before=zz", "%",
]  # fmt: skip
NONSENSE_BODIES = [
    ("application/x-www-form-urlencoded", b"csrf=%00"),
    ("application/x-www-form-urlencoded", b"\xff\xfe\x00"),
    ("application/x-www-form-urlencoded", b"csrf=%ff%fe"),
    ("application/x-www-form-urlencoded", b"a=" + b"x" * 70_000),
    ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % number for number in range(1_000))),
    ("application/x-www-form-urlencoded; charset=utf-16", b"csrf=x"),
    ("multipart/form-data", b"--x"),
    ("multipart/form-data; boundary=x", b"--x\r\n\r\n"),
    ("text/plain", b"csrf=x"),
    ("", b"csrf=x"),
    ("\x00", b"{"),
    ("application/json", b"{" * 50_000),
    ("application/json", b"\x00"),
    ("application/json", b'"\xff"'),
    ("application/json", b'{"line_items": 1}'),
    ("application/json", b"[" + b"9" * 5_000 + b"]"),
    ("application/json", b'{"line_items": [' + b" " * 70_000 + b"]}"),
]
NONSENSE_VALUES = [
    "", "\x01\x02", "💥" * 60, "9" * 40, "-1", "NaN", "1e9", "１２", "x" * 1_200, "a\r\nb: c", "' OR 1=1", "0", "2.5",
    "\u202e\u2028", "<script>alert(1)</script>", "1,299.00",
]  # fmt: skip
METHODS = ["HEAD", "OPTIONS", "TRACE", "PATCH", "DELETE", "PUT", "POST", "GET", "CONNECT", "BREW", "get"]


def _sane(answer: Answer, told: object) -> None:
    assert answer.status < 500, (told, answer.status, answer.body[:300])
    assert b"Traceback" not in answer.body, told
    assert b"asyncpg" not in answer.body, told
    assert "\n" not in "".join(value for _, value in answer.headers), told


async def test_no_address_breaks_on_nonsense_in_its_path_or_query(site: Site) -> None:
    """NULs, invalid UTF-8, ways out of folders, kilobytes: a page that says no, at every address."""
    for method, path in _walked():
        for part in NONSENSE_PARTS if "{" in path else ():
            target = re.sub(r"\{\w+:\w+\}", part, path)
            _sane(await site.ask(method, target), (method, target))
        for query in NONSENSE_QUERIES:
            target = f"{site.filled(path)}?{query}"
            _sane(await site.ask(method, target), (method, target[:200]))


async def test_no_address_breaks_on_nonsense_in_a_body(site: Site) -> None:
    """Wrong kinds of content, NULs, bodies over the limit, JSON ten thousand deep."""
    agent = {"ucp-agent": f'profile="http://127.0.0.1:8000{OWN_PLATFORM}"', "idempotency-key": "nonsense"}
    for method, path in _walked():
        for kind, body in NONSENSE_BODIES if method in OTHERS else ():
            answer = await site.ask(method, site.filled(path), headers={"content-type": kind, **agent}, body=body)
            _sane(answer, (method, path, kind, body[:40]))
            assert answer.status >= 400 or path.endswith(("/cancel",)), (path, kind, answer.status)


# What the staff API takes, as somebody sends it who means well.
PROGRAM_MEANT_WELL: dict[str, object] = {
    "title": "A fifth off", "kind": "percent", "value": 2_000, "skus": ["MUG"], "handles": [], "units": 5,
    "per_customer": 1, "claim_minutes": 15, "members_only": False, "stackable": False, "begins_at": "2999-01-01T00:00",
    "ends_at": "2999-01-02T00:00", "members_from": "", "slug": "sale", "name": "A sale", "time_zone": "Etc/UTC",
    "opens_at": "2999-01-01T00:00", "closes_at": "2999-01-03T00:00", "theme": "plain", "reason": "because",
    "version": 1, "change": 1, "keep_good_rows": False, "deals": [],
}  # fmt: skip
PROGRAM_FIELDS: dict[str, type[msgspec.Struct]] = {
    "/staff/v1/events": EventAsked, "/staff/v1/events/{event_id:uuid}": EventAsked,
    "/staff/v1/events/{event_id:uuid}/stop": MoveAsked, "/staff/v1/events/{event_id:uuid}/deals": DealAsked,
    "/staff/v1/events/{event_id:uuid}/imports": ImportAsked, "/staff/v1/deals/{deal_id:uuid}": DealAsked,
    "/staff/v1/deals/{deal_id:uuid}/pause": MoveAsked, "/staff/v1/deals/{deal_id:uuid}/resume": MoveAsked,
    "/staff/v1/deals/{deal_id:uuid}/extend": ExtendAsked, "/staff/v1/deals/{deal_id:uuid}/units": UnitsAsked,
    "/staff/v1/deals/{deal_id:uuid}/end": MoveAsked,
}  # fmt: skip


async def program_token(shop: Shop) -> str:
    """A token of a program that may everything."""
    client_id = new_id()
    await shop.desk.execute(
        """INSERT INTO api_client (id, name, scopes, secret_hash, made_by, created_at)
           SELECT $1, 'Desk', $2, $3, id, now() FROM staff""",
        client_id, list(Scope), token_hash("x"),
    )  # fmt: skip
    return token_for(shop.signer, Claimed(client_id, tuple(Scope)), expires_at=shop.clock() + DAY)


async def test_no_program_breaks_anything_by_nonsense(site: Site, shop: Shop) -> None:
    """With a token that counts: every body that cannot be, every field in turn; an answer in JSON, never a fault."""
    sent = [(method, path) for method, path in _walked() if method in OTHERS and path in PROGRAM_FIELDS]
    assert {path for _, path in sent} == set(PROGRAM_FIELDS)
    headers = {"authorization": f"Bearer {await program_token(shop)}", "content-type": "application/json"}
    values: list[object] = [
        *NONSENSE_VALUES,
        None,
        0,
        -1,
        10**30,
        1.5,
        [],
        {},
        [None],
        ["\0"],
        {"x": [[[]]]},
        True,
        "\0",
    ]
    for method, path in sent:
        for kind, body in NONSENSE_BODIES:
            answer = await site.ask(
                method, site.filled(path), headers={**headers, "content-type": kind, "idempotency-key": new_id().hex},
                body=body,
            )  # fmt: skip
            _sane(answer, (method, path, kind, body[:40]))
            assert answer.status >= 400, (path, kind)
            assert answer.kind == "application/problem+json", (path, kind)
        names = [each.encode_name for each in msgspec.structs.fields(PROGRAM_FIELDS[path])]
        well = {name: PROGRAM_MEANT_WELL[name] for name in names}
        for name in names:
            for value in values:
                answer = await site.ask(
                    method, site.filled(path), headers={**headers, "idempotency-key": new_id().hex},
                    body=msgspec.json.encode({**well, name: value}),
                )  # fmt: skip
                _sane(answer, (method, path, name, value))
                assert answer.kind.endswith("json"), (path, name, value)
    for query in NONSENSE_QUERIES:
        for path in ("/staff/v1/events", "/staff/v1/events/{event_id:uuid}", "/staff/v1/deals/{deal_id:uuid}"):
            _sane(await site.ask("GET", f"{site.filled(path)}?{query}", headers=headers), (path, query[:60]))


async def test_a_file_of_deals_may_be_as_long_as_it_says(site: Site, shop: Shop) -> None:
    """Longer than forms may be: up to a mebibyte, by program and by hand."""
    head, row = "title,kind,value,skus,begins at,ends at,note\n", "x,percent,20,NONE,soon,later,"
    content = (head + f"{row}{'y' * 1_000}\n" * 400).encode()
    assert len(content) > 300_000
    headers = {
        "authorization": f"Bearer {await program_token(shop)}", "content-type": "text/csv", "idempotency-key": "x",
    }  # fmt: skip
    path = site.filled("/staff/v1/events/{event_id:uuid}/imports") + "?reason=because"
    answer = await site.ask("POST", path, headers=headers, body=content)
    assert (answer.status, json.loads(answer.body)["errors"][0]["field"]) == (422, "line 2, skus")
    parts = [*(("csrf", site.csrf), ("step", "import"), ("form", str(new_id())), ("reason", "because"))]
    body = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in parts
    )
    body += b'--x\r\nContent-Disposition: form-data; name="file"; filename="d.csv"\r\n\r\n' + content + b"\r\n--x--\r\n"
    kind = {"content-type": "multipart/form-data; boundary=x"}
    answer = await site.ask("POST", site.filled("/ops/events/{event_id:uuid}/import"), headers=kind, body=body)
    assert answer.status == 422, answer.body[:300]
    assert b"Not known: NONE" in answer.body


async def test_no_form_breaks_on_nonsense_in_its_fields(site: Site) -> None:
    """Our own forms, each field of each filled with what cannot be: an answer, never a fault."""
    names = _field_names()
    assert {"quantity", "email", "amount", "role", "postcode"} <= names
    for path in _forms():
        if "sign-out" in path:
            continue
        for value in NONSENSE_VALUES:
            answer = await site.form(site.filled(path), {**dict.fromkeys(names, value), "csrf": site.csrf})
            _sane(answer, (path, value[:40]))


# Forms as somebody fills them in who means well.
ADDRESS = {
    "email": "ada@example.com", "name": "Ada Byron", "street": "12 St James's Square", "street2": "", "city": "London",
    "region": "", "postcode": "SW1Y 4JH", "country": "GB", "phone": "", "attempt": str(new_id()),
}  # fmt: skip
MEANT_WELL = {
    "/cart/lines": {"sku": "MUG", "quantity": "1", "handle": "mug"},
    "/cart/lines/change": {"sku": "MUG", "quantity": "1"},
    "/cart/prices": {"price:MUG": "1250"},
    "/cart/rain-checks": {"rain_check": str(new_id())},
    "/checkout": ADDRESS,
    "/checkout/{sealed:str}": ADDRESS,
    "/checkout/{sealed:str}/delivery": {"delivery": "std", "attempt": str(new_id())},
    "/checkout/{sealed:str}/pay": {"method": "tok_approve", "total_minor": "1", "attempt": str(new_id())},
    "/checkout/{sealed:str}/code": {"code": "SUMMER", "verb": "apply", "attempt": str(new_id())},
    "/account/sign-up": {"email": "bob@example.com"},
    "/account/sign-in": {"email": "bob@example.com", "password": "not the one", "next": "/"},
    "/account/password": {"present": "not the one", "new": "four words do well"},
    "/ops/orders/{order_id:uuid}/cancellation": {"reason": ""},
    "/ops/orders/{order_id:uuid}/refunds": {"refund": str(new_id()), "amount": "1.00", "reason": "a gesture"},
    "/ops/products/{handle:str}/status": {"status": "active", "status-reason": "because"},
    "/ops/products/{handle:str}/prices": {"sku": "MUG", "seen": "1250", "price": "12.50", "reason": "because"},
    "/ops/stock": {
        "sku": "MUG",
        "change": "1",
        "reason": "received",
        "note": "they came",
        "form": str(new_id()),
    },
    "/ops/deals/{deal_id:uuid}/rain-checks": {
        "who": "lost",
        "since": "2026-11-27T08:00",
        "until": "2026-11-27T09:00",
        "emails": "ada@example.com",
        "each": "1",
        "sku": "TEA",
        "units": "10",
        "days": "3",
        "reason": "because",
        "form": str(new_id()),
        "step": "look",
    },
    "/ops/rooms": {
        "title": "A rush",
        "guards": "checkout",
        "skus": "MUG",
        "gathers_at": "",
        "opens_at": "2999-01-01T00:00",
    },
    "/ops/codes": {
        "how": "drawn",
        "code": "VIP",
        "how_many": "2",
        "kind": "percent",
        "value": "10",
        "begins_at": "",
        "ends_at": "2999-01-01T00:00",
        "uses_max": "5",
        "per_customer": "1",
        "minimum": "1.00",
        "reason": "because",
    },
    "/ops/codes/{name:str}/end": {"reason": "because"},
    "/ops/clients": {"name": "", "scope_read": "1", "reason": "because"},
    "/ops/clients/revoke": {"client": str(new_id()), "reason": "because"},
    "/ops/staff": {"email": "", "name": "Bob", "role": "viewer"},
    "/ops/staff/role": {"staff": str(new_id()), "role": "viewer"},
}


async def test_no_form_breaks_on_one_field_that_cannot_be(site: Site) -> None:
    """All else filled in as it is meant: the one field is refused or taken, never a fault."""
    for path, fields in MEANT_WELL.items():
        for name in fields:
            for value in NONSENSE_VALUES:
                answer = await site.form(site.filled(path), {**fields, name: value, "csrf": site.csrf})
                _sane(answer, (path, name, value[:40]))


def _field_names() -> set[str]:
    """The fields of all forms of all pages."""
    found: set[str] = {"remove", "price:MUG"}
    for slice_ in files("evertill").iterdir():
        pages = slice_.joinpath("pages")
        if pages.is_dir():
            for page in pages.iterdir():
                found |= set(re.findall(r'\bname="([a-z_0-9]+)"', page.read_text("utf-8")))
                found |= set(re.findall(r'field\(\s*"([a-z_0-9]+)"', page.read_text("utf-8")))
    return found - {"csrf"}


NONSENSE_HEADERS = [
    {"host": "["}, {"host": ""}, {"host": "a b"}, {"host": "\x00"}, {"host": "[::1"}, {"host": "x" * 5_000},
    {"host": "shop.example:99999999"}, {"host": "shop.example:x"}, {"host": "//evil.example"},
    {"cookie": "\x00=\x01; ;=;;"}, {"cookie": "evertill_browser=💥"}, {"cookie": "evertill_browser=" + "é" * 43},
    {"cookie": "evertill_account=%00"}, {"cookie": "evertill_staff=\udcff\udcfe"}, {"accept": "\udcff/*"},
    {"accept-encoding": "\x00"}, {"if-none-match": "\udcff"}, {"content-length": "many"}, {"content-length": "-1"},
    {"content-length": "9" * 30}, {"idempotency-key": "\udcff"}, {"ucp-agent": "\udcff"}, {"x-forwarded-for": "\udcff"},
]  # fmt: skip


async def test_no_address_breaks_on_nonsense_in_a_header(site: Site) -> None:
    """Whatever a header holds."""
    for headers in NONSENSE_HEADERS:
        for method, path in (
            ("GET", "/"), ("GET", "/nothing"), ("GET", "/cart"), ("GET", "/ops"), ("POST", "/cart/lines"),
            ("GET", "/static/shop.css"), ("GET", "/openapi"), ("POST", "/ucp/v1/checkout-sessions"),
        ):  # fmt: skip
            _sane(await site.ask(method, path, headers=headers), (method, path, ascii(headers)[:60]))


async def test_every_address_says_no_to_a_method_it_does_not_take(site: Site) -> None:
    """405 with what it takes instead, or 404: never a fault."""
    for path in {path for _, path in _walked()} | {"/nothing", "/"}:
        for method in METHODS:
            answer = await site.ask(method, site.filled(path))
            _sane(answer, (method, path))
            if answer.status == 405:
                assert answer.header("allow"), (method, path)


async def test_head_is_answered_wherever_get_is(site: Site) -> None:
    """The same status and headers, and no content."""
    for method, path in _walked():
        if method == "GET":
            got, head = [await site.ask(each, site.filled(path)) for each in ("GET", "HEAD")]
            assert (head.status, head.body) == (got.status, b""), path
            differing = {name for name, _ in set(got.headers) ^ set(head.headers)}
            assert differing <= {"content-length"}, (path, differing)
            if "content-length" not in differing and got.kind != "text/event-stream":
                assert head.header("content-length") == str(len(got.body)), path


async def test_head_of_the_live_stream_holds_no_place(site: Site) -> None:
    """However often a monitor asks so, and although it stays connected: everybody who looks finds a place."""
    for _ in range(WATCHERS_MAX + 1):
        answer = await site.ask("HEAD", "/ops/live/stream", stalls=True)
        assert (answer.status, answer.kind, answer.body) == (200, "text/event-stream", b"")


async def test_every_refusal_has_the_shape_its_asker_reads(site: Site) -> None:
    """UCP's and OAuth's own where they speak, RFC 9457 for other programs, words for people; never another."""
    json_asked, page_asked = {"accept": "application/json"}, {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in sorted({path for _, path in _walked()} | {"/nothing", "/ucp/v1/nothing", "/ops/nothing", "/openapi/x"}):
        for method in ("GET", "POST", "PUT", "DELETE"):
            for headers in (json_asked, page_asked, {}):
                answer = await site.ask(method, site.filled(path), headers=headers)
                if answer.status < 400:
                    continue
                told = (method, path, headers, answer.status, answer.kind)
                if path.startswith(("/ucp/", "/.well-known/ucp")):
                    assert answer.kind == "application/json", told
                    said = json.loads(answer.body)
                    assert set(said) == {"code", "content"}, told
                    assert re.fullmatch(r"[a-z][a-z0-9_]+", said["code"]), told
                elif (method, path) == ("POST", f"{PROGRAMS}v1/token"):
                    assert answer.kind == "application/json", told
                    assert set(json.loads(answer.body)) == {"error", "error_description"}, told
                elif headers == json_asked or path.startswith((PROGRAMS, "/openapi", "/healthz", "/metrics")):
                    assert answer.kind == "application/problem+json", told
                    said = json.loads(answer.body)
                    assert {"type", "title", "status", "detail", "code"} <= set(said), told
                    assert said["status"] == answer.status, told
                else:
                    assert answer.kind == "text/html", told
                    assert b"<h1" in answer.body, told


async def test_whoever_is_not_let_in_is_told_in_their_own_words_when_to_come_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, a time to come again, nothing done; a page keeps what was typed, but never a password."""
    for priority, lane in LANES.items():
        monkeypatch.setitem(LANES, priority, replace(lane, share=0.0))
    page = {"accept": "text/html,*/*;q=0.8"}
    typed = {"sku": "MUG", "quantity": "2", "note": '"><script>', "csrf": site.csrf}
    form = {"content-type": "application/x-www-form-urlencoded", **page}
    asked = [
        ("GET", "/search?q=red+%22mug%22&sort=price", page, b""),
        ("POST", "/cart/lines", form, urlencode(typed).encode()),
        ("POST", "/cart/lines", form, b"\xff\xfe=%00"),
        ("POST", "/cart/lines", form, b"a=" + b"x" * 70_000),
        ("POST", "/account/sign-in", form, urlencode({"email": "ada@example.com", "password": "hunter2"}).encode()),
        ("GET", "/cart", {"accept": "application/json"}, b""),
        ("GET", "/staff/v1/events", page, b""),
        ("POST", "/staff/v1/token", form, b"grant_type=client_credentials"),
        ("POST", "/ucp/v1/checkout-sessions", {}, b"{}"),
        ("POST", "/ucp/v1/checkout-sessions/x/complete", {}, b"{}"),
        ("GET", "/ops", page, b""),
    ]
    told = [await site.ask(method, target, headers=headers, body=body) for method, target, headers, body in asked]
    for answer in told:
        assert answer.status == 503
        assert 1 <= int(answer.header("retry-after") or 0) <= 4
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cache-control") == "no-store"
    search, cart, unreadable, too_long, sign_in, problem, listing, proving, opening, completing, _ = told
    assert b'http-equiv="refresh"' in search.body
    assert b'name="q" value="red &quot;mug&quot;"' in search.body
    assert b'name="quantity" value="2"' in cart.body
    assert b"<script>" not in cart.body.replace(b"<script src", b"")
    assert b'action="/cart/lines"' in cart.body
    assert b"x" * 1_000 not in too_long.body
    assert b"A moment, please" in unreadable.body
    assert b"hunter2" not in sign_in.body
    assert b'href="/account/sign-in"' in sign_in.body
    for program in (problem, listing, proving):
        assert program.kind == "application/problem+json"
        assert json.loads(program.body)["type"].endswith("#temporary-reduced-capacity")
    for api in (opening, completing):
        assert set(json.loads(api.body)) == {"code", "content"}
    assert (await site.ask("GET", "/healthz")).status == 200
    assert (await site.ask("GET", "/static/shop.css")).status == 200


async def test_every_answer_carries_what_keeps_browsers_safe(site: Site) -> None:
    """Pages, static files, redirects, refusals, the API: each header once, and its own where it says one itself."""
    asked = [("GET", site.filled(path)) for method, path in _walked() if method == "GET"]
    asked += [("GET", "/nothing"), ("POST", "/cart/lines"), ("BREW", "/"), ("OPTIONS", "/"), ("GET", "/ops?x=%00")]
    for method, target in asked:
        answer = await site.ask(method, target)
        told = (method, target, answer.status)
        assert answer.header("x-content-type-options") == "nosniff", told
        assert answer.header("x-frame-options") == "DENY", told
        assert answer.header("cross-origin-opener-policy") == "same-origin", told
        assert "unsafe" not in (policy := answer.header("content-security-policy") or "unsafe"), told
        assert policy.startswith("default-src 'none'"), told
        assert answer.header("referrer-policy") in ("same-origin", "no-referrer"), told
        assert answer.header("server") is None, told
        assert answer.header("strict-transport-security") is None, told  # this shop is not reached over https
    order = await site.ask("GET", site.filled("/orders/{sealed:str}"))
    assert order.header("referrer-policy") == "no-referrer"  # its address is its key


FOR_EVERYBODY = (
    "/static/", "/favicon", "/pictures/", "/.well-known/ucp", "/ucp/platforms/", "/openapi/sandbox.json",
    "/openapi/openapi.json", "/robots.txt", "/deals.json",
)  # fmt: skip


FOR_CRAWLERS = (
    "/categories",
    "/deals/",
    "/deals.json",
    "/favicon.ico",
    "/openapi",
    "/pictures/",
    "/products/",
    "/robots.txt",
    "/static/",
    "/.well",
)


async def test_crawlers_are_told_what_to_leave_alone(site: Site) -> None:
    """The shop window is theirs; what is somebody's, acts or has no end is not. No address is left out."""
    answer = await site.ask("GET", "/robots.txt", cookies={}, headers={"user-agent": "Examplebot/1.0"})
    assert (answer.status, answer.kind) == (200, "text/plain")
    told = RobotFileParser()
    told.parse(answer.body.decode().splitlines())
    for path in {path for _, path in _walked()}:
        is_theirs = path in ("/", "/deals") or path.startswith(FOR_CRAWLERS)
        assert told.can_fetch("Examplebot", f"http://localhost:8000{site.filled(path)}") == is_theirs, path


async def test_nothing_that_may_be_somebodys_is_kept_by_a_cache(site: Site) -> None:
    """Only what is the same for all may be kept, and that sets no cookie."""
    for method, path in _walked():
        if method == "GET":
            for cookies in (site.cookies, {}):
                answer = await site.ask(method, site.filled(path), cookies=cookies)
                kept = answer.header("cache-control") != "no-store"
                assert not kept or path.startswith(FOR_EVERYBODY), path
                assert not kept or answer.header("set-cookie") is None, path


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(site: Site, settings: Settings, shop: Shop) -> None:
    """HttpOnly, SameSite, the whole shop's; Secure on this machine and wherever the shop's address is https."""
    https = Site(build(msgspec.structs.replace(settings, public_url="https://shop.example"), shop.signer))
    async with running(https.app):
        for each, host, secure in (
            (site, "localhost:8000", True), (site, "192.168.1.9:8000", False), (https, "shop.example", True),
            (https, "[::1", True),
        ):  # fmt: skip
            answer = await each.ask("GET", "/", cookies={}, headers={"host": host})
            cookie = answer.header("set-cookie") or ""
            assert cookie.startswith(f"{BROWSER_COOKIE}=")
            assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
            assert ("Secure" in cookie.split("; ")) == secure, (host, cookie)
        assert (await https.ask("GET", "/nothing")).header("strict-transport-security")


async def test_a_proxy_of_ours_is_believed_and_nobody_else(settings: Settings, shop: Shop) -> None:
    """Whom limits on guessing count: the browser behind our proxy; behind anybody else's, whoever talks to us."""
    made = Site(build(msgspec.structs.replace(settings, trusted_proxies="10.0.0.0/8"), shop.signer))
    fields = {"email": "eve@example.com", "password": "guessed it?"}
    async with running(made.app):
        made.cookies = {BROWSER_COOKIE: (token := new_token())}
        fields["csrf"] = shop.signer.sign("csrf", token)
        body, kind = urlencode(fields).encode(), {"content-type": "application/x-www-form-urlencoded"}
        for client, said in (
            ("10.1.1.1", "203.0.113.5"),
            ("198.51.100.9", "203.0.113.5"),
            ("10.1.1.1", "1.1.1.1, 203.0.113.5"),
        ):
            headers = {**kind, "x-forwarded-for": said}
            answer = await made.ask("POST", "/account/sign-in", headers=headers, body=body, client=client)
            assert answer.status == 422
    counted = {row["tries"] for row in await shop.desk.fetch("SELECT tries FROM sign_in_try")}
    assert counted == {1, 2, 3}  # 198.51.100.9 once, 203.0.113.5 twice, the e-mail three times


async def _until_the_line_is_known(made: Site) -> None:
    """A worker reads of rooms once a second."""
    async with asyncio.timeout(10):
        while b"issued" not in (await made.ask("GET", "/line/now")).body:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_an_address_with_too_many_places_in_line_is_told_in_plain_words(
    site: Site, settings: Settings, shop: Shop
) -> None:
    """429 to browsers, programs and platforms; whoever has a place or is signed in is served all the same."""
    few = msgspec.structs.replace(settings, trusted_proxies="10.0.0.0/8", waiting_room_per_address_minute=2)
    made, path = Site(build(few, shop.signer)), site.filled("/line/{room_id:uuid}")

    async def come(said: str | None, *, client: str = "10.1.1.1", cookies: Mapping[str, str] | None = None) -> Answer:
        headers = {"x-forwarded-for": said} if said else {}
        return await made.ask("GET", path, headers=headers, client=client, cookies=cookies or {})

    async with running(made.app):
        await _until_the_line_is_known(made)
        first, second, third = [await come("8.8.4.4") for _ in range(3)]
        assert [first.status, second.status, third.status] == [200, 200, 429]
        assert third.header("set-cookie") is None
        assert int(third.header("retry-after") or 0) >= 20
        page = third.body.decode()
        assert "Nothing is lost" in page
        assert '<meta http-equiv="refresh" content="20">' in page
        assert f'href="/account/sign-in?next={path}"' in page
        sent = [value.partition(";")[0].partition("=") for name, value in first.headers if name == "set-cookie"]
        assert (await come("8.8.4.4", cookies={name: value for name, _, value in sent})).status == 200
        assert (await come("8.8.4.4", cookies=site.cookies)).status == 200
        assert (await come("8.8.8.8")).status == 200
        own_words = [await come(f"1.1.1.{number}", client="9.9.9.9") for number in range(3)]
        assert [answer.status for answer in own_words] == [200, 200, 429]  # no proxy of ours: its words are ignored
        unnamed_proxy = [await come(None, client="192.168.1.1") for _ in range(4)]
        assert [answer.status for answer in unnamed_proxy] == [200] * 4
        headers = {"x-forwarded-for": "8.8.4.4", "accept": "application/json"}
        problem = await made.ask("GET", path, headers=headers, client="10.1.1.1", cookies={})
        assert (problem.status, problem.kind) == (429, "application/problem+json")
        assert json.loads(problem.body)["code"] == "too_many_places"
        headers = {
            "x-forwarded-for": "8.8.4.4", "content-type": "application/json", "idempotency-key": "one",
            "ucp-agent": f'profile="http://127.0.0.1:8000{OWN_PLATFORM}"',
        }  # fmt: skip
        wish = msgspec.json.encode({"line_items": [{"item": {"id": "LAST"}, "quantity": 1}]})
        refused = await made.ask("POST", "/ucp/v1/checkout-sessions", headers=headers, body=wish, client="10.1.1.1")
        assert (refused.status, json.loads(refused.body)["code"]) == (429, "too_many_places")
        assert refused.header("retry-after")


async def test_before_the_whole_shop_the_ways_to_a_place_stay_open(
    site: Site, settings: Settings, shop: Shop, connection: Connection
) -> None:
    """Signing in gives a customer their place back; crawlers learn what to leave alone. Everything else is the line."""
    await connection.execute("UPDATE waiting_room SET guards = 'shop', skus = '{}'")
    made = Site(build(settings, shop.signer))
    async with running(made.app):
        await _until_the_line_is_known(made)
        told = {
            path: (await made.ask("GET", path)).status for path in ("/", "/account", "/account/sign-in", "/robots.txt")
        }
    assert told == {"/": 303, "/account": 303, "/account/sign-in": 200, "/robots.txt": 200}


async def test_a_body_is_cut_off_even_where_its_length_is_not_stated(site: Site) -> None:
    """A stream without end is refused after as much as anything of ours may be long."""
    for path in ("/cart/lines", "/ucp/v1/checkout-sessions"):
        answer = await site.ask(
            "POST", path, body=b"x" * 1_000_000,
            headers={"content-type": "application/x-www-form-urlencoded", "content-length": "", "ucp-agent": "x"},
        )  # fmt: skip
        assert 400 <= answer.status < 500, path


async def test_a_buyer_who_hangs_up_in_the_middle_of_a_form_is_no_fault(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Trains enter tunnels: nothing is changed, and nothing is logged as broken."""
    for path in ("/cart/lines", "/ucp/v1/checkout-sessions"):
        headers = {"content-type": "application/x-www-form-urlencoded", "content-length": "50"}
        headers["ucp-agent"] = f'profile="http://127.0.0.1:8000{OWN_PLATFORM}"'
        answer = await site.ask("POST", path, body=b"csrf=", headers=headers, cut_off=True)
        assert answer.status == 400, path
    assert "fault" not in caplog.text


async def test_a_request_that_stalls_is_answered_and_holds_nothing_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of a body that does not come is waited for ten seconds, not for ever: 408, in words or in code."""
    for module in ("browser", "exchange"):
        monkeypatch.setattr(f"evertill.web.{module}.RECEIVE_SECONDS_MAX", 0.05)
    agent = {"ucp-agent": f'profile="http://127.0.0.1:8000{OWN_PLATFORM}"', "content-type": "application/json"}
    form = {"content-type": "application/x-www-form-urlencoded", "content-length": "50"}
    for path, headers in (("/ucp/v1/checkout-sessions", agent), ("/cart/lines", form)):
        async with asyncio.timeout(5):
            answer = await site.ask("POST", path, body=b"{", headers={**headers, "content-length": "50"}, stalls=True)
        assert answer.status == 408, path
        assert b"Nothing was changed" in answer.body


async def test_an_attempt_with_two_names_is_refused(site: Site) -> None:
    """Of two Idempotency-Keys nobody can say which is meant."""
    scope_headers = {"ucp-agent": f'profile="http://127.0.0.1:8000{OWN_PLATFORM}"', "content-type": "application/json"}
    body = b'{"line_items":[{"item":{"id":"MUG"},"quantity":1}]}'
    answer = await site.ask(
        "POST", "/ucp/v1/checkout-sessions", body=body,
        headers={**scope_headers, "idempotency-key": "one"}, twice=("idempotency-key", "two"),
    )  # fmt: skip
    assert answer.status == 400
    assert b"one Idempotency-Key" in answer.body


async def test_an_agent_that_is_not_called_yet_is_given_a_ticket_to_present(site: Site, connection: Connection) -> None:
    """503 with a time to come again and its ticket, the same for the same attempt; called, it opens its checkout."""
    await connection.execute("UPDATE waiting_room SET skus = '{MUG}'")
    headers = {
        "ucp-agent": f'profile="http://127.0.0.1:8000{OWN_PLATFORM}"', "content-type": "application/json",
        "idempotency-key": "the-attempt",
    }  # fmt: skip
    body = b'{"line_items":[{"item":{"id":"MUG"},"quantity":1}]}'

    async def come(ticket: str = "") -> Answer:
        sent = {**headers, "evertill-ticket": ticket} if ticket else headers
        return await site.ask("POST", "/ucp/v1/checkout-sessions", headers=sent, body=body)

    async with asyncio.timeout(10):
        while (first := await come()).status != 503:
            headers["idempotency-key"] += "-again"
            await asyncio.sleep(0.2)
    assert json.loads(first.body)["code"] == "waiting_room"
    assert int(first.header("retry-after") or 0) >= 5
    ticket = first.header("evertill-ticket") or ""
    assert (await come()).header("evertill-ticket") == ticket
    for forged in (ticket[:-1] + ("A" if ticket[-1] != "A" else "B"), "junk", "9" * 300, "\x00"):
        assert (await come(forged)).status == 503
    await connection.execute("UPDATE waiting_room SET now_serving = issued")
    async with asyncio.timeout(10):
        while (called := await come(ticket)).status == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert called.status == 201
    assert (await site.ask("GET", "/line/now")).header("cache-control") == "public, max-age=1"
