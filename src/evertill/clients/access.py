"""Which API client sends a request, and whether it may (RFC 6750). No cookie is looked at here."""

from evertill.clients.granting import Acting, acting
from evertill.clients.model import ApiClient, Scope
from evertill.refusals import NotAllowed, SignInNeeded
from evertill.staff import Program
from evertill.web.browser import ShopRequest, shop_of

_REALM = 'Bearer realm="staff"'


async def require(request: ShopRequest, needed: Scope) -> ApiClient:
    """
    The client that sends this request, if its token is for that: the first line of every route of the staff API.

    Raises:
        SignInNeeded: It carries no token, or none of ours that still counts.
        NotAllowed: The token is for something else.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise SignInNeeded(
            "token_needed", "Send a token as Authorization: Bearer. It is had at /staff/v1/token.", challenge=_REALM
        )
    shop = shop_of(request)
    found: Acting | None = await acting(shop.console, shop.signer, token=token.strip(), now=shop.clock())
    if found is None:
        raise SignInNeeded(
            "invalid_token",
            "This token is not ours, is over, or its client was revoked. Have a new one made at /staff/v1/token.",
            challenge=f'{_REALM}, error="invalid_token"',
        )
    if needed not in found.scopes:
        raise NotAllowed(
            "insufficient_scope",
            f"This needs the scope {needed}. The token is for: {' '.join(found.scopes)}.",
            facts={"scope": needed},
            challenge=f'{_REALM}, error="insufficient_scope", scope="{needed}"',
        )
    return found.client


def program(client: ApiClient) -> Program:
    """The client as the one who acts, for the staff's book."""
    return Program(client.id)
