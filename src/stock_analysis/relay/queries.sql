-- name: count_delivered
-- So many more events of a topic have arrived.
INSERT INTO event_delivery (topic, events, last_sequence, last_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (topic) DO UPDATE SET events = event_delivery.events + excluded.events,
    last_sequence = excluded.last_sequence, last_at = excluded.last_at;

-- name: delivered
-- What has arrived, by topic.
SELECT topic, events, last_at FROM event_delivery ORDER BY topic;

-- name: moved
-- When each consumer last moved.
SELECT consumer, max(updated_at) AS moved_at FROM event_position GROUP BY consumer ORDER BY consumer;
