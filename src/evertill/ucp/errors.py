"""UCP's shape of a protocol error."""

from litestar.response import Response


def protocol_error(status: int, code: str, content: str) -> Response[dict[str, str]]:
    """{code, content} with that status, as the REST binding has it."""
    return Response({"code": code, "content": content}, status_code=status, media_type="application/json")
