"""Throw away what is over."""

from datetime import datetime

from evertill.customers.tries import WINDOW
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)


async def purge_expired(connection: Connection | Pool, *, now: datetime) -> int:
    """Delete sign-ins, links and counts that are over, up to 10,000 of each; returns how many. Never in a hurry."""
    deleted = 0
    for statement, before in (
        ("purge_sign_ins", now),
        ("purge_pending", now),
        ("purge_resets", now),
        ("purge_tries", now - 2 * WINDOW),
    ):
        deleted += int((await connection.execute(sql[statement], before)).rpartition(" ")[2])
    return deleted
