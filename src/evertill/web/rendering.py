"""Pages: Jinja2 templates of all slices, and what every page is told."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from babel.dates import format_date
from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from litestar import MediaType
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.money import format_money
from evertill.shop import Shop
from evertill.web.assets import asset_address
from evertill.web.browser import (
    BROWSER_COOKIE,
    ShopRequest,
    Visitor,
    csrf_token,
    keep_cookie,
    path_of,
    shop_of,
    visitor_of,
)

# Slices with a folder pages/: a template is named "catalog/product.html".
_SLICES = (
    "web",
    "catalog",
    "cart",
    "checkout",
    "orders",
    "customers",
    "staff",
    "ops",
    "ucp",
    "waitingroom",
    "members",
    "deals",
    "rainchecks",
)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The one template environment: autoescaped, and an unknown name is an error, not a blank."""
    made = Environment(
        loader=PrefixLoader({name: PackageLoader(f"evertill.{name}", "pages") for name in _SLICES}),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,  # the pages are the release's: not looked for on the disk for every request
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = asset_address
    made.filters["money"] = format_money
    made.filters["day"] = pass_context(_day)
    return made


def _day(context: Context, moment: datetime) -> str:
    """A day as people here write it: "24 November 2026"."""
    return format_date(moment, "long", locale=context["settings"].locale)


def render(shop: Shop, template: str, context: Mapping[str, Any]) -> str:
    """A template's text with the shop's settings beside its own context."""
    return environment().get_template(template).render(settings=shop.settings, sale=shop.board.sale, **context)


async def page(
    request: ShopRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> Response[str]:
    """
    A page for this visitor. Every template is told: settings, visitor, csrf, path.

    A browser that comes for the first time is given its cookie here, so that forms can be told to be ours.
    """
    shop = shop_of(request)
    visitor = await visitor_of(request)
    text = render(
        shop,
        template,
        {"visitor": visitor, "csrf": csrf_token(shop, visitor), "path": path_of(request), **(context or {})},
    )
    response = Response(text, media_type=MediaType.HTML, status_code=status, headers={"Cache-Control": "no-store"})
    _greet(request, response, visitor)
    return response


async def see_other(request: ShopRequest, path: str) -> Redirect:
    """After a form was carried out: 303 to where its result is seen, so that reloading repeats nothing."""
    response = Redirect(path, status_code=303)
    _greet(request, response, await visitor_of(request))
    return response


def _greet(request: ShopRequest, response: Response[Any], visitor: Visitor) -> None:
    if visitor.fresh:
        response.set_cookie(keep_cookie(request, BROWSER_COOKIE, visitor.token))
