"""One started shop for all tests that only speak to it."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from tests.conftest import stock_up
from tests.whole.running import Serving


@pytest.fixture(scope="session")
def served_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A shop that serves, with MUG and TEA in plenty, three of LAST, none of GONE; UCP's test mode is on."""
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
    finally:
        await connection.close()
