"""Drawn pictures: safe, small, the same each time, and different from each other."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.catalog.online_retail import demo_products
from evertill.catalog.pictures import draw, oklch
from evertill.clock import utc_now

BYTES_MAX = 6_000
ELEMENTS = {"svg", "defs", "pattern", "g", "rect", "circle", "ellipse", "path"}


def elements_of(drawing: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(drawing).iter())


def test_every_product_of_the_demo_has_a_small_safe_picture() -> None:
    """Shapes only: nothing that runs, loads or links; few bytes; and no two products on one shelf look the same."""
    drawings = []
    for product in demo_products(now=utc_now()):
        drawing = draw(seed=product.handle, title=product.title, category=product.category_name)
        assert len(drawing) <= BYTES_MAX, product.title
        assert {element.tag.rpartition("}")[2] for element in elements_of(drawing)} <= ELEMENTS
        assert "http" not in drawing.replace("http://www.w3.org/2000/svg", "")
        drawings.append(drawing)
    assert len(set(drawings)) > 0.97 * len(drawings)


def test_a_picture_is_the_same_each_time() -> None:
    """A product keeps its face; another handle gives it another one."""
    one = draw(seed="mug", title="Mug", category=None)
    assert one == draw(seed="mug", title="Mug", category=None)
    assert one != draw(seed="mug-2", title="Mug", category=None)


@pytest.mark.parametrize(
    ("title", "category", "like"),
    [
        ("Tea Mug", None, "Big Cup"),  # both a mug
        ("Something", "mug", "Mug"),  # the category helps where the title names nothing
        ("RED THING", "mug", "Red Mug"),
    ],
)
def test_words_choose_the_thing_and_its_colour(title: str, category: str | None, like: str) -> None:
    """From the same seed, what the words mean alike looks alike."""
    assert draw(seed="s", title=title, category=category) == draw(seed="s", title=like, category=None)


@given(st.text(), st.text(), st.none() | st.text())
def test_any_words_give_a_picture(seed: str, title: str, category: str | None) -> None:
    """No title can break it, or get into it."""
    drawing = draw(seed=seed, title=title, category=category)
    assert len(drawing) <= BYTES_MAX
    assert elements_of(drawing)


@given(st.floats(0, 1), st.floats(0, 0.4), st.integers(0, 719))
def test_every_colour_can_be_shown(lightness: float, chroma: float, hue: int) -> None:
    """A colour outside what screens show is brought inside."""
    assert re.fullmatch(r"#[0-9a-f]{6}", oklch(lightness, chroma, hue))


@pytest.mark.parametrize(
    ("lightness", "chroma", "hue", "colour"),
    [(0, 0, 0, "#000000"), (1, 0, 0, "#ffffff"), (0.62796, 0.25768, 29, "#ff0000")],
)
def test_colours_are_those_of_oklch(lightness: float, chroma: float, hue: int, colour: str) -> None:
    """Black, white, and the red of the method's own table (its hue is 29.23), within a shade."""
    made = oklch(lightness, chroma, hue)
    assert all(abs(int(made[i : i + 2], 16) - int(colour[i : i + 2], 16)) <= 16 for i in (1, 3, 5))
