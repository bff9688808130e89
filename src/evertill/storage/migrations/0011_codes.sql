-- Version 11: codes that take something off, their uses, and what orders say of them. May run while the release before it
-- serves: that one writes orders and lines without a code.

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

-- ---- What is there already

ALTER TABLE orders
    ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN code           text   COLLATE "C",
    DROP CONSTRAINT orders_total_sums;
ALTER TABLE orders
    ADD CONSTRAINT orders_total_sums
        CHECK (total_minor = subtotal_minor - discount_minor + delivery_minor
                             + CASE WHEN tax_included THEN 0 ELSE tax_minor END),
    ADD CONSTRAINT orders_discount_has_code
        CHECK (discount_minor BETWEEN 0 AND subtotal_minor AND (discount_minor = 0) = (code IS NULL));

ALTER TABLE order_line
    ADD COLUMN code_minor bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT order_line_code_within_total CHECK (code_minor BETWEEN 0 AND total_minor);
