-- Writing products in groups: staged by COPY, then moved with a fixed number of set-based statements. Rows of every
-- table are written in the order of their keys, stock last and in SKU order like everywhere: an import and the till
-- cannot deadlock, and a hot SKU is locked for the end of a short transaction only.

-- make_staging --
-- Tables of this connection's own. A group's rows go with its transaction; what the file has named so far stays.
CREATE TEMP TABLE IF NOT EXISTS staged_product (
    line integer PRIMARY KEY, id uuid, handle text, title text, description_html text, vendor text,
    category text, category_name text, tags text[], option_names text[], image_url text, status text,
    popularity integer, first_seen timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_variant (
    line integer, product_line integer, position integer, sku text COLLATE "C", option_values text[],
    price_minor bigint, compare_at_minor bigint, quantity integer, image_url text, movement_id uuid
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS named_handle (handle text PRIMARY KEY, line integer);
CREATE TEMP TABLE IF NOT EXISTS named_sku (sku text COLLATE "C" PRIMARY KEY, line integer);
TRUNCATE named_handle, named_sku

-- forget_named --
TRUNCATE named_handle, named_sku

-- one_at_a_time --
-- Groups of several imports follow each other: between asking whose a SKU is and writing it, nobody else writes.
SELECT pg_advisory_xact_lock($1)

-- name_handles --
INSERT INTO named_handle
SELECT DISTINCT ON (handle) handle, line FROM staged_product ORDER BY handle, line
ON CONFLICT DO NOTHING

-- refuse_scattered --
-- Products whose handle was named before: their rows do not stand together, or stand there twice.
DELETE FROM staged_product
 USING named_handle
 WHERE named_handle.handle = staged_product.handle AND named_handle.line <> staged_product.line
RETURNING staged_product.line, staged_product.handle, named_handle.line AS first_line

-- drop_orphans --
-- Variants whose product was refused.
DELETE FROM staged_variant WHERE NOT EXISTS (SELECT FROM staged_product WHERE line = product_line)

-- name_skus --
INSERT INTO named_sku
SELECT DISTINCT ON (sku) sku, line FROM staged_variant ORDER BY sku, line
ON CONFLICT DO NOTHING

-- refuse_repeated --
-- Variants whose SKU was named before in this file.
DELETE FROM staged_variant
 USING named_sku
 WHERE named_sku.sku = staged_variant.sku AND named_sku.line <> staged_variant.line
RETURNING staged_variant.line, staged_variant.sku, named_sku.line AS first_line

-- refuse_foreign --
-- Variants whose SKU belongs to another product of the shop.
DELETE FROM staged_variant
 USING staged_product, variant, product
 WHERE staged_product.line = staged_variant.product_line
   AND variant.sku = staged_variant.sku AND product.id = variant.product_id
   AND product.handle <> staged_product.handle
RETURNING staged_variant.line, staged_variant.sku, product.handle

-- drop_empty --
-- Products of which no variant is left.
DELETE FROM staged_product WHERE NOT EXISTS (SELECT FROM staged_variant WHERE product_line = staged_product.line)

-- write_categories --
INSERT INTO category (slug, name)
SELECT DISTINCT ON (category) category, category_name FROM staged_product
 WHERE category IS NOT NULL ORDER BY category, line
ON CONFLICT DO NOTHING

-- write_products --
-- New ones are made, known ones keep their id and age; those that are the same already are not even locked. How
-- often something was bought only grows. Gives the line of each that is new or changed. $1 now.
WITH written AS (
    INSERT INTO product (id, handle, title, description_html, vendor, category, tags, option_names, image_url, status,
                         popularity, created_at, updated_at)
    SELECT id, handle, title, description_html, vendor, category, tags, option_names, image_url, status,
           popularity, coalesce(first_seen, $1), $1
      FROM staged_product
     WHERE NOT EXISTS (
           SELECT FROM product AS known
            WHERE known.handle = staged_product.handle
              AND (known.title, known.description_html, known.vendor, known.category, known.tags,
                   known.option_names, known.image_url, known.status)
                  IS NOT DISTINCT FROM
                  (staged_product.title, staged_product.description_html, staged_product.vendor,
                   staged_product.category, staged_product.tags, staged_product.option_names,
                   staged_product.image_url, staged_product.status)
              AND known.popularity >= staged_product.popularity)
     ORDER BY handle
    ON CONFLICT (handle) DO UPDATE
       SET title = excluded.title, description_html = excluded.description_html, vendor = excluded.vendor,
           category = excluded.category, tags = excluded.tags, option_names = excluded.option_names,
           image_url = excluded.image_url, status = excluded.status,
           popularity = greatest(product.popularity, excluded.popularity), updated_at = excluded.updated_at
    RETURNING handle
)
SELECT line FROM staged_product JOIN written USING (handle)

-- write_variants --
-- The same for variants. $1 the currency.
WITH written AS (
    INSERT INTO variant (sku, product_id, position, option_values, price_minor, compare_at_minor, currency, image_url)
    SELECT staged_variant.sku, product.id, position, option_values, price_minor, compare_at_minor, $1,
           staged_variant.image_url
      FROM staged_variant
      JOIN staged_product ON staged_product.line = product_line
      JOIN product USING (handle)
     WHERE NOT EXISTS (
           SELECT FROM variant AS known
            WHERE known.sku = staged_variant.sku
              AND (known.position, known.option_values, known.price_minor, known.compare_at_minor, known.currency,
                   known.image_url)
                  IS NOT DISTINCT FROM
                  (staged_variant.position, staged_variant.option_values, staged_variant.price_minor,
                   staged_variant.compare_at_minor, $1, staged_variant.image_url))
     ORDER BY staged_variant.sku
    ON CONFLICT (sku) DO UPDATE
       SET position = excluded.position, option_values = excluded.option_values, price_minor = excluded.price_minor,
           compare_at_minor = excluded.compare_at_minor, currency = excluded.currency, image_url = excluded.image_url
    RETURNING sku
)
SELECT line FROM staged_variant JOIN written USING (sku)

-- skus_of_lines --
-- The SKUs of variants that are new or changed: their price may be another.
SELECT sku FROM staged_variant WHERE line = ANY ($1::integer[])

-- write_new_stock --
-- Stock of SKUs that had none, and that it came. $1 the import's name, $2 now. Gives their lines.
WITH written AS (
    INSERT INTO stock (sku, on_hand, imported)
    SELECT sku, coalesce(quantity, 0), quantity FROM staged_variant
     WHERE NOT EXISTS (SELECT FROM stock WHERE stock.sku = staged_variant.sku)
     ORDER BY sku
    ON CONFLICT DO NOTHING
    RETURNING sku, on_hand
), moved AS (
    INSERT INTO stock_movement (id, sku, units, reason, note, moved_at)
    SELECT movement_id, sku, on_hand, 'import', $1, $2 FROM written JOIN staged_variant USING (sku) WHERE on_hand <> 0
     ORDER BY sku
)
SELECT line FROM staged_variant JOIN written USING (sku)

-- lock_stock --
-- The stock rows that are going to change, in SKU order. A statement of its own: what is read behind a lock that
-- was waited for is read by the next statement.
  SELECT stock.sku
    FROM staged_variant JOIN stock USING (sku)
   WHERE quantity IS DISTINCT FROM imported AND quantity IS NOT NULL
ORDER BY stock.sku
     FOR NO KEY UPDATE OF stock

-- change_stock --
-- Units on hand move by what the stated quantity moved since the last import, so that sales in between stay sold;
-- a count stated for the first time is taken as it is. Never below what is already promised. How many came or went is
-- written beside it. $1 the import's name, $2 now. Gives the lines.
WITH wanted AS (
    SELECT sku, line, quantity, movement_id, on_hand AS had,
           CASE WHEN imported IS NULL THEN quantity ELSE on_hand::bigint + quantity - imported END AS on_hand
      FROM staged_variant JOIN stock USING (sku)
     WHERE quantity IS DISTINCT FROM imported AND quantity IS NOT NULL
), changed AS (
    UPDATE stock
       SET on_hand = wanted.on_hand, imported = wanted.quantity
      FROM wanted
     WHERE stock.sku = wanted.sku
       AND wanted.on_hand BETWEEN claimed + sold AND 2147483647
    RETURNING wanted.line, wanted.sku, wanted.movement_id, wanted.on_hand - wanted.had AS units
), moved AS (
    INSERT INTO stock_movement (id, sku, units, reason, note, moved_at)
    SELECT movement_id, sku, units, 'import', $1, $2 FROM changed WHERE units <> 0 ORDER BY sku
)
SELECT line FROM changed

-- stock_not_changed --
-- What change_stock would not do, with why.
SELECT line, sku, quantity, imported, on_hand, claimed + sold AS promised
  FROM staged_variant JOIN stock USING (sku)
 WHERE quantity IS DISTINCT FROM imported AND quantity IS NOT NULL
 ORDER BY line

-- staged_variants --
SELECT line, product_line FROM staged_variant
