-- The price of SKUs over time. All rows of a SKU are read and written under the lock of its variant, so that a changed
-- list price and a changed deal never miss each other.

-- lock_variants --
-- SKUs whose prices are going to change, locked in SKU order. A statement of its own: what is read behind a lock that
-- was waited for is read by the next statement.
  SELECT sku
    FROM variant
   WHERE sku = ANY ($1::text[])
ORDER BY sku
     FOR NO KEY UPDATE

-- list_prices --
-- What they cost without a deal, and what their history says of now.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
  SELECT moment.now, variant.sku, variant.price_minor AS list_minor, known.price_minor, known.deal_id
    FROM moment CROSS JOIN variant
    LEFT JOIN LATERAL (
         SELECT price_minor, deal_id FROM price_history
          WHERE price_history.sku = variant.sku AND since <= moment.now
          ORDER BY since DESC LIMIT 1
         ) AS known ON true
   WHERE variant.sku = ANY ($1::text[])
ORDER BY variant.sku

-- deals_ahead --
-- The deals on them that are not over, a row for each SKU of each.
  SELECT deal_sku.sku, deal.id, deal.event_id, deal.title, deal.kind, deal.value, deal.currency, deal.begins_at,
         deal.ends_at, deal.members_from, deal.members_only, deal.stackable, deal.units, deal.claimed, deal.sold,
         deal.per_customer, deal.claim_minutes, deal.paused_at, deal.ended_at, deal.version,
         sale_event.ended_at AS event_ended_at
    FROM deal_sku
    JOIN deal ON deal.id = deal_sku.deal_id
    JOIN sale_event ON sale_event.id = deal.event_id
   WHERE deal_sku.sku = ANY ($1::text[])
     AND deal.ends_at > $2 AND deal.ended_at IS NULL AND sale_event.ended_at IS NULL
ORDER BY deal_sku.sku, deal.id

-- forget_foreseen --
-- What was foreseen for some SKUs behind a moment: it is foreseen anew.
DELETE FROM price_history WHERE sku = ANY ($1::text[]) AND since > $2

-- write_prices --
-- The same moment again is the same change.
INSERT INTO price_history (sku, since, price_minor, deal_id)
SELECT sku, since, price_minor, deal_id
  FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::uuid[]) AS row (sku, since, price_minor, deal_id)
 ORDER BY sku, since
ON CONFLICT (sku, since) DO UPDATE SET price_minor = excluded.price_minor, deal_id = excluded.deal_id

-- write_past_prices --
-- What SKUs cost before the first moment that is known of them.
INSERT INTO price_history (sku, since, price_minor)
SELECT sku, since, price_minor
  FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) AS row (sku, since, price_minor)
 WHERE NOT EXISTS (SELECT FROM price_history AS known WHERE known.sku = row.sku AND known.since <= row.since)
 ORDER BY sku

-- lowest --
-- The lowest price of each SKU between two moments of its own: what it cost at the first, and what it came to until just
-- before the second. Two looks into the primary key for each.
SELECT asked.ask, least(later.price_minor, at_first.price_minor) AS price_minor
  FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS asked (ask, sku, first, before)
  LEFT JOIN LATERAL (
       SELECT min(price_minor) AS price_minor FROM price_history
        WHERE price_history.sku = asked.sku AND since > asked.first AND since < asked.before
       ) AS later ON true
  LEFT JOIN LATERAL (
       SELECT price_minor FROM price_history
        WHERE price_history.sku = asked.sku AND since <= asked.first
        ORDER BY since DESC LIMIT 1
       ) AS at_first ON true
