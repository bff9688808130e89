"""API clients in the console: made, seen and revoked by an admin."""

from collections.abc import Mapping
from uuid import UUID

from litestar import get, post
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.clients.admitting import Admitted, all_clients, make_client, revoke_client
from evertill.clients.model import NAME_MAX, Scope
from evertill.ops.history import history_of
from evertill.ops.showing import SAID_ON_THE_PAGE, console_page
from evertill.refusals import NotFound, Refusal
from evertill.staff import Role
from evertill.staff.access import require
from evertill.web.browser import ShopRequest, read_form, shop_of
from evertill.web.rendering import see_other

_PAGE = "/ops/clients"
# A box that is not ticked is not in a form, and of fields of one name the last counts: each scope has its own.
_BOXES = {f"scope_{scope.partition(':')[2]}": scope for scope in Scope}


@get(_PAGE)
async def clients_page(request: ShopRequest) -> Response[str]:
    """Which programs are let in, and the forms that change it."""
    return await _page(request)


@post(_PAGE, status_code=303)
async def admit(request: ShopRequest) -> Response[str]:
    """A new client, whose secret is shown this once."""
    admin = await require(request, Role.ADMIN)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        admitted = await make_client(
            shop.console, name=form.get("name", ""), scopes=[_BOXES[name] for name in _BOXES if name in form],
            reason=form.get("reason", ""), by=admin.id, now=shop.clock(),
        )  # fmt: skip
    except SAID_ON_THE_PAGE as refusal:
        return await _page(request, refusal=refusal, sent=form)
    # Shown in the answer itself: a secret must not travel in an address, nor wait in a table.
    return await _page(request, admitted=admitted)


@post(f"{_PAGE}/revoke", status_code=303)
async def revoke(request: ShopRequest) -> Response[str] | Redirect:
    """A client is shut out for good."""
    admin = await require(request, Role.ADMIN)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        client_id = UUID(hex=form.get("client", ""))
    except ValueError as error:
        raise NotFound("not_found", "There is no such API client.") from error
    try:
        await revoke_client(
            shop.console, client_id=client_id, reason=form.get("reason", ""), by=admin.id, now=shop.clock()
        )
    except SAID_ON_THE_PAGE as refusal:
        return await _page(request, refusal=refusal, sent=form, revoking=True)
    return await see_other(request, f"{_PAGE}?done=client-revoked")


async def _page(
    request: ShopRequest,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    admitted: Admitted | None = None,
    revoking: bool = False,
) -> Response[str]:
    admin = await require(request, Role.ADMIN)
    pool = shop_of(request).console
    clients = await all_clients(pool)
    return await console_page(
        request,
        "clients",
        admin,
        refusal=refusal,
        sent=sent,
        clients=clients,
        living=[
            (each.id.hex, f"{each.name}, made {each.created_at:%Y-%m-%d %H:%M}")
            for each in clients
            if each.revoked_at is None
        ],
        boxes=_BOXES,
        admitted=admitted,
        revoking=revoking,
        name_max=NAME_MAX,
        history=await history_of(pool, subjects=[f"client:{each.id}" for each in clients]),
        titles={f"client:{each.id}": each.name for each in clients},
    )


routes = [clients_page, admit, revoke]
