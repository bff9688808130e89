-- Version 10: rain checks. Runs after the release before it was stopped: that one would count a rain check in its deal.

ALTER TABLE claim
    ADD COLUMN grant_id uuid;
DROP INDEX claim_one_each;
CREATE UNIQUE INDEX claim_one_each ON claim (deal_id, sku, holder) WHERE state = 'held' AND grant_id IS NULL;

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
