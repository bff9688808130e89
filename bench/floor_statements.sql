-- The rows of one purchase, statement by statement, in one transaction. bench/README.md says why it is fair.
-- Variables: hot (1: everybody wants the same SKU), lines (1 or 2), early (1: stock is locked before all else).
\set one random(1, 200)
\set two 1 + (:one + random(0, 198)) % 200
\set first case when :hot = 1 then 0 else least(:one, :two) end
\set second case when :hot = 1 then 0 else greatest(:one, :two) end
\set cents random(199, 4999)
BEGIN;
\if :early = 1
SELECT sku, on_hand - claimed - sold AS free FROM stock WHERE sku IN (bench.sku(:first), bench.sku(:second))
 ORDER BY sku FOR NO KEY UPDATE;
\endif
-- The session as it is opened, and the key that named it with its answer. RETURNING saves a round trip for the ids.
INSERT INTO checkout_session (id, status, channel, owner, doc, created_at, updated_at, expires_at)
VALUES (uuidv7(), 'ready', 'floor', 'floor', bench.session_doc(), now(), now(), now() + interval '6 hours')
RETURNING id AS session_id, uuidv7() AS order_id, uuidv7() AS attempt_id \gset
INSERT INTO attempt_key (scope, key, fingerprint, answer, created_at)
VALUES ('floor', 'open-' || :session_id::text, bench.fingerprint(), bench.session_answer(), now());
-- The order with its lines, its payment attempt and the key that named it; the session on its way.
INSERT INTO orders (id, number, session_id, channel, email, state, currency, subtotal_minor, delivery_minor, tax_minor,
                    tax_included, total_minor, delivery, details, placed_at)
VALUES (:order_id::uuid, bench.number(:order_id::text), :session_id::uuid, 'floor', 'ada.byron.17@example.com', 'pending',
        'GBP', :cents, 395, 66, true, :cents + 395, 'std', bench.details(), now());
INSERT INTO order_line (order_id, line, sku, title, quantity, unit_price_minor, total_minor)
VALUES (:order_id::uuid, 1, bench.sku(:first), 'Silver Ceramic Lunch Box', 1, :cents, :cents);
\if :lines > 1
INSERT INTO order_line (order_id, line, sku, title, quantity, unit_price_minor, total_minor)
VALUES (:order_id::uuid, 2, bench.sku(:second), 'Regency Wicker Basket', 1, :cents, :cents);
\endif
INSERT INTO payment_attempt (id, order_id, provider, method, amount_minor, currency, state, recorded_at, next_look_at)
VALUES (:attempt_id::uuid, :order_id::uuid, 'sandbox', 'tok_approve', :cents + 395, 'GBP', 'recorded', now(), now());
INSERT INTO attempt_key (scope, key, fingerprint, order_id, created_at)
VALUES ('floor', 'done-' || :session_id::text, bench.fingerprint(), :order_id::uuid, now());
UPDATE checkout_session SET status = 'completing', order_id = :order_id::uuid, updated_at = now(), version = version + 1
 WHERE id = :session_id::uuid;
-- The provider's own row.
INSERT INTO sandbox_provider.charge (idempotency_key, amount_minor, currency, state, made_at)
VALUES (:attempt_id::uuid, :cents + 395, 'GBP', 'captured', now());
-- What came of it: attempt, order and session ended, the letter to write.
UPDATE payment_attempt SET state = 'authorised', provider_ref = bench.reference(:attempt_id::text), answered_at = now(),
       next_look_at = NULL
 WHERE id = :attempt_id::uuid;
UPDATE orders SET state = 'confirmed', settled_at = now() WHERE id = :order_id::uuid;
UPDATE checkout_session SET status = 'completed', updated_at = now(), version = version + 1 WHERE id = :session_id::uuid;
INSERT INTO outbox (id, kind, recipient, facts, created_at, due_at)
VALUES (uuidv7(), 'floor', 'ada.byron.17@example.com', json_build_object('order_id', :order_id::text), now(), 'infinity');
-- Stock comes last, so that its rows are locked as shortly as can be, and in SKU order. The guard is the check.
\if :hot = 1
UPDATE stock SET sold = sold + :lines WHERE sku = bench.sku(:first) AND on_hand - claimed - sold >= :lines;
\else
UPDATE stock SET sold = sold + 1 WHERE sku = bench.sku(:first) AND on_hand - claimed - sold >= 1;
UPDATE stock SET sold = sold + 1 WHERE sku = bench.sku(:second) AND on_hand - claimed - sold >= 1;
\endif
COMMIT;
