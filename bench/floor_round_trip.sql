-- The same rows as floor_statements.sql in one round trip: a function that holds its statements. Variables: hot, lines.
\set one random(1, 200)
\set two 1 + (:one + random(0, 198)) % 200
\set first case when :hot = 1 then 0 else least(:one, :two) end
\set second case when :hot = 1 then 0 else greatest(:one, :two) end
\set cents random(199, 4999)
SELECT bench.purchase(:first, :second, :lines, :cents);
