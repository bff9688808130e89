"""From what is wanted to terms."""

import pytest

from evertill.address import Address
from evertill.checkout.compose import Offered, check_wish, compose
from evertill.checkout.model import House, SessionStatus, Want, Wish
from evertill.deals.costing import Cost
from evertill.orders import Buyer
from evertill.refusals import Invalid
from tests.buying import wish

HOUSE = House("GB", "GBP", prices_include_tax=True)
OFFERS = {
    "MUG": Offered("Mug", Cost(1_250, 1_250), 5),
    "TEA": Offered("Tea", Cost(495, 495), 100),
    "GONE": Offered("Gone", Cost(700, 700), 0),
}


def _codes(asked: Wish) -> list[str]:
    terms, _ = compose(asked, OFFERS, HOUSE)
    return [remark.code for remark in terms.remarks]


def test_a_whole_wish_is_ready_to_be_paid() -> None:
    """Nothing is missing: no remark, a total."""
    terms, status = compose(wish(("MUG", 2), ("TEA", 1)), OFFERS, HOUSE)
    assert status is SessionStatus.READY
    assert terms.remarks == ()
    assert (terms.quote.subtotal_minor, terms.quote.delivery_minor, terms.quote.total_minor) == (2_995, 395, 3_390)


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        (wish(("MUG", 9)), ["quantity_adjusted"]),
        (wish(("MUG", 3), ("MUG", 3)), ["quantity_adjusted"]),
        (wish(("MUG", 1), ("GONE", 1)), ["out_of_stock"]),
        (wish(("MUG", 1), ("NOPE", 1)), ["item_unavailable"]),
        (wish(("MUG", 1), delivery=None), ["delivery_needed"]),
        (wish(("MUG", 1), delivery="owl"), ["delivery_unavailable"]),
        (Wish((Want("MUG", 1),), delivery="std"), ["email_needed", "address_needed"]),
        (Wish((Want("MUG", 1),), buyer=Buyer("ada@example.com"), delivery="pickup"), []),
        (Wish((Want("MUG", 1),), buyer=Buyer("nonsense"), delivery="pickup"), ["email_invalid"]),
        (Wish((Want("MUG", 1),), delivery="pickup", vouched=True), []),
    ],
)
def test_what_is_missing_or_changed_is_said(asked: Wish, codes: list[str]) -> None:
    """A remark with a stable code for each."""
    assert _codes(asked) == codes


@pytest.mark.parametrize(
    ("email", "fine"),
    [
        ("ada@example.com", True),
        ("ada.byron+shop@mail.example.co.uk", True),
        ("añada@bücher.example", True),
        ("ada,eve@example.com", False),
        ("ada@example.com,eve.example", False),
        ("Ada<ada@example.com>", False),
        ('"ada"@example.com', False),
        ("ada@example.com\nBcc: eve", False),
        ("ada@example", False),
        ("ada@example.com.", False),
        ("ada@@example.com", False),
        ("a" * 65 + "@example.com", False),
    ],
)
def test_an_email_is_one_address_and_nothing_else(email: str, fine: bool) -> None:
    """A letter to two would tell a stranger the way to the order."""
    asked = Wish((Want("MUG", 1),), buyer=Buyer(email), delivery="pickup")
    assert _codes(asked) == ([] if fine else ["email_invalid"])


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        (Address("GB", "Ada", "1 High St", "London", "", "XXX"), {"address.postcode"}),
        (Address("GB", "Ada", "1 High St", "London"), {"address.postcode"}),
        (Address("GB", "", "", "", "", ""), {"address.name", "address.street", "address.city", "address.postcode"}),
        (Address("US", "Ada", "1 Main St", "Springfield", "Nowhere", "62701"), {"address.region"}),
        (Address("US", "Ada", "1 Main St", "Springfield", "CA", "62701"), {"address.postcode"}),
        (Address("ZZ", "Ada", "1 High St", "London", "", "SW1Y 4JH"), {"address.country"}),
        (Address("", "Ada", "1 High St", "London", "", "SW1Y 4JH"), {"address.country"}),
        (Address("GB", "A" * 300, "1 High St", "London", "", "SW1Y 4JH"), {"address.name"}),
        (Address("GB", "Ada", "1 High St", "L" * 5_000, "", "SW1Y 4JH"), {"address.city"}),
        (Address("IE", "Ada", "1 Main St", "Dublin", "", ""), set()),
    ],
)
def test_an_address_that_cannot_be_is_named_field_by_field(address: Address, fields: set[str]) -> None:
    """By the rules of each country's postal service."""
    asked = Wish((Want("MUG", 1),), buyer=Buyer("ada@example.com"), address=address, delivery="std")
    terms, status = compose(asked, OFFERS, HOUSE)
    assert {remark.field for remark in terms.remarks} == fields
    assert (status is SessionStatus.READY) == (not fields)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (Address("US", "Ada", "1 Main St", "Springfield", "", "62701"), "Please tell us the state."),
        (Address("CA", "Ada", "1 Main St", "Ottawa", "", "K1A 0B1"), "Please tell us the province."),
        (
            Address("US", "Ada", "1 Main St", "Springfield", "Nowhere", "62701"),
            "This state does not fit the country, United States.",
        ),
        (
            Address("GB", "Ada", "1 High St", "London", "", "99999"),
            "This postcode does not fit the country, United Kingdom. One there looks like EC1Y 8SY.",
        ),
        (Address("", "Ada", "1 High St", "London", "", "SW1Y 4JH"), "Please tell us the country."),
    ],
)
def test_what_is_wrong_with_an_address_is_said_in_the_words_of_its_country(address: Address, sentence: str) -> None:
    """A state is not called a region, and no country's name lacks its article."""
    asked = Wish((Want("MUG", 1),), buyer=Buyer("ada@example.com"), address=address, delivery="std")
    terms, _ = compose(asked, OFFERS, HOUSE)
    assert [remark.sentence for remark in terms.remarks] == [sentence]


def test_an_address_is_made_tidy() -> None:
    """The postcode in the country's own form; the city as it was written."""
    terms, _ = compose(wish(("MUG", 1)), OFFERS, HOUSE)
    assert terms.wish.address is not None
    assert (terms.wish.address.postcode, terms.wish.address.city) == ("SW1Y 4JH", "London")


@pytest.mark.parametrize("quantity", [0, -1, 1_000, 10**9])
def test_a_quantity_that_cannot_be_is_refused_by_name(quantity: int) -> None:
    """Before anything else is looked at."""
    with pytest.raises(Invalid) as refused:
        check_wish(wish(("MUG", quantity)))
    assert refused.value.fields[0].field == "line_items.0.quantity"


@pytest.mark.parametrize("sku", ["", "A" * 121, "A\x00B"])
def test_a_sku_that_cannot_be_is_refused_by_name(sku: str) -> None:
    """Before the database hears of it."""
    with pytest.raises(Invalid) as refused:
        check_wish(wish((sku, 1)))
    assert refused.value.fields[0].field == "line_items.0.item.id"


def test_a_wish_of_nothing_or_of_too_much_is_refused() -> None:
    """Between 1 and 100 lines."""
    for wants in ((), tuple(Want("MUG", 1) for _ in range(101))):
        with pytest.raises(Invalid):
            check_wish(Wish(wants))
