-- Changes staff make to the catalogue.

-- lock_product --
-- One product, locked, whatever its status.
SELECT id, status FROM product WHERE handle = $1 FOR NO KEY UPDATE;

-- change_status --
UPDATE product SET status = $2, updated_at = $3 WHERE id = $1;

-- lock_variant --
-- One variant, locked.
SELECT price_minor, currency FROM variant WHERE sku = $1 FOR NO KEY UPDATE;

-- change_price --
-- Another price; its product counts as changed.
WITH priced AS (
    UPDATE variant SET price_minor = $2 WHERE sku = $1 RETURNING product_id
)
UPDATE product SET updated_at = $3 FROM priced WHERE product.id = priced.product_id;
