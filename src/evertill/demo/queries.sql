-- What the demo looks for in the shop it runs in. What it changes, it changes by the shop's own verbs.

-- running_day --
-- The demo's sale event that is not over, if there is one. $1 how its slug begins.
SELECT id FROM sale_event
 WHERE starts_with(slug, $1) AND ended_at IS NULL AND closes_at > clock_timestamp()
 ORDER BY closes_at DESC
 LIMIT 1

-- slugs --
-- Slugs that begin like that, of events that are over as well.
SELECT slug FROM sale_event WHERE starts_with(slug, $1) ORDER BY slug LIMIT 100

-- best_sellers --
-- What may be on a deal: products of one variant that cost enough for a discount to be seen, and were in no other event's
-- deal that ended within so many days. The best sellers first, one of each category in turn.
-- $1 the event, $2 price from, $3 days, $4 how many.
  SELECT handle, category, sku, price_minor, free, created_at
    FROM (SELECT product.handle, product.category, product.popularity, product.created_at, variant.sku,
                 variant.price_minor, stock.on_hand - stock.claimed - stock.sold AS free,
                 row_number() OVER (PARTITION BY product.category ORDER BY product.popularity DESC, product.handle) AS place
            FROM product
            JOIN variant ON variant.product_id = product.id
            JOIN stock ON stock.sku = variant.sku
           WHERE product.status = 'active' AND product.category IS NOT NULL AND product.popularity > 0
             AND variant.price_minor >= $2
             AND (SELECT count(*) FROM variant AS other WHERE other.product_id = product.id) = 1
             AND NOT EXISTS (
                 SELECT FROM deal_sku JOIN deal ON deal.id = deal_sku.deal_id
                  WHERE deal_sku.sku = variant.sku AND deal.event_id <> $1
                    AND coalesce(deal.ended_at, deal.ends_at) > clock_timestamp() - make_interval(days => $3)
                 )
         ) AS candidate
ORDER BY place, popularity DESC, handle
   LIMIT $4
