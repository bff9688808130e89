-- read_codes --
-- Codes as they are at this moment, without a lock: what is shown is asked again when paying. A row without a code brings
-- the moment where none of them is known.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
SELECT moment.now AS moment, code.*
  FROM moment LEFT JOIN discount_code AS code ON code.code = ANY ($1::text[]);

-- lock_codes --
-- Codes of a group, locked in one order, behind everything else that the till locks.
  SELECT * FROM discount_code WHERE code = ANY ($1::text[])
ORDER BY code
     FOR NO KEY UPDATE;

-- read_uses --
-- Who has used these codes, of those customers and e-mails: what limits per customer count. Asked after the locks, and so
-- is the moment; a row without a use brings it. $4 instead of the database's clock, for tests.
WITH moment AS MATERIALIZED (SELECT coalesce($4::timestamptz, clock_timestamp()) AS now)
SELECT moment.now AS moment, made.code, made.customer_id, made.email
  FROM moment
  LEFT JOIN (
       SELECT order_id, code, customer_id, email FROM code_use
        WHERE code = ANY ($1::text[]) AND customer_id = ANY ($2::uuid[]) AND state <> 'released'
        UNION
       SELECT order_id, code, customer_id, email FROM code_use
        WHERE code = ANY ($1::text[]) AND email = ANY ($3::text[]) AND state <> 'released'
       ) AS made ON true;

-- hold_uses --
-- Orders are placed with codes: each use is written and counted. The table's CHECK that they fit is the last judge.
WITH made AS (
    INSERT INTO code_use (order_id, code, customer_id, email, amount_minor, currency, state, made_at)
    SELECT order_id, code, customer_id, email, amount_minor, currency, 'held', $7
      FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bigint[], $6::text[])
        AS row (order_id, code, customer_id, email, amount_minor, currency)
    RETURNING code
)
UPDATE discount_code SET held = discount_code.held + summed.uses
  FROM (SELECT code, count(*) AS uses FROM made GROUP BY code) AS summed
 WHERE discount_code.code = summed.code;

-- end_uses --
-- What payments came to: used or released; each once.
WITH ended AS (
    UPDATE code_use SET state = row.state, ended_at = $3
      FROM unnest($1::uuid[], $2::text[]) AS row (order_id, state)
     WHERE code_use.order_id = row.order_id AND code_use.state = 'held'
    RETURNING code_use.code, code_use.state
)
UPDATE discount_code SET held = discount_code.held - summed.ended, used = discount_code.used + summed.used
  FROM (SELECT code, count(*) AS ended, count(*) FILTER (WHERE state = 'used') AS used FROM ended GROUP BY code) AS summed
 WHERE discount_code.code = summed.code;

-- lock_code_of_order --
-- The code an order used, locked; after its stock and its deals.
SELECT code FROM discount_code
 WHERE code = (SELECT code FROM code_use WHERE order_id = $1 AND state = 'used' AND given_back_at IS NULL)
   FOR NO KEY UPDATE;

-- give_back --
-- An order with a code is called off: the use can be had again while the code runs; after its end it stays used, with the
-- moment. Once: what was given back has its moment.
WITH given AS (
    UPDATE code_use
       SET state = CASE WHEN runs.runs THEN 'released' ELSE 'used' END, given_back_at = runs.now
      FROM (SELECT code, moment.now, ended_at IS NULL AND (ends_at IS NULL OR moment.now < ends_at) AS runs
              FROM discount_code CROSS JOIN (SELECT clock_timestamp() AS now) AS moment) AS runs
     WHERE code_use.order_id = $1 AND code_use.state = 'used' AND code_use.given_back_at IS NULL
       AND runs.code = code_use.code
    RETURNING code_use.code, code_use.state
)
UPDATE discount_code SET used = used - 1 FROM given WHERE discount_code.code = given.code AND given.state = 'released';

-- make_codes --
-- New codes, all alike but in name. Which exist already is left out, and not returned.
INSERT INTO discount_code (code, kind, value, currency, begins_at, ends_at, uses_max, per_customer, subtotal_min_minor,
                           batch, created_at, created_by, why)
SELECT code, $2, $3, $4, coalesce($5, now()), $6, $7, $8, $9, $10, now(), $11, $12
  FROM unnest($1::text[]) AS code
 ORDER BY code
ON CONFLICT DO NOTHING
RETURNING code, created_at;

-- end_code --
-- Nobody can use it from now on. No row: there is none, or it was ended.
UPDATE discount_code SET ended_at = clock_timestamp() WHERE code = $1 AND ended_at IS NULL RETURNING ended_at;

-- end_batch --
-- The same for all that were made together, in their order.
WITH running AS (
    SELECT code FROM discount_code WHERE batch = $1 AND ended_at IS NULL ORDER BY code FOR NO KEY UPDATE
), ended AS (
    UPDATE discount_code SET ended_at = clock_timestamp() FROM running WHERE discount_code.code = running.code RETURNING 1
)
SELECT (SELECT count(*) FROM discount_code WHERE batch = $1) AS codes, (SELECT count(*) FROM ended) AS ended;

-- code_exists --
SELECT EXISTS (SELECT FROM discount_code WHERE code = $1);

-- codes_of_batch --
  SELECT code, kind, value, currency, begins_at, ends_at, subtotal_min_minor, used, held, ended_at
    FROM discount_code WHERE batch = $1
ORDER BY code;

-- latest_codes --
-- The newest codes, those made together as one, with their figures: uses, and what was taken off by those that count.
-- $3: only that code, with those made together with it.
WITH latest AS (
      SELECT coalesce(batch::text, code) AS key, max(created_at) AS created_at
        FROM discount_code
       WHERE $3::text IS NULL OR code = $3 OR batch = (SELECT batch FROM discount_code WHERE code = $3)
    GROUP BY coalesce(batch::text, code)
    ORDER BY max(created_at) DESC, key
       LIMIT $1 OFFSET $2
), summed AS (
      SELECT latest.key, min(code.code) AS code, code.batch, count(*) AS codes, code.kind, code.value, code.currency,
             code.begins_at, code.ends_at, code.uses_max, code.per_customer, code.subtotal_min_minor,
             sum(code.held)::bigint AS held, sum(code.used)::bigint AS used, latest.created_at, code.why,
             CASE WHEN bool_and(code.ended_at IS NOT NULL) THEN max(code.ended_at) END AS ended_at, code.created_by
        FROM latest JOIN discount_code AS code ON coalesce(code.batch::text, code.code) = latest.key
    GROUP BY latest.key, code.batch, code.kind, code.value, code.currency, code.begins_at, code.ends_at, code.uses_max,
             code.per_customer, code.subtotal_min_minor, latest.created_at, code.why, code.created_by
)
  SELECT summed.*, staff.name AS made_by, money.taken_minor, money.revenue_minor, clock_timestamp() AS moment
    FROM summed
    LEFT JOIN staff ON staff.id = summed.created_by
   CROSS JOIN LATERAL (
         SELECT coalesce(sum(code_use.amount_minor), 0)::bigint AS taken_minor,
                coalesce(sum(orders.total_minor - orders.refunded_minor), 0)::bigint AS revenue_minor
           FROM discount_code AS code
           JOIN code_use ON code_use.code = code.code AND code_use.state = 'used' AND code_use.given_back_at IS NULL
           JOIN orders ON orders.id = code_use.order_id
          WHERE coalesce(code.batch::text, code.code) = summed.key
         ) AS money
ORDER BY summed.created_at DESC, summed.key;
