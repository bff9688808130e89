"""Who sends a request: a browser (a random token in a cookie), maybe signed in; and proof that a form is ours."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from litestar import Request
from litestar.datastructures import Cookie, State, UploadFile
from litestar.exceptions import ClientException, InternalServerException
from litestar.response.base import ASGIResponse, Response

from evertill.refusals import Malformed, NotAllowed, WrongContentType
from evertill.shop import Shop
from evertill.signing import new_token, token_hash
from evertill.web.exchange import RECEIVE_SECONDS_MAX, cut_off, stalled, too_large

ShopRequest: TypeAlias = Request[Any, Any, State]

BROWSER_COOKIE = "evertill_browser"
ACCOUNT_COOKIE = "evertill_account"
STAFF_COOKIE = "evertill_staff"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_YEAR_SECONDS = 365 * 24 * 3600
_FORM_BYTES_MAX = 64 * 1024
_FORM_FIELDS_MAX = 200


def shop_of(request: ShopRequest) -> Shop:
    """The shop this worker runs."""
    shop: Shop = request.app.state.shop
    return shop


def path_of(request: Request[Any, Any, Any]) -> str:
    """
    The path that was asked for.

    Not request.url.path: that is read out of the whole address, which cannot be read where the Host is nonsense.
    """
    return request.scope["path"]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A customer, as pages greet one."""

    id: UUID
    email: str
    name: str


@dataclass(slots=True)
class Visitor:
    """Who is at the other end. `fresh` says that the browser has no cookie yet and must be given one."""

    token: str
    fresh: bool
    customer: SignedIn | None
    cart_units: int  # for the number beside the basket

    @property
    def browser_hash(self) -> bytes:
        """What the tables know of the browser: never its token."""
        return token_hash(self.token)

    @property
    def owner(self) -> str:
        """The name under which this visitor's attempts and checkout sessions are kept."""
        return f"browser:{self.browser_hash.hex()}"


_WHO = """/* web.who */
SELECT customer.id, customer.email, customer.name,
       coalesce((SELECT sum(cart_line.quantity)
                   FROM cart JOIN cart_line ON cart_line.cart_id = cart.id
                  WHERE (customer.id IS NULL AND cart.browser_hash = $1)
                     OR cart.customer_id = customer.id), 0)::int AS cart_units
  FROM (SELECT 1) AS one
  LEFT JOIN customer_sign_in ON customer_sign_in.token_hash = $2 AND customer_sign_in.expires_at > $3
  LEFT JOIN customer ON customer.id = customer_sign_in.customer_id
"""


async def visitor_of(request: ShopRequest) -> Visitor:
    """Who sends this request, looked up once per request; a browser without our cookie is given a fresh token."""
    known = request.state.get("visitor")
    if isinstance(known, Visitor):
        return known
    shop = shop_of(request)
    token = request.cookies.get(BROWSER_COOKIE, "")
    account = request.cookies.get(ACCOUNT_COOKIE, "")
    fresh = not _looks_like_token(token)
    if fresh:
        token = new_token()
    visitor = Visitor(token=token, fresh=fresh, customer=None, cart_units=0)
    if account or not fresh:
        row = await shop.browse.fetchrow(_WHO, visitor.browser_hash, token_hash(account), shop.clock())
        if row is not None:
            visitor.cart_units = row["cart_units"]
            if row["id"] is not None:
                visitor.customer = SignedIn(row["id"], row["email"], row["name"])
    request.state.visitor = visitor
    return visitor


def _looks_like_token(token: str) -> bool:
    return len(token) == 43 and all(
        character.isascii() and (character.isalnum() or character in "-_") for character in token
    )


def keep_cookie(request: ShopRequest, name: str, token: str, *, seconds: int = _YEAR_SECONDS) -> Cookie:
    """
    A cookie no script can read and no other site can send along with a form.

    Secure wherever the shop is reached over https, and on the machine itself, where browsers allow it. A
    demonstration on a plain http address of a local network goes without, since it could not work with it.
    """
    address = urlsplit(shop_of(request).settings.address)
    host = (request.headers.get("host") or "").rpartition(":")[0] or request.headers.get("host", "")
    secure = address.scheme == "https" or host in ("localhost", "127.0.0.1", "[::1]")
    return Cookie(key=name, value=token, max_age=seconds, path="/", httponly=True, secure=secure, samesite="lax")


def drop_cookie(name: str) -> Cookie:
    """Takes a cookie away again."""
    return Cookie(key=name, value="", max_age=0, path="/", httponly=True, samesite="lax")


def csrf_token(shop: Shop, visitor: Visitor) -> str:
    """What a form of this browser must carry in its field `csrf`."""
    return shop.signer.sign("csrf", visitor.token)


async def read_form(request: ShopRequest) -> Mapping[str, str]:
    """
    The fields of a form this browser was given by us: the one way to read a form.

    A field sent several times counts with its last value. Blanks around a value are dropped.

    Raises:
        NotAllowed: `csrf` is missing or not this browser's.
        Malformed, TooLarge, WrongContentType: It is not a sane form.
    """
    fields = await read_urlencoded(request)
    await _check_ours(request, fields)
    return fields


async def read_upload(request: ShopRequest, name: str, *, bytes_max: int) -> tuple[Mapping[str, str], bytes]:
    """
    The fields of a form of ours that may carry a file, and the file of that name; b"" where none was chosen. Values are
    as they were sent: of rows in a box blank lines count.

    Raises:
        NotAllowed, Malformed, TooLarge, WrongContentType: As read_form.
    """
    if request.content_type[0] != "multipart/form-data":
        return await read_form(request), b""  # sent as forms without a file are, and bounded as they are
    await read_body(request, bytes_max)
    try:
        parts = list((await request.form()).multi_items())
    except (UnicodeError, ClientException) as error:
        raise Malformed("malformed_form", "The form could not be read: it is not a whole form.") from error
    fields = {key: value for key, value in parts if isinstance(value, str) and "\0" not in key + value}
    await _check_ours(request, fields)
    files = [value for key, value in parts if key == name and isinstance(value, UploadFile)]
    return fields, await files[-1].read() if files else b""


async def _check_ours(request: ShopRequest, fields: Mapping[str, str]) -> None:
    visitor = await visitor_of(request)
    if visitor.fresh or not shop_of(request).signer.holds("csrf", visitor.token, fields.get("csrf", "")):
        raise NotAllowed(
            "form_expired",
            "This form was not sent from a page of ours, or the page is too old. Nothing was changed. "
            "Please go back, reload the page and try again.",
        )


async def read_urlencoded(request: ShopRequest) -> Mapping[str, str]:
    """The fields of an urlencoded body, checked for sanity only."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise WrongContentType("wrong_content_type", "Forms are sent as application/x-www-form-urlencoded.")
    body = await read_body(request, _FORM_BYTES_MAX)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FORM_FIELDS_MAX
        )
    except (UnicodeError, ValueError) as error:
        raise Malformed("malformed_form", "The form could not be read: it is not valid text.") from error
    if any("\x00" in name or "\x00" in value for name, value in pairs):
        raise Malformed("malformed_form", "The form could not be read: it holds a NUL character.")
    return {name: value.strip() for name, value in pairs}


async def read_body(request: ShopRequest, bytes_max: int) -> bytes:
    """
    The request's body, if it isn't too long; a stated length that is too long is refused unread.

    Raises:
        TooLarge: More than bytes_max.
        Malformed: Whoever sent it hung up before its end.
    """
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > bytes_max:
        raise too_large(bytes_max)
    try:
        async with asyncio.timeout(RECEIVE_SECONDS_MAX):
            body = await request.body()
    except TimeoutError as error:
        raise stalled() from error
    except InternalServerException as error:  # the framework's word for it; it is no fault of ours
        raise cut_off() from error
    if len(body) > bytes_max:
        raise too_large(bytes_max)
    return body


AnyResponse: TypeAlias = Response[Any] | ASGIResponse
