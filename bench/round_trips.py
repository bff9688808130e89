"""Round trips per purchase, counted by PostgreSQL itself: every statement it runs goes to its log for a few seconds."""

import asyncio
import re
from collections import Counter
from pathlib import Path

from bench.shop import Database

_MARK = "|counted|"
# Statements carry their slice and name; those of a session being opened share the till's connections.
_SESSIONS = ("checkout.recall_keys", "checkout.read_offers", "checkout.open_sessions", "checkout.read_sessions")


async def begin_counting(database: Database) -> int:
    """Let the server log every statement from now on; returns where its log ends now."""
    for setting, value in (
        ("log_line_prefix", f"'%a{_MARK}'"),
        ("log_statement", "'all'"),
        ("log_parameter_max_length", "0"),
    ):
        await database.connection.execute(f"ALTER SYSTEM SET {setting} = {value}")
    await _reload(database)
    return _log(database).stat().st_size


async def end_counting(database: Database, start: int) -> Counter[str]:
    """Back to normal; returns how often statements were run: by "till", "sessions", "provider" and "other"."""
    await database.connection.execute("ALTER SYSTEM RESET ALL")
    await _reload(database)
    counted: Counter[str] = Counter()
    with _log(database).open(encoding="utf-8", errors="replace") as log:
        log.seek(start)
        for line in log:
            who, mark, what = line.partition(_MARK)
            if mark and re.match(r"LOG:\s+(execute|statement)", what):
                counted[_kind(who, what)] += 1
    return counted


def _kind(who: str, statement: str) -> str:
    if who == "evertill till":
        return "sessions" if any(name in statement for name in _SESSIONS) else "till"
    return "provider" if who == "evertill sandbox provider" else "other"


async def _reload(database: Database) -> None:
    await database.connection.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(0.5)


def _log(database: Database) -> Path:
    return database.folder / "server.log"
