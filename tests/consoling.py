"""The console, as tests enter it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import httpx
from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from evertill.clients.routes import routes as client_routes
from evertill.ids import new_id
from evertill.ops.routes import routes as ops_routes
from evertill.refusals import Refusal
from evertill.shop import Shop
from evertill.signing import new_token, token_hash
from evertill.staff import Role
from evertill.staff.routes import routes as staff_routes
from evertill.web.awaited import awaited
from evertill.web.browser import STAFF_COOKIE
from evertill.web.errors import answer_fault, answer_http_exception, answer_refusal


def console_of(shop: Shop) -> httpx.AsyncClient:
    """A browser at the console's door, nobody signed in. It follows no redirect by itself."""
    app = Litestar(
        route_handlers=[*ops_routes, *staff_routes, *client_routes],
        exception_handlers={
            Refusal: awaited(answer_refusal, answer_fault),
            HTTPException: awaited(answer_http_exception, answer_fault),
        },
        state=State({"shop": shop}),
        openapi_config=None,
        logging_config=None,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://localhost")  # type: ignore[arg-type]


async def enter(console: httpx.AsyncClient, shop: Shop, role: Role) -> UUID:
    """Somebody of that role, hired and signed in."""
    id_, token, now = new_id(), new_token(), shop.clock()
    await shop.desk.execute(
        """INSERT INTO staff (id, email, email_folded, name, role, password_hash, created_at)
           VALUES ($1, $2, $2, initcap($3), $3, '', $4)""",
        id_,
        f"{id_.hex}@example.com",
        role,
        now,
    )
    await shop.desk.execute(
        "INSERT INTO staff_sign_in (token_hash, staff_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        token_hash(token),
        id_,
        now,
        now + timedelta(hours=1),
    )
    console.cookies.set(STAFF_COOKIE, token)
    return id_


async def press(
    console: httpx.AsyncClient, path: str, fields: Mapping[str, str] | None = None, *, seen: str = "/ops/mail"
) -> httpx.Response:
    """Send a form with the proof that a page of ours gave this browser."""
    return await console.post(path, data={"csrf": hidden(await console.get(seen), "csrf"), **(fields or {})})


def hidden(page: httpx.Response, name: str) -> str:
    """A hidden field's value."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]
