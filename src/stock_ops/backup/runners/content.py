"""What a database holds, measured so that two of them can be compared: rows, checksums, structure, versions.

The same measure is taken when a backup is made and when it is restored; both run the same major version.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import asyncpg

from stock_ops.storage.manifest import TableContent

Connect = Callable[[], Awaitable[asyncpg.Connection]]

_WORKERS = 2
"""Connections at a time: more than cores would only slow down the readers of prices."""

_TABLES = """
SELECT format('%I.%I', nspname, relname),
       EXISTS (SELECT FROM pg_attribute
               WHERE attrelid = pg_class.oid AND NOT attisdropped AND atttypid = 'json'::regtype)
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'm')
  AND relpersistence = 'p'
  AND relispopulated
  AND nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT EXISTS (SELECT FROM pg_depend
                  WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
ORDER BY pg_relation_size(pg_class.oid) DESC, 1
"""
"""Tables, partitions and chunks that survive a crash, largest first; not those of an extension itself.

And whether a column is json, which cannot be hashed: each try would put an error into the server's log.
"""

_CONTENT = """
SELECT count(*), coalesce(sum(hash), 0)::text, coalesce(bit_xor(hash), 0)
FROM (SELECT {hash} AS hash FROM {table} AS measured OFFSET 0) AS hashes
"""
"""The sum catches what the XOR does not, two equal rows more or less. OFFSET 0: each row is hashed once."""
_OF_VALUES = "hash_record_extended(measured, 0)"
_OF_TEXT = "hashtextextended(measured::text, 0)"
"""Three times slower; for tables with a column whose type cannot be hashed."""
_SETTINGS = """
SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL bytea_output = 'hex';
SET LOCAL row_security = off
"""
"""What the text of a row depends on; and a policy that hides rows is an error, no smaller table."""

_STRUCTURE = """
SELECT line FROM (
    SELECT format('column %s.%s %s %s not null %s default %s', attrelid::regclass, attname, attnum,
                  format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)) AS line,
           attrelid AS relation
    FROM pg_attribute
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)), conrelid
    FROM pg_constraint
    UNION ALL
    SELECT format('index %s valid %s', pg_get_indexdef(indexrelid), indisvalid), indrelid
    FROM pg_index
    UNION ALL
    SELECT format('trigger %s', pg_get_triggerdef(oid)), tgrelid
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT format('view %s %s', oid::regclass, pg_get_viewdef(oid)), oid
    FROM pg_class WHERE relkind IN ('v', 'm')
) AS lines
JOIN pg_class ON pg_class.oid = relation
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND relkind IN ('r', 'p', 'm', 'v')
ORDER BY line COLLATE "C"
"""


async def measure_content(
    connect: Connect, snapshot: str | None = None, *, by_name: bool = False
) -> tuple[TableContent, ...]:
    """Rows and checksum of every table, partition and chunk, by name.

    The checksum is of the set of rows: their order and place do not matter, each value of each column does.
    connect: opens a connection that may read every table; it is closed here.
    snapshot: an exported one to read in; its transaction must stay open until this ends.
    by_name: of what each table of the platform gives when it is asked, so that one that TimescaleDB keeps in
    chunks is as large as one that is in one piece.
    Raises asyncpg.PostgresError or OSError: a measure is whole or there is none.
    """
    reader = await connect()
    try:
        tables: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        for table, has_json in await reader.fetch(_TABLES):
            if not by_name or table.startswith("public."):
                tables.put_nowait((table, has_json))
    finally:
        await reader.close()
    found: list[TableContent] = []
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_WORKERS):
                group.create_task(_measure(connect, snapshot, tables, found, "" if by_name else "ONLY"))
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group
    return tuple(sorted(found, key=lambda one: one.table))


async def measure_structure(connection: asyncpg.Connection) -> str:
    """SHA-256 of all tables, columns, constraints, indexes, triggers and views as statements."""
    lines = await connection.fetch(_STRUCTURE)
    return hashlib.sha256("\n".join(line[0] for line in lines).encode()).hexdigest()


async def read_schema_version(connection: asyncpg.Connection) -> int:
    """Number of the last migration; 0 where there was none."""
    if not await connection.fetchval("SELECT to_regclass('schema_migration')"):
        return 0
    return int(await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_migration"))


async def read_extensions(connection: asyncpg.Connection) -> dict[str, str]:
    """Version of each extension."""
    rows = await connection.fetch("SELECT extname, extversion FROM pg_extension ORDER BY extname")
    return {row["extname"]: row["extversion"] for row in rows}


async def _measure(
    connect: Connect,
    snapshot: str | None,
    tables: asyncio.Queue[tuple[str, bool]],
    found: list[TableContent],
    only: str,
) -> None:
    connection = await connect()
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            if snapshot is not None:
                await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            await connection.execute(_SETTINGS)
            while not tables.empty():
                found.append(await _measure_table(connection, *tables.get_nowait(), only))
    finally:
        await connection.close()


async def _measure_table(
    connection: asyncpg.Connection, table: str, has_json: bool, only: str
) -> TableContent:
    asked = f"{only} {table}"
    of_text, of_values = (_CONTENT.format(hash=one, table=asked) for one in (_OF_TEXT, _OF_VALUES))
    try:
        async with connection.transaction():
            row = await connection.fetchrow(of_text if has_json else of_values)
    except asyncpg.UndefinedFunctionError:
        row = await connection.fetchrow(of_text)
    rows, total, mixed = row
    return TableContent(table, rows, _checksum(total, mixed))


def _checksum(total: str, mixed: int) -> str:
    """Both sums in 32 hexadecimal digits."""
    return f"{int(total) & 0xFFFF_FFFF_FFFF_FFFF:016x}{mixed & 0xFFFF_FFFF_FFFF_FFFF:016x}"
