"""The rules of a cart, as tables of values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.cart.model import (
    LINES_MAX,
    QUANTITY_MAX,
    Cart,
    Line,
    Trouble,
    quantity_after_adding,
    quantity_after_setting,
    read_quantity,
    read_shown_prices,
    still_sold,
)
from evertill.catalog.model import OfferOfProduct
from evertill.refusals import Conflict, Invalid, NotFound, Refusal


def offer(*, free_units: int = 10, price_minor: int = 500, on_sale: bool = True) -> OfferOfProduct:
    return OfferOfProduct(
        sku="MUG",
        handle="mug",
        title="Mug",
        option_label="",
        category_slug=None,
        price_minor=price_minor,
        currency="GBP",
        image_url=None,
        free_units=free_units,
        on_sale=on_sale,
    )


@pytest.mark.parametrize(("text", "quantity"), [("1", 1), ("999", 999), ("007", 7), ("10", 10)])
def test_a_whole_number_from_1_to_999_is_a_quantity(text: str, quantity: int) -> None:
    """What people type for "that many"."""
    assert read_quantity(text) == quantity


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "000",
        "-1",
        "+1",
        "1.0",
        "2.5",
        "1e3",
        "1000",
        "9" * 10_000,
        "0" * 10_000 + "1",
        "٣",
        "²",
        "two",
        "1 2",
        "1\n",
    ],
)
def test_anything_else_is_refused_at_the_field(text: str) -> None:
    """The refusal names the field and says what would do."""
    with pytest.raises(Invalid) as refusal:
        read_quantity(text)
    assert [field.field for field in refusal.value.fields] == ["quantity"]
    assert "whole number from 1 to 999" in refusal.value.sentence


@pytest.mark.parametrize(
    ("stands", "in_cart", "other_lines", "quantity", "answer"),
    [
        (offer(), 0, 0, 1, 1),
        (offer(), 4, 0, 6, 10),
        (offer(free_units=5_000), 998, 0, 1, 999),
        (offer(), 0, LINES_MAX - 1, 1, 1),
        (offer(), 1, LINES_MAX, 1, 2),  # more of what is there needs no line
        (offer(), 4, 0, 7, Invalid),
        (offer(free_units=0), 0, 0, 1, Invalid),
        (offer(free_units=-1), 0, 0, 1, Invalid),
        (offer(free_units=5_000), 999, 0, 1, Invalid),
        (offer(), 0, LINES_MAX, 1, Conflict),
    ],
)
def test_adding(
    stands: OfferOfProduct, in_cart: int, other_lines: int, quantity: int, answer: int | type[Refusal]
) -> None:
    """A line grows by what is asked, if that is free and within what one order can carry."""
    if isinstance(answer, int):
        assert quantity_after_adding(stands, quantity, in_cart=in_cart, other_lines=other_lines) == answer
    else:
        with pytest.raises(answer):
            quantity_after_adding(stands, quantity, in_cart=in_cart, other_lines=other_lines)


@pytest.mark.parametrize("stands", [None, offer(on_sale=False)])
def test_what_is_unknown_or_off_the_shelves_is_not_sold(stands: OfferOfProduct | None) -> None:
    """Whether it never was or is no more makes no difference to a buyer."""
    with pytest.raises(NotFound):
        still_sold(stands)
    assert still_sold(offer()) == offer()


@pytest.mark.parametrize(
    ("free_units", "in_cart", "quantity", "sentence"),
    [
        (0, 0, 1, "This has just sold out."),
        (1, 0, 2, "Only 1 is left."),
        (3, 0, 4, "Only 3 are left."),
        (3, 2, 2, "Only 3 are left, and your cart holds 2 already: you can add 1 more."),
        (3, 3, 1, "Only 3 are left, and your cart holds 3 already."),
    ],
)
def test_too_many_is_said_with_the_numbers(free_units: int, in_cart: int, quantity: int, sentence: str) -> None:
    """A buyer learns how many can be had, beside the field."""
    with pytest.raises(Invalid) as refusal:
        quantity_after_adding(offer(free_units=free_units), quantity, in_cart=in_cart, other_lines=0)
    assert refusal.value.sentence == sentence
    assert refusal.value.fields[0].problem == sentence
    assert refusal.value.facts == {"sku": "MUG", "free_units": free_units}


@given(free=st.integers(-5, 2_000), wanted=st.integers(-5, 2_000))
def test_a_line_is_never_set_beyond_what_can_be(free: int, wanted: int) -> None:
    """Either refused, or exactly what was asked, free, and from 1 to 999."""
    try:
        whole = quantity_after_setting(offer(free_units=free), wanted)
    except Invalid:
        assert wanted > free or not 1 <= wanted <= QUANTITY_MAX
    else:
        assert whole == wanted
        assert 1 <= whole <= min(free, QUANTITY_MAX)


@pytest.mark.parametrize(
    ("line", "troubles"),
    [
        (Line("MUG", 2, 500, offer()), ()),
        (Line("MUG", 11, 500, offer()), (Trouble.TOO_FEW,)),
        (Line("MUG", 1, 500, offer(free_units=0)), (Trouble.SOLD_OUT,)),
        (Line("MUG", 1, 450, offer()), (Trouble.PRICE_CHANGED,)),
        (Line("MUG", 11, 450, offer()), (Trouble.TOO_FEW, Trouble.PRICE_CHANGED)),
        (Line("MUG", 1, 450, offer(on_sale=False)), (Trouble.GONE,)),
        (Line("MUG", 1, 450, None), (Trouble.GONE,)),
    ],
)
def test_a_line_says_what_troubles_it(line: Line, troubles: tuple[Trouble, ...]) -> None:
    """What changed since it was put in is told, never silently taken over; a troubled cart is not ready."""
    assert line.troubles == troubles
    assert Cart((line,)).ready == (not troubles)


def test_the_subtotal_counts_today_s_prices_and_only_what_is_sold() -> None:
    """Old prices and things that are gone add nothing."""
    cart = Cart((Line("MUG", 2, 450, offer()), Line("OLD", 3, 100, None), Line("TEA", 1, 100, offer(on_sale=False))))
    assert cart.subtotal_minor == 1_000
    assert cart.units == 6
    assert [line.sku for line in cart.repriced] == ["MUG"]
    assert not Cart(()).ready


def test_shown_prices_are_read_and_nonsense_is_left_out() -> None:
    """A SKU may hold any characters, the separator among them."""
    form = {"csrf": "x", "price:A/B:1": "250", "price:": "1", "price:C": "-5", "price:D": "9" * 400, "price:E": "1.5"}
    assert read_shown_prices(form) == {"A/B:1": 250, "": 1}
