"""The database roles: made where they are missing, each with its password and its rights on the server.

Their rights on the platform's own tables are the platform's: migrations/grants.sql.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

import asyncpg

from stock_ops.kit.errors import PartError
from stock_ops.kit.layout import BACKUP_ROLE, DATABASE, LOOPBACK, PLATFORM_ROLES, WRITER_ROLE
from stock_ops.local.plans.settings import SLOT, SUPERUSER, platform_passwords
from stock_ops.local.plans.steps import SetUpRoles

_TIMEOUT_S = 20.0
_ITERATIONS = 4096
_UNLOGGED = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
}
"""The statement that sets a verifier may reach no log, whatever the operator has the server log."""
_ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
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
          AND rolname NOT IN ('stock_backup', 'stock_writer', 'stock_reader', 'stock_gateway')
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

_FREE_SLOT = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active
"""


def set_up_roles(step: SetUpRoles) -> None:
    """Make the roles that are missing, then set passwords and rights as they shall be."""
    try:
        asyncio.run(asyncio.wait_for(_set_up(step), _TIMEOUT_S))
    except (asyncpg.PostgresError, OSError, TimeoutError) as error:
        raise PartError(
            f"The database roles cannot be set up: {error or 'no answer in time'}.",
            "See `stockops logs postgresql`, then run this again.",
        ) from error


async def make_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """The roles and their rights on the server, in one transaction.

    connection: of the superuser, to the platform's database; passwords: by role; a role that has none here
    keeps the one it has.
    """
    async with connection.transaction():
        for role in (*PLATFORM_ROLES, BACKUP_ROLE):
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(f"CREATE ROLE {role}")
            replication = "REPLICATION" if role == BACKUP_ROLE else "NOREPLICATION"
            await connection.execute(f"ALTER ROLE {role} {_ATTRIBUTES} {replication}")
        for role, password in passwords.items():
            await connection.execute(f"ALTER ROLE {role} PASSWORD '{scram_verifier(password)}'")
        for statement in (*_RIGHTS, _READ_ALL):
            await connection.execute(statement)


def scram_verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803): sent in its place, the password is in no statement.

    password: ASCII, which SASLprep leaves as it is.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    told = (base64.b64encode(one).decode() for one in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ITERATIONS, *told)


async def _set_up(step: SetUpRoles) -> None:
    connection = await asyncpg.connect(
        host=LOOPBACK,
        port=step.port,
        user=SUPERUSER,
        password=step.secrets.superuser,
        database=DATABASE,
        server_settings=_UNLOGGED,
    )
    try:
        await make_roles(connection, {**platform_passwords(step.secrets), BACKUP_ROLE: step.secrets.backup})
        if not step.archives:
            await connection.execute(_FREE_SLOT, SLOT)
    finally:
        await connection.close()
