"""A load is a process of its own: asked as JSON on its stdin, it writes what came of it to its stdout."""

import asyncio
import os
import subprocess
import sys
from typing import TypeVar

import msgspec

from bench.machine import PROJECT

Came = TypeVar("Came")

_cores: set[int] = set()  # those of every load; empty: the machine's


def keep_apart() -> None:
    """
    From now on loads have half of the machine's cores to themselves, and all else that this process starts the others.

    People bring machines of their own: a load that takes the shop's cores from it measures the machine.
    """
    cores = sorted(os.sched_getaffinity(0))
    _cores.update(cores[len(cores) // 2 :])
    os.sched_setaffinity(0, cores[: len(cores) // 2])


async def play(module: str, ask: msgspec.Struct, came: type[Came]) -> Came:
    """
    Run one load to its end.

    Raises:
        RuntimeError: Its process failed; what it said is on stderr.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT
    )
    if _cores:
        os.sched_setaffinity(process.pid, _cores)
    try:
        out, _ = await process.communicate(msgspec.json.encode(ask))
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise RuntimeError(f"the load process {module} ended with {process.returncode}")
    return msgspec.json.decode(out, type=came)
