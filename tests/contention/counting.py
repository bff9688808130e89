"""The shop's own audit, and what only a test can count: what lay on the shelves, and what the provider has."""

from datetime import datetime

from evertill.audit import audit
from evertill.clock import utc_now
from evertill.storage import Pool

# Units leave the house by being shipped, and nobody has counted anew since the start.
_ON_HAND = """
    WITH shipped AS (
        SELECT sku, sum(quantity) AS units
          FROM order_line JOIN orders ON orders.id = order_line.order_id AND orders.state = 'shipped' GROUP BY sku
    )
    SELECT stock.sku, stock.on_hand, start.units, shipped.units AS shipped
      FROM unnest($1::text[], $2::int[]) AS start (sku, units)
      JOIN stock USING (sku) LEFT JOIN shipped USING (sku)
     WHERE stock.on_hand <> start.units - coalesce(shipped.units, 0)"""

# What the sandbox has in its own ledger beside what we believe. Only once nothing is under way any more.
_LEDGER = """
    SELECT attempt.id, attempt.state, charge.state AS charged, attempt.amount_minor, charge.amount_minor AS reserved
      FROM payment_attempt AS attempt
      FULL JOIN sandbox_provider.charge AS charge ON charge.idempotency_key = attempt.id
     WHERE (charge.idempotency_key IS NULL AND attempt.state <> 'declined')
        OR attempt.id IS NULL OR charge.amount_minor <> attempt.amount_minor OR charge.state <> attempt.state"""


async def wrongs(pool: Pool, start: dict[str, int], *, now: datetime | None = None) -> list[str]:
    """
    What is wrong with the books, in words; nothing at any moment between two transactions.

    Args:
        start: Units on hand before the first sale, per SKU, and what was counted since.

        now: What is due is judged by; this moment, where it is not said.
    """
    async with pool.acquire() as connection:
        report = await audit(connection, now=now or utc_now())
        rows = await connection.fetch(_ON_HAND, list(start), list(start.values()))
    return [str(anomaly) for anomaly in report.shown()] + [f"units came or went: {dict(row)}" for row in rows]


async def ledger_wrongs(pool: Pool) -> list[str]:
    """Where the sandbox's ledger and ours differ; nothing, once everything has ended."""
    return [f"the provider's ledger differs: {dict(row)}" for row in await pool.fetch(_LEDGER)]
