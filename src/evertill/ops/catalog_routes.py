"""Products and stock in the console: find them, put them on sale or take them off, price them, count them."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.catalog.changing import ProductStatus, change_price, change_status
from evertill.idempotency import Key, fingerprint_of
from evertill.ids import new_id
from evertill.money import to_major
from evertill.ops.order_routes import read_amount
from evertill.ops.shelves import MOVEMENTS_SHOWN, PAGE_SIZE, PAGES_MAX, levels, movements, product_file, products
from evertill.ops.showing import SAID_ON_THE_PAGE, console_page, number, text, wrong
from evertill.refusals import Conflict, Refusal
from evertill.staff import Role, StaffMember
from evertill.staff.access import require
from evertill.stock.changing import CHANGE_MAX, change_on_hand
from evertill.web.browser import ShopRequest, read_form, shop_of
from evertill.web.rendering import see_other


@get("/ops/products")
async def products_page(request: ShopRequest) -> Response[str]:
    """Products whatever their status, with price and units."""
    staff = await require(request, Role.VIEWER)
    words, status = text(request, "q"), _status_asked(text(request, "status"))
    place = number(request, "page", most=PAGES_MAX)
    found = await products(shop_of(request).console, words=words, status=status, page=place)
    asked = {name: value for name, value in (("q", words), ("status", status)) if value}
    return await console_page(
        request,
        "products",
        staff,
        found=found,
        words=words,
        status=status,
        statuses=list(ProductStatus),
        newer="/ops/products?" + urlencode({**asked, "page": place - 1}) if place > 1 else None,
        older="/ops/products?" + urlencode({**asked, "page": place + 1}) if len(found) == PAGE_SIZE else None,
    )


@get("/ops/products/{handle:str}")
async def product_page(request: ShopRequest, handle: FromPath[str]) -> Response[str]:
    """One product: its variants, their units and prices, and what was changed."""
    return await _product(request, await require(request, Role.VIEWER), handle)


@post("/ops/products/{handle:str}/status", status_code=303)
async def set_status(request: ShopRequest, handle: FromPath[str]) -> Response[str] | Redirect:
    """On the shelves, or off them."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        status = _status_asked(form.get("status", ""))
        if status is None:
            raise wrong("status", "Please choose one of the three.")
        await change_status(
            shop.console,
            handle=handle,
            status=status,
            reason=form.get("status-reason", ""),
            staff_id=staff.id,
            now=shop.clock(),
        )
    except SAID_ON_THE_PAGE as refusal:
        return await _product(request, staff, handle, refusal=refusal, sent=form, about="status")
    return await see_other(request, f"/ops/products/{quote(handle, safe='')}?done=status")


@post("/ops/products/{handle:str}/prices", status_code=303)
async def set_price(request: ShopRequest, handle: FromPath[str]) -> Response[str] | Redirect:
    """Another price for one variant."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop = shop_of(request)
    try:
        sku, seen = form.get("sku", ""), form.get("seen", "")
        shown = await product_file(shop.console, handle=handle)
        if sku not in {variant.level.sku for variant in shown.variants}:
            raise wrong("sku", "Please choose one of this product's variants.")
        await change_price(
            shop.console,
            sku=sku,
            price_minor=read_amount(form.get("price", ""), shop.settings.currency, "price"),
            seen_minor=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 16 else -1,
            reason=form.get("reason", ""),
            staff_id=staff.id,
            now=shop.clock(),
        )
    except SAID_ON_THE_PAGE as refusal:
        return await _product(request, staff, handle, refusal=refusal, sent=form, about="price")
    return await see_other(request, f"/ops/products/{quote(handle, safe='')}?done=price")


@get("/ops/stock")
async def stock_page(request: ShopRequest) -> Response[str]:
    """Units of every SKU, the scarcest first, and the form that changes them."""
    return await _stock(request, await require(request, Role.VIEWER))


@post("/ops/stock", status_code=303)
async def set_stock(request: ShopRequest) -> Response[str] | Redirect:
    """So many units came, or are gone."""
    staff = await require(request, Role.OPERATOR)
    form = await read_form(request)
    shop = shop_of(request)
    sku, change, reason, note = (form.get(name, "") for name in ("sku", "change", "reason", "note"))
    try:
        content = "\0".join((change, reason, note)).encode("utf-8", "replace")
        name = _form_id(form)
        if name is None:
            raise Conflict("form_incomplete", "This form is not complete. Reload the page and try again.")
        await change_on_hand(
            shop.console,
            sku=sku,
            change=_whole_number(change),
            reason=reason,
            note=note,
            key=Key(f"staff:{staff.id}", name.hex, fingerprint_of("change_stock", sku, content)),
            staff_id=staff.id,
            now=shop.clock(),
        )
    except SAID_ON_THE_PAGE as refusal:
        return await _stock(request, staff, refusal=refusal, sent=form)
    return await see_other(request, "/ops/stock?" + urlencode({"q": sku, "done": "stock"}))


async def _product(
    request: ShopRequest,
    staff: StaffMember,
    handle: str,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    about: str = "",
) -> Response[str]:
    product = await product_file(shop_of(request).console, handle=handle)
    before = _id(text(request, "before"))
    moved = await movements(shop_of(request).console, skus=[each.level.sku for each in product.variants], before=before)
    address = f"/ops/products/{quote(handle, safe='')}"
    chosen = (sent or {}).get("sku") or text(request, "sku")
    variant = next((each for each in product.variants if each.level.sku == chosen), None)
    if variant is None and product.variants:
        variant = product.variants[0]
    return await console_page(
        request,
        "product",
        staff,
        refusal=refusal,
        sent=sent,
        about=about,
        product=product,
        statuses=list(ProductStatus),
        variant=variant,
        movements=moved,
        newest=f"{address}#movements" if before else None,
        older=f"{address}?before={moved[-1].id}#movements" if len(moved) == MOVEMENTS_SHOWN else None,
        price_major=to_major(variant.price_minor, variant.currency) if variant else None,
        may_change=staff.may(Role.OPERATOR),
    )


async def _stock(
    request: ShopRequest,
    staff: StaffMember,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
) -> Response[str]:
    words, low = text(request, "q"), bool(text(request, "low"))
    if sent is not None:
        words = sent.get("sku", "")
    found = await levels(shop_of(request).console, words=words, low=low, after=_after(text(request, "after")))
    asked = {name: value for name, value in (("q", words), ("low", "1" if low else "")) if value}
    last = found[-1].level if len(found) == PAGE_SIZE else None
    kept = _form_id(sent or {}) if not isinstance(refusal, Conflict) else None
    return await console_page(
        request,
        "stock",
        staff,
        refusal=refusal,
        sent=sent if sent is not None else {"sku": text(request, "sku")},
        found=found,
        words=words,
        low=low,
        older="/ops/stock?" + urlencode({**asked, "after": f"{last.free},{last.sku}"}) if last else None,
        start="/ops/stock?" + urlencode(asked) if text(request, "after") else None,
        form_id=kept or new_id(),
        may_change=staff.may(Role.OPERATOR),
    )


def _status_asked(word: str) -> ProductStatus | None:
    return ProductStatus(word) if word in set(ProductStatus) else None


def _after(word: str) -> tuple[int, str] | None:
    free, comma, sku = word.partition(",")
    digits = free.removeprefix("-")
    if not comma or not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        return None
    return int(free), sku


def _whole_number(typed: str) -> int:
    plain = typed.replace("−", "-").replace(" ", "")
    digits = plain[1:] if plain[:1] in ("+", "-") else plain
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise wrong("change", f"A whole number from -{CHANGE_MAX:,} to {CHANGE_MAX:,}: 24 that came, -3 that broke.")
    return int(plain)


def _form_id(form: Mapping[str, str]) -> UUID | None:
    return _id(form.get("form", ""))


def _id(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None


routes = [products_page, product_page, set_status, set_price, stock_page, set_stock]
