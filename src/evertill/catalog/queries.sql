-- Reading the catalogue. A shelf is two statements: which products stand on this page (and how many there are in
-- all), then their cards. One statement per order, so that each can walk its own index and stop after a page. Orders by
-- price go by all variants, sold out or not: stock changes with every purchase, and no index could be walked for it.

-- shelf_all_popular --
-- Page of all products, most bought first. $1 page size, $2 rows before it, $3 how far to count.
SELECT (SELECT count(*) FROM (SELECT FROM product WHERE status = 'active' LIMIT $3) AS counted) AS total,
       ARRAY(SELECT id FROM product WHERE status = 'active'
              ORDER BY popularity DESC, id LIMIT $1 OFFSET $2) AS ids

-- shelf_all_newest --
SELECT (SELECT count(*) FROM (SELECT FROM product WHERE status = 'active' LIMIT $3) AS counted) AS total,
       ARRAY(SELECT id FROM product WHERE status = 'active'
              ORDER BY created_at DESC, id LIMIT $1 OFFSET $2) AS ids

-- shelf_all_price_low --
-- Walks variants from the cheapest up and takes a product where its cheapest variant stands.
SELECT (SELECT count(*) FROM (SELECT FROM product WHERE status = 'active' LIMIT $3) AS counted) AS total,
       ARRAY(SELECT product_id
               FROM variant
              WHERE EXISTS (SELECT FROM product WHERE product.id = variant.product_id AND status = 'active')
                AND NOT EXISTS (SELECT FROM variant AS cheaper
                                 WHERE cheaper.product_id = variant.product_id
                                   AND (cheaper.price_minor, cheaper.sku) < (variant.price_minor, variant.sku))
              ORDER BY price_minor, sku LIMIT $1 OFFSET $2) AS ids

-- shelf_all_price_high --
-- The same from the dearest down.
SELECT (SELECT count(*) FROM (SELECT FROM product WHERE status = 'active' LIMIT $3) AS counted) AS total,
       ARRAY(SELECT product_id
               FROM variant
              WHERE EXISTS (SELECT FROM product WHERE product.id = variant.product_id AND status = 'active')
                AND NOT EXISTS (SELECT FROM variant AS dearer
                                 WHERE dearer.product_id = variant.product_id
                                   AND (dearer.price_minor, dearer.sku) > (variant.price_minor, variant.sku))
              ORDER BY price_minor DESC, sku DESC LIMIT $1 OFFSET $2) AS ids

-- shelf_popular --
-- Page of one category's products, most bought first. $4 its slug.
SELECT (SELECT count(*) FROM (SELECT FROM product WHERE status = 'active' AND category = $4 LIMIT $3) AS counted) AS total,
       ARRAY(SELECT id FROM product WHERE status = 'active' AND category = $4
              ORDER BY popularity DESC, id LIMIT $1 OFFSET $2) AS ids

-- shelf_newest --
SELECT (SELECT count(*) FROM (SELECT FROM product WHERE status = 'active' AND category = $4 LIMIT $3) AS counted) AS total,
       ARRAY(SELECT id FROM product WHERE status = 'active' AND category = $4
              ORDER BY created_at DESC, id LIMIT $1 OFFSET $2) AS ids

-- shelf_price_low --
SELECT (SELECT count(*) FROM (SELECT FROM product WHERE status = 'active' AND category = $4 LIMIT $3) AS counted) AS total,
       ARRAY(SELECT product.id
               FROM product JOIN variant ON variant.product_id = product.id
              WHERE status = 'active' AND category = $4
              GROUP BY product.id
              ORDER BY min(price_minor), product.id LIMIT $1 OFFSET $2) AS ids

-- shelf_price_high --
SELECT (SELECT count(*) FROM (SELECT FROM product WHERE status = 'active' AND category = $4 LIMIT $3) AS counted) AS total,
       ARRAY(SELECT product.id
               FROM product JOIN variant ON variant.product_id = product.id
              WHERE status = 'active' AND category = $4
              GROUP BY product.id
              ORDER BY max(price_minor) DESC, product.id LIMIT $1 OFFSET $2) AS ids

-- search --
-- Page of what matches some words. $4 the words; $5 all but the last of them and $6 the last as a prefix, or null
-- where the last is no plain word; $7 the order. A SKU typed exactly comes before everything else. Where more than
-- 1,000 match, only the most bought 1,000 are ranked: reading every text would cost more than it tells.
-- No join of found with what was made of it: planned without knowing how many match, it took time squared.
WITH asked AS (
    SELECT websearch_to_tsquery('english', $4)
           || coalesce(websearch_to_tsquery('english', $5) && to_tsquery('english', $6 || ':*'), ''::tsquery) AS words
), found AS MATERIALIZED (
    SELECT id, popularity, created_at
      FROM asked, product
     WHERE status = 'active' AND search @@ words
     LIMIT $3
), by_sku AS (
    SELECT id, popularity, created_at
      FROM product
     WHERE status = 'active' AND id IN (SELECT product_id FROM variant WHERE sku IN ($4, upper($4), lower($4)))
), ordered AS (
    SELECT id, popularity, created_at, row_number() OVER (ORDER BY popularity DESC, id) AS place
      FROM found
     WHERE id NOT IN (SELECT id FROM by_sku)
), answer AS (
    SELECT id, popularity, created_at, 'Infinity' AS rank FROM by_sku
     UNION ALL
    SELECT id, popularity, created_at,
           CASE WHEN $7 = 'relevance' AND place <= 1000
                THEN (SELECT ts_rank(product.search, words) FROM product WHERE product.id = ordered.id) * ln(popularity + 3)
            END
      FROM asked, ordered
)
SELECT (SELECT count(*) FROM answer) AS total,
       ARRAY(SELECT id FROM answer
              ORDER BY rank DESC NULLS LAST,
                       CASE WHEN $7 = 'newest' THEN created_at END DESC,
                       popularity DESC, id LIMIT $1 OFFSET $2) AS ids

-- search_by_price --
-- The same by price: $7 is 1 for the cheapest first, -1 for the dearest first.
WITH asked AS (
    SELECT websearch_to_tsquery('english', $4)
           || coalesce(websearch_to_tsquery('english', $5) && to_tsquery('english', $6 || ':*'), ''::tsquery) AS words
), found AS MATERIALIZED (
    SELECT id FROM asked, product WHERE status = 'active' AND search @@ words LIMIT $3
), with_sku AS (
    SELECT id FROM found
     UNION
    SELECT id FROM product
     WHERE status = 'active' AND id IN (SELECT product_id FROM variant WHERE sku IN ($4, upper($4), lower($4)))
)
SELECT (SELECT count(*) FROM with_sku) AS total,
       ARRAY(SELECT with_sku.id
               FROM with_sku JOIN variant ON variant.product_id = with_sku.id
              GROUP BY with_sku.id
              ORDER BY min($7::int * price_minor), with_sku.id LIMIT $1 OFFSET $2) AS ids

-- cards --
-- The cards of those products, in the order of the ids handed in. Prices are of what can be bought; of everything where
-- nothing can. $2 of how many SKUs of each the price is told by itself.
SELECT product.handle, product.title, product.category AS category_slug,
       coalesce(product.image_url, offers.image_url) AS image_url,
       offers.price_minor, offers.price_max_minor,
       CASE WHEN offers.compare_at_minor > offers.price_minor THEN offers.compare_at_minor END AS compare_at_minor,
       offers.currency, offers.free_units, offers.skus, offers.prices_minor, offers.offers
  FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, place)
  JOIN product ON product.id = wanted.id
  CROSS JOIN LATERAL (
       SELECT coalesce(min(price_minor) FILTER (WHERE free > 0), min(price_minor)) AS price_minor,
              coalesce(max(price_minor) FILTER (WHERE free > 0), max(price_minor)) AS price_max_minor,
              (array_agg(compare_at_minor ORDER BY free > 0 DESC, price_minor, position))[1] AS compare_at_minor,
              (array_agg(image_url ORDER BY position) FILTER (WHERE image_url IS NOT NULL))[1] AS image_url,
              min(currency) AS currency,
              sum(free)::bigint AS free_units,
              (array_agg(sku ORDER BY free > 0 DESC, price_minor, position))[1:$2] AS skus,
              (array_agg(price_minor ORDER BY free > 0 DESC, price_minor, position))[1:$2] AS prices_minor,
              coalesce(nullif(count(*) FILTER (WHERE free > 0), 0), count(*)) AS offers
         FROM variant LEFT JOIN stock USING (sku)
              CROSS JOIN LATERAL (SELECT coalesce(on_hand - claimed - sold, 0) AS free) AS units
        WHERE variant.product_id = product.id
       HAVING count(*) > 0
  ) AS offers
 ORDER BY wanted.place

-- categories --
-- Categories with something on sale, in the order of their names. $1 how far to count.
SELECT slug, name, products
  FROM category
 CROSS JOIN LATERAL (
       SELECT count(*) AS products
         FROM (SELECT FROM product WHERE status = 'active' AND category = slug LIMIT $1) AS counted
  ) AS counts
 WHERE products > 0
 ORDER BY name, slug

-- product --
-- A product on sale with its variants, one row each, in the merchant's order.
SELECT product.id, product.handle, product.title, product.description_html, product.vendor,
       category.slug AS category_slug, category.name AS category_name,
       product.tags, product.option_names, product.image_url AS product_image_url,
       variant.sku, variant.option_values, variant.price_minor,
       CASE WHEN variant.compare_at_minor > variant.price_minor THEN variant.compare_at_minor END AS compare_at_minor,
       variant.currency, variant.image_url,
       coalesce(on_hand - claimed - sold, 0) AS free_units
  FROM product
  JOIN variant ON variant.product_id = product.id
  LEFT JOIN stock ON stock.sku = variant.sku
  LEFT JOIN category ON category.slug = product.category
 WHERE product.handle = $1 AND product.status = 'active'
 ORDER BY variant.position, variant.sku

-- offers_by_sku --
-- What a cart or an order says of those SKUs, on sale or not.
SELECT variant.sku, product.handle, product.title, variant.option_values, product.category AS category_slug,
       variant.price_minor, variant.currency,
       coalesce(variant.image_url, product.image_url) AS image_url,
       coalesce(on_hand - claimed - sold, 0) AS free_units,
       product.status = 'active' AS on_sale
  FROM variant
  JOIN product ON product.id = variant.product_id
  LEFT JOIN stock ON stock.sku = variant.sku
 WHERE variant.sku = ANY ($1::text[])
