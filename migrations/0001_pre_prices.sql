-- Instruments, raw prices, corporate actions.
-- pre: safe before the new code runs. Plain PostgreSQL; hypertables are made in 0002 where TimescaleDB is present.

CREATE TABLE exchange (
    mic         text PRIMARY KEY CHECK (mic ~ '^[A-Z0-9]{4}$'),
    name        text NOT NULL,
    calendar    text NOT NULL,
    timezone    text NOT NULL,
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$')
);
COMMENT ON TABLE exchange IS 'ISO 10383 market; calendar is a name of the package exchange_calendars.';

INSERT INTO exchange (mic, name, calendar, timezone, currency) VALUES
    ('XNYS', 'New York Stock Exchange',      'XNYS', 'America/New_York', 'USD'),
    ('XNAS', 'Nasdaq',                       'XNYS', 'America/New_York', 'USD'),
    ('ARCX', 'NYSE Arca',                    'XNYS', 'America/New_York', 'USD'),
    ('BATS', 'Cboe BZX U.S. Equities',       'XNYS', 'America/New_York', 'USD'),
    ('XKRX', 'Korea Exchange (KOSPI)',       'XKRX', 'Asia/Seoul',       'KRW'),
    ('XKOS', 'Korea Exchange (KOSDAQ)',      'XKRX', 'Asia/Seoul',       'KRW'),
    ('XCME', 'CME Globex',                   'CMES', 'America/Chicago',  'USD'),
    ('XLON', 'London Stock Exchange',        'XLON', 'Europe/London',    'GBP'),
    ('XTKS', 'Tokyo Stock Exchange',         'XTKS', 'Asia/Tokyo',       'JPY'),
    ('XHKG', 'Hong Kong Exchanges',          'XHKG', 'Asia/Hong_Kong',   'HKD'),
    ('XETR', 'Xetra',                        'XETR', 'Europe/Berlin',    'EUR');

CREATE TABLE instrument (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol      text NOT NULL UNIQUE CHECK (symbol ~ '^[A-Z0-9][A-Z0-9.^=_-]{0,31}$'),
    name        text NOT NULL,
    exchange    text NOT NULL REFERENCES exchange (mic),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    kind        text NOT NULL CHECK (kind IN ('stock', 'etf', 'index', 'future', 'currency', 'crypto')),
    version     bigint NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN instrument.version IS
    'Grows in the same transaction as any change of the bars, actions or quarantine: the key of every cached answer.';

-- No foreign key on the bars: its check would run once a row and halve COPY. The writer holds the
-- instrument's row lock, and instruments are never deleted while they have bars.
CREATE TABLE bar_1d (
    instrument_id integer NOT NULL,
    session       date NOT NULL,
    open          double precision NOT NULL,
    high          double precision NOT NULL,
    low           double precision NOT NULL,
    close         double precision NOT NULL,
    volume        double precision NOT NULL,
    PRIMARY KEY (instrument_id, session)
);

CREATE TABLE bar_1m (
    instrument_id integer NOT NULL,
    ts            timestamptz NOT NULL,
    open          double precision NOT NULL,
    high          double precision NOT NULL,
    low           double precision NOT NULL,
    close         double precision NOT NULL,
    volume        double precision NOT NULL,
    PRIMARY KEY (instrument_id, ts)
);

CREATE TABLE corporate_action (
    instrument_id integer NOT NULL REFERENCES instrument (id),
    ex_date       date NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('split', 'dividend')),
    value         double precision NOT NULL CHECK (value > 0 AND value < 'infinity'),
    source        text NOT NULL,
    PRIMARY KEY (instrument_id, ex_date, kind)
);
COMMENT ON COLUMN corporate_action.value IS
    'split: new shares for one old; dividend: cash a share in raw terms on the ex-date.';
