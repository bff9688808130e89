"""What crawlers are asked to leave alone (RFC 9309): what is somebody's, what acts, and pages without an end."""

from litestar import MediaType, get
from litestar.response import Response

# Whoever comes to a line takes a place in it; the shelf a search finds is another one for every word.
_LEFT_ALONE = (
    "/account", "/cart", "/checkout", "/deals.stream", "/healthz", "/line", "/metrics", "/ops", "/orders/", "/search",
    "/staff/", "/ucp/", "/waitlist",
)  # fmt: skip
_TEXT = "\n".join(("User-agent: *", *(f"Disallow: {path}" for path in _LEFT_ALONE), ""))
_FOR_AN_HOUR = "public, max-age=3600"


@get("/robots.txt", include_in_schema=False)
async def robots() -> Response[str]:
    """The same for all crawlers. Those that do not ask, or do not care, meet the limits everybody meets."""
    return Response(_TEXT, media_type=MediaType.TEXT, headers={"Cache-Control": _FOR_AN_HOUR})


routes = [robots]
