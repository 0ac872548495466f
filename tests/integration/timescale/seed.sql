-- A small platform: one instrument with bars of both kinds, a split, an import, a row kept aside, a key.

ALTER TABLE instrument ALTER id RESTART 100;
ALTER TABLE quarantine ALTER id RESTART 100;
ALTER TABLE import_change ALTER id RESTART 100;

INSERT INTO instrument (id, symbol, name, exchange, currency, kind) OVERRIDING SYSTEM VALUE
VALUES (1, 'AAPL', 'Apple Inc.', 'XNAS', 'USD', 'stock');

INSERT INTO bar_1d
SELECT 1, date '2024-01-01' + n, 100 + n, 102 + n, 99 + n, 101 + n, 1000 * n FROM generate_series(1, 60) AS n;

INSERT INTO bar_1m
SELECT 1, timestamptz '2024-01-02 14:30Z' + n * interval '1 minute', 100 + n, 102 + n, 99 + n, 101 + n, 10 * n
FROM generate_series(0, 59) AS n;

INSERT INTO corporate_action VALUES (1, '2024-01-05', 'split', 2, 'seed');

INSERT INTO calendar_change (calendar, day, opens, closes, note)
VALUES ('XNYS', '2024-01-08', '2024-01-08 15:30Z', '2024-01-08 21:00Z', 'seed');

INSERT INTO import_run (id, source, sha256, interval, status, rows_total)
VALUES ('00000000-0000-0000-0000-000000000001', 'seed.csv', sha256('content'), '1d', 'failed', 9);

INSERT INTO import_change (id, run_id, interval, instruments, created, bars, actions)
OVERRIDING SYSTEM VALUE VALUES
    (1, '00000000-0000-0000-0000-000000000001', '1d', '{1}', '{1}', '\x00', NULL),
    (2, '00000000-0000-0000-0000-000000000001', NULL, '{1}', '{}', NULL, '[]');

INSERT INTO quarantine
    (id, source_sha256, row_number, import_id, source, symbol, interval, bar_time, raw, reasons,
     open, high, low, close, volume)
OVERRIDING SYSTEM VALUE
SELECT 1, sha256, 1, id, source, 'AAPL', '1d', '2024-01-03 00:00Z',
       '{"open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}', '{jump}', 1, 1, 1, 1, 1
FROM import_run;

INSERT INTO api_key (id, name, prefix, hash, scopes)
VALUES ('00000000-0000-0000-0000-000000000002', 'seed', 'abc', '\x00', '{read}');

DELETE FROM outbox;
DELETE FROM event_epoch;
INSERT INTO event_epoch (number, id, history, begins_behind) OVERRIDING SYSTEM VALUE
VALUES (1, '00000000-0000-0000-0000-0000000000e1', 'seed', 0), (2, '00000000-0000-0000-0000-0000000000e2', 'seed 2', 1);
SELECT setval(pg_get_serial_sequence('event_epoch', 'number'), 10);

INSERT INTO outbox (id, event_id, epoch, topic, key, schema, source, data, created_at, published_at)
OVERRIDING SYSTEM VALUE
SELECT n, ('00000000-0000-0000-0000-00000000000' || n)::uuid, '00000000-0000-0000-0000-0000000000e1', 'prices.bars.v1',
       'AAPL', '1.0', 'seed', '{}', '2024-01-02 14:30Z', CASE WHEN n < 3 THEN now() END
FROM generate_series(1, 4) AS n;
SELECT setval(pg_get_serial_sequence('outbox', 'id'), 10);

DELETE FROM event_log;
INSERT INTO event_log VALUES ('prices.bars.v1', 'log-1', '00000000-0000-0000-0000-0000000000e1');

DELETE FROM event_position;
INSERT INTO event_position (consumer, topic, partition, identity, position)
VALUES ('delivery', 'prices.bars.v1', 0, 'log-1', '5-0');

DELETE FROM event_seen;
INSERT INTO event_seen VALUES ('delivery', 'prices.bars.v1', 'AAPL', 2);

DELETE FROM event_delivery;
INSERT INTO event_delivery VALUES ('prices.bars.v1', 2, 2, '2024-01-02 14:30Z');

DELETE FROM dead_letter;
INSERT INTO dead_letter (id, consumer, topic, partition, identity, position, key, headers, data, reason, attempts, state, resolved_at)
OVERRIDING SYSTEM VALUE VALUES
    (1, 'delivery', 'prices.bars.v1', 0, 'log-1', '4-0', 'AAPL', '{}', '\x00', 'broken', 3, 'asked', NULL),
    (2, 'delivery', 'prices.bars.v1', 0, 'log-1', '3-0', 'AAPL', '{}', '\x00', 'broken', 3, 'replayed', '2024-01-02 14:30Z'),
    (3, 'relay', 'prices.bars.v1', 0, 'outbox', '2', 'AAPL', '{}', '\x00', 'refused', 1, 'asked', NULL);
SELECT setval(pg_get_serial_sequence('dead_letter', 'id'), 10);

DELETE FROM sentiment_author_key;
INSERT INTO sentiment_author_key VALUES ('2024-01-02', sha256('key'), '2024-01-02 14:30Z'), ('forgotten', sha256('key'), '2024-01-02 14:30Z');

DELETE FROM sentiment_gone;
INSERT INTO sentiment_gone VALUES ('post', sha256('gone'), '2024-01-02 14:30Z'), ('author', '\x07', '2024-01-02 14:30Z');

DELETE FROM sentiment_source;
INSERT INTO sentiment_source (name, cursor, day) VALUES ('seed', '5', '2024-01-02');

DELETE FROM sentiment_post;
INSERT INTO sentiment_post (post_key, source, post_id, url, author, text, minhash, language, posted_at, seen_at,
                            negative, neutral, positive, score, label, model, checked_at)
VALUES (sha256('seed\000one'), 'seed', 'one', '', '\x01', '$AAPL', '\x02', 'en', '2024-01-02 14:40Z', '2024-01-02 14:41Z',
        0.1, 0.2, 0.7, 0.6, 'positive', 'm-1', '2024-01-02 14:41Z');
INSERT INTO sentiment_mention VALUES (1, '2024-01-02 14:40Z', sha256('seed\000one'), 'cashtag', 0, 5, 'cashtag', NULL, NULL);
INSERT INTO sentiment_state VALUES (1, 1, '2024-01-02 14:41Z');
INSERT INTO sentiment_bucket VALUES
    (1, 86400, '2024-01-02', 'provisional', 1, 1, 1, 1, 0, 1, 0.2, -0.3, 0.7, 1, 0, 0, 'm-1', false, '2024-01-02 14:41Z');
