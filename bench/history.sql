-- A year of orders behind the shop, set by set: as many as the setting bench.orders says, each a copy of the one real
-- purchase that is there, with ids, times, goods, sums and an ending of its own. Every hundred are 60 shipped,
-- 32 confirmed, 3 cancelled and 5 declined; of the shipped ones some had money given back.
CREATE TEMP TABLE made AS
SELECT n, uuidv7(placed_at - now()) AS order_id, uuidv7(placed_at - now()) AS session_id,
       uuidv7(placed_at - now()) AS attempt_id, placed_at,
       CASE WHEN n % 100 < 5 THEN 'declined' WHEN n % 100 < 8 THEN 'cancelled' WHEN n % 100 < 40 THEN 'confirmed'
            ELSE 'shipped' END AS state,
       upper('bench-' || lpad((1 + n % 200)::text, 4, '0')) AS first_sku,
       upper('bench-' || lpad((1 + (n * 7 + 71) % 200)::text, 4, '0')) AS second_sku,
       CASE WHEN n % 100 = 99 THEN 100 ELSE 0 END AS refunded_minor
  FROM (SELECT n, now() - interval '1 year' * (1 - n::float / current_setting('bench.orders')::integer) AS placed_at
          FROM generate_series(1, current_setting('bench.orders')::integer) AS n) AS numbered;

INSERT INTO order_line (order_id, line, sku, title, quantity, unit_price_minor, total_minor)
SELECT order_id, line, sku, product.title, quantity, price_minor, price_minor * quantity
  FROM made
 CROSS JOIN LATERAL (VALUES (1, first_sku, 1), (2, second_sku, 1 + n % 3)) AS line (line, sku, quantity)
  JOIN variant USING (sku) JOIN product ON product.id = variant.product_id
 ORDER BY n, line;

CREATE TEMP TABLE summed AS SELECT order_id, sum(total_minor) AS subtotal_minor FROM order_line GROUP BY order_id;
ANALYZE made, summed;

INSERT INTO orders (id, number, session_id, channel, customer_id, email, state, state_reason, currency, subtotal_minor,
                    delivery_minor, tax_minor, tax_included, total_minor, refunded_minor, delivery, details, placed_at,
                    settled_at, shipped_at, cancelled_at)
SELECT made.order_id, 'BENCH-' || n, made.session_id, one.channel, NULL, one.email, made.state,
       CASE made.state WHEN 'declined' THEN 'insufficient_funds' WHEN 'cancelled' THEN 'changed mind' END, one.currency,
       summed.subtotal_minor, one.delivery_minor, summed.subtotal_minor / 6, true,
       summed.subtotal_minor + one.delivery_minor, made.refunded_minor, one.delivery, one.details, made.placed_at,
       made.placed_at + interval '1 second',
       CASE made.state WHEN 'shipped' THEN made.placed_at + interval '1 day' END,
       CASE made.state WHEN 'cancelled' THEN made.placed_at + interval '1 hour' END
  FROM made JOIN summed USING (order_id) CROSS JOIN (SELECT * FROM orders LIMIT 1) AS one
 ORDER BY n;

INSERT INTO payment_attempt (id, order_id, provider, method, amount_minor, currency, state, reason, provider_ref,
                             recorded_at, answered_at, captured_at, voided_at)
SELECT made.attempt_id, made.order_id, one.provider, one.method, orders.total_minor, one.currency,
       CASE made.state WHEN 'confirmed' THEN 'authorised' WHEN 'shipped' THEN 'captured' WHEN 'cancelled' THEN 'voided'
                       ELSE 'declined' END,
       CASE made.state WHEN 'declined' THEN 'insufficient_funds' END, one.provider_ref, made.placed_at,
       orders.settled_at, orders.shipped_at, orders.cancelled_at
  FROM made JOIN orders ON orders.id = made.order_id CROSS JOIN (SELECT * FROM payment_attempt LIMIT 1) AS one
 ORDER BY n;

INSERT INTO refund (id, order_id, attempt_id, amount_minor, currency, reason, state, recorded_at, answered_at)
SELECT uuidv7(placed_at - now()), order_id, attempt_id, refunded_minor, 'GBP', 'a gesture', 'done', placed_at, placed_at
  FROM made WHERE refunded_minor > 0;

INSERT INTO checkout_session (id, status, channel, owner, customer_id, order_id, version, doc, created_at, updated_at,
                              expires_at)
SELECT made.session_id, CASE made.state WHEN 'declined' THEN 'ready' ELSE 'completed' END, one.channel, one.owner, NULL,
       CASE WHEN made.state <> 'declined' THEN made.order_id END, one.version, one.doc, made.placed_at, made.placed_at,
       made.placed_at + interval '6 hours'
  FROM made CROSS JOIN (SELECT * FROM checkout_session LIMIT 1) AS one
 ORDER BY n;

-- Of opening the session and of paying it.
INSERT INTO attempt_key (scope, key, fingerprint, answer, order_id, created_at)
SELECT one.scope, one.key || n, one.fingerprint, one.answer, CASE WHEN one.order_id IS NOT NULL THEN made.order_id END,
       made.placed_at
  FROM made CROSS JOIN (SELECT * FROM attempt_key) AS one
 ORDER BY n;

INSERT INTO outbox (id, kind, recipient, facts, created_at, sent_at)
SELECT uuidv7(placed_at - now()), told.kind, one.recipient, json_build_object('order_id', order_id), placed_at, placed_at
  FROM made
  JOIN (VALUES ('order_confirmed', 'confirmed'), ('order_confirmed', 'shipped'), ('order_confirmed', 'cancelled'),
               ('order_shipped', 'shipped'), ('order_cancelled', 'cancelled')) AS told (kind, state) USING (state)
 CROSS JOIN (SELECT * FROM outbox LIMIT 1) AS one
 ORDER BY n;

WITH units AS (
    SELECT order_line.sku, sum(quantity) AS sold
      FROM made JOIN order_line USING (order_id) WHERE state = 'confirmed' GROUP BY order_line.sku
)
UPDATE stock SET sold = stock.sold + units.sold FROM units WHERE stock.sku = units.sku;

-- What was shipped had been received the year before: on hand is what it was.
INSERT INTO stock_movement (id, sku, units, reason, order_id, moved_at)
SELECT uuidv7(placed_at + interval '1 day' - now()), order_line.sku, -sum(quantity), 'shipped', order_id,
       placed_at + interval '1 day'
  FROM made JOIN order_line USING (order_id) WHERE state = 'shipped' GROUP BY order_id, placed_at, order_line.sku;
INSERT INTO stock_movement (id, sku, units, reason, moved_at)
SELECT uuidv7(interval '-1 year'), sku, -sum(units), 'opening_balance', now() - interval '1 year'
  FROM stock_movement WHERE reason = 'shipped' GROUP BY sku;

DROP TABLE made, summed;
