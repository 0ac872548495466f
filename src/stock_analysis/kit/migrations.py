"""Schema migrations: SQL files applied once, in order, each in its own transaction."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from stock_analysis.kit.errors import KitError

_FILE = re.compile(r"(\d{4})_(pre|post)_(\w+)\.sql")
GRANTS = "grants.sql"
_NO_MIGRATION = frozenset({"schema.sql", GRANTS})
_LOCK = 0x5354_4F43  # "STOC": one migration at a time on this database
_NEWEST = "SELECT coalesce(max(number), 0) FROM schema_migration WHERE phase = 'pre'"
_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number integer NOT NULL, phase text NOT NULL, name text NOT NULL, sha256 bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (number, phase))
"""


class MigrationError(KitError):
    """The migrations and the database do not fit together."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. pre: safe before the new code runs; post: safe after the old code is gone.

    A change that needs both is a pair of the same number; its pre comes first.
    """

    number: int
    phase: str
    name: str
    sql: str

    @property
    def label(self) -> str:
        """The file's name without its ending."""
        return f"{self.number:04d}_{self.phase}_{self.name}"

    @property
    def sha256(self) -> bytes:
        """Fingerprint of the statements, to notice a file changed after it was applied."""
        return hashlib.sha256(self.sql.encode()).digest()


def read_migrations(folder: Path) -> list[Migration]:
    """All migrations of the folder in order.

    Raises MigrationError for a gap, two of the same number and phase, or a name that is none.
    """
    found: list[Migration] = []
    for path in folder.glob("*.sql"):
        if path.name in _NO_MIGRATION:
            continue
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is named NNNN_pre_what.sql or NNNN_post_what.sql")
        found.append(Migration(int(match[1]), match[2], match[3], path.read_text()))
    found.sort(key=lambda one: (one.number, one.phase == "post"))
    numbers = {one.number for one in found}
    if numbers != set(range(1, len(numbers) + 1)) or len({_key(one) for one in found}) < len(found):
        raise MigrationError(f"the numbers of the migrations in {folder} have a gap, or one stands twice")
    return found


def _key(migration: Migration) -> tuple[int, str]:
    return migration.number, migration.phase


async def migrate(
    connection: asyncpg.Connection,
    migrations: list[Migration],
    *,
    phases: frozenset[str] = frozenset({"pre", "post"}),
) -> list[Migration]:
    """Apply what is missing, and return it.

    phases: apply only these, stopping at the first missing migration of another phase.
    Raises MigrationError when a statement fails, an applied file has changed since, or the database is
    ahead of the files.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(_LEDGER)
        missing = _missing(migrations, await _applied(connection))
        due = []
        for migration in missing:
            if migration.phase not in phases:
                break
            try:
                await _apply(connection, migration)
            except asyncpg.PostgresError as error:
                raise MigrationError(f"{migration.label} was not applied: {error}") from error
            due.append(migration)
        return due
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def check_schema(pool: asyncpg.Pool, needed: int) -> str:
    """Number of the newest migration in the database.

    needed: number of the newest that this program must have (see newest_pre).
    Raises MigrationError while the database is behind it; one that is ahead serves older programs, too.
    """
    try:
        newest: int = await pool.fetchval(_NEWEST)
    except asyncpg.UndefinedTableError:
        newest = 0
    if newest < needed:
        raise MigrationError(
            f"the database is at migration {newest:04d} and this program needs {needed:04d}: "
            "run `stock-analysis migrate`"
        )
    return f"{newest:04d}"


async def check_may_run(connection: asyncpg.Connection, migrations: list[Migration]) -> None:
    """Raise MigrationError unless the program that has these migrations may run on the schema as it is.

    It lacks what they make before a rollout, or a later one was applied after a rollout, which may have
    taken away what the program needs.
    """
    try:
        applied = await _applied(connection)
    except asyncpg.UndefinedTableError:
        applied = {}
    known = {_key(migration) for migration in migrations}
    if later := [number for number, phase in applied.keys() - known if phase == "post"]:
        raise MigrationError(
            f"the database has post migration {max(later):04d}, which this program has not, so that what it "
            "needs may be gone: run a version that has it"
        )
    behind = [one.label for one in migrations if one.phase == "pre" and _key(one) not in applied]
    if behind:
        raise MigrationError(f"the database lacks {behind[0]}: run `stock-analysis migrate`")


def newest_pre(migrations: list[Migration]) -> int:
    """Number of the newest migration that must be applied before this program runs."""
    return max((one.number for one in migrations if one.phase == "pre"), default=0)


async def grant(connection: asyncpg.Connection, rights: str) -> None:
    """Give the roles that exist the rights in the file GRANTS.

    Raises MigrationError when a right cannot be given: the connection is not the owner's.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '5s'")
            await connection.execute(rights)
    except asyncpg.PostgresError as error:
        raise MigrationError(f"the rights of the database roles were not given: {error}") from error
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _applied(connection: asyncpg.Connection) -> dict[tuple[int, str], bytes]:
    rows = await connection.fetch("SELECT number, phase, sha256 FROM schema_migration")
    return {(row["number"], row["phase"]): row["sha256"] for row in rows}


def _missing(migrations: list[Migration], applied: dict[tuple[int, str], bytes]) -> list[Migration]:
    ahead = applied.keys() - {_key(migration) for migration in migrations}
    if ahead:
        raise MigrationError(
            f"the database has migration {max(ahead)[0]:04d}, which this program has not: "
            "install the newer version"
        )
    for migration in migrations:
        if applied.get(_key(migration), migration.sha256) != migration.sha256:
            raise MigrationError(
                f"migration {migration.label} was changed after it was applied; add a new one"
            )
    return [migration for migration in migrations if _key(migration) not in applied]


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
