-- What the floors need: texts of the size a real purchase writes, and the purchase of floor_round_trip.sql.
-- All of it is inlined or planned once by PostgreSQL: it costs the floors nothing they would not pay otherwise.
CREATE SCHEMA bench;

CREATE FUNCTION bench.sku(number bigint) RETURNS text IMMUTABLE LANGUAGE sql AS
    $$ SELECT 'BENCH-' || lpad(number::text, 4, '0') $$;
CREATE FUNCTION bench.number(id text) RETURNS text IMMUTABLE LANGUAGE sql AS
    $$ SELECT substr(id, 3, 6) || substr(id, 10, 4) || right(id, 6) $$;
CREATE FUNCTION bench.reference(id text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'sandbox_' || id $$;
CREATE FUNCTION bench.fingerprint() RETURNS bytea IMMUTABLE LANGUAGE sql AS
    $$ SELECT '\x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'::bytea $$;

-- What the shop itself wrote for a purchase of two lines: taken from it when the bench starts (floors.py).
CREATE FUNCTION bench.session_doc() RETURNS json IMMUTABLE LANGUAGE sql AS $$ SELECT {session_doc}::json $$;
CREATE FUNCTION bench.session_answer() RETURNS json IMMUTABLE LANGUAGE sql AS $$ SELECT {session_answer}::json $$;
CREATE FUNCTION bench.details() RETURNS json IMMUTABLE LANGUAGE sql AS $$ SELECT {details}::json $$;

CREATE FUNCTION bench.purchase(first bigint, second bigint, lines integer, cents bigint) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    session_id uuid := uuidv7();
    made_id    uuid := uuidv7();
    attempt_id uuid := uuidv7();
BEGIN
    INSERT INTO checkout_session (id, status, channel, owner, doc, created_at, updated_at, expires_at)
    VALUES (session_id, 'ready', 'floor', 'floor', bench.session_doc(), now(), now(), now() + interval '6 hours');
    INSERT INTO attempt_key (scope, key, fingerprint, answer, created_at)
    VALUES ('floor', 'open-' || session_id, bench.fingerprint(), bench.session_answer(), now());
    INSERT INTO orders (id, number, session_id, channel, email, state, currency, subtotal_minor, delivery_minor, tax_minor,
                        tax_included, total_minor, delivery, details, placed_at)
    VALUES (made_id, bench.number(made_id::text), session_id, 'floor', 'ada.byron.17@example.com', 'pending',
            'GBP', cents, 395, 66, true, cents + 395, 'std', bench.details(), now());
    INSERT INTO order_line (order_id, line, sku, title, quantity, unit_price_minor, total_minor)
    VALUES (made_id, 1, bench.sku(first), 'Silver Ceramic Lunch Box', 1, cents, cents);
    IF lines > 1 THEN
        INSERT INTO order_line (order_id, line, sku, title, quantity, unit_price_minor, total_minor)
        VALUES (made_id, 2, bench.sku(second), 'Regency Wicker Basket', 1, cents, cents);
    END IF;
    INSERT INTO payment_attempt (id, order_id, provider, method, amount_minor, currency, state, recorded_at, next_look_at)
    VALUES (attempt_id, made_id, 'sandbox', 'tok_approve', cents + 395, 'GBP', 'recorded', now(), now());
    INSERT INTO attempt_key (scope, key, fingerprint, order_id, created_at)
    VALUES ('floor', 'done-' || session_id, bench.fingerprint(), made_id, now());
    UPDATE checkout_session SET status = 'completing', order_id = made_id, updated_at = now(), version = version + 1
     WHERE id = session_id;
    INSERT INTO sandbox_provider.charge (idempotency_key, amount_minor, currency, state, made_at)
    VALUES (attempt_id, cents + 395, 'GBP', 'captured', now());
    UPDATE payment_attempt SET state = 'authorised', provider_ref = bench.reference(attempt_id::text), answered_at = now(),
           next_look_at = NULL
     WHERE id = attempt_id;
    UPDATE orders SET state = 'confirmed', settled_at = now() WHERE id = made_id;
    UPDATE checkout_session SET status = 'completed', updated_at = now(), version = version + 1 WHERE id = session_id;
    INSERT INTO outbox (id, kind, recipient, facts, created_at, due_at)
    VALUES (uuidv7(), 'floor', 'ada.byron.17@example.com', json_build_object('order_id', made_id), now(), 'infinity');
    IF first = second THEN
        UPDATE stock SET sold = sold + lines WHERE sku = bench.sku(first) AND on_hand - claimed - sold >= lines;
    ELSE
        UPDATE stock SET sold = sold + 1 WHERE sku = bench.sku(first) AND on_hand - claimed - sold >= 1;
        UPDATE stock SET sold = sold + 1 WHERE sku = bench.sku(second) AND on_hand - claimed - sold >= 1;
    END IF;
    RETURN made_id;
END
$$;
