"""
A real PostgreSQL for the tests: the embedded one, or the one EVERTILL_TEST_DATABASE_URL names (15 or newer).

A template database is migrated once; every test that asks for `database_url` gets a clone of its own.
"""

import asyncio
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest

from evertill.app import open_shop
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.storage import Connection, EmbeddedServer, Pool, migrate, open_pool
from tests.consoling import console_of

TEMPLATE = f"evertill_test_{os.getpid()}"
_numbers = itertools.count(1)


def named(url: str, database: str) -> str:
    """That server's URL with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def _run(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def drop(url: str, database: str) -> None:
    """Drop a database with whoever is in it. Who may only create some may not end a vacuum: it is waited for."""
    for _ in range(100):
        try:
            return await _run(url, f"DROP DATABASE {database} WITH (FORCE)")
        except asyncpg.InsufficientPrivilegeError:
            await asyncio.sleep(0.1)
    raise AssertionError(f"{database} cannot be dropped")


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server for the whole run."""
    given = os.environ.get("EVERTILL_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="evt-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "postgres")
        try:
            yield server.url
        finally:
            server.stop()


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """A migrated database to clone."""
    asyncio.run(_run(server_url, f"DROP DATABASE IF EXISTS {TEMPLATE}", f"CREATE DATABASE {TEMPLATE}"))
    asyncio.run(migrate(named(server_url, TEMPLATE)))
    yield TEMPLATE
    asyncio.run(drop(server_url, TEMPLATE))


@pytest.fixture
async def database_url(server_url: str, template: str) -> AsyncIterator[str]:
    """A fresh, migrated database of this test's own."""
    name = f"{template}_{next(_numbers)}"
    await _run(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield named(server_url, name)
    await drop(server_url, name)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """One connection to a fresh database."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of connections to a fresh database."""
    opened = await open_pool(database_url, purpose="test", size=12, statement_ms_max=15_000, lock_ms_max=10_000)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a shop on a fresh database."""
    return Settings(database_url=database_url, data=tmp_path)


@pytest.fixture
async def shop(settings: Settings, connection: Connection) -> AsyncIterator[Shop]:
    """A shop with a small catalogue: MUG and TEA by the thousand, three of LAST, none of GONE."""
    await stock_up(connection, {"MUG": (1_250, 1_000), "TEA": (495, 1_000), "LAST": (9_900, 3), "GONE": (700, 0)})
    async with AsyncExitStack() as stack:
        yield await open_shop(settings, Signer(b"test" * 8), utc_now, stack)


@pytest.fixture
async def console(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the console's door, nobody signed in. It follows no redirect by itself."""
    async with console_of(shop) as client:
        yield client


async def stock_up(connection: Connection, units: dict[str, tuple[int, int]]) -> None:
    """Put products on sale: SKU to (price in pence, units)."""
    for sku, (price_minor, on_hand) in units.items():
        await connection.execute(
            """
            WITH made AS (
                INSERT INTO product (id, handle, title, created_at, updated_at)
                VALUES (gen_random_uuid(), lower($1), initcap($1), now(), now()) RETURNING id
            ), offered AS (
                INSERT INTO variant (sku, product_id, price_minor, currency) SELECT $1, id, $2, 'GBP' FROM made
            )
            INSERT INTO stock (sku, on_hand) VALUES ($1, 0)
            """,
            sku,
            price_minor,
        )
        await put_on_hand(connection, sku, on_hand)


async def put_on_hand(connection: Connection | Pool, sku: str, units: int) -> None:
    """So many are on hand from now on, and the movement says so."""
    await connection.execute(
        """
        WITH had AS (SELECT sku, on_hand FROM stock WHERE sku = $2 FOR NO KEY UPDATE),
             put AS (UPDATE stock SET on_hand = $3 FROM had WHERE stock.sku = had.sku
                     RETURNING stock.sku, stock.on_hand - had.on_hand AS units)
        INSERT INTO stock_movement (id, sku, units, reason, note, moved_at)
        SELECT $1, sku, units, 'import', 'a test', now() FROM put WHERE units <> 0
        """,
        new_id(),
        sku,
        units,
    )
