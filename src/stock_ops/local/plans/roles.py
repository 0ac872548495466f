"""The database roles and their rights on the server, as statements of the superuser. Pure.

Each may be run again. Their rights on the platform's own tables are the platform's: migrations/grants.sql.
"""

from collections.abc import Iterator

from stock_ops.kit.layout import BACKUP_ROLE, DATABASE, OWNER_ROLE, PLATFORM_ROLES, WRITER_ROLE

_ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"


def _make_roles() -> Iterator[str]:
    for role in (*PLATFORM_ROLES, BACKUP_ROLE):
        missing = f"NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')"
        yield f"DO $$ BEGIN IF {missing} THEN CREATE ROLE {role}; END IF; END $$"
        replication = "REPLICATION" if role == BACKUP_ROLE else "NOREPLICATION"
        yield f"ALTER ROLE {role} {_ATTRIBUTES} {replication}"


_RIGHTS = (
    f"REVOKE TEMPORARY ON DATABASE {DATABASE}, postgres FROM PUBLIC",
    f"GRANT CONNECT ON DATABASE {DATABASE} TO {', '.join((*PLATFORM_ROLES, BACKUP_ROLE))}",
    f"GRANT TEMPORARY ON DATABASE {DATABASE} TO {WRITER_ROLE}",
    f"REVOKE pg_read_all_data FROM {BACKUP_ROLE}",  # it reads pg_authid, too; earlier releases gave it
    f"GRANT pg_monitor, pg_maintain TO {BACKUP_ROLE}",
    f"GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO {BACKUP_ROLE}",
)
_READ_ALL = """
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
$$
"""
"""All tables that there are, and that anybody who exists will make; no catalog of the server's own."""

MAKE_ROLES = tuple(_make_roles())
GIVE_RIGHTS = (*_RIGHTS, _READ_ALL.strip())


def compose_script() -> str:
    """The same for the database of a container, which the superuser made: postgresql/roles.sql of compose."""
    own = (
        f"ALTER DATABASE {DATABASE} OWNER TO {OWNER_ROLE}",
        f"ALTER SCHEMA public OWNER TO {OWNER_ROLE}",
        f"REVOKE CONNECT ON DATABASE {DATABASE} FROM PUBLIC",
    )
    head = "-- Written by `make generate` from src/stock_ops/local/plans/roles.py; do not edit."
    return "".join(f"{line}\n" for line in (head, *(f"{one};" for one in (*MAKE_ROLES, *own, *GIVE_RIGHTS))))
