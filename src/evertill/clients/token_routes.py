"""Where a client has its tokens made: RFC 6749, section 4.4, in that standard's own words."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from litestar import post
from litestar.response import Response

from evertill.clients.granting import grant_token
from evertill.clients.model import TOKEN_LIFE
from evertill.clients.wire import TokenTold
from evertill.customers.tries import network_of
from evertill.refusals import Malformed, Refusal, Unavailable
from evertill.web.browser import ShopRequest, read_urlencoded, shop_of
from evertill.web.errors import jittered

_GRANT = "client_credentials"
_OWN_WORDS = {"invalid_client", "invalid_scope", "unsupported_grant_type", "too_many_tries"}
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@post("/staff/v1/token", status_code=200)
async def make_token(request: ShopRequest) -> Response[Any]:
    """A token for fifteen minutes, for whoever proves a client's secret."""
    shop = shop_of(request)
    try:
        form = await read_urlencoded(request)
        client_id, secret = _credentials(request, form)
        if form.get("grant_type") != _GRANT:
            raise Malformed("unsupported_grant_type", f"The grant_type here is {_GRANT}.")
        granted = await grant_token(
            shop.console, shop.signer, client_id=client_id, secret=secret, scope=form.get("scope", ""),
            network=network_of(request.client.host if request.client else None), now=shop.clock(),
        )  # fmt: skip
    except Refusal as refusal:
        return _refused(refusal)
    told = TokenTold(granted.token, "Bearer", int(TOKEN_LIFE.total_seconds()), " ".join(granted.scopes))
    return Response(told, headers=_NO_STORE)


def _credentials(request: ShopRequest, form: Mapping[str, str]) -> tuple[str, str]:
    """Client id and secret: by HTTP Basic or in the form, not both."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return form.get("client_id", ""), form.get("client_secret", "")
    if "client_secret" in form:
        raise Malformed("invalid_request", "Send the secret in the header or in the form, not in both.")
    if scheme.lower() != "basic":
        raise Malformed("invalid_request", "A client proves itself by HTTP Basic, or by client_id and client_secret.")
    try:
        client_id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise Malformed("invalid_request", "The Authorization header is not HTTP Basic.") from error
    return client_id, secret


def _refused(refusal: Refusal) -> Response[Any]:
    """RFC 6749, section 5.2; where that has no word for it, one that is like its own."""
    error = refusal.code if refusal.code in _OWN_WORDS else "invalid_request"
    if isinstance(refusal, Unavailable):
        error = "temporarily_unavailable"
    headers = dict(_NO_STORE)
    if refusal.challenge is not None:
        headers["WWW-Authenticate"] = refusal.challenge
    if refusal.retry_after_seconds is not None:
        headers["Retry-After"] = str(jittered(refusal.retry_after_seconds))
    told = {"error": error, "error_description": refusal.sentence}
    return Response(told, status_code=refusal.status, headers=headers)


routes = [make_token]
