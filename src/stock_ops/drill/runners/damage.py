"""Damages restored data, so that a drill sees whether that is found. For scratch data only.

Of what is measured alone: no table of an extension itself.
"""

import asyncpg

_COLUMNS = """
SELECT format('%I.%I', nspname, relname) AS "table", quote_ident(attname) AS "column",
       format_type(atttypid, NULL) AS type
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND relpersistence = 'p' AND nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT EXISTS (SELECT FROM pg_depend
                  WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
  AND attnum > 0 AND NOT attisdropped AND format_type(atttypid, NULL) = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND attnum = ANY (indkey::smallint[]))
ORDER BY pg_relation_size(attrelid) DESC, 1, attnum
"""
_LEAST = {
    "double precision": (
        "{column} * (1 + 1e-12)",
        "{column} NOT IN (0, 'NaN', 'Infinity', '-Infinity')",
    ),
    "timestamp with time zone": ("{column} + interval '1 microsecond'", "isfinite({column})"),
}
"""How a value of each type is changed a little, and which values can be."""
_CHANGE = """
UPDATE ONLY {table} SET {column} = {value}
WHERE ctid = (SELECT ctid FROM ONLY {table} WHERE {fit} LIMIT 1)
"""
_HAS_ROWS = "SELECT EXISTS (SELECT FROM ONLY {table})"
_TABLES = """
SELECT format('%I.%I', nspname, relname)
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND relpersistence = 'p' AND nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT EXISTS (SELECT FROM pg_depend
                  WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = pg_class.oid)
ORDER BY pg_relation_size(pg_class.oid) DESC, 1
"""


async def change_value(connection: asyncpg.Connection) -> str:
    """Change one value of one row as little as its type allows; returns the table. Raises LookupError."""
    for row in await connection.fetch(_COLUMNS, list(_LEAST)):
        value, fit = (text.format(column=row["column"]) for text in _LEAST[row["type"]])
        statement = _CHANGE.format(table=row["table"], column=row["column"], value=value, fit=fit)
        if await connection.execute(statement) == "UPDATE 1":
            return str(row["table"])
    raise LookupError("no table holds a number or a time")


async def empty_table(connection: asyncpg.Connection, other_than: str) -> str:
    """Empty the largest table that no other one refers to; returns it. Raises LookupError."""
    for row in await connection.fetch(_TABLES):
        table = str(row[0])
        if table != other_than and await connection.fetchval(_HAS_ROWS.format(table=table)):
            await connection.execute(f"TRUNCATE ONLY {table}")
            return table
    raise LookupError("no table holds rows")
