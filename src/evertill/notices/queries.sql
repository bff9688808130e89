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
-- Sent, once. What opens an account is forgotten with it: it is in the letter and nowhere else.
UPDATE outbox
   SET sent_at = $2, due_at = NULL, last_error = NULL,
       facts = CASE WHEN kind IN ('finish_sign_up', 'password_reset') THEN '{}' ELSE facts END
 WHERE id = $1 AND sent_at IS NULL;

-- failed --
-- Not sent this time; without a next time it is given up, and shown to the operator.
UPDATE outbox
   SET last_error = left($2, 500), due_at = $3, given_up_at = CASE WHEN $3::timestamptz IS NULL THEN $4::timestamptz END
 WHERE id = $1 AND sent_at IS NULL;

-- keep --
-- A letter kept instead of sent, and marked as `sent` does; kept once.
WITH kept AS (
    INSERT INTO kept_letter (message_id, recipient, subject, body, kept_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING
)
UPDATE outbox
   SET sent_at = $5, due_at = NULL, last_error = NULL,
       facts = CASE WHEN kind IN ('finish_sign_up', 'password_reset') THEN '{}' ELSE facts END
 WHERE id = $6 AND sent_at IS NULL;

-- kept_letters --
  SELECT message_id, recipient, subject, body, kept_at
    FROM kept_letter
ORDER BY kept_at DESC
   LIMIT $1 OFFSET $2;

-- kept_letter --
SELECT message_id, recipient, subject, body, kept_at FROM kept_letter WHERE message_id = $1;

-- queue_state --
-- How the outbox stands: waiting, oldest wait, given up. Two walks over small indexes, however much was ever sent.
SELECT count(*) AS waiting, min(created_at) AS oldest,
       (SELECT count(*) FROM outbox WHERE given_up_at IS NOT NULL) AS given_up
  FROM outbox
 WHERE due_at IS NOT NULL;

-- unsent --
-- Letters that were given up, then those that wait, the furthest put off first.
(SELECT id, kind, recipient, created_at, due_at, tries, given_up_at, last_error
   FROM outbox WHERE given_up_at IS NOT NULL ORDER BY given_up_at DESC LIMIT $1)
UNION ALL
(SELECT id, kind, recipient, created_at, due_at, tries, given_up_at, last_error
   FROM outbox WHERE due_at IS NOT NULL ORDER BY due_at DESC LIMIT $1);

-- try_again --
-- A letter given up, or put off for longer than a sender's lease ($3), is due at once. One that may be on its way
-- at this moment is left alone: it would be sent twice.
UPDATE outbox
   SET due_at = $2, given_up_at = NULL, tries = CASE WHEN given_up_at IS NULL THEN tries ELSE 0 END
 WHERE id = $1 AND (given_up_at IS NOT NULL OR due_at > $2::timestamptz + $3::interval)
RETURNING kind, recipient;
