-- What the migrations make on plain PostgreSQL. Written by `make generate`; do not edit.

CREATE TABLE public.api_key (
    id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone
);

COMMENT ON COLUMN public.api_key.hash IS 'SHA-256 of the whole key; the key itself is shown once and never stored.';

CREATE TABLE public.bar_1d (
    instrument_id integer NOT NULL,
    session date NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL
);

CREATE TABLE public.bar_1m (
    instrument_id integer NOT NULL,
    ts timestamp with time zone NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL
);

CREATE TABLE public.corporate_action (
    instrument_id integer NOT NULL,
    ex_date date NOT NULL,
    kind text NOT NULL,
    value double precision NOT NULL,
    source text NOT NULL,
    CONSTRAINT corporate_action_kind_check CHECK ((kind = ANY (ARRAY['split'::text, 'dividend'::text]))),
    CONSTRAINT corporate_action_value_check CHECK (((value > (0)::double precision) AND (value < 'Infinity'::double precision)))
);

COMMENT ON COLUMN public.corporate_action.value IS 'split: new shares for one old; dividend: cash a share in raw terms on the ex-date.';

CREATE TABLE public.exchange (
    mic text NOT NULL,
    name text NOT NULL,
    calendar text NOT NULL,
    timezone text NOT NULL,
    currency text NOT NULL,
    CONSTRAINT exchange_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT exchange_mic_check CHECK ((mic ~ '^[A-Z0-9]{4}$'::text))
);

COMMENT ON TABLE public.exchange IS 'ISO 10383 market; calendar is a name of the package exchange_calendars.';

CREATE TABLE public.import_run (
    id uuid NOT NULL,
    source text NOT NULL,
    sha256 bytea NOT NULL,
    "interval" text NOT NULL,
    status text NOT NULL,
    rows_total bigint NOT NULL,
    rows_done bigint DEFAULT 0 NOT NULL,
    accepted bigint DEFAULT 0 NOT NULL,
    unchanged bigint DEFAULT 0 NOT NULL,
    corrected bigint DEFAULT 0 NOT NULL,
    quarantined bigint DEFAULT 0 NOT NULL,
    error text,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT import_run_check CHECK ((rows_done <= rows_total)),
    CONSTRAINT import_run_interval_check CHECK (("interval" = ANY (ARRAY['1m'::text, '1d'::text, 'actions'::text]))),
    CONSTRAINT import_run_status_check CHECK ((status = ANY (ARRAY['running'::text, 'done'::text, 'failed'::text])))
);

COMMENT ON COLUMN public.import_run.rows_done IS 'Rows of the source that are safe in the database: written in the same transaction as the rows themselves.';

CREATE TABLE public.instrument (
    id integer NOT NULL,
    symbol text NOT NULL,
    name text NOT NULL,
    exchange text NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT instrument_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT instrument_kind_check CHECK ((kind = ANY (ARRAY['stock'::text, 'etf'::text, 'index'::text, 'future'::text, 'currency'::text, 'crypto'::text]))),
    CONSTRAINT instrument_symbol_check CHECK ((symbol ~ '^[A-Z0-9][A-Z0-9.^=_-]{0,31}$'::text))
);

COMMENT ON COLUMN public.instrument.version IS 'Grows in the same transaction as any change of the bars, actions or quarantine: the key of every cached answer.';

ALTER TABLE public.instrument ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.instrument_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.ops_heartbeat (
    id smallint NOT NULL,
    beat_at timestamp with time zone NOT NULL,
    CONSTRAINT ops_heartbeat_id_check CHECK ((id = 1))
);

COMMENT ON TABLE public.ops_heartbeat IS 'Time of the last beat, by the clock of the database server.';

CREATE TABLE public.quarantine (
    id bigint NOT NULL,
    source_sha256 bytea NOT NULL,
    row_number bigint NOT NULL,
    import_id uuid NOT NULL,
    source text NOT NULL,
    symbol text,
    "interval" text NOT NULL,
    bar_time timestamp with time zone,
    raw json NOT NULL,
    repaired json,
    open double precision,
    high double precision,
    low double precision,
    close double precision,
    volume double precision,
    reasons text[] NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    resolved_at timestamp with time zone,
    CONSTRAINT quarantine_reasons_check CHECK ((cardinality(reasons) > 0)),
    CONSTRAINT quarantine_state_check CHECK ((state = ANY (ARRAY['open'::text, 'replayed'::text, 'dismissed'::text])))
);

COMMENT ON COLUMN public.quarantine.bar_time IS 'Start of the bar (of a daily one, 00:00 UTC of its session); NULL where the row does not say.';

COMMENT ON COLUMN public.quarantine.raw IS 'The row as the source has it, in its order: the same text is the same row, also in a longer copy of the file.';

COMMENT ON COLUMN public.quarantine.repaired IS 'The row as edited by hand; it goes through the gate in the place of raw.';

COMMENT ON COLUMN public.quarantine.open IS 'This and the next four: the numbers read from the row as it is now; NULL where there is none.';

ALTER TABLE public.quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.schema_migration (
    number integer NOT NULL,
    phase text NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_prefix_key UNIQUE (prefix);

ALTER TABLE ONLY public.bar_1d
    ADD CONSTRAINT bar_1d_pkey PRIMARY KEY (instrument_id, session);

ALTER TABLE ONLY public.bar_1m
    ADD CONSTRAINT bar_1m_pkey PRIMARY KEY (instrument_id, ts);

ALTER TABLE ONLY public.corporate_action
    ADD CONSTRAINT corporate_action_pkey PRIMARY KEY (instrument_id, ex_date, kind);

ALTER TABLE ONLY public.exchange
    ADD CONSTRAINT exchange_pkey PRIMARY KEY (mic);

ALTER TABLE ONLY public.import_run
    ADD CONSTRAINT import_run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.instrument
    ADD CONSTRAINT instrument_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.instrument
    ADD CONSTRAINT instrument_symbol_key UNIQUE (symbol);

ALTER TABLE ONLY public.ops_heartbeat
    ADD CONSTRAINT ops_heartbeat_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_source_sha256_row_number_key UNIQUE (source_sha256, row_number);

ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (number, phase);

CREATE INDEX import_run_sha256 ON public.import_run USING btree (sha256, started_at);

CREATE INDEX import_run_started ON public.import_run USING btree (started_at);

CREATE INDEX quarantine_symbol ON public.quarantine USING btree (symbol, state, id);

ALTER TABLE ONLY public.corporate_action
    ADD CONSTRAINT corporate_action_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES public.instrument(id);

ALTER TABLE ONLY public.instrument
    ADD CONSTRAINT instrument_exchange_fkey FOREIGN KEY (exchange) REFERENCES public.exchange(mic);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_import_id_fkey FOREIGN KEY (import_id) REFERENCES public.import_run(id);
