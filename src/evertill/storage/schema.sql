-- The whole schema, as a fresh database gets it. A migration must arrive here (tests/database/test_schema.py).
-- Money: bigint minor units beside a currency. Time: timestamptz, handed in by the application.
-- Ids: UUIDv7 made by the application: no sequence, no trigger and no foreign key on the purchase's path
-- (docs/decisions/0003): what a foreign key would say there, one statement writes and the audit counts.

-- Which migrations this database has seen.
CREATE TABLE schema_version (
    version     integer     PRIMARY KEY,
    applied_at  timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------- catalog

-- What shoppers browse by. The slug is in the address of its page.
CREATE TABLE category (
    slug  text PRIMARY KEY,
    name  text NOT NULL
);

-- What is sold; its variants are what is bought.
CREATE TABLE product (
    id                uuid        PRIMARY KEY,
    handle            text        NOT NULL,
    title             text        NOT NULL,
    description_html  text        NOT NULL DEFAULT '',     -- cleaned at import, safe to show
    vendor            text        NOT NULL DEFAULT '',
    category          text        REFERENCES category (slug),
    tags              text[]      NOT NULL DEFAULT '{}',
    option_names      text[]      NOT NULL DEFAULT '{}',   -- at most three: Size, Colour, …
    image_url         text,                                -- null: we draw one
    status            text        NOT NULL DEFAULT 'active',
    popularity        integer     NOT NULL DEFAULT 0,      -- how often it was bought; sorts shelves
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    search            tsvector    NOT NULL GENERATED ALWAYS AS (
                          setweight(to_tsvector('english', title), 'A')
                          || setweight(to_tsvector('english', vendor), 'B')
                          || setweight(to_tsvector('english', regexp_replace(description_html, '<[^>]*>', ' ', 'g')), 'C')
                      ) STORED,
    CONSTRAINT product_handle_unique UNIQUE (handle),
    CONSTRAINT product_status_known  CHECK (status IN ('active', 'draft', 'archived'))
);
CREATE INDEX product_search     ON product USING gin (search);
CREATE INDEX product_shelf      ON product (category, popularity DESC, id) WHERE status = 'active';
CREATE INDEX product_popularity ON product (popularity DESC, id) WHERE status = 'active';
CREATE INDEX product_newest     ON product (created_at DESC, id) WHERE status = 'active';

-- One thing that can be bought, named by its SKU. COLLATE "C": rows are locked in SKU order, and every
-- client must agree on that order byte for byte.
CREATE TABLE variant (
    sku               text    COLLATE "C" PRIMARY KEY,
    product_id        uuid    NOT NULL REFERENCES product (id) ON DELETE CASCADE,
    position          integer NOT NULL DEFAULT 1,
    option_values     text[]  NOT NULL DEFAULT '{}',       -- one per option name of the product
    price_minor       bigint  NOT NULL,
    compare_at_minor  bigint,                              -- the old price, if the merchant states one
    currency          text    NOT NULL,
    image_url         text,
    CONSTRAINT variant_price_positive   CHECK (price_minor > 0),
    CONSTRAINT variant_compare_positive CHECK (compare_at_minor > 0),
    CONSTRAINT variant_currency_iso     CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT variant_sku_sane         CHECK (length(sku) BETWEEN 1 AND 120)
);
CREATE INDEX variant_of_product ON variant (product_id, position);
CREATE INDEX variant_by_price   ON variant (price_minor, sku);    -- shelves by price, over the whole catalogue

-- ---------------------------------------------------------------- stock

-- Units of one SKU. free = on_hand - claimed - sold.
--   on_hand  in our hands: not yet shipped, whether spoken for or not
--   claimed  spoken for by an order whose payment has not ended yet, by a claim, or by a rain check
--   sold     paid for, not yet shipped (shipping takes it off on_hand and sold alike)
-- never_oversold is the last judge of the first promise.
CREATE TABLE stock (
    sku       text    COLLATE "C" PRIMARY KEY,
    on_hand   integer NOT NULL,
    claimed   integer NOT NULL DEFAULT 0,
    sold      integer NOT NULL DEFAULT 0,
    imported  integer,                                     -- the quantity the last import stated: a repeat changes nothing
    CONSTRAINT stock_claimed_not_negative CHECK (claimed >= 0),
    CONSTRAINT stock_sold_not_negative    CHECK (sold >= 0),
    CONSTRAINT stock_never_oversold       CHECK (claimed + sold <= on_hand)
) WITH (fillfactor = 50);                                  -- room on the page: a hot row is updated in place

-- ---------------------------------------------------------------- customers

CREATE TABLE customer (
    id             uuid        PRIMARY KEY,
    email          text        NOT NULL,                   -- as typed, trimmed
    email_folded   text        NOT NULL,                   -- lower case: what must be unique
    name           text        NOT NULL,
    password_hash  text        NOT NULL,                   -- argon2id
    created_at     timestamptz NOT NULL,
    CONSTRAINT customer_email_unique UNIQUE (email_folded)
);

-- A signed-in browser. Only the hash of its cookie's token is kept.
CREATE TABLE customer_sign_in (
    token_hash   bytea       PRIMARY KEY,
    customer_id  uuid        NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX customer_sign_in_expiry ON customer_sign_in (expires_at);
CREATE INDEX customer_sign_in_of     ON customer_sign_in (customer_id);

-- An e-mail that was asked to prove itself; its account is made when the letter's link is used. It holds nothing
-- a stranger could have chosen but the e-mail: name and password are asked for behind the link.
CREATE TABLE pending_sign_up (
    token_hash   bytea       PRIMARY KEY,
    email        text        NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX pending_sign_up_expiry ON pending_sign_up (expires_at);

-- The one link that may set a new password. A newer one takes the older one's place.
CREATE TABLE password_reset (
    token_hash   bytea       PRIMARY KEY,
    customer_id  uuid        NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz,
    CONSTRAINT password_reset_newest_only UNIQUE (customer_id)
);

-- Tries at a secret, counted per subject (an e-mail, an address) and window.
CREATE TABLE sign_in_try (
    subject_hash  bytea       NOT NULL,
    window_start  timestamptz NOT NULL,
    tries         integer     NOT NULL,
    PRIMARY KEY (subject_hash, window_start)
);
CREATE INDEX sign_in_try_age ON sign_in_try USING brin (window_start);

-- ---------------------------------------------------------------- staff

CREATE TABLE staff (
    id             uuid        PRIMARY KEY,
    email          text        NOT NULL,
    email_folded   text        NOT NULL,
    name           text        NOT NULL,
    role           text        NOT NULL,
    password_hash  text        NOT NULL,
    created_at     timestamptz NOT NULL,
    disabled_at    timestamptz,
    CONSTRAINT staff_email_unique UNIQUE (email_folded),
    CONSTRAINT staff_role_known   CHECK (role IN ('viewer', 'operator', 'admin'))
);

CREATE TABLE staff_sign_in (
    token_hash  bytea       PRIMARY KEY,
    staff_id    uuid        NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);

-- ---------------------------------------------------------------- API clients

-- A program that plans and runs deal days. Who made and revoked it, and why, is in staff_action.
CREATE TABLE api_client (
    id            uuid        PRIMARY KEY,
    name          text        NOT NULL,
    scopes        text[]      NOT NULL,
    secret_hash   bytea       NOT NULL,                    -- SHA-256; the secret itself is kept nowhere
    made_by       uuid        NOT NULL REFERENCES staff (id),
    created_at    timestamptz NOT NULL,
    revoked_at    timestamptz,                             -- for good; its tokens stop with it
    last_used_at  timestamptz,                             -- to about five minutes
    CONSTRAINT api_client_scopes_known CHECK (scopes <@ ARRAY['deals:read', 'deals:write', 'deals:run'] AND scopes <> '{}'),
    CONSTRAINT api_client_secret_whole CHECK (octet_length(secret_hash) = 32)
);

-- ---------------------------------------------------------------- what was done

-- Who changed what, when and why.
CREATE TABLE staff_action (
    id         uuid        PRIMARY KEY,
    staff_id   uuid        REFERENCES staff (id),          -- null: an API client, or the system itself
    client_id  uuid        REFERENCES api_client (id),
    at         timestamptz NOT NULL,
    verb       text        NOT NULL,                       -- ship, cancel, refund, set_stock, …
    subject    text        NOT NULL,                       -- order:<id>, sku:<sku>, …
    reason     text        NOT NULL DEFAULT '',
    facts      jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT staff_action_of_one CHECK (staff_id IS NULL OR client_id IS NULL)
);
CREATE INDEX staff_action_of ON staff_action (subject, id);

-- ---------------------------------------------------------------- members

-- A time in which a customer is a member: a trial, begun by the customer once ever, or given by staff. It goes with its
-- account. That no two of a customer overlap is written under the customer's lock (members/queries.sql).
CREATE TABLE membership (
    id           uuid        PRIMARY KEY,
    customer_id  uuid        NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    kind         text        NOT NULL,
    starts_at    timestamptz NOT NULL,                     -- by the database's clock
    ends_at      timestamptz NOT NULL,
    ended_at     timestamptz,                              -- before its time, by staff
    given_by     uuid        REFERENCES staff (id),        -- null: the customer began it
    why          text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    CONSTRAINT membership_kind_known      CHECK (kind IN ('trial', 'full')),
    CONSTRAINT membership_ends_after      CHECK (ends_at > starts_at),
    CONSTRAINT membership_ended_within    CHECK (ended_at BETWEEN starts_at AND ends_at),
    CONSTRAINT membership_names_its_giver CHECK ((kind = 'trial') = (given_by IS NULL))
);
CREATE UNIQUE INDEX membership_one_trial ON membership (customer_id) WHERE kind = 'trial';
CREATE INDEX membership_of_customer ON membership (customer_id, starts_at);

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

-- ---------------------------------------------------------------- cart

-- What one wants. It belongs to a browser until its customer signs in.
CREATE TABLE cart (
    id            uuid        PRIMARY KEY,
    browser_hash  bytea,                                   -- sha-256 of the browser's cookie token
    customer_id   uuid        REFERENCES customer (id) ON DELETE CASCADE,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT cart_of_one_browser  UNIQUE (browser_hash),
    CONSTRAINT cart_of_one_customer UNIQUE (customer_id),
    CONSTRAINT cart_has_owner       CHECK (browser_hash IS NOT NULL OR customer_id IS NOT NULL)
);

CREATE TABLE cart_line (
    cart_id      uuid        NOT NULL REFERENCES cart (id) ON DELETE CASCADE,
    sku          text        COLLATE "C" NOT NULL,
    quantity     integer     NOT NULL,
    price_minor  bigint      NOT NULL,                     -- as shown when it was put in: a change is told
    added_at     timestamptz NOT NULL,
    claim_id     uuid,                                     -- what holds its units, at the deal's price; null: nothing does
    PRIMARY KEY (cart_id, sku),
    CONSTRAINT cart_line_quantity_sane CHECK (quantity BETWEEN 1 AND 999)
);

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
    network      bigint,                                   -- where it was asked for, hashed; null: not counted
    PRIMARY KEY (room_id, number),
    CONSTRAINT ticket_state_known   CHECK (state IN ('waiting', 'inside', 'done', 'left')),
    CONSTRAINT ticket_number_counts CHECK (number > 0)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX ticket_one_each          ON ticket (room_id, holder) WHERE holder IS NOT NULL;
CREATE UNIQUE INDEX ticket_one_each_customer ON ticket (room_id, customer_id) WHERE customer_id IS NOT NULL;
-- Who was called and what became of it.
CREATE INDEX ticket_called ON ticket (room_id, place) WHERE place IS NOT NULL;
-- Who is inside, by when they were last heard of.
CREATE INDEX ticket_inside ON ticket (room_id, seen_at) WHERE state = 'inside';
-- How many stand in line from one address.
CREATE INDEX ticket_neighbours ON ticket (room_id, network, number) WHERE network IS NOT NULL;

-- How a line moved, a row a second while it is open.
CREATE TABLE waiting_room_move (
    room_id      uuid        NOT NULL,
    at           timestamptz NOT NULL,
    now_serving  bigint      NOT NULL,
    inside       bigint      NOT NULL,
    issued       bigint      NOT NULL,
    PRIMARY KEY (room_id, at)
);

-- ---------------------------------------------------------------- deals

-- A dated sale with deals in it. Whether it runs is worked out from its times, by the database's clock.
CREATE TABLE sale_event (
    id            uuid        PRIMARY KEY,
    slug          text        NOT NULL,                    -- in the address of its page
    name          text        NOT NULL,
    theme         text        NOT NULL DEFAULT 'plain',
    time_zone     text        NOT NULL,                    -- IANA name: in which its times are written for people
    opens_at      timestamptz NOT NULL,
    closes_at     timestamptz NOT NULL,
    members_from  timestamptz,                             -- members may claim from then on; null: with everybody
    ended_at      timestamptz,                             -- the kill switch
    version       integer     NOT NULL DEFAULT 1,          -- a change names the version it saw
    created_at    timestamptz NOT NULL,
    CONSTRAINT sale_event_slug_unique   UNIQUE (slug),
    CONSTRAINT sale_event_slug_sane     CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?$'),
    CONSTRAINT sale_event_closes_after  CHECK (closes_at > opens_at),
    CONSTRAINT sale_event_members_first CHECK (members_from <= opens_at)
);
CREATE INDEX sale_event_by_closing ON sale_event (closes_at);

-- A price on SKUs for a window of time; may be limited (units), members-only, capped per customer.
--   claimed  units held by claims, and by orders whose payment has not ended yet
--   sold     units bought at this deal's price
-- deal_never_oversold is the last judge, as stock_never_oversold is of the SKU.
CREATE TABLE deal (
    id             uuid        PRIMARY KEY,
    event_id       uuid        NOT NULL REFERENCES sale_event (id),
    title          text        NOT NULL,
    kind           text        NOT NULL,                   -- deals/model.py: Kind
    value          bigint      NOT NULL,                   -- of a percentage its hundredths, else minor units
    currency       text        NOT NULL,
    begins_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL,
    members_from   timestamptz,                            -- members may claim from then on; null: with everybody
    members_only   boolean     NOT NULL DEFAULT false,
    stackable      boolean     NOT NULL DEFAULT false,     -- with codes
    units          integer,                                -- null: as many as there are
    claimed        integer     NOT NULL DEFAULT 0,
    sold           integer     NOT NULL DEFAULT 0,
    per_customer   integer,                                -- over the whole history of this deal; null: no limit
    claim_minutes  integer     NOT NULL DEFAULT 15,
    paused_at      timestamptz,
    ended_at       timestamptz,
    version        integer     NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL,
    CONSTRAINT deal_kind_known           CHECK (kind IN ('percent', 'amount', 'price')),
    CONSTRAINT deal_value_fits           CHECK (value > 0 AND (kind <> 'percent' OR value < 10000)),
    CONSTRAINT deal_currency_iso         CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT deal_ends_after           CHECK (ends_at > begins_at),
    CONSTRAINT deal_members_first        CHECK (members_from <= begins_at),
    CONSTRAINT deal_units_positive       CHECK (units > 0),
    CONSTRAINT deal_claimed_not_negative CHECK (claimed >= 0),
    CONSTRAINT deal_sold_not_negative    CHECK (sold >= 0),
    CONSTRAINT deal_never_oversold       CHECK (claimed + sold <= units),
    CONSTRAINT deal_per_customer_sane    CHECK (per_customer BETWEEN 1 AND 999),
    CONSTRAINT deal_claim_minutes_sane   CHECK (claim_minutes BETWEEN 1 AND 1440)
) WITH (fillfactor = 50);                                  -- room on the page: a hot row is updated in place
CREATE INDEX deal_of_event ON deal (event_id, begins_at);
CREATE INDEX deal_by_end   ON deal (ends_at);

-- On which SKUs.
CREATE TABLE deal_sku (
    deal_id  uuid NOT NULL REFERENCES deal (id) ON DELETE CASCADE,
    sku      text COLLATE "C" NOT NULL,
    PRIMARY KEY (deal_id, sku)
);
CREATE INDEX deal_sku_by_sku ON deal_sku (sku);

-- A customer's hold on units of a limited deal. Its units are in stock.claimed and in deal.claimed from the moment it is
-- made until it is bought or released, which happens once. No foreign key: claims are on the purchase's path.
--   held ──► ordered ──► bought
--    │  ▲       │ declined: held again, for a while
--    │  └───────┘
--    └──► released (why: ended_because)
CREATE TABLE claim (
    id             uuid        PRIMARY KEY,
    deal_id        uuid        NOT NULL,
    sku            text        COLLATE "C" NOT NULL,
    quantity       integer     NOT NULL,
    price_minor    bigint      NOT NULL,                   -- of one unit, as claimed
    holder         text        COLLATE "C" NOT NULL,       -- the browser or agent, as checkout_session.owner
    customer_id    uuid,
    network        bigint,                                 -- where it was asked for, hashed; null: not counted
    state          text        NOT NULL,
    claimed_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,                   -- by the database's clock
    extended_at    timestamptz,                            -- it is extended once
    order_id       uuid,
    ended_at       timestamptz,
    ended_because  text,
    grant_id       uuid,                                   -- it is a rain check, given with these: counted in stock alone
    CONSTRAINT claim_state_known       CHECK (state IN ('held', 'ordered', 'bought', 'released')),
    CONSTRAINT claim_quantity_sane     CHECK (quantity BETWEEN 1 AND 999),
    CONSTRAINT claim_price_positive    CHECK (price_minor > 0),
    CONSTRAINT claim_order_when_it_has CHECK ((state IN ('ordered', 'bought')) = (order_id IS NOT NULL)),
    CONSTRAINT claim_ends_with_reason  CHECK ((state = 'released') = (ended_because IS NOT NULL)),
    CONSTRAINT claim_because_known
        CHECK (ended_because IN ('expired', 'removed', 'declined', 'stopped', 'cancelled', 'joined'))
) WITH (fillfactor = 70);
-- One living claim for one thing by one holder: pressing twice finds the first.
CREATE UNIQUE INDEX claim_one_each ON claim (deal_id, sku, holder) WHERE state = 'held' AND grant_id IS NULL;
CREATE INDEX claim_of_holder   ON claim (holder)      WHERE state IN ('held', 'ordered');
CREATE INDEX claim_of_customer ON claim (customer_id) WHERE customer_id IS NOT NULL AND state IN ('held', 'ordered');
CREATE INDEX claim_due         ON claim (expires_at)  WHERE state = 'held';
CREATE INDEX claim_of_order    ON claim (order_id)    WHERE order_id IS NOT NULL;
-- What was claimed or bought over the whole history of a deal, by whom and where from: what limits count.
CREATE INDEX claim_counted_holder   ON claim (deal_id, holder) WHERE state <> 'released';
CREATE INDEX claim_counted_customer ON claim (deal_id, customer_id) WHERE customer_id IS NOT NULL AND state <> 'released';
CREATE INDEX claim_counted_network  ON claim (deal_id, network) WHERE network IS NOT NULL AND state IN ('held', 'ordered');
-- How many a holder made in the last minute, whatever became of them.
CREATE INDEX claim_lately ON claim (holder, claimed_at);

-- The price of a SKU over time, as everybody paid it, a row a change: the lowest of the last 30 days is stated beside a
-- deal's price (Directive 98/6/EC, article 6a). What is foreseen is in it, dated ahead, and written anew when the plan
-- changes; what is past is only ever added to (deals/history.py).
CREATE TABLE price_history (
    sku          text        COLLATE "C" NOT NULL,
    since        timestamptz NOT NULL,
    price_minor  bigint      NOT NULL,                     -- what everybody paid from then on
    deal_id      uuid,                                     -- where it was a deal's price
    PRIMARY KEY (sku, since),
    CONSTRAINT price_history_positive CHECK (price_minor > 0)
);

-- ---------------------------------------------------------------- the lines of deals

-- A place in the line of a limited deal of which everything is claimed; its life is drawn in deals/waiting.py. A deal has
-- one line, in the order people joined. An offer is a claim that is held for who waits.
CREATE TABLE waiting (
    id             uuid        PRIMARY KEY,
    deal_id        uuid        NOT NULL,
    sku            text        COLLATE "C" NOT NULL,
    quantity       integer     NOT NULL,                   -- as wanted; an offer may be of fewer
    holder         text        COLLATE "C" NOT NULL,       -- as claim.holder
    customer_id    uuid,
    email          text,                                   -- where an offer is told; null: on the page only
    network        bigint,                                 -- where it was asked for, hashed; null: not counted
    state          text        NOT NULL,
    joined_at      timestamptz NOT NULL,                   -- by the database's clock; the order of the line, with the id
    claim_id       uuid,                                   -- the offer
    offered_at     timestamptz,
    offered_until  timestamptz,
    ended_at       timestamptz,
    CONSTRAINT waiting_state_known    CHECK (state IN ('waiting', 'offered', 'taken', 'missed', 'left', 'over')),
    CONSTRAINT waiting_quantity_sane  CHECK (quantity BETWEEN 1 AND 999),
    CONSTRAINT waiting_offer_is_whole
        CHECK ((claim_id IS NULL) = (offered_at IS NULL) AND (claim_id IS NULL) = (offered_until IS NULL)),
    CONSTRAINT waiting_offered_claim
        CHECK (CASE WHEN state IN ('waiting', 'over')              THEN claim_id IS NULL
                    WHEN state IN ('offered', 'taken', 'missed')   THEN claim_id IS NOT NULL ELSE true END),
    CONSTRAINT waiting_ends_once      CHECK ((state IN ('waiting', 'offered')) = (ended_at IS NULL))
);
-- One living place for one thing by one holder, and by one customer in whichever browser.
CREATE UNIQUE INDEX waiting_one_each ON waiting (deal_id, sku, holder) WHERE state IN ('waiting', 'offered');
CREATE UNIQUE INDEX waiting_one_each_customer ON waiting (deal_id, sku, customer_id)
    WHERE customer_id IS NOT NULL AND state IN ('waiting', 'offered');
-- The line, and who has an offer.
CREATE INDEX waiting_line    ON waiting (deal_id, joined_at, id) WHERE state = 'waiting';
CREATE INDEX waiting_offered ON waiting (deal_id) WHERE state = 'offered';
CREATE UNIQUE INDEX waiting_one_offer ON waiting (claim_id) WHERE claim_id IS NOT NULL;
-- How many ever joined, and to how many something was offered.
CREATE INDEX waiting_of_deal ON waiting (deal_id, joined_at) INCLUDE (offered_at);
CREATE INDEX waiting_of_holder   ON waiting (holder);
CREATE INDEX waiting_of_customer ON waiting (customer_id) WHERE customer_id IS NOT NULL;

-- ---------------------------------------------------------------- rain checks

-- Rain checks given at one time for a deal: who gave how many units, until when, and why. The rain checks themselves are
-- claims that name it.
CREATE TABLE rain_check_grant (
    id          uuid        PRIMARY KEY,
    deal_id     uuid        NOT NULL REFERENCES deal (id),
    units       integer     NOT NULL,                      -- set aside by whoever gave: never more in rain checks
    given       integer     NOT NULL,                      -- in rain checks, as they were given
    granted_at  timestamptz NOT NULL,                      -- by the database's clock
    ends_at     timestamptz NOT NULL,                      -- they are good until then
    granted_by  uuid        REFERENCES staff (id),         -- null: the system itself
    why         text        NOT NULL,
    CONSTRAINT rain_check_grant_units_positive CHECK (units > 0),
    CONSTRAINT rain_check_grant_within_units   CHECK (given BETWEEN 0 AND units),
    CONSTRAINT rain_check_grant_ends_after     CHECK (ends_at > granted_at)
);
CREATE INDEX rain_check_grant_of_deal ON rain_check_grant (deal_id, id);

-- Somebody has one rain check for one thing that is not redeemed or over, whatever they claim beside it.
CREATE UNIQUE INDEX claim_one_rain_check ON claim (deal_id, sku, holder)
    WHERE state IN ('held', 'ordered') AND grant_id IS NOT NULL;
CREATE INDEX claim_of_grant ON claim (grant_id) WHERE grant_id IS NOT NULL;

-- ---------------------------------------------------------------- codes

-- What a buyer types to pay less. held and used are its uses, counted under the lock of this row.
CREATE TABLE discount_code (
    code                text        COLLATE "C" PRIMARY KEY,  -- folded (codes/model.py: folded); rows are locked in its order
    kind                text        NOT NULL,
    value               bigint      NOT NULL,               -- hundredths of a percent, or minor units of the currency
    currency            text        NOT NULL,
    begins_at           timestamptz NOT NULL,
    ends_at             timestamptz,                        -- null: until it is ended
    uses_max            integer,                            -- null: any number; 1: single use
    per_customer        integer,                            -- null: any number
    subtotal_min_minor  bigint      NOT NULL DEFAULT 0,     -- of goods, before the code
    held                integer     NOT NULL DEFAULT 0,     -- by orders whose payment has not ended
    used                integer     NOT NULL DEFAULT 0,
    batch               uuid,                               -- those made together; null: one by itself
    created_at          timestamptz NOT NULL,
    created_by          uuid        NOT NULL,
    why                 text        NOT NULL,
    ended_at            timestamptz,
    CONSTRAINT discount_code_written_folded CHECK (code ~ '^[A-Z0-9][A-Z0-9_-]{2,39}$'),
    CONSTRAINT discount_code_kind_known     CHECK (kind IN ('percent', 'amount')),
    CONSTRAINT discount_code_value_sane     CHECK (value > 0 AND (kind <> 'percent' OR value < 10000)),
    CONSTRAINT discount_code_ends_later     CHECK (ends_at > begins_at),
    CONSTRAINT discount_code_bounds_sane
        CHECK (uses_max > 0 AND per_customer > 0 AND subtotal_min_minor >= 0),
    CONSTRAINT discount_code_counts_not_negative CHECK (held >= 0 AND used >= 0),
    CONSTRAINT discount_code_never_overused CHECK (held + used <= uses_max)
) WITH (fillfactor = 70);
-- Those drawn together are one to staff.
CREATE INDEX discount_code_together ON discount_code (coalesce(batch::text, code));
CREATE INDEX discount_code_batch  ON discount_code (batch) WHERE batch IS NOT NULL;

-- One order with one code: held from placing to the end of its payment. No foreign keys, as on all of the purchase's path.
CREATE TABLE code_use (
    order_id       uuid        PRIMARY KEY,
    code           text        COLLATE "C" NOT NULL,
    customer_id    uuid,
    email          text,                                    -- folded; null: none was given
    amount_minor   bigint      NOT NULL,
    currency       text        NOT NULL,
    state          text        NOT NULL,
    made_at        timestamptz NOT NULL,
    ended_at       timestamptz,                             -- used or released since
    given_back_at  timestamptz,                             -- of an order that was called off after it was used
    CONSTRAINT code_use_state_known     CHECK (state IN ('held', 'used', 'released')),
    CONSTRAINT code_use_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT code_use_ends_with_time  CHECK ((state = 'held') = (ended_at IS NULL)),
    CONSTRAINT code_use_given_back_once_ended CHECK (given_back_at IS NULL OR state <> 'held')
) WITH (fillfactor = 80);
-- What limits per customer count.
CREATE INDEX code_use_of_customer ON code_use (code, customer_id) WHERE customer_id IS NOT NULL AND state <> 'released';
CREATE INDEX code_use_of_email    ON code_use (code, email) WHERE state <> 'released';

-- ---------------------------------------------------------------- checkout

-- The attempt to buy. doc holds what was asked and the quote as signed at updated_at (checkout/model.py: Session).
CREATE TABLE checkout_session (
    id           uuid        PRIMARY KEY,
    status       text        NOT NULL,
    channel      text        NOT NULL,                     -- web, ucp
    owner        text        NOT NULL,                     -- the browser or agent that opened it
    customer_id  uuid,
    order_id     uuid,                                     -- the order it became, or is becoming
    version      integer     NOT NULL DEFAULT 1,           -- a change names the version it saw
    doc          json        NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT checkout_session_status_known
        CHECK (status IN ('incomplete', 'ready', 'completing', 'completed', 'canceled')),
    CONSTRAINT checkout_session_order_when_completing
        CHECK ((status IN ('completing', 'completed')) = (order_id IS NOT NULL))
) WITH (fillfactor = 80);

-- One row per attempt that ended or made an order, named by the client's key: same key, same answer.
CREATE TABLE attempt_key (
    scope        text        COLLATE "C" NOT NULL,         -- who and which verb
    key          text        COLLATE "C" NOT NULL,
    fingerprint  bytea       NOT NULL,                     -- sha-256 of what was asked
    answer       json,                                     -- what was answered, where that was the end of it
    order_id     uuid,                                     -- else the order it made, whose state is the answer
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (scope, key),
    CONSTRAINT attempt_key_has_answer CHECK ((answer IS NULL) <> (order_id IS NULL))
);
CREATE INDEX attempt_key_age ON attempt_key USING brin (created_at);

-- ---------------------------------------------------------------- orders

-- The usual. Lifecycle in orders/model.py.
CREATE TABLE orders (
    id               uuid        PRIMARY KEY,
    number           text        COLLATE "C" NOT NULL,     -- what people say on the telephone
    session_id       uuid        NOT NULL,
    channel          text        NOT NULL,
    customer_id      uuid,
    email            text        NOT NULL,
    state            text        NOT NULL,
    state_reason     text,                                 -- why declined, held or cancelled
    currency         text        NOT NULL,
    subtotal_minor   bigint      NOT NULL,
    delivery_minor   bigint      NOT NULL,
    tax_minor        bigint      NOT NULL,                 -- contained in the total, see tax_included
    tax_included     boolean     NOT NULL,
    total_minor      bigint      NOT NULL,
    discount_minor   bigint      NOT NULL DEFAULT 0,       -- what its code takes off the goods
    code             text        COLLATE "C",
    refunded_minor   bigint      NOT NULL DEFAULT 0,
    delivery         text        NOT NULL,                 -- code of the delivery choice
    details          json        NOT NULL,                 -- buyer and address as given (checkout/model.py: Details)
    placed_at        timestamptz NOT NULL,
    settled_at       timestamptz,                          -- when payment ended one way or the other
    shipped_at       timestamptz,
    cancelled_at     timestamptz,
    CONSTRAINT orders_number_unique UNIQUE (number),
    CONSTRAINT orders_state_known
        CHECK (state IN ('pending', 'held', 'confirmed', 'declined', 'shipped', 'cancelled')),
    CONSTRAINT orders_total_sums
        CHECK (total_minor = subtotal_minor - discount_minor + delivery_minor
                             + CASE WHEN tax_included THEN 0 ELSE tax_minor END),
    CONSTRAINT orders_discount_has_code
        CHECK (discount_minor BETWEEN 0 AND subtotal_minor AND (discount_minor = 0) = (code IS NULL)),
    CONSTRAINT orders_amounts_not_negative
        CHECK (subtotal_minor >= 0 AND delivery_minor >= 0 AND tax_minor >= 0),
    CONSTRAINT orders_refund_within_total CHECK (refunded_minor BETWEEN 0 AND total_minor),
    CONSTRAINT orders_settled_when_ended  CHECK ((state IN ('pending', 'held')) = (settled_at IS NULL)),
    CONSTRAINT orders_shipped_has_time    CHECK ((state = 'shipped') = (shipped_at IS NOT NULL)),
    CONSTRAINT orders_cancelled_has_time  CHECK ((state = 'cancelled') = (cancelled_at IS NOT NULL))
) WITH (fillfactor = 80);
-- One living order per checkout session: pressing twice cannot buy twice.
CREATE UNIQUE INDEX orders_one_living_per_session ON orders (session_id) WHERE state <> 'declined';
-- With the one above: whether a session ever made an order. A decline writes to it, a sale does not.
CREATE INDEX orders_declined_of_session ON orders (session_id) WHERE state = 'declined';
CREATE INDEX orders_of_customer ON orders (customer_id, id) WHERE customer_id IS NOT NULL;
CREATE INDEX orders_unsettled   ON orders (placed_at) WHERE state IN ('pending', 'held');

CREATE TABLE order_line (
    order_id          uuid     NOT NULL,
    line              smallint NOT NULL,
    sku               text     COLLATE "C" NOT NULL,
    title             text     NOT NULL,
    quantity          integer  NOT NULL,
    unit_price_minor  bigint   NOT NULL,
    total_minor       bigint   NOT NULL,
    list_price_minor  bigint,                              -- without its deal; null: at no deal's price
    deal_id           uuid,
    claim_id          uuid,                                -- the claim it took over; null: the deal is not limited
    code_minor        bigint   NOT NULL DEFAULT 0,         -- this line's part of what the order's code takes off
    PRIMARY KEY (order_id, line),
    CONSTRAINT order_line_code_within_total CHECK (code_minor BETWEEN 0 AND total_minor),
    CONSTRAINT order_line_claim_is_of_a_deal CHECK (claim_id IS NULL OR deal_id IS NOT NULL),
    CONSTRAINT order_line_quantity_positive CHECK (quantity > 0),
    CONSTRAINT order_line_total_multiplies  CHECK (total_minor = unit_price_minor * quantity)
);

-- Who follows what a checkout session becomes: the address that its platform gave to be told of its order.
CREATE TABLE order_follower (
    session_id  uuid        PRIMARY KEY,
    address     text        NOT NULL,
    created_at  timestamptz NOT NULL
);

-- That an order changed, to be told to its follower. What is told is fixed at the first try, and repeated as it was.
CREATE TABLE order_event (
    id           uuid        PRIMARY KEY,
    order_id     uuid        NOT NULL,
    address      text        NOT NULL,
    body         text,
    made_at      timestamptz NOT NULL,
    due_at       timestamptz,                              -- null: nothing left to do
    tries        integer     NOT NULL DEFAULT 0,
    sent_at      timestamptz,
    given_up_at  timestamptz,
    last_error   text,
    CONSTRAINT order_event_due_until_ended CHECK ((due_at IS NULL) = (sent_at IS NOT NULL OR given_up_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX order_event_due ON order_event (due_at) WHERE due_at IS NOT NULL;

-- ---------------------------------------------------------------- payments

-- One try at getting one order paid. Written before the provider is called; its id is the provider's idempotency key.
-- Lifecycle in payments/model.py.
CREATE TABLE payment_attempt (
    id              uuid        PRIMARY KEY,
    order_id        uuid        NOT NULL,
    provider        text        NOT NULL,
    method          text        NOT NULL,                  -- the provider's token for how to pay; never a card number
    amount_minor    bigint      NOT NULL,
    currency        text        NOT NULL,
    state           text        NOT NULL,
    reason          text,                                  -- why declined or unknown
    provider_ref    text,
    recorded_at     timestamptz NOT NULL,
    answered_at     timestamptz,
    captured_at     timestamptz,
    voided_at       timestamptz,
    next_look_at    timestamptz,                           -- when the reconciler asks again, while unsettled
    capture_due_at  timestamptz,                           -- the order is to be shipped: take the money
    void_due_at     timestamptz,                           -- the order was cancelled: let the reservation go
    looks           integer     NOT NULL DEFAULT 0,
    CONSTRAINT payment_attempt_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT payment_attempt_state_known
        CHECK (state IN ('recorded', 'unknown', 'authorised', 'captured', 'declined', 'voided')),
    CONSTRAINT payment_attempt_no_card_number CHECK (method !~ '^[0-9 -]{12,}$'),
    CONSTRAINT payment_attempt_look_while_unsettled
        CHECK ((state IN ('recorded', 'unknown')) = (next_look_at IS NOT NULL)),
    -- Shipping and cancelling exclude each other here, before the provider is asked for either.
    CONSTRAINT payment_attempt_capture_or_void CHECK (capture_due_at IS NULL OR void_due_at IS NULL),
    CONSTRAINT payment_attempt_due_while_authorised
        CHECK (state = 'authorised' OR (capture_due_at IS NULL AND void_due_at IS NULL))
) WITH (fillfactor = 80);
-- An order has one attempt that may hold money.
CREATE UNIQUE INDEX payment_attempt_one_living ON payment_attempt (order_id) WHERE state NOT IN ('declined', 'voided');
CREATE INDEX payment_attempt_unsettled ON payment_attempt (next_look_at) WHERE next_look_at IS NOT NULL;
CREATE INDEX payment_attempt_to_take   ON payment_attempt (capture_due_at) WHERE capture_due_at IS NOT NULL;
CREATE INDEX payment_attempt_to_void   ON payment_attempt (void_due_at) WHERE void_due_at IS NOT NULL;

-- Money given back. The guarded statement that writes it also raises orders.refunded_minor.
CREATE TABLE refund (
    id            uuid        PRIMARY KEY,                 -- the provider's idempotency key
    order_id      uuid        NOT NULL REFERENCES orders (id),
    attempt_id    uuid        NOT NULL REFERENCES payment_attempt (id),
    amount_minor  bigint      NOT NULL,
    currency      text        NOT NULL,
    reason        text        NOT NULL,
    state         text        NOT NULL,
    recorded_at   timestamptz NOT NULL,
    answered_at   timestamptz,
    next_look_at  timestamptz,
    looks         integer     NOT NULL DEFAULT 0,
    CONSTRAINT refund_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT refund_state_known     CHECK (state IN ('recorded', 'done', 'failed')),
    CONSTRAINT refund_look_while_open CHECK ((state = 'recorded') = (next_look_at IS NOT NULL))
);
CREATE INDEX refund_of_order ON refund (order_id);
CREATE INDEX refund_open     ON refund (next_look_at) WHERE next_look_at IS NOT NULL;

-- ---------------------------------------------------------------- notices

-- What must be told later, written in the transaction that made it true.
CREATE TABLE outbox (
    id          uuid        PRIMARY KEY,
    kind        text        NOT NULL,                      -- order_confirmed, password_reset, …
    recipient   text        NOT NULL,
    facts       json        NOT NULL,
    created_at  timestamptz NOT NULL,
    due_at      timestamptz,                               -- null: nothing left to do
    tries       integer     NOT NULL DEFAULT 0,
    sent_at     timestamptz,
    given_up_at timestamptz,
    last_error  text,
    CONSTRAINT outbox_due_until_ended CHECK ((due_at IS NULL) = (sent_at IS NOT NULL OR given_up_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX outbox_due      ON outbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_given_up ON outbox (given_up_at) WHERE given_up_at IS NOT NULL;

-- Letters kept instead of sent, where no SMTP server is configured (the demo): shown at /ops/mail.
CREATE TABLE kept_letter (
    message_id  text        PRIMARY KEY,                   -- the outbox row's own: kept once
    recipient   text        NOT NULL,
    subject     text        NOT NULL,
    body        text        NOT NULL,
    kept_at     timestamptz NOT NULL
);
CREATE INDEX kept_letter_newest ON kept_letter (kept_at DESC);

-- ---------------------------------------------------------------- pulse

-- What each worker knows of itself, written by it once a second; the row of the zero id has the counters of those that
-- are gone. Unlogged: a second later it is old, so nobody waits for the disk. After a crash of the server it is empty,
-- and counters begin anew, as readers of counters expect after a restart.
CREATE UNLOGGED TABLE worker_pulse (
    worker   uuid        PRIMARY KEY,                      -- of this run of the worker
    at       timestamptz NOT NULL,
    figures  jsonb       NOT NULL
) WITH (fillfactor = 50);

-- ---------------------------------------------------------------- the sandbox payment provider

-- The provider's side of the sandbox: its own ledger, in its own schema, never joined with ours.
CREATE SCHEMA sandbox_provider;
CREATE TABLE sandbox_provider.charge (
    idempotency_key  uuid        PRIMARY KEY,
    amount_minor     bigint      NOT NULL,
    currency         text        NOT NULL,
    state            text        NOT NULL CHECK (state IN ('authorised', 'declined', 'captured', 'voided')),
    reason           text,
    refunded_minor   bigint      NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND amount_minor),
    made_at          timestamptz NOT NULL
);
CREATE TABLE sandbox_provider.refund (
    idempotency_key  uuid        PRIMARY KEY,
    charge_key       uuid        NOT NULL,
    amount_minor     bigint      NOT NULL,
    made_at          timestamptz NOT NULL
);
