"""Who gets what when many want the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.stock import Moves, Shortage, allot

SKUS = st.sampled_from(["A", "B", "C"])
FREE = st.dictionaries(SKUS, st.integers(0, 20))
ASKS = st.lists(st.lists(st.tuples(SKUS, st.integers(1, 8)), min_size=1, max_size=4), max_size=20)


@pytest.mark.parametrize(
    ("free", "asks", "answers"),
    [
        ({"A": 1}, [[("A", 1)], [("A", 1)]], [None, Shortage("A", 1, 0)]),
        ({"A": 2, "B": 0}, [[("A", 1), ("B", 1)], [("A", 2)]], [Shortage("B", 1, 0), None]),
        ({"A": 3}, [[("A", 2), ("A", 2)], [("A", 3)]], [Shortage("A", 4, 3), None]),
        ({}, [[("A", 1)]], [Shortage("A", 1, 0)]),
        ({"A": 1}, [], []),
    ],
)
def test_first_come_first_served_whole_or_not_at_all(
    free: dict[str, int], asks: list[list[tuple[str, int]]], answers: list[Shortage | None]
) -> None:
    """A table of known answers."""
    assert allot(free, asks) == answers


@given(FREE, ASKS)
def test_never_more_is_given_than_there_was(free: dict[str, int], asks: list[list[tuple[str, int]]]) -> None:
    """What is given and what is left add up to what there was, and nothing falls below zero."""
    before = dict(free)
    answers = allot(free, asks)
    given_away = dict.fromkeys("ABC", 0)
    for ask, answer in zip(asks, answers, strict=True):
        if answer is None:
            for sku, quantity in ask:
                given_away[sku] += quantity
    assert all(left >= 0 for left in free.values())
    assert all(before.get(sku, 0) == free.get(sku, 0) + given_away[sku] for sku in "ABC")


@given(FREE, ASKS)
def test_nobody_is_refused_who_could_be_served(free: dict[str, int], asks: list[list[tuple[str, int]]]) -> None:
    """A refused ask would have overdrawn at its turn."""
    left = dict(free)
    for ask, answer in zip(asks, allot(dict(free), asks), strict=True):
        wanted: dict[str, int] = {}
        for sku, quantity in ask:
            wanted[sku] = wanted.get(sku, 0) + quantity
        fits = all(left.get(sku, 0) >= quantity for sku, quantity in wanted.items())
        assert fits == (answer is None)
        if answer is None:
            for sku, quantity in wanted.items():
                left[sku] -= quantity


def test_moves_that_cancel_out_are_not_written() -> None:
    """A claim and its release in one group touch no row."""
    moves = Moves()
    moves.claim([("A", 2), ("B", 1)])
    moves.release([("A", 2)])
    moves.sell([("C", 3)])
    assert sorted(zip(*moves.columns(), strict=True)) == [("B", 1, 0), ("C", -3, 3)]
