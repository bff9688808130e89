"""What people are told of deals: words, shares, times, and which sale every page points to."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from evertill.catalog.model import Card
from evertill.deals.labelling import label
from evertill.deals.model import Deal, Kind, Phase, SaleEvent
from evertill.deals.reading import DealsSeen
from evertill.deals.showing import (
    DealSeen,
    Section,
    arranged,
    event_section,
    how_long,
    local_time,
    sale_of,
    share_claimed,
    tell,
    theme_of,
)

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

EVENT = SaleEvent(
    id=UUID(int=1), slug="black-friday", name="Black Friday", theme="night", time_zone="Europe/Berlin",
    opens_at=NOON - HOUR, closes_at=NOON + DAY, members_from=None, ended_at=None, version=1,
)  # fmt: skip
DEAL = Deal(
    id=UUID(int=2), event_id=EVENT.id, title="A fifth off", kind=Kind.PERCENT, value=2_000, currency="GBP",
    begins_at=NOON - HOUR, ends_at=NOON + HOUR, members_from=None, members_only=False, stackable=False, units=100,
    claimed=0, sold=0, per_customer=None, claim_minutes=15, paused_at=None, ended_at=None, version=1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("units", "claimed", "sold", "share", "left"),
    [
        (None, 0, 0, None, ""),
        (100, 0, 0, 0, ""),
        (1_000, 1, 0, 1, ""),  # somebody has one: not "0% claimed"
        (1_000, 900, 50, 95, "Only 50 left"),
        (1_000, 900, 49, 94, ""),  # more than a twentieth
        (1_000_000, 999_999, 0, 99, "Only 1 left"),  # one is left: not "100% claimed"
        (20, 5, 5, 50, "Only 10 left"),
        (20, 20, 0, 100, ""),
    ],
)
def test_what_is_claimed_is_told_as_it_is(
    units: int | None, claimed: int, sold: int, share: int | None, left: str
) -> None:
    """All is said only where all is true, and few are counted out."""
    deal = replace(DEAL, units=units, claimed=claimed, sold=sold)
    assert share_claimed(deal) == share
    assert tell(deal, NOON).left == left


@pytest.mark.parametrize(
    ("changed", "phase", "badge", "when"),
    [
        ({}, Phase.LIVE, "Live now", "Ends"),
        ({"members_only": True}, Phase.LIVE, "Live for members", "Ends"),
        ({"begins_at": NOON + HOUR / 2}, Phase.UPCOMING, "Coming up", "Opens"),
        ({"begins_at": NOON + HOUR / 2, "members_from": NOON + HOUR / 4}, Phase.UPCOMING, "Coming up", "Members from"),
        ({"begins_at": NOON + HOUR / 2, "members_from": NOON - HOUR}, Phase.MEMBERS, "Early access for members",
         "Opens to everybody"),
        ({"paused_at": NOON}, Phase.PAUSED, "Paused", "Ends"),
        ({"claimed": 100}, Phase.CLAIMED, "Fully claimed", "Ends"),
        ({"sold": 100}, Phase.SOLD_OUT, "Sold out", ""),
        ({"ended_at": NOON}, Phase.ENDED, "Ended", ""),
        ({"event_ended_at": NOON}, Phase.ENDED, "Ended", ""),
    ],
)  # fmt: skip
def test_each_state_has_its_words(changed: dict[str, object], phase: Phase, badge: str, when: str) -> None:
    """And the time that matters next."""
    told = tell(replace(DEAL, **changed), NOON)
    assert (told.phase, told.badge, told.when) == (phase, badge, when)
    assert (told.at is None) == (when == "")


def test_what_can_be_had_comes_first() -> None:
    """Live before fully claimed before paused; what ends first before what ends later; all of them on the page once."""
    deals = [
        DealSeen(replace(DEAL, id=UUID(int=number), **changed), EVENT, (), 1)  # type: ignore[arg-type]
        for number, changed in enumerate(
            (
                {"paused_at": NOON},
                {"claimed": 100},
                {"ends_at": NOON + 3 * HOUR},
                {"ends_at": NOON + 2 * HOUR},
                {"begins_at": NOON + HOUR / 2},
                {"ended_at": NOON},
            )
        )
    ]
    assert [seen.deal.id.int for seen in arranged(deals, Section.LIVE, NOON)] == [3, 2, 1, 0]
    assert [seen.deal.id.int for seen in arranged(deals, Section.UPCOMING, NOON)] == [4]
    assert [seen.deal.id.int for seen in arranged(deals, Section.ENDED, NOON)] == [5]


@pytest.mark.parametrize(
    ("opens", "closes", "ended", "sale"),
    [
        (-HOUR, DAY, None, ("Black Friday", True)),
        (6 * DAY, 8 * DAY, None, ("Black Friday", False)),
        (8 * DAY, 9 * DAY, None, None),  # not near yet
        (-2 * DAY, timedelta(0), None, None),  # its last moment is not in
        (-HOUR, DAY, NOON - HOUR / 2, None),  # stopped
    ],
)
def test_pages_point_to_a_sale_that_is_on_or_near(
    opens: timedelta, closes: timedelta, ended: datetime | None, sale: tuple[str, bool] | None
) -> None:
    """And to none that is not."""
    found = sale_of([replace(EVENT, opens_at=NOON + opens, closes_at=NOON + closes, ended_at=ended)], NOON)
    assert (None if found is None else (found.name, found.live)) == sale


def test_an_event_is_open_when_its_members_are_in() -> None:
    """And over when it was stopped."""
    early = replace(EVENT, opens_at=NOON + HOUR, members_from=NOON)
    assert event_section(early, NOON) is Section.LIVE
    assert event_section(early, NOON - HOUR) is Section.UPCOMING
    assert event_section(replace(EVENT, ended_at=NOON), NOON) is Section.ENDED


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 min 00 s"), (9, "0 min 09 s"), (3_599, "59 min 59 s"), (3_600, "1 h 00 min"), (172_799, "47 h 59 min"),
     (172_800, "2 days")],
)  # fmt: skip
def test_a_countdown_says_what_the_script_says(seconds: float, words: str) -> None:
    """static/deals.js counts down in the same words."""
    assert how_long(timedelta(seconds=seconds)) == words


def test_times_are_those_of_the_sale_s_place() -> None:
    """Whichever place the shop's machine is in; summer and winter."""
    assert local_time(NOON, "Europe/Berlin", "en_GB") == "Fri 27 Nov, 13:00 CET"
    assert local_time(datetime(2026, 7, 1, 12, 0, tzinfo=UTC), "Europe/London", "en_GB") == "Wed 1 Jul, 13:00 BST"


def test_a_theme_we_do_not_know_looks_plain() -> None:
    """Its name is a class of the page: no other text gets there."""
    assert theme_of(EVENT) == "night"
    assert theme_of(replace(EVENT, theme="wonderland")) == "plain"
    assert theme_of(None) == "plain"


CARD = Card(
    handle="mug", title="Mug", category_slug=None, image_url=None, price_minor=1_000, price_max_minor=2_000,
    compare_at_minor=3_000, currency="GBP", free_units=9, skus=("A", "B"), prices_minor=(1_000, 2_000), offers=2,
)  # fmt: skip
UNLIMITED = replace(DEAL, units=None)


@pytest.mark.parametrize(
    ("of_sku", "offers", "prices", "old", "said"),
    [
        ({}, 2, (1_000, 2_000), 3_000, ""),
        ({"A": (UNLIMITED,)}, 2, (800, 2_000), None, "Deal"),
        ({"B": (UNLIMITED,)}, 2, (1_000, 1_600), None, "Deal"),
        ({"A": (UNLIMITED,), "B": (UNLIMITED,)}, 2, (800, 1_600), None, "Deal"),
        ({"A": (UNLIMITED,), "B": (UNLIMITED,)}, 30, (800, 2_000), None, "Deal"),  # not all of its SKUs are told
        ({"A": (DEAL,)}, 2, (1_000, 2_000), 3_000, "Limited deal"),
        ({"A": (replace(DEAL, claimed=100),)}, 2, (1_000, 2_000), 3_000, ""),
        ({"A": (replace(UNLIMITED, members_only=True),)}, 2, (1_000, 2_000), 3_000, ""),
        ({"A": (replace(UNLIMITED, begins_at=NOON + HOUR / 2),)}, 2, (1_000, 2_000), 3_000, ""),
        ({"A": (replace(UNLIMITED, paused_at=NOON),)}, 2, (1_000, 2_000), 3_000, ""),
        ({"A": (replace(UNLIMITED, currency="EUR"),)}, 2, (1_000, 2_000), 3_000, ""),
    ],
)
def test_a_card_tells_what_everybody_pays(
    of_sku: dict[str, tuple[Deal, ...]], offers: int, prices: tuple[int, int], old: int | None, said: str
) -> None:
    """A deal that is open to everybody and not limited is the price; a limited one is a label; others are nothing."""
    card = label(replace(CARD, offers=offers), DealsSeen(of_sku, NOON))
    assert (card.price_minor, card.price_max_minor) == prices
    assert (card.compare_at_minor, card.label) == (old, said)
