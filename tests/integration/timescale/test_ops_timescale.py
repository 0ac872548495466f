"""What stockops asks a database with the real TimescaleDB: proven, damaged on purpose, moved away."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import PASSWORD, connect
from stock_ops.backup.runners.content import measure_content
from stock_ops.backup.runners.rows import write_rows
from stock_ops.drill.runners import soundness
from stock_ops.drill.runners.damage import change_value, empty_table
from stock_ops.drill.runners.soundness import prove_constraints
from stock_ops.kit.errors import UnsoundDataError
from stock_ops.kit.secret_names import SUPERUSER
from stock_ops.restore.runners.disarm import CODE
from tests.integration.ops.backup.test_rows import load

SEED = Path(__file__).with_name("seed.sql").read_text()
COMPRESS = """
SELECT compress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass)
FROM timescaledb_information.chunks WHERE hypertable_name = 'bar_1d'
"""
BREAK = "UPDATE {} SET ts = '1999-01-01' WHERE ctid = '(0,1)'"
EMPTY = "TRUNCATE instrument, bar_1d, bar_1m, import_run, api_key, calendar_change CASCADE"


@pytest.fixture
async def stored(timescale: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection to TimescaleDB with the rows committed, those of bar_1d in a compressed chunk."""
    connection = await connect(timescale)
    await connection.execute(SEED)
    await connection.execute(COMPRESS)
    yield connection
    await connection.execute(EMPTY)
    await connection.close()


@pytest.fixture
def opened(timescale: Settings) -> Callable[[], Awaitable[Any]]:
    return lambda: connect(timescale)


@pytest.fixture
def before_18(monkeypatch: pytest.MonkeyPatch) -> None:
    """This TimescaleDB is of PostgreSQL 17, where every constraint is enforced."""
    monkeypatch.setattr(soundness, "_CONSTRAINTS", soundness._CONSTRAINTS.replace("AND conenforced", ""))


async def test_its_triggers_are_code_of_its_own_library_and_not_told_as_somebody_elses(
    stored: asyncpg.Connection,
) -> None:
    assert await stored.fetchval("SELECT count(*) FROM pg_event_trigger") > 0
    assert await stored.fetch(CODE) == []


async def test_rows_in_chunks_compressed_or_not_come_over_to_plain_postgresql(
    stored: asyncpg.Connection, opened: Callable[[], Awaitable[Any]], database: Settings
) -> None:
    assert await stored.fetchval("SELECT count(*) FROM ONLY bar_1d") == 0
    rows = io.BytesIO()
    await write_rows(opened, rows)

    async def plain() -> Any:
        place = {"host": database.database_host, "port": database.database_port}
        return await asyncpg.connect(
            **place, user=SUPERUSER, password=PASSWORD, database=database.database_name
        )

    await asyncio.to_thread(load, database, rows.getvalue())
    there = {one.table: one for one in await measure_content(opened, by_name=True)}
    here = {one.table: one for one in await measure_content(plain, by_name=True)}
    assert (there["public.bar_1d"].rows, there["public.bar_1m"].rows) == (60, 60)
    assert here == there


@pytest.mark.usefixtures("before_18")
async def test_constraints_of_chunks_are_proven(stored: asyncpg.Connection) -> None:
    assert await prove_constraints(stored) > 40
    (chunk,) = await stored.fetchrow(
        "SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks "
        "WHERE hypertable_name = 'bar_1m'"
    )
    undo = stored.transaction()
    await undo.start()
    try:
        await stored.execute("UPDATE pg_class SET relchecks = 0 WHERE oid = $1::text::regclass", chunk)
        await stored.execute(BREAK.format(chunk))
        with pytest.raises(
            UnsoundDataError, match=r"constraint_\d+ of _timescaledb_internal\._hyper_\d+_\d+_chunk"
        ):
            await prove_constraints(stored)
    finally:
        await undo.rollback()


async def test_what_a_sabotage_drill_damages_is_measured(
    stored: asyncpg.Connection, opened: Callable[[], Awaitable[Any]]
) -> None:
    before = {one.table: one for one in await measure_content(opened)}
    changed = await change_value(stored)
    emptied = await empty_table(stored, changed)
    after = {one.table: one for one in await measure_content(opened)}
    full = {name.removeprefix("public."): one for name, one in before.items()}
    assert changed.removeprefix("public.") in full
    assert {name for name in before if after.get(name) != before[name]} == {changed, emptied}
    assert after[emptied].rows == 0
