"""What product pages tell search engines."""

import json

from evertill.catalog.markup import product_markup
from evertill.catalog.model import CategoryName, Offer, Product
from evertill.ids import new_id

EVIL = 'Mug </script><script>alert("1")</script> & <!-- \u2028'


def product(*offers: Offer) -> Product:
    return Product(new_id(), "mug", EVIL, "", "", CategoryName("mugs", "Mugs"), (), (), None, offers)


def test_no_text_of_a_merchant_can_end_the_script_element() -> None:
    """And what is read back is what was written."""
    offer = Offer('"</script>', (), 1_250, None, "GBP", None, 3)
    markup = product_markup(product(offer), address="https://shop.example", description=EVIL)
    assert not set("<>&\u2028\u2029") & set(markup)
    facts = json.loads(markup)
    assert facts["name"] == facts["description"] == EVIL
    assert facts["sku"] == '"</script>'


def test_each_variant_is_an_offer_with_its_price_and_stock() -> None:
    """Prices as decimals of the currency, stock in schema.org's words."""
    offers = [
        Offer("S", ("Small",), 1_205, None, "GBP", None, 100),
        Offer("L", ("Large",), 900, None, "JPY", None, 0),
    ]
    facts = json.loads(product_markup(product(*offers), address="https://shop.example", description=""))
    assert [(offer["name"], offer["price"], offer["availability"]) for offer in facts["offers"]] == [
        ("Small", "12.05", "https://schema.org/InStock"),
        ("Large", "900", "https://schema.org/SoldOut"),
    ]
    assert facts["image"] == "https://shop.example/pictures/mug.svg"
    assert facts["category"] == "Mugs"
