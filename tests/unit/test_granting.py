"""Whether a deal can be claimed of at a moment, and what is said where it cannot."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from evertill.deals import Bounds, Claim, Claiming, Deal, Kind, Releasing
from evertill.deals.granting import Book, Offer, Shelf, not_open
from evertill.ids import new_id
from evertill.refusals import TooMany

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEAL = Deal(
    id=new_id(), event_id=new_id(), title="A fifth off", kind=Kind.PERCENT, value=2_000, currency="GBP",
    begins_at=NOON, ends_at=NOON + HOUR, members_from=NOON - HOUR, members_only=False, stackable=False, units=5,
    claimed=0, sold=0, per_customer=None, claim_minutes=15, paused_at=None, ended_at=None, version=1,
)  # fmt: skip
LIVE = NOON + HOUR / 2


@pytest.mark.parametrize(
    ("change", "moment", "member", "code"),
    [
        ({}, LIVE, False, None),
        ({}, NOON - HOUR, True, None),
        ({}, NOON - HOUR, False, "deal_not_begun"),
        ({}, NOON - 2 * HOUR, True, "deal_not_begun"),
        ({"members_from": None}, NOON - HOUR, True, "deal_not_begun"),
        ({"members_only": True}, LIVE, True, None),
        ({"members_only": True}, LIVE, False, "members_only"),
        ({"paused_at": NOON}, LIVE, True, "deal_paused"),
        ({}, NOON + HOUR, True, "deal_ended"),
        ({"ended_at": NOON}, LIVE, True, "deal_ended"),
        ({"event_ended_at": NOON}, LIVE, True, "deal_ended"),
        ({"event_ended_at": NOON, "paused_at": NOON}, LIVE, True, "deal_ended"),
        ({"units": None}, LIVE, True, "nothing_to_claim"),
    ],
)
def test_a_deal_is_open_or_it_is_said_why_not(
    change: dict[str, object], moment: datetime, member: bool, code: str | None
) -> None:
    """One reason, the one that lasts longest; with no units at all it is not asked for them."""
    offer = Offer(replace(DEAL, **change), frozenset({"MUG"}), "Europe/London")
    refusal = not_open(offer, moment, member=member)
    assert (refusal.code if refusal is not None else None) == code
    # It says no exactly where the page does.
    if offer.deal.limited:
        assert (refusal is None) == offer.deal.open_to(moment, member=member)


def test_when_it_begins_is_said_in_the_time_of_its_event() -> None:
    """To members their own moment, to everybody else theirs; and when to come again."""
    offer = Offer(DEAL, frozenset({"MUG"}), "America/New_York")
    refusal = not_open(offer, NOON - HOUR, member=False)
    assert refusal is not None
    assert refusal.sentence == (
        "Members have it now; for everybody it begins on 27 November 2026 at 07:00 (America/New York)."
    )
    assert refusal.facts == {"begins_at": NOON.isoformat()}
    assert refusal.retry_after_seconds == 3_600
    member = not_open(offer, NOON - HOUR - timedelta(milliseconds=1_500), member=True)
    assert member is not None
    assert member.sentence.startswith("This deal has not begun: it begins on 27 November 2026 at 06:00")
    assert member.retry_after_seconds == 2  # asked again a second later, it would be too early still


def book(**bounds: int) -> Book:
    """A group that comes to the deal while it is live, before anybody."""
    return Book(
        LIVE,
        offers={DEAL.id: Offer(DEAL, frozenset({"MUG"}), "UTC")},
        shelves={"MUG": Shelf(free=9, list_minor=1_000, on_sale=True)},
        claims=(),
        lately={},
        nearby={},
        members=(),
        price=lambda list_minor, _: list_minor // 2,
        bounds=Bounds(**bounds),
    )


def test_neighbours_of_one_group_count_each_other_until_one_gives_back() -> None:
    """One at an address, where one may: the next is refused, and is granted once the first has given back."""
    group = book(standing=1)
    first = group.grant(Claiming(DEAL.id, "MUG", 1, "browser:a", network=7))
    assert isinstance(first, Claim)
    assert isinstance(group.grant(Claiming(DEAL.id, "MUG", 1, "browser:b", network=7)), TooMany)
    group.give_back(Releasing(first.id, "browser:a"))
    assert isinstance(group.grant(Claiming(DEAL.id, "MUG", 1, "browser:b", network=7)), Claim)
    assert group.moved == {(DEAL.id, "MUG"): 1}


def test_a_holder_of_one_group_has_as_many_in_a_minute_as_may_be() -> None:
    """Claiming and giving back within a group counts as well."""
    group = book(minute=2)
    for _ in range(2):
        claim = group.grant(Claiming(DEAL.id, "MUG", 1, "browser:a"))
        assert isinstance(claim, Claim)
        group.give_back(Releasing(claim.id, "browser:a"))
    assert isinstance(group.grant(Claiming(DEAL.id, "MUG", 1, "browser:a")), TooMany)
    assert (len(group.made), group.changed, sum(group.moved.values())) == (2, {}, 0)
