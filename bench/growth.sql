-- Purchases number bench.first to bench.last of bench.orders behind the shop, set by set: each has all the rows that a
-- purchase writes, copied from one the shop itself has written, with ids, keys, goods and sums of its own. They were made
-- evenly over the last 40 hours, so that no key of theirs is old enough to be forgotten: nothing is easier than on the day.
CREATE TEMP TABLE made AS
SELECT n, placed_at, uuidv7(placed_at - now()) AS order_id, uuidv7(placed_at - now()) AS session_id,
       uuidv7(placed_at - now()) AS attempt_id,
       pg_temp.bench_sku(n % skus) AS first_sku, pg_temp.bench_sku((n * 7 + 71) % skus) AS second_sku
  FROM (SELECT n, now() - interval '40 hours' * (1 - n::float / current_setting('bench.orders')::integer) AS placed_at,
               current_setting('bench.skus')::integer AS skus
          FROM generate_series(current_setting('bench.first')::bigint, current_setting('bench.last')::bigint) AS n)
       AS numbered;
ANALYZE made;

INSERT INTO order_line (order_id, line, sku, title, quantity, unit_price_minor, total_minor)
SELECT order_id, line, sku, product.title, 1, price_minor, price_minor
  FROM made
 CROSS JOIN LATERAL (VALUES (1, first_sku), (2, second_sku)) AS line (line, sku)
  JOIN variant USING (sku) JOIN product ON product.id = variant.product_id
 ORDER BY n, line;

INSERT INTO orders (id, number, session_id, channel, email, state, currency, subtotal_minor, delivery_minor, tax_minor,
                    tax_included, total_minor, delivery, details, placed_at, settled_at)
SELECT order_id, 'GROWN-' || lpad(n::text, 8, '0'), made.session_id, one.channel, n || one.email, 'confirmed', one.currency,
       goods_minor, one.delivery_minor, goods_minor / 6, true, goods_minor + one.delivery_minor, one.delivery, one.details,
       made.placed_at, made.placed_at
  FROM (SELECT made.*, first.price_minor + second.price_minor AS goods_minor
          FROM made JOIN variant AS first ON first.sku = first_sku JOIN variant AS second ON second.sku = second_sku)
       AS made
 CROSS JOIN (SELECT * FROM orders WHERE state = 'confirmed' LIMIT 1) AS one
 ORDER BY n;

INSERT INTO payment_attempt (id, order_id, provider, method, amount_minor, currency, state, provider_ref, recorded_at,
                             answered_at)
SELECT attempt_id, made.order_id, one.provider, one.method, orders.total_minor, one.currency, one.state,
       'sandbox_' || attempt_id, made.placed_at, made.placed_at
  FROM made JOIN orders ON orders.id = made.order_id
 CROSS JOIN (SELECT * FROM payment_attempt WHERE state = 'authorised' LIMIT 1) AS one
 ORDER BY n;

INSERT INTO sandbox_provider.charge (idempotency_key, amount_minor, currency, state, made_at)
SELECT attempt_id, orders.total_minor, orders.currency, 'authorised', made.placed_at
  FROM made JOIN orders ON orders.id = made.order_id
 ORDER BY n;

INSERT INTO checkout_session (id, status, channel, owner, order_id, version, doc, created_at, updated_at, expires_at)
SELECT made.session_id, one.status, one.channel, one.owner, made.order_id, one.version, one.doc, placed_at, placed_at,
       placed_at + interval '6 hours'
  FROM made CROSS JOIN (SELECT * FROM checkout_session WHERE status = 'completed' LIMIT 1) AS one
 ORDER BY n;

-- Of opening the session and of paying it; as random as platforms draw them.
INSERT INTO attempt_key (scope, key, fingerprint, answer, order_id, created_at)
SELECT one.scope, md5(one.verb || n), one.fingerprint, one.answer,
       CASE WHEN one.answer IS NULL THEN made.order_id END, placed_at
  FROM made
 CROSS JOIN ((SELECT 'open' AS verb, attempt_key.* FROM attempt_key WHERE answer IS NOT NULL LIMIT 1)
              UNION ALL
             (SELECT 'complete', attempt_key.* FROM attempt_key WHERE order_id IS NOT NULL LIMIT 1)) AS one;

INSERT INTO outbox (id, kind, recipient, facts, created_at, sent_at)
SELECT uuidv7(placed_at - now()), one.kind, one.recipient, json_build_object('order_id', order_id), placed_at, placed_at
  FROM made CROSS JOIN (SELECT * FROM outbox WHERE kind = 'order_confirmed' LIMIT 1) AS one
 ORDER BY n;

UPDATE stock SET sold = stock.sold + units.sold
  FROM (SELECT sku, count(*) AS sold
          FROM made CROSS JOIN LATERAL (VALUES (first_sku), (second_sku)) AS line (sku) GROUP BY sku) AS units
 WHERE stock.sku = units.sku;

DROP TABLE made;
