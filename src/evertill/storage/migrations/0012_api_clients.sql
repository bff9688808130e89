-- Version 12: API clients. May run while the release before it serves: that one writes actions without them.

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

-- ---- What is there already

ALTER TABLE staff_action
    ADD COLUMN client_id uuid REFERENCES api_client (id),
    ADD CONSTRAINT staff_action_of_one CHECK (staff_id IS NULL OR client_id IS NULL);
