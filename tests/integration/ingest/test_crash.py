"""kill -9 at any moment: what was acknowledged is there, and nothing is there twice.

CRASH_ROUNDS says how many times each party is killed; the default keeps the suite quick. See CONTRIBUTING.md.
"""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stock_analysis.domain.bars import BoolArray, Interval
from stock_analysis.ingest.repository import PostgresPriceWriter
from stock_analysis.ingest.rows import BAR, RANGE, Rows
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import random_bars, sessions
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.postgres import PostgresCluster, connect
from stock_analysis.testing.valkey import ValkeyServer
from tests.integration.ingest.importer import Importer
from tests.integration.ingest.readers import Readers, read_chart
from tests.zygote import Zygote

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "8"))
INSTRUMENTS, SESSIONS, BATCH_ROWS = 40, 1000, 1000
ROWS = INSTRUMENTS * SESSIONS


@dataclass(frozen=True)
class Source:
    """A file and what must become of it. bars: BAR with instrument = number of the symbol, as in the file."""

    path: Path
    bars: Rows
    bad: BoolArray

    def landed_of(self, number: int, rows_done: int) -> Rows:
        """The same of one instrument."""
        landed = self.landed(rows_done)
        own: Rows = landed[landed["instrument"] == number]
        return own

    def landed(self, rows_done: int) -> Rows:
        """The bars among the first rows of the file that must be stored, ascending."""
        found = self.bars[:rows_done][~self.bad[:rows_done]]
        return found[np.lexsort((found["t"], found["instrument"]))]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Bars in the order of their sessions, so that each batch has all instruments; some rows are bad."""
    t = sessions("2018-01-02", SESSIONS)
    table = np.empty((SESSIONS, INSTRUMENTS), BAR)
    for number in range(INSTRUMENTS):
        own = random_bars(t, seed=number)
        table["instrument"][:, number] = number
        for name in ("t", "open", "high", "low", "close", "volume"):
            table[name][:, number] = getattr(own, name)
    bars = table.ravel()
    bad = np.random.default_rng(7).random(ROWS) < 0.01
    bars["high"][bad] = bars["low"][bad] / 2
    path = tmp_path_factory.mktemp("crash") / "prices.parquet"
    symbols = pa.DictionaryArray.from_arrays(
        pa.array(bars["instrument"].astype(np.int32)), [f"S{number:02d}" for number in range(INSTRUMENTS)]
    )
    columns = {name: bars[name] for name in ("open", "high", "low", "close", "volume")}
    session = pa.array(bars["t"].astype("datetime64[s]").astype("datetime64[D]"))
    pq.write_table(pa.table({"symbol": symbols, "session": session} | columns), path, row_group_size=3000)
    return Source(path, bars, bad)


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL of its own that really waits for the disk."""
    cluster = PostgresCluster(fsync=True)
    yield cluster
    cluster.kill()  # quicker than an orderly stop, which writes everything to the disk once more
    cluster.remove()


@pytest.fixture
def crashing(cluster: PostgresCluster) -> Settings:
    return cluster.create_database()


async def check(settings: Settings, source: Source, acknowledged: int) -> int:
    """Compare every stored value with the file; returns how many of its rows are safe.

    All of it is read at one moment: what a killed importer sent last, its server process may commit later.
    """
    connection = await connect(settings)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await check_moment(connection, source, acknowledged)
    finally:
        await connection.close()


async def check_moment(connection: asyncpg.Connection, source: Source, acknowledged: int) -> int:
    run = await connection.fetchrow("SELECT * FROM import_run ORDER BY started_at DESC LIMIT 1")
    rows_done = run["rows_done"] if run else 0
    assert rows_done >= acknowledged, "an acknowledged row is lost"
    expected = source.landed(rows_done)
    stored = await every_bar(connection)
    assert len(stored) == len(expected)
    assert stored.tobytes() == expected.tobytes()
    aside = await connection.fetch("SELECT row_number, reasons FROM quarantine ORDER BY 1")
    assert [row["row_number"] for row in aside] == (np.flatnonzero(source.bad[:rows_done]) + 1).tolist()
    if run:
        counted = (run["accepted"], run["unchanged"], run["corrected"], run["quarantined"])
        assert counted == (len(expected), 0, 0, len(aside))
    return int(rows_done)


async def every_bar(connection: asyncpg.Connection) -> Rows:
    """All stored bars, the instrument as the number of its symbol."""
    listed = {row["id"]: int(row["symbol"][1:]) for row in await connection.fetch("SELECT * FROM instrument")}
    ranges = np.array([(number, -(1 << 33), 1 << 33) for number in listed], RANGE)
    stored = await PostgresPriceWriter(connection).stored(Interval.D1, ranges, 0)
    stored["instrument"] = [listed[number] for number in stored["instrument"].tolist()]
    ascending: Rows = stored[np.lexsort((stored["t"], stored["instrument"]))]
    assert stored.dtype == BAR
    return ascending


async def test_an_importer_killed_at_any_moment_loses_and_doubles_nothing(
    cluster: PostgresCluster, zygote: Zygote, source: Source, tmp_path: Path
) -> None:
    chance, kills = random.Random(1), 0
    while kills < ROUNDS:  # an import lasts for some of them
        settings, safe = cluster.create_database(), 0
        importer = Importer(zygote, settings, tmp_path)
        while safe < ROWS:
            importer.start("import", str(source.path), "--batch-rows", str(BATCH_ROWS))
            if kills < ROUNDS:
                importer.wait_for(safe + chance.randrange(0, 3 * BATCH_ROWS))
                await asyncio.sleep(chance.uniform(0, 0.05))
                importer.kill()
            code = importer.wait()
            kills += code == -9
            safe = await check(settings, source, importer.acknowledged)
            assert code == -9 or (code, safe) == (0, ROWS), importer.output


async def test_a_postgresql_killed_at_any_moment_loses_and_doubles_nothing(
    cluster: PostgresCluster, zygote: Zygote, source: Source, tmp_path: Path
) -> None:
    chance, kills = random.Random(2), 0
    while kills < ROUNDS:
        settings = cluster.create_database()
        importer = Importer(zygote, settings, tmp_path)
        importer.start("import", str(source.path), "--batch-rows", str(BATCH_ROWS))
        while importer.is_running() and kills < ROUNDS:
            importer.wait_for(importer.acknowledged + chance.randrange(0, 3 * BATCH_ROWS))
            await asyncio.sleep(chance.uniform(0, 0.05))
            acknowledged, in_mid_import = importer.acknowledged, importer.is_running()
            cluster.kill()
            cluster.start()
            kills += in_mid_import
            connection = await connect(settings)
            recorded = await connection.fetchval("SELECT max(rows_done) FROM import_run")
            await connection.close()
            assert (recorded or 0) >= acknowledged
        assert importer.wait() == 0, importer.output
        assert await check(settings, source, ROWS) == ROWS


async def test_both_killed_at_once_lose_and_double_nothing(
    cluster: PostgresCluster, zygote: Zygote, source: Source, tmp_path: Path
) -> None:
    chance, kills, wanted = random.Random(3), 0, max(ROUNDS // 3, 2)
    while kills < wanted:
        settings, safe = cluster.create_database(), 0
        importer = Importer(zygote, settings, tmp_path)
        while safe < ROWS and kills < wanted:
            importer.start("import", str(source.path), "--batch-rows", str(BATCH_ROWS))
            importer.wait_for(safe + chance.randrange(0, 3 * BATCH_ROWS))
            await asyncio.sleep(chance.uniform(0, 0.05))
            importer.kill()
            code = importer.wait()
            kills += code == -9
            cluster.kill()
            cluster.start()
            safe = await check(settings, source, importer.acknowledged)
            assert code == -9 or (code, safe) == (0, ROWS), importer.output
        if safe < ROWS:
            assert importer.run("import", source.path)[0] == 0, importer.output
        assert await check(settings, source, ROWS) == ROWS


async def test_a_platform_killed_while_it_answers_during_an_import_shows_every_acknowledged_bar_again(
    zygote: Zygote, crashing: Settings, source: Source, tmp_path: Path, valkey: ValkeyServer
) -> None:
    chance, kills, wanted = random.Random(4), 0, max(ROUNDS // 2, 3)
    importer, platform = Importer(zygote, crashing, tmp_path), Platform(valkey.add_to(crashing))
    whole = [source.landed_of(number, ROWS) for number in range(INSTRUMENTS)]
    try:
        importer.start("import", str(source.path), "--batch-rows", str(BATCH_ROWS // 40))
        with Readers(platform.url, lambda: importer.acknowledged) as readers:
            while importer.is_running() and kills < wanted:
                importer.wait_for(importer.acknowledged + chance.randrange(0, 3 * BATCH_ROWS))
                readers.wait_for_another()
                await asyncio.sleep(chance.uniform(0, 0.05))
                acknowledged, in_mid_import = importer.acknowledged, importer.is_running()
                platform.kill()
                platform.start()
                kills += in_mid_import
                number = chance.randrange(INSTRUMENTS)
                answer = await asyncio.to_thread(read_chart, platform.url, number)
                least = len(source.landed_of(number, acknowledged))
                assert least <= len(answer) <= len(whole[number])
                assert answer.tobytes() == whole[number][: len(answer)].tobytes()
        importer.send(signal.SIGTERM)  # it goes on below in batches of the usual size
        code = importer.wait()
        if code == 130:
            code, _ = importer.run("import", source.path)
        assert code == 0, importer.output
        assert kills >= 3
        assert readers.refused, "nobody asked while it was down"
        for number, acknowledged, answer in readers.answers:
            assert len(source.landed_of(number, acknowledged)) <= len(answer)
            assert answer.tobytes() == whole[number][: len(answer)].tobytes()
        for number in range(INSTRUMENTS):
            assert read_chart(platform.url, number).tobytes() == whole[number].tobytes()
    finally:
        importer.kill()
        platform.remove()
    assert await check(crashing, source, ROWS) == ROWS
