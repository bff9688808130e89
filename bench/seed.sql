-- The bench's catalogue: as many products of one variant each as the setting bench.skus says, 4,000 where nothing else is
-- said; the first 200 are what people buy, one is what everybody wants. Names are put together from words so that a search finds some, not all.
INSERT INTO category (slug, name)
SELECT lower(word), word
  FROM unnest(ARRAY['Kitchen', 'Garden', 'Lights', 'Paper', 'Toys', 'Bags', 'Baking', 'Seasons']) AS word;

INSERT INTO product (id, handle, title, description_html, vendor, category, popularity, created_at, updated_at)
SELECT uuidv7(),
       'bench-' || lpad(n::text, greatest(4, length(n::text)), '0'),
       (ARRAY['Red', 'Blue', 'Vintage', 'Striped', 'Small', 'Large', 'Regency', 'Woodland', 'Silver', 'Painted', 'Pink'])
           [1 + n % 11]
           || ' ' || (ARRAY['Ceramic', 'Paper', 'Wooden', 'Metal', 'Cotton', 'Glass', 'Wicker', 'Enamel', 'Felt'])[1 + n % 9]
           || ' ' || (ARRAY['Teapot', 'Lantern', 'Basket', 'Mug', 'Bunting', 'Cake Stand', 'Doorstop', 'Clock', 'Lunch Box',
                            'Heart', 'Candle', 'Tray', 'Frame', 'Hook'])[1 + n % 14],
       '<p>Made by hand in a small workshop, and packed in paper. Number ' || n || ' of the series.</p>',
       'Bench & Sons',
       lower((ARRAY['Kitchen', 'Garden', 'Lights', 'Paper', 'Toys', 'Bags', 'Baking', 'Seasons'])[1 + n % 8]),
       current_setting('bench.skus')::integer - n, now(), now()
  FROM generate_series(0, current_setting('bench.skus')::integer - 1) AS n;

-- Number 0 is the hot one, 1 to 200 the ones that are bought.
INSERT INTO variant (sku, product_id, option_values, price_minor, currency)
SELECT upper(handle), id, '{}', 199 + (popularity * 37::bigint) % 2300, 'GBP' FROM product;

INSERT INTO stock (sku, on_hand) SELECT sku, 10000000 FROM variant;
INSERT INTO stock_movement (id, sku, units, reason, moved_at)
SELECT uuidv7(), sku, on_hand, 'opening_balance', now() FROM stock ORDER BY sku;
