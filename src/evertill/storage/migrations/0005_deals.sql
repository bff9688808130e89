-- Version 5: sale events, deals, claims, and the history of prices. Runs after the release before it was stopped: a price
-- which that one changed afterwards would be missing in the history.

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
    CONSTRAINT claim_state_known       CHECK (state IN ('held', 'ordered', 'bought', 'released')),
    CONSTRAINT claim_quantity_sane     CHECK (quantity BETWEEN 1 AND 999),
    CONSTRAINT claim_price_positive    CHECK (price_minor > 0),
    CONSTRAINT claim_order_when_it_has CHECK ((state IN ('ordered', 'bought')) = (order_id IS NOT NULL)),
    CONSTRAINT claim_ends_with_reason  CHECK ((state = 'released') = (ended_because IS NOT NULL)),
    CONSTRAINT claim_because_known
        CHECK (ended_because IN ('expired', 'removed', 'declined', 'stopped', 'cancelled'))
) WITH (fillfactor = 70);
-- One living claim for one thing by one holder: pressing twice finds the first.
CREATE UNIQUE INDEX claim_one_each ON claim (deal_id, sku, holder) WHERE state = 'held';
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

-- ---- What is there already

-- Every SKU's price, dated now: since when it has been that, nobody wrote down, and nothing is claimed of the time before.
INSERT INTO price_history (sku, since, price_minor) SELECT sku, now(), price_minor FROM variant ORDER BY sku;
