-- What staff plan. Locks are taken in one order: the event, variants in SKU order, the deal; then nothing. (Imports hold
-- variants when they come to stock; groups of claims hold stock when they come to deals.)

-- lock_key --
-- Two presses of one button follow each other, before there is a row of theirs to lock.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))

-- lock_event --
-- One event, locked; and the database's idea of now.
SELECT id, slug, name, theme, time_zone, opens_at, closes_at, members_from, ended_at, version, clock_timestamp() AS now
  FROM sale_event
 WHERE id = $1
   FOR NO KEY UPDATE

-- event_of_deal --
SELECT event_id FROM deal WHERE id = $1

-- make_event --
INSERT INTO sale_event (id, slug, name, theme, time_zone, opens_at, closes_at, members_from, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- change_event --
UPDATE sale_event
   SET slug = $2, name = $3, theme = $4, time_zone = $5, opens_at = $6, closes_at = $7, members_from = $8,
       version = version + 1
 WHERE id = $1

-- stop_event --
UPDATE sale_event SET ended_at = $2, version = version + 1 WHERE id = $1

-- span_of_deals --
-- From when to when its deals last that have not been ended.
SELECT count(*) AS deals, min(least(begins_at, members_from)) AS first_at, max(ends_at) AS last_at,
       min(begins_at) FILTER (WHERE NOT members_only) AS everybody_at
  FROM deal
 WHERE event_id = $1 AND ended_at IS NULL

-- size_of_event --
-- How much is in it already.
SELECT (SELECT count(*) FROM deal WHERE event_id = $1) AS deals,
       (SELECT count(*) FROM deal JOIN deal_sku ON deal_sku.deal_id = deal.id WHERE event_id = $1) AS skus

-- lock_deal --
SELECT deal.id, event_id, title, kind, value, currency, begins_at, ends_at, deal.members_from, members_only, stackable,
       units, claimed, sold, per_customer, claim_minutes, paused_at, deal.ended_at, deal.version,
       sale_event.ended_at AS event_ended_at
  FROM deal
  JOIN sale_event ON sale_event.id = deal.event_id
 WHERE deal.id = $1
   FOR NO KEY UPDATE OF deal

-- skus_of_deal --
  SELECT sku FROM deal_sku WHERE deal_id = $1 ORDER BY sku

-- skus_of_event --
-- Everything that has a deal in it.
  SELECT DISTINCT sku FROM deal JOIN deal_sku ON deal_sku.deal_id = deal.id WHERE event_id = $1 ORDER BY sku

-- known_skus --
-- SKUs that are named, and those of products that are named by their handle; a bound number of a product's.
SELECT sku, currency, price_minor, NULL AS handle FROM variant WHERE sku = ANY ($1::text[])
 UNION ALL
SELECT offered.sku, offered.currency, offered.price_minor, product.handle
  FROM product
 CROSS JOIN LATERAL (
       SELECT sku, currency, price_minor FROM variant WHERE product_id = product.id ORDER BY sku LIMIT $3
       ) AS offered
 WHERE product.handle = ANY ($2::text[])

-- make_deals --
INSERT INTO deal (id, event_id, title, kind, value, currency, begins_at, ends_at, members_from, members_only, stackable,
                  units, per_customer, claim_minutes, created_at)
SELECT id, $2, title, kind, value, currency, begins_at, ends_at, members_from, members_only, stackable, units,
       per_customer, claim_minutes, $1
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[], $9::timestamptz[],
              $10::timestamptz[], $11::boolean[], $12::boolean[], $13::integer[], $14::integer[], $15::integer[])
    AS row (id, title, kind, value, currency, begins_at, ends_at, members_from, members_only, stackable, units,
            per_customer, claim_minutes)

-- put_skus --
INSERT INTO deal_sku (deal_id, sku) SELECT deal_id, sku FROM unnest($1::uuid[], $2::text[]) AS row (deal_id, sku)
ON CONFLICT DO NOTHING

-- drop_skus --
DELETE FROM deal_sku WHERE deal_id = $1 AND sku <> ALL ($2::text[])

-- change_deal --
UPDATE deal
   SET title = $2, kind = $3, value = $4, currency = $5, begins_at = $6, ends_at = $7, members_from = $8,
       members_only = $9, stackable = $10, units = $11, per_customer = $12, claim_minutes = $13, version = version + 1
 WHERE id = $1

-- set_paused --
UPDATE deal SET paused_at = $2, version = version + 1 WHERE id = $1

-- set_ended --
UPDATE deal SET ended_at = $2, version = version + 1 WHERE id = $1

-- set_end --
UPDATE deal SET ends_at = $2, version = version + 1 WHERE id = $1

-- set_units --
UPDATE deal SET units = $2, version = version + 1 WHERE id = $1

-- overlapping --
-- Pairs of deals that are not over and share a SKU for a while, one of them in this event. Each pair once, with the first
-- of its SKUs and how many there are.
  SELECT deal.id, deal.title, other.id AS other_id, other.title AS other_title, min(deal_sku.sku) AS sku,
         count(*) AS skus
    FROM deal
    JOIN deal_sku ON deal_sku.deal_id = deal.id
    JOIN deal_sku AS shared ON shared.sku = deal_sku.sku AND shared.deal_id <> deal.id
    JOIN deal AS other ON other.id = shared.deal_id
    JOIN sale_event AS its ON its.id = other.event_id
   WHERE deal.event_id = $1 AND deal.ended_at IS NULL AND other.ended_at IS NULL AND its.ended_at IS NULL
     AND (other.event_id <> $1 OR deal.id < other.id)
     AND deal.ends_at > clock_timestamp() AND other.ends_at > clock_timestamp()
     AND least(deal.begins_at, deal.members_from) < other.ends_at
     AND least(other.begins_at, other.members_from) < deal.ends_at
GROUP BY deal.id, deal.title, other.id, other.title
ORDER BY deal.id, other.id
   LIMIT $2

-- beyond_stock --
-- Limited deals with more units left than are free of all their SKUs together.
  SELECT deal.id, deal.title, deal.units - deal.claimed - deal.sold AS "left", greatest(held.free, 0) AS free
    FROM deal
   CROSS JOIN LATERAL (
         SELECT coalesce(sum(on_hand - stock.claimed - stock.sold), 0)::bigint AS free
           FROM deal_sku JOIN stock USING (sku) WHERE deal_sku.deal_id = deal.id
         ) AS held
   WHERE deal.event_id = $1 AND deal.ended_at IS NULL AND deal.ends_at > clock_timestamp()
     AND deal.units - deal.claimed - deal.sold > greatest(held.free, 0)
ORDER BY deal.id
   LIMIT $2

-- past --
-- Deals that nobody ended and whose time was over when they were planned.
  SELECT id, title, ends_at FROM deal
   WHERE event_id = $1 AND ended_at IS NULL AND ends_at <= created_at
ORDER BY id
   LIMIT $2

-- prices --
-- What is needed to know each price of the event's deals that are not over.
  SELECT deal_sku.sku, deal.id, deal.title, deal.kind, deal.value, variant.price_minor,
         least(deal.begins_at, deal.members_from) AS begins
    FROM deal
    JOIN deal_sku ON deal_sku.deal_id = deal.id
    JOIN variant ON variant.sku = deal_sku.sku
   WHERE deal.event_id = $1 AND deal.ended_at IS NULL AND deal.ends_at > clock_timestamp()
ORDER BY deal.id, deal_sku.sku
   LIMIT $2
