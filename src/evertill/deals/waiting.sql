-- Who waits for deals of which everything is claimed. Whoever changes a line has locked its deal.

-- peek_places --
-- Of what the places are that are given up: it never changes, so it is read before anything is locked.
SELECT deal_id, sku FROM waiting WHERE id = ANY ($1::uuid[]);

-- settle_offers --
-- Offers that have become something else: what happened to their claim says what. A claim that was taken out of a cart was
-- given up by its holder; one that met as much in the account at sign-in is had there.
UPDATE waiting
   SET state = CASE WHEN claim.state <> 'released' OR claim.ended_because = 'joined' THEN 'taken'
                    WHEN claim.ended_because = 'removed' THEN 'left'
                    ELSE 'missed' END,
       ended_at = $2
  FROM claim
 WHERE waiting.deal_id = ANY ($1::uuid[]) AND waiting.state = 'offered'
   AND claim.id = waiting.claim_id AND claim.state <> 'held';

-- places --
-- The first so many ($2) who wait for deals ($1), the living places of whoever asks ($3, $4, $5), and those that are named
-- ($6); in the order of the line.
  SELECT waiting.*
    FROM (SELECT head.id
            FROM unnest($1::uuid[], $2::integer[]) AS line (deal_id, heads)
           CROSS JOIN LATERAL (
                 SELECT id FROM waiting
                  WHERE waiting.deal_id = line.deal_id AND state = 'waiting'
                  ORDER BY joined_at, id
                  LIMIT line.heads
                 ) AS head
           UNION
          SELECT own.id
            FROM unnest($3::uuid[], $4::text[], $5::uuid[]) AS asked (deal_id, holder, customer_id)
           CROSS JOIN LATERAL (
                 SELECT id FROM waiting
                  WHERE waiting.deal_id = asked.deal_id AND waiting.holder = asked.holder
                    AND state IN ('waiting', 'offered')
                  UNION ALL
                 SELECT id FROM waiting
                  WHERE waiting.deal_id = asked.deal_id AND waiting.customer_id = asked.customer_id
                    AND state IN ('waiting', 'offered')
                 ) AS own
           UNION
          SELECT named.id FROM unnest($6::uuid[]) AS named (id)
         ) AS wanted
    JOIN waiting ON waiting.id = wanted.id
ORDER BY waiting.joined_at, waiting.id;

-- lengths --
-- How many wait for each deal.
SELECT deal_id, count(*)::integer AS length FROM waiting
 WHERE deal_id = ANY ($1::uuid[]) AND state = 'waiting'
 GROUP BY deal_id;

-- counts --
-- How many living places a holder has over all deals, and an address of one deal; when its line was last joined.
SELECT asked.deal_id, asked.holder, asked.network,
       (SELECT max(joined_at) FROM waiting WHERE waiting.deal_id = asked.deal_id) AS last_joined,
       (SELECT count(*) FROM waiting WHERE waiting.holder = asked.holder AND state IN ('waiting', 'offered')) AS of_holder,
       (SELECT count(*) FROM waiting WHERE waiting.deal_id = asked.deal_id AND waiting.network = asked.network
                                       AND state IN ('waiting', 'offered')) AS of_network
  FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS asked (deal_id, holder, network);

-- end_lines --
-- The deal is over: so is waiting for it.
UPDATE waiting SET state = 'over', ended_at = $2 WHERE deal_id = ANY ($1::uuid[]) AND state = 'waiting';

-- change_places --
-- What became of places.
UPDATE waiting
   SET state = row.state, claim_id = row.claim_id, offered_at = row.offered_at, offered_until = row.offered_until,
       ended_at = row.ended_at
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::text[], $6::uuid[], $7::text[], $8::bigint[],
              $9::text[], $10::timestamptz[], $11::uuid[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[])
    AS row (id, deal_id, sku, quantity, holder, customer_id, email, network, state, joined_at, claim_id, offered_at,
            offered_until, ended_at)
 WHERE waiting.id = row.id;

-- make_places --
-- New places. After change_places: one that came to nothing makes room for its successor.
INSERT INTO waiting (id, deal_id, sku, quantity, holder, customer_id, email, network, state, joined_at, claim_id,
                     offered_at, offered_until, ended_at)
SELECT id, deal_id, sku, quantity, holder, customer_id, email, network, state, joined_at, claim_id, offered_at,
       offered_until, ended_at
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::text[], $6::uuid[], $7::text[], $8::bigint[],
              $9::text[], $10::timestamptz[], $11::uuid[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[])
    AS row (id, deal_id, sku, quantity, holder, customer_id, email, network, state, joined_at, claim_id, offered_at,
            offered_until, ended_at);

-- tell_offers --
-- Letters of offers, in the transaction that makes them.
INSERT INTO outbox (id, kind, recipient, facts, created_at, due_at)
SELECT row.id, 'offer_made', row.email,
       json_build_object('what', coalesce(product.title, row.sku), 'units', row.units, 'until', row.until), $6, $6
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::text[]) AS row (id, email, sku, units, until)
  LEFT JOIN variant ON variant.sku = row.sku
  LEFT JOIN product ON product.id = variant.product_id;

-- due_lines --
-- Deals whose line is to be looked at: something is free of them, they are over, or an offer has become something else.
  SELECT deal.id
    FROM (SELECT DISTINCT deal_id FROM waiting WHERE state IN ('waiting', 'offered')) AS line
    JOIN deal ON deal.id = line.deal_id
    JOIN sale_event AS event ON event.id = deal.event_id
   WHERE (EXISTS (SELECT FROM waiting WHERE waiting.deal_id = deal.id AND state = 'waiting')
          AND (deal.ends_at <= coalesce($1::timestamptz, clock_timestamp()) OR deal.ended_at IS NOT NULL
               OR event.ended_at IS NOT NULL
               OR (deal.paused_at IS NULL AND (deal.units IS NULL OR deal.units > deal.claimed + deal.sold)
                   AND EXISTS (SELECT FROM waiting JOIN stock ON stock.sku = waiting.sku
                                WHERE waiting.deal_id = deal.id AND waiting.state = 'waiting'
                                  AND stock.on_hand > stock.claimed + stock.sold))))
      OR EXISTS (SELECT FROM waiting JOIN claim ON claim.id = waiting.claim_id
                  WHERE waiting.deal_id = deal.id AND waiting.state = 'offered' AND claim.state <> 'held')
ORDER BY deal.id
   LIMIT $2;

-- places_of --
-- The places somebody has, and had of late, by browser or by account; with what they wait for, how many stand before them,
-- how many ever joined that line, and to how many of it something was offered.
  SELECT waiting.*, read.moment, deal.title AS deal_title, event.slug AS event_slug, event.time_zone,
         deal.ends_at AS deal_ends_at, deal.ended_at AS deal_ended_at, event.ended_at AS event_ended_at, deal.paused_at,
         coalesce(product.title, waiting.sku) AS title, product.handle, product.image_url, variant.option_values,
         deal.currency, claim.quantity AS offered_quantity, claim.price_minor,
         claim.state AS claim_state, claim.expires_at AS claim_expires_at,
         line.joined, line.offered,
         (SELECT count(*) FROM waiting AS other
           WHERE other.deal_id = waiting.deal_id AND other.state = 'waiting'
             AND (other.joined_at, other.id) < (waiting.joined_at, waiting.id)) AS ahead
    FROM (SELECT coalesce($3::timestamptz, clock_timestamp()) AS moment) AS read
   CROSS JOIN (SELECT id FROM waiting WHERE holder = $1
                UNION
               SELECT id FROM waiting WHERE customer_id = $2) AS own
    JOIN waiting ON waiting.id = own.id
    JOIN deal ON deal.id = waiting.deal_id
    JOIN sale_event AS event ON event.id = deal.event_id
    LEFT JOIN variant ON variant.sku = waiting.sku
    LEFT JOIN product ON product.id = variant.product_id
    LEFT JOIN claim ON claim.id = waiting.claim_id
   CROSS JOIN LATERAL (
         SELECT count(*) AS joined, count(each.offered_at) AS offered FROM waiting AS each
          WHERE each.deal_id = waiting.deal_id
         ) AS line
   WHERE waiting.state IN ('waiting', 'offered') OR waiting.ended_at > read.moment - $4::interval
ORDER BY waiting.state NOT IN ('waiting', 'offered'), waiting.state <> 'offered', waiting.joined_at DESC, waiting.id
   LIMIT $5;

-- lock_deals_of_holder --
-- The deals in whose lines a browser stands, locked in one order.
  SELECT deal.id FROM deal
   WHERE deal.id IN (SELECT deal_id FROM waiting
                      WHERE holder = $1 AND customer_id IS NULL AND state IN ('waiting', 'offered'))
ORDER BY deal.id
     FOR NO KEY UPDATE;

-- bring_along --
-- Who signs in brings the places of their browser along, unless the account has one of its own for the same. Their deals
-- ($3) are locked: the account joins none of these lines meanwhile, in another browser.
UPDATE waiting SET customer_id = $2
 WHERE holder = $1 AND customer_id IS NULL AND state IN ('waiting', 'offered') AND deal_id = ANY ($3::uuid[])
   AND NOT EXISTS (SELECT FROM waiting AS own
                    WHERE own.deal_id = waiting.deal_id AND own.sku = waiting.sku AND own.customer_id = $2
                      AND own.state IN ('waiting', 'offered'));
