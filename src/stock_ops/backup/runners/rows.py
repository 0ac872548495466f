"""All rows of the platform's tables as statements that fill another database, whatever keeps them there."""

from collections.abc import Awaitable, Callable
from typing import BinaryIO

import asyncpg

from stock_ops.backup.runners.content import Connect

_TABLES = """
SELECT oid::regclass::text AS name,
       (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns
FROM pg_class
WHERE relkind IN ('r', 'p') AND relpersistence = 'p' AND relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = pg_class.oid)
  AND NOT EXISTS (SELECT FROM pg_depend
                  WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
ORDER BY 1
"""
"""Partitions and chunks come with their parent."""
_SEQUENCES = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend
                  WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
ORDER BY 1
"""
_ROWS = "SELECT {columns} FROM {table}"
_STATE = "SELECT last_value, is_called, quote_literal($1) FROM {sequence}"
_SETTINGS = """
SET LOCAL search_path = pg_catalog; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL row_security = off
"""
"""Names come with their schema; and a policy that hides rows is an error, no smaller table."""
_HEAD = "SET client_encoding = 'UTF8';\nSET search_path = pg_catalog;\nSET DateStyle = 'ISO';\n"


async def write_rows(connect: Connect, sink: BinaryIO) -> None:
    """Write a COPY of each table and the state of each sequence, for psql; all of them at one moment.

    Each table is asked as a whole, so that one that TimescaleDB keeps in chunks comes out as one
    that is in one piece. Raises asyncpg.PostgresError or OSError.
    """
    connection = await connect()
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(_SETTINGS)
            sink.write(_HEAD.encode())
            for table in await connection.fetch(_TABLES):
                await _write_table(connection, table["name"], table["columns"], sink)
            names = [row[0] for row in await connection.fetch(_SEQUENCES)]
            sink.write(b"".join([await _state(connection, name) for name in names]))
    finally:
        await connection.close()


async def _write_table(
    connection: asyncpg.Connection, name: str, columns: str | None, sink: BinaryIO
) -> None:
    if columns is None:
        return
    sink.write(f"COPY {name} ({columns}) FROM stdin;\n".encode())
    await connection.copy_from_query(_ROWS.format(columns=columns, table=name), output=_into(sink))
    sink.write(b"\\.\n")


def _into(sink: BinaryIO) -> Callable[[bytes], Awaitable[None]]:
    async def take(piece: bytes) -> None:
        sink.write(piece)

    return take


async def _state(connection: asyncpg.Connection, sequence: str) -> bytes:
    last, is_called, name = await connection.fetchrow(_STATE.format(sequence=sequence), sequence)
    return f"SELECT setval({name}, {last}, {str(is_called).lower()});\n".encode()
