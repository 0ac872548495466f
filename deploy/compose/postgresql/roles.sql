-- Written by `make generate` from src/stock_ops/local/plans/roles.py; do not edit.
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stock_analysis') THEN CREATE ROLE stock_analysis; END IF; END $$;
ALTER ROLE stock_analysis LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stock_writer') THEN CREATE ROLE stock_writer; END IF; END $$;
ALTER ROLE stock_writer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stock_reader') THEN CREATE ROLE stock_reader; END IF; END $$;
ALTER ROLE stock_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stock_gateway') THEN CREATE ROLE stock_gateway; END IF; END $$;
ALTER ROLE stock_gateway LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stock_relay') THEN CREATE ROLE stock_relay; END IF; END $$;
ALTER ROLE stock_relay LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stock_sentiment') THEN CREATE ROLE stock_sentiment; END IF; END $$;
ALTER ROLE stock_sentiment LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stock_backup') THEN CREATE ROLE stock_backup; END IF; END $$;
ALTER ROLE stock_backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS REPLICATION;
ALTER DATABASE stock_analysis OWNER TO stock_analysis;
ALTER SCHEMA public OWNER TO stock_analysis;
REVOKE CONNECT ON DATABASE stock_analysis FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE stock_analysis, postgres FROM PUBLIC;
GRANT CONNECT ON DATABASE stock_analysis TO stock_analysis, stock_writer, stock_reader, stock_gateway, stock_relay, stock_sentiment, stock_backup;
GRANT TEMPORARY ON DATABASE stock_analysis TO stock_writer;
REVOKE pg_read_all_data FROM stock_backup;
GRANT pg_monitor, pg_maintain TO stock_backup;
GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO stock_backup;
DO $$
DECLARE
    one record;
    given text;
BEGIN
    FOR one IN
        SELECT oid::regnamespace AS name FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
          AND NOT has_schema_privilege('stock_backup', oid, 'USAGE')
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO stock_backup', one.name);
    END LOOP;
    FOR one IN
        SELECT pg_class.oid::regclass AS name, CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
          AND nspname !~ '^pg_' AND nspname <> 'information_schema'
          AND NOT (CASE relkind WHEN 'S' THEN has_sequence_privilege('stock_backup', pg_class.oid, 'SELECT')
                   ELSE has_table_privilege('stock_backup', pg_class.oid, 'SELECT') END)
    LOOP
        EXECUTE format('GRANT SELECT ON %s %s TO stock_backup', one.kind, one.name);
    END LOOP;
    FOR one IN
        SELECT quote_ident(rolname) AS name FROM pg_roles
        WHERE rolname !~ '^pg_'
          AND rolname NOT IN ('stock_backup', 'stock_writer', 'stock_reader', 'stock_gateway', 'stock_relay',
                              'stock_sentiment')
          AND NOT EXISTS (SELECT FROM pg_default_acl, aclexplode(defaclacl)
                          WHERE defaclrole = pg_roles.oid AND defaclnamespace = 0 AND defaclobjtype = 'n'
                            AND grantee = 'stock_backup'::regrole)
    LOOP
        FOREACH given IN ARRAY '{SELECT ON TABLES, SELECT ON SEQUENCES, USAGE ON SCHEMAS}'::text[] LOOP
            EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT %s TO stock_backup', one.name, given);
        END LOOP;
    END LOOP;
END
$$;
