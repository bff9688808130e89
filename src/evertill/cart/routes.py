"""The cart's page and the forms that change it."""

from collections.abc import Mapping
from uuid import UUID

from litestar import get, post
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill.cart.change import accept_prices
from evertill.cart.claiming import Shopper, change_quantity, put_in, put_in_rain_check, take_out_line
from evertill.cart.model import LINES_MAX, read_quantity, read_shown_prices
from evertill.cart.viewing import view
from evertill.catalog.routes import product_page
from evertill.rainchecks import open_rain_checks
from evertill.refusals import Conflict, Invalid, NotAllowed, NotFound, Refusal, TooMany
from evertill.waitingroom.neighbours import mark_of
from evertill.web.browser import ShopRequest, Visitor, read_form, shop_of, visitor_of
from evertill.web.rendering import page, see_other


@get("/cart")
async def cart_page(request: ShopRequest) -> Response[str]:
    """What one wants, and what has changed about it."""
    return await _cart_page(request)


@post("/cart/lines", status_code=303)
async def put_line(request: ShopRequest) -> Response[str] | Redirect:
    """
    Put a SKU into the cart, claimed where a limited deal stands on it, unless at=list. Refused, it shows the product's
    page again with the reason, and with what it costs without the deal.
    """
    form = await read_form(request)
    shop = shop_of(request)
    try:
        await put_in(
            shop.desk,
            shop.claims,
            await _shopper(request),
            sku=form.get("sku", ""),
            quantity=read_quantity(form.get("quantity", "1")),
            at_list=form.get("at") == "list",
            now=shop.clock(),
        )
    except (Invalid, Conflict, NotAllowed, TooMany) as refusal:
        if form.get("handle"):
            return await product_page(request, form["handle"], form=form, refusal=refusal)
        raise
    return await see_other(request, "/cart")


@post("/cart/lines/change", status_code=303)
async def change_line(request: ShopRequest) -> Response[str] | Redirect:
    """
    Another quantity of a line, none (button remove), or at the deal's price from now on (button claim). Refused, the
    cart's page says why beside the line.
    """
    form = await read_form(request)
    try:
        await _change_line(request, form)
    except (Invalid, NotFound, Conflict, NotAllowed, TooMany) as refusal:
        return await _cart_page(request, refusal=refusal, sent=form)
    return await see_other(request, "/cart")


async def _change_line(request: ShopRequest, form: Mapping[str, str]) -> None:
    shop, shopper, sku = shop_of(request), await _shopper(request), form.get("sku", "")
    if "remove" in form:
        await take_out_line(shop.desk, shop.claims, shopper, sku=sku)
    else:
        quantity = read_quantity(form.get("quantity", ""))
        await change_quantity(shop.desk, shop.claims, shopper, sku=sku, quantity=quantity, at_deal="claim" in form)


@post("/cart/rain-checks", status_code=303)
async def use_rain_check(request: ShopRequest) -> Response[str] | Redirect:
    """Put what a rain check (field rain_check) is for into the cart, at its price. Refused, the page says why."""
    form = await read_form(request)
    shop = shop_of(request)
    try:
        claim_id = UUID(form.get("rain_check", ""))
    except ValueError:
        raise NotFound("no_such_rain_check", "There is no such rain check here.") from None
    try:
        await put_in_rain_check(shop.desk, await _shopper(request), claim_id=claim_id, now=shop.clock())
    except (Conflict, NotFound) as refusal:
        return await _cart_page(request, refusal=refusal)
    return await see_other(request, "/cart")


@post("/cart/prices", status_code=303)
async def accept_new_prices(request: ShopRequest) -> Redirect:
    """Accept the changed prices the cart's page showed."""
    form = await read_form(request)
    shop, visitor = shop_of(request), await visitor_of(request)
    await accept_prices(
        shop.desk,
        browser_hash=visitor.browser_hash,
        customer_id=_customer_id(visitor),
        shown=read_shown_prices(form),
    )
    return await see_other(request, "/cart")


async def _cart_page(
    request: ShopRequest, *, refusal: Refusal | None = None, sent: Mapping[str, str] | None = None
) -> Response[str]:
    shop, visitor = shop_of(request), await visitor_of(request)
    cart = await view(shop.browse, browser_hash=visitor.browser_hash, customer_id=_customer_id(visitor))
    open_ones = await open_rain_checks(shop.browse, holder=visitor.owner, customer_id=_customer_id(visitor))
    used = {line.held.id for line in cart.lines if line.held is not None}
    rain_checks = [each for each in open_ones if each.id not in used]
    context = {"cart": cart, "rain_checks": rain_checks, "refusal": refusal, "sent": sent or {}, "lines_max": LINES_MAX}
    return await page(request, "cart/cart.html", context, status=refusal.status if refusal else 200)


async def _shopper(request: ShopRequest) -> Shopper:
    shop, visitor = shop_of(request), await visitor_of(request)
    host = request.client.host if request.client else None
    return Shopper(
        visitor.browser_hash,
        visitor.owner,
        _customer_id(visitor),
        network=lambda deal_id: mark_of(shop.signer, deal_id, host),
    )


def _customer_id(visitor: Visitor) -> UUID | None:
    return visitor.customer.id if visitor.customer else None


routes = [cart_page, put_line, change_line, use_rain_check, accept_new_prices]
