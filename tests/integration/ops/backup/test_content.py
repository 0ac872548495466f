"""Two databases are told apart by what they hold, and by nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import connect as open_connection
from stock_ops.backup.runners.content import (
    measure_content,
    measure_structure,
    read_extensions,
    read_schema_version,
)
from stock_ops.storage.manifest import TableContent

ROWS = """
INSERT INTO instrument (symbol, name, exchange, currency, kind) VALUES ('A', 'A', 'XNAS', 'USD', 'stock');
INSERT INTO bar_1d SELECT 1, date '2000-01-03' + day, 1, 2, 0.5, 1.5, day FROM generate_series(0, 999) AS day;
CREATE TABLE note (text text, raw json);
INSERT INTO note VALUES ('a', '{"a": 1}'), ('b', NULL);
CREATE TABLE spot (place point);
INSERT INTO spot VALUES ('(1,2)');
CREATE TABLE parted (id int, value float8) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (20);
INSERT INTO parted SELECT id, 'NaN' FROM generate_series(0, 14) AS id;
CREATE UNLOGGED TABLE passing (id int);
INSERT INTO passing VALUES (1);
"""

Connect = Callable[[], Awaitable[Any]]


@pytest.fixture
def connect(database: Settings) -> Connect:
    return lambda: open_connection(database)


@pytest.fixture
async def filled(connect: Connect) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect()
    await connection.execute(ROWS)
    yield connection
    await connection.close()


def of(content: tuple[TableContent, ...], table: str) -> TableContent:
    return next(one for one in content if one.table == f"public.{table}")


@pytest.mark.usefixtures("filled")
async def test_every_table_and_partition_that_survives_a_crash_is_measured(connect: Connect) -> None:
    content = await measure_content(connect)
    names = [one.table for one in content]
    assert names == sorted(names)
    assert {"public.bar_1d", "public.note", "public.parted_low", "public.parted_high"} <= set(names)
    assert not {"public.passing", "public.parted"} & set(names)
    assert [of(content, name).rows for name in ("bar_1d", "note", "parted_low", "parted_high")] == [
        1000, 2, 10, 5,
    ]  # fmt: skip


async def test_where_a_row_lies_does_not_matter(connect: Connect, filled: asyncpg.Connection) -> None:
    before = await measure_content(connect)
    await filled.execute("""
        CREATE TEMP TABLE kept AS SELECT * FROM bar_1d; DELETE FROM bar_1d;
        INSERT INTO bar_1d SELECT * FROM kept ORDER BY random();
        UPDATE note SET text = text; ANALYZE""")
    assert await measure_content(connect) == before


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("UPDATE bar_1d SET close = 1.5000000000000002 WHERE session = '2001-01-03'", "bar_1d"),
        ("UPDATE bar_1d SET open = high, high = open WHERE session = '2001-01-03'", "bar_1d"),
        ("DELETE FROM bar_1d WHERE session = '2001-01-03'", "bar_1d"),
        ("TRUNCATE bar_1d", "bar_1d"),
        ("INSERT INTO note SELECT * FROM note", "note"),
        ("DELETE FROM note WHERE text = 'b'", "note"),
        ("""UPDATE note SET raw = '{"a": 2}' WHERE text = 'a'""", "note"),
        ("UPDATE spot SET place = '(1,3)'", "spot"),
        ("UPDATE parted SET value = 1 WHERE id = 12", "parted_high"),
    ],
)
async def test_any_other_value_is_seen_and_in_its_table_alone(
    connect: Connect, filled: asyncpg.Connection, change: str, table: str
) -> None:
    before = await measure_content(connect)
    await filled.execute(change)
    after = await measure_content(connect)
    differing = {one.table for one, other in zip(before, after, strict=True) if one != other}
    assert differing == {f"public.{table}"}


async def test_the_snapshot_decides_and_not_what_came_after(
    connect: Connect, filled: asyncpg.Connection
) -> None:
    before = await measure_content(connect)
    holder = await connect()
    async with holder.transaction(isolation="repeatable_read", readonly=True):
        snapshot = await holder.fetchval("SELECT pg_export_snapshot()")
        await filled.execute("DELETE FROM bar_1d; INSERT INTO note VALUES ('c', NULL)")
        assert await measure_content(connect, snapshot) == before
    await holder.close()
    assert await measure_content(connect) != before


async def test_a_table_with_hidden_rows_is_refused_and_not_measured_without_them(
    connect: Connect, filled: asyncpg.Connection
) -> None:
    await filled.execute(
        "ALTER TABLE note ENABLE ROW LEVEL SECURITY; ALTER TABLE note FORCE ROW LEVEL SECURITY"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncio.wait_for(measure_content(connect), 30)


async def test_a_view_that_holds_nothing_yet_is_left_out(
    connect: Connect, filled: asyncpg.Connection
) -> None:
    before = await measure_content(connect)
    await filled.execute("CREATE MATERIALIZED VIEW seen AS SELECT 1 AS one WITH NO DATA")
    assert await measure_content(connect) == before
    await filled.execute("REFRESH MATERIALIZED VIEW seen")
    assert of(await measure_content(connect), "seen").rows == 1


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE bar_1d ALTER COLUMN open DROP NOT NULL",
        "ALTER TABLE bar_1d ADD COLUMN extra int",
        "ALTER TABLE exchange DROP CONSTRAINT exchange_mic_check",
        "CREATE INDEX ON note (text)",
        "ALTER TABLE note ALTER COLUMN text SET DEFAULT 'x'",
        "CREATE VIEW shown AS SELECT 1 AS one",
        "DROP TABLE note",
    ],
)
async def test_any_other_structure_is_seen(filled: asyncpg.Connection, change: str) -> None:
    before = await measure_structure(filled)
    assert await measure_structure(filled) == before
    await filled.execute(change)
    assert await measure_structure(filled) != before


async def test_versions_are_told(filled: asyncpg.Connection) -> None:
    assert await read_schema_version(filled) == await filled.fetchval(
        "SELECT max(number) FROM schema_migration"
    )
    assert await read_extensions(filled) == {"pg_trgm": "1.6", "plpgsql": "1.0"}
