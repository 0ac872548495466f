-- What each role may do with each table. `stock-analysis migrate` applies it after the migrations, each time,
-- as the owner of the tables. A role that does not exist is left out; one that exists has just these rights.

DO $$
DECLARE
    part record;
    one text;
BEGIN
    FOR part IN
        SELECT format('%I.%I', nspname, relname) AS target, rolname
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = 'public'
        CROSS JOIN pg_roles
        WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND relowner = current_user::regrole
          AND rolname IN ('stock_writer', 'stock_reader', 'stock_gateway', 'stock_relay', 'stock_sentiment')
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %I', part.target, part.rolname);
    END LOOP;
    FOR part IN
        SELECT role, rights, tables
        FROM (VALUES
            ('stock_reader', 'SELECT',
             '{exchange, calendar_change, instrument, instrument_alias, bar_1d, bar_1m, corporate_action, import_run, quarantine}'::text[]),
            ('stock_reader', 'SELECT', '{schema_migration}'),
            ('stock_gateway', 'SELECT', '{schema_migration}'),
            ('stock_writer', 'SELECT', '{exchange, calendar_change}'),
            ('stock_writer', 'SELECT', '{instrument_alias}'),
            ('stock_writer', 'SELECT, INSERT', '{import_change}'),
            ('stock_writer', 'SELECT, INSERT, UPDATE', '{bar_1d, bar_1m, import_run, quarantine}'),
            ('stock_writer', 'SELECT, INSERT, UPDATE, DELETE', '{instrument, corporate_action}'),
            ('stock_writer', 'INSERT', '{outbox}'),
            ('stock_relay', 'SELECT', '{schema_migration, event_epoch}'),
            ('stock_relay', 'SELECT, INSERT, UPDATE, DELETE',
             '{outbox, event_log, event_position, event_seen, event_delivery, dead_letter}'),
            ('stock_sentiment', 'SELECT', '{exchange, instrument, instrument_alias, schema_migration}'),
            ('stock_sentiment', 'INSERT', '{outbox}'),
            ('stock_sentiment', 'SELECT, INSERT, UPDATE, DELETE',
             '{sentiment_author_key, sentiment_post, sentiment_mention, sentiment_state, sentiment_bucket, sentiment_gone, sentiment_source}'),
            ('stock_gateway', 'SELECT', '{outbox, event_position, event_delivery, dead_letter}'),
            ('stock_gateway', 'SELECT, UPDATE (last_used_at)', '{api_key}'),
            ('stock_backup', 'SELECT, INSERT, UPDATE', '{ops_heartbeat}')
        ) AS wanted (role, rights, tables)
        WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = role)
    LOOP
        FOREACH one IN ARRAY part.tables LOOP
            -- A later migration may make it: `migrate --phase pre` can stop before.
            IF to_regclass(format('public.%I', one)) IS NOT NULL THEN
                EXECUTE format('GRANT %s ON public.%I TO %I', part.rights, one, part.role);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
