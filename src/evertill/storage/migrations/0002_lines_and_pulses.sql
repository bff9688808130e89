-- Version 2: waiting rooms, tickets and pulses. May run before the release that needs it is started: it only adds.

-- ---------------------------------------------------------------- waiting room

-- A line of people before the checkout, or before the shop. Lifecycle in waitingroom/model.py.
CREATE TABLE waiting_room (
    id           uuid        PRIMARY KEY,
    title        text        NOT NULL,
    guards       text        NOT NULL,
    skus         text[]      NOT NULL DEFAULT '{}',        -- only checkouts with one of these; {}: all
    state        text        NOT NULL,
    opened_by    text        NOT NULL,                     -- staff, schedule, limiter
    gathers_at   timestamptz,                              -- by the database's clock: tickets are given from then on
    opens_at     timestamptz,                              -- and people are called from then on
    opened_at    timestamptz,
    closed_at    timestamptz,
    seed         bytea       NOT NULL,                     -- of the shuffle; secret until the opening, its hash is not
    gathered     bigint      NOT NULL DEFAULT 0,           -- tickets given before the opening
    issued       bigint      NOT NULL DEFAULT 0,           -- tickets given
    now_serving  bigint      NOT NULL DEFAULT 0,           -- the place up to which people may enter
    inside_max   integer     NOT NULL,
    created_at   timestamptz NOT NULL,
    moved_at     timestamptz NOT NULL,                     -- when an usher last looked
    CONSTRAINT waiting_room_guards_known CHECK (guards IN ('checkout', 'shop')),
    CONSTRAINT waiting_room_state_known
        CHECK (state IN ('planned', 'gathering', 'open', 'paused', 'draining', 'closed')),
    CONSTRAINT waiting_room_serves_whom_it_knows CHECK (now_serving BETWEEN 0 AND issued),
    CONSTRAINT waiting_room_gathered_first       CHECK (gathered BETWEEN 0 AND issued),
    CONSTRAINT waiting_room_lets_some_in         CHECK (inside_max > 0),
    CONSTRAINT waiting_room_seed_long            CHECK (length(seed) = 32)
) WITH (fillfactor = 50);
-- One line for one thing: nobody stands in two for the same.
CREATE UNIQUE INDEX waiting_room_one_for_one ON waiting_room (guards, skus) WHERE state <> 'closed';

-- A place in a line: one each. Numbers are given in order while the room is locked.
CREATE TABLE ticket (
    room_id      uuid        NOT NULL,
    number       bigint      NOT NULL,
    holder       bytea,                                    -- of the browser's cookie, or of an agent's attempt; null: given up
    customer_id  uuid,
    state        text        NOT NULL,
    place        bigint,                                   -- where it stood when it was used or given up
    issued_at    timestamptz NOT NULL,
    entered_at   timestamptz,
    seen_at      timestamptz,
    PRIMARY KEY (room_id, number),
    CONSTRAINT ticket_state_known   CHECK (state IN ('waiting', 'inside', 'done', 'left')),
    CONSTRAINT ticket_number_counts CHECK (number > 0)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX ticket_one_each          ON ticket (room_id, holder) WHERE holder IS NOT NULL;
CREATE UNIQUE INDEX ticket_one_each_customer ON ticket (room_id, customer_id) WHERE customer_id IS NOT NULL;
-- Who was called and what became of it.
CREATE INDEX ticket_called ON ticket (room_id, place) WHERE place IS NOT NULL;

-- How a line moved, a row a second while it is open.
CREATE TABLE waiting_room_move (
    room_id      uuid        NOT NULL,
    at           timestamptz NOT NULL,
    now_serving  bigint      NOT NULL,
    inside       bigint      NOT NULL,
    issued       bigint      NOT NULL,
    PRIMARY KEY (room_id, at)
);

-- ---------------------------------------------------------------- pulse

-- What each worker knows of itself, written by it once a second; the row of the zero id has the counters of those that
-- are gone. Unlogged: a second later it is old, so nobody waits for the disk. After a crash of the server it is empty,
-- and counters begin anew, as readers of counters expect after a restart.
CREATE UNLOGGED TABLE worker_pulse (
    worker   uuid        PRIMARY KEY,                      -- of this run of the worker
    at       timestamptz NOT NULL,
    figures  jsonb       NOT NULL
) WITH (fillfactor = 50);
