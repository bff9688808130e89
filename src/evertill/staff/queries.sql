-- staff_by_email --
-- A member of staff who may sign in, with what the password is checked against.
SELECT id, email, name, role, created_at, disabled_at, password_hash
  FROM staff
 WHERE email_folded = $1 AND disabled_at IS NULL;

-- staff_by_token --
-- Who is signed in. Role and being disabled count as they are now, not as they were at sign-in.
SELECT staff.id, staff.email, staff.name, staff.role, staff.created_at, staff.disabled_at
  FROM staff_sign_in
  JOIN staff ON staff.id = staff_sign_in.staff_id
 WHERE staff_sign_in.token_hash = $1 AND staff_sign_in.expires_at > $2 AND staff.disabled_at IS NULL;

-- everybody --
-- All staff, those who may still sign in first.
  SELECT id, email, name, role, created_at, disabled_at
    FROM staff
ORDER BY disabled_at IS NOT NULL, email_folded
   LIMIT 500;

-- member --
-- One member of staff.
SELECT id, email, name, role, created_at, disabled_at FROM staff WHERE id = $1;

-- make_staff --
-- A new member. No row: the e-mail has one.
INSERT INTO staff (id, email, email_folded, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (email_folded) DO NOTHING
RETURNING id;

-- keep_sign_in --
-- A browser is signed in, if the password it proved is still the member's and the member may still sign in.
INSERT INTO staff_sign_in (token_hash, staff_id, created_at, expires_at)
SELECT $2, id, $4, $5 FROM staff WHERE id = $1 AND password_hash = $3 AND disabled_at IS NULL FOR SHARE
RETURNING staff_id;

-- drop_sign_in --
-- A browser signs out.
DELETE FROM staff_sign_in WHERE token_hash = $1;

-- drop_sign_ins --
-- Every browser of a member is signed out.
DELETE FROM staff_sign_in WHERE staff_id = $1;

-- renew_hash --
-- The same password, hashed with today's parameters, unless it was changed meanwhile.
UPDATE staff SET password_hash = $3 WHERE id = $1 AND password_hash = $2;

-- change_password --
-- Another password, unless it was changed meanwhile.
UPDATE staff SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id;

-- set_password --
-- Another password, whatever it was.
UPDATE staff SET password_hash = $2 WHERE id = $1 RETURNING id;

-- lock_admins --
-- Every admin who can sign in, locked in one order: of two who take each other's role away, one is second and is told.
SELECT id FROM staff WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id FOR NO KEY UPDATE;

-- change_role --
-- Another role; never away from the last admin. Run under lock_admins.
UPDATE staff SET role = $2
 WHERE id = $1 AND disabled_at IS NULL
   AND ($2 = 'admin' OR EXISTS (
           SELECT FROM staff AS other WHERE other.role = 'admin' AND other.disabled_at IS NULL AND other.id <> $1))
RETURNING id;

-- disable --
-- A member may no longer sign in; never the last admin. Run under lock_admins.
UPDATE staff SET disabled_at = $2
 WHERE id = $1 AND disabled_at IS NULL
   AND EXISTS (
           SELECT FROM staff AS other WHERE other.role = 'admin' AND other.disabled_at IS NULL AND other.id <> $1)
RETURNING id;

-- enable --
-- A member may sign in again.
UPDATE staff SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL RETURNING id;

-- record_action --
-- Who changed what, when and why.
INSERT INTO staff_action (id, staff_id, client_id, at, verb, subject, reason, facts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb);

-- actions_of --
-- What was done to a subject, newest first.
  SELECT staff_action.at, coalesce(staff.name, 'API client ' || api_client.name) AS name, staff_action.verb,
         staff_action.reason, staff_action.facts::text AS facts
    FROM staff_action
    LEFT JOIN staff ON staff.id = staff_action.staff_id
    LEFT JOIN api_client ON api_client.id = staff_action.client_id
   WHERE staff_action.subject = $1
ORDER BY staff_action.at DESC, staff_action.id DESC
   LIMIT $2;

-- purge_sign_ins --
-- Sign-ins that are over; a bounded bite at a time.
DELETE FROM staff_sign_in
 WHERE token_hash = ANY (ARRAY(SELECT token_hash FROM staff_sign_in WHERE expires_at <= $1 LIMIT 10000));
