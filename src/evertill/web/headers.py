"""What every answer carries to keep browsers on the safe side (OWASP ASVS 5.0, V3.4)."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),  # what may be kept says so; the rest may be somebody's
]
_HTTPS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def security_headers(*, https: bool) -> list[tuple[bytes, bytes]]:
    """What every answer carries that does not say otherwise itself."""
    always = [*_HEADERS, *([_HTTPS] if https else [])]
    return [*always, (b"content-security-policy", _POLICY.encode()), (b"x-frame-options", b"DENY")]


def with_security_headers(app: ASGIApp, *, https: bool) -> ASGIApp:
    """The application with its security headers on every HTTP answer."""
    always = security_headers(https=https)

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                stated = {name.lower() for name, _ in headers}
                # What an answer states itself counts: of two Referrer-Policies browsers would take the last.
                message["headers"] = [*headers, *(header for header in always if header[0] not in stated)]
            await send(message)

        await app(scope, receive, send_with_headers)

    return wrapped
