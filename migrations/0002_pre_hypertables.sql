-- Hypertables and compression where TimescaleDB is installed; nothing where it is not.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        RETURN;
    END IF;
    PERFORM create_hypertable('bar_1d', 'session', chunk_time_interval => interval '5 years');
    PERFORM create_hypertable('bar_1m', 'ts', chunk_time_interval => interval '1 month');
    ALTER TABLE bar_1d SET (timescaledb.compress,
        timescaledb.compress_segmentby = 'instrument_id', timescaledb.compress_orderby = 'session');
    ALTER TABLE bar_1m SET (timescaledb.compress,
        timescaledb.compress_segmentby = 'instrument_id', timescaledb.compress_orderby = 'ts');
    PERFORM add_compression_policy('bar_1m', interval '3 months');
END
$$;
