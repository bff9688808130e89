"""Prove the books: look at every row, and show the fewest that prove what is wrong."""

import time
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

import asyncpg
import msgspec

from evertill.audit.model import (
    CHECKS,
    CLAIM_PATIENCE,
    PATIENCE,
    SHOWN_MAX,
    Anomaly,
    Check,
    Checked,
    FactValue,
    Finding,
    Kind,
    Report,
    Row,
)
from evertill.resilience import EMAIL, WEBHOOK
from evertill.storage import Connection, Statements, open_connection
from evertill.storage.migrate import SCHEMA_VERSION

sql = Statements.of(__package__)

_STATEMENT_MS_MAX = 120_000  # ten million orders; then it is refused rather than left running
_LOCK_MS_MAX = 3_000  # a migration holds a table: it goes first

_KINDS = {kind.value: kind for kind in Kind}
_facts = msgspec.json.Decoder(dict[str, FactValue])


class NotAuditable(RuntimeError):
    """There are no books here that this release can judge."""


async def audit(connection: Connection, *, now: datetime) -> Report:
    """
    Everything that is wrong with the books.

    Each check compares and proves in one snapshot of its own (docs/decisions/0010). It only reads, so that it neither
    waits for the till nor is waited for, and takes one core at the most. What a sound shop shows while it sells (an
    order whose payment is being asked for, a queue that is late) is no anomaly.

    Args:
        connection: Used by nobody else meanwhile.

        now: What is due is judged by; of the shop's clock.

    Raises:
        NotAuditable: The tables are not this release's.
    """
    began = time.monotonic()
    await _refuse_other_tables(connection)
    rows = {row["table"]: int(row["rows"]) for row in await connection.fetch(sql["count_rows"])}
    checks = [
        Checked(
            check.name,
            check.promise,
            rows=sum(rows[table] for table in check.tables),
            findings=await _run(connection, check, now),
        )
        for check in CHECKS
    ]
    return Report(began_at=now, seconds=round(time.monotonic() - began, 3), checks=tuple(checks))


async def audit_at(url: str, *, now: datetime) -> Report:
    """
    The same on a connection of its own, whose memory is given back at its end.

    Raises:
        NotAuditable: See audit.
    """
    connection = await connect(url)
    try:
        return await audit(connection, now=now)
    finally:
        await connection.close()


async def connect(url: str) -> Connection:
    """
    A connection with the bounds of an audit.

    Raises:
        NotAuditable: That URL leads nowhere.
    """
    try:
        return await open_connection(url, purpose="audit", statement_ms_max=_STATEMENT_MS_MAX, lock_ms_max=_LOCK_MS_MAX)
    except ValueError as error:  # asyncpg's word for a URL it cannot read; it may repeat a password, so it is not said
        raise NotAuditable("the database's URL cannot be read: is it postgresql://user@host:5432/name?") from error


async def _refuse_other_tables(connection: Connection) -> None:
    try:
        version = await connection.fetchval(sql["schema"])
    except asyncpg.UndefinedTableError as error:
        raise NotAuditable("this database holds no shop: there is nothing to audit.") from error
    if version != SCHEMA_VERSION:
        raise NotAuditable(
            f"this database has schema version {version}, and this release audits version {SCHEMA_VERSION}: "
            "use the release that serves it."
        )


async def _run(connection: Connection, check: Check, now: datetime) -> tuple[Finding, ...]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(sql["keep_to_itself"])
        found = await connection.fetch(sql[f"find_{check.name}"], SHOWN_MAX, *_moments(check, now))
        if not found:
            return ()
        proving = await connection.fetch(sql[f"prove_{check.name}"], list({row["key"] for row in found}))
    proofs: dict[str, list[Row]] = {}
    for row in proving:
        facts = _facts.decode(row["facts"]) if row["facts"] is not None else None
        proofs.setdefault(row["key"], []).append(Row(row["table"], facts))
    return tuple(
        _finding(_KINDS[kind], list(rows), proofs) for kind, rows in groupby(found, key=lambda row: str(row["kind"]))
    )


def _moments(check: Check, now: datetime) -> tuple[object, ...]:
    """What a check must know beside the tables."""
    match check.name:
        case "claims" | "waiting" | "rain_checks":
            return (now - CLAIM_PATIENCE,)
        case "overdue":
            return (now - PATIENCE,)
        case "outbox":
            return (now - PATIENCE, PATIENCE, EMAIL.tries_max, WEBHOOK.tries_max)
        case _:
            return ()


def _finding(kind: Kind, rows: Sequence[asyncpg.Record], proofs: dict[str, list[Row]]) -> Finding:
    shown = tuple(Anomaly(kind, f"{row['about']}:{row['key']}", tuple(proofs.get(row["key"], ()))) for row in rows)
    return Finding(kind, count=rows[0]["of_kind"], shown=shown)
