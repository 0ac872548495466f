"""All rows as statements: what `stockops move` fills the other side with, wherever the origin keeps them."""

import io
import subprocess
from typing import Any

import asyncpg

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import PASSWORD
from stock_ops.backup.runners.content import measure_content
from stock_ops.backup.runners.rows import write_rows
from stock_ops.kit.secret_names import SUPERUSER
from stock_ops.local.facts.programs import observe_programs, postgresql_bin
from stock_ops.move.runners import EMPTY, PSQL, UNCHECKED

ROWS = """
INSERT INTO instrument (symbol, name, exchange, currency, kind)
    VALUES
    ('A', E'a\\tb\\nc\\\\d "e" \u20ac', 'XNAS', 'USD', 'stock'), ('B', '\\.', 'XNAS', 'USD', 'stock');
INSERT INTO bar_1d SELECT 1, date '2000-01-03' + day, 1, 2, 0.5, 1.5, day FROM generate_series(0, 99) AS day;
CREATE TABLE "Odd name" (
    "A key" int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, raw json, bytes bytea, at timestamptz,
    span interval, value float8, twice float8 GENERATED ALWAYS AS (value * 2) STORED, gone int
);
ALTER TABLE "Odd name" DROP COLUMN gone;
INSERT INTO "Odd name" (raw, bytes, at, span, value) VALUES
    ('{"a":  1}', '\\x00ff0a', '2026-01-02 03:04:05.678901+09', '1 month -2 days 00:00:00.5', 0.1),
    (NULL, '', 'infinity', NULL, 'NaN');
CREATE TABLE parted (id int, value float8) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
INSERT INTO parted SELECT id, id FROM generate_series(0, 9) AS id;
CREATE SEQUENCE unused;
"""
CHUNKS = """
CREATE SCHEMA _timescaledb_internal;
CREATE TABLE _timescaledb_internal._hyper_1_1_chunk () INHERITS (bar_1d);
WITH moved AS (DELETE FROM ONLY bar_1d RETURNING *)
INSERT INTO _timescaledb_internal._hyper_1_1_chunk SELECT * FROM moved;
"""
"""Where TimescaleDB keeps the rows of a hypertable."""
STATE = "SELECT last_value, is_called FROM {}"
SEQUENCES = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S' ORDER BY 1"


async def test_all_rows_come_back_as_they_were_from_chunks_and_partitions_too(database: Settings) -> None:
    async def connect() -> Any:
        return await asyncpg.connect(
            host=database.database_host,
            port=database.database_port,
            user=SUPERUSER,
            password=PASSWORD,
            database=database.database_name,
        )

    connection = await connect()
    try:
        await connection.execute(ROWS + CHUNKS)
        states = await states_of(connection)
        before = await measure_content(connect, by_name=True)
        script = io.BytesIO()
        await write_rows(connect, script)
        await connection.execute("DROP TABLE _timescaledb_internal._hyper_1_1_chunk")
        await connection.execute("ALTER SEQUENCE unused RESTART WITH 77")
        load(database, script.getvalue())
        assert await measure_content(connect, by_name=True) == before
        assert await states_of(connection) == states
        assert next(one.rows for one in before if one.table == "public.bar_1d") == 100
    finally:
        await connection.close()


async def states_of(connection: asyncpg.Connection) -> dict[str, tuple[int, bool]]:
    names = [row[0] for row in await connection.fetch(SEQUENCES)]
    assert {'"Odd name_A key_seq"', "unused"} < set(names)
    rows = [await connection.fetchrow(STATE.format(name)) for name in names]
    return {name: tuple(row) for name, row in zip(names, rows, strict=True)}


def load(database: Settings, script: bytes) -> None:
    """As a move does it."""
    wheel = observe_programs().postgresql
    assert wheel
    place = [f"--host={database.database_host}", f"--port={database.database_port}"]
    done = subprocess.run(
        [postgresql_bin(wheel.package) / "psql", *PSQL, *place, f"--dbname={database.database_name}"],
        input=b"BEGIN;\n" + EMPTY.encode() + script + b"COMMIT;\n",
        env={"PGPASSWORD": PASSWORD, "PGOPTIONS": UNCHECKED},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
