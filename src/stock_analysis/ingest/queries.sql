-- name: exchanges
-- All exchanges.
SELECT mic, name, calendar, timezone, currency, extended_opens, extended_closes, suffixes FROM exchange;

-- name: calendar_changes
-- What users corrected in the calendars.
SELECT calendar, day, opens, closes FROM calendar_change ORDER BY calendar, day;

-- name: listed
-- The stored instruments among these symbols, each by the symbol that was asked for: its own or another name of it.
SELECT i.id, asked.symbol, i.exchange, i.currency, i.adjusted
FROM unnest($1::text[]) AS asked (symbol)
JOIN instrument i ON i.symbol = asked.symbol
UNION ALL
SELECT i.id, a.alias, i.exchange, i.currency, i.adjusted
FROM instrument_alias a JOIN instrument i ON i.id = a.instrument_id
WHERE a.alias = ANY ($1::text[]) AND NOT EXISTS (SELECT FROM instrument WHERE symbol = a.alias);

-- name: add_instruments
-- Missing instruments, in the order of their symbols, so that two importers never wait for one another.
INSERT INTO instrument (symbol, name, exchange, currency, kind)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS new (symbol, name, exchange, currency, kind)
ORDER BY symbol COLLATE "C"
ON CONFLICT (symbol) DO NOTHING
RETURNING id, symbol;

-- name: update_instruments
-- Changed names, exchanges, currencies and kinds.
UPDATE instrument AS old
SET name = new.name, exchange = new.exchange, currency = new.currency, kind = new.kind,
    version = old.version + 1, updated_at = now()
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS new (symbol, name, exchange, currency, kind)
WHERE old.symbol = new.symbol
  AND (old.name, old.exchange, old.currency, old.kind) IS DISTINCT FROM (new.name, new.exchange, new.currency, new.kind)
RETURNING old.symbol;

-- name: splits
-- The splits of these instruments.
SELECT a.instrument_id, a.ex_date, a.value FROM corporate_action a JOIN instrument i ON i.id = a.instrument_id
WHERE a.kind = 'split' AND i.id = ANY ($1::integer[])
  AND NOT (coalesce(i.adjusted, 'none') <> 'none' AND a.ex_date <= i.adjusted_until)
ORDER BY a.instrument_id, a.ex_date;

-- name: unfinished_run
-- The newest run of this content, if it was not finished.
SELECT * FROM (
    SELECT * FROM import_run WHERE sha256 = $1 ORDER BY started_at DESC, id DESC LIMIT 1
) AS newest
WHERE status NOT IN ('done', 'undone');

-- name: add_run
-- A new run.
INSERT INTO import_run (id, source, sha256, interval, status, rows_total)
VALUES ($1, $2, $3, $4, 'running', $5)
RETURNING *;

-- name: resume_run
-- The run goes on.
UPDATE import_run SET status = 'running', error = NULL, finished_at = NULL, updated_at = now(),
    rows_total = greatest(rows_done, $2::bigint)
WHERE id = $1
RETURNING *;

-- name: close_run
-- The run is over; without an error it is done and the rows read are all there were.
UPDATE import_run SET status = CASE WHEN $2::text IS NULL THEN 'done' ELSE 'failed' END, error = $2,
    rows_total = CASE WHEN $2::text IS NULL THEN rows_done ELSE rows_total END,
    updated_at = now(), finished_at = now()
WHERE id = $1
RETURNING *;

-- name: is_done
-- Whether this content was imported to its end.
SELECT EXISTS (SELECT FROM import_run WHERE sha256 = $1 AND status = 'done');

-- name: numbers_aside
-- The row numbers of this content that are in the quarantine.
SELECT row_number FROM quarantine WHERE source_sha256 = $1 ORDER BY row_number;

-- name: lock_run
-- How far the run is, with the run kept from other importers; nothing if it was taken back.
SELECT rows_done FROM import_run WHERE id = $1 AND status <> 'undone' FOR UPDATE;

-- name: lock_instruments
-- Always in the order of the ids, so that two writers never wait for one another.
SELECT id FROM instrument WHERE id = ANY ($1::integer[]) ORDER BY id FOR NO KEY UPDATE;

-- name: stored_1d
-- The bars of each range, and $4 beside it on either side.
SELECT bar.instrument_id, bar.session, bar.open, bar.high, bar.low, bar.close, bar.volume
FROM unnest($1::integer[], $2::date[], $3::date[]) AS span (instrument_id, first, last)
CROSS JOIN LATERAL (
    (SELECT * FROM bar_1d WHERE instrument_id = span.instrument_id AND session BETWEEN span.first AND span.last)
    UNION ALL
    (SELECT * FROM bar_1d WHERE instrument_id = span.instrument_id AND session < span.first ORDER BY session DESC LIMIT $4)
    UNION ALL
    (SELECT * FROM bar_1d WHERE instrument_id = span.instrument_id AND session > span.last ORDER BY session LIMIT $4)
) AS bar

-- name: stored_1m
-- The bars of each range, and $4 beside it on either side.
SELECT bar.instrument_id, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume
FROM unnest($1::integer[], $2::timestamptz[], $3::timestamptz[]) AS span (instrument_id, first, last)
CROSS JOIN LATERAL (
    (SELECT * FROM bar_1m WHERE instrument_id = span.instrument_id AND ts BETWEEN span.first AND span.last)
    UNION ALL
    (SELECT * FROM bar_1m WHERE instrument_id = span.instrument_id AND ts < span.first ORDER BY ts DESC LIMIT $4)
    UNION ALL
    (SELECT * FROM bar_1m WHERE instrument_id = span.instrument_id AND ts > span.last ORDER BY ts LIMIT $4)
) AS bar

-- name: doubted
-- Rows in the quarantine for nothing but a jump: the second bar of a new level proves it by them.
SELECT DISTINCT instrument.id, aside.bar_time, aside.open, aside.high, aside.low, aside.close, aside.volume
FROM unnest($2::integer[], $3::timestamptz[], $4::timestamptz[]) AS span (instrument_id, first, last)
JOIN instrument ON instrument.id = span.instrument_id
JOIN quarantine AS aside ON aside.symbol = instrument.symbol
WHERE aside.state = 'open' AND aside.interval = $1 AND aside.reasons = '{jump}'
  AND aside.bar_time BETWEEN span.first AND span.last
  AND num_nulls(aside.open, aside.high, aside.low, aside.close, aside.volume) = 0;

-- name: stage_1d
-- The staging table of corrections, until the end of the transaction at most.
CREATE TEMPORARY TABLE correction (LIKE bar_1d) ON COMMIT DROP;

-- name: stage_1m
-- The staging table of corrections, until the end of the transaction at most.
CREATE TEMPORARY TABLE correction (LIKE bar_1m) ON COMMIT DROP;

-- name: unstage
-- The staging table is done with: in the same transaction corrections of bar_1m may follow those of bar_1d.
DROP TABLE correction;

-- name: correct_1d
-- Bars whose values changed, from the staging table.
UPDATE bar_1d AS old
SET open = new.open, high = new.high, low = new.low, close = new.close, volume = new.volume
FROM correction AS new
WHERE old.instrument_id = new.instrument_id AND old.session = new.session;

-- name: correct_1m
-- Bars whose values changed, from the staging table.
UPDATE bar_1m AS old
SET open = new.open, high = new.high, low = new.low, close = new.close, volume = new.volume
FROM correction AS new
WHERE old.instrument_id = new.instrument_id AND old.ts = new.ts;

-- name: actions_on
-- The actions of these instruments, days and kinds.
SELECT a.instrument_id, a.ex_date, a.kind, a.value, a.source, a.unit, a.price
FROM (SELECT DISTINCT * FROM unnest($1::integer[], $2::date[], $3::text[]) AS one (instrument_id, ex_date, kind)) AS wanted
JOIN corporate_action AS a USING (instrument_id, ex_date, kind)
ORDER BY a.instrument_id, a.ex_date, a.kind, a.ordinal;

-- name: drop_actions
-- The actions of these instruments, days and kinds go; they are written anew.
DELETE FROM corporate_action AS a
USING unnest($1::integer[], $2::date[], $3::text[]) AS old (instrument_id, ex_date, kind)
WHERE (a.instrument_id, a.ex_date, a.kind) = (old.instrument_id, old.ex_date, old.kind);

-- name: add_actions
-- Actions, each with its place among those of its kind and day.
INSERT INTO corporate_action (instrument_id, ex_date, kind, ordinal, value, source, unit, price)
SELECT * FROM unnest(
    $1::integer[], $2::date[], $3::text[], $4::smallint[], $5::double precision[], $6::text[], $7::text[],
    $8::double precision[]
);

-- name: keep_aside
-- Rows for the quarantine, except those it has from this source or, word for word, from another.
INSERT INTO quarantine (
    import_id, source, source_sha256, interval, row_number, symbol, bar_time, raw, reasons, open, high, low, close, volume
)
SELECT $1, $2, $3, $4, new.row_number, new.symbol, new.bar_time, new.raw, string_to_array(new.reasons, ','),
    new.open, new.high, new.low, new.close, new.volume
FROM unnest(
    $5::bigint[], $6::text[], $7::timestamptz[], $8::json[], $9::text[], $10::double precision[],
    $11::double precision[], $12::double precision[], $13::double precision[], $14::double precision[]
) AS new (row_number, symbol, bar_time, raw, reasons, open, high, low, close, volume)
WHERE NOT EXISTS (
    SELECT FROM quarantine AS old
    WHERE old.symbol = new.symbol AND old.interval = $4 AND old.raw::text = new.raw::text AND old.source_sha256 <> $3
      AND (old.repaired IS NOT NULL OR (old.open, old.high, old.low, old.close, old.volume)
           IS NOT DISTINCT FROM (new.open, new.high, new.low, new.close, new.volume))
)
ORDER BY new.row_number
ON CONFLICT (source_sha256, row_number) DO NOTHING
RETURNING symbol;

-- name: settled_aside
-- Which of these rows, of this source or word for word of another, were replayed or dismissed.
SELECT new.row_number
FROM unnest($3::bigint[]) AS new (row_number)
JOIN quarantine AS old ON old.source_sha256 = $1 AND old.row_number = new.row_number
WHERE old.state <> 'open'
UNION
SELECT new.row_number
FROM unnest(
    $3::bigint[], $4::text[], $5::json[], $6::double precision[],
    $7::double precision[], $8::double precision[], $9::double precision[], $10::double precision[]
) AS new (row_number, symbol, raw, open, high, low, close, volume)
JOIN quarantine AS old ON old.symbol = new.symbol AND old.interval = $2 AND old.raw::text = new.raw::text
WHERE old.state <> 'open' AND old.source_sha256 <> $1
  AND (old.repaired IS NOT NULL OR (old.open, old.high, old.low, old.close, old.volume)
       IS NOT DISTINCT FROM (new.open, new.high, new.low, new.close, new.volume));

-- name: advance
-- So many more rows are safe.
UPDATE import_run SET rows_done = rows_done + $2, rows_total = greatest(rows_total, rows_done + $2),
    accepted = accepted + $3, unchanged = unchanged + $4, corrected = corrected + $5,
    quarantined = quarantined + $6, updated_at = now()
WHERE id = $1
RETURNING *;

-- name: versions
-- Symbols and versions of instruments.
SELECT id, symbol, version FROM instrument WHERE id = ANY ($1::integer[]);

-- name: bump
-- A new version: no answer cached before is valid any more.
UPDATE instrument SET version = version + 1, updated_at = now() WHERE id = ANY ($1::integer[]);

-- name: list_aside
-- Rows of the quarantine.
SELECT id, source, row_number, symbol, interval, coalesce(repaired, raw) AS row,
    ARRAY[open, high, low, close, volume] AS values, repaired IS NOT NULL AS is_repaired, reasons, state, created_at, import_id
FROM quarantine
WHERE ($1::bigint[] IS NULL OR id = ANY ($1)) AND ($2::text IS NULL OR symbol = $2)
  AND ($3::text IS NULL OR $3 = ANY (reasons)) AND ($4::text IS NULL OR state = $4) AND id > $5
ORDER BY id LIMIT $6

-- name: select_aside
-- The same rows, kept away from other writers.
SELECT id, source, row_number, symbol, interval, coalesce(repaired, raw) AS row,
    ARRAY[open, high, low, close, volume] AS values, repaired IS NOT NULL AS is_repaired, reasons, state, created_at, import_id
FROM quarantine
WHERE ($1::bigint[] IS NULL OR id = ANY ($1)) AND ($2::text IS NULL OR symbol = $2)
  AND ($3::text IS NULL OR $3 = ANY (reasons)) AND ($4::text IS NULL OR state = $4) AND id > $5
ORDER BY id LIMIT $6
FOR UPDATE

-- name: edit_aside
-- A repaired row with its numbers.
UPDATE quarantine SET repaired = $2, open = $3, high = $4, low = $5, close = $6, volume = $7 WHERE id = $1;

-- name: settle_aside
-- Rows that are dealt with.
UPDATE quarantine SET state = $2, resolved_at = now() WHERE id = ANY ($1::bigint[]);

-- name: note_accepted
-- Of rows that landed, why they would not have, at which bar, and who said that they are true.
UPDATE quarantine AS old
SET accepted = string_to_array(new.reasons, ','), bar_time = new.bar_time, accepted_by = $4
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS new (id, reasons, bar_time)
WHERE old.id = new.id;

-- name: doubt_again
-- Rows that went through the gate again and stay.
UPDATE quarantine AS old
SET reasons = string_to_array(new.reasons, ','), bar_time = coalesce(new.bar_time, old.bar_time)
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS new (id, reasons, bar_time)
WHERE old.id = new.id;

-- name: note_reading
-- What the user said of new instruments, and how the source is read.
UPDATE import_run SET listing = $2, reading = $3 WHERE id = $1;

-- name: listings
-- What the users of these imports said of new instruments.
SELECT id, listing FROM import_run WHERE id = ANY ($1::uuid[]);

-- name: add_change
-- What this transaction does.
INSERT INTO import_change (run_id, is_undo, interval, instruments, created, bars, actions)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: created_by
-- The instruments that this import brought and that are still there.
SELECT i.id, i.symbol FROM instrument i
WHERE i.id IN (SELECT unnest(created) FROM import_change WHERE run_id = $1)
ORDER BY i.id;

-- name: brought_by_none
-- Those of these instruments that imports brought, all of which were taken back, $2 among them.
SELECT i.id FROM instrument i
WHERE i.id = ANY ($1::integer[])
  AND EXISTS (SELECT FROM import_change c WHERE c.instruments @> ARRAY[i.id] AND i.id = ANY (c.created))
  AND NOT EXISTS (
      SELECT FROM import_change c JOIN import_run r ON r.id = c.run_id
      WHERE c.instruments @> ARRAY[i.id] AND i.id = ANY (c.created) AND r.status <> 'undone' AND r.id <> $2
  )
ORDER BY i.id;

-- name: drop_empty
-- Of these instruments, those without bars and actions go.
DELETE FROM instrument i
WHERE i.id = ANY ($1::integer[])
  AND NOT EXISTS (SELECT FROM bar_1d WHERE instrument_id = i.id)
  AND NOT EXISTS (SELECT FROM bar_1m WHERE instrument_id = i.id)
  AND NOT EXISTS (SELECT FROM corporate_action WHERE instrument_id = i.id)
RETURNING symbol;

-- name: action_groups
-- The actions of each instrument, day and kind that have any, as rows.
SELECT a.instrument_id, a.ex_date, a.kind, jsonb_agg(to_jsonb(a)) AS rows
FROM corporate_action a
JOIN (SELECT DISTINCT * FROM unnest($1::integer[], $2::date[], $3::text[]) AS w (instrument_id, ex_date, kind)) AS wanted
  USING (instrument_id, ex_date, kind)
GROUP BY a.instrument_id, a.ex_date, a.kind;

-- name: delete_action_groups
-- All actions of these instruments, days and kinds.
DELETE FROM corporate_action a
USING unnest($1::integer[], $2::date[], $3::text[]) AS w (instrument_id, ex_date, kind)
WHERE (a.instrument_id, a.ex_date, a.kind) = (w.instrument_id, w.ex_date, w.kind);

-- name: insert_actions
-- Actions as the rows they were.
INSERT INTO corporate_action SELECT * FROM jsonb_populate_recordset(NULL::corporate_action, $1::jsonb)
RETURNING instrument_id;

-- name: runs
-- Imports, the newest first; $1 a prefix of the id or NULL, $2 at most so many.
SELECT id, source, sha256, interval, status, rows_total, rows_done, accepted, unchanged, corrected, quarantined,
    error, started_at, finished_at, reading
FROM import_run
WHERE $1::text IS NULL OR id::text LIKE $1 || '%'
ORDER BY started_at DESC, id DESC LIMIT $2;

-- name: lock_runs
-- The run to be taken back, kept from importers and from others who would take it back.
SELECT status, source, sha256, accepted + unchanged + corrected > 0 AS has_landed,
    EXISTS (SELECT FROM import_change WHERE run_id = $1) AS is_recorded
FROM import_run WHERE id = $1 FOR UPDATE;

-- name: touched_by
-- The instruments that this import changed and that are still there, kept from other writers.
SELECT i.id, i.symbol FROM instrument i
WHERE i.id IN (SELECT unnest(instruments || created) FROM import_change WHERE run_id = $1)
ORDER BY i.id FOR UPDATE;

-- name: changes
-- All that was recorded of these instruments in an interval (NULL: of actions), the newest first.
SELECT c.run_id, c.bars, c.actions, NOT c.is_undo AND r.status <> 'undone' AS is_claim
FROM import_change c JOIN import_run r ON r.id = c.run_id
WHERE c.instruments && $1::integer[] AND c.interval IS NOT DISTINCT FROM $2
  AND (c.bars IS NOT NULL OR c.actions IS NOT NULL)
ORDER BY c.id DESC;

-- name: delete_1d
-- These bars.
DELETE FROM bar_1d b USING unnest($1::integer[], $2::date[]) AS w (instrument_id, session)
WHERE b.instrument_id = w.instrument_id AND b.session = w.session;

-- name: delete_1m
-- These bars.
DELETE FROM bar_1m b USING unnest($1::integer[], $2::timestamptz[]) AS w (instrument_id, ts)
WHERE b.instrument_id = w.instrument_id AND b.ts = w.ts;

-- name: hand_over_aside
-- Rows aside that a later import of the same content has, too, belong to that one from now on.
UPDATE quarantine q SET import_id = other.id
FROM (
    SELECT id FROM import_run WHERE sha256 = $2 AND id <> $1 AND status <> 'undone' ORDER BY started_at DESC LIMIT 1
) AS other
WHERE q.import_id = $1;

-- name: drop_aside
-- The rows aside of this import.
DELETE FROM quarantine WHERE import_id = $1 RETURNING id;

-- name: mark_undone
-- The import was taken back.
UPDATE import_run SET status = 'undone', updated_at = now(), finished_at = now() WHERE id = $1 RETURNING id;

-- name: run_names
-- What these imports were of.
SELECT id, source FROM import_run WHERE id = ANY ($1::uuid[]);

-- name: around_splits
-- Of each split among the daily bars of these instruments, the closes on either side of it.
SELECT i.symbol, i.adjusted, a.ex_date, a.value AS ratio, before.close AS before, after.close AS after
FROM instrument i
JOIN corporate_action a ON a.instrument_id = i.id AND a.kind = 'split'
CROSS JOIN LATERAL (
    SELECT close FROM bar_1d WHERE instrument_id = i.id AND session < a.ex_date AND session >= a.ex_date - 10
    ORDER BY session DESC LIMIT 1
) AS before
CROSS JOIN LATERAL (
    SELECT close FROM bar_1d WHERE instrument_id = i.id AND session >= a.ex_date AND session <= a.ex_date + 10
    ORDER BY session LIMIT 1
) AS after
WHERE i.symbol = ANY ($1::text[])
ORDER BY i.symbol, a.ex_date;

-- name: set_terms
-- What is taken out of the stored prices of these instruments, as of their newest bar; recorded of import $3, if any.
WITH changed AS (
    UPDATE instrument i SET adjusted = $2, version = version + 1, updated_at = now(),
        adjusted_until = CASE WHEN $2 = 'none' THEN NULL ELSE greatest(
            (SELECT max(session) FROM bar_1d WHERE instrument_id = i.id),
            (SELECT max(ts)::date FROM bar_1m WHERE instrument_id = i.id),
            DATE '1900-01-01'
        ) END
    FROM (
        SELECT id, adjusted, adjusted_until FROM instrument WHERE symbol = ANY ($1::text[]) ORDER BY id FOR UPDATE
    ) AS old
    WHERE i.id = old.id
    RETURNING i.id, jsonb_build_array(old.adjusted, old.adjusted_until) AS before,
        jsonb_build_array(i.adjusted, i.adjusted_until) AS after
)
INSERT INTO import_change (run_id, instruments, terms)
SELECT $3, array_agg(id), jsonb_agg(jsonb_build_array(id, before, after)) FROM changed
WHERE $3::uuid IS NOT NULL HAVING count(*) > 0;

-- name: terms_of
-- What is taken out of the stored prices of these instruments.
SELECT id, symbol, jsonb_build_array(adjusted, adjusted_until) AS terms FROM instrument WHERE id = ANY ($1::integer[]);

-- name: terms_changes
-- All that was recorded of the terms of these instruments, the newest first.
SELECT c.run_id, c.terms, NOT c.is_undo AND r.status <> 'undone' AS is_claim
FROM import_change c JOIN import_run r ON r.id = c.run_id
WHERE c.instruments && $1::integer[] AND c.terms IS NOT NULL
ORDER BY c.id DESC;

-- name: restore_terms
-- The terms of an instrument as they were, recorded as the taking back of import $1.
WITH restored AS (
    UPDATE instrument SET adjusted = $4::jsonb ->> 0, adjusted_until = ($4::jsonb ->> 1)::date, version = version + 1,
        updated_at = now()
    WHERE id = $2
)
INSERT INTO import_change (run_id, is_undo, instruments, terms)
VALUES ($1, true, ARRAY[$2::integer], jsonb_build_array(jsonb_build_array($2::integer, $3::jsonb, $4::jsonb)));

-- name: change_instrument
-- New values of one instrument; NULL = as it is.
UPDATE instrument SET name = coalesce($2, name), exchange = coalesce($3, exchange), currency = coalesce($4, currency),
    kind = coalesce($5, kind), version = version + 1, updated_at = now()
WHERE id = $1;

-- name: rename_instrument
-- Another symbol.
UPDATE instrument SET symbol = $2, version = version + 1, updated_at = now() WHERE id = $1;

-- name: rename_aside
-- The rows aside of a symbol go with the instrument.
UPDATE quarantine SET symbol = $2 WHERE symbol = $1;

-- name: add_alias
-- Another symbol by which imports mean this instrument.
INSERT INTO instrument_alias (alias, instrument_id) VALUES ($1, $2)
ON CONFLICT (alias) DO UPDATE SET instrument_id = excluded.instrument_id;

-- name: drop_alias
-- The symbol is an instrument's own from now on.
DELETE FROM instrument_alias WHERE alias = $1;

-- name: move_aliases
-- The other symbols of an instrument go with it into another one.
UPDATE instrument_alias SET instrument_id = $2 WHERE instrument_id = $1;

-- name: held_by
-- What is stored of an instrument.
SELECT (SELECT count(*) FROM bar_1d WHERE instrument_id = $1) + (SELECT count(*) FROM bar_1m WHERE instrument_id = $1) AS bars,
       (SELECT count(*) FROM corporate_action WHERE instrument_id = $1) AS actions,
       (SELECT count(*) FROM quarantine q JOIN instrument i ON i.symbol = q.symbol WHERE i.id = $1) AS aside;

-- name: move_1d
-- The daily bars of days that the other instrument has none of.
WITH moved AS (
    UPDATE bar_1d b SET instrument_id = $2
    WHERE b.instrument_id = $1
      AND NOT EXISTS (SELECT FROM bar_1d o WHERE o.instrument_id = $2 AND o.session = b.session)
    RETURNING b.session
)
SELECT count(*) AS bars, extract(epoch FROM min(session))::bigint AS first, extract(epoch FROM max(session))::bigint AS last
FROM moved;

-- name: move_1m
-- The minutes that the other instrument has not.
WITH moved AS (
    UPDATE bar_1m b SET instrument_id = $2
    WHERE b.instrument_id = $1 AND NOT EXISTS (SELECT FROM bar_1m o WHERE o.instrument_id = $2 AND o.ts = b.ts)
    RETURNING b.ts
)
SELECT count(*) AS bars, extract(epoch FROM min(ts))::bigint AS first, extract(epoch FROM max(ts))::bigint AS last
FROM moved;

-- name: move_actions
-- The actions of days and kinds that the other instrument has none of.
UPDATE corporate_action a SET instrument_id = $2
WHERE a.instrument_id = $1 AND NOT EXISTS (
    SELECT FROM corporate_action o WHERE o.instrument_id = $2 AND o.ex_date = a.ex_date AND o.kind = a.kind
);

-- name: journal_of
-- What imports did to an instrument, kept from other writers.
SELECT id, interval, bars, actions FROM import_change WHERE instruments @> ARRAY[$1::integer] ORDER BY id FOR UPDATE;

-- name: rewrite_journal
-- What an import did, said of another instrument, which keeps its terms; where no import brought that one, none is
-- said to have.
UPDATE import_change SET bars = $2, actions = $3,
    terms = (SELECT jsonb_agg(one) FROM jsonb_array_elements(terms) AS one WHERE (one ->> 0)::integer <> $4::integer),
    instruments = array_replace(instruments, $4::integer, $5::integer),
    created = CASE WHEN EXISTS (SELECT FROM import_change WHERE instruments @> ARRAY[$5] AND $5 = ANY (created))
                   THEN array_replace(created, $4, $5) ELSE array_remove(created, $4) END
WHERE id = $1;

-- name: actions_held
-- The days and kinds of which an instrument has actions.
SELECT DISTINCT ex_date, kind FROM corporate_action WHERE instrument_id = $1;

-- name: clear_1d
-- All daily bars of an instrument.
DELETE FROM bar_1d WHERE instrument_id = $1;

-- name: clear_1m
-- All minutes of an instrument.
DELETE FROM bar_1m WHERE instrument_id = $1;

-- name: clear_actions
-- All actions of an instrument.
DELETE FROM corporate_action WHERE instrument_id = $1;

-- name: clear_aside
-- All rows aside of a symbol.
DELETE FROM quarantine WHERE symbol = $1 RETURNING id;

-- name: delete_instrument
-- One instrument.
DELETE FROM instrument WHERE id = $1;

-- name: find_instrument
-- One instrument by its own symbol, kept from other writers.
SELECT id, symbol, name, exchange, currency, kind, adjusted FROM instrument WHERE symbol = $1 FOR UPDATE;

-- name: put_exchange
-- A market that a user adds, or changes.
INSERT INTO exchange AS old (mic, name, calendar, timezone, currency, suffixes) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (mic) DO UPDATE SET name = excluded.name, calendar = excluded.calendar, timezone = excluded.timezone,
    currency = excluded.currency, suffixes = excluded.suffixes;

-- name: change_session
-- What a user corrects in a calendar; every answer made with it before is stale.
WITH changed AS (
    INSERT INTO calendar_change (calendar, day, opens, closes, note) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (calendar, day) DO UPDATE
    SET opens = excluded.opens, closes = excluded.closes, note = excluded.note, changed_at = now()
)
UPDATE instrument SET version = version + 1, updated_at = now()
WHERE exchange IN (SELECT mic FROM exchange WHERE calendar = $1);

-- name: reset_session
-- A day is as the calendar has it again.
WITH changed AS (DELETE FROM calendar_change WHERE calendar = $1 AND day = $2)
UPDATE instrument SET version = version + 1, updated_at = now()
WHERE exchange IN (SELECT mic FROM exchange WHERE calendar = $1);

-- name: lock_replay
-- Whether no other replay of this symbol is under way; held until the connection ends.
SELECT pg_try_advisory_lock(6205865, hashtext($1));
