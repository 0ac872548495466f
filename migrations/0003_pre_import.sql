-- Imports with their progress, the rows kept aside by the quality gate, and API keys.

CREATE TABLE import_run (
    id           uuid PRIMARY KEY,
    source       text NOT NULL,
    sha256       bytea NOT NULL,
    interval     text NOT NULL CHECK (interval IN ('1m', '1d', 'actions')),
    status       text NOT NULL CHECK (status IN ('running', 'done', 'failed')),
    rows_total   bigint NOT NULL,
    rows_done    bigint NOT NULL DEFAULT 0 CHECK (rows_done <= rows_total),
    accepted     bigint NOT NULL DEFAULT 0,
    unchanged    bigint NOT NULL DEFAULT 0,
    corrected    bigint NOT NULL DEFAULT 0,
    quarantined  bigint NOT NULL DEFAULT 0,
    error        text,
    started_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz
);
CREATE INDEX import_run_sha256 ON import_run (sha256, started_at);
CREATE INDEX import_run_started ON import_run (started_at);
COMMENT ON COLUMN import_run.rows_done IS
    'Rows of the source that are safe in the database: written in the same transaction as the rows themselves.';

CREATE TABLE quarantine (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_sha256 bytea NOT NULL,
    row_number    bigint NOT NULL,
    import_id     uuid NOT NULL REFERENCES import_run (id),
    source        text NOT NULL,
    symbol        text,
    interval      text NOT NULL,
    bar_time      timestamptz,
    raw           json NOT NULL,
    repaired      json,
    open          double precision,
    high          double precision,
    low           double precision,
    close         double precision,
    volume        double precision,
    reasons       text[] NOT NULL CHECK (cardinality(reasons) > 0),
    state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'dismissed')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    resolved_at   timestamptz,
    UNIQUE (source_sha256, row_number)
);
COMMENT ON COLUMN quarantine.raw IS
    'The row as the source has it, in its order: the same text is the same row, also in a longer copy of the file.';
COMMENT ON COLUMN quarantine.repaired IS 'The row as edited by hand; it goes through the gate in the place of raw.';
COMMENT ON COLUMN quarantine.open IS
    'This and the next four: the numbers read from the row as it is now; NULL where there is none.';
COMMENT ON COLUMN quarantine.bar_time IS
    'Start of the bar (of a daily one, 00:00 UTC of its session); NULL where the row does not say.';
CREATE INDEX quarantine_symbol ON quarantine (symbol, state, id);

CREATE TABLE api_key (
    id           uuid PRIMARY KEY,
    name         text NOT NULL,
    prefix       text NOT NULL UNIQUE,
    hash         bytea NOT NULL,
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
COMMENT ON COLUMN api_key.hash IS 'SHA-256 of the whole key; the key itself is shown once and never stored.';
