"""Whether a database agrees with itself: constraints, indexes, pages. For scratch data only."""

import asyncio
from dataclasses import dataclass

import asyncpg

from stock_ops.backup.runners.content import Connect
from stock_ops.kit.errors import UnsoundDataError

_CONSTRAINTS = """
SELECT conrelid::regclass::text AS relation, quote_ident(conname) AS name,
       convalidated AND conenforced AS valid, pg_get_constraintdef(pg_constraint.oid) AS definition
FROM pg_constraint
JOIN pg_class ON pg_class.oid = conrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE contype IN ('c', 'f') AND conparentid = 0 AND coninhcount = 0
  AND nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2
"""
_INDEXES = """
SELECT pg_class.oid::regclass::text AS name, pg_class.oid, indrelid::regclass::text AS relation,
       indisvalid AND indisready AS valid
FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
JOIN pg_am ON pg_am.oid = relam
WHERE amname = 'btree' AND relkind = 'i' AND relpersistence = 'p'
ORDER BY pg_relation_size(pg_class.oid) DESC, 1
"""
_TABLES = """
SELECT pg_class.oid::regclass::text AS name, pg_class.oid
FROM pg_class
JOIN pg_am ON pg_am.oid = relam
WHERE amname = 'heap' AND relkind IN ('r', 'm', 't') AND relpersistence = 'p'
ORDER BY pg_relation_size(pg_class.oid) DESC, 1
"""
_CHECK_INDEX = """
SELECT bt_index_check($1::oid::regclass, heapallindexed => true, checkunique => indisunique)
FROM pg_index WHERE indexrelid = $1
"""
"""bt_index_parent_check finds little more and takes twice the time (6 million rows: 24 s, this 12 s)."""
_CHECK_TABLE = "SELECT blkno, offnum, msg FROM verify_heapam($1::oid::regclass) LIMIT 1"
_WORKERS = 2
_TODO = (
    "See whether the live data have the same fault; if not, take a full backup: stockops backup create --full"
)


@dataclass(frozen=True, slots=True)
class Proven:
    """How much was looked at."""

    indexes: int
    tables: int


async def prove_constraints(connection: asyncpg.Connection) -> int:
    """Have the server prove each check and each foreign key anew; returns how many there are.

    A restore copies files and proves nothing, so each is dropped and added again, and that is rolled back.
    Raises UnsoundDataError naming the one that does not hold.
    """
    found = await connection.fetch(_CONSTRAINTS)
    for one in found:
        if not one["valid"]:
            raise UnsoundDataError(f"{one['name']} of {one['relation']} is not validated.", _TODO)
        await _prove(connection, one["relation"], one["name"], one["definition"])
    return len(found)


async def prove_indexes(connect: Connect) -> Proven:
    """Look for every row of every table in every index, and for damaged rows; makes the extension amcheck.

    Raises UnsoundDataError naming the index or the table.
    """
    connection = await connect()
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        indexes, tables = await connection.fetch(_INDEXES), await connection.fetch(_TABLES)
    finally:
        await connection.close()
    work = iter([*((_check_index, index) for index in indexes), *((_check_table, table) for table in tables)])

    async def check() -> None:
        own = await connect()
        try:
            for look, relation in work:
                await look(own, relation)
        finally:
            await own.close()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_WORKERS):
                group.create_task(check())
    except* UnsoundDataError as errors:
        raise errors.exceptions[0] from None
    return Proven(len(indexes), len(tables))


async def _prove(connection: asyncpg.Connection, relation: str, name: str, definition: str) -> None:
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"ALTER TABLE {relation} DROP CONSTRAINT {name}")
        await connection.execute(f"ALTER TABLE {relation} ADD CONSTRAINT {name} {definition}")
    except asyncpg.IntegrityConstraintViolationError as error:
        detail = f" ({error.detail})" if error.detail else ""
        raise UnsoundDataError(f"{name} of {relation} does not hold: {error}{detail}.", _TODO) from error
    finally:
        await transaction.rollback()


async def _check_index(connection: asyncpg.Connection, index: asyncpg.Record) -> None:
    if not index["valid"]:
        raise UnsoundDataError(f"The index {index['name']} of {index['relation']} is not valid.", _TODO)
    try:
        await connection.fetchval(_CHECK_INDEX, index["oid"])
    except (asyncpg.IndexCorruptedError, asyncpg.DataCorruptedError) as error:
        why = f"The index {index['name']} of {index['relation']} is damaged: {error}."
        raise UnsoundDataError(why, _TODO) from error


async def _check_table(connection: asyncpg.Connection, table: asyncpg.Record) -> None:
    if fault := await connection.fetchrow(_CHECK_TABLE, table["oid"]):
        place = f"block {fault['blkno']}, row {fault['offnum']}"
        raise UnsoundDataError(f"{table['name']} is damaged: {place}: {fault['msg']}.", _TODO)
