"""Bulkheads of connections: every wait has an end, the end is named, and who holds connections is counted."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from evertill.refusals import Unavailable
from evertill.storage import Connection, Pool, open_pool


@pytest.fixture
async def narrow(database_url: str) -> AsyncIterator[Pool]:
    """A pool of two connections and short waits."""
    opened = await open_pool(
        database_url, purpose="narrow", size=2, statement_ms_max=300, lock_ms_max=200, acquire_s_max=0.2
    )
    yield opened
    await opened.close()


async def test_a_statement_that_takes_too_long_is_stopped_and_named(
    narrow: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which bound, whose pool, which statement; whoever asked is told to come again."""
    with pytest.raises(Unavailable) as told:
        await narrow.fetch("/* catalog.search */ SELECT pg_sleep(5)")
    assert told.value.code == "database_statement_timeout"
    assert told.value.retry_after_seconds
    assert "database_statement_timeout pool=narrow caller=catalog.search" in caplog.text
    assert await narrow.fetchval("/* catalog.search */ SELECT 1") == 1


async def test_a_lock_is_waited_for_and_not_for_ever(
    narrow: Pool, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waits for a row somebody else keeps is told so, and the transaction is gone."""
    await connection.execute("CREATE TABLE row_kept AS SELECT 1 AS id")
    async with connection.transaction():
        await connection.execute("UPDATE row_kept SET id = 2")
        with pytest.raises(Unavailable) as told:
            async with narrow.acquire("orders.ship") as other, other.transaction():
                await other.execute("UPDATE row_kept SET id = 3")
    assert told.value.code == "database_lock_timeout"
    assert "database_lock_timeout pool=narrow caller=orders.ship" in caplog.text
    assert await narrow.fetchval("/* t */ SELECT id FROM row_kept") == 2


async def test_one_waits_for_a_free_connection_and_not_for_ever(narrow: Pool, caplog: pytest.LogCaptureFixture) -> None:
    """A full pool says so in time."""
    async with narrow.acquire("a"), narrow.acquire("b"):
        with pytest.raises(Unavailable) as told:
            await narrow.fetchval("/* cart.read */ SELECT 1")
    assert told.value.code == "database_busy"
    assert "database_busy pool=narrow caller=cart.read" in caplog.text


async def test_a_full_pool_does_not_delay_another(narrow: Pool, pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    """A thousand slow searches hold their own connections and nobody else's."""
    slow = [asyncio.create_task(narrow.fetch("/* catalog.search */ SELECT pg_sleep(0.15)")) for _ in range(1_000)]
    await asyncio.sleep(0.05)
    assert narrow.busy == 2
    async with asyncio.timeout(5):
        assert await pool.fetchval("/* checkout.read */ SELECT 1") == 1
    assert not all(task.done() for task in slow)
    outcomes = await asyncio.gather(*slow, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert len(refused) + sum(isinstance(outcome, list) for outcome in outcomes) == 1_000
    assert len(refused) > 900
    assert caplog.text.count("database_busy") < 5  # the log is not flooded with them


async def test_a_database_that_is_gone_is_no_fault_of_the_page(narrow: Pool, connection: Connection) -> None:
    """Whoever meets a lost connection is told to come again; the next one has a new connection."""

    async def use_one_that_is_lost() -> None:
        async with narrow.acquire("checkout.pay") as held:
            await connection.execute("SELECT pg_terminate_backend($1)", await held.fetchval("SELECT pg_backend_pid()"))
            await held.fetchval("SELECT pg_sleep(0.1)")

    with pytest.raises(Unavailable) as told:
        await use_one_that_is_lost()
    assert told.value.code == "database_unreachable"
    assert "same attempt is never carried out twice" in told.value.sentence
    assert await narrow.fetchval("/* t */ SELECT 1") == 1


async def test_what_a_statement_refuses_stays_for_its_caller_to_say(narrow: Pool) -> None:
    """Broken constraints are no outage."""
    with pytest.raises(asyncpg.DivisionByZeroError):
        await narrow.fetchval("/* t */ SELECT 1 / 0")


async def test_who_holds_connections_is_counted(narrow: Pool) -> None:
    """By statement where there is one, by function where several are run."""
    await narrow.fetchval("/* cart.read */ SELECT pg_sleep(0.02)")
    await narrow.fetchval("/* cart.read */ SELECT 1")
    async with narrow.acquire() as held:
        await held.execute("SELECT 1")
    assert set(narrow.holds) == {"cart.read", "tests.database.test_pools.test_who_holds_connections_is_counted"}
    read = narrow.holds["cart.read"]
    assert read.count == 2
    assert read.held_s >= read.longest_s >= 0.02
    assert sum(read.recent_s) == pytest.approx(read.held_s)
