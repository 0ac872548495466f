-- name: instrument
-- One instrument with its market, by symbol: asked on every request, for the version.
SELECT i.id, i.symbol, i.name, i.exchange, i.currency, i.kind, i.version, e.timezone, e.calendar,
       e.extended_opens, e.extended_closes
FROM instrument i JOIN exchange e ON e.mic = i.exchange
WHERE i.symbol = $1;

-- name: search
-- Instruments by rank (exact symbol, symbol prefix, name prefix, anywhere), after the cursor.
-- $1 exact text, $2 LIKE prefix, $3 LIKE anywhere, $4 exchange or NULL, $5 cursor rank, $6 cursor symbol, $7 limit
WITH found AS (
    SELECT i.*,
           CASE WHEN i.symbol = upper($1) THEN 0
                WHEN i.symbol LIKE upper($2) THEN 1
                WHEN i.name ILIKE $2 THEN 2
                ELSE 3 END AS rank
    FROM instrument i
    WHERE ($1 = '' OR i.symbol LIKE upper($3) OR i.name ILIKE $3)
      AND ($4::text IS NULL OR i.exchange = $4)
)
SELECT f.symbol, f.name, f.exchange, f.currency, f.kind, f.rank, e.timezone, c.*
FROM found f
JOIN exchange e ON e.mic = f.exchange
CROSS JOIN LATERAL (
    SELECT (SELECT min(b.session) FROM bar_1d b WHERE b.instrument_id = f.id) AS first_session,
           (SELECT max(b.session) FROM bar_1d b WHERE b.instrument_id = f.id) AS last_session,
           (SELECT min(b.ts) FROM bar_1m b WHERE b.instrument_id = f.id) AS first_minute,
           (SELECT max(b.ts) FROM bar_1m b WHERE b.instrument_id = f.id) AS last_minute,
           (SELECT count(*) FROM bar_1d b WHERE b.instrument_id = f.id) AS bars_1d,
           (SELECT count(*) FROM bar_1m b WHERE b.instrument_id = f.id) AS bars_1m,
           (SELECT count(*) FROM quarantine q WHERE q.symbol = f.symbol AND q.state = 'open') AS quarantined
) c
WHERE (f.rank, f.symbol) > ($5, $6)
ORDER BY f.rank, f.symbol
LIMIT $7;

-- name: bars_1d
-- All sessions of one instrument, oldest first.
SELECT session, open, high, low, close, volume FROM bar_1d WHERE instrument_id = $1 ORDER BY session;

-- name: bars_1m
-- All minutes of one instrument, oldest first.
SELECT ts, open, high, low, close, volume FROM bar_1m WHERE instrument_id = $1 ORDER BY ts;

-- name: actions
-- Corporate actions of one instrument, oldest first.
SELECT ex_date, kind, value, source, unit, price
FROM corporate_action WHERE instrument_id = $1 ORDER BY ex_date, kind, ordinal;

-- name: bars_1m_between
-- The minutes of one instrument in spans of time, their ends excluded.
SELECT b.ts, b.open, b.high, b.low, b.close, b.volume
FROM unnest($2::timestamptz[], $3::timestamptz[]) AS span (first, last)
CROSS JOIN LATERAL (
    SELECT * FROM bar_1m WHERE instrument_id = $1 AND ts >= span.first AND ts < span.last ORDER BY ts
) AS b;

-- name: extent
-- Whether the instrument has daily bars, and from when to when it has minutes.
SELECT EXISTS (SELECT FROM bar_1d WHERE instrument_id = $1) AS has_days,
       (SELECT min(ts) FROM bar_1m WHERE instrument_id = $1) AS first_minute,
       (SELECT max(ts) FROM bar_1m WHERE instrument_id = $1) AS last_minute;

-- name: calendar_changes
-- What users corrected in a calendar.
SELECT day, opens, closes FROM calendar_change WHERE calendar = $1 ORDER BY day;

-- name: quarantined
-- How many rows of this symbol are kept aside.
SELECT count(*) FROM quarantine WHERE symbol = $1 AND state = 'open';

-- name: quarantine_page
-- Rows of this symbol that are kept aside, newest first, after the cursor.
SELECT id, source, row_number, interval, reasons, raw, state, created_at
FROM quarantine
WHERE symbol = $1 AND state = 'open' AND id < $2
ORDER BY id DESC
LIMIT $3;

-- name: database_facts
-- Size and contents of the database, for the operations page. Many bars are not counted one by one: past five
-- million the planner's estimate stands, which autovacuum renews (partitions and chunks are children).
WITH estimate AS (
    SELECT coalesce(sum(c.reltuples) FILTER (WHERE c.reltuples > 0), 0)::bigint AS bars
    FROM pg_class c
    WHERE c.oid IN ('bar_1d'::regclass, 'bar_1m'::regclass)
       OR c.oid IN (SELECT inhrelid FROM pg_inherits
                    WHERE inhparent IN ('bar_1d'::regclass, 'bar_1m'::regclass))
)
SELECT pg_database_size(current_database()) AS size_bytes,
       CASE WHEN (SELECT bars FROM estimate) > 5000000 THEN (SELECT bars FROM estimate)
            ELSE (SELECT count(*) FROM bar_1d) + (SELECT count(*) FROM bar_1m) END AS bars,
       (SELECT count(*) FROM instrument) AS instruments,
       (SELECT count(*) FROM quarantine WHERE state = 'open') AS quarantined;

-- name: last_import
-- The import that began last.
SELECT id, source, status, started_at, finished_at, rows_total, rows_done, accepted, unchanged, corrected,
       quarantined, error
FROM import_run ORDER BY started_at DESC LIMIT 1;

-- name: version
-- Version of the server.
SHOW server_version;

-- name: calendars
-- The calendars of all instruments.
SELECT DISTINCT e.calendar FROM exchange e JOIN instrument i ON i.exchange = e.mic;
