-- What pages show of sale events and deals. Every answer brings the moment it holds for, by the database's clock.

-- event --
-- One event by its slug. $1 the slug.
SELECT id, slug, name, theme, time_zone, opens_at, closes_at, members_from, ended_at, version, clock_timestamp() AS now
  FROM sale_event
 WHERE slug = $1

-- event_of_id --
SELECT id, slug, name, theme, time_zone, opens_at, closes_at, members_from, ended_at, version, clock_timestamp() AS now
  FROM sale_event
 WHERE id = $1

-- event_of_deal --
SELECT its.id, slug, name, theme, time_zone, opens_at, closes_at, its.members_from, its.ended_at, its.version,
       clock_timestamp() AS now
  FROM deal
  JOIN sale_event AS its ON its.id = deal.event_id
 WHERE deal.id = $1

-- deal --
-- One deal with its SKUs.
SELECT deal.id, event_id, title, kind, value, currency, begins_at, ends_at, deal.members_from, members_only, stackable,
       units, claimed, sold, per_customer, claim_minutes, paused_at, deal.ended_at, deal.version,
       sale_event.ended_at AS event_ended_at,
       ARRAY(SELECT sku FROM deal_sku WHERE deal_id = deal.id ORDER BY sku) AS skus
  FROM deal
  JOIN sale_event ON sale_event.id = deal.event_id
 WHERE deal.id = $1

-- events_planned --
-- All events, the last planned first. $1 of those before it; null: from the last on.
  SELECT id, slug, name, theme, time_zone, opens_at, closes_at, members_from, ended_at, version
    FROM sale_event
   WHERE $1::uuid IS NULL OR id < $1
ORDER BY id DESC
   LIMIT $2

-- deals_of_event --
-- Its deals, the first first, each with its SKUs.
  SELECT deal.id, event_id, title, kind, value, currency, begins_at, ends_at, deal.members_from, members_only, stackable,
         units, claimed, sold, per_customer, claim_minutes, paused_at, deal.ended_at, deal.version,
         sale_event.ended_at AS event_ended_at,
         ARRAY(SELECT sku FROM deal_sku WHERE deal_id = deal.id ORDER BY sku) AS skus
    FROM deal
    JOIN sale_event ON sale_event.id = deal.event_id
   WHERE deal.event_id = $1
ORDER BY deal.begins_at, deal.id
   LIMIT $2

-- not_over --
-- Events that run or are to come, the next to open first. A row without an event brings the moment where there is none.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
  SELECT moment.now, event.*
    FROM moment
    LEFT JOIN LATERAL (
         SELECT * FROM sale_event WHERE closes_at > moment.now AND ended_at IS NULL ORDER BY closes_at LIMIT $1
         ) AS event ON true
ORDER BY event.opens_at, event.id

-- over --
-- Events that are over, the last to close first: by their time or because they were stopped.
  SELECT id, slug, name, theme, time_zone, opens_at, closes_at, members_from, ended_at, version
    FROM sale_event
   WHERE closes_at <= $1 OR ended_at IS NOT NULL
ORDER BY closes_at DESC, id
   LIMIT $2

-- deals_of_skus --
-- The deals on some SKUs that are not over, a row for each SKU of each; of one SKU a bound number, the next to end first.
-- A row without a deal brings the moment where there is none.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
  SELECT moment.now, asked.sku, found.*
    FROM moment
   CROSS JOIN unnest($1::text[]) AS asked (sku)
    LEFT JOIN LATERAL (
         SELECT deal.id, event_id, title, kind, value, currency, begins_at, ends_at, deal.members_from, members_only,
                stackable, units, claimed, sold, per_customer, claim_minutes, paused_at, deal.ended_at, deal.version,
                sale_event.ended_at AS event_ended_at
           FROM deal_sku
           JOIN deal ON deal.id = deal_sku.deal_id
           JOIN sale_event ON sale_event.id = deal.event_id
          WHERE deal_sku.sku = asked.sku
            AND deal.ends_at > moment.now AND deal.ended_at IS NULL AND sale_event.ended_at IS NULL
          ORDER BY deal.ends_at, deal.id
          LIMIT $2
         ) AS found ON true
ORDER BY asked.sku, found.begins_at, found.id

-- claims_of_lines --
-- Claims that lines of carts and sessions name ($1), whatever became of them, and those that browsers ($2) and customers
-- ($3) hold of SKUs ($4), rain checks apart; each with the first moment of its deal's price.
SELECT claim.*, least(deal.begins_at, deal.members_from) AS reduced_from, deal.title, deal.stackable,
       sale_event.time_zone
  FROM claim
  JOIN deal ON deal.id = claim.deal_id
  JOIN sale_event ON sale_event.id = deal.event_id
 WHERE claim.id IN (SELECT unnest($1::uuid[])
                     UNION
                    SELECT id FROM claim WHERE holder = ANY ($2::text[]) AND sku = ANY ($4::text[]) AND state = 'held'
                       AND grant_id IS NULL
                     UNION
                    SELECT id FROM claim WHERE customer_id = ANY ($3::uuid[]) AND sku = ANY ($4::text[]) AND state = 'held'
                       AND grant_id IS NULL)

-- held_until --
-- Until when claims hold, and which of them are rain checks. A row without a claim brings the moment where there is none.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
SELECT moment.now, claim.id, claim.expires_at, claim.grant_id, sale_event.time_zone
  FROM moment
  LEFT JOIN (claim JOIN deal ON deal.id = claim.deal_id JOIN sale_event ON sale_event.id = deal.event_id)
    ON claim.id = ANY ($1::uuid[]) AND claim.state = 'held' AND claim.expires_at > moment.now

-- board_events --
-- The events a front page shows: those that are not over, the next to close first, and the last that closed. A row
-- without an event brings the moment where there is none. $1 how many of each, $2 over for how long at the most.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
  SELECT moment.now, event.*
    FROM moment
    LEFT JOIN LATERAL (
         (SELECT * FROM sale_event WHERE closes_at > moment.now ORDER BY closes_at, id LIMIT $1)
          UNION ALL
         (SELECT * FROM sale_event WHERE closes_at <= moment.now AND closes_at > moment.now - $2::interval
           ORDER BY closes_at DESC, id LIMIT $1)
         ) AS event ON true

-- board_deals --
-- Their deals, each with the first of its SKUs and how many it has. $2 SKUs of each, $3 deals in all.
  SELECT deal.id, event_id, title, kind, value, currency, begins_at, ends_at, deal.members_from, members_only, stackable,
         units, claimed, sold, per_customer, claim_minutes, paused_at, deal.ended_at, deal.version,
         sale_event.ended_at AS event_ended_at,
         ARRAY(SELECT sku FROM deal_sku WHERE deal_id = deal.id ORDER BY sku LIMIT $2) AS skus,
         (SELECT count(*) FROM deal_sku WHERE deal_id = deal.id) AS skus_in_all
    FROM deal
    JOIN sale_event ON sale_event.id = deal.event_id
   WHERE deal.event_id = ANY ($1::uuid[])
ORDER BY sale_event.closes_at DESC, deal.begins_at, deal.id
   LIMIT $3

-- figures --
-- What of deals changes from second to second. A row without a deal brings the moment where there is none.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
  SELECT moment.now, found.*
    FROM moment
    LEFT JOIN LATERAL (
         SELECT deal.id, units, claimed, sold, paused_at, deal.ended_at, deal.version, sale_event.ended_at AS event_ended_at
           FROM deal JOIN sale_event ON sale_event.id = deal.event_id
          WHERE deal.id = ANY ($1::uuid[])
         ) AS found ON true

-- category_names --
SELECT slug, name FROM category WHERE slug = ANY ($1::text[])

-- event_by_id --
SELECT id, slug, name, theme, time_zone, opens_at, closes_at, members_from, ended_at, version
  FROM sale_event
 WHERE id = $1
