-- What the console shows, read across slices. Nothing is changed here: every change is its owner's verb.

-- hours --
-- Orders placed since an id, hour by hour (UTC): how many were taken and stand, and what they brought.
  SELECT date_trunc('hour', placed_at) AS hour,
         count(*) FILTER (WHERE state IN ('confirmed', 'shipped')) AS orders,
         coalesce(sum(total_minor - refunded_minor) FILTER (WHERE state IN ('confirmed', 'shipped')), 0)::bigint
             AS revenue_minor
    FROM orders
   WHERE id >= $1
GROUP BY 1
ORDER BY 1;

-- open_ends --
-- What waits for the payment provider at this moment, whenever it began. Walks small indexes only.
SELECT (SELECT count(*) FROM orders WHERE state IN ('pending', 'held')) AS unsettled,
       (SELECT min(placed_at) FROM orders WHERE state IN ('pending', 'held')) AS oldest,
       (SELECT count(*) FROM payment_attempt WHERE capture_due_at IS NOT NULL) AS captures,
       (SELECT count(*) FROM payment_attempt WHERE void_due_at IS NOT NULL) AS voids,
       (SELECT count(*) FROM refund WHERE next_look_at IS NOT NULL) AS refunds;

-- low_stock --
-- SKUs on the shelves with as few free units as that ($1), or none.
SELECT count(*) FILTER (WHERE free > 0) AS few, count(*) FILTER (WHERE free <= 0) AS none
  FROM (SELECT stock.on_hand - stock.claimed - stock.sold AS free
          FROM stock
          JOIN variant ON variant.sku = stock.sku
          JOIN product ON product.id = variant.product_id AND product.status = 'active'
         WHERE stock.on_hand - stock.claimed - stock.sold <= $1) AS short;

-- lately --
-- What staff did last, the coming and going aside.
  SELECT staff_action.at, coalesce(staff.name, 'API client ' || api_client.name) AS name, staff_action.verb,
         staff_action.subject, staff_action.reason, staff_action.facts::text AS facts,
         CASE WHEN staff_action.subject LIKE 'order:%'
              THEN (SELECT number FROM orders WHERE id = substr(staff_action.subject, 7)::uuid) END AS order_number
    FROM staff_action
    LEFT JOIN staff ON staff.id = staff_action.staff_id
    LEFT JOIN api_client ON api_client.id = staff_action.client_id
   WHERE staff_action.verb <> 'sign_in'
ORDER BY staff_action.id DESC
   LIMIT $1;

-- actions_of --
-- What was done to any of these subjects, newest first.
  SELECT staff_action.at, coalesce(staff.name, 'API client ' || api_client.name) AS name, staff_action.verb,
         staff_action.subject, staff_action.reason, staff_action.facts::text AS facts,
         CASE WHEN staff_action.subject LIKE 'order:%'
              THEN (SELECT number FROM orders WHERE id = substr(staff_action.subject, 7)::uuid) END AS order_number
    FROM staff_action
    LEFT JOIN staff ON staff.id = staff_action.staff_id
    LEFT JOIN api_client ON api_client.id = staff_action.client_id
   WHERE staff_action.subject = ANY ($1::text[])
ORDER BY staff_action.at DESC, staff_action.id DESC
   LIMIT $2;

-- attempts --
-- Every try at getting an order paid, oldest first.
  SELECT id, provider, method, amount_minor, currency, state, reason, provider_ref, recorded_at, answered_at,
         captured_at, voided_at, next_look_at, capture_due_at, void_due_at, looks
    FROM payment_attempt
   WHERE order_id = $1
ORDER BY recorded_at, id;

-- refunds --
-- Everything given back for an order, oldest first.
  SELECT id, amount_minor, currency, reason, state, recorded_at, answered_at, next_look_at
    FROM refund
   WHERE order_id = $1
ORDER BY recorded_at, id;

-- letters --
-- What the buyer was told of an order. The outbox is not indexed by order: a letter's id is made from the moment it
-- tells of, so that short walks around those moments ($1 up to, but not with, $2) find it.
  SELECT DISTINCT outbox.id, outbox.kind, outbox.recipient, outbox.created_at, outbox.sent_at, outbox.given_up_at,
         outbox.last_error
    FROM unnest($1::uuid[], $2::uuid[]) AS moment (low, high)
    JOIN outbox ON outbox.id >= moment.low AND outbox.id < moment.high
   WHERE outbox.facts ->> 'order_id' = $3
ORDER BY outbox.id;

-- products --
-- Products whatever their status, the most bought first. $1 words, a handle or a SKU; $2 a status; both may be null.
WITH found AS (
    SELECT id FROM product WHERE $1::text IS NOT NULL AND search @@ websearch_to_tsquery('english', $1)
     UNION
    SELECT product_id FROM variant WHERE sku IN ($1, upper($1), lower($1))
     UNION
    SELECT id FROM product WHERE handle = lower($1)
), page AS (
    SELECT id, handle, title, vendor, status, popularity
      FROM product
     WHERE ($1::text IS NULL OR id IN (SELECT id FROM found))
       AND ($2::text IS NULL OR status = $2)
     ORDER BY popularity DESC, id
     LIMIT $3 OFFSET $4
)
  SELECT page.handle, page.title, page.vendor, page.status, offers.*
    FROM page
   CROSS JOIN LATERAL (
         SELECT count(*) AS variants, min(price_minor) AS price_minor, max(price_minor) AS price_max_minor,
                min(currency) AS currency,
                coalesce(sum(on_hand), 0)::bigint AS on_hand,
                coalesce(sum(on_hand - claimed - sold), 0)::bigint AS free
           FROM variant LEFT JOIN stock ON stock.sku = variant.sku
          WHERE variant.product_id = page.id
         ) AS offers
ORDER BY page.popularity DESC, page.id;

-- product --
SELECT id, handle, title, vendor, category, status, option_names, created_at, updated_at
  FROM product
 WHERE handle = $1;

-- variants --
-- A product's variants with their units.
  SELECT variant.sku, variant.option_values, variant.price_minor, variant.compare_at_minor, variant.currency,
         coalesce(stock.on_hand, 0) AS on_hand, coalesce(stock.claimed, 0) AS claimed, coalesce(stock.sold, 0) AS sold
    FROM variant
    LEFT JOIN stock ON stock.sku = variant.sku
   WHERE variant.product_id = $1
ORDER BY variant.position, variant.sku
   LIMIT 500;

-- movements --
-- What came and went of these SKUs, newest first. $2 the last movement of the page before, or null.
WITH page AS (
    SELECT movement.*
      FROM unnest($1::text[]) AS asked (sku)
     CROSS JOIN LATERAL (
           SELECT * FROM stock_movement
            WHERE stock_movement.sku = asked.sku AND id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            ORDER BY id DESC LIMIT $3
           ) AS movement
     ORDER BY movement.id DESC
     LIMIT $3
)
  SELECT page.id, page.sku, page.units, page.reason, page.note, page.moved_at, staff.name, page.order_id,
         orders.number AS order_number
    FROM page
    LEFT JOIN staff ON staff.id = page.staff_id
    LEFT JOIN orders ON orders.id = page.order_id
ORDER BY page.id DESC;

-- levels_of --
-- Free units of these SKUs.
SELECT stock.sku, stock.on_hand - stock.claimed - stock.sold AS free, product.title, variant.option_values
  FROM stock
  LEFT JOIN variant ON variant.sku = stock.sku
  LEFT JOIN product ON product.id = variant.product_id
 WHERE stock.sku = ANY ($1::text[]);

-- levels --
-- Stock of what is known, the scarcest first. $1 words or the beginning of a SKU, $2 no more free than that; both may
-- be null. $3 and $4: free units and SKU of the last row of the page before, null at the start.
WITH found AS (
    SELECT sku FROM stock WHERE $1::text IS NOT NULL AND starts_with(sku, $1)
     UNION
    SELECT sku FROM stock WHERE starts_with(sku, upper($1))
     UNION
    SELECT variant.sku
      FROM product JOIN variant ON variant.product_id = product.id
     WHERE product.search @@ websearch_to_tsquery('english', $1)
), page AS (
    SELECT sku, on_hand, claimed, sold, on_hand - claimed - sold AS free
      FROM stock
     WHERE ($1::text IS NULL OR sku IN (SELECT sku FROM found))
       AND ($2::integer IS NULL OR on_hand - claimed - sold <= $2)
       AND ($3::integer IS NULL OR (on_hand - claimed - sold, sku) > ($3, $4::text COLLATE "C"))
     ORDER BY on_hand - claimed - sold, sku
     LIMIT $5
)
  SELECT page.sku, page.on_hand, page.claimed, page.sold, product.handle, product.title, variant.option_values,
         product.status
    FROM page
    LEFT JOIN variant ON variant.sku = page.sku
    LEFT JOIN product ON product.id = variant.product_id
ORDER BY page.free, page.sku;

-- customer --
SELECT id, email, name, created_at FROM customer WHERE id = $1;

-- customer_of_email --
SELECT id FROM customer WHERE email_folded = $1;

-- names_of_staff --
SELECT id, name FROM staff WHERE id = ANY ($1::uuid[]);

-- claims_of_deals --
-- What became of the claims for some deals ($1), rain checks apart, by the state they are in now. Ids are made in the order of time: a claim
-- is no older than its deal, so from $2 on is all of them.
  SELECT deal_id, count(*) AS claims, count(*) FILTER (WHERE state = 'bought') AS bought,
         count(*) FILTER (WHERE state = 'released') AS released,
         coalesce(sum(quantity * price_minor) FILTER (WHERE state = 'bought'), 0)::bigint AS revenue_minor
    FROM claim
   WHERE id >= $2 AND deal_id = ANY ($1::uuid[]) AND grant_id IS NULL
GROUP BY deal_id;

-- claims_by_minute --
-- Units claimed for some deals ($1) in each of the minutes before a moment ($3), and how many of them were not given back.
-- From $2 on is all that was claimed in them.
  SELECT deal_id, floor(extract(epoch FROM $3 - claimed_at) / 60)::integer AS minutes_ago,
         sum(quantity)::integer AS units, coalesce(sum(quantity) FILTER (WHERE state <> 'released'), 0)::integer AS kept
    FROM claim
   WHERE id >= $2 AND deal_id = ANY ($1::uuid[]) AND claimed_at <= $3 AND claimed_at > $3 - make_interval(mins => $4)
     AND grant_id IS NULL
GROUP BY deal_id, minutes_ago;

-- skus_on_sale --
-- What the deals of an event ($1) are on, in SKU order behind a SKU ($2), with its list price; SKUs that are gone are not.
  SELECT variant.sku, product.title, variant.option_values, variant.price_minor, variant.currency
    FROM (SELECT DISTINCT sku FROM deal JOIN deal_sku ON deal_sku.deal_id = deal.id WHERE event_id = $1) AS its
    JOIN variant ON variant.sku = its.sku
    JOIN product ON product.id = variant.product_id
   WHERE variant.sku > $2
ORDER BY variant.sku
   LIMIT $3;

-- deals_on_at --
-- The deals of any event on some SKUs ($1) whose window, that of members included, a moment ($2) is in.
  SELECT deal_sku.sku, deal.id, event_id, title, kind, value, currency, begins_at, ends_at, deal.members_from,
         members_only, stackable, units, claimed, sold, per_customer, claim_minutes, paused_at, deal.ended_at,
         deal.version, sale_event.ended_at AS event_ended_at
    FROM deal_sku
    JOIN deal ON deal.id = deal_sku.deal_id
    JOIN sale_event ON sale_event.id = deal.event_id
   WHERE deal_sku.sku = ANY ($1::text[]) AND least(deal.begins_at, deal.members_from) <= $2 AND deal.ends_at > $2
     AND deal.ended_at IS NULL AND sale_event.ended_at IS NULL
ORDER BY deal_sku.sku, deal.id;

-- first_sku --
-- A SKU of the shop, for an example. No row: it has none yet.
SELECT sku FROM variant ORDER BY sku LIMIT 1;
