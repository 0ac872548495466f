"""A named place in the log; that of a backup with the snapshot of everything before it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg

from stock_ops.archive.facts.server import Address, connected
from stock_ops.kit.errors import PartError
from stock_ops.storage.manifest import Mark
from stock_ops.storage.marks import NamedMark

_PATIENCE_S = 300.0
_PAUSE_S = 1.0
"""Between two attempts, in which writers go on."""


@dataclass(frozen=True, slots=True)
class HeldMark:
    """A mark, and its snapshot for as long as `holder` stays in its transaction."""

    mark: Mark
    snapshot: str
    holder: asyncpg.Connection
    held_off_s: float
    """How long writers were held off, from the last lock to the commit."""


@contextlib.asynccontextmanager
async def hold_mark(address: Address, name: str) -> AsyncIterator[HeldMark]:
    """Set a mark between the transactions of everybody else; its snapshot is held while the context lasts.

    All tables are locked against writers for the moment in which the snapshot is taken and the mark written,
    so that each transaction lies before both or after both. Readers notice nothing. The segment of the log
    ends behind the mark, so that it can be archived.
    """
    deadline = time.monotonic() + _PATIENCE_S
    async with connected(address) as holder, connected(address) as writer:
        while (held := await _attempt(holder, writer, name)) is None:
            if time.monotonic() >= deadline:
                raise await _refusal(writer)
            await asyncio.sleep(_PAUSE_S)
        await writer.execute("SELECT pg_switch_wal()")
        yield held


async def set_mark(connection: asyncpg.Connection, name: str) -> NamedMark:
    """Set a mark that an operator asked for, wherever the log is."""
    row = await connection.fetchrow(_MARK, name)
    return NamedMark(name, row["lsn"], row["timeline"], row["at"])


_MARK = """
SELECT pg_create_restore_point($1)::text AS lsn,
       clock_timestamp() AS at,
       ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int AS timeline
"""
_IS_QUIET = """
SELECT NOT EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted
)
"""
"""No change is under way: a transaction that has just made a table holds no lock that we ask for.

Asked before the snapshot is taken: each later snapshot sees a transaction that has released this lock."""
_CATALOG = "LOCK TABLE pg_catalog.pg_class IN SHARE MODE"
"""No table is made, changed or dropped meanwhile."""
_TABLES = """
SELECT format('%I.%I', nspname, relname)
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND relpersistence = 'p' AND nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1
"""
_OLDEST = """
SELECT pid, coalesce(nullif(application_name, ''), usename) AS who, now() - xact_start AS age
FROM pg_stat_activity
WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY xact_start
LIMIT 1
"""


async def _attempt(holder: asyncpg.Connection, writer: asyncpg.Connection, name: str) -> HeldMark | None:
    """The mark; None when others were at work. All locks are free again either way."""
    if not await _lock(writer):
        return None
    begun = time.monotonic()
    if not await writer.fetchval(_IS_QUIET):
        await writer.execute("ROLLBACK")
        return None
    await holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    snapshot = await holder.fetchval("SELECT pg_export_snapshot()")
    row = await writer.fetchrow(_MARK, name)
    await writer.execute("COMMIT")
    return HeldMark(Mark(name, row["lsn"], row["at"]), snapshot, holder, time.monotonic() - begun)


async def _lock(connection: asyncpg.Connection) -> bool:
    """Lock everything, or nothing when somebody writes for longer than we may wait.

    Whoever waits for us looks for a deadlock after `deadlock_timeout`, and would give up if he found one with
    us: all of our waiting ends before that.
    """
    wait_ms = int(await connection.fetchval(_DEADLOCK_MS)) // 4
    await connection.execute(f"BEGIN; SET LOCAL statement_timeout = {wait_ms}")
    try:
        await connection.execute(_CATALOG)
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        if tables:
            await connection.execute(f"LOCK TABLE ONLY {', ONLY '.join(tables)} IN SHARE MODE")
        await connection.execute("SET LOCAL statement_timeout = 0")
    except (asyncpg.QueryCanceledError, asyncpg.DeadlockDetectedError):
        await connection.execute("ROLLBACK")
        return False
    return True


_DEADLOCK_MS = "SELECT setting FROM pg_settings WHERE name = 'deadlock_timeout'"


async def _refusal(connection: asyncpg.Connection) -> PartError:
    row = await connection.fetchrow(_OLDEST)
    who = f"{row['who']} (pid {row['pid']}) has had a transaction open for {row['age']}" if row else "unknown"
    return PartError(
        f"The mark cannot be set: other transactions kept writing for {_PATIENCE_S:g} s; {who}.",
        "End that transaction, or wait until it has ended, then run this again.",
    )
