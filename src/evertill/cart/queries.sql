-- lines --
-- What a browser ($1, while nobody is signed in) or a customer ($2) wants, in the order it was put in;
-- and whether there are deals on it.
SELECT cart_line.sku, cart_line.quantity, cart_line.price_minor, cart_line.claim_id,
       EXISTS (SELECT FROM deal_sku JOIN deal ON deal.id = deal_sku.deal_id
                WHERE deal_sku.sku = cart_line.sku AND deal.ends_at > clock_timestamp()) AS in_deal
  FROM cart
  JOIN cart_line ON cart_line.cart_id = cart.id
 WHERE (cart.browser_hash = $1 AND $2::uuid IS NULL) OR cart.customer_id = $2
 ORDER BY cart_line.added_at, cart_line.sku

-- open_browser_cart --
-- The browser's cart, made if it has none. Its row stays locked: two tabs change one cart one after the other.
INSERT INTO cart (id, browser_hash, created_at, updated_at)
     VALUES ($1, $2, $3, $3)
ON CONFLICT (browser_hash) DO UPDATE SET updated_at = greatest(cart.updated_at, excluded.updated_at)
  RETURNING id

-- open_customer_cart --
-- The customer's cart, made if there is none; locked likewise.
INSERT INTO cart (id, customer_id, created_at, updated_at)
     VALUES ($1, $2, $3, $3)
ON CONFLICT (customer_id) DO UPDATE SET updated_at = greatest(cart.updated_at, excluded.updated_at)
  RETURNING id

-- lock_cart --
-- The owner's cart, if there is one, locked against changes from another tab.
SELECT id
  FROM cart
 WHERE (browser_hash = $1 AND $2::uuid IS NULL) OR customer_id = $2
   FOR UPDATE

-- room --
-- What the (locked) cart $1 holds of SKU $2, and how many other lines it has; and whether there are deals on it, or were
-- of which some of it is claimed still.
SELECT coalesce(sum(quantity) FILTER (WHERE sku = $2), 0)::int AS in_cart,
       count(*) FILTER (WHERE sku <> $2)::int AS other_lines,
       (array_agg(claim_id) FILTER (WHERE sku = $2))[1] AS claim_id,
       EXISTS (SELECT FROM deal_sku JOIN deal ON deal.id = deal_sku.deal_id
                WHERE deal_sku.sku = $2 AND (deal.ends_at > clock_timestamp() OR deal.claimed > 0)) AS in_deal
  FROM cart_line
 WHERE cart_id = $1

-- put_line --
-- A line as it is to be, at the price of this moment, with what holds it. One that was there keeps its place.
INSERT INTO cart_line (cart_id, sku, quantity, price_minor, added_at, claim_id)
     VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (cart_id, sku) DO UPDATE
        SET quantity = excluded.quantity, price_minor = excluded.price_minor, claim_id = excluded.claim_id

-- line --
-- What a cart has of one SKU.
SELECT cart_line.quantity, cart_line.claim_id
  FROM cart
  JOIN cart_line ON cart_line.cart_id = cart.id
 WHERE ((cart.browser_hash = $1 AND $2::uuid IS NULL) OR cart.customer_id = $2)
   AND cart_line.sku = $3

-- rain_check --
-- What a rain check is for.
SELECT sku FROM claim WHERE id = $1 AND grant_id IS NOT NULL

-- hold_line --
-- A line that is there is held by a claim ($4) from now on: its quantity and price.
UPDATE cart_line
   SET claim_id = $4, quantity = $5, price_minor = $6
  FROM cart
 WHERE cart_line.cart_id = cart.id
   AND ((cart.browser_hash = $1 AND $2::uuid IS NULL) OR cart.customer_id = $2)
   AND cart_line.sku = $3

-- set_line_quantity --
-- Another quantity for a line that is there. Its remembered price stays: a change must still be told.
UPDATE cart_line
   SET quantity = $4
  FROM cart
 WHERE cart_line.cart_id = cart.id
   AND ((cart.browser_hash = $1 AND $2::uuid IS NULL) OR cart.customer_id = $2)
   AND cart_line.sku = $3

-- remove_line --
-- Takes a line out, with what holds it; one that is not there is out already.
DELETE FROM cart_line
      USING cart
      WHERE cart_line.cart_id = cart.id
        AND ((cart.browser_hash = $1 AND $2::uuid IS NULL) OR cart.customer_id = $2)
        AND cart_line.sku = $3
  RETURNING cart_line.claim_id

-- set_line_prices --
-- The prices at which lines are wanted from now on ($3 SKUs, $4 prices), and the claims that hold them still ($5).
UPDATE cart_line
   SET price_minor = accepted.price_minor, claim_id = accepted.claim_id
  FROM cart, unnest($3::text[], $4::bigint[], $5::uuid[]) AS accepted (sku, price_minor, claim_id)
 WHERE cart_line.cart_id = cart.id
   AND ((cart.browser_hash = $1 AND $2::uuid IS NULL) OR cart.customer_id = $2)
   AND cart_line.sku = accepted.sku

-- take_out_whole --
-- Lines of which all was bought ($2 SKUs, $3 units) leave the cart, and those whose claim ($4) was: it was all one may have.
DELETE FROM cart_line
      USING unnest($2::text[], $3::int[]) AS bought (sku, units)
      WHERE cart_line.cart_id = $1
        AND cart_line.sku = bought.sku
        AND (cart_line.quantity <= bought.units OR cart_line.claim_id = ANY ($4::uuid[]))

-- take_out_part --
-- Lines that were raised while they were being bought keep the rest. Runs after take_out_whole.
UPDATE cart_line
   SET quantity = cart_line.quantity - bought.units
  FROM unnest($2::text[], $3::int[]) AS bought (sku, units)
 WHERE cart_line.cart_id = $1
   AND cart_line.sku = bought.sku
   AND cart_line.quantity > bought.units

-- lock_guest_cart --
-- The cart a browser filled before its customer signed in.
SELECT id
  FROM cart
 WHERE browser_hash = $1
   FOR UPDATE

-- join_lines --
-- Guest cart $1 into account cart $2. Of the same SKU the larger quantity stays, at the price shown last.
INSERT INTO cart_line (cart_id, sku, quantity, price_minor, added_at, claim_id)
     SELECT $2, sku, quantity, price_minor, added_at, claim_id
       FROM cart_line
      WHERE cart_id = $1
ON CONFLICT (cart_id, sku) DO UPDATE
        SET quantity = greatest(cart_line.quantity, excluded.quantity),
            claim_id = coalesce(excluded.claim_id, cart_line.claim_id),
            price_minor = CASE WHEN excluded.added_at > cart_line.added_at
                               THEN excluded.price_minor
                               ELSE cart_line.price_minor END

-- hold_joined_line --
-- A customer's ($1) line is held by this claim, which was joined; what was put in stays to be seen.
UPDATE cart_line
   SET claim_id = $3, price_minor = $4
  FROM cart
 WHERE cart_line.cart_id = cart.id AND cart.customer_id = $1 AND cart_line.sku = $2

-- drop_cart --
-- The guest's cart, once its lines were joined to the account's.
DELETE FROM cart
      WHERE id = $1

-- purge_carts --
-- Of the next bite ($4) of carts after $1 and made before $2, remove guests' into which nothing was put since $3.
-- Where the bite ended comes back. A cart that is in use at this moment is left.
WITH bite AS (
    SELECT id FROM cart WHERE id > $1 AND id < $2 ORDER BY id LIMIT $4
), over AS (
    SELECT cart.id
      FROM bite JOIN cart ON cart.id = bite.id
     WHERE cart.customer_id IS NULL AND cart.updated_at < $3
       FOR UPDATE OF cart SKIP LOCKED
), removed AS (
    DELETE FROM cart USING over WHERE cart.id = over.id RETURNING cart.id
)
SELECT (SELECT id FROM bite ORDER BY id DESC LIMIT 1) AS last, (SELECT count(*) FROM removed) AS removed
