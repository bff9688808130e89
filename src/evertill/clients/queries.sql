-- make_client --
-- A new client. No row: there are $7 already that were not revoked. Run under the admins' lock.
INSERT INTO api_client (id, name, scopes, secret_hash, made_by, created_at)
SELECT $1, $2, $3::text[], $4, $5, $6
 WHERE (SELECT count(*) FROM api_client WHERE revoked_at IS NULL) < $7
RETURNING id;

-- all_clients --
-- Those that may still come first, then the last revoked.
  SELECT api_client.id, api_client.name, api_client.scopes, staff.name AS made_by, api_client.created_at,
         api_client.revoked_at, api_client.last_used_at
    FROM api_client
    JOIN staff ON staff.id = api_client.made_by
ORDER BY api_client.revoked_at DESC NULLS FIRST, api_client.id
   LIMIT $1;

-- revoke_client --
-- For good. No row: there is none, or it was revoked before.
UPDATE api_client SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING name;

-- client_exists --
SELECT true FROM api_client WHERE id = $1;

-- living_client --
-- A client that may come, with what its secret is checked against.
SELECT api_client.id, api_client.name, api_client.scopes, staff.name AS made_by, api_client.created_at,
       api_client.revoked_at, api_client.last_used_at, api_client.secret_hash
  FROM api_client
  JOIN staff ON staff.id = api_client.made_by
 WHERE api_client.id = $1 AND api_client.revoked_at IS NULL;

-- note_use --
-- It was used; told often enough for people, and not with every request.
UPDATE api_client SET last_used_at = $2
 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - interval '5 minutes');
