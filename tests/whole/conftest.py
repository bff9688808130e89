"""One started shop for all tests that only speak to it."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from evertill.ids import new_id
from tests.coding import make_code
from tests.conftest import stock_up
from tests.dealing import make_deal
from tests.whole.running import Serving


@pytest.fixture(scope="session")
def served_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A shop that serves: MUG and TEA in plenty, three of LAST, none of GONE, a deal, a code; in UCP's test mode."""
    folder = tmp_path_factory.mktemp("s")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)  # the embedded server's own user passes through
    started = Serving(folder / "data", environment={"EVERTILL_UCP_TEST_MODE": "true"})
    try:
        started.wait_ready()
        asyncio.run(_stock_up(started.database_url))
        yield started
    finally:
        if started.process.poll() is None:
            started.stop()


async def _stock_up(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        plenty = 1_000_000
        await stock_up(connection, {"MUG": (1_250, plenty), "TEA": (495, plenty), "LAST": (9_900, 3), "GONE": (700, 0)})
        await stock_up(connection, {"DEALT": (1_000, plenty)})
        await make_deal(connection, new_id(), "DEALT", units=None)
        await connection.execute("UPDATE deal SET stackable = true")
        await make_code(connection)
    finally:
        await connection.close()
