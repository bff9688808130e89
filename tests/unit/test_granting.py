"""Whether a deal can be claimed of at a moment, and what is said where it cannot."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from evertill.deals import Deal, Kind
from evertill.deals.granting import Offer, not_open
from evertill.ids import new_id

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
