"""The structure of the live database, beside what the migrations make of an empty one."""

import asyncio
import contextlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from stock_ops.kit.driver import DRIVER_ERRORS
from stock_ops.kit.layout import BACKUP_ROLE, DATABASE, Layout
from stock_ops.kit.patience import patient
from stock_ops.local.facts.instance import Memory, Secrets, read_memory, read_secrets

FILE = "structure.txt"
"""In the folder of the migrations: their number, then a line for each piece. `make generate` writes it."""
_TIMEOUT_S = 10.0
_NUMBER = "SELECT coalesce(max(number), 0) FROM public.schema_migration"
_SET_PATH = """
SELECT before FROM (SELECT current_setting('search_path') AS before OFFSET 0) AS old,
                   LATERAL (SELECT set_config('search_path', $1, false) WHERE before IS NOT NULL) AS new
"""
_PIECES = """
SELECT line FROM (
    SELECT format('table %s', oid::regclass) AS line, oid AS relation
    FROM pg_class WHERE relkind IN ('r', 'p')
    UNION ALL
    SELECT format('column %s.%s %s%s%s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
                  CASE WHEN attnotnull THEN ' not null' END, ' default ' || pg_get_expr(adbin, adrelid)),
           attrelid
    FROM pg_attribute
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT format('constraint %s of %s: %s', conname, conrelid::regclass, pg_get_constraintdef(oid)), conrelid
    FROM pg_constraint WHERE contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL
    SELECT format('index %s%s', pg_get_indexdef(indexrelid), CASE WHEN NOT indisvalid THEN ' (invalid)' END),
           indrelid
    FROM pg_index
    UNION ALL
    SELECT format('trigger %s', pg_get_triggerdef(oid)), tgrelid
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT format('view %s: %s', oid::regclass, pg_get_viewdef(oid)), oid
    FROM pg_class WHERE relkind IN ('v', 'm')
) AS lines
JOIN pg_class ON pg_class.oid = relation
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p', 'm', 'v')
  AND NOT EXISTS (SELECT FROM pg_depend
                  WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
ORDER BY line COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class Structure:
    """Tables, columns, constraints, indexes, triggers and views, a line each, after so many migrations."""

    number: int
    pieces: frozenset[str]


async def read_structure(connection: asyncpg.Connection) -> Structure:
    """That of a database, by a connection that may be in a transaction."""
    known = await connection.fetchval("SELECT to_regclass('public.schema_migration') IS NOT NULL")
    number = int(await connection.fetchval(_NUMBER)) if known else 0
    path = await connection.fetchval(_SET_PATH, "pg_catalog")  # with it every name is told with its schema
    rows = await connection.fetch(_PIECES)
    await connection.fetchval(_SET_PATH, path)
    return Structure(number, frozenset(" ".join(row[0].split()) for row in rows))


def dump_structure(structure: Structure) -> str:
    """The text of the file."""
    return "\n".join([f"{structure.number}", *sorted(structure.pieces)]) + "\n"


def expected_structure() -> Structure | None:
    """What the migrations of the installed platform make; None where it is not installed."""
    spec = importlib.util.find_spec("stock_analysis")
    for package in map(Path, spec.submodule_search_locations or () if spec else ()):
        for folder in (package / "_resources" / "migrations", package.parent.parent / "migrations"):
            with contextlib.suppress(FileNotFoundError):
                return load_structure((folder / FILE).read_text(encoding="utf-8").splitlines())
    return None


def load_structure(lines: Iterable[str]) -> Structure:
    """The structure in the lines of the file."""
    number, *pieces = lines
    return Structure(int(number), frozenset(pieces))


def observe_structure(layout: Layout) -> Structure | None:
    """That of a data folder's running database; None where it cannot be asked now."""
    memory, secrets = read_memory(layout), read_secrets(layout)
    if not isinstance(memory, Memory) or not isinstance(secrets, Secrets) or not secrets.backup:
        return None
    if "postgresql" not in memory.ports:
        return None
    host, port = memory.host("postgresql"), memory.ports["postgresql"]
    try:
        return asyncio.run(asyncio.wait_for(_read(host, port, secrets.backup), patient(_TIMEOUT_S)))
    except (*DRIVER_ERRORS, OSError, TimeoutError):
        return None


async def _read(host: str, port: int, password: str) -> Structure:
    connection = await asyncpg.connect(
        host=host, port=port, user=BACKUP_ROLE, password=password, database=DATABASE
    )
    try:
        return await read_structure(connection)
    finally:
        await connection.close()
