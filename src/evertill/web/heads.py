"""HEAD wherever GET is answered: monitors and link checkers ask so. The same answer, without its body."""

import asyncio

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send


def with_heads(app: ASGIApp) -> ASGIApp:
    """The application, answering HEAD as it answers GET (RFC 9110, 9.3.2): every header, and no content."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await app(scope, receive, send)
            return
        await _ask_for_head(app, {**scope, "method": "GET"}, receive, send)

    return wrapped


async def _ask_for_head(app: ASGIApp, asked: Scope, receive: Receive, send: Send) -> None:
    """
    Ask as GET, and stop where the body begins.

    An answer that comes in pieces is not heard to its end: a stream of events has none, and would go on holding the
    place of somebody who looks.
    """
    answered = cut_short = False

    async def send_without_body(message: Message) -> None:
        nonlocal answered, cut_short
        if message["type"] == "http.response.start":
            await send(message)
        elif not answered:
            answered, cut_short = True, bool(message.get("more_body"))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            if cut_short:
                asking.cancel()

    asking = asyncio.ensure_future(app(asked, receive, send_without_body))
    try:
        await asking
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not cut_short or (task is not None and task.cancelling()):  # whoever asked is gone
            raise
