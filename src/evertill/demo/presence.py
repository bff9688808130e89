"""
A demo that serves says so in its data folder, so that a crowd finds it, and nothing but it.

    demo ──► <data>/demo-serves.json: process, address ──► crowd: is it that very process, and is the address ours?
"""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import psutil

from evertill.settings import Settings

_FILE = "demo-serves.json"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, told apart from where it is asked


class NoDemo(RuntimeError):
    """There is no demo to shop in."""


class Presence(msgspec.Struct, frozen=True):
    """A demo that serves."""

    pid: int
    started: float  # the process's own word for when: a pid is used again
    host: str
    port: int

    @property
    def address(self) -> str:
        """Where to ask it on this machine."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    @property
    def lives(self) -> bool:
        """Whether it still serves."""
        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@contextmanager
def present(settings: Settings) -> Iterator[None]:
    """Say that a demo serves here, as long as this process does."""
    process = psutil.Process()
    file = settings.data / _FILE
    host = _EVERYWHERE.get(settings.host, settings.host)
    file.write_bytes(msgspec.json.encode(Presence(process.pid, process.create_time(), host, settings.port)))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find_demo(data: Path) -> Presence:
    """
    The demo that serves from this folder.

    Raises:
        NoDemo: None does, or what is written there is an address of another machine.
    """
    try:
        found = msgspec.json.decode((data / _FILE).read_bytes(), type=Presence)
    except (OSError, msgspec.DecodeError):
        raise NoDemo(f"no demo is served from {data}: start one with `evertill demo`.") from None
    if not found.lives:
        raise NoDemo(f"the demo of {data} has ended: start one with `evertill demo`.")
    if not _is_ours(found.host):
        raise NoDemo(f"{found.host} is no address of this machine: a crowd shops in a demo here, and nowhere else.")
    return found


def _is_ours(host: str) -> bool:
    """Whether somebody here could listen there: an address of another machine cannot be bound to."""
    try:
        family, kind, protocol, _, (address, *_) = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, kind, protocol)) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
