"""Whether a database agrees with itself: constraints, indexes, pages. For scratch data only."""

import asyncio
from dataclasses import dataclass

import asyncpg

from stock_ops.backup.runners.content import Connect
from stock_ops.kit.errors import UnsoundDataError

_CONSTRAINTS = """
SELECT conrelid::regclass::text AS relation, quote_ident(conname) AS name,
       convalidated AND conenforced AS valid,
       CASE WHEN contype = 'f' AND relkind <> 'p' OR connoinherit THEN 'ONLY' ELSE '' END AS only,
       CASE contype WHEN 'c' THEN format('NOT (%s)', pg_get_expr(conbin, conrelid)) ELSE orphan END AS broken,
       CASE contype WHEN 'c' THEN quote_literal('') ELSE key END AS key
FROM pg_constraint
JOIN pg_class ON pg_class.oid = conrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
CROSS JOIN LATERAL (
    SELECT format('%s AND NOT EXISTS (SELECT FROM %s AS parent WHERE %s)',
                  string_agg(format('child.%I IS NOT NULL', here.attname), ' AND '), confrelid::regclass,
                  string_agg(format('parent.%I = child.%I', there.attname, here.attname), ' AND ')) AS orphan,
           format('%L || concat_ws(%L, %s) || %L', format(': Key (%s)=(', string_agg(here.attname, ', ')),
                  ', ', string_agg(format('child.%I', here.attname), ', '), ')') AS key
    FROM unnest(conkey, confkey) AS pair (mine, its)
    JOIN pg_attribute AS here ON here.attrelid = conrelid AND here.attnum = mine
    JOIN pg_attribute AS there ON there.attrelid = confrelid AND there.attnum = its
) AS of_keys
WHERE contype IN ('c', 'f') AND conparentid = 0 AND coninhcount = 0
  AND nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2
"""
_BROKEN = "SELECT {key} FROM {only} {relation} AS child WHERE {broken} LIMIT 1"
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
    """Look for rows that break a check or a foreign key; returns how many of those there are.

    A restore copies files and proves nothing; and no constraint of a chunk of TimescaleDB can be made anew.
    Raises UnsoundDataError naming the one that does not hold.
    """
    found = await connection.fetch(_CONSTRAINTS)
    async with connection.transaction(readonly=True):
        await connection.execute(
            "SET LOCAL constraint_exclusion = off"
        )  # else it believes what it shall prove
        for one in found:
            if not one["valid"]:
                raise UnsoundDataError(f"{one['name']} of {one['relation']} is not validated.", _TODO)
            if (broken := await connection.fetchrow(_BROKEN.format(**one))) is not None:
                why = f"{one['name']} of {one['relation']} does not hold{broken[0]}."
                raise UnsoundDataError(why, _TODO)
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
