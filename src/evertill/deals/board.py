"""
How deals stand, read once for all who look: pages, JSON and streams of a worker are made from one reading.

    every 5 seconds   the plan: events, deals, what they are on, and lowest prices
    every second      the figures of those deals, while anybody looks; a figure of another version brings a new plan
    what is new ──►   one message, sent to all who watch

Nobody's cookie matters here: everybody is told the same.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import asyncpg
import msgspec
from markupsafe import Markup
from msgspec.structs import replace

from evertill.catalog.shelves import offers_by_sku
from evertill.deals.history import Before, deal_of, lowest_prices
from evertill.deals.model import Deal, SaleEvent
from evertill.deals.planning import event_of
from evertill.deals.pricing import reduction_begins
from evertill.deals.reading import event_by_slug, sql
from evertill.deals.showing import DealSeen, Item, Sale, Told, sale_of, tell
from evertill.storage import Pool
from evertill.web.watchers import Watchers

DEALS_MAX = 1_000  # of a board
EVENTS_MAX = 12  # that are not over, and as many that are
SKUS_SHOWN_MAX = 4  # of a deal
WATCHERS_MAX = 2_000  # streams of a worker
_OVER_FOR = timedelta(days=14)
_PLAN_SECONDS = 5.0
_FIGURES_SECONDS = 1.0
_LOOKED_AT_SECONDS = 5.0  # so long after somebody looked figures are read every second
_TICK_SECONDS = 5.0  # so often watchers hear something: else their page says that its figures are old
_DRAWN_MAX = 200  # pieces of pages kept of one reading

Piece = TypeVar("Piece")
DrawState = Callable[[DealSeen, Told, datetime], Markup]


class Reading:
    """How everything stands at a moment, and what was drawn from it."""

    def __init__(
        self, events: Sequence[SaleEvent], deals: Sequence[DealSeen], categories: Mapping[str, str], moment: datetime
    ) -> None:
        self.events = tuple(events)
        self.deals = tuple(deals)
        self.categories = categories  # name by slug, of what is on the deals
        self.moment = moment  # the database's
        self.told = {seen.deal.id: tell(seen.deal, moment) for seen in deals}
        self._drawn: dict[object, object] = {}

    def drawn(self, key: object, draw: Callable[[], Piece]) -> Piece:
        """A piece made from this reading, once for all who ask for it; key says of which kind it is."""
        if key not in self._drawn:
            if len(self._drawn) >= _DRAWN_MAX:
                self._drawn.clear()
            self._drawn[key] = draw()
        return self._drawn[key]  # type: ignore[return-value]  # by its key it is what was drawn


class Board:
    """
    One per worker.

    Args:
        pool: Of the pages.

        draw: Draws the part of a deal that changes, as pages show it.
    """

    def __init__(self, pool: Pool, *, draw: DrawState) -> None:
        self._pool = pool
        self.draw = draw
        self._looking = asyncio.Lock()
        self._reading: Reading | None = None
        self._planned_at = self._read_at = self._looked_at = self._ticked_at = float("-inf")
        self._published: Mapping[UUID, Told] = {}
        self.watchers = Watchers(WATCHERS_MAX)

    @property
    def sale(self) -> Sale | None:
        """The sale every page points to, as it was seen last: nothing is read for it."""
        reading = self._reading
        return None if reading is None else sale_of(reading.events, reading.moment)

    @property
    def empty(self) -> bool:
        """Whether there was no deal when it was looked last, so that none has to be looked for on a shelf's SKUs."""
        reading = self._reading
        return reading is not None and not reading.deals and len(reading.events) < EVENTS_MAX

    async def seen(self) -> Reading:
        """How everything stands, a second old at the most."""
        self._looked_at = time.monotonic()
        return await self._look()

    async def run_once(self) -> int:
        """Look again where it is time, and send what is new to all who watch. Returns 0: there is never more to do."""
        now = time.monotonic()
        looked_at = self.watchers.here > 0 or now - self._looked_at < _LOOKED_AT_SECONDS
        if looked_at or now - self._planned_at >= _PLAN_SECONDS:
            self._tell(await self._look())
        return 0

    async def event(self, slug: str) -> tuple[SaleEvent, Reading] | None:
        """An event with its deals: out of what is known, or read for this one look where it was over long ago."""
        reading = await self.seen()
        event = next((event for event in reading.events if event.slug == slug), None)
        if event is not None:
            return event, reading
        found = await event_by_slug(self._pool, slug)
        if found is None:
            return None
        planned = [(each.deal, each.skus[:SKUS_SHOWN_MAX], len(each.skus)) for each in found.deals]
        return found.event, await self._dress([found.event], planned, found.moment)

    # ---- reading

    async def _look(self) -> Reading:
        async with self._looking:  # whoever comes meanwhile is answered with what is read now
            now = time.monotonic()
            if self._reading is not None and now - self._read_at < _FIGURES_SECONDS * 0.9:
                return self._reading
            if self._reading is None or now - self._planned_at >= _PLAN_SECONDS:
                self._reading = await self._plan()
                self._planned_at = now
            else:
                figures = await self._figures(self._reading)
                if figures is None:
                    self._reading = await self._plan()
                    self._planned_at = now
                else:
                    self._reading = figures
            self._read_at = now
            return self._reading

    async def _plan(self) -> Reading:
        rows = await self._pool.fetch(sql["board_events"], EVENTS_MAX, _OVER_FOR)
        events = [event_of(row) for row in rows if row["id"] is not None]
        deals = await self._pool.fetch(
            sql["board_deals"], [event.id for event in events], SKUS_SHOWN_MAX, DEALS_MAX
        ) if events else []  # fmt: skip
        planned = [(deal_of(row), tuple(row["skus"]), row["skus_in_all"]) for row in deals]
        return await self._dress(events, planned, rows[0]["now"])

    async def _dress(
        self, events: Sequence[SaleEvent], planned: Sequence[tuple[Deal, tuple[str, ...], int]], moment: datetime
    ) -> Reading:
        offers = await offers_by_sku(self._pool, {sku for _, skus, _ in planned for sku in skus})
        shown = [(deal, sku) for deal, skus, _ in planned for sku in skus if sku in offers and offers[sku].on_sale]
        asked = [Before(sku, reduction_begins(deal)) for deal, sku in shown]
        lowest = await lowest_prices(self._pool, asked) if asked else ()
        items: dict[UUID, list[Item]] = {}
        for (deal, sku), lowest_minor in zip(shown, lowest, strict=True):
            offer = offers[sku]
            if offer.currency == deal.currency:
                items.setdefault(deal.id, []).append(
                    Item(
                        sku=sku, handle=offer.handle, title=offer.title, option_label=offer.option_label,
                        category=offer.category_slug, image_url=offer.image_url, list_minor=offer.price_minor,
                        lowest_minor=lowest_minor, free_units=offer.free_units,
                    )
                )  # fmt: skip
        by_id = {event.id: event for event in events}
        seen = [DealSeen(deal, by_id[deal.event_id], tuple(items.get(deal.id, ())), many) for deal, _, many in planned]
        slugs = sorted({item.category for found in items.values() for item in found if item.category})
        names = await self._pool.fetch(sql["category_names"], slugs) if slugs else []
        return Reading(events, seen, {row["slug"]: row["name"] for row in names}, moment)

    async def _figures(self, known: Reading) -> Reading | None:
        """The same plan with the figures of now; None: the plan is another one."""
        rows = await self._pool.fetch(sql["figures"], [seen.deal.id for seen in known.deals])
        figures: dict[UUID, asyncpg.Record] = {row["id"]: row for row in rows if row["id"] is not None}
        deals = []
        for seen in known.deals:
            row = figures.get(seen.deal.id)
            if row is None or row["version"] != seen.deal.version or row["event_ended_at"] != seen.deal.event_ended_at:
                return None
            deals.append(
                seen
                if (row["claimed"], row["sold"]) == (seen.deal.claimed, seen.deal.sold)
                else replace(seen, deal=replace(seen.deal, claimed=row["claimed"], sold=row["sold"]))
            )
        return Reading(known.events, deals, known.categories, rows[0]["now"])

    # ---- telling

    def _tell(self, reading: Reading) -> None:
        now = time.monotonic()
        new = {id_: told for id_, told in reading.told.items() if self._published.get(id_) != told}
        if not new and now - self._ticked_at < _TICK_SECONDS:
            return
        before, self._published, self._ticked_at = self._published, reading.told, now
        by_id = {seen.deal.id: seen for seen in reading.deals}

        def said(told: Mapping[UUID, Told], *, drawn: bool) -> bytes:
            deals: dict[str, object] = {}
            for id_, each in told.items():
                figures: dict[str, object] = {"phase": each.phase, "share": each.share, "left": each.left}
                if drawn or (before.get(id_) is None or before[id_].phase is not each.phase):
                    figures["html"] = self.draw(by_id[id_], each, reading.moment)
                deals[str(id_)] = figures
            return msgspec.json.encode({"now": reading.moment, "deals": deals}, enc_hook=str)

        self.watchers.publish(said(new, drawn=False), at=reading.moment, whole=lambda: said(reading.told, drawn=True))
