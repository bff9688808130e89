-- How claims are carried through the till, whose group holds the locks of sessions, orders, attempts and stock by then.

-- lock_carried --
-- The claims of a group's orders, after their deals, locked in one order; whether their holder has another one by now, which
-- a rain check does not mind; and until when it was given, where it is one.
SELECT claim.*, rain_check_grant.ends_at AS good_until,
       claim.grant_id IS NULL AND EXISTS (SELECT FROM claim AS other
                         WHERE other.deal_id = claim.deal_id AND other.sku = claim.sku AND other.state = 'held'
                           AND other.grant_id IS NULL
                           AND (other.holder = claim.holder OR other.customer_id = claim.customer_id)
                           AND other.id <> claim.id) AS has_rival
  FROM claim
  LEFT JOIN rain_check_grant ON rain_check_grant.id = claim.grant_id
 WHERE claim.id = ANY ($1::uuid[])
 ORDER BY claim.id
   FOR NO KEY UPDATE OF claim;

-- order_claims --
-- Orders take claims over: nothing is counted again. Whose claim is not held any more is not returned.
UPDATE claim SET state = 'ordered', order_id = row.order_id
  FROM unnest($1::uuid[], $2::uuid[]) AS row (id, order_id)
 WHERE claim.id = row.id AND claim.state = 'held'
RETURNING claim.id;

-- settle_claims --
-- What payments came to: bought, held again, or released; each once, and its deal counts it, unless it is a rain check.
WITH ended AS (
    UPDATE claim
       SET state = row.state, expires_at = row.expires_at, ended_because = row.ended_because,
           order_id = CASE WHEN row.state = 'bought' THEN claim.order_id END,
           ended_at = CASE WHEN row.state = 'released' THEN $5::timestamptz END
      FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[]) AS row (id, state, expires_at, ended_because)
     WHERE claim.id = row.id AND claim.state = 'ordered'
    RETURNING claim.id, claim.deal_id, claim.quantity, claim.state, claim.grant_id
), counted AS (
    UPDATE deal SET claimed = deal.claimed - summed.gone, sold = deal.sold + summed.bought
      FROM (SELECT deal_id, sum(quantity) AS gone, coalesce(sum(quantity) FILTER (WHERE state = 'bought'), 0) AS bought
              FROM ended WHERE state <> 'held' AND grant_id IS NULL GROUP BY deal_id) AS summed
     WHERE deal.id = summed.deal_id
)
SELECT id FROM ended;

-- lock_deals_of_order --
-- The deals whose units an order bought, locked in one order; after its stock.
  SELECT deal.id FROM deal
   WHERE deal.id IN (SELECT deal_id FROM claim WHERE order_id = $1)
ORDER BY deal.id
     FOR NO KEY UPDATE;

-- give_back --
-- What an order bought is given back: to the deal while it runs, so that somebody else may have it; after its end the
-- claim stays bought, with the moment, and the deal counts it sold. Once: what was given back has its moment. A rain check
-- stays bought, too: it is good once, and no deal counts it.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now), bought AS (
    SELECT claim.id,
           moment.now < deal.ends_at AND deal.ended_at IS NULL AND sale_event.ended_at IS NULL
               AND claim.grant_id IS NULL AS runs
      FROM claim
      JOIN deal ON deal.id = claim.deal_id
      JOIN sale_event ON sale_event.id = deal.event_id
     CROSS JOIN moment
     WHERE claim.order_id = $1 AND claim.state = 'bought' AND claim.ended_at IS NULL
     ORDER BY claim.id
       FOR NO KEY UPDATE OF claim
), given AS (
    UPDATE claim
       SET state = CASE WHEN runs THEN 'released' ELSE 'bought' END, ended_at = moment.now,
           ended_because = CASE WHEN runs THEN 'cancelled' END, order_id = CASE WHEN runs THEN NULL ELSE claim.order_id END
      FROM bought CROSS JOIN moment
     WHERE claim.id = bought.id
    RETURNING claim.deal_id, claim.quantity, claim.state
)
UPDATE deal SET sold = deal.sold - summed.units
  FROM (SELECT deal_id, sum(quantity) AS units FROM given WHERE state = 'released' GROUP BY deal_id) AS summed
 WHERE deal.id = summed.deal_id;
