-- All markets that are known, calendars that users correct, more kinds of corporate actions, symbols of indices.

ALTER TABLE instrument
    DROP CONSTRAINT instrument_symbol_check,
    ADD CONSTRAINT instrument_symbol_check CHECK (symbol ~ '^\^?[A-Z0-9][A-Z0-9.^=_-]*$' AND length(symbol) <= 32);

ALTER TABLE exchange
    ADD COLUMN extended_opens  time,
    ADD COLUMN extended_closes time,
    ADD COLUMN suffixes        text[] NOT NULL DEFAULT '{}',
    ADD CHECK (num_nulls(extended_opens, extended_closes) IN (0, 2));
COMMENT ON TABLE exchange IS
    'A market. calendar is a name of the package exchange_calendars, FX, or "weekdays 09:30-16:00 Africa/Lagos".';
COMMENT ON COLUMN exchange.extended_opens IS
    'When trading before the sessions begins, on the exchange''s clock; NULL = there is none. So extended_closes.';
COMMENT ON COLUMN exchange.suffixes IS
    'What stands behind the last point of a symbol to name this market, beside what is shipped.';

UPDATE exchange SET extended_opens = '04:00', extended_closes = '20:00' WHERE mic IN ('XNYS', 'XNAS', 'ARCX', 'BATS');
UPDATE exchange SET extended_opens = '08:00', extended_closes = '20:00' WHERE mic IN ('XKRX', 'XKOS');

INSERT INTO exchange (mic, name, calendar, timezone, currency, extended_opens, extended_closes) VALUES
    ('XASE', 'NYSE American', 'XNYS', 'America/New_York', 'USD', '04:00', '20:00'),
    ('OOTC', 'OTC Markets', 'XNYS', 'America/New_York', 'USD', NULL, NULL),
    ('XCBT', 'Chicago Board of Trade', 'CMES', 'America/Chicago', 'USD', NULL, NULL),
    ('XNYM', 'New York Mercantile Exchange', 'CMES', 'America/Chicago', 'USD', NULL, NULL),
    ('XCEC', 'COMEX', 'CMES', 'America/Chicago', 'USD', NULL, NULL),
    ('XCBF', 'Cboe Futures Exchange', 'XCBF', 'America/Chicago', 'USD', NULL, NULL),
    ('IEPA', 'ICE Futures U.S.', 'IEPA', 'America/New_York', 'USD', NULL, NULL),
    ('XTSE', 'Toronto Stock Exchange', 'XTSE', 'America/Toronto', 'CAD', NULL, NULL),
    ('XTSX', 'TSX Venture Exchange', 'XTSE', 'America/Toronto', 'CAD', NULL, NULL),
    ('XCNQ', 'Canadian Securities Exchange', 'XTSE', 'America/Toronto', 'CAD', NULL, NULL),
    ('NEOE', 'Cboe Canada', 'XTSE', 'America/Toronto', 'CAD', NULL, NULL),
    ('XMEX', 'Mexican Stock Exchange', 'XMEX', 'America/Mexico_City', 'MXN', NULL, NULL),
    ('XBDA', 'Bermuda Stock Exchange', 'XBDA', 'Atlantic/Bermuda', 'BMD', NULL, NULL),
    ('BVMF', 'B3 (São Paulo)', 'BVMF', 'America/Sao_Paulo', 'BRL', NULL, NULL),
    ('XBUE', 'Buenos Aires Stock Exchange', 'XBUE', 'America/Argentina/Buenos_Aires', 'ARS', NULL, NULL),
    ('XSGO', 'Santiago Stock Exchange', 'XSGO', 'America/Santiago', 'CLP', NULL, NULL),
    ('XBOG', 'Colombia Stock Exchange', 'XBOG', 'America/Bogota', 'COP', NULL, NULL),
    ('XLIM', 'Lima Stock Exchange', 'XLIM', 'America/Lima', 'PEN', NULL, NULL),
    ('XDUB', 'Euronext Dublin', 'XDUB', 'Europe/Dublin', 'EUR', NULL, NULL),
    ('XPAR', 'Euronext Paris', 'XPAR', 'Europe/Paris', 'EUR', NULL, NULL),
    ('XAMS', 'Euronext Amsterdam', 'XAMS', 'Europe/Amsterdam', 'EUR', NULL, NULL),
    ('XBRU', 'Euronext Brussels', 'XBRU', 'Europe/Brussels', 'EUR', NULL, NULL),
    ('XLIS', 'Euronext Lisbon', 'XLIS', 'Europe/Lisbon', 'EUR', NULL, NULL),
    ('XMIL', 'Borsa Italiana (Milan)', 'XMIL', 'Europe/Rome', 'EUR', NULL, NULL),
    ('XMAD', 'Madrid Stock Exchange', 'XMAD', 'Europe/Madrid', 'EUR', NULL, NULL),
    ('XFRA', 'Frankfurt Stock Exchange', 'XFRA', 'Europe/Berlin', 'EUR', NULL, NULL),
    ('XSTU', 'Stuttgart Stock Exchange', 'XSTU', 'Europe/Berlin', 'EUR', NULL, NULL),
    ('XDUS', 'Düsseldorf Stock Exchange', 'XDUS', 'Europe/Berlin', 'EUR', NULL, NULL),
    ('XHAM', 'Hamburg Stock Exchange', 'XHAM', 'Europe/Berlin', 'EUR', NULL, NULL),
    ('XHAN', 'Hanover Stock Exchange', 'XHAM', 'Europe/Berlin', 'EUR', NULL, NULL),
    ('XMUN', 'Munich Stock Exchange', 'XFRA', 'Europe/Berlin', 'EUR', NULL, NULL),
    ('XBER', 'Berlin Stock Exchange', 'XFRA', 'Europe/Berlin', 'EUR', NULL, NULL),
    ('XEUR', 'Eurex', 'XEUR', 'Europe/Berlin', 'EUR', NULL, NULL),
    ('XEEE', 'European Energy Exchange', 'XEEE', 'Europe/Berlin', 'EUR', NULL, NULL),
    ('XLUX', 'Luxembourg Stock Exchange', 'XLUX', 'Europe/Luxembourg', 'EUR', NULL, NULL),
    ('XSWX', 'SIX Swiss Exchange', 'XSWX', 'Europe/Zurich', 'CHF', NULL, NULL),
    ('XWBO', 'Vienna Stock Exchange', 'XWBO', 'Europe/Vienna', 'EUR', NULL, NULL),
    ('XCSE', 'Nasdaq Copenhagen', 'XCSE', 'Europe/Copenhagen', 'DKK', NULL, NULL),
    ('XSTO', 'Nasdaq Stockholm', 'XSTO', 'Europe/Stockholm', 'SEK', NULL, NULL),
    ('XHEL', 'Nasdaq Helsinki', 'XHEL', 'Europe/Helsinki', 'EUR', NULL, NULL),
    ('XICE', 'Nasdaq Iceland', 'XICE', 'Atlantic/Reykjavik', 'ISK', NULL, NULL),
    ('XOSL', 'Oslo Stock Exchange', 'XOSL', 'Europe/Oslo', 'NOK', NULL, NULL),
    ('XTAL', 'Nasdaq Tallinn', 'XTAL', 'Europe/Tallinn', 'EUR', NULL, NULL),
    ('XRIS', 'Nasdaq Riga', 'XRIS', 'Europe/Riga', 'EUR', NULL, NULL),
    ('XLIT', 'Nasdaq Vilnius', 'XLIT', 'Europe/Vilnius', 'EUR', NULL, NULL),
    ('XWAR', 'Warsaw Stock Exchange', 'XWAR', 'Europe/Warsaw', 'PLN', NULL, NULL),
    ('XPRA', 'Prague Stock Exchange', 'XPRA', 'Europe/Prague', 'CZK', NULL, NULL),
    ('XBUD', 'Budapest Stock Exchange', 'XBUD', 'Europe/Budapest', 'HUF', NULL, NULL),
    ('XBRA', 'Bratislava Stock Exchange', 'XBRA', 'Europe/Bratislava', 'EUR', NULL, NULL),
    ('XBSE', 'Bucharest Stock Exchange', 'XBSE', 'Europe/Bucharest', 'RON', NULL, NULL),
    ('XBEL', 'Belgrade Stock Exchange', 'XBEL', 'Europe/Belgrade', 'RSD', NULL, NULL),
    ('XZAG', 'Zagreb Stock Exchange', 'XZAG', 'Europe/Zagreb', 'EUR', NULL, NULL),
    ('XLJU', 'Ljubljana Stock Exchange', 'XLJU', 'Europe/Ljubljana', 'EUR', NULL, NULL),
    ('ASEX', 'Athens Stock Exchange', 'ASEX', 'Europe/Athens', 'EUR', NULL, NULL),
    ('XCYS', 'Cyprus Stock Exchange', 'XCYS', 'Asia/Nicosia', 'EUR', NULL, NULL),
    ('XIST', 'Borsa Istanbul', 'XIST', 'Europe/Istanbul', 'TRY', NULL, NULL),
    ('XMOS', 'Moscow Exchange', 'XMOS', 'Europe/Moscow', 'RUB', NULL, NULL),
    ('AIXK', 'Astana International Exchange', 'AIXK', 'Asia/Almaty', 'KZT', NULL, NULL),
    ('XTAE', 'Tel Aviv Stock Exchange', 'XTAE', 'Asia/Jerusalem', 'ILS', NULL, NULL),
    ('XSAU', 'Saudi Exchange', 'XSAU', 'Asia/Riyadh', 'SAR', NULL, NULL),
    ('XJSE', 'Johannesburg Stock Exchange', 'XJSE', 'Africa/Johannesburg', 'ZAR', NULL, NULL),
    ('XSHG', 'Shanghai Stock Exchange', 'XSHG', 'Asia/Shanghai', 'CNY', NULL, NULL),
    ('XSHE', 'Shenzhen Stock Exchange', 'XSHG', 'Asia/Shanghai', 'CNY', NULL, NULL),
    ('XTAI', 'Taiwan Stock Exchange', 'XTAI', 'Asia/Taipei', 'TWD', NULL, NULL),
    ('ROCO', 'Taipei Exchange', 'XTAI', 'Asia/Taipei', 'TWD', NULL, NULL),
    ('XNSE', 'National Stock Exchange of India', 'XBOM', 'Asia/Kolkata', 'INR', NULL, NULL),
    ('XBOM', 'BSE (Bombay)', 'XBOM', 'Asia/Kolkata', 'INR', NULL, NULL),
    ('XKAR', 'Pakistan Stock Exchange', 'XKAR', 'Asia/Karachi', 'PKR', NULL, NULL),
    ('XSES', 'Singapore Exchange', 'XSES', 'Asia/Singapore', 'SGD', NULL, NULL),
    ('XKLS', 'Bursa Malaysia', 'XKLS', 'Asia/Kuala_Lumpur', 'MYR', NULL, NULL),
    ('XBKK', 'Stock Exchange of Thailand', 'XBKK', 'Asia/Bangkok', 'THB', NULL, NULL),
    ('XIDX', 'Indonesia Stock Exchange', 'XIDX', 'Asia/Jakarta', 'IDR', NULL, NULL),
    ('XPHS', 'Philippine Stock Exchange', 'XPHS', 'Asia/Manila', 'PHP', NULL, NULL),
    ('XASX', 'Australian Securities Exchange', 'XASX', 'Australia/Sydney', 'AUD', NULL, NULL),
    ('XNZE', 'New Zealand Exchange', 'XNZE', 'Pacific/Auckland', 'NZD', NULL, NULL),
    ('CRYP', 'Crypto (never closes)', '24/7', 'UTC', 'USD', NULL, NULL),
    ('FORX', 'Currencies (Sunday to Friday, New York)', 'FX', 'America/New_York', 'USD', NULL, NULL)
ON CONFLICT (mic) DO NOTHING;

CREATE TABLE calendar_change (
    calendar   text NOT NULL,
    day        date NOT NULL,
    opens      timestamptz,
    closes     timestamptz,
    note       text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (calendar, day),
    CHECK (num_nulls(opens, closes) IN (0, 2)),
    CHECK (opens < closes)
);
COMMENT ON TABLE calendar_change IS
    'What users corrected in a calendar: the hours of the session of a day; NULL = there is no session.';

ALTER TABLE corporate_action
    ADD COLUMN ordinal smallint NOT NULL DEFAULT 1 CHECK (ordinal > 0),
    ADD COLUMN unit    text CHECK (unit IN ('ratio', 'cash')),
    ADD COLUMN price   double precision CHECK (price > 0 AND price < 'infinity'),
    DROP CONSTRAINT corporate_action_kind_check,
    ADD CONSTRAINT corporate_action_kind_check
        CHECK (kind IN ('split', 'dividend', 'special_dividend', 'spin_off', 'rights')),
    ADD CHECK ((kind = 'spin_off') = (unit IS NOT NULL)),
    ADD CHECK ((kind = 'rights') = (price IS NOT NULL));
COMMENT ON COLUMN corporate_action.ordinal IS 'Which of the actions of this kind on this day; all of them count.';
COMMENT ON COLUMN corporate_action.unit IS
    'Of a spin-off: whether the value is the price after it / the price before, or cash a share.';
COMMENT ON COLUMN corporate_action.price IS 'Of rights: what a new share costs.';
COMMENT ON COLUMN corporate_action.value IS
    'split: new shares for one old; dividends: cash a share in raw terms on the ex-date; spin_off: see unit; rights: new shares offered for one old.';
