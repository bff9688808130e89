"""
`python -m bench.audit [--orders 1000000]`: how long an audit takes behind a year of orders, and what it costs.

The shop is filled set by set (history.sql) with copies of one real purchase; then the audit runs three times, on a
connection of its own, as the command and the auditor do.
"""

import argparse
import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from rich.console import Console

from bench.machine import this_machine
from bench.processes import cpu_seconds
from bench.shop import SPREAD, Database, data_folder, database
from evertill.app import open_shop
from evertill.audit import audit_at
from evertill.checkout.model import Completion, Want, Wish
from evertill.checkout.placing import Placing
from evertill.checkout.sessions import Opening
from evertill.clock import utc_now
from evertill.idempotency import Key, fingerprint_of
from evertill.notices import Sender
from evertill.orders import Address, Buyer
from evertill.settings import Settings
from evertill.signing import Signer

_HERE = Path(__file__).parent
_RUNS = 3
_OWNER = "agent:bench"
_WISH = Wish(
    (Want(SPREAD[0], 1), Want(SPREAD[1], 1)),
    buyer=Buyer(email="ada@example.com", first_name="Ada", last_name="Byron"),
    address=Address(country="GB", name="Ada Byron", street="12 St James's Square", city="London", postcode="SW1Y 4JH"),
    delivery="std",
)


async def fill(opened: Database, data: Path, orders: int) -> None:
    """One real purchase, and that many like it before it."""
    async with AsyncExitStack() as stack:
        signer = Signer(b"bench" * 8)
        settings = Settings(database_url=opened.url, data=data)
        shop = await open_shop(settings, signer, utc_now, stack)
        session = await shop.sessions.open(
            Opening(Key(_OWNER, "open", fingerprint_of("open", "", b"")), _WISH, "web", _OWNER, None, utc_now())
        )
        pressed = Key(_OWNER, "pay", fingerprint_of("complete", "", b""))
        answer = await shop.checkout.complete(
            Placing(pressed, session.id, _OWNER, "tok_approve", session.terms.quote.total_minor, utc_now())
        )
        assert isinstance(answer, Completion)
        await Sender(shop.desk, settings=settings, signer=signer, clock=utc_now).run_once()
    await opened.connection.execute("SELECT set_config('bench.orders', $1, false)", str(orders))
    await opened.connection.execute((_HERE / "history.sql").read_text())
    await opened.connection.execute("VACUUM ANALYZE")


async def measure(orders: int, console: Console) -> bool:
    """Fill, audit, say; returns whether the books were clean."""
    with data_folder() as data:
        async with database(data) as opened:
            machine = this_machine(str(await opened.connection.fetchval("SHOW server_version")))
            console.print(f"{machine.cores} cores, {machine.cpu}, PostgreSQL {machine.postgres}")
            began = time.monotonic()
            await fill(opened, data, orders)
            size = await opened.connection.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
            console.print(f"{orders:,} orders, {size}, filled in {time.monotonic() - began:.0f} s")
            for _ in range(_RUNS):
                cpu = opened.cpu_seconds() + cpu_seconds(os.getpid())
                report = await audit_at(opened.url, now=utc_now())
                await asyncio.sleep(1)  # until the server has buried the connection's process, whose time counts
                cpu = opened.cpu_seconds() + cpu_seconds(os.getpid()) - cpu
                console.print(f"audited in {report.seconds:.2f} s, {cpu:.2f} CPU s, {report.anomalies} anomalies")
            return not report.anomalies


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description="How long an audit takes.")
    parser.add_argument("--orders", type=int, default=1_000_000)
    asked = parser.parse_args()
    if asked.orders < 100:
        parser.error("--orders must be 100 or more")
    if not uvloop.run(measure(asked.orders, Console(highlight=False))):
        sys.exit(1)


if __name__ == "__main__":
    main()
