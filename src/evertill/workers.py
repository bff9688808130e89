"""
The supervisor of the worker processes: uvicorn's, with workers that are forked and always replaced.

    supervisor ──► listens once; forks N workers ──► each accepts from the same socket
        │ SIGTERM: all drain; what is left after a while is killed
        │ SIGHUP: one by one; the next one serves before the one before it drains
        └ a worker that is gone, or hangs so that it answers nobody, is replaced, as often as it takes
"""

import logging
import multiprocessing
import socket
import time

from uvicorn.config import Config
from uvicorn.supervisors.multiprocess import Multiprocess, Process

log = logging.getLogger(__name__)

# How long a worker may take to finish what it was asked before it is killed.
DRAIN_SECONDS_MAX = 40.0
# Forked: a worker holds what its supervisor holds, the lock on the data folder above all (serve.py).
_FORK = multiprocessing.get_context("fork")


class _Worker(Process):
    """One worker process."""

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.process = _FORK.Process(  # type: ignore[assignment]
            target=self.target, kwargs={"sockets": sockets}, name="worker"
        )

    def join(self) -> None:
        """Wait for its end, and bring it about where it takes too long."""
        self.end_by(time.monotonic() + DRAIN_SECONDS_MAX)

    def end_by(self, deadline: float) -> None:
        """The same, by a moment of the monotonic clock."""
        self.process.join(max(deadline - time.monotonic(), 0))
        if self.process.is_alive():
            log.error("worker_killed pid=%s: it did not drain within %d s", self.pid, DRAIN_SECONDS_MAX)
            self.kill()
            self.process.join()


class Workers(Multiprocess):
    """All of them; `run` returns when they are gone."""

    def __init__(self, config: Config, listener: socket.socket) -> None:
        super().__init__(config, [listener])

    def init_processes(self) -> None:
        """Start all."""
        self.processes = [self._started() for _ in range(self.processes_num)]

    def restart_all(self) -> None:
        """Replace each, the next one serving before the one before it is told to end."""
        for place, old in enumerate(self.processes):
            new = self._started()
            if not new.wait_until_ready(self.config.timeout_worker_healthcheck * 6, self.should_exit):
                log.error("restart_given_up pid=%s: it did not begin to serve; the others stay as they are", new.pid)
                new.kill()
                new.join()
                return
            self.processes[place] = new
            old.terminate()
            old.join()

    def keep_subprocess_alive(self) -> None:
        """
        Replace whoever is gone or hangs.

        Also one that could not even start: the database may be failing over, and a shop that gave up then would stay
        closed. This is called twice a second, so that it tries again no faster.
        """
        for place, worker in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if worker.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            worker.kill()
            worker.join()
            log.error("worker_replaced pid=%s exit=%s", worker.pid, worker.exitcode)
            self.processes[place] = self._started()

    def join_all(self) -> None:
        """Wait for all at once."""
        deadline = time.monotonic() + DRAIN_SECONDS_MAX
        for worker in self.processes:
            assert isinstance(worker, _Worker)
            worker.end_by(deadline)

    def handle_ttin(self) -> None:
        """One more: not by signal, for how many there are is a setting."""

    handle_ttou = handle_ttin

    def _started(self) -> _Worker:
        worker = _Worker(self.config, self.sockets)
        worker.start()
        return worker
