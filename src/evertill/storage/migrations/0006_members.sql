-- Version 6: memberships. May run before the release that needs it is started.

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
