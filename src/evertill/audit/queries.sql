-- schema --
-- Which release's tables these are. No such table: they are not ours.
SELECT max(version) FROM schema_version;

-- become_auditor --
-- One process at a time, for as long as its connection lives: whoever gets false leaves the audit to another.
SELECT pg_try_advisory_lock($1);

-- keep_to_itself --
-- For this transaction: memory enough to join by hashing, one core at the most, nothing compiled.
SELECT set_config('work_mem', '128MB', true), set_config('max_parallel_workers_per_gather', '0', true),
       set_config('jit', 'off', true);

-- count_rows --
-- How many rows there are to look at.
SELECT 'stock' AS "table", count(*) AS rows FROM stock
UNION ALL SELECT 'stock_movement', count(*) FROM stock_movement
UNION ALL SELECT 'orders', count(*) FROM orders
UNION ALL SELECT 'order_line', count(*) FROM order_line
UNION ALL SELECT 'payment_attempt', count(*) FROM payment_attempt
UNION ALL SELECT 'refund', count(*) FROM refund
UNION ALL SELECT 'deal', count(*) FROM deal
UNION ALL SELECT 'claim', count(*) FROM claim
UNION ALL SELECT 'waiting', count(*) FROM waiting
UNION ALL SELECT 'rain_check_grant', count(*) FROM rain_check_grant
UNION ALL SELECT 'discount_code', count(*) FROM discount_code
UNION ALL SELECT 'code_use', count(*) FROM code_use
UNION ALL SELECT 'checkout_session', count(*) FROM checkout_session
UNION ALL SELECT 'attempt_key', count(*) FROM attempt_key
UNION ALL SELECT 'outbox', count(*) FROM outbox
UNION ALL SELECT 'order_event', count(*) FROM order_event;

-- Every check has two statements, run in one snapshot. find_… names what is wrong: its kind, what it is about (a word and a key), and how
-- many there are of that kind; at most $1 of each kind. prove_… gives, for the keys in $1, the rows that prove it: the
-- table and the facts, or null where the proof is that there is no such row.

-- find_units --
-- Claimed is what orders whose payment is open hold of a SKU, and claims and rain checks that no order took over yet; sold is
-- what confirmed ones hold; both fit on hand.
WITH ordered AS (
    SELECT order_line.sku,
           coalesce(sum(quantity) FILTER (WHERE state <> 'confirmed'), 0) AS claimed,
           coalesce(sum(quantity) FILTER (WHERE state = 'confirmed'), 0)  AS sold
      FROM orders JOIN order_line ON order_line.order_id = orders.id
     WHERE state IN ('pending', 'held', 'confirmed')
     GROUP BY order_line.sku
), held AS (
    SELECT sku, sum(quantity) AS units FROM claim WHERE state = 'held' GROUP BY sku
), spoken AS (
    SELECT sku, coalesce(ordered.claimed, 0) + coalesce(held.units, 0) AS claimed, ordered.sold
      FROM ordered FULL JOIN held USING (sku)
), wrong AS (
    SELECT kind.name AS kind, coalesce(stock.sku, spoken.sku) AS key
      FROM stock
      FULL JOIN spoken ON spoken.sku = stock.sku
     CROSS JOIN LATERAL (VALUES
               ('units_claimed', coalesce(stock.claimed, 0) <> coalesce(spoken.claimed, 0)),
               ('units_sold',    coalesce(stock.sold, 0) <> coalesce(spoken.sold, 0)),
               ('oversold',      stock.claimed + stock.sold > stock.on_hand OR stock.claimed < 0 OR stock.sold < 0)
           ) AS kind (name, holds)
     WHERE kind.holds
), placed AS (
    SELECT kind, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, 'sku' AS about, key, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_units --
SELECT key, 'stock' AS "table",
       CASE WHEN stock.sku IS NOT NULL THEN json_build_object(
           'sku', stock.sku, 'on_hand', on_hand, 'claimed', claimed, 'sold', sold, 'free', on_hand - claimed - sold
       ) END AS facts
  FROM unnest($1::text[]) AS key
  LEFT JOIN stock ON stock.sku = key
UNION ALL
SELECT key, 'order_line, summed',
       json_build_object(
           'of_orders', count(DISTINCT spoken.id),
           'claimed', coalesce(sum(quantity) FILTER (WHERE state <> 'confirmed'), 0),
           'sold', coalesce(sum(quantity) FILTER (WHERE state = 'confirmed'), 0)
       )
  FROM unnest($1::text[]) AS key
  LEFT JOIN (SELECT orders.id, orders.state, order_line.sku, order_line.quantity
               FROM order_line
               JOIN orders ON orders.id = order_line.order_id AND orders.state IN ('pending', 'held', 'confirmed')
            ) AS spoken ON spoken.sku = key
 GROUP BY key
UNION ALL
SELECT key, 'claim, summed', json_build_object('held', count(claim.id), 'claimed', coalesce(sum(quantity), 0),
                         'rain_checks', count(claim.grant_id))
  FROM unnest($1::text[]) AS key
  LEFT JOIN claim ON claim.sku = key AND claim.state = 'held'
 GROUP BY key;

-- find_movements --
-- On hand is the sum of a SKU's movements, and what they say was shipped are the lines of shipped orders.
WITH moved AS (
    SELECT sku, sum(units) AS units, -coalesce(sum(units) FILTER (WHERE reason = 'shipped'), 0) AS shipped
      FROM stock_movement
     GROUP BY sku
), shipped AS (
    SELECT order_line.sku, sum(quantity) AS units
      FROM orders JOIN order_line ON order_line.order_id = orders.id
     WHERE state = 'shipped'
     GROUP BY order_line.sku
), wrong AS (
    SELECT kind.name AS kind, coalesce(stock.sku, moved.sku, shipped.sku) AS key
      FROM stock
      FULL JOIN moved ON moved.sku = stock.sku
      FULL JOIN shipped ON shipped.sku = coalesce(stock.sku, moved.sku)
     CROSS JOIN LATERAL (VALUES
               ('units_on_hand', coalesce(stock.on_hand, 0) <> coalesce(moved.units, 0)),
               ('units_shipped', coalesce(moved.shipped, 0) <> coalesce(shipped.units, 0))
           ) AS kind (name, holds)
     WHERE kind.holds
), placed AS (
    SELECT kind, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, 'sku' AS about, key, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_movements --
-- On hand, the sums, and the last three movements: whatever went past the ledger happened between or after them.
SELECT key, 'stock' AS "table",
       CASE WHEN stock.sku IS NOT NULL THEN json_build_object('sku', stock.sku, 'on_hand', on_hand) END AS facts
  FROM unnest($1::text[]) AS key
  LEFT JOIN stock ON stock.sku = key
UNION ALL
SELECT key, 'stock_movement, summed',
       json_build_object(
           'movements', count(movement.id), 'units', coalesce(sum(units), 0),
           'shipped', -coalesce(sum(units) FILTER (WHERE reason = 'shipped'), 0)
       )
  FROM unnest($1::text[]) AS key
  LEFT JOIN stock_movement AS movement ON movement.sku = key
 GROUP BY key
UNION ALL
SELECT key, 'order_line, summed',
       json_build_object('of_shipped_orders', count(DISTINCT shipped.id), 'units', coalesce(sum(quantity), 0))
  FROM unnest($1::text[]) AS key
  LEFT JOIN (SELECT orders.id, order_line.sku, order_line.quantity
               FROM order_line
               JOIN orders ON orders.id = order_line.order_id AND orders.state = 'shipped'
            ) AS shipped ON shipped.sku = key
 GROUP BY key
UNION ALL
SELECT key, 'stock_movement',
       json_build_object(
           'id', last.id, 'units', last.units, 'reason', last.reason, 'moved_at', last.moved_at,
           'staff_id', last.staff_id, 'order_id', last.order_id
       )
  FROM unnest($1::text[]) AS key
 CROSS JOIN LATERAL (SELECT * FROM stock_movement WHERE sku = key ORDER BY id DESC LIMIT 3) AS last;

-- find_claims --
-- What a deal counts are its claims, where it is limited; nobody, by browser or by account, has more than the limit; a claim
-- that was ordered or bought is in its order's lines, whole, and that is on, unless it was given back after the end of its
-- deal; before $2 what is over should have been released. Rain checks are no deal's: find_rain_checks.
WITH spoken AS (
    SELECT deal_id,
           coalesce(sum(quantity) FILTER (WHERE state <> 'bought'), 0) AS claimed,
           coalesce(sum(quantity) FILTER (WHERE state = 'bought'), 0)  AS sold
      FROM claim
     WHERE state <> 'released' AND grant_id IS NULL
     GROUP BY deal_id
), had AS (
    SELECT deal_id, sum(quantity) AS units FROM claim
     WHERE state <> 'released' AND grant_id IS NULL GROUP BY deal_id, holder
    UNION ALL
    SELECT deal_id, sum(quantity) FROM claim
     WHERE state <> 'released' AND grant_id IS NULL AND customer_id IS NOT NULL GROUP BY deal_id, customer_id
), wrong AS (
    SELECT kind.name AS kind, 'deal' AS about, coalesce(deal.id, spoken.deal_id) AS key
      FROM deal
      FULL JOIN spoken ON spoken.deal_id = deal.id
     CROSS JOIN LATERAL (VALUES
               ('deal_claimed', coalesce(deal.claimed, 0) <> coalesce(spoken.claimed, 0)),
               ('deal_sold',    coalesce(deal.sold, 0) <> coalesce(spoken.sold, 0))
           ) AS kind (name, holds)
     WHERE kind.holds AND (deal.units IS NOT NULL OR spoken.deal_id IS NOT NULL)
    UNION ALL
    SELECT DISTINCT 'limit_passed', 'deal', deal.id
      FROM had JOIN deal ON deal.id = had.deal_id
     WHERE had.units > deal.per_customer
    UNION ALL
    SELECT 'claim_not_in_order', 'claim', claim.id
      FROM claim
      LEFT JOIN orders ON orders.id = claim.order_id
     WHERE claim.state IN ('ordered', 'bought') AND claim.grant_id IS NULL
       AND (orders.id IS NULL
            OR CASE claim.state WHEN 'ordered' THEN orders.state NOT IN ('pending', 'held')
                                ELSE orders.state NOT IN ('confirmed', 'shipped') AND claim.ended_at IS NULL END
            OR NOT EXISTS (SELECT FROM order_line
                            WHERE order_line.order_id = orders.id AND order_line.claim_id = claim.id
                              AND (order_line.deal_id, order_line.sku, order_line.quantity)
                                  = (claim.deal_id, claim.sku, claim.quantity)))
    UNION ALL
    SELECT 'claim_past_end', 'claim', id FROM claim WHERE state = 'held' AND expires_at < $2 AND grant_id IS NULL
), placed AS (
    SELECT kind, about, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, about, key::text, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_claims --
-- Of a deal what it counts, what its claims sum up to, and the three who have most above the limit; of a claim itself, and
-- its order.
WITH named AS (
    SELECT key, claim.id IS NOT NULL AS is_claim, claim.*
      FROM unnest($1::text[]) AS key
      LEFT JOIN claim ON claim.id = key::uuid
)
SELECT key, 'deal' AS "table",
       CASE WHEN deal.id IS NOT NULL THEN json_build_object(
           'id', deal.id, 'units', units, 'claimed', claimed, 'sold', sold, 'per_customer', per_customer
       ) END AS facts
  FROM named
  LEFT JOIN deal ON deal.id = key::uuid
 WHERE NOT is_claim
UNION ALL
SELECT key, 'claim, summed',
       json_build_object(
           'claims', count(claim.id),
           'claimed', coalesce(sum(claim.quantity) FILTER (WHERE claim.state <> 'bought'), 0),
           'sold', coalesce(sum(claim.quantity) FILTER (WHERE claim.state = 'bought'), 0)
       )
  FROM named
  LEFT JOIN claim ON claim.deal_id = key::uuid AND claim.state <> 'released' AND claim.grant_id IS NULL
 WHERE NOT is_claim
 GROUP BY key
UNION ALL
SELECT key, 'claim, summed of one customer',
       json_build_object('customer_id', most.customer_id, 'first', most.first, 'claims', most.claims, 'units', most.units)
  FROM named
  JOIN deal ON deal.id = key::uuid
 CROSS JOIN LATERAL (
        SELECT NULL::uuid AS customer_id, min(id::text) AS first, count(*) AS claims, sum(quantity) AS units
          FROM claim WHERE claim.deal_id = deal.id AND claim.state <> 'released' AND grant_id IS NULL
         GROUP BY holder HAVING sum(quantity) > deal.per_customer
         UNION ALL
        SELECT customer_id, min(id::text), count(*), sum(quantity)
          FROM claim WHERE claim.deal_id = deal.id AND claim.state <> 'released' AND customer_id IS NOT NULL
           AND grant_id IS NULL
         GROUP BY customer_id HAVING sum(quantity) > deal.per_customer
         ORDER BY units DESC, first
         LIMIT 3
       ) AS most
UNION ALL
SELECT key, 'claim',
       json_build_object(
           'id', id, 'deal_id', deal_id, 'sku', sku, 'quantity', quantity, 'state', state, 'expires_at', expires_at,
           'order_id', order_id
       )
  FROM named
 WHERE is_claim
UNION ALL
SELECT key, 'orders',
       CASE WHEN orders.id IS NOT NULL THEN json_build_object(
           'id', orders.id, 'number', number, 'state', orders.state,
           'units', (SELECT coalesce(sum(order_line.quantity), 0) FROM order_line
                      WHERE order_line.order_id = orders.id AND order_line.sku = named.sku)
       ) END
  FROM named
  LEFT JOIN orders ON orders.id = named.order_id
 WHERE is_claim AND named.order_id IS NOT NULL;

-- find_waiting --
-- An offer is a claim, and one that has come to its end before $2 should be written down as such; nobody has two living
-- places for one thing; and of one thing nobody who joined later was offered units before somebody who waits still,
-- unless that one held some at that moment.
WITH wrong AS (
    SELECT 'offer_without_claim' AS kind, waiting.id AS key
      FROM waiting
      LEFT JOIN claim ON claim.id = waiting.claim_id AND claim.deal_id = waiting.deal_id AND claim.sku = waiting.sku
     WHERE waiting.state = 'offered' AND (claim.id IS NULL OR claim.ended_at < $2)
    UNION ALL
    SELECT 'waits_twice', id
      FROM (SELECT id, row_number() OVER (PARTITION BY deal_id, sku, holder ORDER BY joined_at, id) AS of_holder,
                   CASE WHEN customer_id IS NOT NULL
                        THEN row_number() OVER (PARTITION BY deal_id, sku, customer_id ORDER BY joined_at, id)
                        ELSE 1 END AS of_customer
              FROM waiting WHERE state IN ('waiting', 'offered')) AS living
     WHERE of_holder > 1 OR of_customer > 1
    UNION ALL
    SELECT 'passed_over', waiting.id
      FROM waiting
     CROSS JOIN LATERAL (
           SELECT offered_at FROM waiting AS later
            WHERE later.deal_id = waiting.deal_id AND later.sku = waiting.sku AND later.offered_at IS NOT NULL
              AND (later.joined_at, later.id) > (waiting.joined_at, waiting.id)
            ORDER BY later.joined_at DESC
            LIMIT 1
           ) AS later
     WHERE waiting.state = 'waiting'
       AND NOT EXISTS (SELECT FROM claim
                        WHERE claim.deal_id = waiting.deal_id AND claim.sku = waiting.sku
                          AND (claim.holder = waiting.holder OR claim.customer_id = waiting.customer_id)
                          AND claim.claimed_at <= later.offered_at
                          AND (claim.ended_at IS NULL OR claim.ended_at >= later.offered_at))
), placed AS (
    SELECT kind, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, 'waiting' AS about, key::text, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_waiting --
-- The place, its claim, and the others it is compared with: the same one's for the same thing, and the last to have joined
-- that line of whom something was offered.
WITH named AS (
    SELECT key, waiting.* FROM unnest($1::text[]) AS key JOIN waiting ON waiting.id = key::uuid
), rows AS (
    SELECT key, 'waiting' AS "table", named.id, deal_id, sku, holder, customer_id, state, joined_at, claim_id, offered_at
      FROM named
    UNION ALL
    SELECT key, 'waiting, the same one''s', other.id, other.deal_id, other.sku, other.holder, other.customer_id, other.state,
           other.joined_at, other.claim_id, other.offered_at
      FROM named
      JOIN waiting AS other ON other.deal_id = named.deal_id AND other.sku = named.sku AND other.id <> named.id
       AND other.state IN ('waiting', 'offered') AND named.state IN ('waiting', 'offered')
       AND (other.holder = named.holder OR other.customer_id = named.customer_id)
    UNION ALL
    SELECT key, 'waiting, later', later.id, later.deal_id, later.sku, later.holder, later.customer_id, later.state,
           later.joined_at, later.claim_id, later.offered_at
      FROM named
     CROSS JOIN LATERAL (
           SELECT * FROM waiting AS later
            WHERE named.state = 'waiting' AND later.deal_id = named.deal_id AND later.sku = named.sku
              AND later.offered_at IS NOT NULL AND (later.joined_at, later.id) > (named.joined_at, named.id)
            ORDER BY later.joined_at DESC
            LIMIT 1
           ) AS later
)
SELECT key, "table",
       json_build_object(
           'id', id, 'deal_id', deal_id, 'sku', sku, 'state', state, 'joined_at', joined_at, 'claim_id', claim_id,
           'offered_at', offered_at
       ) AS facts
  FROM rows
UNION ALL
SELECT key, 'claim',
       CASE WHEN claim.id IS NOT NULL THEN json_build_object(
           'id', claim.id, 'deal_id', claim.deal_id, 'sku', claim.sku, 'quantity', claim.quantity, 'state', claim.state,
           'ended_at', claim.ended_at
       ) END
  FROM named
  LEFT JOIN claim ON claim.id = named.claim_id
 WHERE named.claim_id IS NOT NULL;

-- find_rain_checks --
-- A grant's units are those of its rain checks, whatever became of them, and no more than were set aside; a rain check that
-- was ordered or redeemed is in its order's lines, whole, and that is on, unless it was given back; before $2 what is over
-- should have been released. That open ones are in stock.claimed says find_units.
WITH made AS (
    SELECT grant_id, sum(quantity) AS units FROM claim WHERE grant_id IS NOT NULL GROUP BY grant_id
), wrong AS (
    SELECT 'rain_checks_differ' AS kind, 'grant' AS about, coalesce(given.id, made.grant_id) AS key
      FROM rain_check_grant AS given
      FULL JOIN made ON made.grant_id = given.id
     WHERE coalesce(given.given, 0) <> coalesce(made.units, 0) OR made.units > coalesce(given.units, 0)
    UNION ALL
    SELECT 'rain_check_not_in_order', 'claim', claim.id
      FROM claim
      LEFT JOIN orders ON orders.id = claim.order_id
     WHERE claim.state IN ('ordered', 'bought') AND claim.grant_id IS NOT NULL
       AND (orders.id IS NULL
            OR CASE claim.state WHEN 'ordered' THEN orders.state NOT IN ('pending', 'held')
                                ELSE orders.state NOT IN ('confirmed', 'shipped') AND claim.ended_at IS NULL END
            OR NOT EXISTS (SELECT FROM order_line
                            WHERE order_line.order_id = orders.id AND order_line.claim_id = claim.id
                              AND (order_line.deal_id, order_line.sku, order_line.quantity)
                                  = (claim.deal_id, claim.sku, claim.quantity)))
    UNION ALL
    SELECT 'rain_check_past_end', 'claim', id
      FROM claim WHERE state = 'held' AND expires_at < $2 AND grant_id IS NOT NULL
), placed AS (
    SELECT kind, about, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, about, key::text, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_rain_checks --
-- Of a grant what it says and what its rain checks sum up to; of a rain check itself, and its order.
WITH named AS (
    SELECT key, claim.id IS NOT NULL AS is_claim, claim.*
      FROM unnest($1::text[]) AS key
      LEFT JOIN claim ON claim.id = key::uuid
)
SELECT key, 'rain_check_grant' AS "table",
       CASE WHEN given.id IS NOT NULL THEN json_build_object(
           'id', given.id, 'deal_id', given.deal_id, 'units', given.units, 'given', given.given, 'ends_at', ends_at
       ) END AS facts
  FROM named
  LEFT JOIN rain_check_grant AS given ON given.id = key::uuid
 WHERE NOT is_claim
UNION ALL
SELECT key, 'claim, summed', json_build_object('rain_checks', count(claim.id), 'units', coalesce(sum(claim.quantity), 0))
  FROM named
  LEFT JOIN claim ON claim.grant_id = key::uuid
 WHERE NOT is_claim
 GROUP BY key
UNION ALL
SELECT key, 'claim',
       json_build_object(
           'id', id, 'grant_id', grant_id, 'sku', sku, 'quantity', quantity, 'state', state, 'expires_at', expires_at,
           'order_id', order_id
       )
  FROM named
 WHERE is_claim
UNION ALL
SELECT key, 'orders',
       CASE WHEN orders.id IS NOT NULL THEN json_build_object(
           'id', orders.id, 'number', number, 'state', orders.state,
           'units', (SELECT coalesce(sum(order_line.quantity), 0) FROM order_line
                      WHERE order_line.order_id = orders.id AND order_line.claim_id = named.id)
       ) END
  FROM named
  LEFT JOIN orders ON orders.id = named.order_id
 WHERE is_claim AND named.order_id IS NOT NULL;

-- find_codes --
-- What a code counts are its uses; they are not more than it has, nor than each customer may, by account or by e-mail; a
-- use that is held or used is of an order that is on, unless it was given back after the end of its code; an order that is
-- on and has a code has its use.
WITH spoken AS (
    SELECT code, count(*) FILTER (WHERE state = 'held') AS held, count(*) FILTER (WHERE state = 'used') AS used
      FROM code_use
     GROUP BY code
), had AS (
    SELECT code, count(*) AS uses FROM code_use WHERE state <> 'released' AND customer_id IS NOT NULL
     GROUP BY code, customer_id
    UNION ALL
    SELECT code, count(*) FROM code_use WHERE state <> 'released' AND email IS NOT NULL GROUP BY code, email
), wrong AS (
    SELECT 'code_counted' AS kind, 'code' AS about, coalesce(code.code, spoken.code) AS key
      FROM discount_code AS code
      FULL JOIN spoken ON spoken.code = code.code
     WHERE (coalesce(code.held, 0), coalesce(code.used, 0)) <> (coalesce(spoken.held, 0), coalesce(spoken.used, 0))
    UNION ALL
    SELECT 'code_overused', 'code', code.code
      FROM discount_code AS code
     WHERE EXISTS (SELECT FROM spoken WHERE spoken.code = code.code AND spoken.held + spoken.used > code.uses_max)
        OR EXISTS (SELECT FROM had WHERE had.code = code.code AND had.uses > code.per_customer)
    UNION ALL
    SELECT 'code_use_not_in_order', 'order', made.order_id::text
      FROM code_use AS made
      LEFT JOIN orders ON orders.id = made.order_id
     WHERE made.state <> 'released'
       AND (orders.id IS NULL OR orders.code IS DISTINCT FROM made.code
            OR (orders.discount_minor, orders.currency) <> (made.amount_minor, made.currency)
            OR CASE made.state WHEN 'held' THEN orders.state NOT IN ('pending', 'held')
                               ELSE orders.state NOT IN ('confirmed', 'shipped') AND made.given_back_at IS NULL END)
    UNION ALL
    SELECT 'order_without_code_use', 'order', orders.id::text
      FROM orders
      LEFT JOIN code_use AS made ON made.order_id = orders.id AND made.code = orders.code
     WHERE orders.code IS NOT NULL
       AND (made.order_id IS NULL
            OR made.state = 'released'
               AND (orders.state IN ('pending', 'held', 'confirmed')
                    OR orders.state = 'shipped' AND orders.refunded_minor < orders.total_minor))
), placed AS (
    SELECT kind, about, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, about, key, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_codes --
-- Of a code what it counts, what its uses sum up to, and the three who have most above the limit; of an order itself, and
-- its use. An order's id is told from a code by its form: codes are written in capitals.
WITH named AS (
    SELECT key, CASE WHEN key ~ '^[0-9a-f]{8}-[0-9a-f]{4}-' THEN key::uuid END AS order_id
      FROM unnest($1::text[]) AS key
)
SELECT key, 'discount_code' AS "table",
       CASE WHEN code.code IS NOT NULL THEN json_build_object(
           'code', code.code, 'uses_max', uses_max, 'held', held, 'used', used, 'per_customer', per_customer
       ) END AS facts
  FROM named
  LEFT JOIN discount_code AS code ON code.code = key
 WHERE order_id IS NULL
UNION ALL
SELECT key, 'code_use, summed',
       json_build_object(
           'held', count(made.order_id) FILTER (WHERE made.state = 'held'),
           'used', count(made.order_id) FILTER (WHERE made.state = 'used')
       )
  FROM named
  LEFT JOIN code_use AS made ON made.code = key
 WHERE named.order_id IS NULL
 GROUP BY key
UNION ALL
SELECT key, 'code_use, summed of one customer',
       json_build_object('customer_id', most.customer_id, 'first', most.first, 'uses', most.uses)
  FROM named
  JOIN discount_code AS code ON code.code = key
 CROSS JOIN LATERAL (
        SELECT NULL::uuid AS customer_id, min(made.order_id::text) AS first, count(*) AS uses
          FROM code_use AS made WHERE made.code = key AND made.state <> 'released' AND made.email IS NOT NULL
         GROUP BY made.email HAVING count(*) > code.per_customer
         UNION ALL
        SELECT made.customer_id, min(made.order_id::text), count(*)
          FROM code_use AS made WHERE made.code = key AND made.state <> 'released' AND made.customer_id IS NOT NULL
         GROUP BY made.customer_id HAVING count(*) > code.per_customer
         ORDER BY uses DESC, first
         LIMIT 3
       ) AS most
UNION ALL
SELECT key, 'orders',
       CASE WHEN orders.id IS NOT NULL THEN json_build_object(
           'id', orders.id, 'number', number, 'state', orders.state, 'code', orders.code, 'discount_minor', discount_minor
       ) END
  FROM named
  LEFT JOIN orders ON orders.id = named.order_id
 WHERE named.order_id IS NOT NULL
UNION ALL
SELECT key, 'code_use',
       CASE WHEN made.order_id IS NOT NULL THEN json_build_object(
           'order_id', made.order_id, 'code', made.code, 'amount_minor', made.amount_minor, 'state', made.state,
           'given_back_at', made.given_back_at
       ) END
  FROM named
  LEFT JOIN code_use AS made ON made.order_id = named.order_id
 WHERE named.order_id IS NOT NULL;

-- find_lines --
-- An order has lines and is their sum; a line has its order, and its claim, while the order is on.
WITH summed AS (
    SELECT order_id, sum(total_minor) AS total_minor, sum(code_minor) AS code_minor,
           bool_and(total_minor = unit_price_minor * quantity) AS multiplies
      FROM order_line
     GROUP BY order_id
), wrong AS (
    SELECT CASE WHEN orders.id IS NULL       THEN 'line_without_order'
                WHEN summed.order_id IS NULL THEN 'order_without_lines'
                ELSE 'sums_differ' END AS kind,
           coalesce(orders.id, summed.order_id) AS key
      FROM orders
      FULL JOIN summed ON summed.order_id = orders.id
     WHERE orders.id IS NULL OR summed.order_id IS NULL OR orders.subtotal_minor <> summed.total_minor
        OR NOT summed.multiplies OR orders.discount_minor <> summed.code_minor
        OR orders.total_minor <> orders.subtotal_minor - orders.discount_minor + orders.delivery_minor
                                 + CASE WHEN orders.tax_included THEN 0 ELSE orders.tax_minor END
    UNION ALL
    SELECT DISTINCT 'line_without_claim', orders.id
      FROM order_line
      JOIN orders ON orders.id = order_line.order_id
      LEFT JOIN claim ON claim.id = order_line.claim_id AND claim.order_id = orders.id
     WHERE order_line.claim_id IS NOT NULL AND claim.id IS NULL
       AND (orders.state IN ('pending', 'held', 'confirmed')
            OR orders.state = 'shipped' AND orders.refunded_minor < orders.total_minor)
), placed AS (
    SELECT kind, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, 'order' AS about, key::text, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_lines --
SELECT key, 'orders' AS "table",
       CASE WHEN orders.id IS NOT NULL THEN json_build_object(
           'id', id, 'number', number, 'state', state, 'subtotal_minor', subtotal_minor,
           'discount_minor', discount_minor, 'delivery_minor', delivery_minor,
           'tax_minor', tax_minor, 'tax_included', tax_included, 'total_minor', total_minor
       ) END AS facts
  FROM unnest($1::text[]) AS key
  LEFT JOIN orders ON orders.id = key::uuid
UNION ALL
SELECT key, 'order_line',
       CASE WHEN order_line.order_id IS NOT NULL THEN json_build_object(
           'order_id', order_id, 'line', line, 'sku', sku, 'quantity', quantity, 'unit_price_minor', unit_price_minor,
           'total_minor', total_minor, 'code_minor', code_minor, 'claim_id', claim_id
       ) END
  FROM unnest($1::text[]) AS key
  LEFT JOIN order_line ON order_line.order_id = key::uuid
UNION ALL
SELECT key, 'claim',
       CASE WHEN claim.id IS NOT NULL THEN json_build_object('id', claim.id, 'state', state, 'order_id', claim.order_id) END
  FROM unnest($1::text[]) AS key
  JOIN order_line ON order_line.order_id = key::uuid AND order_line.claim_id IS NOT NULL
  LEFT JOIN claim ON claim.id = order_line.claim_id;

-- find_payments --
-- An order has one attempt, of its total and currency, whose state fits its own; an attempt has its order.
WITH seconds AS MATERIALIZED (
    SELECT order_id FROM payment_attempt GROUP BY order_id HAVING count(*) > 1
), paired AS (
    SELECT CASE WHEN orders.id IS NULL  THEN 'attempt_without_order'
                WHEN attempt.id IS NULL THEN 'order_without_attempt'
                WHEN (attempt.amount_minor, attempt.currency) <> (orders.total_minor, orders.currency)
                                        THEN 'amount_differs'
                ELSE CASE orders.state
                     WHEN 'pending'   THEN CASE WHEN attempt.state <> 'recorded' THEN 'not_settled' END
                     WHEN 'held'      THEN CASE WHEN attempt.state <> 'unknown' THEN 'not_settled' END
                     WHEN 'confirmed' THEN CASE WHEN attempt.state <> 'authorised' OR attempt.void_due_at IS NOT NULL
                                                THEN 'not_paid' END
                     WHEN 'shipped'   THEN CASE WHEN attempt.state <> 'captured' THEN 'not_paid' END
                     -- Declined, or cancelled: let go (what was reserved too late, too), about to be let go, or taken
                     -- after all and given back.
                     ELSE CASE WHEN NOT (attempt.state = 'voided'
                                         OR attempt.state = 'declined' AND orders.state = 'declined'
                                         OR attempt.state = 'authorised' AND attempt.void_due_at IS NOT NULL
                                         OR attempt.state = 'captured' AND orders.refunded_minor = orders.total_minor)
                               THEN 'charged_for_nothing' END
                     END
                END AS kind,
           coalesce(orders.id, attempt.order_id) AS key
      FROM orders
      FULL JOIN payment_attempt AS attempt ON attempt.order_id = orders.id
), wrong AS (
    SELECT 'second_attempt' AS kind, order_id AS key FROM seconds
    UNION ALL
    SELECT kind, key FROM paired
     WHERE kind IS NOT NULL AND NOT EXISTS (SELECT FROM seconds WHERE seconds.order_id = paired.key)
), placed AS (
    SELECT kind, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, 'order' AS about, key::text, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_payments --
SELECT key, 'orders' AS "table",
       CASE WHEN orders.id IS NOT NULL THEN json_build_object(
           'id', orders.id, 'number', number, 'state', state, 'total_minor', total_minor, 'currency', currency,
           'refunded_minor', refunded_minor, 'placed_at', placed_at
       ) END AS facts
  FROM unnest($1::text[]) AS key
  LEFT JOIN orders ON orders.id = key::uuid
UNION ALL
SELECT key, 'payment_attempt',
       CASE WHEN attempt.id IS NOT NULL THEN json_build_object(
           'id', attempt.id, 'order_id', order_id, 'state', state, 'amount_minor', amount_minor, 'currency', currency,
           'recorded_at', recorded_at, 'void_due_at', void_due_at
       ) END
  FROM unnest($1::text[]) AS key
  LEFT JOIN payment_attempt AS attempt ON attempt.order_id = key::uuid;

-- find_sessions --
-- A session and the order it became know each other and agree on how far they are; a session is bought once.
WITH apart AS (
    SELECT session.id AS session_id, session.order_id, orders.id AS found_id, orders.session_id AS of_session_id,
           orders.state
      FROM checkout_session AS session
      FULL JOIN orders ON orders.id = session.order_id
     WHERE (session.order_id IS NOT NULL OR session.id IS NULL)
       AND (session.id IS NULL OR orders.id IS NULL OR orders.session_id <> session.id
            OR CASE session.status WHEN 'completing' THEN orders.state NOT IN ('pending', 'held')
                                   ELSE orders.state NOT IN ('confirmed', 'shipped', 'cancelled') END)
), judged AS (
    SELECT CASE WHEN apart.session_id IS NOT NULL AND apart.found_id IS NULL THEN 'session_without_order'
                WHEN apart.session_id IS NOT NULL                           THEN 'session_disagrees'
                -- What is left are orders that no session names: declined ones are right to be.
                WHEN own.id IS NULL                                         THEN 'order_without_session'
                WHEN apart.state = 'declined'                               THEN NULL
                WHEN other.id IS NOT NULL                                   THEN 'bought_twice'
                ELSE 'session_disagrees' END AS kind,
           coalesce(apart.session_id, apart.of_session_id) AS key
      FROM apart
      LEFT JOIN checkout_session AS own ON own.id = apart.of_session_id AND apart.session_id IS NULL
      LEFT JOIN orders AS other ON other.id = own.order_id AND other.session_id = own.id AND other.state <> 'declined'
), wrong AS (
    SELECT DISTINCT kind, key FROM judged WHERE kind IS NOT NULL
), placed AS (
    SELECT kind, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, 'session' AS about, key::text, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_sessions --
-- The order a session names, and the living ones that name it; where it is not there, all that name it.
WITH named AS (
    SELECT key, session.id AS session_id, session.order_id, status, updated_at
      FROM unnest($1::text[]) AS key
      LEFT JOIN checkout_session AS session ON session.id = key::uuid
), related AS (
    SELECT key, order_id FROM named WHERE order_id IS NOT NULL
    UNION
    SELECT key, orders.id
      FROM named
      JOIN orders ON orders.session_id = named.key::uuid AND (orders.state <> 'declined' OR named.session_id IS NULL)
)
SELECT key, 'checkout_session' AS "table",
       CASE WHEN session_id IS NOT NULL THEN json_build_object(
           'id', session_id, 'status', status, 'order_id', order_id, 'updated_at', updated_at
       ) END AS facts
  FROM named
UNION ALL
SELECT key, 'orders',
       CASE WHEN orders.id IS NOT NULL THEN json_build_object(
           'id', orders.id, 'number', number, 'state', state, 'session_id', session_id, 'placed_at', placed_at
       ) END
  FROM related
  LEFT JOIN orders ON orders.id = related.order_id;

-- find_names --
-- Whatever names an order names one that is there.
WITH wrong AS (
    SELECT DISTINCT 'key_without_order' AS kind, order_id AS key
      FROM attempt_key
     WHERE order_id IS NOT NULL AND NOT EXISTS (SELECT FROM orders WHERE orders.id = attempt_key.order_id)
    UNION ALL
    SELECT DISTINCT 'event_without_order', order_id
      FROM order_event
     WHERE NOT EXISTS (SELECT FROM orders WHERE orders.id = order_event.order_id)
), placed AS (
    SELECT kind, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, 'order' AS about, key::text, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_names --
SELECT key, 'orders' AS "table", NULL::json AS facts FROM unnest($1::text[]) AS key
UNION ALL
SELECT order_id::text, 'attempt_key', json_build_object('key', key, 'order_id', order_id, 'created_at', created_at)
  FROM attempt_key
 WHERE order_id = ANY ($1::text[]::uuid[])
UNION ALL
SELECT order_id::text, 'order_event', json_build_object('id', id, 'order_id', order_id, 'made_at', made_at)
  FROM order_event
 WHERE order_id = ANY ($1::text[]::uuid[]);

-- find_letters --
-- A confirmed order is confirmed by one letter, where there is an e-mail to write to; any other order by none.
WITH told AS (
    SELECT facts ->> 'order_id' AS order_id, count(*) AS letters
      FROM outbox
     WHERE kind = 'order_confirmed'
     GROUP BY 1
), paired AS (
    SELECT coalesce(orders.id::text, told.order_id, '') AS key, coalesce(told.letters, 0) AS letters,
           coalesce(orders.email <> '' AND orders.state IN ('confirmed', 'shipped', 'cancelled'), false)::integer AS due
      FROM orders
      FULL JOIN told ON told.order_id = orders.id::text
), placed AS (
    SELECT kind, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM (SELECT CASE WHEN letters < due THEN 'not_told' ELSE 'told_wrongly' END AS kind, key
              FROM paired WHERE letters <> due) AS wrong
)
  SELECT kind, 'order' AS about, key, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_letters --
SELECT key, 'orders' AS "table",
       CASE WHEN orders.id IS NOT NULL THEN json_build_object(
           'id', orders.id, 'number', number, 'state', state, 'has_email', email <> '', 'settled_at', settled_at
       ) END AS facts
  FROM unnest($1::text[]) AS key
  LEFT JOIN orders ON orders.id::text = key
UNION ALL
SELECT key, 'outbox',
       CASE WHEN letter.id IS NOT NULL THEN json_build_object(
           'id', letter.id, 'kind', kind, 'facts', letter.facts ->> 'order_id', 'created_at', created_at,
           'sent_at', sent_at
       ) END
  FROM unnest($1::text[]) AS key
  LEFT JOIN outbox AS letter
         ON letter.kind = 'order_confirmed' AND coalesce(letter.facts ->> 'order_id', '') = key;

-- find_refunds --
-- What an order says was given back is the sum of its refunds, and each is of money that was taken for that order.
WITH given AS (
    SELECT order_id, attempt_id, currency, sum(amount_minor) AS amount_minor
      FROM refund
     WHERE state <> 'failed'
     GROUP BY order_id, attempt_id, currency
), of_order AS (
    SELECT order_id, sum(amount_minor) AS amount_minor FROM given GROUP BY order_id
), wrong AS (
    SELECT 'refunds_differ' AS kind, coalesce(orders.id, of_order.order_id) AS key
      FROM (SELECT id, refunded_minor FROM orders WHERE refunded_minor <> 0) AS orders
      FULL JOIN of_order ON of_order.order_id = orders.id
     WHERE coalesce(orders.refunded_minor, 0) <> coalesce(of_order.amount_minor, 0)
    UNION ALL
    SELECT DISTINCT 'refund_not_covered', given.order_id
      FROM given
      LEFT JOIN payment_attempt AS attempt ON attempt.id = given.attempt_id AND attempt.order_id = given.order_id
     WHERE attempt.id IS NULL OR attempt.state <> 'captured' OR given.currency <> attempt.currency
        OR given.amount_minor > attempt.amount_minor
), placed AS (
    SELECT kind, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, 'order' AS about, key::text, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_refunds --
SELECT key, 'orders' AS "table",
       CASE WHEN orders.id IS NOT NULL THEN json_build_object(
           'id', orders.id, 'number', number, 'state', state, 'total_minor', total_minor, 'currency', currency,
           'refunded_minor', refunded_minor
       ) END AS facts
  FROM unnest($1::text[]) AS key
  LEFT JOIN orders ON orders.id = key::uuid
UNION ALL
SELECT key, 'refund',
       CASE WHEN refund.id IS NOT NULL THEN json_build_object(
           'id', refund.id, 'order_id', order_id, 'attempt_id', attempt_id, 'state', state, 'amount_minor', amount_minor,
           'currency', currency
       ) END
  FROM unnest($1::text[]) AS key
  LEFT JOIN refund ON refund.order_id = key::uuid AND refund.state <> 'failed'
UNION ALL
SELECT refund.order_id::text, 'payment_attempt',
       json_build_object(
           'id', attempt.id, 'order_id', attempt.order_id, 'state', attempt.state, 'amount_minor', attempt.amount_minor,
           'currency', attempt.currency
       )
  FROM (SELECT DISTINCT order_id, attempt_id FROM refund
         WHERE order_id = ANY ($1::text[]::uuid[]) AND state <> 'failed') AS refund
  JOIN payment_attempt AS attempt ON attempt.id = refund.attempt_id;

-- find_overdue --
-- Nothing that waits for the provider is past its time by more than we are patient: before $2 it should have been.
WITH wrong AS (
    SELECT 'hold_past_end' AS kind, id AS key FROM orders WHERE state = 'pending' AND placed_at < $2
    UNION
    SELECT 'hold_past_end', order_id FROM payment_attempt WHERE next_look_at < $2
    UNION ALL
    SELECT 'capture_past_due', order_id FROM payment_attempt WHERE capture_due_at < $2
    UNION ALL
    SELECT 'void_past_due', order_id FROM payment_attempt WHERE void_due_at < $2
    UNION ALL
    SELECT DISTINCT 'refund_past_due', order_id FROM refund WHERE next_look_at < $2
), placed AS (
    SELECT kind, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, 'order' AS about, key::text, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_overdue --
SELECT key, 'orders' AS "table",
       CASE WHEN orders.id IS NOT NULL THEN json_build_object(
           'id', orders.id, 'number', number, 'state', state, 'placed_at', placed_at
       ) END AS facts
  FROM unnest($1::text[]) AS key
  LEFT JOIN orders ON orders.id = key::uuid
UNION ALL
SELECT order_id::text, 'payment_attempt',
       json_build_object(
           'id', id, 'state', state, 'next_look_at', next_look_at, 'capture_due_at', capture_due_at,
           'void_due_at', void_due_at, 'looks', looks
       )
  FROM payment_attempt
 WHERE order_id = ANY ($1::text[]::uuid[])
   AND (next_look_at IS NOT NULL OR capture_due_at IS NOT NULL OR void_due_at IS NOT NULL)
UNION ALL
SELECT order_id::text, 'refund', json_build_object('id', id, 'state', state, 'next_look_at', next_look_at, 'looks', looks)
  FROM refund
 WHERE order_id = ANY ($1::text[]::uuid[]) AND next_look_at IS NOT NULL;

-- find_outbox --
-- What must be told is told. A queue that is late but moves is late, not stuck. Stuck is what was due before $2 and was
-- overtaken (what was written after $2's length behind it was sent), or where nothing was sent since $2; and what was
-- tried more often ($4 letters, $5 events) than anything may be: whoever tries it dies of it.
WITH moving AS (
    SELECT max(sent_at) AS letter_sent_at, max(created_at) FILTER (WHERE sent_at IS NOT NULL) AS letter_reached
      FROM outbox
), moving_events AS (
    SELECT max(sent_at) AS event_sent_at, max(made_at) FILTER (WHERE sent_at IS NOT NULL) AS event_reached
      FROM order_event
), wrong AS (
    SELECT 'letter_stuck' AS kind, 'letter' AS about, id AS key
      FROM outbox CROSS JOIN moving
     WHERE due_at IS NOT NULL
       AND (tries > $4 OR due_at < $2 AND (letter_sent_at IS NULL OR letter_sent_at < $2
                                           OR letter_reached > due_at + $3::interval))
    UNION ALL
    SELECT 'event_stuck', 'event', id
      FROM order_event CROSS JOIN moving_events
     WHERE due_at IS NOT NULL
       AND (tries > $5 OR due_at < $2 AND (event_sent_at IS NULL OR event_sent_at < $2
                                           OR event_reached > due_at + $3::interval))
), placed AS (
    SELECT kind, about, key, count(*) OVER (PARTITION BY kind) AS of_kind,
           row_number() OVER (PARTITION BY kind ORDER BY key) AS place
      FROM wrong
)
  SELECT kind, about, key::text, of_kind FROM placed WHERE place <= $1 ORDER BY kind, place;

-- prove_outbox --
SELECT id::text AS key, 'outbox' AS "table",
       json_build_object('id', id, 'kind', kind, 'created_at', created_at, 'due_at', due_at, 'tries', tries) AS facts
  FROM outbox
 WHERE id = ANY ($1::text[]::uuid[])
UNION ALL
SELECT id::text, 'order_event',
       json_build_object('id', id, 'order_id', order_id, 'made_at', made_at, 'due_at', due_at, 'tries', tries)
  FROM order_event
 WHERE id = ANY ($1::text[]::uuid[]);
