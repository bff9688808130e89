-- lock_deals --
-- The group's deals, locked in one order, after their stock. What they say is read afterwards: an event that was
-- stopped by whoever held the lock is seen to be.
  SELECT id FROM deal WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- locked_deals --
-- Deals as they stand under lock_deals, with their SKUs, and the moment they are judged by: $2, or the database's clock.
-- Where none of them is there, the moment alone.
SELECT read.moment, deal.*, event.ended_at AS event_ended_at, event.time_zone,
       ARRAY (SELECT sku FROM deal_sku WHERE deal_sku.deal_id = deal.id) AS skus,
       EXISTS (SELECT FROM waiting WHERE waiting.deal_id = deal.id AND waiting.state IN ('waiting', 'offered')) AS waited_for
  FROM (SELECT coalesce($2::timestamptz, clock_timestamp()) AS moment) AS read
  LEFT JOIN (deal JOIN sale_event AS event ON event.id = deal.event_id) ON deal.id = ANY ($1::uuid[]);

-- peek_guest_claims --
-- Of what the claims are that browsers held before they signed in.
SELECT claim.deal_id, claim.sku, claim.holder
  FROM unnest($1::text[]) AS asked (holder)
  JOIN claim ON claim.holder = asked.holder AND claim.state = 'held' AND claim.customer_id IS NULL
              AND claim.grant_id IS NULL;

-- peek_claims --
-- Of what the claims are that somebody wants released: it never changes, so it is read before anything is locked.
SELECT id, deal_id, sku FROM claim WHERE id = ANY ($1::uuid[]);

-- lock_claims --
-- The claims to be released ($1), and those that count for who claims: what a holder holds of a deal, and where it has a
-- limit ($5) all that a holder, and a customer in any browser, ever had of it and did not give back. Looked up one by one
-- by index, in one order: at an opening the planner knows of an empty table. What a customer holds counts too, in whichever
-- browser: it is changed in all of them. Rain checks count for nobody: they were promised besides.
SELECT claim.*
  FROM (SELECT id FROM unnest($1::uuid[]) AS named (id)
         UNION
        SELECT counted.id
          FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::boolean[]) AS asked (deal_id, holder, customer_id, limited)
         CROSS JOIN LATERAL (
                SELECT id FROM claim
                 WHERE deal_id = asked.deal_id AND holder = asked.holder AND state <> 'released'
                   AND grant_id IS NULL AND (state = 'held' OR asked.limited)
                 UNION ALL
                SELECT id FROM claim
                 WHERE deal_id = asked.deal_id AND customer_id = asked.customer_id AND state <> 'released'
                   AND grant_id IS NULL AND (state = 'held' OR asked.limited)
               ) AS counted
         ORDER BY id
       ) AS wanted
 CROSS JOIN LATERAL (
        SELECT id, deal_id, sku, quantity, price_minor, holder, customer_id, network, state, claimed_at, expires_at,
               extended_at, order_id, ended_because, grant_id
          FROM claim
         WHERE claim.id = wanted.id
           FOR NO KEY UPDATE
       ) AS claim;

-- claims_lately --
-- How many claims holders made since $2.
SELECT asked.holder, found.claims
  FROM unnest($1::text[]) AS asked (holder)
 CROSS JOIN LATERAL (SELECT count(*) AS claims FROM claim
                      WHERE claim.holder = asked.holder AND claim.claimed_at > $2) AS found;

-- claims_nearby --
-- How many claims of a deal live at addresses.
SELECT asked.deal_id, asked.network, found.claims
  FROM unnest($1::uuid[], $2::bigint[]) AS asked (deal_id, network)
 CROSS JOIN LATERAL (SELECT count(*) AS claims FROM claim
                      WHERE claim.deal_id = asked.deal_id AND claim.network = asked.network
                        AND claim.state IN ('held', 'ordered')) AS found;

-- change_claims --
-- Claims that have more units or fewer, another customer, were taken as an offer, or were released: they are locked.
UPDATE claim
   SET quantity = row.quantity, state = row.state, ended_because = row.ended_because, holder = row.holder,
       customer_id = row.customer_id, expires_at = row.expires_at,
       ended_at = CASE WHEN row.state = 'released' THEN $8::timestamptz END
  FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[])
    AS row (id, quantity, state, ended_because, holder, customer_id, expires_at)
 WHERE claim.id = row.id;

-- make_claims --
-- New claims. After change_claims: one that was over makes room for its successor.
INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, customer_id, network, state, claimed_at, expires_at,
                   ended_because, ended_at)
SELECT id, deal_id, sku, quantity, price_minor, holder, customer_id, network, state, $12, expires_at,
       ended_because, CASE WHEN state = 'released' THEN $12::timestamptz END
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::bigint[], $6::text[], $7::uuid[], $8::bigint[],
              $9::text[], $10::timestamptz[], $11::text[])
    AS row (id, deal_id, sku, quantity, price_minor, holder, customer_id, network, state, expires_at, ended_because);

-- extend_claims --
-- Held longer while their holder ($2, or customer $3) pays: once, to $4 from now at the least.
WITH own AS (
    SELECT id FROM claim
     WHERE id = ANY ($1::uuid[]) AND (holder = $2 OR customer_id = $3)
       AND state = 'held' AND extended_at IS NULL AND expires_at > clock_timestamp()
     ORDER BY id
       FOR NO KEY UPDATE
)
UPDATE claim
   SET extended_at = clock_timestamp(), expires_at = greatest(expires_at, clock_timestamp() + $4::interval)
  FROM own
 WHERE claim.id = own.id;

-- move_deals --
-- The group's units; the deals are locked. The table's own CHECK of claimed and sold against units is the last judge.
UPDATE deal SET claimed = deal.claimed + moves.units
  FROM unnest($1::uuid[], $2::integer[]) AS moves (id, units)
 WHERE deal.id = moves.id;

-- due_claims --
-- Claims that are over, the longest first. Nothing is locked yet: stock and deals come before claims.
  SELECT id, deal_id, sku
    FROM claim
   WHERE state = 'held' AND expires_at <= coalesce($1::timestamptz, clock_timestamp())
ORDER BY expires_at
   LIMIT $2;

-- expire_claims --
-- Those of $1 that are over still, released once; their units go back to their deals here (but for rain checks, which no
-- deal counts), and to stock by what is returned. Whoever has one of them locked is doing something with it: it is left to
-- the next round.
WITH past AS (
    SELECT id FROM claim
     WHERE id = ANY ($1::uuid[]) AND state = 'held' AND expires_at <= $2
     ORDER BY id
       FOR NO KEY UPDATE SKIP LOCKED
), released AS (
    UPDATE claim SET state = 'released', ended_because = 'expired', ended_at = $2
      FROM past
     WHERE claim.id = past.id
    RETURNING claim.deal_id, claim.sku, claim.quantity, claim.grant_id
), given_back AS (
    UPDATE deal SET claimed = deal.claimed - summed.units
      FROM (SELECT deal_id, sum(quantity) AS units FROM released WHERE grant_id IS NULL GROUP BY deal_id) AS summed
     WHERE deal.id = summed.deal_id
)
SELECT sku, count(*)::integer AS claims, sum(quantity)::integer AS units FROM released GROUP BY sku;
