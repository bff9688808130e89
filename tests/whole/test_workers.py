"""Several worker processes, one hot product: restarted one by one, killed in mid-group, and the last unit."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from evertill.audit import audit_at
from evertill.clock import utc_now
from tests.conftest import stock_up
from tests.whole.running import Serving, serving

pytestmark = pytest.mark.whole

_TRIES_MAX = 60


class Buyer:
    """Somebody who buys one HOT by the API and, when the line goes dead, sends the same again under the same key."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=f"{url}/ucp/v1", timeout=30)
        self._agent = {"UCP-Agent": f'profile="{url}/ucp/platforms/curl.json"'}

    async def buy(self) -> str:
        """The order's public id; "" where it was sold out."""
        wanted = {"line_items": [{"item": {"id": "HOT"}, "quantity": 1}], "buyer": {"email": "ada@example.com"}}
        opened = await self._send("/checkout-sessions", wanted)
        if "id" not in opened:
            return ""
        instrument = {
            "id": "i", "handler_id": "evertill_sandbox", "type": "card", "selected": True,
            "credential": {"type": "token", "token": "tok_approve"},
        }  # fmt: skip
        key = str(uuid4())
        while True:
            told = await self._send(
                f"/checkout-sessions/{opened['id']}/complete", {"payment": {"instruments": [instrument]}}, key
            )
            if told["status"] == "completed":
                return str(told["order"]["id"])
            if told["status"] != "complete_in_progress":
                return ""
            await asyncio.sleep(0.3)

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def _send(self, path: str, body: object, key: str = "") -> dict[str, Any]:
        headers = {**self._agent, "Idempotency-Key": key or str(uuid4())}
        for _ in range(_TRIES_MAX):
            try:
                answer = await self._http.post(path, json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == 503:
                await asyncio.sleep(min(float(answer.headers["retry-after"]), 1.0))
                continue
            assert answer.status_code in (200, 201), answer.text
            told: dict[str, Any] = answer.json()
            return told
        raise AssertionError(f"no answer to {path}")


@asynccontextmanager
async def shop_with(folder: Path, *, units: int, workers: int) -> AsyncIterator[tuple[Serving, asyncpg.Connection]]:
    """A shop of that many workers with that many units of HOT; its books must balance at the end."""
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    with serving(folder / "data", "--workers", str(workers)) as shop:
        connection = await asyncpg.connect(shop.database_url)
        await stock_up(connection, {"HOT": (1_000, units)})
        yield shop, connection
        async with asyncio.timeout(60):
            while await connection.fetchval("SELECT count(*) FROM orders WHERE state IN ('pending', 'held')"):  # noqa: ASYNC110
                await asyncio.sleep(0.3)
        await connection.close()
        assert (await audit_at(shop.database_url, now=utc_now())).shown() == ()


async def buying(shop: Serving, buyers: int, meanwhile: Callable[[], Awaitable[None]]) -> list[str]:
    """So many buy again and again until that is over; their orders."""
    over = asyncio.Event()

    async def shopper() -> list[str]:
        buyer = Buyer(shop.url)
        bought = []
        while not over.is_set():
            bought.append(await buyer.buy())
        await buyer.close()
        return bought

    shoppers = [asyncio.create_task(shopper()) for _ in range(buyers)]
    await asyncio.sleep(0.5)
    await meanwhile()
    over.set()
    return [order for bought in await asyncio.gather(*shoppers) for order in bought]


async def test_workers_restarted_one_by_one_under_load_fail_no_purchase(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """SIGHUP: each worker finishes what it was asked, another takes its place, each purchase ends in its one order."""
    async with shop_with(tmp_path_factory.mktemp("w"), units=100_000, workers=2) as (shop, connection):
        before = {worker.pid for worker in shop.workers()}

        async def restart() -> None:
            shop.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                workers = {worker.pid for worker in shop.workers()}
                if len(workers) == 2 and not workers & before:
                    break
                await asyncio.sleep(0.1)
            else:
                raise AssertionError("the old workers are still there")
            await asyncio.sleep(1.0)

        orders = await buying(shop, 8, restart)
        assert len(orders) > 20
        assert "" not in orders
        assert len(set(orders)) == len(orders)
        assert await connection.fetchval("SELECT count(*) FROM orders WHERE state = 'confirmed'") == len(orders)
        assert await connection.fetchval("SELECT sold FROM stock") == len(orders)


async def test_workers_killed_in_mid_group_lose_nothing_and_double_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """kill -9, five times: what was acknowledged is there, the rest is there wholly or not at all, a retry finds it."""
    async with shop_with(tmp_path_factory.mktemp("w"), units=100_000, workers=2) as (shop, connection):

        async def kill() -> None:
            for _ in range(5):
                shop.workers()[0].kill()
                await asyncio.sleep(1.2)

        orders = await buying(shop, 8, kill)
        assert len(orders) > 20
        assert "" not in orders
        assert len(set(orders)) == len(orders)
        confirmed = await connection.fetchval("SELECT count(*) FROM orders WHERE state = 'confirmed'")
        charged = await connection.fetchval("SELECT count(*) FROM sandbox_provider.charge")
        assert confirmed == charged == len(orders)
        assert await connection.fetchval("SELECT sold FROM stock") == len(orders)


async def test_a_worker_that_hangs_is_replaced_and_its_buyers_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """SIGSTOP: it answers nobody, its supervisor neither; another takes its place, retries find the one order each."""
    async with shop_with(tmp_path_factory.mktemp("w"), units=100_000, workers=2) as (shop, connection):

        async def hang() -> None:
            hung = shop.workers()[0]
            hung.suspend()
            async with asyncio.timeout(60):
                while hung.is_running() or len(shop.workers()) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1.0)

        orders = await buying(shop, 8, hang)
        assert "" not in orders
        assert len(set(orders)) == len(orders)
        assert await connection.fetchval("SELECT count(*) FROM orders WHERE state = 'confirmed'") == len(orders)
        assert await connection.fetchval("SELECT count(*) FROM sandbox_provider.charge") == len(orders)


async def test_the_last_units_among_several_workers_are_sold_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Forty units, two hundred buyers at four workers: forty orders, a plain no for everybody else."""
    async with shop_with(tmp_path_factory.mktemp("w"), units=40, workers=4) as (shop, connection):

        async def come() -> str:
            buyer = Buyer(shop.url)
            order = await buyer.buy()
            await buyer.close()
            return order

        orders = [order for order in await asyncio.gather(*(come() for _ in range(200))) if order]
        assert len(orders) == len(set(orders)) == 40
        row = await connection.fetchrow("SELECT on_hand, claimed, sold FROM stock")
        assert row is not None
        assert tuple(row) == (40, 0, 40)
