-- Times are milliseconds since 1970 in UTC, ids UUIDv7 as text, objects and lists JSON text. {blob} is the type of bytes.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE org (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    -- SHA-256 of the key; the key itself is nowhere.
    hash {blob} NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE component (
    digest TEXT NOT NULL PRIMARY KEY,
    bytes {blob} NOT NULL
);

CREATE TABLE connector (
    id TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES component (digest),
    manifest TEXT NOT NULL,
    interfaces TEXT NOT NULL,
    size BIGINT NOT NULL,
    installed_at BIGINT NOT NULL
);

CREATE TABLE connection (
    id TEXT NOT NULL PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    connector_id TEXT NOT NULL REFERENCES connector (id),
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'reconnect-required', 'consent-required', 'disabled')),
    status_reason TEXT,
    credential_kind TEXT,
    -- Sealed by the vault; the seal is bound to this row's id.
    credential {blob},
    -- When the credential was given: what an older call says about it is no news.
    credential_at BIGINT NOT NULL,
    settings TEXT NOT NULL,
    sync_settings TEXT NOT NULL,
    field_mapping TEXT,
    account TEXT,
    -- No job of it starts before then (an exhausted bucket).
    wait_until BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX connection_org ON connection (org_id, id);
CREATE INDEX connection_connector ON connection (connector_id);

CREATE TABLE event (
    id TEXT NOT NULL PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    source_id TEXT NOT NULL CHECK (length(source_id) BETWEEN 1 AND 128),
    kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 100),
    occurred_at BIGINT NOT NULL,
    label TEXT,
    data TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    planned BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX event_source ON event (org_id, source_id);
CREATE INDEX event_unplanned ON event (id) WHERE planned = 0;

CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    -- No foreign key: a job is history, and outlives its connection.
    connection_id TEXT NOT NULL,
    event_id TEXT REFERENCES event (id),
    operation TEXT NOT NULL,
    op_key TEXT NOT NULL,
    op TEXT NOT NULL,
    object TEXT NOT NULL,
    lane BIGINT NOT NULL CHECK (lane BETWEEN 0 AND 3),
    provides TEXT NOT NULL,
    needs TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'held')),
    run_at BIGINT NOT NULL,
    -- How many open jobs it waits for: the number of its rows in job_after.
    blockers BIGINT NOT NULL DEFAULT 0 CHECK (blockers >= 0),
    -- Tries that count against the retry budget, all tries (the number of the present attempt), deaths of a worker.
    attempts BIGINT NOT NULL DEFAULT 0,
    tries BIGINT NOT NULL DEFAULT 0,
    crashes BIGINT NOT NULL DEFAULT 0,
    -- The fencing token: counts the leases.
    token BIGINT NOT NULL DEFAULT 0,
    owner TEXT,
    claimed_at BIGINT,
    lease_until BIGINT,
    -- Whether a held job may have been applied already: then a person decides, not a new credential.
    uncertain BIGINT NOT NULL DEFAULT 0,
    receipt TEXT,
    error TEXT,
    created_at BIGINT NOT NULL,
    -- NULL while the job is open, that is queued, running or held.
    finished_at BIGINT
);
CREATE INDEX job_event ON job (event_id, id);
CREATE INDEX job_ready ON job (connection_id, lane, run_at, id) WHERE state = 'queued' AND blockers = 0;
CREATE INDEX job_open ON job (connection_id, state) WHERE finished_at IS NULL;
CREATE INDEX job_done ON job (connection_id, provides, id) WHERE state = 'done' AND provides <> '[]';
CREATE INDEX job_lease ON job (lease_until) WHERE state = 'running';

-- job_id waits until after_id is done or failed; then the row goes.
CREATE TABLE job_after (
    job_id TEXT NOT NULL REFERENCES job (id),
    after_id TEXT NOT NULL REFERENCES job (id),
    PRIMARY KEY (after_id, job_id)
);
CREATE INDEX job_after_job ON job_after (job_id);

-- Where to look for due jobs: one row per connection and lane with queued jobs that wait for nothing but their time.
-- A hint, never later than the truth; only of active connections. Whoever is served goes to the end of those who are due.
CREATE TABLE ready (
    connection_id TEXT NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    lane BIGINT NOT NULL,
    org_id TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (connection_id, lane)
);
CREATE INDEX ready_due ON ready (lane, due_at, connection_id, org_id);

CREATE TABLE attempt (
    job_id TEXT NOT NULL REFERENCES job (id),
    number BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ms BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    decision TEXT NOT NULL,
    error TEXT,
    exchanges TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
);

-- How many jobs ended how, since the file was made: counting them would read them all.
CREATE TABLE tally (
    name TEXT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
);
INSERT INTO tally (name, n) VALUES ('done', 0), ('failed', 0);

CREATE TABLE link (
    connection_id TEXT NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    local_key TEXT NOT NULL,
    object TEXT NOT NULL,
    remote_id TEXT,
    version TEXT,
    -- The last job that provides it.
    job_id TEXT NOT NULL,
    PRIMARY KEY (connection_id, role, local_key)
);

CREATE TABLE exchange (
    id TEXT NOT NULL PRIMARY KEY,
    org_id TEXT NOT NULL,
    connection_id TEXT NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    content TEXT NOT NULL
);
CREATE INDEX exchange_connection ON exchange (connection_id, id);

CREATE TABLE cache (
    connection_id TEXT NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value {blob} NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (connection_id, name)
);
CREATE INDEX cache_expiry ON cache (connection_id, expires_at);

CREATE TABLE described (
    connection_id TEXT NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    object TEXT NOT NULL,
    content TEXT NOT NULL,
    described_at BIGINT NOT NULL,
    PRIMARY KEY (connection_id, object)
);
