"""A load is a process of its own: asked as JSON on its stdin, it writes what came of it to its stdout."""

import asyncio
import subprocess
import sys
from typing import TypeVar

import msgspec

from bench.machine import PROJECT

Came = TypeVar("Came")


async def play(module: str, ask: msgspec.Struct, came: type[Came]) -> Came:
    """
    Run one load to its end.

    Raises:
        RuntimeError: Its process failed; what it said is on stderr.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT
    )
    try:
        out, _ = await process.communicate(msgspec.json.encode(ask))
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise RuntimeError(f"the load process {module} ended with {process.returncode}")
    return msgspec.json.decode(out, type=came)
