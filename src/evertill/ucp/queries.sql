-- age_key --
-- Test mode only: an attempt's name made older than it is.
UPDATE attempt_key SET created_at = created_at - make_interval(hours => $3) WHERE scope = $1 AND key = $2;
