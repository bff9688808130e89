-- Version 3: stock movements. Runs after the release before it was stopped: units which that one counted, imported or
-- shipped afterwards would have no movement, and the audit would name them.

-- ---------------------------------------------------------------- stock movements

-- Every change of stock.on_hand, written with it: on hand is the sum of its movements. Rows are only ever added. A
-- purchase moves claimed and sold and writes none. No foreign key to stock: it would be a trigger on the purchase's path.
CREATE TABLE stock_movement (
    id         uuid        NOT NULL,                       -- in order of time
    sku        text        COLLATE "C" NOT NULL,
    units      integer     NOT NULL,                       -- more on hand, or fewer
    reason     text        NOT NULL,                       -- stock/movements.py: Reason
    note       text        NOT NULL DEFAULT '',            -- why, in staff's words; which file was imported
    staff_id   uuid        REFERENCES staff (id),          -- null: an import, a parcel, the opening
    order_id   uuid,                                       -- whose parcel they left with
    moved_at   timestamptz NOT NULL,
    PRIMARY KEY (sku, id),
    CONSTRAINT stock_movement_moves_something CHECK (units <> 0),
    CONSTRAINT stock_movement_reason_known
        CHECK (reason IN ('opening_balance', 'import', 'count', 'received', 'returned', 'written_off', 'shipped')),
    CONSTRAINT stock_movement_reason_fits_units
        CHECK (CASE WHEN reason IN ('opening_balance', 'received', 'returned') THEN units > 0
                    WHEN reason IN ('written_off', 'shipped')                  THEN units < 0 ELSE true END),
    CONSTRAINT stock_movement_names_its_staff
        CHECK ((reason IN ('count', 'received', 'returned', 'written_off')) = (staff_id IS NOT NULL)),
    CONSTRAINT stock_movement_names_its_order CHECK ((reason = 'shipped') = (order_id IS NOT NULL))
);

-- ---- What is there already

-- A UUIDv7 of that moment, as evertill/ids.py makes them; PostgreSQL can only from 18 on.
CREATE FUNCTION pg_temp.uuid_at(moment timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
                  PLACING substring(int8send(floor(extract(epoch FROM moment) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
                  52, 1), 53, 1), 'hex')::uuid
$$;

-- Every parcel that has left, with the order it left for.
INSERT INTO stock_movement (id, sku, units, reason, order_id, moved_at)
SELECT pg_temp.uuid_at(orders.shipped_at), order_line.sku, -sum(order_line.quantity), 'shipped', orders.id,
       orders.shipped_at
  FROM orders JOIN order_line ON order_line.order_id = orders.id
 WHERE orders.state = 'shipped'
 GROUP BY orders.id, orders.shipped_at, order_line.sku;

-- What there was before them: what is on hand now, and what has left. Dated before the SKU's first parcel.
INSERT INTO stock_movement (id, sku, units, reason, note, moved_at)
SELECT pg_temp.uuid_at(opened.at), sku, opened.units, 'opening_balance', 'before movements were kept', opened.at
  FROM stock
  LEFT JOIN (SELECT sku, -sum(units) AS units, min(moved_at) - interval '1 second' AS at
               FROM stock_movement GROUP BY sku) AS shipped USING (sku)
 CROSS JOIN LATERAL (SELECT on_hand + coalesce(shipped.units, 0) AS units, coalesce(shipped.at, now()) AS at) AS opened
 WHERE opened.units > 0
 ORDER BY sku;

DROP FUNCTION pg_temp.uuid_at(timestamptz);
