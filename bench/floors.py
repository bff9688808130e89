"""
The floors: the rows of a purchase written by pgbench, PostgreSQL's own load tool, without any shop around.

Which rows they are, and why that is fair, is said in bench/README.md.
"""

import asyncio
import re
from pathlib import Path

import msgspec

from bench.shop import Database
from evertill.storage import Connection
from evertill.storage.embedded import BINARIES

CLIENTS = 16
_HERE = Path(__file__).parent


class Floor(msgspec.Struct, frozen=True):
    """One way to write the rows."""

    name: str
    script: str
    hot: bool
    lines: int
    early: bool = False  # stock is locked before all else


class FloorRun(msgspec.Struct, frozen=True):
    """What pgbench reached."""

    name: str
    per_second: float
    latency_ms: float


FLOORS = (
    Floor("statements, spread", "floor_statements.sql", hot=False, lines=2),
    Floor("statements, hot", "floor_statements.sql", hot=True, lines=2),
    Floor("statements, hot, 1 line", "floor_statements.sql", hot=True, lines=1),
    Floor("statements, stock first, spread", "floor_statements.sql", hot=False, lines=2, early=True),
    Floor("statements, stock first, hot", "floor_statements.sql", hot=True, lines=2, early=True),
    Floor("phases, spread", "floor_phases.sql", hot=False, lines=2),
    Floor("phases, hot", "floor_phases.sql", hot=True, lines=2),
    Floor("round trip, spread", "floor_round_trip.sql", hot=False, lines=2),
    Floor("round trip, hot", "floor_round_trip.sql", hot=True, lines=2),
    Floor("lean statements, spread", "floor_lean.sql", hot=False, lines=2),
    Floor("lean statements, hot", "floor_lean.sql", hot=True, lines=2),
)

_SAMPLE = """
SELECT checkout_session.doc::text, attempt_key.answer::text, orders.details::text
  FROM orders
  JOIN checkout_session ON checkout_session.id = orders.session_id
  JOIN attempt_key ON attempt_key.answer ->> 'id' = orders.session_id::text
 WHERE orders.channel = 'ucp'
 LIMIT 1
"""


async def prepare_floors(connection: Connection) -> None:
    """
    Make the schema the floors need, with the texts of a purchase the shop itself has written.

    Raises:
        RuntimeError: The shop has sold nothing yet.
    """
    row = await connection.fetchrow(_SAMPLE)
    if row is None:
        raise RuntimeError("the floors take their texts from a purchase: let the shop sell something first")
    texts = dict(zip(("session_doc", "session_answer", "details"), row.values(), strict=True))
    schema = (_HERE / "floor_schema.sql").read_text()
    for name, text in texts.items():
        literal = await connection.fetchval("SELECT quote_literal($1::text)", text)
        schema = schema.replace(f"{{{name}}}", literal)
    await connection.execute(schema)


async def run_floor(floor: Floor, database: Database, *, seconds: int) -> FloorRun:
    """
    Write these rows for so long, with 16 clients, every statement prepared.

    Raises:
        RuntimeError: pgbench failed, or a transaction did.
    """
    process = await asyncio.create_subprocess_exec(
        str(BINARIES / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=2",
        f"--time={seconds}",
        f"--define=hot={int(floor.hot)}",
        f"--define=early={int(floor.early)}", f"--define=lines={floor.lines}", f"--file={_HERE / floor.script}",
        database.url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = (text.decode() for text in await process.communicate())
    failed = re.search(r"number of failed transactions: (\d+)", out)
    if process.returncode != 0 or failed is None or int(failed[1]):
        raise RuntimeError(f"pgbench could not write {floor.name}:\n{out}\n{err}")
    return FloorRun(floor.name, _figure("tps", out), _figure("latency average", out))


def _figure(name: str, text: str) -> float:
    found = re.search(rf"^{name} = ([\d.]+)", text, re.MULTILINE)
    assert found is not None, text
    return float(found[1])
