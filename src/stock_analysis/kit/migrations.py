"""Schema migrations: SQL files applied once, in order, each in its own transaction."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from stock_analysis.kit.errors import KitError

_FILE = re.compile(r"(\d{4})_(pre|post)_(\w+)\.sql")
_LOCK = 0x5354_4F43  # "STOC": one migration at a time on this database
_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number integer PRIMARY KEY, phase text NOT NULL, name text NOT NULL,
    sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""


class MigrationError(KitError):
    """The migrations and the database do not fit together."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. pre: safe before the new code runs; post: safe after the old code is gone."""

    number: int
    phase: str
    name: str
    sql: str

    @property
    def sha256(self) -> bytes:
        """Fingerprint of the statements, to notice a file changed after it was applied."""
        return hashlib.sha256(self.sql.encode()).digest()


def read_migrations(folder: Path) -> list[Migration]:
    """All migrations of the folder in order.

    Raises MigrationError for a gap or a name that is not NNNN_pre|post_what.sql.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        if path.name == "schema.sql":
            continue
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is named NNNN_pre_what.sql or NNNN_post_what.sql")
        found.append(Migration(int(match[1]), match[2], match[3], path.read_text()))
    if [one.number for one in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"the numbers of the migrations in {folder} have a gap or stand twice")
    return found


async def migrate(
    connection: asyncpg.Connection,
    migrations: list[Migration],
    *,
    phases: frozenset[str] = frozenset({"pre", "post"}),
) -> list[Migration]:
    """Apply what is missing, and return it.

    phases: apply only these, stopping at the first missing migration of another phase.
    Raises MigrationError when an applied file has changed since or the database is ahead of the files.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(_LEDGER)
        missing = _missing(migrations, await _applied(connection))
        due = []
        for migration in missing:
            if migration.phase not in phases:
                break
            await _apply(connection, migration)
            due.append(migration)
        return due
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _applied(connection: asyncpg.Connection) -> dict[int, bytes]:
    rows = await connection.fetch("SELECT number, sha256 FROM schema_migration")
    return {row["number"]: row["sha256"] for row in rows}


def _missing(migrations: list[Migration], applied: dict[int, bytes]) -> list[Migration]:
    ahead = applied.keys() - {migration.number for migration in migrations}
    if ahead:
        raise MigrationError(
            f"the database has migration {max(ahead)}, this program ends at {len(migrations)}: "
            "install the newer version"
        )
    for migration in migrations:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise MigrationError(
                f"migration {migration.number:04d} was changed after it was applied; add a new one"
            )
    return [migration for migration in migrations if migration.number not in applied]


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '15min'")
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migration (number, phase, name, sha256) VALUES ($1, $2, $3, $4)",
            migration.number,
            migration.phase,
            migration.name,
            migration.sha256,
        )
