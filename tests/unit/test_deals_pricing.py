"""What a deal makes of a price: never negative, never above the list price, whatever order deals come in."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.deals import Deal, Kind
from evertill.deals.pricing import best_deal, deal_price, prices_ahead, reduction_begins, saving

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRICES = st.integers(1, 10**9)
OFFERS = st.one_of(
    st.tuples(st.just(Kind.PERCENT), st.integers(1, 9_999)),
    st.tuples(st.sampled_from([Kind.AMOUNT, Kind.PRICE]), st.integers(1, 10**9)),
)


def deal(
    number: int = 1,
    *,
    kind: Kind = Kind.PERCENT,
    value: int = 2_000,
    begins: int = -1,
    ends: int = 1,
    members_from: int | None = None,
    members_only: bool = False,
    units: int | None = None,
    claimed: int = 0,
    paused: bool = False,
) -> Deal:
    """A deal around noon, in hours."""
    return Deal(
        id=UUID(int=number), event_id=UUID(int=0), title="", kind=kind, value=value, currency="GBP",
        begins_at=NOON + begins * HOUR, ends_at=NOON + ends * HOUR,
        members_from=None if members_from is None else NOON + members_from * HOUR, members_only=members_only,
        stackable=False, units=units, claimed=claimed, sold=0, per_customer=None, claim_minutes=15,
        paused_at=NOON if paused else None, ended_at=None, version=1,
    )  # fmt: skip


DEALS = st.lists(
    st.builds(
        lambda number, offer, begins, length, members, paused: deal(
            number, kind=offer[0], value=offer[1], begins=begins, ends=begins + length, members_only=members,
            paused=paused,
        ),
        st.integers(1, 10**6), OFFERS, st.integers(-5, 5), st.integers(1, 5), st.booleans(), st.booleans(),
    ),
    max_size=8,
    unique_by=lambda each: each.id,
)  # fmt: skip


@pytest.mark.parametrize(
    ("list_minor", "kind", "value", "expected"),
    [
        (1_000, Kind.PERCENT, 2_000, 800),
        (25, Kind.PERCENT, 1_000, 22),  # 2.5 off is 3 off: half up
        (24, Kind.PERCENT, 1_000, 22),  # 2.4 off is 2 off
        (999, Kind.PERCENT, 3_333, 666),  # 332.9667
        (1, Kind.PERCENT, 9_999, 1),
        (500, Kind.AMOUNT, 499, 1),
        (500, Kind.AMOUNT, 500, 1),
        (500, Kind.AMOUNT, 900, 1),
        (500, Kind.PRICE, 399, 399),
        (500, Kind.PRICE, 600, 500),
    ],
)
def test_a_price_to_the_penny(list_minor: int, kind: Kind, value: int, expected: int) -> None:
    """Rounded half up once, never nothing, never more than the list price."""
    assert deal_price(list_minor, kind=kind, value=value) == expected


@given(PRICES, OFFERS)
def test_a_price_is_something_and_never_above_the_list_price(list_minor: int, offer: tuple[Kind, int]) -> None:
    """Whatever the deal says."""
    assert 1 <= deal_price(list_minor, kind=offer[0], value=offer[1]) <= list_minor


@given(PRICES, st.integers(1, 9_999))
def test_a_discount_is_rounded_half_up(list_minor: int, value: int) -> None:
    """Against exact fractions."""
    discount = floor(Fraction(list_minor * value, 10_000) + Fraction(1, 2))
    assert deal_price(list_minor, kind=Kind.PERCENT, value=value) == max(1, list_minor - discount)


@given(PRICES, PRICES, OFFERS, st.integers(1, 9_999))
def test_what_costs_more_costs_more_with_a_deal_and_a_larger_discount_costs_less(
    one: int, other: int, offer: tuple[Kind, int], value: int
) -> None:
    """In both directions nothing turns around."""
    low, high = sorted((one, other))
    kind, size = offer
    assert deal_price(low, kind=kind, value=size) <= deal_price(high, kind=kind, value=size)
    if kind is Kind.PERCENT:
        less, more = sorted((size, value))
        assert deal_price(one, kind=kind, value=more) <= deal_price(one, kind=kind, value=less)


@given(DEALS, st.randoms(use_true_random=False), PRICES, st.booleans())
def test_the_order_of_deals_changes_nothing(deals: list[Deal], random: Random, list_minor: int, member: bool) -> None:
    """Shuffled deals make the same price by the same deal, now and ahead."""
    shuffled = list(deals)
    random.shuffle(shuffled)
    best = best_deal(deals, list_minor=list_minor, moment=NOON, member=member)
    assert best_deal(shuffled, list_minor=list_minor, moment=NOON, member=member) == best
    ahead = prices_ahead(deals, list_minor=list_minor, moment=NOON)
    assert prices_ahead(shuffled, list_minor=list_minor, moment=NOON) == ahead


@given(DEALS, PRICES)
def test_a_further_deal_never_makes_it_dearer(deals: list[Deal], list_minor: int) -> None:
    """And a member never pays more than everybody."""

    def price(of: list[Deal], member: bool) -> int:
        best = best_deal(of, list_minor=list_minor, moment=NOON, member=member)
        return best.price_minor if best else list_minor

    for count in range(len(deals)):
        assert price(deals[: count + 1], False) <= price(deals[:count], False)
    assert price(deals, True) <= price(deals, False)


@given(DEALS, PRICES, st.integers(0, 12))
def test_what_is_foreseen_is_what_will_apply(deals: list[Deal], list_minor: int, hours: int) -> None:
    """At every later moment the last row before it says what everybody then pays."""
    ahead = prices_ahead(deals, list_minor=list_minor, moment=NOON)
    assert ahead[0].since == NOON
    later = NOON + hours * HOUR
    row = [price for price in ahead if price.since <= later][-1]
    best = best_deal(deals, list_minor=list_minor, moment=later, member=False)
    assert (row.price_minor, row.deal_id) == ((best.price_minor, best.deal_id) if best else (list_minor, None))


@given(PRICES, OFFERS, st.none() | PRICES, st.integers(1, 999))
def test_sums_are_exact_and_no_saving_is_overstated(
    list_minor: int, offer: tuple[Kind, int], lowest: int | None, units: int
) -> None:
    """Price and saving are the list price, of one unit or many; a percentage is never rounded up."""
    price = deal_price(list_minor, kind=offer[0], value=offer[1])
    saved = saving(list_minor, price_minor=price, lowest_minor=lowest)
    assert units * price + units * saved.saved_minor == units * list_minor
    assert 0 <= saved.saved_percent < 100
    assert saved.saved_percent * list_minor <= 100 * saved.saved_minor
    assert saved.reduced_minor == (max(0, lowest - price) if lowest is not None else 0)
    assert saved.reduced_percent * (lowest or 1) <= 100 * saved.reduced_minor


def test_of_equal_prices_the_earlier_deal_applies_and_of_equal_begins_the_lower_id() -> None:
    """A tie has one answer."""
    early, late, twin = deal(9, begins=-2), deal(1), deal(3, begins=-2)
    best = best_deal([late, early, twin], list_minor=1_000, moment=NOON, member=False)
    assert best is not None
    assert (best.deal, best.price_minor) == (twin, 800)


@pytest.mark.parametrize(
    ("one", "everybody", "members"),
    [
        (deal(), 800, 800),
        (deal(begins=1, ends=2), 1_000, 1_000),
        (deal(begins=1, ends=2, members_from=0), 1_000, 800),
        (deal(members_only=True), 1_000, 800),
        (deal(begins=0), 800, 800),  # its first moment is in
        (deal(ends=0), 1_000, 1_000),  # its last is not
        (deal(paused=True), 1_000, 1_000),
        (deal(units=5, claimed=5), 1_000, 1_000),
        (deal(units=5, claimed=4), 800, 800),
        (deal(kind=Kind.PRICE, value=2_000), 1_000, 1_000),  # saves nothing: no deal
    ],
)
def test_who_has_which_price_at_noon(one: Deal, everybody: int, members: int) -> None:
    """Window, members, units, pause."""
    for member, expected in ((False, everybody), (True, members)):
        best = best_deal([one], list_minor=1_000, moment=NOON, member=member)
        assert (best.price_minor if best else 1_000) == expected


def test_a_saving_against_a_raised_price_is_no_reduction() -> None:
    """List price 10.00, but it was 7.50 three weeks ago: 8.00 saves 2.00 of the list price and reduces nothing."""
    honest = saving(1_000, price_minor=800, lowest_minor=750)
    assert (honest.saved_minor, honest.saved_percent, honest.reduced_minor, honest.reduced_percent) == (200, 20, 0, 0)
    real = saving(1_000, price_minor=600, lowest_minor=750)
    assert (real.reduced_minor, real.reduced_percent) == (150, 20)
    assert saving(1_000, price_minor=600, lowest_minor=None).reduced_minor == 0


def test_a_reduction_begins_when_anybody_may_have_it() -> None:
    """Members who come first begin it."""
    assert reduction_begins(deal(begins=2, ends=3, members_from=1)) == NOON + HOUR
    assert reduction_begins(deal(begins=2, ends=3)) == NOON + 2 * HOUR
