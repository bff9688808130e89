"""Look up what an attempt ended in, and write it down."""

from datetime import datetime

from evertill.idempotency.model import Key, Recorded, check_same, key_reused
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)


async def recall(connection: Connection | Pool, *, key: Key) -> Recorded | None:
    """
    What is on record under a key, None where nothing is.

    Raises:
        Conflict: The key was used for something else.
    """
    row = await connection.fetchrow(sql["recall"], key.scope, key.name)
    if row is None:
        return None
    recorded = Recorded(fingerprint=row["fingerprint"], answer=row["answer"], order_id=row["order_id"])
    check_same(key, recorded)
    return recorded


async def remember(connection: Connection, *, key: Key, answer: str, now: datetime) -> None:
    """
    Write what an attempt was answered, in the transaction that carried it out.

    Args:
        answer: JSON.

    Raises:
        Conflict: The key was used at this very moment for something else.
    """
    if await connection.fetchval(sql["remember"], key.scope, key.name, key.fingerprint, answer, now) is None:
        raise key_reused()


async def forget_old(connection: Connection | Pool, *, before: datetime) -> int:
    """Delete up to 10,000 keys made before that time; returns how many."""
    return int((await connection.execute(sql["forget_old"], before)).rpartition(" ")[2])
