-- name: instrument
-- One instrument with its market, by symbol: asked on every request, for the version.
SELECT i.id, i.symbol, i.name, i.exchange, i.currency, i.kind, i.version, i.updated_at, e.timezone, e.calendar,
       e.extended_opens, e.extended_closes, i.adjusted, i.adjusted_until
FROM instrument i JOIN exchange e ON e.mic = i.exchange
WHERE i.symbol = $1;

-- name: search
-- Instruments by rank, after the cursor: exact symbol, symbol but for punctuation, its prefix, prefix of the name or of
-- its Korean initials, of a word in the name, anywhere; only where there are none of these, names that are alike (10-1010).
-- $1 text, $2 exchange or NULL, $3 cursor rank, $4 cursor symbol, $5 limit
WITH asked AS MATERIALIZED (  -- else the keys would be made for every row
    SELECT search_key($1) AS words, replace(search_key($1), ' ', '') AS letters, $1 ~ '^[ㄱ-ㅎ ]+$' AS is_initials,
           set_config('pg_trgm.word_similarity_threshold', '0.33', true) AS least  -- of %>, for this statement
),
matched AS (
    SELECT i.id, i.symbol, i.name, i.exchange, i.currency, i.kind,
           CASE WHEN $1 = '' THEN 2
                WHEN symbol = upper($1) THEN 0
                WHEN is_initials THEN CASE WHEN initials LIKE letters || '%' THEN 3 ELSE 5 END
                WHEN symbol_key = letters THEN 1
                WHEN symbol_key LIKE letters || '%' THEN 2
                WHEN name_key LIKE words || '%' THEN 3
                WHEN name_key LIKE '% ' || words || '%' THEN 4
                ELSE 5 END AS rank
    FROM instrument i CROSS JOIN asked
    WHERE ($2::text IS NULL OR i.exchange = $2) AND ($1 = ''
       OR (is_initials AND initials LIKE '%' || letters || '%')
       OR (NOT is_initials AND letters <> ''
           AND (symbol_key LIKE '%' || letters || '%' OR name_key LIKE '%' || words || '%')))
),
alike AS (
    SELECT i.id, i.symbol, i.name, i.exchange, i.currency, i.kind,
           10 + round(1000 * (1 - likeness))::integer AS rank
    FROM instrument i CROSS JOIN asked
    CROSS JOIN LATERAL (
        SELECT greatest(
            0.8 * word_similarity(words, name_key) + 0.2 * similarity(words, name_key),
            similarity(letters, symbol_key)) AS likeness
    ) s
    WHERE NOT EXISTS (SELECT FROM matched)
      AND ($2::text IS NULL OR i.exchange = $2) AND letters <> '' AND NOT is_initials AND least <> ''
      AND (i.name_key %> words OR i.symbol_key % letters) AND likeness >= 0.28
),
page AS (
    SELECT * FROM (SELECT * FROM matched UNION ALL SELECT * FROM alike) f
    WHERE (rank, symbol) > ($3, $4)
    ORDER BY rank, symbol
    LIMIT $5
)
SELECT p.symbol, p.name, p.exchange, p.currency, p.kind, p.rank, e.timezone, c.*
FROM page p
JOIN exchange e ON e.mic = p.exchange
CROSS JOIN LATERAL (
    SELECT (SELECT min(b.session) FROM bar_1d b WHERE b.instrument_id = p.id) AS first_session,
           (SELECT max(b.session) FROM bar_1d b WHERE b.instrument_id = p.id) AS last_session,
           (SELECT min(b.ts) FROM bar_1m b WHERE b.instrument_id = p.id) AS first_minute,
           (SELECT max(b.ts) FROM bar_1m b WHERE b.instrument_id = p.id) AS last_minute,
           (SELECT count(*) FROM bar_1d b WHERE b.instrument_id = p.id) AS bars_1d,
           (SELECT count(*) FROM bar_1m b WHERE b.instrument_id = p.id) AS bars_1m,
           (SELECT count(*) FROM quarantine q WHERE q.symbol = p.symbol AND q.state = 'open') AS quarantined
) c
ORDER BY p.rank, p.symbol;

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

-- name: accepted
-- Rows that landed because a person said that they are true, newest first; those whose bars were removed or corrected
-- since are left out. Imports may have meant the instrument by another name. $1 instrument, $2 symbol, $3 limit
SELECT q.interval, q.bar_time, q.accepted, q.accepted_by
FROM quarantine q
WHERE q.symbol = ANY (ARRAY(SELECT $2::text UNION ALL SELECT alias FROM instrument_alias WHERE instrument_id = $1))
  AND q.state = 'replayed' AND q.accepted IS NOT NULL
  AND CASE q.interval
      WHEN '1d' THEN EXISTS (
          SELECT FROM bar_1d b
          WHERE b.instrument_id = $1 AND b.session = (q.bar_time AT TIME ZONE 'UTC')::date AND b.close = q.close)
      ELSE EXISTS (
          SELECT FROM bar_1m b WHERE b.instrument_id = $1 AND b.ts = q.bar_time AND b.close = q.close)
      END
ORDER BY q.bar_time DESC, q.id
LIMIT $3;

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
