"""CPU time of process trees, ended children included."""

from pathlib import Path

import psutil


def cpu_seconds(pid: int) -> float:
    """
    User and system time of a process and everything below it since they began.

    Of a child that has ended, what its parent waited for counts: a difference of two readings is right
    even where children came and went in between.
    """
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def machine_busy_seconds() -> float:
    """CPU time the whole machine has spent on anything: what is not ours in it is noise from others."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def postmaster_of(folder: Path) -> int:
    """The first process of the PostgreSQL that runs in this folder."""
    return int((folder / "postmaster.pid").read_text().splitlines()[0])
