"""The database role of the backups: it may read and stream everything, and write its heartbeat."""

import asyncio

import asyncpg

from stock_ops.kit.errors import PartError
from stock_ops.kit.layout import BACKUP_ROLE, DATABASE, LOOPBACK
from stock_ops.local.plans.settings import SLOT, SUPERUSER
from stock_ops.local.plans.steps import SetUpBackups

_TIMEOUT_S = 20.0
_UNLOGGED = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
}
"""The statement that sets the password may reach no log, whatever the operator has the server log."""
_RIGHTS = (
    f"ALTER ROLE {BACKUP_ROLE} LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS",
    f"GRANT pg_read_all_data, pg_monitor, pg_maintain TO {BACKUP_ROLE}",
    f"GRANT CONNECT ON DATABASE {DATABASE} TO {BACKUP_ROLE}",
    f"GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO {BACKUP_ROLE}",
)
_HEARTBEAT = f"GRANT SELECT, INSERT, UPDATE ON ops_heartbeat TO {BACKUP_ROLE}"

_FREE_SLOT = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active
"""


def set_up_backups(step: SetUpBackups) -> None:
    """Make the role if there is none, then set its password and rights as they shall be."""
    try:
        asyncio.run(asyncio.wait_for(_set_up(step), _TIMEOUT_S))
    except (asyncpg.PostgresError, OSError, TimeoutError) as error:
        raise PartError(
            f"The role of the backups cannot be set up: {error or 'no answer in time'}.",
            "See `stockops logs postgresql`, then run this again.",
        ) from error


async def _set_up(step: SetUpBackups) -> None:
    connection = await asyncpg.connect(
        host=LOOPBACK,
        port=step.port,
        user=SUPERUSER,
        password=step.secrets.superuser,
        database=DATABASE,
        server_settings=_UNLOGGED,
    )
    try:
        async with connection.transaction():
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", BACKUP_ROLE):
                await connection.execute(f"CREATE ROLE {BACKUP_ROLE}")
            await connection.execute(f"ALTER ROLE {BACKUP_ROLE} PASSWORD '{step.secrets.backup}'")
            for statement in _RIGHTS:
                await connection.execute(statement)
            if await connection.fetchval("SELECT to_regclass('ops_heartbeat')"):
                await connection.execute(_HEARTBEAT)
        if not step.archives:
            await connection.execute(_FREE_SLOT, SLOT)
    finally:
        await connection.close()
