-- Search that forgives: any punctuation, initials of Korean names, typing errors.
-- pre: the columns make themselves, code that does not know them goes on.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Hangul becomes the Latin letters on the same keys, because trigrams of other letters are empty in the C locale;
-- double consonants become single ones, compound vowels their first.
CREATE FUNCTION search_key(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN btrim(regexp_replace(
    regexp_replace(
        translate(
            lower(normalize($1, NFKD)),
            U&'\1100\1101\1102\1103\1104\1105\1106\1107\1108\1109\110A\110B\110C\110D\110E\110F\1110\1111\1112\1161\1162\1163\1164\1165\1166\1167\1168\1169\116A\116B\116C\116D\116E\116F\1170\1171\1172\1173\1174\1175\11A8\11A9\11AA\11AB\11AC\11AD\11AE\11AF\11B0\11B1\11B2\11B3\11B4\11B5\11B6\11B7\11B8\11B9\11BA\11BB\11BC\11BD\11BE\11BF\11C0\11C1\11C2',
            'rrseefaqqttdwwczxvgkoiojpuphhhhynnnnbmmlrrrssseffffffffaqqttdwczxvg'),
        U&'[\0300-\036F\2019'']+', '', 'g'),
    '[[:punct:][:space:]]+', ' ', 'g'));
COMMENT ON FUNCTION search_key IS
    'A text as it is searched: words of small letters and digits, without accents, apostrophes and punctuation.';

CREATE FUNCTION hangul_initials(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN search_key(regexp_replace(normalize($1, NFKD), U&'[^\1100-\1112]+', '', 'g'));
COMMENT ON FUNCTION hangul_initials IS 'The first consonants of all syllables, as search_key writes them.';

ALTER TABLE instrument
    ADD COLUMN symbol_key text GENERATED ALWAYS AS (replace(search_key(symbol), ' ', '')) STORED,
    ADD COLUMN name_key   text GENERATED ALWAYS AS (search_key(name)) STORED,
    ADD COLUMN initials   text GENERATED ALWAYS AS (hangul_initials(name)) STORED;

CREATE INDEX instrument_symbol_trgm ON instrument USING gin (symbol_key gin_trgm_ops);
CREATE INDEX instrument_name_trgm ON instrument USING gin (name_key gin_trgm_ops);
