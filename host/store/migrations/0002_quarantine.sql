-- Halts in a row that a connector is to blame for, by connection. A call that ends without one takes the row away, unless
-- there were so many that the connection is in quarantine: then it stays until an operator or another version lifts it.
CREATE TABLE strike (
    connection_id TEXT NOT NULL PRIMARY KEY REFERENCES connection (id) ON DELETE CASCADE,
    org_id TEXT NOT NULL,
    connector_id TEXT NOT NULL,
    -- The version that was halted; rows of another version than the installed one are void.
    digest TEXT NOT NULL,
    n BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    -- Of the last one that was counted: what began before it is not.
    last_at BIGINT NOT NULL,
    -- Of the last halt: its code, and its sentence without secrets.
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- Whether a call over another connection of this version has ended well since the first halt.
    witness BIGINT NOT NULL DEFAULT 0,
    -- How long the connection waits because of them: what of its own wait may be lifted with them.
    wait_until BIGINT NOT NULL DEFAULT 0,
    quarantined_at BIGINT
);
CREATE INDEX strike_connector ON strike (connector_id, quarantined_at);
-- Each call that ends well bears witness: it must find nothing where there is nothing left to say.
CREATE INDEX strike_witness ON strike (connector_id, digest) WHERE witness = 0;
CREATE INDEX strike_org ON strike (org_id, quarantined_at);

-- Versions in quarantine, for every connection. The reason is shown to every organization: nothing of one stands in it.
CREATE TABLE quarantine (
    connector_id TEXT NOT NULL PRIMARY KEY REFERENCES connector (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    strikes BIGINT NOT NULL,
    since BIGINT NOT NULL,
    reason TEXT NOT NULL
);

-- What was put into quarantine and lifted out of it. No foreign keys: it is history.
CREATE TABLE connector_event (
    id TEXT NOT NULL PRIMARY KEY,
    connector_id TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    -- Both empty where it concerns the whole version.
    org_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('quarantined', 'released')),
    at BIGINT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX connector_event_org ON connector_event (connector_id, org_id, id);
