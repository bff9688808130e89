"""Static files: read once at the start, named by their content, so that browsers may keep them for a year."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from litestar import get
from litestar.params import FromPath
from litestar.response import Response

from evertill.refusals import NotFound
from evertill.web.browser import ShopRequest

_KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_FOR_A_YEAR = "public, max-age=31536000, immutable"
_FOR_FIVE_MINUTES = "public, max-age=300"  # asked for without its content's name: may be older than the page


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file as it is sent."""

    content: bytes
    packed: bytes  # gzip
    kind: str
    version: str  # the first 12 hex digits of its content's SHA-256


def asset_address(name: str) -> str:
    """Where pages find a static file: its name, and its content's name as a query. Templates call it as `asset`."""
    return f"/static/{name}?v={_assets()[name].version}"


@lru_cache(maxsize=1)
def _assets() -> dict[str, Asset]:
    folder = files("evertill.web").joinpath("static")
    assets = {}
    for file in folder.iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in _KINDS:
            content = file.read_bytes()
            assets[file.name] = Asset(
                content=content,
                packed=gzip.compress(content, 9, mtime=0),
                kind=_KINDS[suffix],
                version=hashlib.sha256(content).hexdigest()[:12],
            )
    return assets


@get("/static/{name:str}")
async def static_file(request: ShopRequest, name: FromPath[str]) -> Response[bytes]:
    """One static file. Names are looked up in what was read at the start: no path of a request reaches the disk."""
    asset = _assets().get(name)
    if asset is None:
        raise NotFound("not_found", "There is no such file.")
    return _answer(request, asset)


@get("/favicon.ico")
async def favicon(request: ShopRequest) -> Response[bytes]:
    """The sign of the shop, for browsers that ask for it where they always have."""
    return _answer(request, _assets()["favicon.svg"])


def _answer(request: ShopRequest, asset: Asset) -> Response[bytes]:
    named = request.query_params.get("v") == asset.version
    headers = {
        "Cache-Control": _FOR_A_YEAR if named else _FOR_FIVE_MINUTES,
        "ETag": f'"{asset.version}"',
        "Vary": "Accept-Encoding",
    }
    if asset.version in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers, media_type=asset.kind)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.kind)
    return Response(asset.content, headers=headers, media_type=asset.kind)


routes = [static_file, favicon]
