-- read_offers --
-- What the group's SKUs can be sold at this moment. Nothing is locked: units are taken when paying.
SELECT variant.sku, product.title, variant.option_values, variant.price_minor,
       stock.on_hand - stock.claimed - stock.sold AS free,
       EXISTS (SELECT FROM deal_sku JOIN deal ON deal.id = deal_sku.deal_id
                WHERE deal_sku.sku = variant.sku AND deal.ends_at > clock_timestamp()) AS in_deal
  FROM variant
  JOIN product ON product.id = variant.product_id AND product.status = 'active'
  JOIN stock ON stock.sku = variant.sku
 WHERE variant.sku = ANY ($1::text[]);

-- read_session --
SELECT id, status, channel, owner, customer_id, order_id, version, doc, created_at, updated_at, expires_at
  FROM checkout_session
 WHERE id = $1;

-- read_sessions --
-- The sessions a group wants to change.
SELECT id, status, channel, owner, customer_id, order_id, version, doc, created_at, updated_at, expires_at
  FROM checkout_session
 WHERE id = ANY ($1::uuid[]);

-- recall_keys --
-- What is already on record under a group's keys.
SELECT attempt_key.scope, attempt_key.key, attempt_key.fingerprint, attempt_key.answer, attempt_key.order_id
  FROM unnest($1::text[], $2::text[]) AS asked (scope, key)
  JOIN attempt_key ON attempt_key.scope = asked.scope AND attempt_key.key = asked.key;

-- open_sessions --
-- New sessions of a group with the keys that named them. Whose key exists already is left out, and not returned.
-- Keys go in by their own order, so that two groups cannot deadlock.
WITH opened AS (
    SELECT *
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::timestamptz[],
                  $8::timestamptz[], $9::text[], $10::text[], $11::bytea[], $12::text[])
        AS row (id, status, channel, owner, customer_id, doc, created_at, expires_at, scope, key, fingerprint, answer)
), named AS (
    INSERT INTO attempt_key (scope, key, fingerprint, answer, created_at)
    SELECT scope, key, fingerprint, answer::json, created_at FROM opened ORDER BY scope, key
    ON CONFLICT DO NOTHING
    RETURNING scope, key
)
INSERT INTO checkout_session (id, status, channel, owner, customer_id, doc, created_at, updated_at, expires_at)
SELECT id, status, channel, owner, customer_id, doc::json, created_at, created_at, expires_at
  FROM opened
  JOIN named USING (scope, key)
RETURNING id;

-- revise_sessions --
-- Sessions of a group as they are now wanted, each only if nobody changed it since it was read; locked in one order.
WITH wanted AS (
    SELECT *
      FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[],
                  $7::text[], $8::text[], $9::bytea[], $10::text[])
        AS row (id, version, status, customer_id, doc, updated_at, scope, key, fingerprint, answer)
), unchanged AS (
      SELECT session.id
        FROM wanted
        JOIN checkout_session AS session ON session.id = wanted.id AND session.version = wanted.version
       WHERE session.status IN ('incomplete', 'ready')
    ORDER BY session.id
         FOR NO KEY UPDATE OF session
), revised AS (
    UPDATE checkout_session AS session
       SET status = wanted.status, customer_id = wanted.customer_id, doc = wanted.doc::json,
           updated_at = wanted.updated_at, version = session.version + 1
      FROM wanted
      JOIN unchanged USING (id)
     WHERE session.id = wanted.id
    RETURNING session.id
), named AS (
    INSERT INTO attempt_key (scope, key, fingerprint, answer, created_at)
    SELECT scope, key, fingerprint, answer::json, updated_at
      FROM wanted JOIN revised USING (id)
     ORDER BY scope, key
)
SELECT id FROM revised;

-- lock_sessions --
-- The sessions of a group that can be paid, locked in one order, each with what is on record under its ask's key.
-- Only ready ones: a session on its way is changed by whoever settles it, and must not be waited for here.
  SELECT asked.ask, session.id, session.status, session.channel, session.owner, session.customer_id,
         session.order_id, session.version, session.doc, session.created_at, session.updated_at, session.expires_at,
         known.fingerprint AS known_fingerprint, known.answer AS known_answer, known.order_id AS known_order_id
    FROM unnest($1::integer[], $2::uuid[], $3::text[], $4::text[]) AS asked (ask, id, scope, key)
    JOIN checkout_session AS session ON session.id = asked.id
    LEFT JOIN attempt_key AS known ON known.scope = asked.scope AND known.key = asked.key
   WHERE session.status = 'ready'
ORDER BY session.id
     FOR NO KEY UPDATE OF session;

-- peek_sessions --
-- The same for sessions that cannot be paid (again), without a lock.
  SELECT asked.ask, session.id, session.status, session.channel, session.owner, session.customer_id,
         session.order_id, session.version, session.doc, session.created_at, session.updated_at, session.expires_at,
         known.fingerprint AS known_fingerprint, known.answer AS known_answer, known.order_id AS known_order_id
    FROM unnest($1::integer[], $2::uuid[], $3::text[], $4::text[]) AS asked (ask, id, scope, key)
    JOIN checkout_session AS session ON session.id = asked.id
    LEFT JOIN attempt_key AS known ON known.scope = asked.scope AND known.key = asked.key;

-- lock_attempts --
-- The payment attempts of a group whose provider has answered, each after its session and its order, locked in one
-- order of sessions. So what is read of an order is of this moment, not of the snapshot; and whoever waits for a
-- session in order to pay it waits here, before anybody holds stock.
  SELECT attempt.id, attempt.order_id, attempt.state, orders.state AS order_state, orders.state_reason,
         orders.session_id, orders.number, orders.email, orders.total_minor, orders.currency, orders.code,
         ARRAY(SELECT sku FROM order_line WHERE order_line.order_id = attempt.order_id ORDER BY line) AS skus,
         ARRAY(SELECT quantity FROM order_line WHERE order_line.order_id = attempt.order_id ORDER BY line) AS quantities,
         ARRAY(SELECT claim_id FROM order_line
                WHERE order_line.order_id = attempt.order_id AND claim_id IS NOT NULL ORDER BY line) AS claims
    FROM payment_attempt AS attempt
    JOIN orders ON orders.id = attempt.order_id
    JOIN checkout_session AS session ON session.id = orders.session_id
   WHERE attempt.id = ANY ($1::uuid[])
ORDER BY session.id, attempt.id
     FOR NO KEY UPDATE OF session, orders, attempt;

-- place_orders --
-- New orders of a group with their lines, payment attempts and keys, and their sessions on the way.
WITH placed AS (
    INSERT INTO orders (id, number, session_id, channel, customer_id, email, state, currency, subtotal_minor,
                        delivery_minor, tax_minor, tax_included, total_minor, delivery, details, placed_at,
                        discount_minor, code)
    SELECT id, number, session_id, channel, customer_id, email, 'pending', currency, subtotal_minor,
           delivery_minor, tax_minor, tax_included, total_minor, delivery, details::json, placed_at,
           discount_minor, code
      FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::bigint[],
                  $9::bigint[], $10::bigint[], $11::boolean[], $12::bigint[], $13::text[], $14::text[],
                  $15::timestamptz[], $20::bigint[], $21::text[])
        AS row (id, number, session_id, channel, customer_id, email, currency, subtotal_minor,
                delivery_minor, tax_minor, tax_included, total_minor, delivery, details, placed_at, discount_minor, code)
), attempted AS (
    INSERT INTO payment_attempt (id, order_id, provider, method, amount_minor, currency, state, recorded_at, next_look_at)
    SELECT id, order_id, provider, method, amount_minor, currency, 'recorded', recorded_at, next_look_at
      FROM unnest($16::uuid[], $1::uuid[], $17::text[], $18::text[], $12::bigint[], $7::text[], $15::timestamptz[],
                  $19::timestamptz[])
        AS row (id, order_id, provider, method, amount_minor, currency, recorded_at, next_look_at)
), lined AS (
    INSERT INTO order_line (order_id, line, sku, title, quantity, unit_price_minor, total_minor, list_price_minor,
                            deal_id, claim_id, code_minor)
    SELECT order_id, line, sku, title, quantity, unit_price_minor, unit_price_minor * quantity, list_price_minor,
           deal_id, claim_id, code_minor
      FROM unnest($22::uuid[], $23::smallint[], $24::text[], $25::text[], $26::integer[], $27::bigint[], $28::bigint[],
                  $29::uuid[], $30::uuid[], $31::bigint[])
        AS row (order_id, line, sku, title, quantity, unit_price_minor, list_price_minor, deal_id, claim_id, code_minor)
), moved AS (
    UPDATE checkout_session AS session
       SET status = 'completing', order_id = row.order_id, updated_at = row.placed_at, version = session.version + 1
      FROM unnest($3::uuid[], $1::uuid[], $15::timestamptz[]) AS row (id, order_id, placed_at)
     WHERE session.id = row.id
)
INSERT INTO attempt_key (scope, key, fingerprint, answer, order_id, created_at)
SELECT scope, key, fingerprint, answer::json, order_id, created_at
  FROM unnest($32::text[], $33::text[], $34::bytea[], $35::text[], $36::uuid[], $37::timestamptz[])
    AS row (scope, key, fingerprint, answer, order_id, created_at)
 ORDER BY scope, key;

-- revise_terms --
-- Sessions whose terms no longer hold (a price changed, units ran out) as they are offered now.
UPDATE checkout_session AS session
   SET status = row.status, doc = row.doc::json, updated_at = row.updated_at, version = session.version + 1
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS row (id, status, doc, updated_at)
 WHERE session.id = row.id;

-- settle_orders --
-- Attempts of a group that ended (or are known to be unknown), their orders and sessions, and what must be told.
WITH ended AS (
    UPDATE payment_attempt AS attempt
       SET state = row.state, reason = row.reason, provider_ref = row.provider_ref, answered_at = row.answered_at,
           next_look_at = row.next_look_at
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
        AS row (id, state, reason, provider_ref, answered_at, next_look_at)
     WHERE attempt.id = row.id
), settled AS (
    UPDATE orders
       SET state = row.state, state_reason = row.reason, settled_at = row.settled_at
      FROM unnest($7::uuid[], $8::text[], $3::text[], $9::timestamptz[]) AS row (id, state, reason, settled_at)
     WHERE orders.id = row.id
), told AS (
    INSERT INTO outbox (id, kind, recipient, facts, created_at, due_at)
    SELECT id, kind, recipient, facts::json, created_at, created_at
      FROM unnest($10::uuid[], $11::text[], $12::text[], $13::text[], $14::timestamptz[])
        AS row (id, kind, recipient, facts, created_at)
), announced AS (
    INSERT INTO order_event (id, order_id, address, made_at, due_at)
    SELECT gen_random_uuid(), row.order_id, follower.address, row.updated_at, row.updated_at
      FROM unnest($15::uuid[], $17::uuid[], $18::timestamptz[]) AS row (session_id, order_id, updated_at)
      JOIN order_follower AS follower ON follower.session_id = row.session_id
     WHERE row.order_id IS NOT NULL
)
UPDATE checkout_session AS session
   SET status = row.status, order_id = row.order_id, updated_at = row.updated_at, version = session.version + 1
  FROM unnest($15::uuid[], $16::text[], $17::uuid[], $18::timestamptz[]) AS row (id, status, order_id, updated_at)
 WHERE session.id = row.id;

-- reserved_too_late --
-- The provider reserved the money of orders that had been given up: the finisher is to let it go. The order stays as it is.
UPDATE payment_attempt AS attempt
   SET state = 'authorised', provider_ref = row.provider_ref, answered_at = row.answered_at, void_due_at = row.answered_at
  FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS row (id, provider_ref, answered_at)
 WHERE attempt.id = row.id AND attempt.state = 'declined';

-- follow_order --
-- How an order stands, with its session.
SELECT session.id, session.status, session.channel, session.owner, session.customer_id, session.order_id,
       session.version, session.doc, session.created_at, session.updated_at, session.expires_at,
       orders.state AS order_state, orders.state_reason, orders.number, orders.total_minor, orders.currency
  FROM orders
  JOIN checkout_session AS session ON session.id = orders.session_id
 WHERE orders.id = $1;

-- purge_sessions --
-- Of the next bite ($4) of sessions after $1 and made before $2, remove those that expired before $3 and made no
-- order; a declined order counts. Where the bite ended comes back. Whoever holds a session at this moment keeps it.
WITH bite AS (
    SELECT id FROM checkout_session WHERE id > $1 AND id < $2 ORDER BY id LIMIT $4
), over AS (
    SELECT session.id
      FROM bite
      JOIN checkout_session AS session ON session.id = bite.id
     WHERE session.status IN ('incomplete', 'ready', 'canceled') AND session.expires_at < $3
       AND NOT EXISTS (SELECT FROM orders WHERE orders.session_id = session.id AND orders.state <> 'declined')
       AND NOT EXISTS (SELECT FROM orders WHERE orders.session_id = session.id AND orders.state = 'declined')
       FOR UPDATE OF session SKIP LOCKED
), removed AS (
    DELETE FROM checkout_session AS session USING over WHERE session.id = over.id RETURNING session.id
)
SELECT (SELECT id FROM bite ORDER BY id DESC LIMIT 1) AS last, (SELECT count(*) FROM removed) AS removed;
