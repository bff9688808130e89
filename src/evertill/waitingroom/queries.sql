-- rooms --
-- Every room that is not over, with the units that can still be had of what it is for.
  SELECT room.id, room.title, room.guards, room.skus, room.state, room.opened_by, room.gathers_at, room.opens_at,
         room.opened_at, room.seed, room.gathered, room.issued, room.now_serving, room.inside_max,
         (SELECT coalesce(sum(stock.on_hand - stock.sold), 0)::bigint FROM stock WHERE stock.sku = ANY (room.skus)) AS "left",
         (SELECT coalesce(sum(stock.claimed), 0)::bigint FROM stock WHERE stock.sku = ANY (room.skus)) AS claimed,
         clock_timestamp() AS now
    FROM waiting_room AS room
   WHERE room.state <> 'closed'
ORDER BY room.id
   LIMIT 20;

-- lock_room --
-- One room, locked: who changes it, its line, or what is called.
SELECT id, title, guards, skus, state, opened_by, gathers_at, opens_at, opened_at, seed, gathered, issued, now_serving,
       inside_max
  FROM waiting_room
 WHERE id = $1
   FOR NO KEY UPDATE;

-- lock_rooms --
-- The rooms a group of people comes to, locked in one order.
  SELECT id, state, issued
    FROM waiting_room
   WHERE id = ANY ($1::uuid[])
ORDER BY id
     FOR NO KEY UPDATE;

-- known_tickets --
-- The tickets people already have: by their browser, or by their account, whichever browser it was then. Looked up one
-- by one by index, whatever the planner knows of the table: at an opening it was empty a moment ago.
SELECT asked.ask, found.room_id, found.number, found.state, found.holder = asked.holder AS same_holder
  FROM unnest($1::integer[], $2::uuid[], $3::bytea[], $4::uuid[]) AS asked (ask, room_id, holder, customer_id)
 CROSS JOIN LATERAL (
        (SELECT * FROM ticket WHERE ticket.room_id = asked.room_id AND ticket.holder = asked.holder LIMIT 1)
         UNION ALL
        (SELECT * FROM ticket WHERE ticket.room_id = asked.room_id AND ticket.customer_id = asked.customer_id LIMIT 1)
       ) AS found;

-- neighbours --
-- How many stand in line from the addresses of those who come, and how many of them came since $4. Whoever was called
-- $3 ago has had their turn and is not counted; while those who gathered are being called, nobody knows from a number
-- whether it was, and all are. Run under lock_rooms: of two groups the second one counts the first.
WITH called AS (
    SELECT room.id, room.gathered,
           coalesce((SELECT move.now_serving FROM waiting_room_move AS move
                      WHERE move.room_id = room.id AND move.at <= statement_timestamp() - $3::interval
                      ORDER BY move.at DESC LIMIT 1), 0) AS served
      FROM waiting_room AS room
     WHERE room.id = ANY ($1::uuid[])
)
SELECT asked.room_id, asked.network, found.standing, found.lately
  FROM unnest($1::uuid[], $2::bigint[]) AS asked (room_id, network)
  JOIN called ON called.id = asked.room_id
 CROSS JOIN LATERAL (
        SELECT count(*) AS standing, count(*) FILTER (WHERE ticket.issued_at > $4) AS lately
          FROM ticket
         WHERE ticket.room_id = asked.room_id AND ticket.network = asked.network
           AND ticket.number > CASE WHEN served >= gathered THEN served ELSE 0 END
       ) AS found;

-- issue_tickets --
-- New tickets of a group, numbered behind all others of their room. Every row's number is free: the room is locked.
WITH made AS (
    INSERT INTO ticket (room_id, number, holder, customer_id, state, issued_at, network)
    SELECT room_id, number, holder, customer_id, 'waiting', issued_at, network
      FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::uuid[], $5::timestamptz[], $6::bigint[])
        AS row (room_id, number, holder, customer_id, issued_at, network)
)
UPDATE waiting_room AS room
   SET issued = row.issued
  FROM unnest($7::uuid[], $8::bigint[]) AS row (id, issued)
 WHERE room.id = row.id;

-- rebind --
-- A place is its customer's: in another browser it is theirs there, and no longer in the one before.
UPDATE ticket SET holder = row.holder
  FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS row (room_id, number, holder)
 WHERE ticket.room_id = row.room_id AND ticket.number = row.number;

-- note_seen --
-- Who was seen inside, in one sweep; the first time is when they came in.
UPDATE ticket
   SET state = CASE WHEN ticket.state = 'done' THEN 'done' ELSE 'inside' END,
       place = row.place, entered_at = coalesce(ticket.entered_at, row.seen_at), seen_at = row.seen_at
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS row (room_id, number, place, seen_at)
 WHERE ticket.room_id = row.room_id AND ticket.number = row.number;

-- note_done --
-- Who bought: they have made room.
UPDATE ticket SET state = 'done'
  FROM unnest($1::uuid[], $2::bigint[]) AS row (room_id, number)
 WHERE ticket.room_id = row.room_id AND ticket.number = row.number;

-- leave --
-- Somebody gives their place up. $3 is where they stood. What is given up within a minute goes on counting for its
-- address: taking and giving up in turns must not be a way around the bound.
UPDATE ticket
   SET state = 'left', place = $3,
       network = CASE WHEN issued_at > clock_timestamp() - interval '1 minute' THEN network END
 WHERE room_id = $1 AND number = $2 AND state IN ('waiting', 'inside')
RETURNING number;

-- come_back --
-- Who gave a place up and comes again stands at the end: the old one is nobody's.
UPDATE ticket SET holder = NULL, customer_id = NULL
  FROM unnest($1::uuid[], $2::bigint[]) AS row (room_id, number)
 WHERE ticket.room_id = row.room_id AND ticket.number = row.number;

-- count_inside --
-- Who is inside and was heard of since $2; and who came in or left of those called: behind place $3 up to $4 some time
-- ago, behind $4 up to $5 just now.
SELECT (SELECT count(*) FROM ticket WHERE room_id = $1 AND state = 'inside' AND seen_at >= $2)     AS inside,
       (SELECT count(*) FROM ticket WHERE room_id = $1 AND place > $3::bigint AND place <= $4)      AS came_before,
       (SELECT count(*) FROM ticket WHERE room_id = $1 AND place > $4::bigint AND place <= $5)      AS came_lately;

-- move --
-- What the usher found, once a second at the most, whoever of the workers finds it.
UPDATE waiting_room
   SET state = $2, now_serving = $3, inside_max = $4, gathered = $5, opened_at = $6, moved_at = clock_timestamp()
 WHERE id = $1;

-- next_to_move --
-- A room that people are called into, or whose time has come, and that nobody has moved in the last second: taken by
-- one usher. It waits its turn among those who take tickets: passing over a locked room, it would find it locked as long
-- as people stream in. Whoever waited in vain finds that it was moved.
SELECT id, title, guards, skus, state, opened_by, gathers_at, opens_at, opened_at, seed, gathered, issued, now_serving,
       inside_max, clock_timestamp() AS now
  FROM waiting_room
 WHERE moved_at < clock_timestamp() - interval '0.9 seconds'
   AND (state IN ('open', 'draining')
        OR (state = 'planned' AND gathers_at <= clock_timestamp())
        OR (state = 'gathering' AND opens_at <= clock_timestamp()))
 ORDER BY id
 LIMIT 1
   FOR NO KEY UPDATE;

-- serving_at --
-- How far the line had come at that time.
SELECT now_serving FROM waiting_room_move WHERE room_id = $1 AND at <= $2 ORDER BY at DESC LIMIT 1;

-- note_move --
-- How far the line has come, kept for estimates and for the account given afterwards.
INSERT INTO waiting_room_move (room_id, at, now_serving, inside, issued) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING;

-- moves --
-- How the line moved since then, a row per half minute.
  SELECT DISTINCT ON (floor(extract(epoch FROM at) / 30)) at, now_serving
    FROM waiting_room_move
   WHERE room_id = $1 AND at >= $2
ORDER BY floor(extract(epoch FROM at) / 30), at
   LIMIT 40;

-- make_room --
INSERT INTO waiting_room (id, title, guards, skus, state, opened_by, gathers_at, opens_at, opened_at, seed, inside_max,
                          created_at, moved_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '-infinity');

-- another_of --
-- A room that guards the same and is not over.
SELECT id FROM waiting_room WHERE guards = $1 AND skus = $2 AND state <> 'closed' LIMIT 1;

-- set_state --
UPDATE waiting_room SET state = $2, closed_at = $3 WHERE id = $1;

-- latest --
-- The rooms the console shows, newest first.
  SELECT id, title, guards, skus, state, opened_by, gathers_at, opens_at, opened_at, seed, gathered, issued, now_serving,
         inside_max
    FROM waiting_room
ORDER BY id DESC
   LIMIT $1;

-- known_skus --
SELECT sku FROM variant WHERE sku = ANY ($1::text[]);
