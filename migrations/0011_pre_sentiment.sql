-- What people write about instruments: posts as long as they may be kept, what each says, and buckets of time made of them.

CREATE TABLE sentiment_author_key (
    name    text PRIMARY KEY,
    key     bytea NOT NULL CHECK (octet_length(key) >= 32),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE sentiment_author_key IS
    'Keys that authors are hashed with: one for each day (2026-11-29), deleted when the day is final, and `forgotten`, of those who asked.';

CREATE TABLE sentiment_post (
    post_key  bytea PRIMARY KEY,
    source    text NOT NULL,
    post_id   text,
    url       text,
    author    bytea,
    text      text CHECK (octet_length(text) <= 32768),
    minhash   bytea,
    language  text NOT NULL,
    posted_at timestamptz NOT NULL,
    seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    negative  real NOT NULL,
    neutral   real NOT NULL,
    positive  real NOT NULL,
    score     real NOT NULL CHECK (score BETWEEN -1 AND 1),
    label     text NOT NULL CHECK (label IN ('negative', 'neutral', 'positive', 'unsure')),
    model     text NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sample    boolean NOT NULL DEFAULT false
);
CREATE INDEX sentiment_post_author ON sentiment_post (author) WHERE author IS NOT NULL;
CREATE INDEX sentiment_post_text ON sentiment_post (posted_at) WHERE text IS NOT NULL AND NOT sample;
COMMENT ON TABLE sentiment_post IS
    'Posts: the text for some days, the author as a keyed hash until the day is final, afterwards numbers alone.';
COMMENT ON COLUMN sentiment_post.post_key IS 'SHA-256 of source and the source''s id: finds the post when its source deletes it.';
COMMENT ON COLUMN sentiment_post.checked_at IS 'When its source last had it: a text that was not seen there for a day is dropped.';
COMMENT ON COLUMN sentiment_post.sample IS 'Written by us for the first start; nobody posted it.';

CREATE TABLE sentiment_mention (
    instrument_id integer NOT NULL REFERENCES instrument ON DELETE CASCADE,
    posted_at     timestamptz NOT NULL,
    post_key      bytea NOT NULL REFERENCES sentiment_post ON DELETE CASCADE,
    kind          text NOT NULL,
    begins        integer NOT NULL,
    ends          integer NOT NULL,
    why           text NOT NULL,
    voice         integer,
    copies        integer,
    PRIMARY KEY (instrument_id, posted_at, post_key)
);
CREATE INDEX sentiment_mention_post ON sentiment_mention (post_key);
CREATE INDEX sentiment_mention_open ON sentiment_mention (posted_at) WHERE voice IS NULL;
COMMENT ON TABLE sentiment_mention IS 'Which instruments a post speaks of, and why it is thought so.';
COMMENT ON COLUMN sentiment_mention.voice IS 'In place of the author once the day is final: a number within instrument and day.';
COMMENT ON COLUMN sentiment_mention.copies IS 'In place of the text''s fingerprint then: the group of near-copies within instrument and day.';

CREATE TABLE sentiment_state (
    instrument_id integer PRIMARY KEY REFERENCES instrument ON DELETE CASCADE,
    version       bigint NOT NULL DEFAULT 0,
    changed_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN sentiment_state.changed_at IS
    'Names the version: after a restore the same number may be given to other posts.';
COMMENT ON TABLE sentiment_state IS
    'Version of all that is known of an instrument''s posts; its row is locked by who changes them, so that events keep their order.';

CREATE TABLE sentiment_bucket (
    instrument_id integer NOT NULL REFERENCES instrument ON DELETE CASCADE,
    length_s      integer NOT NULL CHECK (length_s > 0),
    start         timestamptz NOT NULL,
    state         text NOT NULL CHECK (state IN ('provisional', 'final')),
    revision      bigint NOT NULL,
    posts         integer NOT NULL,
    judged        integer NOT NULL,
    voices        integer NOT NULL,
    copies        integer NOT NULL,
    effective_n   double precision NOT NULL,
    score         double precision NOT NULL,
    low           double precision NOT NULL,
    high          double precision NOT NULL,
    positive      double precision NOT NULL,
    negative      double precision NOT NULL,
    unsure        double precision NOT NULL,
    model         text NOT NULL,
    sample        boolean NOT NULL,
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (instrument_id, length_s, start)
);
CREATE INDEX sentiment_bucket_start ON sentiment_bucket (length_s, start);
COMMENT ON TABLE sentiment_bucket IS 'Sentiment in a span of time: each a function of the posts in it, made anew when they change.';
COMMENT ON COLUMN sentiment_bucket.effective_n IS 'Posts, of which near-copies count as log2(1 + m) and an author at most twice.';

CREATE TABLE sentiment_gone (
    kind    text NOT NULL CHECK (kind IN ('post', 'author')),
    key     bytea NOT NULL,
    gone_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, key)
);
COMMENT ON TABLE sentiment_gone IS
    'Hashes of posts that were deleted and of authors who are to be forgotten: what a source tells again is not taken.';

CREATE TABLE sentiment_source (
    name         text PRIMARY KEY,
    cursor       text NOT NULL DEFAULT '',
    state        text NOT NULL DEFAULT 'begins',
    reason       text NOT NULL DEFAULT '',
    again_at     timestamptz,
    last_post_at timestamptz,
    last_seen_at timestamptz,
    day          date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    posts        bigint NOT NULL DEFAULT 0,
    requests     bigint NOT NULL DEFAULT 0,
    spent        numeric(12, 6) NOT NULL DEFAULT 0,
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE sentiment_source IS 'How far each source was read, how it stands, and what of the day''s budget is spent.';
COMMENT ON COLUMN sentiment_source.spent IS 'Dollars of the day, where the source has a price.';
