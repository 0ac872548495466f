-- The outbox: events commit with the rows that they tell of. Positions of consumers, and what they set aside.

CREATE TABLE event_epoch (
    number        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    history       text NOT NULL UNIQUE,
    begins_behind bigint NOT NULL,
    began_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE event_epoch IS
    'Histories that this database went through: a restore, or a standby that takes over, begins a new one.';
COMMENT ON COLUMN event_epoch.history IS 'Identifier of the PostgreSQL cluster, and timeline of its write-ahead log.';
COMMENT ON COLUMN event_epoch.begins_behind IS
    'Greatest id in the outbox when it began: what earlier epochs published with a greater one is not part of this database.';

CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    epoch        uuid NOT NULL,
    topic        text NOT NULL,
    key          text NOT NULL,
    schema       text NOT NULL,
    source       text NOT NULL,
    data         text NOT NULL CHECK (octet_length(data) <= 393216),
    request_id   text NOT NULL DEFAULT '',
    traceparent  text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE published_at IS NULL;
COMMENT ON TABLE outbox IS
    'Events, in the transaction of the rows that they tell of. Ids of a key are in the order of its commits, because '
    'its writers hold the lock of its instrument.';
COMMENT ON COLUMN outbox.published_at IS 'When the event log took it; NULL = it waits for the relay.';

CREATE TABLE event_log (
    topic    text PRIMARY KEY,
    identity text NOT NULL,
    epoch    uuid NOT NULL
);
COMMENT ON TABLE event_log IS
    'Which log each topic was last published to, in which epoch; in another one the outbox is published again.';

CREATE TABLE event_position (
    consumer   text NOT NULL,
    topic      text NOT NULL,
    partition  integer NOT NULL,
    identity   text NOT NULL,
    position   text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, topic, partition)
);
COMMENT ON TABLE event_position IS 'How far each consumer is; it commits with what the events did.';

CREATE TABLE event_seen (
    consumer text NOT NULL,
    topic    text NOT NULL,
    key      text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (consumer, topic, key)
) WITH (fillfactor = 70);
COMMENT ON TABLE event_seen IS 'The newest event of each key that a consumer has dealt with: one that comes again is passed over.';

CREATE TABLE dead_letter (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer    text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    identity    text NOT NULL,
    position    text NOT NULL,
    key         text NOT NULL,
    headers     jsonb NOT NULL,
    data        bytea NOT NULL,
    reason      text NOT NULL,
    attempts    integer NOT NULL,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'asked', 'replayed', 'dismissed')),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at timestamptz,
    UNIQUE (consumer, topic, partition, identity, position)
);
CREATE INDEX dead_letter_open ON dead_letter (consumer, id) WHERE state IN ('open', 'asked');
COMMENT ON TABLE dead_letter IS 'Messages that a consumer could not deal with. asked: to be tried again.';

CREATE TABLE event_delivery (
    topic         text PRIMARY KEY,
    events        bigint NOT NULL,
    last_sequence bigint NOT NULL,
    last_at       timestamptz NOT NULL
);
COMMENT ON TABLE event_delivery IS 'What the consumer `delivery` has met of each topic: the way through the log works.';

CREATE FUNCTION current_epoch() RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
COMMENT ON FUNCTION current_epoch IS 'Epoch of what is written now; begun if this history has none.';

CREATE FUNCTION tell_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY outbox;
    RETURN NULL;
END
$$;
CREATE TRIGGER outbox_filled AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION tell_relay();

-- Every change of an instrument, whoever makes it, is an event: what only raises its version (bars, actions, terms,
-- calendar, rows aside) is told as `data`.
CREATE FUNCTION tell_instruments() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
CREATE TRIGGER instrument_listed AFTER INSERT ON instrument
    REFERENCING NEW TABLE AS after_rows FOR EACH STATEMENT EXECUTE FUNCTION tell_instruments();
CREATE TRIGGER instrument_deleted AFTER DELETE ON instrument
    REFERENCING OLD TABLE AS before_rows FOR EACH STATEMENT EXECUTE FUNCTION tell_instruments();
CREATE TRIGGER instrument_changed AFTER UPDATE ON instrument
    REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tell_instruments();
