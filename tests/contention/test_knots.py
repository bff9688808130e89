"""Many orders of the same few SKUs, each in an order of its own, at several workers: nobody waits in a circle."""

import asyncio
import random
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from evertill.app import open_shop, settle_with
from evertill.checkout.complete import Checkout
from evertill.checkout.model import Completion, SessionStatus
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.orders.changing import cancel, ship
from evertill.orders.finishing import Finisher
from evertill.payments.reconcile import Reconciler
from evertill.refusals import Refusal
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.stock.changing import change_on_hand
from evertill.storage import Connection
from tests.buying import key, open_session, placing
from tests.conftest import stock_up
from tests.contention.counting import wrongs
from tests.providers import Ledger

SHELF = {f"HOT-{number}": 500 for number in range(6)}
STAFF = new_id()


async def _deadlocks(database_url: str) -> int:
    """
    How often the database had to cut a knot, once every connection of the shops is gone.

    A connection reports what it met at its end; while it lives it may keep it to itself for seconds.
    """
    connection = await asyncpg.connect(database_url)
    try:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while await connection.fetchval(others):
            await connection.execute("SELECT pg_sleep(0.01)")
        asked = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return int(await connection.fetchval(asked))
    finally:
        await connection.close()


@pytest.mark.parametrize("seed", [1, 2])
async def test_orders_in_any_order_of_lines_tie_no_knot(settings: Settings, connection: Connection, seed: int) -> None:
    """Four workers place, settle, reconcile, ship, cancel and count six SKUs: no deadlock, and books balance."""
    await stock_up(connection, {sku: (995, units) for sku, units in SHELF.items()})
    await connection.execute(
        "INSERT INTO staff VALUES ($1, 'ops@shop.test', 'ops@shop.test', 'Ops', 'operator', '', now())", STAFF
    )
    await connection.close()
    dice, ledger = random.Random(seed), Ledger()
    counted: dict[str, int] = dict(SHELF)
    taken = 0

    async def buyer(shops: list[Shop], number: int) -> None:
        nonlocal taken
        wants = [(sku, dice.randint(1, 2)) for sku in dice.sample(list(SHELF), dice.randint(3, 6))]
        sku, change = dice.choice(list(SHELF)), dice.choice((-1, 1, 2))
        session = await open_session(dice.choice(shops), *wants, owner=f"browser:{number}")
        assert session.status is SessionStatus.READY
        presses = (shop.checkout.complete(placing(session)) for shop in dice.sample(shops, 2))
        first, second = await asyncio.gather(*presses)
        assert isinstance(first, Completion)
        assert isinstance(second, Completion)
        assert first.order_id == second.order_id
        taken += 1
        shop, other = dice.sample(shops, 2)
        common = {"order_id": first.order_id, "staff_id": STAFF, "clock": utc_now}
        await asyncio.gather(
            _told(cancel(shop.console, provider=ledger, reason="why not", **common)),  # type: ignore[arg-type]
            _told(ship(other.console, provider=ledger, **common)),  # type: ignore[arg-type]
            change_on_hand(
                other.desk,
                sku=sku,
                change=change,
                reason="count",
                note="counted",
                key=key("count"),
                staff_id=STAFF,
                now=utc_now(),
            ),
        )
        counted[sku] += change

    async def duties(shop: Shop, over: asyncio.Event) -> None:
        settle = settle_with(shop.checkout.till)
        ahead = timedelta(minutes=1)
        while not over.is_set():
            await Reconciler(
                shop.desk, provider=ledger, settle=settle, clock=lambda: utc_now() + ahead, hold=timedelta(days=1)
            ).run_once()
            await Finisher(shop.desk, provider=ledger, clock=lambda: utc_now() + ahead).run_once()
            await asyncio.sleep(0.01)

    async with AsyncExitStack() as stack:
        shops = []
        for _ in range(4):
            shop = await open_shop(settings, Signer(b"test" * 8), utc_now, stack)
            checkout = Checkout(shop.checkout.till, ledger, shop.till_pool, utc_now)
            shops.append(replace(shop, provider=ledger, checkout=checkout))
        over = asyncio.Event()
        busy = [asyncio.create_task(duties(shop, over)) for shop in shops]
        try:
            for wave in range(3):
                await asyncio.gather(*(buyer(shops, wave * 100 + number) for number in range(16)))
        finally:
            over.set()
            await asyncio.gather(*busy)
        assert await wrongs(shops[0].desk, counted) == []
    assert taken == 48
    assert settings.database_url is not None
    assert await _deadlocks(settings.database_url) == 0


async def _told(verb: Awaitable[object]) -> None:
    """Of ship and cancel one is told no."""
    try:
        await verb
    except Refusal:
        return
