"""
A simulated crowd: people who come into the demo with a browser each, a few a second, and shop as people do.

    come ─► look ─┬─► go
                  └─► put a deal into the cart (claimed) ─┬─► take it out again
                        │ refused: try another, or go     ├─► forget it: the claim runs out
                        ▼                                 └─► check out ─► pay ─┬─► confirmed
                                                                                └─► declined: another card, or go

Drawn from a seed: the same people in the same order, though what they find depends on the shop. Bounded: so many a
second, so many at once, each with an end. It ends with the demo.
"""

import asyncio
import random
import re
import sys
from collections.abc import Callable

import httpx
import msgspec

from evertill.demo.browser import Browser, Fault, NotNow, Page, connect
from evertill.demo.people import Person, people
from evertill.demo.presence import Presence

PER_SECOND = 1.5
PER_SECOND_MAX = 5.0
_INSIDE_MAX = 24  # people at once; who comes then goes elsewhere
_VISIT_SECONDS_MAX = 120.0
_PATIENCE_SECONDS = 10.0  # who is told to wait longer goes
_THINKS_SECONDS = 0.3, 2.5
_PAUSE_SECONDS_MAX = 5.0  # between two who come
_LOOKS_SECONDS = 0.3  # whether the shop has opened
_UNANSWERED_MAX = 20  # in a row: the shop is gone

# Of a hundred: who only looks; of those who have something in the cart, who takes it out and who forgets it; and so on.
_ONLY_LOOK, _TAKE_OUT, _FORGET = 30, 10, 15
_WANT_TWO, _TRY_ANOTHER, _PAY_AGAIN = 25, 60, 70
_CARDS = {"tok_approve": 86, "tok_decline_insufficient_funds": 7, "tok_decline_expired_card": 4, "tok_slow": 3}
_DECLINED = {card for card in _CARDS if card.startswith("tok_decline")}

# What a person reads off the pages.
_LIVE_DEAL = re.compile(r'<li class="deal deal-live">.*?href="(/products/[^"]+)"', re.DOTALL)
_SKU = re.compile(r'<input type="(?:hidden|radio)" name="sku" value="([^"]+)"([^>]*)>')


class Tally(msgspec.Struct):
    """What became of the people."""

    came: int = 0
    carted: int = 0  # put something into their cart
    refused: int = 0  # were told that they cannot have it, and why
    taken_out: int = 0
    forgotten: int = 0
    paid: int = 0
    declined: int = 0
    not_now: int = 0  # were told to come again
    unanswered: int = 0
    faults: int = 0

    def __str__(self) -> str:
        return (
            f"{self.came:,} came: {self.carted:,} put something into the cart, {self.refused:,} were refused it, "
            f"{self.taken_out:,} took it out again, {self.forgotten:,} forgot it, {self.paid:,} paid, "
            f"{self.declined:,} cards were declined, {self.not_now:,} people were told to come again, "
            f"{self.unanswered:,} got no answer, {self.faults:,} met a fault"
        )


async def let_in(
    demo: Presence, *, per_second: float, seed: int, tally: Tally, told: Callable[[str], None] = lambda fault: None
) -> None:
    """
    People come until the demo ends.

    Args:
        per_second: On average; above 0, at most 5.

        tally: Counts as it goes on.

        told: Of what must never be: each fault, in a sentence.
    """
    assert 0 < per_second <= PER_SECOND_MAX, per_second
    chance = random.Random(seed)  # noqa: S311 - a simulation
    persons = people(sys.maxsize, random.Random(seed))  # noqa: S311
    inside: set[asyncio.Task[None]] = set()
    async with connect(demo.address) as http:
        await _until_open(http, demo)
        crowd = _Crowd(http, tally, told)
        while demo.lives and crowd.unanswered_in_a_row < _UNANSWERED_MAX:
            await asyncio.sleep(min(chance.expovariate(per_second), _PAUSE_SECONDS_MAX))
            # Drawn for everybody: who finds no room changes nothing for those behind.
            person, ways = next(persons), random.Random(chance.random())  # noqa: S311
            if len(inside) < _INSIDE_MAX:
                tally.came += 1
                task = asyncio.create_task(crowd.visit(person, ways))
                inside.add(task)
                task.add_done_callback(inside.discard)
        for task in inside:
            task.cancel()
        await asyncio.gather(*inside, return_exceptions=True)


async def _until_open(http: httpx.AsyncClient, demo: Presence) -> None:
    """A demo says where it serves before its workers have started."""
    while demo.lives:
        try:
            await Browser(http).get("/healthz")
            return
        except (httpx.TransportError, NotNow):
            await asyncio.sleep(_LOOKS_SECONDS)


class _Crowd:
    """What all people of a run share."""

    def __init__(self, http: httpx.AsyncClient, tally: Tally, told: Callable[[str], None]) -> None:
        self.unanswered_in_a_row = 0
        self._http = http
        self._tally = tally
        self._told = told

    async def visit(self, person: Person, chance: random.Random) -> None:
        """One person, from coming in to going."""
        try:
            async with asyncio.timeout(_VISIT_SECONDS_MAX):
                await Visit(Browser(self._http), person, chance, self._tally).shop()
        except NotNow:
            self._tally.not_now += 1
        except (httpx.TransportError, TimeoutError):
            self._tally.unanswered += 1
            self.unanswered_in_a_row += 1
            return
        except Fault as fault:
            self._tally.faults += 1
            self._told(str(fault))
        self.unanswered_in_a_row = 0


class Visit:
    """
    One person in the shop.

    Args:
        chance: Draws what they do.

        tally: Told what became of it.

        thinks: Seconds between two clicks, at least and at most.
    """

    def __init__(
        self,
        browser: Browser,
        person: Person,
        chance: random.Random,
        tally: Tally,
        *,
        thinks: tuple[float, float] = _THINKS_SECONDS,
    ) -> None:
        self._browser = browser
        self._person = person
        self._chance = chance
        self._tally = tally
        self._thinks = thinks

    async def shop(self) -> None:
        """
        Look around, and buy or not.

        Raises:
            NotNow, Fault, httpx.TransportError: As Browser.get.
        """
        if self._likely(50):
            await self._browser.get("/")
            await self._think()
        product = await self._look_at_a_deal()
        if product is None or self._likely(_ONLY_LOOK):
            return
        if not await self._put_in(product):
            if not self._likely(_TRY_ANOTHER):
                return
            another = await self._look_at_a_deal()
            if another is None or not await self._put_in(another):
                return
        if self._likely(_TAKE_OUT):
            await self._take_out()
        elif self._likely(_FORGET):
            self._tally.forgotten += 1
        else:
            await self._check_out()

    async def _look_at_a_deal(self) -> Page | None:
        """The page of something that is on a deal now; None: nothing is."""
        deals = await self._patiently("/deals")
        paths = _LIVE_DEAL.findall(deals.text)
        await self._think()
        if not paths:
            return None
        return await self._patiently(self._chance.choice(paths))

    async def _put_in(self, product: Page) -> bool:
        """Whether it is in the cart now; if not, it was said why."""
        await self._think()
        skus = [sku for sku, more in _SKU.findall(product.text) if "disabled" not in more]
        if not skus:
            return False  # sold out
        quantity = "2" if self._likely(_WANT_TWO) else "1"
        fields = {
            "csrf": product.hidden("csrf"), "handle": product.hidden("handle"), "sku": self._chance.choice(skus),
            "quantity": quantity,
        }  # fmt: skip
        if at := product.hidden("at"):
            fields["at"] = at
        cart = await self._browser.post("/cart/lines", **fields)
        if cart.status != 200:
            self._tally.refused += 1
            return False
        self._tally.carted += 1
        return True

    async def _take_out(self) -> None:
        cart = await self._browser.get("/cart")
        await self._think()
        await self._browser.post(
            "/cart/lines/change", csrf=cart.hidden("csrf"), sku=cart.hidden("sku"), quantity="1", remove="1"
        )
        self._tally.taken_out += 1

    async def _check_out(self) -> None:
        """Address, delivery, payment; a second card where the first is declined, maybe."""
        who, start = self._person, await self._browser.get("/checkout")
        await self._think()
        delivery = await self._browser.post(
            "/checkout", csrf=start.hidden("csrf"), attempt=start.hidden("attempt"), email=who.email,
            name=f"{who.first_name} {who.last_name}", street=who.street, city=who.city, postcode=who.postcode,
            country="GB",
        )  # fmt: skip
        await self._think()
        pay = await self._browser.post(
            delivery.path, csrf=delivery.hidden("csrf"), attempt=delivery.hidden("attempt"), delivery="std"
        )
        for card in (self._card(), "tok_approve"):
            await self._think()
            if not pay.hidden("total_minor"):
                self._tally.refused += 1  # what is in the cart cannot be bought as it stands: the page says why
                return
            ended = await self._browser.post(
                pay.path, csrf=pay.hidden("csrf"), attempt=pay.hidden("attempt"), method=card,
                total_minor=pay.hidden("total_minor"),
            )  # fmt: skip
            if ended.path.startswith("/orders/"):
                self._tally.paid += 1
                return
            self._tally.declined += card in _DECLINED
            if not self._likely(_PAY_AGAIN):
                return
            pay = ended

    async def _patiently(self, path: str) -> Page:
        """A page; told to come again in a moment, they do so once."""
        try:
            return await self._browser.get(path)
        except NotNow as told:
            if told.seconds > _PATIENCE_SECONDS:
                raise
            await asyncio.sleep(told.seconds)
            return await self._browser.get(path)

    async def _think(self) -> None:
        await asyncio.sleep(self._chance.uniform(*self._thinks))

    def _card(self) -> str:
        return self._chance.choices(list(_CARDS), list(_CARDS.values()))[0]

    def _likely(self, percent: int) -> bool:
        return self._chance.random() * 100 < percent
