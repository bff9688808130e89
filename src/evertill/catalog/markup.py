"""What a product page tells search engines: schema.org, as JSON-LD that is safe inside a page."""

import msgspec
from markupsafe import Markup

from evertill.catalog.model import Offer, Product, StockState
from evertill.money import to_major

_AVAILABILITY = {
    StockState.IN_STOCK: "https://schema.org/InStock",
    StockState.FEW_LEFT: "https://schema.org/LimitedAvailability",
    StockState.SOLD_OUT: "https://schema.org/SoldOut",
}


def product_markup(product: Product, *, address: str, description: str) -> Markup:
    """
    A product and its offers as schema.org's Product.

    Args:
        address: The shop's, without a slash at the end.

        description: In plain text.

    Returns:
        JSON in which no character can end the script element around it.
    """
    page = f"{address}/products/{product.handle}"
    facts: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": product.title,
        "url": page,
        "image": product.image_url or f"{address}/pictures/{product.handle}.svg",
        "description": description or product.title,
        "sku": product.offers[0].sku,
        "offers": [_offer(offer, page) for offer in product.offers],
    }
    if product.vendor:
        facts["brand"] = {"@type": "Brand", "name": product.vendor}
    if product.category:
        facts["category"] = product.category.name
    return in_script(facts)


def in_script(facts: object) -> Markup:
    """JSON for a script element: "<" would let a text like "</script>" end it, and is written as an escape."""
    text = msgspec.json.encode(facts).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  (nothing left in it can leave the element)


def _offer(offer: Offer, page: str) -> dict[str, str]:
    return {
        "@type": "Offer",
        "sku": offer.sku,
        "url": page,
        "price": str(to_major(offer.price_minor, offer.currency)),
        "priceCurrency": offer.currency,
        "availability": _AVAILABILITY[offer.stock_state],
        **({"name": offer.label} if offer.label else {}),
    }
