"""Run the shop: its database, its migrations, its workers, until told to stop."""

import asyncio
import errno
import fcntl
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import psutil
from uvicorn.config import Config

from evertill.app import SETTINGS_VARIABLE
from evertill.settings import BadSetting, Settings
from evertill.signing import load_secret
from evertill.storage import EmbeddedServer, migrate
from evertill.storage.embedded import open_lock
from evertill.web.protocol import Connection
from evertill.workers import DRAIN_SECONDS_MAX, Workers

log = logging.getLogger(__name__)

_BACKLOG = 2_048
_KEEP_ALIVE_SECONDS = 60
# Within what a worker may take in all, time is left to end its duties.
_ANSWERING_SECONDS_MAX = int(DRAIN_SECONDS_MAX) - 10
_DATABASE_LOOK_SECONDS = 0.5
_HOLDER_LOOK_SECONDS = 0.1


class AlreadyServing(RuntimeError):
    """Another process serves from this data folder."""


class NoShop(RuntimeError):
    """There is no database of a shop there, and whoever asks is not to make one."""


@contextmanager
def database_of(settings: Settings) -> Iterator[Settings]:
    """
    The settings with the URL of a running, migrated database: the given one, or the embedded server in the
    data folder, started if it is not running and let go of at the end.
    """
    if settings.database_url is not None:
        asyncio.run(migrate(settings.database_url))
        yield settings
        return
    prepare_folder(settings.data)
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


@contextmanager
def database_as_it_is(settings: Settings) -> Iterator[str]:
    """
    The URL of a database that is there already, for whoever only looks: nothing is made and nothing migrated. The
    embedded server is started if it was not running, and let go of at the end.

    Raises:
        NoShop: The data folder has no database.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    folder = settings.data / "postgres"
    if not (folder / "PG_VERSION").exists():
        raise NoShop(f"there is no shop in {settings.data}.")
    server = EmbeddedServer(folder)
    try:
        yield server.url
    finally:
        server.stop()


def _keep_running(server: EmbeddedServer, done: threading.Event) -> None:
    """An embedded server that dies is started again; workers find it by themselves."""
    while not done.wait(_DATABASE_LOOK_SECONDS):
        try:
            server.ensure_running()
        except OSError:
            log.exception("embedded_postgresql_start_failed: trying again")


def prepare_folder(folder: Path) -> None:
    """
    Make the data folder; others may pass through it (the embedded server's own user must) but not look.

    Raises:
        BadSetting: It cannot be made, or is somebody else's.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
    except OSError as error:
        raise BadSetting("data", str(folder), f"must be a folder of your own ({error.strerror})") from error


def serve(settings: Settings) -> None:
    """
    Serve until SIGTERM or SIGINT; requests in flight are finished, and nothing is lost.

    Raises:
        AlreadyServing: Another process serves from this folder.
        BadSecret: The shop's secret is none.
        BadSetting: Nothing can listen at this host and port.
    """
    with the_only_one(settings), database_of(settings) as ready:
        serve_ready(ready)


def serve_ready(settings: Settings) -> None:
    """Serve on a database that is there and migrated, until SIGTERM or SIGINT."""
    os.environ[SETTINGS_VARIABLE] = msgspec.json.encode(settings, enc_hook=str).decode()
    config = Config(
        "evertill.app:create",
        factory=True,
        loop="uvloop",
        http=Connection,
        ws="none",
        interface="asgi3",
        lifespan="on",
        workers=settings.workers,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_ANSWERING_SECONDS_MAX,
        proxy_headers=False,  # web/proxies.py
        server_header=False,
        access_log=False,
        log_config=None,
        log_level=logging.ERROR,
    )
    with _listening(settings) as listener:
        Workers(config, listener).run()


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    address = ip_address_of(settings)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, settings.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        yield listener


def ip_address_of(settings: Settings) -> str:
    """
    The IP address to listen on, after a try, so that it is said before anything is started.

    Raises:
        BadSetting: The host is no address of this machine, or the port cannot be had.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise BadSetting(
            "host", settings.host, "must be an address of this machine, or a name that leads to one"
        ) from error
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)  # IPv4 first
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what was closed a moment ago does not count
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                allowed = f"must be free, but another program listens on it at {settings.host}"
                raise BadSetting("port", settings.port, allowed) from error
            if error.errno == errno.EACCES:
                allowed = "must be one you may listen on: those below 1024 need a right of their own"
                raise BadSetting("port", settings.port, allowed) from error
            raise BadSetting("host", settings.host, f"must be an address of this machine ({error.strerror})") from error
    return str(address[0])


@contextmanager
def the_only_one(settings: Settings) -> Iterator[None]:
    """
    Hold the data folder while serving from it, with a secret that is one and a port that can be had.

    Workers hold it, too: those of a serve that was killed are waited for while they finish what they were asked.

    Raises:
        AlreadyServing: Another process does.
        BadSecret: The shop's secret is none.
        BadSetting: Nothing can listen at this host and port.
    """
    folder = settings.data
    prepare_folder(folder)
    with open_lock(folder / "serve.lock") as lock:
        _hold(folder, lock)
        load_secret(folder)
        ip_address_of(settings)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _hold(folder: Path, lock: IO[str]) -> None:
    deadline = time.monotonic() + DRAIN_SECONDS_MAX
    waited = False
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip()
            if _lives(holder) or time.monotonic() > deadline:
                by = f" by process {holder}" if holder else ""
                raise AlreadyServing(
                    f"{folder} is being served already{by}. Stop that one first, or choose another folder with --data."
                ) from error
        if not waited:
            log.warning("serve_waits folder=%s for=workers of process %s, which was killed", folder, holder)
            waited = True
        time.sleep(_HOLDER_LOOK_SECONDS)


def _lives(process: str) -> bool:
    try:
        return psutil.Process(int(process)).status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.NoSuchProcess):
        return False
