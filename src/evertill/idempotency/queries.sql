-- recall --
-- What is on record under one key.
SELECT fingerprint, answer, order_id
  FROM attempt_key
 WHERE scope = $1 AND key = $2;

-- remember --
-- What an attempt was answered. No row: its key was used at this very moment for something else.
INSERT INTO attempt_key (scope, key, fingerprint, answer, created_at) VALUES ($1, $2, $3, $4::json, $5)
ON CONFLICT DO NOTHING
RETURNING key;

-- forget_old --
-- Keys older than the time we promise to keep them; a bounded bite at a time.
DELETE FROM attempt_key
 WHERE ctid = ANY (ARRAY(SELECT ctid FROM attempt_key WHERE created_at < $1 LIMIT 10000));
