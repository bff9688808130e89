-- due_attempts --
-- Attempts nobody has settled in time, each taken by one reconciler: the next look is moved in the same statement.
UPDATE payment_attempt AS attempt
   SET looks = attempt.looks + 1,
       next_look_at = $1::timestamptz + least(interval '5 seconds' * power(2, least(attempt.looks, 7)), interval '10 minutes')
  FROM (SELECT id FROM payment_attempt WHERE next_look_at <= $1 ORDER BY next_look_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       AS due, orders
 WHERE attempt.id = due.id AND orders.id = attempt.order_id
RETURNING attempt.id, attempt.order_id, attempt.method, attempt.amount_minor, attempt.currency, attempt.next_look_at,
          attempt.recorded_at, orders.number;

-- due_captures --
-- Reservations of orders on their way out of the house that still have to be taken.
UPDATE payment_attempt AS attempt
   SET capture_due_at = $1::timestamptz + interval '30 seconds'
  FROM (SELECT id FROM payment_attempt WHERE capture_due_at <= $1 ORDER BY capture_due_at LIMIT $2
           FOR UPDATE SKIP LOCKED) AS due
 WHERE attempt.id = due.id
RETURNING attempt.id, attempt.order_id;

-- due_voids --
-- Reservations of cancelled orders, and those made too late, that still have to be let go.
UPDATE payment_attempt AS attempt
   SET void_due_at = $1::timestamptz + interval '30 seconds'
  FROM (SELECT id FROM payment_attempt WHERE void_due_at <= $1 ORDER BY void_due_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
 WHERE attempt.id = due.id
RETURNING attempt.id, attempt.order_id;

-- good_attempt_of --
-- The one attempt that holds or took an order's money.
SELECT id, state, capture_due_at
  FROM payment_attempt
 WHERE order_id = $1 AND state IN ('authorised', 'captured');

-- want_captured --
-- The money is to be taken; if nobody has said so by then ($2), the finisher asks. No row: somebody is at it.
UPDATE payment_attempt SET capture_due_at = $2
 WHERE id = $1 AND state = 'authorised' AND capture_due_at IS NULL
RETURNING id;

-- captured --
-- The reserved money is taken. No row: that was written before.
UPDATE payment_attempt
   SET state = 'captured', captured_at = $2, capture_due_at = NULL
 WHERE id = $1 AND state = 'authorised' AND void_due_at IS NULL
RETURNING id;

-- not_captured --
-- The provider will not let it be taken: nobody asks again by himself.
UPDATE payment_attempt SET capture_due_at = NULL WHERE id = $1 AND capture_due_at IS NOT NULL RETURNING id;

-- want_voided --
-- The reservation is to be let go; the finisher sees to it from then on ($2). Never one that is being taken.
UPDATE payment_attempt SET void_due_at = $2
 WHERE id = $1 AND state = 'authorised' AND capture_due_at IS NULL
RETURNING id;

-- voided --
-- The reservation is let go. Saying so twice changes nothing.
UPDATE payment_attempt
   SET state = 'voided', voided_at = $2, void_due_at = NULL
 WHERE id = $1 AND state = 'authorised';

-- void_needs_refund --
-- The money had been taken after all: it is given back instead of let go.
UPDATE payment_attempt
   SET state = 'captured', captured_at = $2, void_due_at = NULL
 WHERE id = $1 AND state = 'authorised'
RETURNING order_id, amount_minor, currency;

-- ask_now --
-- Whatever of an order waits for the provider is due at once. One row; its count says how much that is.
WITH looked AS (
    UPDATE payment_attempt SET next_look_at = $2 WHERE order_id = $1 AND state = 'unknown' RETURNING id
), taken AS (
    UPDATE payment_attempt SET capture_due_at = $2 WHERE order_id = $1 AND capture_due_at IS NOT NULL RETURNING id
), let_go AS (
    UPDATE payment_attempt SET void_due_at = $2 WHERE order_id = $1 AND void_due_at IS NOT NULL RETURNING id
), given_back AS (
    UPDATE refund SET next_look_at = $2 WHERE order_id = $1 AND next_look_at IS NOT NULL RETURNING id
)
SELECT (SELECT count(*) FROM looked) + (SELECT count(*) FROM taken)
       + (SELECT count(*) FROM let_go) + (SELECT count(*) FROM given_back);

-- attempts_of_order --
  SELECT id, order_id, provider, method, amount_minor, currency, state, reason, recorded_at
    FROM payment_attempt
   WHERE order_id = $1
ORDER BY recorded_at;

-- raise_refunded --
-- Reserve the amount to give back: never more than was paid. No row: it would be more.
UPDATE orders
   SET refunded_minor = refunded_minor + $2
 WHERE id = $1 AND refunded_minor + $2 <= total_minor
RETURNING refunded_minor;

-- lower_refunded --
-- The provider would not give it back: it counts as not given.
UPDATE orders SET refunded_minor = refunded_minor - $2 WHERE id = $1;

-- refund --
SELECT order_id, amount_minor, currency, state FROM refund WHERE id = $1;

-- record_refund --
-- Money is to be given back; if nobody has said how that went by then ($8), the finisher asks.
INSERT INTO refund (id, order_id, attempt_id, amount_minor, currency, reason, state, recorded_at, next_look_at)
VALUES ($1, $2, $3, $4, $5, $6, 'recorded', $7, $8);

-- due_refunds --
-- Refunds whose ending nobody has written in time, each taken by one finisher.
UPDATE refund
   SET looks = refund.looks + 1,
       next_look_at = $1::timestamptz + least(interval '5 seconds' * power(2, least(refund.looks, 7)), interval '10 minutes')
  FROM (SELECT id FROM refund WHERE next_look_at <= $1 ORDER BY next_look_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
 WHERE refund.id = due.id
RETURNING refund.id, refund.order_id, refund.attempt_id, refund.amount_minor, refund.currency;

-- end_refund --
-- The first ending counts. No row: it has ended before.
UPDATE refund SET state = $2, answered_at = $3, next_look_at = NULL
 WHERE id = $1 AND state = 'recorded'
RETURNING order_id, amount_minor;

-- refunds_of_order --
  SELECT id, amount_minor, currency, reason, state, recorded_at, answered_at
    FROM refund
   WHERE order_id = $1
ORDER BY recorded_at;

-- sandbox_authorise --
-- The sandbox's side of a group of authorisations: a key it knows keeps its first answer, and is returned with it.
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
        AS row (idempotency_key, amount_minor, currency, state, reason, made_at)
), made AS (
    INSERT INTO sandbox_provider.charge (idempotency_key, amount_minor, currency, state, reason, made_at)
    SELECT * FROM asked ORDER BY idempotency_key
    ON CONFLICT DO NOTHING
)
SELECT charge.idempotency_key, charge.amount_minor, charge.currency, charge.state, charge.reason
  FROM sandbox_provider.charge
 WHERE charge.idempotency_key = ANY ($1::uuid[]);

-- sandbox_look_up --
SELECT state, reason FROM sandbox_provider.charge WHERE idempotency_key = $1;

-- sandbox_capture --
UPDATE sandbox_provider.charge SET state = 'captured'
 WHERE idempotency_key = $1 AND state IN ('authorised', 'captured')
RETURNING state;

-- sandbox_void --
UPDATE sandbox_provider.charge SET state = 'voided'
 WHERE idempotency_key = $1 AND state IN ('authorised', 'voided')
RETURNING state;

-- sandbox_refund --
-- Once per refund key, never more than was captured.
WITH made AS (
    INSERT INTO sandbox_provider.refund (idempotency_key, charge_key, amount_minor, made_at)
    SELECT $1, $2, $3, $4
     WHERE EXISTS (SELECT FROM sandbox_provider.charge
                    WHERE idempotency_key = $2 AND state = 'captured' AND refunded_minor + $3 <= amount_minor)
    ON CONFLICT DO NOTHING
    RETURNING charge_key, amount_minor
)
UPDATE sandbox_provider.charge
   SET refunded_minor = refunded_minor + made.amount_minor
  FROM made
 WHERE charge.idempotency_key = made.charge_key
RETURNING refunded_minor;

-- sandbox_refund_made --
SELECT amount_minor FROM sandbox_provider.refund WHERE idempotency_key = $1;
