-- order --
SELECT id, number, session_id, channel, customer_id, email, state, state_reason, currency, subtotal_minor,
       delivery_minor, tax_minor, tax_included, total_minor, discount_minor, code, refunded_minor, delivery, details,
       placed_at, settled_at, shipped_at, cancelled_at
  FROM orders
 WHERE id = $1;

-- lines --
  SELECT line, sku, title, quantity, unit_price_minor, total_minor, code_minor
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
-- Orders for the console, newest first. $1 a state, $2 the last order of the page before; either may be null.
  SELECT id, number, state, email, channel, total_minor, refunded_minor, currency, placed_at
    FROM orders
   WHERE ($1::text IS NULL OR state = $1)
     AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC
   LIMIT $3;

-- find_by_number --
-- The same for numbers from $4 up to, but not with, $5: a beginning, walked on the numbers' own index.
  SELECT id, number, state, email, channel, total_minor, refunded_minor, currency, placed_at
    FROM orders
   WHERE number >= $4 AND number < $5
     AND ($1::text IS NULL OR state = $1)
     AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC
   LIMIT $3;

-- find_by_email --
-- The same for one e-mail address ($4), in whatever case it was typed.
  SELECT id, number, state, email, channel, total_minor, refunded_minor, currency, placed_at
    FROM orders
   WHERE lower(email) = lower($4)
     AND ($1::text IS NULL OR state = $1)
     AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC
   LIMIT $3;

-- lock_order --
-- One order, locked: taken first by whoever changes a confirmed order, its attempt or its refunds.
SELECT id, number, email, state, currency, total_minor, refunded_minor FROM orders WHERE id = $1 FOR NO KEY UPDATE;

-- ship --
-- On its way. No row: it was not confirmed.
UPDATE orders SET state = 'shipped', shipped_at = $2 WHERE id = $1 AND state = 'confirmed' RETURNING id;

-- ship_units --
-- Shipped units leave the house: off on_hand and sold alike, so that free stays as it is. In SKU order. Gives the units
-- of each SKU: their movements are written beside them.
WITH locked AS (
    SELECT stock.sku FROM stock WHERE stock.sku IN (SELECT sku FROM order_line WHERE order_id = $1)
     ORDER BY stock.sku FOR NO KEY UPDATE
), units AS (
    SELECT sku, sum(quantity)::integer AS quantity FROM order_line WHERE order_id = $1 GROUP BY sku
)
UPDATE stock
   SET on_hand = stock.on_hand - units.quantity, sold = stock.sold - units.quantity
  FROM units JOIN locked ON locked.sku = units.sku
 WHERE stock.sku = units.sku
RETURNING stock.sku, units.quantity;

-- cancel --
-- Called off. No row: it was not confirmed.
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

-- follow --
-- The address to be told of what this session becomes; a later one takes its place.
INSERT INTO order_follower (session_id, address, created_at) VALUES ($1, $2, $3)
ON CONFLICT (session_id) DO UPDATE SET address = excluded.address;

-- announce --
-- An order has changed: its follower, if it has one, is to be told.
INSERT INTO order_event (id, order_id, address, made_at, due_at)
SELECT gen_random_uuid(), orders.id, follower.address, $2, $2
  FROM orders
  JOIN order_follower AS follower ON follower.session_id = orders.session_id
 WHERE orders.id = $1;

-- take_due_events --
-- Events that are due, oldest first, each taken by one teller: due again later unless it says that it told.
UPDATE order_event
   SET tries = order_event.tries + 1, due_at = $1::timestamptz + $3::interval
  FROM (SELECT id FROM order_event WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
 WHERE order_event.id = due.id
RETURNING order_event.id, order_event.order_id, order_event.address, order_event.body, order_event.made_at,
          order_event.tries;

-- keep_event_body --
-- What is told of an event, the first time it is tried: every later try repeats it.
UPDATE order_event SET body = $2 WHERE id = $1 AND body IS NULL;

-- event_sent --
UPDATE order_event SET sent_at = $2, due_at = NULL, last_error = NULL WHERE id = $1 AND sent_at IS NULL;

-- event_failed --
-- Not told this time; without a next time it is given up.
UPDATE order_event
   SET last_error = left($2, 500), due_at = $3, given_up_at = CASE WHEN $3::timestamptz IS NULL THEN $4::timestamptz END
 WHERE id = $1 AND sent_at IS NULL;
