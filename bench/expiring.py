"""
`python -m bench.expiring [--claims 100000] [--seconds 10] [--rounds 2]`: so many claims run out at one instant.

    undisturbed   purchases at half the capacity, two of 200 SKUs each (bench/arrivals.py)
    expiring      the same, and a second after they are measured from, all claims are over: of 50 deals, on SKUs that
                  are bought meanwhile; the shop's own sweeper gives them back

In turns. What is asked: the purchases' p99 is at most one and a half times what it is undisturbed, and the books
balance.
"""

import argparse
import asyncio
import statistics
import sys
import time

import uvloop
from rich.console import Console

from bench.arrivals import Flow, Stream
from bench.books import faults, read_books
from bench.buyers import Ask, Load
from bench.loads import play
from bench.machine import this_machine
from bench.measuring import BASKETS, next_seed
from bench.shop import SPREAD, Database, Serving, data_folder, database, serving

_CONNECTIONS = 1_000
_WARM_SECONDS = 2.0
_DEALS = 50
_BUYERS = 256
_ASKED = 1.5

_MADE = """
WITH event AS (
    INSERT INTO sale_event (id, slug, name, time_zone, opens_at, closes_at, created_at)
    VALUES (gen_random_uuid(), 'bench', 'The bench', 'UTC', now() - interval '1 hour', now() + interval '1 day', now())
    RETURNING id
), made AS (
    INSERT INTO deal (id, event_id, title, kind, value, currency, begins_at, ends_at, units, created_at)
    SELECT gen_random_uuid(), event.id, 'Nearly nothing off', 'amount', 1, 'GBP', now() - interval '1 hour',
           now() - interval '1 minute', 1000000, now()
      FROM event, generate_series(1, $1::integer) RETURNING id
)
INSERT INTO deal_sku (deal_id, sku)
SELECT id, sku
  FROM (SELECT id, row_number() OVER () AS place FROM made) AS made
  JOIN unnest($2::text[]) WITH ORDINALITY AS offered (sku, place) USING (place)"""

# As many of each deal; over at one moment.
_HELD = """
WITH made AS (
    INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, state, claimed_at, expires_at)
    SELECT uuidv7(), deal_id, sku, 1, 100, 'browser:' || $1 || '-' || sku || '-' || n, 'held',
           now() - interval '15 minutes', to_timestamp($3::float8)
      FROM deal_sku, generate_series(1, $2::integer) AS n
), of_deals AS (
    UPDATE deal SET claimed = claimed + $2::integer
)
UPDATE stock SET claimed = claimed + $2::integer FROM deal_sku WHERE deal_sku.sku = stock.sku"""
_GIVEN_BACK_SECONDS_MAX = 120.0
_INSERTING_SECONDS = 6.0  # at the most; they are made before anybody is measured
_OVER_AFTER_SECONDS = 1.0  # of the measured ones
_LOOK_SECONDS = 0.1


class Bench:
    """One shop, purchases at half its capacity, and claims that run out beside them."""

    def __init__(self, shop: Serving, opened: Database, capacity: float, seconds: float, console: Console) -> None:
        self._shop = shop
        self._opened = opened
        self._per_second = capacity / 2
        self._seconds = seconds
        self._console = console
        self._preparing_seconds = 2.0  # of the load, until the first of its people comes

    async def undisturbed(self) -> Flow:
        """Purchases, and nothing else."""
        before, began = await read_books(self._opened), time.monotonic()
        flow = await self._purchases()
        self._preparing_seconds = time.monotonic() - began - flow.seconds_in_all
        self._tell("undisturbed", flow, faults(before, await read_books(self._opened), **_told(flow)))
        return flow

    async def expiring(self, claims: int) -> Flow:
        """The same, and so many claims that are over a second after the first purchase that is measured."""
        before, of_each = await read_books(self._opened), claims // _DEALS
        over_at = time.time() + _INSERTING_SECONDS + self._preparing_seconds + _WARM_SECONDS + _OVER_AFTER_SECONDS
        await self._opened.connection.execute(_HELD, str(over_at), of_each, over_at)
        await asyncio.sleep(over_at - _OVER_AFTER_SECONDS - _WARM_SECONDS - self._preparing_seconds - time.time())
        looking = asyncio.create_task(self._given_back(over_at))
        flow = await self._purchases()
        outlasted = not looking.done()
        async with asyncio.timeout(_GIVEN_BACK_SECONDS_MAX):
            begun, ended = await looking
        self._tell("expiring", flow, faults(before, await read_books(self._opened), **_told(flow)))
        self._console.print(
            f"  {of_each * _DEALS:,} claims given back between {begun:.1f} and {ended:.1f} s after they were over"
            f"{', AND SO LONGER THAN PEOPLE BOUGHT: measure longer' if outlasted else ''}"
        )
        return flow

    async def _purchases(self) -> Flow:
        stream = Stream(
            self._shop.host, self._shop.port, _CONNECTIONS, _WARM_SECONDS, self._seconds, next_seed(),
            baskets=BASKETS["spread"], per_second=self._per_second,
        )  # fmt: skip
        return await play("bench.arrivals", stream, Flow)

    async def _given_back(self, over_at: float) -> tuple[float, float]:
        """From when to when they were given back, in seconds after they were over; fifty rows are asked, not all."""
        asked = "SELECT sum(claimed) FROM deal"
        all_of_them = await self._opened.connection.fetchval(asked)
        begun = None
        while claimed := await self._opened.connection.fetchval(asked):
            if begun is None and claimed < all_of_them:
                begun = time.time() - over_at
            await asyncio.sleep(_LOOK_SECONDS)
        ended = time.time() - over_at
        return ended if begun is None else begun, ended

    def _tell(self, name: str, flow: Flow, wrongs: tuple[str, ...]) -> None:
        self._console.print(
            f"{name}: {flow.goodput_per_second:,.0f} purchases/s of {flow.offered_per_second:,.0f} that came, "
            f"{flow.refused:,} refused, p50 / p99 {flow.whole.p50_ms:.1f} / {flow.whole.p99_ms:.1f} ms, "
            f"{flow.errors + flow.unanswered} errors {flow.samples or ''}; load late p99 {flow.late.p99_ms:.1f} ms; "
            f"books: {'; '.join(wrongs) or 'balance'}"
        )
        if wrongs or flow.errors or flow.unanswered:
            raise RuntimeError("this is worth nothing")


def _told(flow: Flow) -> dict[str, int]:
    return {"acknowledged": flow.completed, "units_each": 2}


async def _measure(claims: int, seconds: float, rounds: int, console: Console) -> None:
    with data_folder() as data:
        async with database(data) as opened:
            await opened.connection.execute(_MADE, _DEALS, list(SPREAD[:_DEALS]))
            with serving(data) as shop:
                capacity = 0.0
                for each in (2.0, 4.0):  # nobody counts the first
                    ask = Ask(shop.host, shop.port, _BUYERS, 1.0, each, next_seed(), BASKETS["spread"])
                    capacity = (await play("bench.buyers", ask, Load)).per_second
                console.print(f"capacity: {capacity:,.0f} purchases/s")
                bench, ratios = Bench(shop, opened, capacity, seconds, console), []
                for _ in range(rounds):
                    calm, disturbed = await bench.undisturbed(), await bench.expiring(claims)
                    ratios.append(disturbed.whole.p99_ms / calm.whole.p99_ms)
    ratio = statistics.median(ratios)
    console.print(
        f"purchase p99 while {claims:,} claims run out / undisturbed: {ratio:.2f}, asked ≤ {_ASKED}: "
        f"{'reached' if ratio <= _ASKED else 'not reached'} ({', '.join(f'{each:.2f}' for each in ratios)})"
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.expiring")
    parser.add_argument("--claims", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    machine = this_machine("18")
    console.print(f"{machine.cpu}, commit {machine.commit}{' and changes' if machine.changed else ''}")
    uvloop.run(_measure(asked.claims, asked.seconds, asked.rounds, console))


if __name__ == "__main__":
    main()
