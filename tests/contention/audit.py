"""The books, judged from the tables alone: each statement finds what must never be."""

from evertill.storage import Connection, Pool

# Name of a wrong, and the rows that would be one. `start` is what lay on the shelves before anything was sold.
WRONGS = {
    "units claimed, sold or on hand that no order explains": """
        WITH spoken AS (
            SELECT order_line.sku,
                   coalesce(sum(quantity) FILTER (WHERE state IN ('pending', 'held')), 0) AS claimed,
                   coalesce(sum(quantity) FILTER (WHERE state = 'confirmed'), 0)          AS sold,
                   coalesce(sum(quantity) FILTER (WHERE state = 'shipped'), 0)            AS shipped
              FROM orders JOIN order_line ON order_line.order_id = orders.id
             GROUP BY order_line.sku
        )
        SELECT stock.*, spoken.claimed AS orders_claim, spoken.sold AS orders_sold, spoken.shipped, start.units
          FROM unnest($1::text[], $2::int[]) AS start (sku, units)
          JOIN stock ON stock.sku = start.sku
          LEFT JOIN spoken ON spoken.sku = stock.sku
         WHERE stock.claimed <> coalesce(spoken.claimed, 0) OR stock.sold <> coalesce(spoken.sold, 0)
            OR stock.on_hand <> start.units - coalesce(spoken.shipped, 0)""",
    "an order whose payment does not fit its state": """
        SELECT orders.id, orders.state, array_agg(attempt.state) AS attempts
          FROM orders LEFT JOIN payment_attempt AS attempt ON attempt.order_id = orders.id
         WHERE $1::text[] IS NOT NULL AND $2::int[] IS NOT NULL
         GROUP BY orders.id
        HAVING count(attempt.id) <> 1 OR bool_or(attempt.amount_minor <> orders.total_minor)
            OR NOT bool_and(CASE orders.state
                   WHEN 'pending'   THEN attempt.state = 'recorded'
                   WHEN 'held'      THEN attempt.state = 'unknown'
                   WHEN 'confirmed' THEN attempt.state = 'authorised'
                   WHEN 'shipped'   THEN attempt.state = 'captured'
                   WHEN 'declined'  THEN attempt.state = 'declined'
                   ELSE attempt.state IN ('authorised', 'voided') END)""",
    "an order whose sums are not its lines'": """
        SELECT orders.id FROM orders LEFT JOIN order_line ON order_line.order_id = orders.id
         WHERE $1::text[] IS NOT NULL AND $2::int[] IS NOT NULL
         GROUP BY orders.id HAVING orders.subtotal_minor <> coalesce(sum(order_line.total_minor), 0)""",
    "money given back that no refund explains": """
        SELECT orders.id FROM orders LEFT JOIN refund ON refund.order_id = orders.id AND refund.state <> 'failed'
         WHERE $1::text[] IS NOT NULL AND $2::int[] IS NOT NULL
         GROUP BY orders.id HAVING orders.refunded_minor <> coalesce(sum(refund.amount_minor), 0)""",
    "a session and its order that do not know each other": """
        SELECT session.id, session.status, orders.state
          FROM checkout_session AS session
          FULL JOIN (SELECT * FROM orders WHERE state <> 'declined') AS orders ON orders.session_id = session.id
         WHERE $1::text[] IS NOT NULL AND $2::int[] IS NOT NULL
           AND (session.id IS NULL OR session.order_id IS DISTINCT FROM orders.id
                OR (session.status = 'completing') <> coalesce(orders.state IN ('pending', 'held'), false)
                OR (session.status = 'completed') <> coalesce(orders.state NOT IN ('pending', 'held'), false))""",
    "a key that names an order that is not there": """
        SELECT attempt_key.* FROM attempt_key LEFT JOIN orders ON orders.id = attempt_key.order_id
         WHERE $1::text[] IS NOT NULL AND $2::int[] IS NOT NULL
           AND (attempt_key.answer IS NULL AND orders.id IS NULL)""",
    "an order whose confirmation was not told exactly once": """
        SELECT orders.id, orders.state FROM orders
          LEFT JOIN outbox ON outbox.facts ->> 'order_id' = orders.id::text AND outbox.kind = 'order_confirmed'
         WHERE $1::text[] IS NOT NULL AND $2::int[] IS NOT NULL
         GROUP BY orders.id
        HAVING count(outbox.id) <> CASE WHEN orders.state IN ('confirmed', 'shipped', 'cancelled') THEN 1 ELSE 0 END""",
}

# What the sandbox has in its own ledger beside what we believe. Only once nothing is under way any more.
LEDGER = """
    SELECT attempt.id, attempt.state, charge.state AS charged, attempt.amount_minor, charge.amount_minor AS reserved
      FROM payment_attempt AS attempt
      FULL JOIN sandbox_provider.charge AS charge ON charge.idempotency_key = attempt.id
     WHERE (charge.idempotency_key IS NULL AND attempt.state <> 'declined')
        OR attempt.id IS NULL OR charge.amount_minor <> attempt.amount_minor OR charge.state <> attempt.state"""


async def audit(connection: Connection | Pool, start: dict[str, int]) -> list[str]:
    """
    What is wrong with the books, in words; nothing at any moment between two transactions.

    Args:
        start: Units on hand before the first sale, per SKU. Nobody may have counted anew since.
    """
    found = []
    for wrong, statement in WRONGS.items():
        rows = await connection.fetch(statement, list(start), list(start.values()))
        found += [f"{wrong}: {dict(row)}" for row in rows]
    return found


async def audit_ledger(connection: Connection | Pool) -> list[str]:
    """Where the sandbox's ledger and ours differ; nothing, once everything has ended."""
    return [f"the provider's ledger differs: {dict(row)}" for row in await connection.fetch(LEDGER)]
