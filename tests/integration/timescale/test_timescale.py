"""The migrations and every statement on real TimescaleDB.

Not here: that the code of an earlier version runs on the new schema. There is no earlier version yet;
the first migration after the first release brings that test with it.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from stock_analysis.domain.bars import Interval
from stock_analysis.kit.db import Role, load_queries, open_pool
from stock_analysis.kit.migrations import GRANTS, grant, read_migrations
from stock_analysis.kit.resources import resource
from stock_analysis.kit.settings import Settings
from stock_analysis.stock.repository import PostgresBarStore
from stock_analysis.testing.postgres import PostgresCluster, connect
from stock_ops.backup.runners.content import measure_content, read_extensions
from tests.integration.timescale.arguments import ARGUMENTS, BEFORE

SEED = Path(__file__).with_name("seed.sql").read_text()
SOURCE = Path(__file__).parents[3] / "src" / "stock_analysis"
_TIMES = {
    "created_at",
    "updated_at",
    "started_at",
    "finished_at",
    "last_used_at",
    "resolved_at",
    "published_at",
}
_RANDOM = {"event_id", "epoch", "current_epoch", "oldest_s", "moved_at"}
PER_SERVER = {"size_bytes", "server_version", *_TIMES, *_RANDOM}


def _statements() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.glob("*/queries.sql")):
        for name, sql in load_queries(f"stock_analysis.{path.parent.name}").items():
            yield f"{path.parent.name}.{name}", sql


TABLES = (
    *("dead_letter", "outbox", "event_log", "event_position", "event_seen", "event_delivery"),
    *("bar_1d", "bar_1m", "quarantine", "api_key", "instrument", "exchange"),
)
STATEMENTS = dict(_statements())


@pytest.fixture(scope="module")
async def plain(postgres: PostgresCluster) -> AsyncIterator[asyncpg.Connection]:
    """Plain PostgreSQL with the same rows."""
    settings = postgres.create_database()
    connection = await connect(settings)
    await connection.execute(SEED)
    yield connection
    await connection.close()
    postgres.drop_database(settings)


async def test_the_migrations_apply_from_empty(applied: list[str]) -> None:
    assert sorted(applied) == sorted(path.name for path in resource("migrations").glob("0*.sql"))
    assert applied == [f"{one.label}.sql" for one in read_migrations(resource("migrations"))]


async def test_bars_are_hypertables(hypertables: asyncpg.Connection) -> None:
    rows = await hypertables.fetch(
        "SELECT hypertable_name::text, column_name::text, time_interval"
        " FROM timescaledb_information.dimensions ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [
        ("bar_1d", "session", timedelta(days=5 * 360)),
        ("bar_1m", "ts", timedelta(days=30)),
    ]


async def test_old_minutes_are_compressed_by_a_policy(hypertables: asyncpg.Connection) -> None:
    rows = await hypertables.fetch(
        "SELECT hypertable_name::text, config::jsonb ->> 'compress_after' FROM timescaledb_information.jobs"
        " WHERE proc_name = 'policy_compression' AND scheduled"
    )
    assert [tuple(row) for row in rows] == [("bar_1m", "3 mons")]


async def test_the_roles_rights_reach_the_chunks(hypertables: asyncpg.Connection) -> None:
    await hypertables.execute("CREATE ROLE stock_reader; CREATE ROLE stock_writer")
    await grant(hypertables, (resource("migrations") / GRANTS).read_text())
    await hypertables.execute(SEED)
    bars = await hypertables.fetchval("SELECT count(*) FROM bar_1m")
    await hypertables.execute("SET LOCAL ROLE stock_reader")
    assert await hypertables.fetchval("SELECT count(*) FROM bar_1m") == bars > 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with hypertables.transaction():
            await hypertables.execute("UPDATE bar_1m SET close = 1")
    await hypertables.execute("SET LOCAL ROLE stock_writer")
    assert await hypertables.execute("UPDATE bar_1m SET close = close") == f"UPDATE {bars}"


def test_every_statement_is_tried() -> None:
    assert ARGUMENTS.keys() == STATEMENTS.keys()


@pytest.mark.parametrize("name", sorted(STATEMENTS))
async def test_a_statement_answers_as_on_plain_postgresql(
    name: str, hypertables: asyncpg.Connection, plain: asyncpg.Connection
) -> None:
    await hypertables.execute(SEED)
    expected = await _run(plain, name)
    assert await _run(hypertables, name) == expected
    assert expected


async def test_compressed_minutes_are_read_corrected_and_added_to(
    hypertables: asyncpg.Connection, plain: asyncpg.Connection
) -> None:
    await hypertables.execute(SEED)
    assert await hypertables.fetchval("SELECT count(compress_chunk(c)) FROM show_chunks('bar_1m') AS c") == 1
    for name in ("stock.bars_1m", "ingest.stored_1m", "ingest.correct_1m"):
        assert await _run(hypertables, name) == await _run(plain, name)
    await hypertables.execute("INSERT INTO bar_1m VALUES (1, '2024-01-02T13:00Z', 1, 1, 1, 1, 1)")
    assert await hypertables.fetchval("SELECT count(*) FROM bar_1m") == 61


async def test_the_repository_reads_hypertables(stored: Settings) -> None:
    async with await open_pool(stored, Role.READER, application_name="test") as pool:
        snapshot = await PostgresBarStore(pool).snapshot("AAPL", Interval.M5)
    assert snapshot.minutes.close.tolist() == [101.0 + n for n in range(60)]


async def test_a_backup_measures_chunks_and_not_the_catalogue_of_the_extension(stored: Settings) -> None:
    content = {one.table: one.rows for one in await measure_content(lambda: connect(stored))}
    connection = await connect(stored)
    try:
        chunks = await connection.fetch(
            "SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks"
        )
        assert "timescaledb" in await read_extensions(connection)
    finally:
        await connection.close()
    assert sum(content[chunk[0]] for chunk in chunks) == 60 + 60
    assert not [name for name in content if name.startswith("_timescaledb_catalog")]


@pytest.fixture
async def stored(timescale: Settings) -> AsyncIterator[Settings]:
    """Settings of TimescaleDB with the rows committed, for code that opens its own connections."""
    connection = await connect(timescale)
    await connection.execute(SEED)
    yield timescale
    await connection.execute(
        "TRUNCATE instrument, bar_1d, bar_1m, import_run, api_key, calendar_change CASCADE"
    )
    await connection.close()


async def _run(connection: asyncpg.Connection, name: str) -> list[dict[str, object]]:
    """Prepare and run a statement, undo it; its rows, or where it has none, the tables it wrote to."""
    undo = connection.transaction()
    await undo.start()
    try:
        if name in BEFORE:
            await connection.execute(BEFORE[name])
        prepared = await connection.prepare(STATEMENTS[name].rstrip().rstrip(";"))
        rows = await prepared.fetch(*ARGUMENTS[name])
        if prepared.get_attributes():
            return [_comparable(row) for row in rows]
        return await _written(connection, name)
    finally:
        await undo.rollback()


async def _written(connection: asyncpg.Connection, name: str) -> list[dict[str, object]]:
    table = next(table for table in TABLES if table in STATEMENTS[name])
    rows = [_comparable(row) for row in await connection.fetch(f"TABLE {table}")]
    return sorted(rows, key=str)


def _comparable(row: asyncpg.Record) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in PER_SERVER}
