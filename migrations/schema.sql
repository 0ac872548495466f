-- What the migrations make on plain PostgreSQL. Written by `make generate`; do not edit.

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';

CREATE FUNCTION public.current_epoch() RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    now_history text := (SELECT system_identifier FROM pg_control_system())::text || '/'
        || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
    found uuid;
BEGIN
    SELECT id INTO found FROM event_epoch WHERE history = now_history;
    IF found IS NULL THEN
        INSERT INTO event_epoch (history, begins_behind)
        SELECT now_history, coalesce(max(outbox.id), 0) FROM outbox
        ON CONFLICT (history) DO NOTHING;
        SELECT id INTO found FROM event_epoch WHERE history = now_history;
    END IF;
    RETURN found;
END
$$;

COMMENT ON FUNCTION public.current_epoch() IS 'Epoch of what is written now; begun if this history has none.';

CREATE FUNCTION public.search_key(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN btrim(regexp_replace(regexp_replace(translate(lower(NORMALIZE($1, NFKD)), 'ᄀᄁᄂᄃᄄᄅᄆᄇᄈᄉᄊᄋᄌᄍᄎᄏᄐᄑ하ᅢᅣᅤᅥᅦᅧᅨᅩᅪᅫᅬᅭᅮᅯᅰᅱᅲᅳᅴᅵᆨᆩᆪᆫᆬᆭᆮᆯᆰᆱᆲᆳᆴᆵᆶᆷᆸᆹᆺᆻᆼᆽᆾᆿᇀᇁᇂ'::text, 'rrseefaqqttdwwczxvgkoiojpuphhhhynnnnbmmlrrrssseffffffffaqqttdwczxvg'::text), '[̀-ͯ’'']+'::text, ''::text, 'g'::text), '[[:punct:][:space:]]+'::text, ' '::text, 'g'::text));

COMMENT ON FUNCTION public.search_key(text) IS 'A text as it is searched: words of small letters and digits, without accents, apostrophes and punctuation.';

CREATE FUNCTION public.hangul_initials(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN public.search_key(regexp_replace(NORMALIZE($1, NFKD), '[^ᄀ-ᄒ]+'::text, ''::text, 'g'::text));

COMMENT ON FUNCTION public.hangul_initials(text) IS 'The first consonants of all syllables, as search_key writes them.';

CREATE FUNCTION public.tell_instruments() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO outbox (epoch, topic, key, schema, source, data, request_id, traceparent)
        SELECT (SELECT current_epoch()), 'prices.instruments.v1', symbol, '1.0', 'stock-analysis/database',
            json_build_object('symbol', symbol, 'change', 'listed', 'version', version, 'name', left(name, 400),
                'exchange', exchange, 'currency', currency, 'kind', kind)::text,
            coalesce(current_setting('stock.request_id', true), ''),
            coalesce(current_setting('stock.traceparent', true), '')
        FROM after_rows ORDER BY id;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO outbox (epoch, topic, key, schema, source, data, request_id, traceparent)
        SELECT (SELECT current_epoch()), 'prices.instruments.v1', symbol, '1.0', 'stock-analysis/database',
            json_build_object('symbol', symbol, 'change', 'deleted', 'version', version, 'name', left(name, 400),
                'exchange', exchange, 'currency', currency, 'kind', kind)::text,
            coalesce(current_setting('stock.request_id', true), ''),
            coalesce(current_setting('stock.traceparent', true), '')
        FROM before_rows ORDER BY id;
    ELSE
        INSERT INTO outbox (epoch, topic, key, schema, source, data, request_id, traceparent)
        SELECT (SELECT current_epoch()), 'prices.instruments.v1', later.symbol, '1.0', 'stock-analysis/database',
            json_build_object('symbol', later.symbol,
                'change', CASE
                    WHEN later.symbol <> before.symbol THEN 'renamed'
                    WHEN (later.name, later.exchange, later.currency, later.kind) IS DISTINCT FROM
                         (before.name, before.exchange, before.currency, before.kind) THEN 'changed'
                    ELSE 'data' END,
                'version', later.version, 'name', left(later.name, 400), 'exchange', later.exchange, 'currency', later.currency,
                'kind', later.kind,
                'former_symbol', CASE WHEN later.symbol <> before.symbol THEN before.symbol ELSE '' END)::text,
            coalesce(current_setting('stock.request_id', true), ''),
            coalesce(current_setting('stock.traceparent', true), '')
        FROM after_rows AS later JOIN before_rows AS before USING (id) ORDER BY id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION public.tell_relay() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NOTIFY outbox;
    RETURN NULL;
END
$$;

CREATE TABLE public.api_key (
    id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    pepper text
);

COMMENT ON COLUMN public.api_key.hash IS 'SHA-256 of the whole key, sealed with the pepper of this name; the key itself is shown once and never stored.';

COMMENT ON COLUMN public.api_key.pepper IS 'Name of the pepper; NULL: the hash is plain SHA-256.';

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

CREATE TABLE public.calendar_change (
    calendar text NOT NULL,
    day date NOT NULL,
    opens timestamp with time zone,
    closes timestamp with time zone,
    note text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT calendar_change_check CHECK ((num_nulls(opens, closes) = ANY (ARRAY[0, 2]))),
    CONSTRAINT calendar_change_check1 CHECK ((opens < closes))
);

COMMENT ON TABLE public.calendar_change IS 'What users corrected in a calendar: the hours of the session of a day; NULL = there is no session.';

CREATE TABLE public.corporate_action (
    instrument_id integer NOT NULL,
    ex_date date NOT NULL,
    kind text NOT NULL,
    value double precision NOT NULL,
    source text NOT NULL,
    ordinal smallint DEFAULT 1 NOT NULL,
    unit text,
    price double precision,
    CONSTRAINT corporate_action_check CHECK (((kind = 'spin_off'::text) = (unit IS NOT NULL))),
    CONSTRAINT corporate_action_check1 CHECK (((kind = 'rights'::text) = (price IS NOT NULL))),
    CONSTRAINT corporate_action_kind_check CHECK ((kind = ANY (ARRAY['split'::text, 'dividend'::text, 'special_dividend'::text, 'spin_off'::text, 'rights'::text]))),
    CONSTRAINT corporate_action_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT corporate_action_price_check CHECK (((price > (0)::double precision) AND (price < 'Infinity'::double precision))),
    CONSTRAINT corporate_action_unit_check CHECK ((unit = ANY (ARRAY['ratio'::text, 'cash'::text]))),
    CONSTRAINT corporate_action_value_check CHECK (((value > (0)::double precision) AND (value < 'Infinity'::double precision)))
);

COMMENT ON COLUMN public.corporate_action.value IS 'split: new shares for one old; dividends: cash a share in raw terms on the ex-date; spin_off: see unit; rights: new shares offered for one old.';

COMMENT ON COLUMN public.corporate_action.ordinal IS 'Which of the actions of this kind on this day; all of them count.';

COMMENT ON COLUMN public.corporate_action.unit IS 'Of a spin-off: whether the value is the price after it / the price before, or cash a share.';

COMMENT ON COLUMN public.corporate_action.price IS 'Of rights: what a new share costs.';

CREATE TABLE public.dead_letter (
    id bigint NOT NULL,
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    identity text NOT NULL,
    "position" text NOT NULL,
    key text NOT NULL,
    headers jsonb NOT NULL,
    data bytea NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    resolved_at timestamp with time zone,
    CONSTRAINT dead_letter_state_check CHECK ((state = ANY (ARRAY['open'::text, 'asked'::text, 'replayed'::text, 'dismissed'::text])))
);

COMMENT ON TABLE public.dead_letter IS 'Messages that a consumer could not deal with. asked: to be tried again.';

ALTER TABLE public.dead_letter ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dead_letter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.event_delivery (
    topic text NOT NULL,
    events bigint NOT NULL,
    last_sequence bigint NOT NULL,
    last_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.event_delivery IS 'What the consumer `delivery` has met of each topic: the way through the log works.';

CREATE TABLE public.event_epoch (
    number integer NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    history text NOT NULL,
    begins_behind bigint NOT NULL,
    began_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.event_epoch IS 'Histories that this database went through: a restore, or a standby that takes over, begins a new one.';

COMMENT ON COLUMN public.event_epoch.history IS 'Identifier of the PostgreSQL cluster, and timeline of its write-ahead log.';

COMMENT ON COLUMN public.event_epoch.begins_behind IS 'Greatest id in the outbox when it began: what earlier epochs published with a greater one is not part of this database.';

ALTER TABLE public.event_epoch ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.event_epoch_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.event_log (
    topic text NOT NULL,
    identity text NOT NULL,
    epoch uuid NOT NULL
);

COMMENT ON TABLE public.event_log IS 'Which log each topic was last published to, in which epoch; in another one the outbox is published again.';

CREATE TABLE public.event_position (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    identity text NOT NULL,
    "position" text NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.event_position IS 'How far each consumer is; it commits with what the events did.';

CREATE TABLE public.event_seen (
    consumer text NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    sequence bigint NOT NULL
)
WITH (fillfactor='70');

COMMENT ON TABLE public.event_seen IS 'The newest event of each key that a consumer has dealt with: one that comes again is passed over.';

CREATE TABLE public.exchange (
    mic text NOT NULL,
    name text NOT NULL,
    calendar text NOT NULL,
    timezone text NOT NULL,
    currency text NOT NULL,
    extended_opens time without time zone,
    extended_closes time without time zone,
    suffixes text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT exchange_check CHECK ((num_nulls(extended_opens, extended_closes) = ANY (ARRAY[0, 2]))),
    CONSTRAINT exchange_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT exchange_mic_check CHECK ((mic ~ '^[A-Z0-9]{4}$'::text))
);

COMMENT ON TABLE public.exchange IS 'A market. calendar is a name of the package exchange_calendars, FX, or "weekdays 09:30-16:00 Africa/Lagos".';

COMMENT ON COLUMN public.exchange.extended_opens IS 'When trading before the sessions begins, on the exchange''s clock; NULL = there is none. So extended_closes.';

COMMENT ON COLUMN public.exchange.suffixes IS 'What stands behind the last point of a symbol to name this market, beside what is shipped.';

CREATE TABLE public.import_change (
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    is_undo boolean DEFAULT false NOT NULL,
    "interval" text,
    instruments integer[] NOT NULL,
    created integer[] DEFAULT '{}'::integer[] NOT NULL,
    bars bytea,
    actions jsonb,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    terms jsonb,
    CONSTRAINT import_change_interval_check CHECK (("interval" = ANY (ARRAY['1m'::text, '1d'::text])))
);

COMMENT ON TABLE public.import_change IS 'What one transaction of an import did. Not a copy of the bars: their keys, and the values it replaced.';

COMMENT ON COLUMN public.import_change.bars IS 'Keys of bars that were new, equal, corrected or removed, with the values that were there before; see ingest/journal.py.';

COMMENT ON COLUMN public.import_change.actions IS 'Of each instrument, day and kind, the actions before and after.';

COMMENT ON COLUMN public.import_change.terms IS 'Of each instrument, adjusted and adjusted_until before and after: [[instrument, [before], [after]], ...].';

ALTER TABLE public.import_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.import_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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
    listing jsonb DEFAULT '{}'::jsonb NOT NULL,
    reading jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT import_run_check CHECK ((rows_done <= rows_total)),
    CONSTRAINT import_run_interval_check CHECK (("interval" = ANY (ARRAY['1m'::text, '1d'::text, 'actions'::text]))),
    CONSTRAINT import_run_status_check CHECK ((status = ANY (ARRAY['running'::text, 'done'::text, 'failed'::text, 'undone'::text])))
);

COMMENT ON COLUMN public.import_run.rows_done IS 'Rows of the source that are safe in the database: written in the same transaction as the rows themselves.';

COMMENT ON COLUMN public.import_run.listing IS 'What the user said of new instruments: exchange, currency.';

COMMENT ON COLUMN public.import_run.reading IS 'How the source was read, as said to the user.';

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
    symbol_key text GENERATED ALWAYS AS (replace(public.search_key(symbol), ' '::text, ''::text)) STORED,
    name_key text GENERATED ALWAYS AS (public.search_key(name)) STORED,
    initials text GENERATED ALWAYS AS (public.hangul_initials(name)) STORED,
    adjusted text,
    adjusted_until date,
    CONSTRAINT instrument_adjusted_check CHECK ((adjusted = ANY (ARRAY['none'::text, 'split'::text, 'all'::text]))),
    CONSTRAINT instrument_check CHECK (((adjusted_until IS NOT NULL) OR (COALESCE(adjusted, 'none'::text) = 'none'::text))),
    CONSTRAINT instrument_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT instrument_kind_check CHECK ((kind = ANY (ARRAY['stock'::text, 'etf'::text, 'index'::text, 'future'::text, 'currency'::text, 'crypto'::text]))),
    CONSTRAINT instrument_symbol_check CHECK (((symbol ~ '^\^?[A-Z0-9][A-Z0-9.^=_-]*$'::text) AND (length(symbol) <= 32)))
);

COMMENT ON COLUMN public.instrument.currency IS 'ISO 4217, or a minor unit that prices are quoted in, as GBX: see domain/currencies.py.';

COMMENT ON COLUMN public.instrument.version IS 'Grows in the same transaction as any change of the bars, actions or quarantine: the key of every cached answer.';

COMMENT ON COLUMN public.instrument.adjusted IS 'What is taken out of the stored prices already, as of adjusted_until; NULL = nobody said, taken for none.';

CREATE TABLE public.instrument_alias (
    alias text NOT NULL,
    instrument_id integer NOT NULL
);

COMMENT ON TABLE public.instrument_alias IS 'Other symbols by which an import means an instrument: former ones, other vendors'' ones.';

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

CREATE TABLE public.outbox (
    id bigint NOT NULL,
    event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    epoch uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    schema text NOT NULL,
    source text NOT NULL,
    data text NOT NULL,
    request_id text DEFAULT ''::text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_data_check CHECK ((octet_length(data) <= 393216))
);

COMMENT ON TABLE public.outbox IS 'Events, in the transaction of the rows that they tell of. Ids of a key are in the order of its commits, because its writers hold the lock of its instrument.';

COMMENT ON COLUMN public.outbox.published_at IS 'When the event log took it; NULL = it waits for the relay.';

ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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
    accepted text[],
    accepted_by text,
    CONSTRAINT quarantine_reasons_check CHECK ((cardinality(reasons) > 0)),
    CONSTRAINT quarantine_state_check CHECK ((state = ANY (ARRAY['open'::text, 'replayed'::text, 'dismissed'::text])))
);

COMMENT ON COLUMN public.quarantine.bar_time IS 'Start of the bar (of a daily one, 00:00 UTC of its session); NULL where the row does not say.';

COMMENT ON COLUMN public.quarantine.raw IS 'The row as the source has it, in its order: the same text is the same row, also in a longer copy of the file.';

COMMENT ON COLUMN public.quarantine.repaired IS 'The row as edited by hand; it goes through the gate in the place of raw.';

COMMENT ON COLUMN public.quarantine.open IS 'This and the next four: the numbers read from the row as it is now; NULL where there is none.';

COMMENT ON COLUMN public.quarantine.accepted IS 'For which reasons a person declared the row to be true; it landed all the same.';

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

CREATE TABLE public.sentiment_author_key (
    name text NOT NULL,
    key bytea NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT sentiment_author_key_key_check CHECK ((octet_length(key) >= 32))
);

COMMENT ON TABLE public.sentiment_author_key IS 'Keys that authors are hashed with: one for each day (2026-11-29), deleted when the day is final, and `forgotten`, of those who asked.';

CREATE TABLE public.sentiment_bucket (
    instrument_id integer NOT NULL,
    length_s integer NOT NULL,
    start timestamp with time zone NOT NULL,
    state text NOT NULL,
    revision bigint NOT NULL,
    posts integer NOT NULL,
    judged integer NOT NULL,
    voices integer NOT NULL,
    copies integer NOT NULL,
    effective_n double precision NOT NULL,
    score double precision NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    positive double precision NOT NULL,
    negative double precision NOT NULL,
    unsure double precision NOT NULL,
    model text NOT NULL,
    sample boolean NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT sentiment_bucket_length_s_check CHECK ((length_s > 0)),
    CONSTRAINT sentiment_bucket_state_check CHECK ((state = ANY (ARRAY['provisional'::text, 'final'::text])))
);

COMMENT ON TABLE public.sentiment_bucket IS 'Sentiment in a span of time: each a function of the posts in it, made anew when they change.';

COMMENT ON COLUMN public.sentiment_bucket.effective_n IS 'Posts, of which near-copies count as log2(1 + m) and an author at most twice.';

CREATE TABLE public.sentiment_gone (
    kind text NOT NULL,
    key bytea NOT NULL,
    gone_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT sentiment_gone_kind_check CHECK ((kind = ANY (ARRAY['post'::text, 'author'::text])))
);

COMMENT ON TABLE public.sentiment_gone IS 'Hashes of posts that were deleted and of authors who are to be forgotten: what a source tells again is not taken.';

CREATE TABLE public.sentiment_mention (
    instrument_id integer NOT NULL,
    posted_at timestamp with time zone NOT NULL,
    post_key bytea NOT NULL,
    kind text NOT NULL,
    begins integer NOT NULL,
    ends integer NOT NULL,
    why text NOT NULL,
    voice integer,
    copies integer
);

COMMENT ON TABLE public.sentiment_mention IS 'Which instruments a post speaks of, and why it is thought so.';

COMMENT ON COLUMN public.sentiment_mention.voice IS 'In place of the author once the day is final: a number within instrument and day.';

COMMENT ON COLUMN public.sentiment_mention.copies IS 'In place of the text''s fingerprint then: the group of near-copies within instrument and day.';

CREATE TABLE public.sentiment_post (
    post_key bytea NOT NULL,
    source text NOT NULL,
    post_id text,
    url text,
    author bytea,
    text text,
    minhash bytea,
    language text NOT NULL,
    posted_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    negative real NOT NULL,
    neutral real NOT NULL,
    positive real NOT NULL,
    score real NOT NULL,
    label text NOT NULL,
    model text NOT NULL,
    checked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    sample boolean DEFAULT false NOT NULL,
    CONSTRAINT sentiment_post_label_check CHECK ((label = ANY (ARRAY['negative'::text, 'neutral'::text, 'positive'::text, 'unsure'::text]))),
    CONSTRAINT sentiment_post_score_check CHECK (((score >= ('-1'::integer)::double precision) AND (score <= (1)::double precision))),
    CONSTRAINT sentiment_post_text_check CHECK ((octet_length(text) <= 32768))
);

COMMENT ON TABLE public.sentiment_post IS 'Posts: the text for some days, the author as a keyed hash until the day is final, afterwards numbers alone.';

COMMENT ON COLUMN public.sentiment_post.post_key IS 'SHA-256 of source and the source''s id: finds the post when its source deletes it.';

COMMENT ON COLUMN public.sentiment_post.checked_at IS 'When its source last had it: a text that was not seen there for a day is dropped.';

COMMENT ON COLUMN public.sentiment_post.sample IS 'Written by us for the first start; nobody posted it.';

CREATE TABLE public.sentiment_source (
    name text NOT NULL,
    cursor text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'begins'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    again_at timestamp with time zone,
    last_post_at timestamp with time zone,
    last_seen_at timestamp with time zone,
    day date DEFAULT ((now() AT TIME ZONE 'UTC'::text))::date NOT NULL,
    posts bigint DEFAULT 0 NOT NULL,
    requests bigint DEFAULT 0 NOT NULL,
    spent numeric(12,6) DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.sentiment_source IS 'How far each source was read, how it stands, and what of the day''s budget is spent.';

COMMENT ON COLUMN public.sentiment_source.spent IS 'Dollars of the day, where the source has a price.';

CREATE TABLE public.sentiment_state (
    instrument_id integer NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.sentiment_state IS 'Version of all that is known of an instrument''s posts; its row is locked by who changes them, so that events keep their order.';

COMMENT ON COLUMN public.sentiment_state.changed_at IS 'Names the version: after a restore the same number may be given to other posts.';

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_prefix_key UNIQUE (prefix);

ALTER TABLE ONLY public.bar_1d
    ADD CONSTRAINT bar_1d_pkey PRIMARY KEY (instrument_id, session);

ALTER TABLE ONLY public.bar_1m
    ADD CONSTRAINT bar_1m_pkey PRIMARY KEY (instrument_id, ts);

ALTER TABLE ONLY public.calendar_change
    ADD CONSTRAINT calendar_change_pkey PRIMARY KEY (calendar, day);

ALTER TABLE ONLY public.corporate_action
    ADD CONSTRAINT corporate_action_pkey PRIMARY KEY (instrument_id, ex_date, kind, ordinal);

ALTER TABLE ONLY public.dead_letter
    ADD CONSTRAINT dead_letter_consumer_topic_partition_identity_position_key UNIQUE (consumer, topic, partition, identity, "position");

ALTER TABLE ONLY public.dead_letter
    ADD CONSTRAINT dead_letter_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.event_delivery
    ADD CONSTRAINT event_delivery_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY public.event_epoch
    ADD CONSTRAINT event_epoch_history_key UNIQUE (history);

ALTER TABLE ONLY public.event_epoch
    ADD CONSTRAINT event_epoch_id_key UNIQUE (id);

ALTER TABLE ONLY public.event_epoch
    ADD CONSTRAINT event_epoch_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.event_log
    ADD CONSTRAINT event_log_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY public.event_position
    ADD CONSTRAINT event_position_pkey PRIMARY KEY (consumer, topic, partition);

ALTER TABLE ONLY public.event_seen
    ADD CONSTRAINT event_seen_pkey PRIMARY KEY (consumer, topic, key);

ALTER TABLE ONLY public.exchange
    ADD CONSTRAINT exchange_pkey PRIMARY KEY (mic);

ALTER TABLE ONLY public.import_change
    ADD CONSTRAINT import_change_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.import_run
    ADD CONSTRAINT import_run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.instrument_alias
    ADD CONSTRAINT instrument_alias_pkey PRIMARY KEY (alias);

ALTER TABLE ONLY public.instrument
    ADD CONSTRAINT instrument_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.instrument
    ADD CONSTRAINT instrument_symbol_key UNIQUE (symbol);

ALTER TABLE ONLY public.ops_heartbeat
    ADD CONSTRAINT ops_heartbeat_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_source_sha256_row_number_key UNIQUE (source_sha256, row_number);

ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (number, phase);

ALTER TABLE ONLY public.sentiment_author_key
    ADD CONSTRAINT sentiment_author_key_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.sentiment_bucket
    ADD CONSTRAINT sentiment_bucket_pkey PRIMARY KEY (instrument_id, length_s, start);

ALTER TABLE ONLY public.sentiment_gone
    ADD CONSTRAINT sentiment_gone_pkey PRIMARY KEY (kind, key);

ALTER TABLE ONLY public.sentiment_mention
    ADD CONSTRAINT sentiment_mention_pkey PRIMARY KEY (instrument_id, posted_at, post_key);

ALTER TABLE ONLY public.sentiment_post
    ADD CONSTRAINT sentiment_post_pkey PRIMARY KEY (post_key);

ALTER TABLE ONLY public.sentiment_source
    ADD CONSTRAINT sentiment_source_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.sentiment_state
    ADD CONSTRAINT sentiment_state_pkey PRIMARY KEY (instrument_id);

CREATE INDEX dead_letter_open ON public.dead_letter USING btree (consumer, id) WHERE (state = ANY (ARRAY['open'::text, 'asked'::text]));

CREATE INDEX import_change_instruments ON public.import_change USING gin (instruments);

CREATE INDEX import_change_run ON public.import_change USING btree (run_id, id);

CREATE INDEX import_run_sha256 ON public.import_run USING btree (sha256, started_at);

CREATE INDEX import_run_started ON public.import_run USING btree (started_at);

CREATE INDEX instrument_alias_instrument ON public.instrument_alias USING btree (instrument_id);

CREATE INDEX instrument_name_trgm ON public.instrument USING gin (name_key public.gin_trgm_ops);

CREATE INDEX instrument_symbol_trgm ON public.instrument USING gin (symbol_key public.gin_trgm_ops);

CREATE INDEX outbox_waiting ON public.outbox USING btree (id) WHERE (published_at IS NULL);

CREATE INDEX quarantine_symbol ON public.quarantine USING btree (symbol, state, id);

CREATE INDEX sentiment_bucket_start ON public.sentiment_bucket USING btree (length_s, start);

CREATE INDEX sentiment_mention_open ON public.sentiment_mention USING btree (posted_at) WHERE (voice IS NULL);

CREATE INDEX sentiment_mention_post ON public.sentiment_mention USING btree (post_key);

CREATE INDEX sentiment_post_author ON public.sentiment_post USING btree (author) WHERE (author IS NOT NULL);

CREATE INDEX sentiment_post_text ON public.sentiment_post USING btree (posted_at) WHERE ((text IS NOT NULL) AND (NOT sample));

CREATE TRIGGER instrument_changed AFTER UPDATE ON public.instrument REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows FOR EACH STATEMENT EXECUTE FUNCTION public.tell_instruments();

CREATE TRIGGER instrument_deleted AFTER DELETE ON public.instrument REFERENCING OLD TABLE AS before_rows FOR EACH STATEMENT EXECUTE FUNCTION public.tell_instruments();

CREATE TRIGGER instrument_listed AFTER INSERT ON public.instrument REFERENCING NEW TABLE AS after_rows FOR EACH STATEMENT EXECUTE FUNCTION public.tell_instruments();

CREATE TRIGGER outbox_filled AFTER INSERT ON public.outbox FOR EACH STATEMENT EXECUTE FUNCTION public.tell_relay();

ALTER TABLE ONLY public.corporate_action
    ADD CONSTRAINT corporate_action_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES public.instrument(id);

ALTER TABLE ONLY public.import_change
    ADD CONSTRAINT import_change_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.import_run(id);

ALTER TABLE ONLY public.instrument_alias
    ADD CONSTRAINT instrument_alias_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES public.instrument(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.instrument
    ADD CONSTRAINT instrument_exchange_fkey FOREIGN KEY (exchange) REFERENCES public.exchange(mic);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_import_id_fkey FOREIGN KEY (import_id) REFERENCES public.import_run(id);

ALTER TABLE ONLY public.sentiment_bucket
    ADD CONSTRAINT sentiment_bucket_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES public.instrument(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sentiment_mention
    ADD CONSTRAINT sentiment_mention_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES public.instrument(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sentiment_mention
    ADD CONSTRAINT sentiment_mention_post_key_fkey FOREIGN KEY (post_key) REFERENCES public.sentiment_post(post_key) ON DELETE CASCADE;

ALTER TABLE ONLY public.sentiment_state
    ADD CONSTRAINT sentiment_state_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES public.instrument(id) ON DELETE CASCADE;
