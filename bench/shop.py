"""The shop under test: `evertill serve` on a data folder of its own, its database held open beside it."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.machine import PROJECT
from bench.processes import cpu_seconds, postmaster_of
from evertill.serve import prepare_folder
from evertill.storage import Connection, EmbeddedServer, migrate

HERE = Path(__file__).parent
# On the checkout's own disk: where /tmp is memory, a commit there would cost nothing.
WORK = HERE / ".work"
_START_SECONDS_MAX = 60.0
_NO_ROOM = {"EVERTILL_WAITING_ROOM_BY_ITSELF": "false"}

HOT = "BENCH-0000"
SPREAD = tuple(f"BENCH-{number:04d}" for number in range(1, 201))


@dataclass(frozen=True, slots=True)
class Database:
    """The one PostgreSQL everything is measured on."""

    url: str
    folder: Path
    connection: Connection

    def cpu_seconds(self) -> float:
        """CPU time of PostgreSQL and all its processes so far."""
        return cpu_seconds(postmaster_of(self.folder))


@dataclass(frozen=True, slots=True)
class Serving:
    """A running `evertill serve`."""

    host: str
    port: int
    pid: int
    workers: int

    def cpu_seconds(self) -> float:
        """CPU time of the shop's processes so far."""
        return cpu_seconds(self.pid)


@contextlib.contextmanager
def data_folder() -> Iterator[Path]:
    """A fresh data folder, gone at the end."""
    WORK.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=WORK))
    try:
        prepare_folder(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def database(data: Path, *, skus: int = 4_000) -> AsyncIterator[Database]:
    """
    The embedded server in that data folder, migrated and with the bench's catalogue of so many SKUs.

    Raises:
        RuntimeError: It is not durable: what is measured on it would be worth nothing.
    """
    folder = data / "postgres"
    server = await asyncio.to_thread(EmbeddedServer, folder)
    try:
        await migrate(server.url)
        connection = await asyncpg.connect(server.url)
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            if await connection.fetchval(f"SHOW {setting}") != "on":
                raise RuntimeError(f"{setting} is not on")
        await connection.execute("SELECT set_config('bench.skus', $1, false)", str(skus))
        await connection.execute((HERE / "seed.sql").read_text())
        await connection.execute("VACUUM ANALYZE")
        yield Database(server.url, folder, connection)
        await connection.close()
    finally:
        await asyncio.to_thread(server.stop)


@contextlib.contextmanager
def serving(data: Path, *, workers: int = 1, settings: Mapping[str, str] = _NO_ROOM) -> Iterator[Serving]:
    """
    `evertill serve` with that many workers, until the end.

    Args:
        settings: Variables of its environment. What is measured is the gate, mostly: nobody is put in line who does not
            come back by himself, as an open loop's people do not.
    """
    host, port, log = "127.0.0.1", _free_port(), data / "serve.log"
    with log.open("wb") as said:
        shop = subprocess.Popen(
            [Path(sys.executable).with_name("evertill"), "serve", "--data", data, "--host", host, "--port", str(port),
             "--workers", str(workers)],
            stdout=said, stderr=subprocess.STDOUT, cwd=PROJECT, env={**os.environ, **settings},
        )  # fmt: skip
        try:
            _wait_for(shop, host, port, log)
            yield Serving(host, port, shop.pid, workers)
        finally:
            shop.terminate()
            shop.wait(60)


def _wait_for(shop: "subprocess.Popen[bytes]", host: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < deadline and shop.poll() is None:
        try:
            if get(host, port, "/healthz"):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the shop does not serve:\n{log.read_text()[-2000:]}")


def get(host: str, port: int, path: str) -> str:
    """
    The body of a page.

    Raises:
        OSError: There is none.
    """
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
