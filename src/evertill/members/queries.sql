-- lock_customer --
-- Whoever begins or ends a membership of a customer follows whoever does so before.
SELECT id FROM customer WHERE id = $1 FOR NO KEY UPDATE;

-- memberships --
-- All of a customer, the latest first, and the moment they are seen at: $2, or the database's clock. A row without a
-- membership where there is none.
  SELECT read.moment, membership.*
    FROM (SELECT coalesce($2::timestamptz, clock_timestamp()) AS moment) AS read
    LEFT JOIN LATERAL (
         SELECT id, customer_id, kind, starts_at, ends_at, ended_at, given_by, why, created_at
           FROM membership
          WHERE customer_id = $1
          ORDER BY starts_at DESC, id DESC
          LIMIT $3
         ) AS membership ON true
ORDER BY membership.starts_at DESC, membership.id DESC;

-- begin_membership --
-- A membership from now on; the customer is locked. Not beside one that lives, whatever was read before.
INSERT INTO membership (id, customer_id, kind, starts_at, ends_at, given_by, why, created_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $4
 WHERE NOT EXISTS (SELECT FROM membership
                    WHERE customer_id = $2 AND starts_at < $5 AND coalesce(ended_at, ends_at) > $4)
RETURNING id;

-- end_membership --
-- Over from this moment on; the customer is locked.
UPDATE membership SET ended_at = $2
 WHERE id = $1 AND ended_at IS NULL AND starts_at <= $2 AND ends_at > $2
RETURNING id;

-- owner --
-- Whose a membership is.
SELECT customer_id FROM membership WHERE id = $1;

-- members_among --
-- Which of these customers are members at a moment: $2, or the database's clock. Looked up one by one by index.
SELECT asked.customer_id
  FROM (SELECT coalesce($2::timestamptz, clock_timestamp()) AS moment) AS read
 CROSS JOIN unnest($1::uuid[]) AS asked (customer_id)
 WHERE EXISTS (SELECT FROM membership
                WHERE membership.customer_id = asked.customer_id
                  AND starts_at <= read.moment AND read.moment < coalesce(ended_at, ends_at));
