"""Take out of a fetched cluster what could run a command or load code, before any server starts on it."""

import asyncio
import os
from pathlib import Path

import asyncpg

from stock_ops.kit.accounts import Account
from stock_ops.kit.errors import DamagedBackupError
from stock_ops.kit.files import write_whole
from stock_ops.kit.wanted import NewFile
from stock_ops.local.plans.settings import postgresql_access
from stock_ops.restore.plans.disarm import Armed, disarm, is_armed
from stock_ops.restore.runners.scratch import ScratchServer

FOUND = ".found"
"""Ends the name of what a settings file held that is not taken over as it was."""
_OURS = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
"""Written anew by each start."""
_YOURS = ("operator.conf", "postgresql.auto.conf")
_AUTO = "postgresql.auto.conf"
_LARGEST_BYTES = 2**20
_SETTINGS = """
SELECT coalesce(rolname, '') AS role, coalesce(datname, '') AS database, unnest(setconfig) AS setting
FROM pg_db_role_setting
LEFT JOIN pg_roles ON pg_roles.oid = setrole
LEFT JOIN pg_database ON pg_database.oid = setdatabase
ORDER BY 1, 2, 3
"""
CODE = """
SELECT format('%I.%I', nspname, proname) AS name, probin
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE probin IS NOT NULL AND probin NOT LIKE '$libdir/%' AND probin LIKE '%/%'
UNION ALL
SELECT format('event trigger %I', evtname), evtfoid::regproc::text
FROM pg_event_trigger JOIN pg_proc ON pg_proc.oid = evtfoid
WHERE probin IS NULL OR probin NOT LIKE '$libdir/%'
ORDER BY 1
"""
"""Not what is in the server's own libraries, as TimescaleDB's triggers are."""


def disarm_files(cluster: Path, owner: Account | None) -> None:
    """Leave no setting, access rule or link of the backup in force. May be done again.

    Raises DamagedBackupError for what no backup of ours holds: tablespaces, links.
    """
    _refuse_links(cluster)
    for name in _YOURS:
        path, found = cluster / name, cluster / f"{name}{FOUND}"
        if path.exists() and path.stat().st_size:
            path.replace(found)
    for name in (*_OURS, _AUTO):
        text = postgresql_access() if name == "pg_hba.conf" else "# Nothing of the backup.\n"
        write_whole(NewFile(cluster / name, text, owner))


def arm_files(cluster: Path, owner: Account | None) -> tuple[Armed, ...]:
    """Bring back of the operator's own settings what cannot do harm; returns the rest, which stays aside."""
    armed: list[Armed] = []
    for name in _YOURS:
        found = cluster / f"{name}{FOUND}"
        if not found.exists():
            continue
        if found.stat().st_size > _LARGEST_BYTES:
            armed.append(Armed(name, f"{found.stat().st_size:,} bytes of settings"))
            continue
        kept, dropped = disarm(name, found.read_text(encoding="utf-8", errors="replace"))
        write_whole(NewFile(cluster / name, kept, owner))
        armed += dropped
        if not dropped:
            found.unlink()
    return tuple(armed)


def disarm_catalog(server: ScratchServer) -> tuple[Armed, ...]:
    """Reset settings of roles and databases that load code. Told besides: code that lies elsewhere."""
    return asyncio.run(_disarm_catalog(server))


async def _disarm_catalog(server: ScratchServer) -> tuple[Armed, ...]:
    connection = await server.connect()
    try:
        armed = []
        for row in await connection.fetch(_SETTINGS):
            if is_armed(row["setting"]):
                await _reset(connection, row["role"], row["database"], row["setting"].partition("=")[0])
                whose = " in ".join(filter(None, (row["role"], row["database"]))) or "all roles"
                armed.append(Armed(f"set for {whose}", row["setting"]))
        armed += [Armed(row["name"], f"runs {row['probin']}") for row in await connection.fetch(CODE)]
        return tuple(armed)
    finally:
        await connection.close()


async def _reset(connection: asyncpg.Connection, role: str, database: str, name: str) -> None:
    """Names are quoted by the server itself."""
    if role or not database:
        words = "ALTER ROLE %I IN DATABASE %I RESET %I" if database else "ALTER ROLE %I RESET %I"
        words = words if role else "ALTER ROLE ALL RESET %I"
        names = [one for one in (role, database if role else "", name) if one]
    else:
        words, names = "ALTER DATABASE %I RESET %I", [database, name]
    command = await connection.fetchval("SELECT format($1, VARIADIC $2::text[])", words, names)
    await connection.execute(command)


def _refuse_links(cluster: Path) -> None:
    spaces = cluster / "tablespace_map"
    if spaces.exists() and spaces.stat().st_size:
        raise DamagedBackupError("The backup names tablespaces, which no backup of ours has.", _OTHER)
    for folder, folders, files in os.walk(cluster):
        for name in (*folders, *files):
            if (path := Path(folder, name)).is_symlink():
                raise DamagedBackupError(f"The backup holds a link: {path.relative_to(cluster)}.", _OTHER)


_OTHER = "Look at who can write to the storage; use another copy of it (--storage)."
