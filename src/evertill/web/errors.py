"""One way out: the one place that turns a refusal or a fault into HTTP (for the API, ucp/door.py, in its own words)."""

import logging
import random
from typing import Any

import msgspec
from litestar import MediaType, Request
from litestar.exceptions import HTTPException
from litestar.response import Response

from evertill.refusals import (
    Conflict,
    Invalid,
    Malformed,
    NotAllowed,
    NotFound,
    Refusal,
    SignInNeeded,
    Stalled,
    TooLarge,
    TooMany,
    Unavailable,
    WrongContentType,
)
from evertill.web.again import again_page
from evertill.web.browser import ShopRequest, path_of
from evertill.web.exchange import prefers_json
from evertill.web.rendering import page, see_other

log = logging.getLogger(__name__)

# What is answered in RFC 9457's shape whatever is asked for; the rest in words, to whoever does not ask for JSON.
API_PATHS = ("/api/", "/staff/", "/openapi", "/healthz", "/metrics")

_AGAIN_SECONDS = 5
_SOON_SECONDS_MAX = 60
_TITLES: dict[type[Refusal], str] = {
    Malformed: "That could not be read",
    SignInNeeded: "Please sign in",
    NotAllowed: "Not allowed",
    NotFound: "Not here",
    Stalled: "That did not come through",
    Conflict: "That was done already",
    TooLarge: "That is too large",
    WrongContentType: "That is not the right kind of content",
    Invalid: "Something needs another look",
    TooMany: "A little slower, please",
    Unavailable: "Not at this moment",
}


async def answer_refusal(request: ShopRequest, refusal: Refusal) -> Response[Any]:
    """A refusal in the language of whoever asked, with Retry-After (jittered) where waiting helps."""
    if _wants_json(request):
        response: Response[Any] = Response(
            {
                "type": "about:blank",
                "title": _title(refusal),
                "status": refusal.status,
                "detail": refusal.sentence,
                "code": refusal.code,
                "errors": [{"field": field.field, "problem": field.problem} for field in refusal.fields],
                **refusal.facts,
            },
            status_code=refusal.status,
            media_type="application/problem+json",
        )
    elif "line_at" in refusal.facts:
        response = await see_other(request, str(refusal.facts["line_at"]))
    elif isinstance(refusal, Unavailable) or _is_soon_over(request, refusal):
        response = await _answer_again(request, refusal)
    elif "sign_in_at" in refusal.facts:  # a person at a door: the door is shown, not a page that speaks of it
        response = await see_other(request, str(refusal.facts["sign_in_at"]))
    else:
        response = await page(
            request,
            "ops/refusal.html" if path_of(request).startswith("/ops/") else "web/refusal.html",
            {"title": _title(refusal), "refusal": refusal, "staff": request.state.get("staff")},
            status=refusal.status,
        )
    if refusal.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(jittered(refusal.retry_after_seconds))
    if refusal.challenge is not None:
        response.headers["WWW-Authenticate"] = refusal.challenge
    return response


def _title(refusal: Refusal) -> str:
    return "Not that way" if refusal.status == 405 else _TITLES.get(type(refusal), "Refused")


def _is_soon_over(request: ShopRequest, refusal: Refusal) -> bool:
    """A look that was one too many, and is not in a minute."""
    soon = (refusal.retry_after_seconds or _SOON_SECONDS_MAX + 1) <= _SOON_SECONDS_MAX
    return isinstance(refusal, TooMany) and request.method == "GET" and soon


async def _answer_again(request: ShopRequest, refusal: Refusal) -> Response[Any]:
    """A page that looks nothing up: the database may be what is not available."""
    content_type = request.headers.get("content-type", "")
    typed = b""
    if request.method != "GET" and content_type.startswith("application/x-www-form-urlencoded"):
        typed = await request.body()
    text = again_page(
        method=request.method, path=path_of(request), query=request.scope["query_string"], form=typed,
        sentence=refusal.sentence, seconds=refusal.retry_after_seconds or _AGAIN_SECONDS,
        sign_in_at=str(refusal.facts.get("sign_in_at", "")),
    )  # fmt: skip
    return Response(text, media_type=MediaType.HTML, status_code=refusal.status)


def jittered(seconds: int) -> int:
    """A Retry-After that does not bring everybody back in the same second."""
    return seconds + random.randint(0, max(1, seconds // 2))  # noqa: S311 - no secret


async def answer_http_exception(request: ShopRequest, error: HTTPException) -> Response[Any]:
    """What the framework itself refuses (no such page, method not allowed, a parameter that cannot be)."""
    kinds: dict[int, type[Refusal]] = {
        400: Malformed, 401: SignInNeeded, 403: NotAllowed, 404: NotFound, 413: TooLarge, 415: WrongContentType,
        429: TooMany, 503: Unavailable,
    }  # fmt: skip
    if error.status_code >= 500 and error.status_code not in kinds:
        return await answer_fault(request, error)
    kind = kinds.get(error.status_code, Malformed)
    refusal = kind(_CODES.get(error.status_code, "refused"), _SENTENCES.get(error.status_code, str(error.detail)))
    refusal.status = error.status_code  # 405 and the like keep their own number
    response = await answer_refusal(request, refusal)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


_CODES = {400: "malformed", 404: "not_found", 405: "method_not_allowed"}
_SENTENCES = {
    400: "The request could not be read.",
    404: "There is nothing at this address. It may have moved, or the link may be cut off.",
    405: "This address does not take that kind of request.",
}


async def answer_fault(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A fault: logged with its facts, told in plain words, its inside kept inside."""
    # The route, not the path: a path may be the key to an order, or set somebody's password.
    route = request.scope.get("path_template") or "(none)"
    log.error("fault route=%s method=%s error=%r", route, request.method, error, exc_info=error)
    if _wants_json(request):
        problem = {"type": "about:blank", "title": "Internal error", "status": 500, "detail": FAULT, "code": "fault"}
        return Response(problem, status_code=500, media_type="application/problem+json")
    # No template that needs the database: it may be what broke.
    return Response(_FAULT_PAGE.format(sentence=FAULT), status_code=500, media_type=MediaType.HTML)


FAULT = (
    "Something broke on our side. Your cart is safe, and nothing was charged that is not shown on an order. "
    "If you were paying, press the button again: the same attempt is never carried out twice."
)
_FAULT_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Something broke on our side</title>
<link rel="stylesheet" href="/static/shop.css"><body class="plain"><main><h1>Something broke on our side</h1>
<p>{sentence}</p><p><a href="/cart">Back to your cart</a></p></main></body></html>"""


def _wants_json(request: Request[Any, Any, Any]) -> bool:
    if path_of(request).startswith(API_PATHS):
        return True
    return prefers_json(request.headers.get("accept", ""))


def decode_json(body: bytes, type_: type[Any]) -> Any:
    """
    A JSON body as the type it must be.

    Raises:
        Malformed: It is not JSON.
        Invalid: It is JSON of another shape; the field is named.
    """
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise Invalid("invalid", f"The request says something that cannot be: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("malformed_json", f"The body is not valid JSON: {error}") from error
