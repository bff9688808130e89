"""What was measured, and on what."""

import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

PROJECT = Path(__file__).resolve().parent.parent


class Machine(msgspec.Struct, frozen=True):
    """The facts without which figures mean nothing."""

    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str
    postgres: str
    commit: str
    changed: bool  # the checkout had changes that are in no commit
    started_at: datetime


def this_machine(postgres: str) -> Machine:
    """This machine and this checkout, now."""
    return Machine(
        cpu=_cpu_model(),
        cores=psutil.cpu_count() or 0,
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        system=platform.platform(),
        python=platform.python_version(),
        postgres=postgres,
        commit=_git("rev-parse", "--short=10", "HEAD") or "unknown",
        changed=bool(_git("status", "--porcelain", "--untracked-files=no")),
        started_at=datetime.now(UTC).replace(microsecond=0),
    )


def _cpu_model() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(PROJECT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()
