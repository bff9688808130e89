"""What is sold: browsing it, importing it, and drawing it where there is no picture."""

from evertill.catalog.model import (
    Card,
    Category,
    CategoryName,
    Home,
    Offer,
    OfferOfProduct,
    Product,
    Shelf,
    Sort,
    StockState,
    option_label,
    stock_state,
)
from evertill.catalog.shelves import categories, home, offers_by_sku, product, search, shelf

__all__ = [
    "Card",
    "Category",
    "CategoryName",
    "Home",
    "Offer",
    "OfferOfProduct",
    "Product",
    "Shelf",
    "Sort",
    "StockState",
    "categories",
    "home",
    "offers_by_sku",
    "option_label",
    "product",
    "search",
    "shelf",
    "stock_state",
]
