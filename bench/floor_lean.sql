-- The least that could be called an order, statement by statement: stock, order, lines, payment attempt, outbox; no
-- session, no keys, nothing ever changed again. Variables: hot, lines.
\set one random(1, 200)
\set two 1 + (:one + random(0, 198)) % 200
\set first case when :hot = 1 then 0 else least(:one, :two) end
\set second case when :hot = 1 then 0 else greatest(:one, :two) end
\set cents random(199, 4999)
BEGIN;
INSERT INTO orders (id, number, session_id, channel, email, state, currency, subtotal_minor, delivery_minor, tax_minor,
                    tax_included, total_minor, delivery, details, placed_at, settled_at)
VALUES (uuidv7(), bench.number(uuidv7()::text), uuidv7(), 'floor', 'ada.byron.17@example.com', 'confirmed',
        'GBP', :cents, 395, 66, true, :cents + 395, 'std', bench.details(), now(), now())
RETURNING id AS order_id \gset
INSERT INTO order_line (order_id, line, sku, title, quantity, unit_price_minor, total_minor)
VALUES (:order_id::uuid, 1, bench.sku(:first), 'Silver Ceramic Lunch Box', 1, :cents, :cents);
\if :lines > 1
INSERT INTO order_line (order_id, line, sku, title, quantity, unit_price_minor, total_minor)
VALUES (:order_id::uuid, 2, bench.sku(:second), 'Regency Wicker Basket', 1, :cents, :cents);
\endif
INSERT INTO payment_attempt (id, order_id, provider, method, amount_minor, currency, state, recorded_at, answered_at)
VALUES (uuidv7(), :order_id::uuid, 'sandbox', 'tok_approve', :cents + 395, 'GBP', 'authorised', now(), now());
INSERT INTO outbox (id, kind, recipient, facts, created_at, due_at)
VALUES (uuidv7(), 'floor', 'ada.byron.17@example.com', json_build_object('order_id', :order_id::text), now(), 'infinity');
\if :hot = 1
UPDATE stock SET sold = sold + :lines WHERE sku = bench.sku(:first) AND on_hand - claimed - sold >= :lines;
\else
UPDATE stock SET sold = sold + 1 WHERE sku = bench.sku(:first) AND on_hand - claimed - sold >= 1;
UPDATE stock SET sold = sold + 1 WHERE sku = bench.sku(:second) AND on_hand - claimed - sold >= 1;
\endif
COMMIT;
