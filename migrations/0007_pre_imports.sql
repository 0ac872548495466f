-- What each import changed, so that it can be taken back; terms of prices; other names of instruments.

ALTER TABLE instrument
    ADD COLUMN adjusted text CHECK (adjusted IN ('none', 'split', 'all')),
    ADD COLUMN adjusted_until date,
    ADD CHECK (adjusted_until IS NOT NULL OR coalesce(adjusted, 'none') = 'none');
COMMENT ON COLUMN instrument.adjusted IS
    'What is taken out of the stored prices already, as of adjusted_until; NULL = nobody said, taken for none.';
COMMENT ON COLUMN instrument.currency IS
    'ISO 4217, or a minor unit that prices are quoted in, as GBX: see domain/currencies.py.';

CREATE TABLE instrument_alias (
    alias         text PRIMARY KEY,
    instrument_id integer NOT NULL REFERENCES instrument (id) ON DELETE CASCADE
);
CREATE INDEX instrument_alias_instrument ON instrument_alias (instrument_id);
COMMENT ON TABLE instrument_alias IS 'Other symbols by which an import means an instrument: former ones, other vendors'' ones.';

ALTER TABLE import_run
    ADD COLUMN listing jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN reading jsonb NOT NULL DEFAULT '[]',
    DROP CONSTRAINT import_run_status_check,
    ADD CONSTRAINT import_run_status_check CHECK (status IN ('running', 'done', 'failed', 'undone'));
COMMENT ON COLUMN import_run.listing IS 'What the user said of new instruments: exchange, currency.';
COMMENT ON COLUMN import_run.reading IS 'How the source was read, as said to the user.';

CREATE TABLE import_change (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      uuid NOT NULL REFERENCES import_run (id),
    is_undo     boolean NOT NULL DEFAULT false,
    interval    text CHECK (interval IN ('1m', '1d')),
    instruments integer[] NOT NULL,
    created     integer[] NOT NULL DEFAULT '{}',
    bars        bytea,
    actions     jsonb,
    changed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX import_change_run ON import_change (run_id, id);
CREATE INDEX import_change_instruments ON import_change USING gin (instruments);
COMMENT ON TABLE import_change IS
    'What one transaction of an import did. Not a copy of the bars: their keys, and the values it replaced.';
COMMENT ON COLUMN import_change.bars IS
    'Keys of bars that were new, equal, corrected or removed, with the values that were there before; see ingest/journal.py.';
COMMENT ON COLUMN import_change.actions IS 'Of each instrument, day and kind, the actions before and after.';

ALTER TABLE quarantine ADD COLUMN accepted text[], ADD COLUMN accepted_by text;
COMMENT ON COLUMN quarantine.accepted IS 'For which reasons a person declared the row to be true; it landed all the same.';
