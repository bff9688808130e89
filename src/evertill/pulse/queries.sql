-- The workers' pulses. Nobody waits for anybody here: a worker writes its own row, and folds away what nobody writes.

-- tell --
-- A worker's pulse, where its row still stands: a worker that was silent for so long that it was folded must not be
-- counted twice, and begins anew.
UPDATE worker_pulse SET at = $2, figures = $3::text::jsonb WHERE worker = $1 RETURNING true;

-- begin --
-- The first pulse under this id.
INSERT INTO worker_pulse (worker, at, figures) VALUES ($1, $2, $3::text::jsonb);

-- read --
-- All there is: a row per worker, and the departed.
SELECT worker, at, figures::text AS figures FROM worker_pulse;

-- fold --
-- Workers that were silent since before $1 are gone; what they counted is added to the departed ($2), so that no
-- counter ever goes down. One statement: whoever reads sees a worker in its own row or among the departed.
WITH gone AS (
    DELETE FROM worker_pulse
     WHERE worker IN (SELECT worker FROM worker_pulse
                       WHERE at < $1 AND worker <> $2
                       ORDER BY worker FOR UPDATE SKIP LOCKED)
    RETURNING figures
), counted AS (
    SELECT counter.key, sum(counter.value::float8) AS value
      FROM gone CROSS JOIN LATERAL jsonb_each_text(gone.figures -> 'counters') AS counter
     GROUP BY counter.key
)
INSERT INTO worker_pulse AS departed (worker, at, figures)
SELECT $2, $1, jsonb_build_object('counters', jsonb_object_agg(key, value)) FROM counted HAVING count(*) > 0
    ON CONFLICT (worker) DO UPDATE
   SET at = excluded.at,
       figures = jsonb_build_object('counters', (
           SELECT jsonb_object_agg(key, value)
             FROM (SELECT counter.key, sum(counter.value::float8) AS value
                     FROM (SELECT * FROM jsonb_each_text(departed.figures -> 'counters')
                            UNION ALL
                           SELECT * FROM jsonb_each_text(excluded.figures -> 'counters')) AS counter
                    GROUP BY counter.key) AS added));
