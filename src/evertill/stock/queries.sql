-- lock_stock --
-- Free units and price of the group's SKUs; stock rows locked in SKU order, so two groups cannot deadlock.
  SELECT stock.sku, stock.on_hand - stock.claimed - stock.sold AS free, variant.price_minor,
         product.status = 'active' AS on_sale, product.title, variant.option_values
    FROM stock
    JOIN variant ON variant.sku = stock.sku
    JOIN product ON product.id = variant.product_id
   WHERE stock.sku = ANY ($1::text[])
ORDER BY stock.sku
     FOR NO KEY UPDATE OF stock;

-- move_stock --
-- One row per SKU, locked in SKU order. The table's own CHECK that free is never negative is the last judge.
WITH locked AS (
    SELECT stock.sku FROM stock WHERE stock.sku = ANY ($1::text[]) ORDER BY stock.sku FOR NO KEY UPDATE
)
UPDATE stock
   SET claimed = stock.claimed + moves.claimed, sold = stock.sold + moves.sold
  FROM unnest($1::text[], $2::integer[], $3::integer[]) AS moves (sku, claimed, sold)
  JOIN locked ON locked.sku = moves.sku
 WHERE stock.sku = moves.sku;

-- lock_level --
-- One SKU as it stands, locked: what an operator is told about it is still so when it is changed.
SELECT sku, on_hand, claimed, sold FROM stock WHERE sku = $1 FOR NO KEY UPDATE;

-- change_on_hand --
-- An operator's count. The table refuses to fall below what is claimed and sold.
UPDATE stock SET on_hand = on_hand + $2 WHERE sku = $1
RETURNING on_hand, claimed, sold;

-- write_movements --
-- Why on_hand changed, in the transaction that changes it. $1 ids, $2 SKUs, $3 units of each; the rest is of them all.
INSERT INTO stock_movement (id, sku, units, reason, note, staff_id, order_id, moved_at)
SELECT id, sku, units, $4, $5, $6, $7, $8
  FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS moved (id, sku, units);
