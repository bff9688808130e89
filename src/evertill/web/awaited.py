"""
Answers to refusals and faults that are made with a look at who asks, and so have to be awaited.

The framework takes a handler's answer at once; what it is handed here makes the real answer when it is sent.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from litestar import Request
from litestar.response import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

AnyRequest: TypeAlias = Request[Any, Any, Any]
Error = TypeVar("Error", bound=Exception)


def awaited(
    answer: Callable[[AnyRequest, Error], Awaitable[Response[Any]]],
    otherwise: Callable[[AnyRequest, Exception], Awaitable[Response[Any]]],
) -> Callable[[AnyRequest, Error], Response[Any]]:
    """
    An exception handler out of a function that has to be awaited.

    Args:
        answer: Makes the answer.

        otherwise: Makes one where that fails itself: the database it looks into may be what is down.
    """

    def handle(request: AnyRequest, error: Error) -> Response[Any]:
        return _Awaited(request, lambda: answer(request, error), otherwise)

    return handle


class _Awaited(Response[Any]):
    def __init__(
        self,
        request: AnyRequest,
        answer: Callable[[], Awaitable[Response[Any]]],
        otherwise: Callable[[AnyRequest, Exception], Awaitable[Response[Any]]],
    ) -> None:
        super().__init__(None)
        self._request = request
        self._answer = answer
        self._otherwise = otherwise

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return _Sent(self._send)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._answer()
        except Exception as error:
            response = await self._otherwise(self._request, error)
        await response.to_asgi_response(app=None, request=self._request)(scope, receive, send)


class _Sent(ASGIResponse):
    def __init__(self, send_answer: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        super().__init__()
        self._send_answer = send_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._send_answer(scope, receive, send)
