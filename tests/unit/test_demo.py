"""The demo's day as a plan, and how its crowd is kept where it belongs."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.deals import Deal, Kind, Phase, SaleEvent
from evertill.deals.plans import Known, read_deal, read_event
from evertill.demo import NoDemo, find_demo, present
from evertill.demo.browser import Browser, Fault, NotNow
from evertill.demo.crowd import Tally, Visit
from evertill.demo.day import SKETCHES, Seller, deals_of_day, plan_of_day, slug_of_day, value_of
from evertill.demo.people import people
from evertill.demo.presence import Presence
from evertill.ids import new_id
from evertill.settings import Settings

NOW = datetime(2026, 11, 24, 15, 20, tzinfo=UTC)
SELLERS = [
    Seller(f"thing-{number}", f"Shelf {number % 4}", f"SKU-{number}", 125 + 37 * number, 1_000, NOW)
    for number in range(60)
]


def _event(now: datetime) -> SaleEvent:
    terms = read_event(plan_of_day(now, slug="deal-days-x"))
    return SaleEvent(
        id=new_id(), slug=terms.slug, name=terms.name, theme=terms.theme, time_zone=terms.time_zone,
        opens_at=terms.opens_at, closes_at=terms.closes_at, members_from=terms.members_from, ended_at=None, version=1,
    )  # fmt: skip


def _deals(now: datetime) -> list[Deal]:
    """The day as it is planned, none of it refused."""
    event, plan = _event(now), plan_of_day(now, slug="deal-days-x")
    prices = {seller.sku: seller.price_minor for seller in SELLERS}
    known = Known(dict.fromkeys(prices, "GBP"), prices, {})
    deals = []
    for day in deals_of_day(SELLERS, event=plan, now=now):
        terms = read_deal(day.plan, event=event, known=known)
        fields = {name: getattr(terms, name) for name in terms.__struct_fields__ if name != "skus"}
        deals.append(
            Deal(
                id=new_id(), event_id=event.id, claimed=day.sketch.carted, sold=day.sketch.sold if terms.units else 0,
                paused_at=now if day.sketch.then == "paused" else None,
                ended_at=now if day.sketch.then == "ended" else None, version=1, **fields,
            )
        )  # fmt: skip
    return deals


@given(st.timedeltas(timedelta(0), timedelta(days=730)).map(lambda later: datetime(2026, 1, 1, tzinfo=UTC) + later))
def test_whenever_the_demo_starts_its_day_can_be_planned_and_runs(now: datetime) -> None:
    """At any hour of any day, nights when clocks change among them."""
    event = _event(now)
    assert event.opens_at <= now - timedelta(hours=4)
    assert now + timedelta(hours=18) < event.closes_at < now + timedelta(hours=48)
    assert len(_deals(now)) == len(SKETCHES)


def test_a_day_shows_everything_a_deal_can_be() -> None:
    """Every phase and every kind; one nearly gone, one for members, limits for each customer."""
    deals = _deals(NOW)
    assert {deal.phase(NOW) for deal in deals} == set(Phase)
    assert {deal.kind for deal in deals} == set(Kind)
    assert any(deal.left is not None and 0 < deal.left < 10 and deal.phase(NOW) is Phase.LIVE for deal in deals)
    assert any(deal.members_only for deal in deals)
    assert any(deal.units is None and deal.per_customer for deal in deals)
    assert sum(deal.phase(NOW) is Phase.LIVE and not deal.limited for deal in deals) >= 4
    soon = [deal for deal in deals if NOW < deal.begins_at < NOW + timedelta(minutes=15) and deal.members_from is None]
    assert len(soon) >= 2


def test_no_product_is_on_two_deals_and_none_on_more_units_than_there_are() -> None:
    """The first choice that has enough is taken; what has too few is left to a smaller deal."""
    scarce = [
        msgspec.structs.replace(seller, free=30 if number < 5 else 1_000) for number, seller in enumerate(SELLERS)
    ]
    days = list(deals_of_day(scarce, event=plan_of_day(NOW, slug="x"), now=NOW))
    skus = [seller.sku for day in days for seller in day.sellers]
    assert len(skus) == len(set(skus))
    assert all(day.sellers[0].free >= (day.sketch.units or 0) for day in days)
    assert SELLERS[0].sku in skus


def test_a_shop_with_little_has_a_small_day() -> None:
    """So many deals as there are products for; with none, none."""
    plan = plan_of_day(NOW, slug="x")
    assert list(deals_of_day([], event=plan, now=NOW)) == []
    assert len(list(deals_of_day(SELLERS[:3], event=plan, now=NOW))) == 3


@pytest.mark.parametrize(
    ("kind", "off", "price", "value"),
    [
        (Kind.PERCENT, 30, 295, 3_000),
        (Kind.AMOUNT, 25, 495, 125),  # of 1.2375
        (Kind.AMOUNT, 1, 125, 5),  # never nothing
        (Kind.PRICE, 45, 495, 270),
    ],
)
def test_values_are_about_what_is_meant(kind: Kind, off: int, price: int, value: int) -> None:
    """Amounts and prices end in five pence, as those of the data do."""
    assert value_of(kind, off, price) == value


def test_every_day_has_a_slug_of_its_own() -> None:
    """By the date where the shop stands; a second one on that day is numbered."""
    assert slug_of_day(datetime(2026, 7, 1, 23, 30, tzinfo=UTC), []) == "deal-days-2026-07-02"
    assert slug_of_day(NOW, ["deal-days-2026-11-24", "deal-days-2026-11-24-2"]) == "deal-days-2026-11-24-3"


# ---------------------------------------------------------------- the crowd stays in the demo


def test_a_demo_is_found_while_it_serves_and_no_longer(tmp_path: Path) -> None:
    """By the folder it serves from; listened on everywhere, it is asked on this machine."""
    with pytest.raises(NoDemo, match="no demo is served"):
        find_demo(tmp_path)
    with present(Settings(data=tmp_path, host="0.0.0.0", port=8123)):
        assert find_demo(tmp_path).address == "http://127.0.0.1:8123"
    with pytest.raises(NoDemo, match="no demo is served"):
        find_demo(tmp_path)


@pytest.mark.parametrize(
    ("host", "started", "said"),
    [
        ("192.0.2.1", psutil.Process().create_time(), "no address of this machine"),
        ("shop.invalid", psutil.Process().create_time(), "no address of this machine"),
        ("127.0.0.1", 1.0, "has ended"),  # its number is another process's by now
    ],
)
def test_a_crowd_goes_nowhere_else(tmp_path: Path, host: str, started: float, said: str) -> None:
    """Not to another machine, and not to whoever listens where a demo was."""
    written = Presence(psutil.Process().pid, started, host, 80)
    (tmp_path / "demo-serves.json").write_bytes(msgspec.json.encode(written))
    with pytest.raises(NoDemo, match=said):
        find_demo(tmp_path)


@pytest.mark.parametrize("away", ["https://elsewhere.example/", "//elsewhere.example/", "elsewhere"])
async def test_a_redirect_out_of_the_shop_is_not_followed(away: str) -> None:
    """It is a fault, told as one, and nobody else is asked."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(303, headers={"location": away})

    async with httpx.AsyncClient(base_url="http://127.0.0.1:1", transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(Fault):
            await Browser(http).get("/deals")
    assert asked == ["http://127.0.0.1:1/deals"]


async def test_a_person_who_is_told_to_come_again_waits_once_and_goes() -> None:
    """A full shop is not asked on and on."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(503, headers={"retry-after": "0"})

    chance = random.Random(1)
    [person] = people(1, chance)
    async with httpx.AsyncClient(base_url="http://127.0.0.1:1", transport=httpx.MockTransport(answer)) as http:
        visit = Visit(Browser(http), person, random.Random(4), Tally(), thinks=(0, 0))
        with pytest.raises(NotNow):
            await visit.shop()
    assert len(asked) <= 2
