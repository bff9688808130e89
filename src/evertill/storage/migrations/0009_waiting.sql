-- Version 9: the lines of deals. May run before the release that needs it is started.

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
