-- name: put_events
-- Events in the transaction of the rows that they tell of.
INSERT INTO outbox (epoch, topic, key, schema, source, data, request_id, traceparent)
SELECT (SELECT current_epoch()), new.topic, new.key, new.schema, $5, new.data, $6, $7
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS new (topic, key, schema, data, place)
ORDER BY new.place;

-- name: waiting_events
-- The oldest events that wait for the relay.
SELECT id, event_id::text, epoch::text, topic, key, schema, source, data, request_id, traceparent, created_at
FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT $1;

-- name: mark_published
-- Events that the event log took.
UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY ($1::bigint[]);

-- name: publish_again
-- What the outbox still holds of a topic is published again.
UPDATE outbox SET published_at = NULL WHERE topic = $1 AND published_at IS NOT NULL;

-- name: publish_newest_again
-- What was published in the last $1 seconds is published again: a log that went away may have lost it.
UPDATE outbox SET published_at = NULL
WHERE id > (SELECT coalesce(max(id), 0) - 100000 FROM outbox)
  AND published_at > clock_timestamp() - make_interval(secs => $1);

-- name: prune_outbox
-- Published events that are older than $1 seconds or not among the newest $2; the newest one of all stays.
DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox
    WHERE published_at IS NOT NULL AND id < (SELECT max(id) FROM outbox)
      AND (published_at < clock_timestamp() - make_interval(secs => $1) OR id <= (SELECT max(id) FROM outbox) - $2::bigint)
    ORDER BY id LIMIT 10000
);

-- name: known_log
-- Which log a topic was last published to.
SELECT identity, epoch FROM event_log WHERE topic = $1;

-- name: note_log
-- A topic is published to this log from now on.
INSERT INTO event_log (topic, identity, epoch) VALUES ($1, $2, $3)
ON CONFLICT (topic) DO UPDATE SET identity = excluded.identity, epoch = excluded.epoch;

-- name: current_epoch
-- The epoch of what is written now.
SELECT current_epoch();

-- name: epochs
-- All epochs, each with the greatest id that the next one knows of it; NULL: it goes on.
SELECT id, lead(begins_behind) OVER (ORDER BY number) AS ends_at FROM event_epoch;

-- name: outbox_state
-- How the outbox stands: events that wait, and for how many seconds the oldest one has.
SELECT count(*) AS waiting,
       coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::double precision AS oldest_s
FROM (SELECT created_at FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT 100000) AS held;

-- name: positions
-- How far a consumer is.
SELECT topic, partition, identity, position FROM event_position WHERE consumer = $1;

-- name: slowest_positions
-- Where consumers are that have moved in the last $1 seconds.
SELECT topic, partition, position FROM event_position
WHERE updated_at > clock_timestamp() - make_interval(secs => $1)
ORDER BY consumer, topic, partition;

-- name: begin_position
-- Where a consumer begins in a partition that it does not know, or knows as another one.
INSERT INTO event_position (consumer, topic, partition, identity, position) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (consumer, topic, partition)
DO UPDATE SET identity = excluded.identity, position = excluded.position, updated_at = clock_timestamp();

-- name: move_position
-- The consumer's next position, if it is where it was left; nothing, if another one has moved it.
UPDATE event_position SET position = $6, updated_at = clock_timestamp()
WHERE consumer = $1 AND topic = $2 AND partition = $3 AND identity = $4 AND position = $5
RETURNING position;

-- name: seen
-- The newest events of these keys that the consumer has dealt with.
SELECT s.topic, s.key, s.sequence
FROM (SELECT DISTINCT * FROM unnest($2::text[], $3::text[]) AS one (topic, key)) AS asked
JOIN event_seen s ON s.consumer = $1 AND s.topic = asked.topic AND s.key = asked.key;

-- name: note_seen
-- The same, moved on.
INSERT INTO event_seen (consumer, topic, key, sequence)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[])
ON CONFLICT (consumer, topic, key) DO UPDATE SET sequence = excluded.sequence;

-- name: add_dead_letter
-- A message that a consumer could not deal with.
INSERT INTO dead_letter (consumer, topic, partition, identity, position, key, headers, data, reason, attempts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (consumer, topic, partition, identity, position) DO NOTHING
RETURNING id;

-- name: dead_letters
-- Messages that were set aside, the oldest first.
SELECT id, consumer, topic, partition, position, key, headers, data, reason, attempts, state, created_at, resolved_at
FROM dead_letter
WHERE ($1::bigint[] IS NULL OR id = ANY ($1)) AND ($2::text IS NULL OR consumer = $2)
  AND ($3::text IS NULL OR topic = $3) AND ($4::text IS NULL OR state = $4)
ORDER BY id LIMIT $5;

-- name: ask_dead
-- These are to be tried again by their consumer, or are dismissed.
UPDATE dead_letter SET state = $2, resolved_at = CASE WHEN $2 = 'dismissed' THEN clock_timestamp() END
WHERE id = ANY ($1::bigint[]) AND state IN ('open', 'asked')
RETURNING id;

-- name: asked_dead
-- Messages of a consumer that are to be tried again, the oldest first.
SELECT id, topic, partition, position, key, headers, data, attempts
FROM dead_letter WHERE consumer = $1 AND state = 'asked' ORDER BY id LIMIT $2;

-- name: settle_dead
-- A message that was tried again: replayed, or open with another reason.
UPDATE dead_letter SET state = $2, reason = coalesce($3, reason), attempts = attempts + 1,
    resolved_at = CASE WHEN $2 = 'replayed' THEN clock_timestamp() END
WHERE id = $1;

-- name: count_dead
-- How many messages are set aside, by consumer and topic.
SELECT consumer, topic, count(*) AS messages FROM dead_letter WHERE state IN ('open', 'asked')
GROUP BY consumer, topic ORDER BY consumer, topic;

-- name: prune_dead
-- Messages that were dealt with $1 seconds ago, and those beyond the newest $2.
DELETE FROM dead_letter
WHERE (state IN ('replayed', 'dismissed') AND resolved_at < clock_timestamp() - make_interval(secs => $1))
   OR id <= (SELECT max(id) FROM dead_letter) - $2::bigint;

-- name: release_refused
-- An event that the log refused is published once more; its dead letter is dealt with.
WITH released AS (UPDATE outbox SET published_at = NULL WHERE id = $2 RETURNING id)
UPDATE dead_letter SET state = CASE WHEN EXISTS (SELECT FROM released) THEN 'replayed' ELSE 'open' END,
    attempts = attempts + 1, resolved_at = clock_timestamp(),
    reason = CASE WHEN EXISTS (SELECT FROM released) THEN reason ELSE 'the outbox does not hold it any more' END
WHERE id = $1;
