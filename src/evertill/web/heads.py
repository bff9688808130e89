"""HEAD wherever GET is answered: monitors and link checkers ask so. The same answer, without its body."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send


def with_heads(app: ASGIApp) -> ASGIApp:
    """The application, answering HEAD as it answers GET (RFC 9110, 9.3.2): every header, and no content."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        asked = {**scope, "method": "GET"}
        await app(asked, receive, send_without_body)  # type: ignore[arg-type]

    return wrapped
