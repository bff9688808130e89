"""Run the shop: its database, its migrations, its workers, until told to stop."""

import asyncio
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from granian.constants import Interfaces, Loops
from granian.server import Server

from evertill.app import SETTINGS_VARIABLE
from evertill.settings import Settings
from evertill.signing import load_secret
from evertill.storage import EmbeddedServer, migrate

log = logging.getLogger(__name__)

# How long a worker may take to finish what it was asked before it is killed.
_DRAIN_SECONDS = 40
_DATABASE_LOOK_SECONDS = 0.5


class AlreadyServing(RuntimeError):
    """Another process serves from this data folder."""


@contextmanager
def database_of(settings: Settings) -> Iterator[Settings]:
    """
    The settings with the URL of a running, migrated database: the given one, or the embedded server in the
    data folder, started if it is not running and let go of at the end.
    """
    prepare_folder(settings.data)
    if settings.database_url is not None:
        asyncio.run(migrate(settings.database_url))
        yield settings
        return
    server = EmbeddedServer(settings.data / "postgres")
    done = threading.Event()
    keeper = threading.Thread(target=_keep_running, args=(server, done), name="database keeper", daemon=True)
    try:
        asyncio.run(migrate(server.url))
        keeper.start()
        yield msgspec.structs.replace(settings, database_url=server.url)
    finally:
        done.set()
        if keeper.ident is not None:
            keeper.join()
        server.stop()


def _keep_running(server: EmbeddedServer, done: threading.Event) -> None:
    """An embedded server that dies is started again; workers find it by themselves."""
    while not done.wait(_DATABASE_LOOK_SECONDS):
        try:
            server.ensure_running()
        except OSError:
            log.exception("embedded_postgresql_start_failed: trying again")


def prepare_folder(folder: Path) -> None:
    """Make the data folder; others may pass through it (the embedded server's own user must) but not look."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)


def serve(settings: Settings) -> None:
    """
    Serve until SIGTERM or SIGINT; requests in flight are finished, and nothing is lost.

    Raises:
        AlreadyServing: Another process serves from this folder.
    """
    with the_only_one(settings.data), database_of(settings) as ready:
        serve_ready(ready)


def serve_ready(settings: Settings) -> None:
    """Serve on a database that is there and migrated, until SIGTERM or SIGINT."""
    load_secret(settings.data)
    os.environ[SETTINGS_VARIABLE] = msgspec.json.encode(settings, enc_hook=str).decode()
    server = Server(
        "evertill.app:create",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop,
        backlog=2048,
        backpressure=4096,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=_DRAIN_SECONDS,
        websockets=False,
        log_access=False,
        process_name=None,
    )
    server.serve()


@contextmanager
def the_only_one(folder: Path) -> Iterator[None]:
    """
    Hold the data folder while serving from it.

    Raises:
        AlreadyServing: Another process does.
    """
    prepare_folder(folder)
    with (folder / "serve.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise AlreadyServing(
                f"{folder} is being served already{_by(lock.read())}. "
                "Stop that one first, or choose another folder with --data."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _by(text: str) -> str:
    return f" by process {text.strip()}" if text.strip().isdigit() else ""
