"""The parts that other tests stand on."""

import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from stock_analysis.domain.bars import Interval
from stock_analysis.kit.settings import Settings, load_settings
from stock_analysis.kit.valkey import open_valkey
from stock_analysis.testing import builders
from stock_analysis.testing.postgres import PostgresCluster, connect
from stock_analysis.testing.processes import Server
from stock_analysis.testing.valkey import ValkeyServer


async def test_each_test_gets_an_empty_migrated_database(pool: asyncpg.Pool) -> None:
    assert await pool.fetchval("SELECT count(*) FROM exchange") > 0
    assert await pool.fetchval("SELECT count(*) FROM instrument") == 0


async def test_bars_are_stored_and_the_version_grows(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        number = await builders.store_instrument(connection, builders.instrument())
        bars = builders.random_bars(builders.sessions("2024-02-28", 3))
        await builders.store_bars(connection, number, Interval.D1, bars)
    stored = await pool.fetch("SELECT session::text, close FROM bar_1d ORDER BY 1")
    assert [row["session"] for row in stored] == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert [row["close"] for row in stored] == bars.close.tolist()
    assert await pool.fetchval("SELECT version FROM instrument") == 1


async def test_the_cache_needs_the_password_and_answers(settings: Settings) -> None:
    async with open_valkey(settings) as valkey:
        assert await valkey.ask(lambda client: client.ping())


def test_settings_survive_the_way_through_the_environment(settings: Settings) -> None:
    assert load_settings(environ=builders.environment(settings)).settings == settings


async def test_a_killed_postgres_starts_again_with_its_data() -> None:
    cluster = PostgresCluster(fsync=True)
    try:
        settings = cluster.create_database()
        connection = await connect(settings)
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        cluster.kill()
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
            await connection.fetchval("SELECT 1")
        assert not cluster.is_ready()
        cluster.start()
        again = await connect(settings)
        assert await again.fetchval("SELECT one FROM kept") == 1
        await again.close()
    finally:
        cluster.remove()


def test_a_server_that_dies_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    server = Server(["sh", "-c", "echo there is no room; exit 1"], tmp_path / "log")
    with pytest.raises(RuntimeError, match="there is no room"):
        server.wait_until(lambda: False, timeout_s=math.inf)


def test_a_server_that_is_deaf_and_never_ready_is_ended_by_force(tmp_path: Path) -> None:
    server = Server(["sleep", "1000"], tmp_path / "log", patience_s=0.5)
    with pytest.raises(RuntimeError, match="did not start"):
        server.wait_until(lambda: False, timeout_s=0.1)
    assert not psutil.pid_exists(server.pid)


def test_a_killed_test_run_leaves_no_server_behind(valkey: ValkeyServer) -> None:
    assert valkey.is_ready()
    script = (
        "import time; from stock_analysis.testing.valkey import ValkeyServer as V; v = V(); "
        "print(v._server.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        server = int(run.stdout.readline())
        run.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(server)
