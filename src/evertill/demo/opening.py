"""
Open the demo's deal day: planned by the verbs of the console, with units claimed and bought by those of the shop.

    a day that runs? ──► plan it ──► plan its deals ──► in each, once: buy, claim, pause or end

Doing it again changes nothing: each deal is planned under a key of its own, and shopped in under another. Where it was
cut short, a start soon after goes on.
"""

import asyncio
import random
from collections.abc import Awaitable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from evertill.checkout.model import Completion, Want, Wish
from evertill.checkout.placing import Placing
from evertill.checkout.sessions import Opening
from evertill.deals import Claiming, SaleEvent
from evertill.deals.history import PastPrice, note_past_prices
from evertill.deals.planning import PlannedDeal, end_deal, pause_deal, plan_deal, plan_event
from evertill.deals.plans import plan_of_event
from evertill.deals.reading import deal_by_id, event_by_id
from evertill.demo.day import (
    PRICE_MINOR_MIN,
    SLUG,
    DayDeal,
    Seller,
    deals_of_day,
    just_opened,
    plan_of_day,
    slug_of_day,
)
from evertill.demo.people import Person, people
from evertill.idempotency import Key, fingerprint_of, recall, remember
from evertill.ids import new_id
from evertill.orders import Address, Buyer, OrderState
from evertill.shop import Shop
from evertill.signing import new_token, token_hash
from evertill.storage import Statements

sql = Statements.of(__package__)

_REASON = "Planned for the demo"
_APART_DAYS = 31  # a deal that followed another within 30 days would have nothing to save against
_CANDIDATES = 400
_AT_ONCE = 64  # purchases under way
# What the data says its prices are: the usual ones of its last three months (ATTRIBUTION.md).
_PRICES_SINCE = timedelta(days=90)


class DayOpened(msgspec.Struct, frozen=True):
    """What a start came to."""

    slug: str
    deals: int  # of the day
    planned: bool  # by this start; else it ran already
    orders: int  # placed by this start
    units_claimed: int  # and left in carts


async def open_the_day(shop: Shop, *, staff_id: UUID, now: datetime) -> DayOpened:
    """
    See to it that a deal day runs: the one there is, or a new one where it is over.

    Args:
        staff_id: In whose name it is planned.

    Raises:
        Refusal: A verb refused something; what was done until then stays.
    """
    event, planned = await _day(shop, staff_id, now)
    orders = carted = 0
    if just_opened(event.opens_at, now):
        for number, (day, planned_deal) in enumerate(await _plan_deals(shop, event, staff_id, now)):
            if await _first_time(shop, f"{event.slug}/{number} is shopped in", now):
                bought, claimed = await _let_shop(shop, day, planned_deal.deal.id, staff_id, now)
                orders, carted = orders + bought, carted + claimed
    seen = await event_by_id(shop.desk, event.id)
    assert seen is not None, event.id  # nobody deletes events
    return DayOpened(event.slug, len(seen.deals), planned, orders, carted)


async def _day(shop: Shop, staff_id: UUID, now: datetime) -> tuple[SaleEvent, bool]:
    """The event, and whether it was planned just now."""
    event_id = await shop.desk.fetchval(sql["running_day"], SLUG)
    if event_id is not None:
        seen = await event_by_id(shop.desk, event_id)
        assert seen is not None, event_id  # nobody deletes events
        return seen.event, False
    slug = slug_of_day(now, [row["slug"] for row in await shop.desk.fetch(sql["slugs"], SLUG)])
    plan = plan_of_day(now, slug=slug)
    return await plan_event(shop.desk, plan, reason=_REASON, key=_key_of_demo(slug), by=staff_id, now=now), True


async def _plan_deals(shop: Shop, event: SaleEvent, staff_id: UUID, now: datetime) -> list[tuple[DayDeal, PlannedDeal]]:
    rows = await shop.desk.fetch(sql["best_sellers"], event.id, PRICE_MINOR_MIN, _APART_DAYS, _CANDIDATES)
    days = list(deals_of_day([Seller(**row) for row in rows], event=plan_of_event(event), now=now))
    await note_past_prices(
        shop.desk,
        [
            PastPrice(seller.sku, max(seller.created_at, now - _PRICES_SINCE), seller.price_minor)
            for day in days
            for seller in day.sellers
        ],
    )
    deals = []
    for number, day in enumerate(days):
        key = _key_of_demo(f"{event.slug}/{number}")
        deal = await plan_deal(shop.desk, day.plan, event_id=event.id, reason=_REASON, key=key, by=staff_id, now=now)
        deals.append((day, deal))
    return deals


# ---- what the shop's first customers did


async def _first_time(shop: Shop, name: str, now: datetime) -> bool:
    """Whether nobody has begun this before; from now on somebody has."""
    key = _key_of_demo(name)
    async with shop.desk.acquire() as connection, connection.transaction():
        if await recall(connection, key=key) is not None:
            return False
        await remember(connection, key=key, answer="true", now=now)
        return True


async def _let_shop(shop: Shop, day: DayDeal, deal_id: UUID, staff_id: UUID, now: datetime) -> tuple[int, int]:
    """
    What a deal has seen by now: units bought, units in carts, and what staff did with it then.

    Returns:
        How many orders were placed, and how many units claimed and left in carts.
    """
    sketch = day.sketch
    seen = await deal_by_id(shop.desk, deal_id)
    assert seen is not None, deal_id
    [planned] = seen.deals
    if not planned.deal.open_to(seen.moment, member=False):
        return 0, 0
    orders = await _buy(shop, planned, sketch.sold)
    await _claim(shop, planned, sketch.carted)
    if sketch.then == "paused":
        await pause_deal(shop.desk, deal_id=deal_id, reason=_REASON, by=staff_id, now=now)
    if sketch.then == "ended":
        await end_deal(shop.desk, deal_id=deal_id, reason=_REASON, by=staff_id, now=now)
    return orders, sketch.carted


async def _buy(shop: Shop, planned: PlannedDeal, units: int) -> int:
    """So many units bought, by people of whom each has one or two; returns how many orders it took."""
    chance = random.Random(planned.deal.title)  # noqa: S311 - whom and how many, nothing secret
    quantities = list(_quantities(units, chance))
    buyers = people(len(quantities), chance)
    await _at_once(
        [
            _purchase(shop, planned, buyer, chance.choice(planned.skus), quantity)
            for buyer, quantity in zip(buyers, quantities, strict=True)
        ]
    )
    return len(quantities)


async def _claim(shop: Shop, planned: PlannedDeal, units: int) -> None:
    """So many units in carts, one each."""
    await _at_once([shop.claims.claim(Claiming(planned.deal.id, planned.skus[0], 1, _browser())) for _ in range(units)])


async def _purchase(shop: Shop, planned: PlannedDeal, person: Person, sku: str, quantity: int) -> None:
    owner, claim_id = _browser(), None
    if planned.deal.limited:
        claim_id = (await shop.claims.claim(Claiming(planned.deal.id, sku, quantity, owner))).id
    wish = Wish(
        (Want(sku, quantity, claim_id=claim_id),),
        buyer=Buyer(email=person.email, first_name=person.first_name, last_name=person.last_name),
        address=Address(
            country="GB", name=f"{person.first_name} {person.last_name}", street=person.street, city=person.city,
            postcode=person.postcode,
        ),
        delivery="std",
    )  # fmt: skip
    session = await shop.sessions.open(Opening(_key_of_browser(owner, "open"), wish, "web", owner, None, shop.clock()))
    total = session.terms.quote.total_minor
    answer = await shop.checkout.complete(
        Placing(_key_of_browser(owner, "complete"), session.id, owner, "tok_approve", total, shop.clock())
    )
    assert isinstance(answer, Completion), answer
    assert answer.state == OrderState.CONFIRMED, answer.state


async def _at_once(doings: Sequence[Awaitable[object]]) -> None:
    """All of them, a bound number at a time; the first that fails is told when all have ended."""
    bound = asyncio.Semaphore(_AT_ONCE)

    async def one(doing: Awaitable[object]) -> None:
        async with bound:
            await doing

    for ended in await asyncio.gather(*(one(doing) for doing in doings), return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended


def _quantities(units: int, chance: random.Random) -> Iterator[int]:
    while units > 0:
        quantity = min(units, chance.choice((1, 1, 2)))
        units -= quantity
        yield quantity


def _browser() -> str:
    """One that nobody has: its token is forgotten at once."""
    return f"browser:{token_hash(new_token()).hex()}"


def _key_of_demo(name: str) -> Key:
    return Key("demo", name, fingerprint_of("demo", name, b""))


def _key_of_browser(owner: str, verb: str) -> Key:
    return Key(owner, str(new_id()), fingerprint_of(verb, "", b""))
