"""A shop on the real catalogue, served by real processes, and Chromium in front of it: one of each for all tests."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Browser, async_playwright

from evertill.catalog.online_retail import load_demo_catalog
from evertill.clock import utc_now
from evertill.storage import Connection
from tests.browser.people import Doors
from tests.whole.running import Serving, serving

# Quiet and self-contained: a browser that asks nobody but the shop.
_CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="package")
def served() -> Iterator[Serving]:
    """`evertill serve` for the whole run, shelves still empty."""
    with tempfile.TemporaryDirectory(prefix="evt-") as folder:
        Path(folder).chmod(0o755)  # the embedded PostgreSQL does not run as root
        with serving(Path(folder) / "data") as started:
            yield started


@pytest.fixture(scope="package")
async def tables(served: Serving) -> AsyncIterator[Connection]:
    """The shop's database, the catalogue of the UCI Online Retail data in it."""
    connection = await asyncpg.connect(served.database_url)
    await load_demo_catalog(connection, now=utc_now())
    yield connection
    await connection.close()


@pytest.fixture(scope="package")
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium: `make test` installs it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=_CHROMIUM_ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def doors(served: Serving, tables: Connection, chromium: Browser) -> AsyncIterator[Doors]:
    """Ways into the shop, a browser profile of its own behind each. No page may complain in its console."""
    opened = Doors(chromium, served)
    yield opened
    await opened.close()
    assert opened.complaints == []
