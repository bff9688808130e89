-- Version 7: lines of carts and orders know their deal and their claim. May run while the release before it serves: that
-- one writes lines without them.

ALTER TABLE cart_line
    ADD COLUMN claim_id uuid;

ALTER TABLE order_line
    ADD COLUMN list_price_minor bigint,
    ADD COLUMN deal_id          uuid,
    ADD COLUMN claim_id         uuid,
    ADD CONSTRAINT order_line_claim_is_of_a_deal CHECK (claim_id IS NULL OR deal_id IS NOT NULL);

ALTER TABLE claim
    DROP CONSTRAINT claim_because_known;
ALTER TABLE claim
    ADD CONSTRAINT claim_because_known
        CHECK (ended_because IN ('expired', 'removed', 'declined', 'stopped', 'cancelled', 'joined'));
