"""What codes take off, and for whom: one place, exact sums, order of lines irrelevant."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.checkout.delivery import choices_for
from evertill.checkout.model import House, Line
from evertill.checkout.quote import quote
from evertill.checkout.redeeming import redeem
from evertill.codes import Code, Good, Kind, Rules, Why, folded, take_off
from evertill.codes.pricing import WHOLE

GOODS = st.lists(
    st.builds(
        Good,
        sku=st.sampled_from(["A", "B", "C", "D"]),
        quantity=st.integers(1, 999),
        total_minor=st.one_of(st.integers(1, 40), st.integers(1, 10**9)),
        takes_codes=st.booleans(),
    ),
    max_size=20,
)
VALUES = st.one_of(
    st.tuples(st.just(True), st.integers(1, WHOLE - 1)),
    st.tuples(st.just(False), st.one_of(st.integers(1, 100), st.integers(1, 10**10))),
)
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOUSE = House("GB", "GBP", prices_include_tax=True)


@given(GOODS, VALUES)
def test_a_line_never_costs_less_than_nothing_nor_more_than_before(goods: list[Good], value: tuple[bool, int]) -> None:
    """It keeps a minor unit; where its deal takes no codes, nothing is taken off it."""
    offs = take_off(goods, percent=value[0], value=value[1])
    for good, off in zip(goods, offs, strict=True):
        assert 0 <= off < good.total_minor
        assert good.takes_codes or off == 0


@given(GOODS, st.integers(1, 10**10))
def test_an_amount_is_taken_off_to_the_minor_unit(goods: list[Good], value: int) -> None:
    """All of it, or all there is room for; no line is more than a minor unit away from its share."""
    offs = take_off(goods, percent=False, value=value)
    rooms = [good.total_minor - 1 if good.takes_codes else 0 for good in goods]
    amount = min(value, sum(rooms))
    assert sum(offs) == amount
    for off, room in zip(offs, rooms, strict=True):
        assert abs(off * sum(rooms) - amount * room) < max(sum(rooms), 1)


@given(GOODS, st.integers(1, WHOLE - 1))
def test_a_percentage_is_rounded_half_up_on_each_line(goods: list[Good], value: int) -> None:
    """Against the arithmetic of fractions."""
    for good, off in zip(goods, take_off(goods, percent=True, value=value), strict=True):
        exact = good.total_minor * value
        if good.takes_codes and off < good.total_minor - 1:
            assert -WHOLE <= 2 * (exact - off * WHOLE) < WHOLE


@given(GOODS, VALUES, st.randoms())
def test_the_order_of_lines_changes_nothing(goods: list[Good], value: tuple[bool, int], random: object) -> None:
    """Shuffled, each line has the same taken off; of lines that are alike, some one of them."""
    places = list(range(len(goods)))
    random.shuffle(places)  # type: ignore[attr-defined]
    shuffled = [goods[place] for place in places]

    def said(lines: list[Good]) -> list[tuple[str, int, int, bool, int]]:
        offs = take_off(lines, percent=value[0], value=value[1])
        return sorted(
            (good.sku, good.quantity, good.total_minor, good.takes_codes, off)
            for good, off in zip(lines, offs, strict=True)
        )

    assert said(shuffled) == said(goods)


@given(GOODS, VALUES, st.sampled_from(["GB", "DE", "US"]), st.booleans())
def test_totals_with_a_code_add_up_exactly(
    goods: list[Good], value: tuple[bool, int], country: str, included: bool
) -> None:
    """Goods less the code, delivery as it was without it, and tax on what is paid: never more than without a code."""
    offs = take_off(goods, percent=value[0], value=value[1])
    plain = [Line(f"li_{at}", good.sku, "thing", 1, good.total_minor) for at, good in enumerate(goods)]
    off = [
        Line(line.line_id, line.sku, line.title, 1, line.unit_price_minor, code_minor=each)
        for line, each in zip(plain, offs, strict=True)
    ]
    for choice in (None, *choices_for(country, home="GB")):
        before = quote(plain, choice=choice, country=country, currency="GBP", tax_included=included)
        after = quote(off, choice=choice, country=country, currency="GBP", tax_included=included)
        assert after.subtotal_minor == before.subtotal_minor
        assert after.delivery_minor == before.delivery_minor
        assert after.discount_minor == sum(offs) <= max(before.subtotal_minor - len(goods), 0)
        paid = after.subtotal_minor - after.discount_minor + after.delivery_minor
        assert after.total_minor == paid + (0 if included else after.tax_minor)
        assert 0 <= after.tax_minor <= before.tax_minor
        assert 0 <= after.total_minor <= before.total_minor


def test_amounts_that_do_not_divide_are_spread_by_largest_remainder() -> None:
    """A pound over three things of the same price: 34, 33, 33, the first by SKU."""
    goods = [Good("C", 1, 1_001), Good("A", 1, 1_001), Good("B", 1, 1_001)]
    assert take_off(goods, percent=False, value=100) == [33, 34, 33]


# ---------------------------------------------------------------- for whom, and when


def code(**said: object) -> Code:
    values: dict[str, object] = {
        "code": "SUMMER", "kind": Kind.PERCENT, "value": 1_000, "currency": "GBP", "begins_at": NOW - HOUR,
        "ends_at": None, "uses_max": None, "per_customer": None, "subtotal_min_minor": 0, "held": 0, "used": 0,
        "ended_at": None,
    }  # fmt: skip
    return Code(**{**values, **said})  # type: ignore[arg-type]


GOOD = Good("A", 1, 1_000)


@pytest.mark.parametrize(
    ("what", "goods", "mine", "known", "why"),
    [
        (code(), [GOOD], 0, False, None),
        (code(currency="EUR"), [GOOD], 0, True, Why.UNKNOWN),
        (code(begins_at=NOW), [GOOD], 0, True, None),
        (code(begins_at=NOW + HOUR), [GOOD], 0, True, Why.NOT_YET),
        (code(ends_at=NOW), [GOOD], 0, True, Why.OVER),
        (code(ended_at=NOW - HOUR), [GOOD], 0, True, Why.OVER),
        (code(uses_max=3, held=1, used=1), [GOOD], 0, True, None),
        (code(uses_max=3, held=1, used=2), [GOOD], 0, True, Why.USED_UP),
        (code(per_customer=2), [GOOD], 1, True, None),
        (code(per_customer=2), [GOOD], 2, True, Why.YOURS_USED),
        (code(per_customer=2), [GOOD], 0, False, Why.NOBODY),
        (code(subtotal_min_minor=1_000), [GOOD], 0, True, None),
        (code(subtotal_min_minor=1_001), [GOOD], 0, True, Why.BELOW_MINIMUM),
        (code(subtotal_min_minor=1_500), [GOOD, Good("B", 1, 500, takes_codes=False)], 0, True, None),
        (code(), [Good("B", 1, 500, takes_codes=False)], 0, True, Why.APPLIES_TO_NOTHING),
        (code(), [Good("B", 1, 1)], 0, True, Why.APPLIES_TO_NOTHING),
    ],
)
def test_why_a_code_does_not_hold_is_named(
    what: Code, goods: list[Good], mine: int, known: bool, why: Why | None
) -> None:
    """One reason, or the code itself."""
    rules = Rules(NOW, {"SUMMER": what}, {"SUMMER": mine}, known)
    assert rules.judge("SUMMER", goods, "GBP") == (why or what)
    assert rules.judge("WINTER", goods, "GBP") is Why.UNKNOWN


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("summer10", "SUMMER10"), ("  Summer-10 ", "SUMMER-10"), ("SOMMER", "SOMMER"), ("ab", ""), ("", ""),
        ("a b c", ""), ("x" * 40, "X" * 40), ("x" * 41, ""), ("\x00abc", ""), ("-abc", ""), ("straße", "STRASSE"),
    ],
)  # fmt: skip
def test_codes_are_one_in_capitals_and_small_letters(typed: str, plain: str) -> None:
    """And what cannot be one is none."""
    assert folded(typed) == plain


def test_one_code_counts_and_of_the_others_is_said_why() -> None:
    """The first that holds; the same again, another, and one that is not there."""
    rules = Rules(NOW, {name: code(code=name) for name in ("SUMMER", "WINTER")}, {}, True)
    lines = [Line("li_1", "A", "Thing", 2, 1_005)]
    done = redeem(("nope", "summer", "SUMMER", "winter"), lines, rules, HOUSE)
    assert done.taken is not None
    assert (done.taken.code, done.taken.amount_minor, done.lines[0].code_minor) == ("SUMMER", 201, 201)
    assert [(remark.code, remark.field) for remark in done.remarks] == [
        ("code_unknown", "codes.0"), ("code_twice", "codes.2"), ("code_one_only", "codes.3"),
    ]  # fmt: skip
    assert "nope" in done.remarks[0].sentence
