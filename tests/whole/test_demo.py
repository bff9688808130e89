"""The demo as people start it, with its crowd: real processes."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.whole.running import EVERTILL, Serving, alive

pytestmark = pytest.mark.whole


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty data folder with a short path: socket files like that."""
    folder = tmp_path_factory.mktemp("d")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    return folder / "data"


def _count(shop: Serving, statement: str) -> int:
    async def run() -> int:
        connection = await asyncpg.connect(shop.database_url)
        try:
            return int(await connection.fetchval(statement))
        finally:
            await connection.close()

    return asyncio.run(run())


def _wait(until: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def _crowds(shop: Serving) -> list[psutil.Process]:
    return [child for child in shop.workers() if "crowd" in child.cmdline()]


def test_a_crowd_shops_in_the_demo_and_ends_with_it(data: Path) -> None:
    """
    It claims, buys, meets declined cards and takes out again; killed, the demo takes both its own crowd and one that
    was started beside it along; and the books balance.
    """
    shop = Serving(data, "--crowd", command="demo").wait_ready(60)
    try:
        [crowd] = _crowds(shop)
        before = _count(shop, "SELECT count(*) FROM orders")
        beside = subprocess.Popen(
            [EVERTILL, "crowd", "--data", data, "--per-second", "5", "--seed", "7"], stdout=subprocess.PIPE, text=True
        )
        for wanted, statement in (
            ("bought", f"SELECT count(*) - {before} FROM orders WHERE state = 'confirmed'"),
            ("declined", "SELECT count(*) FROM orders WHERE state = 'declined'"),
            ("taken out", "SELECT count(*) FROM claim WHERE ended_because = 'removed'"),
        ):
            _wait(lambda statement=statement: _count(shop, statement) > 0, f"nobody has {wanted}")  # type: ignore[misc]
        shop.process.send_signal(signal.SIGKILL)
        shop.process.wait(30)
        told, _ = beside.communicate(timeout=60)
        assert beside.returncode == 0, told
        assert "0 met a fault" in told
        _wait(lambda: not alive(crowd), "the demo's own crowd goes on")
    finally:
        if shop.process.poll() is None:
            shop.stop()
    audited = subprocess.run([EVERTILL, "audit", "--data", data], capture_output=True, text=True, timeout=60)
    assert audited.returncode == 0, audited.stdout


def test_the_demo_told_to_stop_stops_its_crowd(data: Path) -> None:
    """And started again it is the same day: nothing of it is doubled."""
    shop = Serving(data, "--crowd", command="demo").wait_ready(60)
    [crowd] = _crowds(shop)
    assert shop.stop() == 0
    assert not alive(crowd)
    again = Serving(data, command="demo").wait_ready(60)
    try:
        assert _crowds(again) == []
        assert _count(again, "SELECT count(*) FROM sale_event") == 1
    finally:
        assert again.stop() == 0
    assert not (data / "demo-serves.json").exists()


def test_a_crowd_finds_no_demo_where_none_is_served(data: Path) -> None:
    """A sentence that says what to do, and not a request to anybody."""
    ended = subprocess.run([EVERTILL, "crowd", "--data", data], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert "no demo is served" in ended.stderr
    assert "Traceback" not in ended.stderr
