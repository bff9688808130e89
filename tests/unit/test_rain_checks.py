"""Who gets a rain check when many should: first come, first served, whole or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.rainchecks.model import Asked, share_out


def people(*wanted: tuple[str, int]) -> list[Asked]:
    return [Asked(sku, quantity, f"browser:{place}", None) for place, (sku, quantity) in enumerate(wanted)]


@pytest.mark.parametrize(
    ("wanted", "units", "free", "getting"),
    [
        ([], 5, {"MUG": 5}, []),
        ([("MUG", 2), ("MUG", 2), ("MUG", 1)], 5, {"MUG": 9}, [0, 1, 2]),
        ([("MUG", 2), ("MUG", 4), ("MUG", 1)], 5, {"MUG": 9}, [0, 2]),  # whole or not at all; who fits behind, fits
        ([("MUG", 2), ("TEA", 2)], 9, {"MUG": 1, "TEA": 2}, [1]),
        ([("MUG", 1)], 9, {}, []),
        ([("MUG", 3)], 9, {"MUG": -1}, []),
    ],
)
def test_units_set_aside_and_what_is_free_are_shared_out_in_order(
    wanted: list[tuple[str, int]], units: int, free: dict[str, int], getting: list[int]
) -> None:
    """As tables of values."""
    asked = people(*wanted)
    assert share_out(asked, units=units, free=free) == [asked[place] for place in getting]


@given(
    st.lists(st.tuples(st.sampled_from(["MUG", "TEA"]), st.integers(1, 9)), max_size=20),
    st.integers(0, 40),
    st.fixed_dictionaries({"MUG": st.integers(0, 30), "TEA": st.integers(0, 30)}),
)
def test_never_more_than_there_is(wanted: list[tuple[str, int]], units: int, free: dict[str, int]) -> None:
    """Whoever asks: within the units set aside, within what is free, and who got nothing did not fit any more."""
    asked = people(*wanted)
    getting = share_out(asked, units=units, free=free)
    assert sum(each.quantity for each in getting) <= units
    for sku in free:
        assert sum(each.quantity for each in getting if each.sku == sku) <= free[sku]
    left = units - sum(each.quantity for each in getting)
    for each in asked:
        if each not in getting:
            taken = sum(other.quantity for other in getting if other.sku == each.sku)
            assert each.quantity > min(left, free[each.sku] - taken)
