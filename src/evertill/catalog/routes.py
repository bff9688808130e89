"""The shop window: first page, categories, search, product pages and drawn pictures. All read, nothing written."""

import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import get
from litestar.params import FromPath
from litestar.response import Response
from msgspec.structs import replace

from evertill.catalog import shelves
from evertill.catalog.markup import product_markup
from evertill.catalog.model import WORDS_MAX, Sort
from evertill.catalog.pictures import draw
from evertill.deals.labelling import deals_on, labelled, priced
from evertill.refusals import NotFound, Refusal
from evertill.web.browser import ShopRequest, shop_of
from evertill.web.rendering import page

_SORT_WORDS = {
    Sort.RELEVANCE: "Best match",
    Sort.POPULAR: "Most bought",
    Sort.NEWEST: "Newest",
    Sort.PRICE_LOW: "Price: low to high",
    Sort.PRICE_HIGH: "Price: high to low",
}
_TAG = re.compile(r"<[^>]*>")
_PICTURE_SECONDS = 24 * 3600  # a drawn picture changes with a product's title only
_DESCRIPTION_CHARACTERS = 160  # what search engines show of it


@get("/")
async def home(request: ShopRequest) -> Response[str]:
    """The first page: what the shop is, its categories, what people buy most."""
    shop = shop_of(request)
    window = await shelves.home(shop.browse)
    window = replace(window, popular=await labelled(shop.browse, shop.board, window.popular))
    return await page(request, "catalog/home.html", {"home": window})


@get("/categories")
async def categories(request: ShopRequest) -> Response[str]:
    """Everything there is, by category."""
    known = await shelves.categories(shop_of(request).browse)
    return await page(request, "catalog/categories.html", {"categories": known})


@get("/categories/{slug:str}")
async def category(request: ShopRequest, slug: FromPath[str]) -> Response[str]:
    """One category's shelf."""
    browse = shop_of(request).browse
    # The list is short and tells the category's name, and that it exists with something in it.
    known = {category.slug: category for category in await shelves.categories(browse)}
    if slug not in known:
        raise NotFound("category_not_found", "There is no such category, or nothing is left in it.")
    sort = _sort_of(request, default=Sort.POPULAR)
    shelf = await shelves.shelf(browse, category=slug, sort=sort, page=_page_of(request))
    shelf = replace(shelf, cards=await labelled(browse, shop_of(request).board, shelf.cards))
    return await page(
        request,
        "catalog/category.html",
        {
            "category": known[slug],
            "shelf": shelf,
            "sorts": [(choice, text) for choice, text in _SORT_WORDS.items() if choice is not Sort.RELEVANCE],
            "address": _address(f"/categories/{slug}", {}),
            "pager_address": _address(f"/categories/{slug}", {"sort": sort.value}) + "page=",
        },
    )


@get("/search")
async def search(request: ShopRequest) -> Response[str]:
    """What matches some words; without words, the way to the categories."""
    words = " ".join(_asked(request, "q").split())[:WORDS_MAX]
    browse = shop_of(request).browse
    sort = _sort_of(request, default=Sort.RELEVANCE)
    shelf = await shelves.search(browse, words=words, sort=sort, page=_page_of(request))
    shelf = replace(shelf, cards=await labelled(browse, shop_of(request).board, shelf.cards))
    return await page(
        request,
        "catalog/search.html",
        {
            "words": words,
            "shelf": shelf,
            "categories": () if shelf.cards else await shelves.categories(browse),
            "sorts": list(_SORT_WORDS.items()),
            "address": _address("/search", {"q": words}),
            "pager_address": _address("/search", {"q": words, "sort": sort.value}) + "page=",
        },
    )


@get("/products/{handle:str}")
async def product(request: ShopRequest, handle: FromPath[str]) -> Response[str]:
    """One product, its variants, and the form that puts one into the cart."""
    return await product_page(request, handle)


async def product_page(
    request: ShopRequest, handle: str, *, form: Mapping[str, str] | None = None, refusal: Refusal | None = None
) -> Response[str]:
    """
    A product's page; with what was sent and why it was refused, where its form comes back.

    Raises:
        NotFound: There is no such product.
    """
    shop = shop_of(request)
    listed = await shelves.product(shop.browse, handle=handle)
    deals = await deals_on(shop.browse, shop.board, listed)
    found = priced(listed, deals.applied)
    plain = _plain(found.description_html)
    buyable = found.buyable
    sent = (form or {}).get("sku", "")
    chosen = sent if sent in {offer.sku for offer in buyable} else buyable[0].sku if buyable else ""
    return await page(
        request,
        "catalog/product.html",
        {
            "product": found,
            "deals": deals,
            "deal_state": shop.board.draw(deals.seen, deals.told, deals.moment) if deals.seen and deals.told else "",
            "buyable": buyable,
            "chosen": chosen,
            "quantity": (form or {}).get("quantity", "1"),
            "refusal": refusal,
            "form": form or {},
            "cheapest": found.cheapest,
            "dearest": found.dearest,
            "prices_differ": len({offer.price_minor for offer in found.offers}) > 1,
            "summary": plain[:_DESCRIPTION_CHARACTERS],
            "markup": product_markup(found, address=shop.settings.address, description=plain),
        },
        status=refusal.status if refusal else 200,
    )


@get("/pictures/{name:str}")
async def picture(request: ShopRequest, name: FromPath[str]) -> Response[str]:
    """The picture we draw for a product that has none."""
    handle, dot, kind = name.rpartition(".")
    if not dot or kind != "svg":
        raise NotFound("picture_not_found", "There is no such picture.")
    found = await shelves.product(shop_of(request).browse, handle=handle)
    drawing = draw(seed=handle, title=found.title, category=found.category.slug if found.category else None)
    return Response(
        drawing, media_type="image/svg+xml", headers={"Cache-Control": f"public, max-age={_PICTURE_SECONDS}"}
    )


def _page_of(request: ShopRequest) -> int:
    """The page asked for; what is no page number is the first page."""
    text = _asked(request, "page")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 1


def _sort_of(request: ShopRequest, *, default: Sort) -> Sort:
    """The order asked for; one we do not know is the usual one."""
    text = _asked(request, "sort")
    return Sort(text) if text in {sort.value for sort in _SORT_WORDS} else default


def _asked(request: ShopRequest, name: str) -> str:
    value: Any = request.query_params.get(name, "")
    return value if isinstance(value, str) else ""


def _address(path: str, query: Mapping[str, str]) -> str:
    """An address to which more of a query can be appended."""
    return f"{path}?{urlencode(query)}{'&' if query else ''}"


def _plain(text_html: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", text_html)).split())


routes = [home, categories, category, search, product, picture]
