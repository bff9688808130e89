-- enqueue --
-- Something to tell, in the transaction that made it true.
INSERT INTO outbox (id, kind, recipient, facts, created_at, due_at) VALUES ($1, $2, $3, $4::json, $5, $5);

-- take_due --
-- Letters that are due, each taken by one sender: due again later unless it says it sent them.
UPDATE outbox
   SET tries = outbox.tries + 1, due_at = $1::timestamptz + $3::interval
  FROM (SELECT id FROM outbox WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
 WHERE outbox.id = due.id
RETURNING outbox.id, outbox.kind, outbox.recipient, outbox.facts, outbox.tries, outbox.created_at;

-- sent --
UPDATE outbox SET sent_at = $2, due_at = NULL, last_error = NULL WHERE id = $1 AND sent_at IS NULL;

-- failed --
-- Not sent this time; without a next time it is given up, and shown to the operator.
UPDATE outbox
   SET last_error = left($2, 500), due_at = $3, given_up_at = CASE WHEN $3::timestamptz IS NULL THEN $4::timestamptz END
 WHERE id = $1 AND sent_at IS NULL;

-- keep --
-- A letter kept instead of sent; kept once.
INSERT INTO kept_letter (message_id, recipient, subject, body, kept_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING;

-- kept_letters --
  SELECT message_id, recipient, subject, body, kept_at
    FROM kept_letter
ORDER BY kept_at DESC
   LIMIT $1 OFFSET $2;

-- kept_letter --
SELECT message_id, recipient, subject, body, kept_at FROM kept_letter WHERE message_id = $1;

-- queue_state --
-- How the outbox stands: waiting, oldest wait, given up.
SELECT count(*) FILTER (WHERE due_at IS NOT NULL) AS waiting,
       min(created_at) FILTER (WHERE due_at IS NOT NULL) AS oldest,
       count(*) FILTER (WHERE given_up_at IS NOT NULL) AS given_up
  FROM outbox
 WHERE due_at IS NOT NULL OR given_up_at IS NOT NULL;
