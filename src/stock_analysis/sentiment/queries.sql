-- name: lock
-- All that changes posts does so one after the other: their events keep the order of their symbols.
SELECT pg_advisory_xact_lock(1397050957)::text;

-- name: instruments
-- All that posts may speak of.
SELECT i.id, i.symbol, i.name, i.exchange, i.kind, i.created_at,
       ARRAY(SELECT a.alias FROM instrument_alias a WHERE a.instrument_id = i.id ORDER BY 1) AS aliases
FROM instrument i ORDER BY i.id;

-- name: instruments_state
-- Whether the instruments are those of before: they change rarely, and are many.
SELECT count(*) AS instruments, coalesce(max(id), 0) AS newest, max(updated_at) AS updated_at,
       (SELECT count(*) FROM instrument_alias) AS aliases
FROM instrument;

-- name: listing
-- An instrument, with the version of what is known of its posts.
SELECT i.id, i.symbol, coalesce(s.version, 0) AS version, s.changed_at
FROM instrument i LEFT JOIN sentiment_state s ON s.instrument_id = i.id
WHERE i.symbol = $1;

-- name: author_keys
-- The keys that authors are hashed with.
SELECT name, key FROM sentiment_author_key ORDER BY name;

-- name: add_author_key
-- A key of its own for a day; the one that is there stays.
INSERT INTO sentiment_author_key (name, key) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING name;

-- name: drop_author_keys
-- Keys of the days before $1 (2026-11-29), which are final.
DELETE FROM sentiment_author_key WHERE name < $1 AND name ~ '^\d' RETURNING name;

-- name: gone
-- Which of these posts ($1) and authors ($2) are gone.
SELECT kind, key FROM sentiment_gone
WHERE (kind = 'post' AND key = ANY ($1::bytea[])) OR (kind = 'author' AND key = ANY ($2::bytea[]));

-- name: note_gone
-- Hashes of what is not to be taken again.
INSERT INTO sentiment_gone (kind, key) SELECT $1, one FROM unnest($2::bytea[]) AS one
ON CONFLICT DO NOTHING RETURNING kind, key;

-- name: prune_gone
-- Posts that went before $1: their day is final, so that their source cannot bring them again.
DELETE FROM sentiment_gone WHERE kind = 'post' AND gone_at < $1 RETURNING key;

-- name: known_posts
-- Which of these posts are stored, and as what text.
SELECT post_key, text, posted_at FROM sentiment_post WHERE post_key = ANY ($1::bytea[]);

-- name: add_posts
-- New posts, in columns.
INSERT INTO sentiment_post (post_key, source, post_id, url, author, text, minhash, language, posted_at,
                            negative, neutral, positive, score, label, model, sample)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bytea[], $8::text[],
                     $9::timestamptz[], $10::real[], $11::real[], $12::real[], $13::real[], $14::text[], $15::text[],
                     $16::boolean[])
RETURNING post_key;

-- name: add_mentions
-- What new posts speak of, in columns.
INSERT INTO sentiment_mention (instrument_id, posted_at, post_key, kind, begins, ends, why)
SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::bytea[], $4::text[], $5::integer[], $6::integer[], $7::text[])
RETURNING post_key;

-- name: mentioned
-- Of what instruments these posts speak, with what tells of them.
SELECT m.instrument_id, i.symbol, m.posted_at, m.post_key, p.source
FROM sentiment_mention m JOIN sentiment_post p USING (post_key) JOIN instrument i ON i.id = m.instrument_id
WHERE m.post_key = ANY ($1::bytea[])
ORDER BY i.symbol, m.posted_at, m.post_key;

-- name: posts_of_authors
-- Posts of authors by their hashes, of a source.
SELECT post_key FROM sentiment_post WHERE author = ANY ($1::bytea[]) AND source = $2 ORDER BY post_key;

-- name: sample_posts
-- The posts that we wrote.
SELECT post_key FROM sentiment_post WHERE sample ORDER BY post_key;

-- name: any_post
-- Whether posts are stored: ours, and others.
SELECT EXISTS (SELECT FROM sentiment_post WHERE sample) AS sample, EXISTS (SELECT FROM sentiment_post WHERE NOT sample) AS real;

-- name: delete_posts
-- Posts with all that is known of them.
DELETE FROM sentiment_post WHERE post_key = ANY ($1::bytea[]) RETURNING post_key;

-- name: voices
-- The posts about an instrument in a span of time, oldest first.
SELECT m.post_key, m.posted_at, m.kind, m.begins, m.ends, m.why, m.voice, m.copies, p.source, p.url, p.text, p.author,
       p.minhash, p.language, p.negative, p.neutral, p.positive, p.score, p.label, p.model, p.sample
FROM sentiment_mention m JOIN sentiment_post p USING (post_key)
WHERE m.instrument_id = $1 AND m.posted_at >= $2 AND m.posted_at < $3
ORDER BY m.posted_at, m.post_key;

-- name: buckets
-- The buckets of an instrument of one length from $3 until before $4, oldest first.
SELECT start, state, revision, posts, judged, voices, copies, effective_n, score, low, high, positive, negative, unsure,
       model, sample, updated_at
FROM sentiment_bucket
WHERE instrument_id = $1 AND length_s = $2 AND start >= $3 AND start < $4
ORDER BY start;

-- name: newest_buckets
-- Starts of the newest $5 buckets from $3 until before $4, and when the first of all began.
SELECT min(start) AS start, (SELECT min(start) FROM sentiment_bucket WHERE instrument_id = $1 AND length_s = $2) AS first,
       count(*) AS buckets
FROM (
    SELECT start FROM sentiment_bucket
    WHERE instrument_id = $1 AND length_s = $2 AND start >= $3 AND start < $4
    ORDER BY start DESC LIMIT $5
) AS newest;

-- name: put_bucket
-- A bucket as it is now; its revision grows.
INSERT INTO sentiment_bucket AS b (instrument_id, length_s, start, state, revision, posts, judged, voices, copies, effective_n,
                                   score, low, high, positive, negative, unsure, model, sample)
VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (instrument_id, length_s, start) DO UPDATE
SET state = excluded.state, revision = b.revision + 1, posts = excluded.posts, judged = excluded.judged,
    voices = excluded.voices, copies = excluded.copies, effective_n = excluded.effective_n, score = excluded.score,
    low = excluded.low, high = excluded.high, positive = excluded.positive, negative = excluded.negative,
    unsure = excluded.unsure, model = excluded.model, sample = excluded.sample, updated_at = clock_timestamp()
RETURNING revision;

-- name: drop_bucket
-- A bucket without posts.
DELETE FROM sentiment_bucket WHERE instrument_id = $1 AND length_s = $2 AND start = $3 RETURNING revision;

-- name: raise_version
-- What is known of the instrument's posts has changed.
INSERT INTO sentiment_state AS s (instrument_id, version) VALUES ($1, 1)
ON CONFLICT (instrument_id) DO UPDATE SET version = s.version + 1, changed_at = clock_timestamp() RETURNING version;

-- name: open_days
-- Instruments and days before $1 whose authors are not forgotten yet; the sample is never final.
SELECT DISTINCT m.instrument_id, i.symbol, date_trunc('day', m.posted_at, 'UTC') AS day
FROM sentiment_mention m JOIN sentiment_post p USING (post_key) JOIN instrument i ON i.id = m.instrument_id
WHERE m.posted_at < $1 AND m.voice IS NULL AND NOT p.sample
ORDER BY 2, 3 LIMIT 1000;

-- name: close_mentions
-- Numbers in the place of authors and fingerprints.
UPDATE sentiment_mention AS m SET voice = new.voice, copies = new.copies
FROM unnest($2::bytea[], $3::integer[], $4::integer[]) AS new (post_key, voice, copies)
WHERE m.instrument_id = $1 AND m.post_key = new.post_key
RETURNING m.post_key;

-- name: forget_people
-- Of posts before $1: who wrote them, where, and what. Those that still wait for their numbers are left out.
UPDATE sentiment_post AS p SET author = NULL, minhash = NULL, post_id = NULL, url = NULL, text = NULL
WHERE p.posted_at < $1 AND NOT p.sample AND (p.author IS NOT NULL OR p.text IS NOT NULL OR p.post_id IS NOT NULL)
  AND NOT EXISTS (SELECT FROM sentiment_mention m WHERE m.post_key = p.post_key AND m.voice IS NULL)
RETURNING p.post_key;

-- name: forget_texts
-- Texts of posts before $1, and of those that their source was not seen to have since $2, unless it is one of $3.
UPDATE sentiment_post SET text = NULL
WHERE text IS NOT NULL AND NOT sample AND (posted_at < $1 OR (checked_at < $2 AND source <> ALL ($3::text[])))
RETURNING post_key;

-- name: drop_texts
-- All texts of a source.
UPDATE sentiment_post SET text = NULL WHERE text IS NOT NULL AND NOT sample AND source = $1 RETURNING post_key;

-- name: raise_versions
-- What is shown of these posts has changed, though not their buckets.
UPDATE sentiment_state SET version = version + 1, changed_at = clock_timestamp()
WHERE instrument_id IN (SELECT instrument_id FROM sentiment_mention WHERE post_key = ANY ($1::bytea[]))
RETURNING instrument_id;

-- name: to_check
-- Posts of a source that it was not seen to have since $2, the longest unseen first.
SELECT post_id FROM sentiment_post
WHERE source = $1 AND checked_at < $2 AND post_id IS NOT NULL AND NOT sample
ORDER BY checked_at, post_key LIMIT $3;

-- name: note_checked
-- Posts that their source still has.
UPDATE sentiment_post SET checked_at = clock_timestamp() WHERE post_key = ANY ($1::bytea[]) RETURNING post_key;

-- name: note_all_checked
-- A stream told all deletions until now: what it told before is still there.
UPDATE sentiment_post SET checked_at = clock_timestamp()
WHERE source = $1 AND checked_at < $2 AND NOT sample AND text IS NOT NULL RETURNING post_key;

-- name: overview_version
-- Version of all that is known of posts.
SELECT coalesce(sum(version), 0)::bigint AS version, count(*) AS instruments, max(changed_at) AS changed_at
FROM sentiment_state;

-- name: newest_day
-- The newest day with posts, of real ones where there are any.
SELECT start, sample FROM sentiment_bucket WHERE length_s = 86400 ORDER BY sample, start DESC LIMIT 1;

-- name: overview
-- Daily buckets of all instruments from $1 until before $2.
SELECT b.instrument_id, i.symbol, i.name, b.start, b.posts, b.voices, b.effective_n, b.score, b.low, b.high, b.sample
FROM sentiment_bucket b JOIN instrument i ON i.id = b.instrument_id
WHERE b.length_s = 86400 AND b.start >= $1 AND b.start < $2 AND b.sample = $3
ORDER BY i.symbol, b.start;

-- name: sources
-- How each source stands.
SELECT name, cursor, state, reason, again_at, last_post_at, last_seen_at, day, posts, requests, spent::text AS spent, updated_at
FROM sentiment_source ORDER BY name;

-- name: put_source
-- How a source stands, and how far it was read.
INSERT INTO sentiment_source AS s (name, cursor, state, reason, again_at, last_post_at, last_seen_at, day, posts, requests, spent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::numeric)
ON CONFLICT (name) DO UPDATE
SET cursor = excluded.cursor, state = excluded.state, reason = excluded.reason, again_at = excluded.again_at,
    last_post_at = coalesce(excluded.last_post_at, s.last_post_at), last_seen_at = coalesce(excluded.last_seen_at, s.last_seen_at),
    day = excluded.day, posts = excluded.posts, requests = excluded.requests, spent = excluded.spent,
    updated_at = clock_timestamp()
RETURNING name;
