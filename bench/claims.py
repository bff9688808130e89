"""
`python -m bench.claims [--many 20000] [--over 100000]`: what a claim costs beside an order, and what giving back costs.

    claims    of one limited deal on the hot SKU, by 256 callers at once, a holder each
    orders    of the hot SKU, placed at the till by 256 callers at once, a session each, opened before;
              no provider is asked
    over      so many claims that are past their end, released by one sweeper

One worker's verbs, called in process: no HTTP, no pages.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from uuid import UUID

import msgspec
import uvloop
from rich.console import Console

from bench.machine import this_machine
from bench.shop import HOT, Database, data_folder, database
from evertill.app import open_shop
from evertill.checkout.model import Session, Want, Wish
from evertill.checkout.placing import Placed, Placing
from evertill.checkout.sessions import Opening
from evertill.clock import utc_now
from evertill.deals import Claiming, Sweeper
from evertill.idempotency import Key, fingerprint_of
from evertill.ids import new_id
from evertill.orders import Address, Buyer
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer

_AT_ONCE = 256
_ROUNDS = 3

_BUYER = Buyer(email="ada@example.com", first_name="Ada", last_name="Byron")
_LONDON = Address(country="GB", name="Ada Byron", street="12 St James's Square", city="London", postcode="SW1Y 4JH")
_WISH = Wish((Want(HOT, 1),), buyer=_BUYER, address=_LONDON, delivery="std")

_DEAL = """
WITH event AS (
    INSERT INTO sale_event (id, slug, name, time_zone, opens_at, closes_at, created_at)
    VALUES (gen_random_uuid(), 'bench', 'The bench', 'UTC', now(), now() + interval '1 day', now()) RETURNING id
), made AS (
    INSERT INTO deal (id, event_id, title, kind, value, currency, begins_at, ends_at, units, per_customer,
                      created_at)
    SELECT gen_random_uuid(), id, 'A fifth off', 'percent', 2000, 'GBP', now(), now() + interval '1 day', 9000000, 2,
           now()
      FROM event RETURNING id
)
INSERT INTO deal_sku (deal_id, sku) SELECT id, $1 FROM made RETURNING deal_id"""

_OVER = """
WITH made AS (
    INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, state, claimed_at, expires_at)
    SELECT uuidv7(), $1, $2, 1, 100, 'browser:over' || $3 || '-' || n, 'held', now() - interval '1 hour',
           now() - n * interval '1 millisecond'
      FROM generate_series(1, $4::integer) AS n
), of_deal AS (
    UPDATE deal SET claimed = claimed + $4 WHERE id = $1
)
UPDATE stock SET claimed = claimed + $4 WHERE sku = $2"""


class Cost(msgspec.Struct, frozen=True):
    """What so many of a kind took."""

    per_second: float
    us_each: float  # CPU of the worker and of PostgreSQL
    group: float  # how many a group had


async def callers(
    opened: Database, asks: list[Callable[[], Awaitable[object]]], counted: Callable[[], tuple[int, int]]
) -> Cost:
    """So many callers at once carry the asks out, each the next one."""
    left: Iterator[Callable[[], Awaitable[object]]] = iter(asks)

    async def one() -> None:
        for ask in left:
            await ask()

    groups, done = counted()
    began, cpu = time.perf_counter(), time.process_time() + opened.cpu_seconds()
    await asyncio.gather(*(one() for _ in range(_AT_ONCE)))
    took, cpu = time.perf_counter() - began, time.process_time() + opened.cpu_seconds() - cpu
    groups_after, done_after = counted()
    return Cost(len(asks) / took, cpu / len(asks) * 1e6, (done_after - done) / (groups_after - groups))


async def claim(shop: Shop, opened: Database, deal_id: UUID, many: int) -> Cost:
    """As many claims by as many people."""

    def ask(holder: str) -> Callable[[], Awaitable[object]]:
        return lambda: shop.claims.claim(Claiming(deal_id, HOT, 1, holder, new_id(), network=hash(holder) % 10_000))

    asks = [ask(f"browser:{new_id().hex}") for _ in range(many)]
    return await callers(opened, asks, lambda: (shop.claims.groups.groups_run, shop.claims.groups.asks_run))


async def order(shop: Shop, opened: Database, many: int) -> Cost:
    """As many orders, their sessions opened before anybody measures."""
    sessions: list[Session] = []
    for _ in range(0, many, _AT_ONCE):
        asks = [_opening(shop) for _ in range(_AT_ONCE)]
        sessions += await asyncio.gather(*(shop.sessions.open(ask) for ask in asks))
    till = shop.checkout.till

    def ask(session: Session) -> Callable[[], Awaitable[object]]:
        async def place() -> None:
            answer = await till.place(
                Placing(_key(session.owner), session.id, session.owner, "tok_approve",
                        session.terms.quote.total_minor, shop.clock())
            )  # fmt: skip
            if not isinstance(answer, Placed):
                raise TypeError(f"an order was not taken: {answer}")

        return place

    return await callers(
        opened, [ask(session) for session in sessions[:many]], lambda: (till.groups.groups_run, till.groups.asks_run)
    )


def _opening(shop: Shop) -> Opening:
    owner = f"browser:{new_id().hex}"
    return Opening(_key(owner), _WISH, "web", owner, None, shop.clock())


def _key(owner: str) -> Key:
    return Key(owner, str(new_id()), fingerprint_of("bench", "", b""))


async def _measure(many: int, over: int, console: Console) -> None:
    with data_folder() as data:
        async with database(data) as opened, AsyncExitStack() as stack:
            shop = await open_shop(Settings(database_url=opened.url, data=data), Signer(b"bench" * 8), utc_now, stack)
            deal_id = await opened.connection.fetchval(_DEAL, HOT)
            await claim(shop, opened, deal_id, _AT_ONCE * 4)  # nobody measures: connections open, plans made
            await order(shop, opened, _AT_ONCE * 4)
            claims, orders = [], []
            for _ in range(_ROUNDS):
                orders.append(await order(shop, opened, many))
                claims.append(await claim(shop, opened, deal_id, many))
                for name, cost in (("orders", orders[-1]), ("claims", claims[-1])):
                    console.print(
                        f"{name}: {cost.per_second:,.0f}/s, {cost.us_each:.0f} µs of CPU each, {cost.group:.0f} a group"
                    )
            console.print(
                f"claims / orders, medians of {_ROUNDS}: {_median(claims) / _median(orders):.2f} a second, "
                f"{_cpu(claims) / _cpu(orders):.2f} of the CPU"
            )
            for number in range(_ROUNDS):
                await opened.connection.execute(_OVER, deal_id, HOT, str(number), over)
                began, cpu, released = time.perf_counter(), time.process_time() + opened.cpu_seconds(), 0
                sweeper = Sweeper(shop.till_pool)
                while bite := await sweeper.run_once():
                    released += bite
                took, cpu = time.perf_counter() - began, time.process_time() + opened.cpu_seconds() - cpu
                console.print(
                    f"over: {released:,} claims given back in {took:.1f} s ({released / took:,.0f}/s), "
                    f"{cpu / released * 1e6:.0f} µs of CPU each"
                )
            claimed = await opened.connection.fetchval("SELECT claimed FROM deal")
            held = await opened.connection.fetchval("SELECT count(*) FROM claim WHERE state = 'held'")
            if claimed != held:
                raise RuntimeError(f"the books do not balance: {claimed} claimed, {held} held")


def _median(costs: list[Cost]) -> float:
    return sorted(cost.per_second for cost in costs)[len(costs) // 2]


def _cpu(costs: list[Cost]) -> float:
    return sorted(cost.us_each for cost in costs)[len(costs) // 2]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.claims")
    parser.add_argument("--many", type=int, default=20_000)
    parser.add_argument("--over", type=int, default=100_000)
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(f"{this_machine('18').cpu}")
    uvloop.run(_measure(asked.many, asked.over, console))


if __name__ == "__main__":
    main()
