-- count_try --
-- One more try at a secret, unless the window has had as many as it may. No row: it had.
-- Counting and judging in one statement: it holds over any number of workers.
INSERT INTO sign_in_try (subject_hash, window_start, tries) VALUES ($1, $2, 1)
ON CONFLICT (subject_hash, window_start)
DO UPDATE SET tries = sign_in_try.tries + 1 WHERE sign_in_try.tries < $3
RETURNING tries;

-- take_try_back --
-- The try was right: only wrong ones are held against somebody.
UPDATE sign_in_try SET tries = tries - 1
 WHERE subject_hash = $1 AND window_start = $2 AND tries > 0;

-- forget_tries --
-- The secret's owner is known by other means.
DELETE FROM sign_in_try WHERE subject_hash = $1 AND window_start = $2;

-- customer_by_email --
-- The account of an e-mail address, with what its password is checked against.
SELECT id, email, name, password_hash FROM customer WHERE email_folded = $1;

-- customer_by_id --
-- The account of somebody who is signed in, with what its password is checked against.
SELECT id, email, name, password_hash FROM customer WHERE id = $1;

-- keep_sign_in --
-- A browser is signed in, if the password it proved is still the account's. The share lock makes a reset that runs
-- at the same moment either be seen here, or see and drop this sign-in.
INSERT INTO customer_sign_in (token_hash, customer_id, created_at, expires_at)
SELECT $2, id, $4, $5 FROM customer WHERE id = $1 AND password_hash = $3 FOR SHARE
RETURNING customer_id;

-- drop_sign_in --
-- A browser signs out.
DELETE FROM customer_sign_in WHERE token_hash = $1;

-- drop_sign_ins --
-- Every browser of a customer is signed out.
DELETE FROM customer_sign_in WHERE customer_id = $1;

-- renew_hash --
-- The same password, hashed with today's parameters, unless it was changed meanwhile.
UPDATE customer SET password_hash = $3 WHERE id = $1 AND password_hash = $2;

-- change_password --
-- Another password, unless it was changed meanwhile.
UPDATE customer SET password_hash = $3 WHERE id = $1 AND password_hash = $2
RETURNING id, email, name;

-- set_password --
-- Another password, whatever it was.
UPDATE customer SET password_hash = $2 WHERE id = $1
RETURNING id, email, name;

-- keep_pending --
-- An e-mail that is to prove itself.
INSERT INTO pending_sign_up (token_hash, email, created_at, expires_at) VALUES ($1, $2, $3, $4);

-- pending --
-- The e-mail a sign-up link was sent to, while the link lives.
SELECT email FROM pending_sign_up WHERE token_hash = $1 AND expires_at > $2;

-- use_pending --
-- A sign-up link is used, once: of two at the same moment one finds the row gone.
DELETE FROM pending_sign_up WHERE token_hash = $1 AND expires_at > $2
RETURNING email;

-- make_customer --
-- An account, unless its e-mail has one. No row: it has.
INSERT INTO customer (id, email, email_folded, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (email_folded) DO NOTHING
RETURNING id;

-- keep_reset --
-- The one link that may set a new password; it takes an older one's place.
INSERT INTO password_reset (token_hash, customer_id, created_at, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (customer_id)
DO UPDATE SET token_hash = excluded.token_hash, created_at = excluded.created_at, expires_at = excluded.expires_at,
              used_at = NULL;

-- reset --
-- Whose password a link may set, while it may.
SELECT customer.id, customer.email, customer.name
  FROM password_reset
  JOIN customer ON customer.id = password_reset.customer_id
 WHERE password_reset.token_hash = $1 AND password_reset.used_at IS NULL AND password_reset.expires_at > $2;

-- use_reset --
-- A reset link is used, once: of two at the same moment one finds it used.
UPDATE password_reset SET used_at = $2
 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2
RETURNING customer_id;

-- drop_reset --
-- A password was changed another way: an open link must not change it back.
DELETE FROM password_reset WHERE customer_id = $1;

-- purge_sign_ins --
-- Sign-ins that are over; a bounded bite at a time.
DELETE FROM customer_sign_in
 WHERE token_hash = ANY (ARRAY(SELECT token_hash FROM customer_sign_in WHERE expires_at <= $1 LIMIT 10000));

-- purge_pending --
-- Sign-up links that are over; a bounded bite at a time.
DELETE FROM pending_sign_up
 WHERE token_hash = ANY (ARRAY(SELECT token_hash FROM pending_sign_up WHERE expires_at <= $1 LIMIT 10000));

-- purge_resets --
-- Reset links that are over; a bounded bite at a time.
DELETE FROM password_reset
 WHERE token_hash = ANY (ARRAY(SELECT token_hash FROM password_reset WHERE expires_at <= $1 LIMIT 10000));

-- purge_tries --
-- Counts of windows that are over; a bounded bite at a time.
DELETE FROM sign_in_try
 WHERE ctid = ANY (ARRAY(SELECT ctid FROM sign_in_try WHERE window_start < $1 LIMIT 10000));
