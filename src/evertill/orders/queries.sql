-- order --
SELECT id, number, session_id, channel, customer_id, email, state, state_reason, currency, subtotal_minor,
       delivery_minor, tax_minor, tax_included, total_minor, refunded_minor, delivery, details, placed_at,
       settled_at, shipped_at, cancelled_at
  FROM orders
 WHERE id = $1;

-- lines --
  SELECT line, sku, title, quantity, unit_price_minor, total_minor
    FROM order_line
   WHERE order_id = $1
ORDER BY line;

-- history --
-- One customer's orders, newest first: ids are made in order of time.
  SELECT id, number, state, total_minor, currency, placed_at
    FROM orders
   WHERE customer_id = $1
ORDER BY id DESC
   LIMIT $2 OFFSET $3;

-- find --
-- Orders for the console, newest first. Every filter may be null. Matching is by prefix of the number or by e-mail.
  SELECT id, number, state, email, channel, total_minor, refunded_minor, currency, placed_at
    FROM orders
   WHERE ($1::text IS NULL OR state = $1)
     AND ($2::text IS NULL OR number LIKE $2 || '%' OR lower(email) = lower($2))
     AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC
   LIMIT $4;

-- lock_order --
-- One order, locked, for a change by staff.
SELECT id, number, email, state, currency, total_minor, refunded_minor FROM orders WHERE id = $1 FOR NO KEY UPDATE;

-- ship --
UPDATE orders SET state = 'shipped', shipped_at = $2 WHERE id = $1 AND state = 'confirmed' RETURNING id;

-- ship_units --
-- Shipped units leave the house: off on_hand and sold alike, so that free stays as it is. In SKU order.
WITH locked AS (
    SELECT stock.sku FROM stock WHERE stock.sku IN (SELECT sku FROM order_line WHERE order_id = $1)
     ORDER BY stock.sku FOR NO KEY UPDATE
), units AS (
    SELECT sku, sum(quantity)::integer AS quantity FROM order_line WHERE order_id = $1 GROUP BY sku
)
UPDATE stock
   SET on_hand = stock.on_hand - units.quantity, sold = stock.sold - units.quantity
  FROM units JOIN locked ON locked.sku = units.sku
 WHERE stock.sku = units.sku;

-- cancel --
UPDATE orders SET state = 'cancelled', state_reason = $3, cancelled_at = $2
 WHERE id = $1 AND state = 'confirmed'
RETURNING id;

-- free_units --
-- Sold but not shipped units are free again. In SKU order.
WITH locked AS (
    SELECT stock.sku FROM stock WHERE stock.sku IN (SELECT sku FROM order_line WHERE order_id = $1)
     ORDER BY stock.sku FOR NO KEY UPDATE
), units AS (
    SELECT sku, sum(quantity)::integer AS quantity FROM order_line WHERE order_id = $1 GROUP BY sku
)
UPDATE stock
   SET sold = stock.sold - units.quantity
  FROM units JOIN locked ON locked.sku = units.sku
 WHERE stock.sku = units.sku;

-- void_attempt_of --
-- The order's reservation is to be let go; the reconciler sees to it if nobody else does.
UPDATE payment_attempt SET void_due_at = $2 WHERE order_id = $1 AND state = 'authorised' RETURNING id;

-- good_attempt_of --
-- The one attempt that holds or took the order's money.
SELECT id, state FROM payment_attempt WHERE order_id = $1 AND state IN ('authorised', 'captured');

-- day --
-- What the console's first page says of the last 24 hours.
SELECT count(*) FILTER (WHERE state IN ('confirmed', 'shipped')) AS confirmed,
       count(*) FILTER (WHERE state IN ('pending', 'held'))      AS waiting,
       count(*) FILTER (WHERE state = 'declined')                AS declined,
       count(*) FILTER (WHERE state = 'cancelled')               AS cancelled,
       coalesce(sum(total_minor - refunded_minor) FILTER (WHERE state IN ('confirmed', 'shipped')), 0)::bigint
           AS revenue_minor
  FROM orders
 WHERE id >= $1;
