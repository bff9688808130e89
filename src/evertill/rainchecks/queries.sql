-- Rain checks are claims that name a grant. Rows are locked as claims are: stock, deals, claims; within each by key.

-- lost --
-- Who lost a claim for a deal ($1) on some SKUs ($2): it was given back between $3 and $4 because its time was over or its
-- payment declined. Each once for a SKU, with the most they held, by when they first claimed. Ids are made in the order of
-- time, and a claim is no older than its deal. $5 how many.
  SELECT sku, max(quantity) AS quantity, max(holder) AS holder, customer_id
    FROM claim
   WHERE id >= $1 AND deal_id = $1 AND sku = ANY ($2::text[]) AND grant_id IS NULL
     AND state = 'released' AND ended_because IN ('expired', 'declined') AND ended_at >= $3 AND ended_at < $4
GROUP BY sku, customer_id, CASE WHEN customer_id IS NULL THEN holder END
ORDER BY min(claimed_at), min(id::text)
   LIMIT $5;

-- carts --
-- Whose carts hold some of these SKUs ($1) at this moment, by when they were put in. $2 how many.
  SELECT cart_line.sku, cart_line.quantity, cart.customer_id, 'browser:' || encode(cart.browser_hash, 'hex') AS holder
    FROM cart_line
    JOIN cart ON cart.id = cart_line.cart_id
   WHERE cart_line.sku = ANY ($1::text[])
ORDER BY cart_line.added_at, cart_line.cart_id, cart_line.sku
   LIMIT $2;

-- named --
-- The customers of these e-mails ($1), in their order; nobody's have no id.
  SELECT asked.email, customer.id
    FROM unnest($1::text[]) WITH ORDINALITY AS asked (email, place)
    LEFT JOIN customer ON customer.email_folded = asked.email
ORDER BY asked.place;

-- emails --
-- Where to write to: of customers ($1) their account's e-mail.
SELECT id::text AS whose, email FROM customer WHERE id = ANY ($1::uuid[]);

-- emails_of_guests --
-- The e-mail that browsers ($1) last gave at a checkout, since $2.
SELECT DISTINCT ON (owner) owner AS whose, doc -> 'wish' -> 'buyer' ->> 'email' AS email
  FROM checkout_session
 WHERE id >= $2 AND owner = ANY ($1::text[]) AND customer_id IS NULL
   AND doc -> 'wish' -> 'buyer' ->> 'email' <> ''
 ORDER BY owner, updated_at DESC;

-- have --
-- Who of these (SKUs $2, holders $3, customers $4) has something of a deal ($1) already: an open rain check, or a claim that
-- is held, ordered or bought.
SELECT asked.sku, asked.holder, asked.customer_id,
       bool_or(claim.grant_id IS NOT NULL) AS rain_check, bool_or(claim.grant_id IS NULL) AS claim
  FROM unnest($2::text[], $3::text[], $4::uuid[]) AS asked (sku, holder, customer_id)
 CROSS JOIN LATERAL (
        SELECT grant_id, state FROM claim
         WHERE deal_id = $1 AND sku = asked.sku AND holder = asked.holder AND state <> 'released'
         UNION ALL
        SELECT grant_id, state FROM claim
         WHERE deal_id = $1 AND sku = asked.sku AND customer_id = asked.customer_id AND state <> 'released'
       ) AS claim
 WHERE claim.grant_id IS NULL OR claim.state <> 'bought'
 GROUP BY asked.sku, asked.holder, asked.customer_id;

-- make_grant --
-- Who gave what, until when and why.
INSERT INTO rain_check_grant (id, deal_id, units, given, granted_at, ends_at, granted_by, why)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- make_rain_checks --
-- Claims of a grant ($1) for a deal ($2), at the deal's prices.
INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, customer_id, state, claimed_at, expires_at, grant_id)
SELECT id, $2, sku, quantity, price_minor, holder, customer_id, 'held', $3, $4, $1
  FROM unnest($5::uuid[], $6::text[], $7::integer[], $8::bigint[], $9::text[], $10::uuid[])
    AS row (id, sku, quantity, price_minor, holder, customer_id);

-- write_letters --
-- One for each whose e-mail is known; all of one kind.
INSERT INTO outbox (id, kind, recipient, facts, created_at, due_at)
SELECT id, 'rain_check', recipient, facts::json, $1, $1
  FROM unnest($2::uuid[], $3::text[], $4::text[]) AS row (id, recipient, facts);

-- grant_skus --
-- Of what the open rain checks of a grant are, and its deal: read before anything is locked, for they only become fewer.
SELECT rain_check_grant.deal_id, ARRAY (SELECT DISTINCT sku FROM claim WHERE grant_id = $1 AND state = 'held') AS skus
  FROM rain_check_grant
 WHERE rain_check_grant.id = $1;

-- withdraw --
-- The open rain checks of a grant ($1) are released; what is ordered or redeemed stays. What they were comes back, by SKU.
WITH open AS (
    SELECT id FROM claim WHERE grant_id = $1 AND state = 'held' ORDER BY id FOR NO KEY UPDATE
), released AS (
    UPDATE claim SET state = 'released', ended_because = 'stopped', ended_at = $2
      FROM open
     WHERE claim.id = open.id
    RETURNING claim.sku, claim.quantity
)
SELECT sku, sum(quantity)::integer AS units FROM released GROUP BY sku;

-- open_rain_checks --
-- What somebody (browser $1, customer $2) may redeem at this moment, what ends next first. $3 how many.
  SELECT claim.id, claim.sku, claim.quantity, claim.price_minor, claim.expires_at, sale_event.time_zone
    FROM (SELECT * FROM claim WHERE holder = $1 AND state IN ('held', 'ordered') AND grant_id IS NOT NULL
           UNION
          SELECT * FROM claim WHERE customer_id = $2 AND state IN ('held', 'ordered') AND grant_id IS NOT NULL) AS claim
    JOIN deal ON deal.id = claim.deal_id
    JOIN sale_event ON sale_event.id = deal.event_id
   WHERE claim.state = 'held' AND claim.expires_at > clock_timestamp()
ORDER BY claim.expires_at, claim.id
   LIMIT $3;

-- join_rain_checks --
-- What a browser ($1) was given as a guest is its customer's ($2) from now on.
WITH own AS (
    SELECT id FROM claim
     WHERE holder = $1 AND state IN ('held', 'ordered') AND grant_id IS NOT NULL AND customer_id IS NULL
     ORDER BY id
       FOR NO KEY UPDATE
)
UPDATE claim SET customer_id = $2 FROM own WHERE claim.id = own.id;

-- grants --
-- What was given for a deal ($1), the latest first, and what became of it. $2 how many.
  SELECT given.id, granted_at, ends_at, staff.name, why, units, given,
         made.people, made.open, made.ordered, made.redeemed, made.expired, made.withdrawn
    FROM rain_check_grant AS given
    LEFT JOIN staff ON staff.id = given.granted_by
   CROSS JOIN LATERAL (
         SELECT count(*) AS people,
                coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0) AS open,
                coalesce(sum(quantity) FILTER (WHERE state = 'ordered'), 0) AS ordered,
                coalesce(sum(quantity) FILTER (WHERE state = 'bought'), 0) AS redeemed,
                coalesce(sum(quantity) FILTER (WHERE ended_because = 'expired'), 0) AS expired,
                coalesce(sum(quantity) FILTER (WHERE ended_because = 'stopped'), 0) AS withdrawn
           FROM claim WHERE claim.grant_id = given.id
         ) AS made
   WHERE given.deal_id = $1
ORDER BY given.id DESC
   LIMIT $2;
