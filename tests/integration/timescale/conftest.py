"""A real TimescaleDB for tests, from npm: one server a run, migrated once."""

import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from stock_analysis.kit.migrations import migrate, read_migrations
from stock_analysis.kit.resources import resource
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import connect
from stock_analysis.testing.processes import Server, free_port
from tools.test_parts import search_path

SCRIPT = Path(__file__).with_name("server.mjs")
PACKAGE = Path(__file__).parents[2] / "node_modules" / "@unni-craftsman" / "pglite"


@pytest.fixture(scope="session")
def empty_timescale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a database that has the extension and nothing else."""
    if not PACKAGE.is_dir():
        raise RuntimeError("the tests need TimescaleDB from npm: `make test` installs it")
    port = free_port()
    log = tmp_path_factory.mktemp("timescale") / "server.log"
    server = Server([_node(), SCRIPT, str(port)], log)
    server.wait_until(lambda: _listens(port), timeout_s=120)
    yield Settings.model_validate(
        {"database_port": port, "database_name": "postgres", "database_user": "postgres"}
    )
    server.stop()


@pytest.fixture(scope="session")
async def applied(empty_timescale: Settings) -> list[str]:
    """The migrations, applied from empty; their names."""
    connection = await connect(empty_timescale)
    try:
        done = await migrate(connection, read_migrations(resource("migrations")))
    finally:
        await connection.close()
    return [f"{one.number:04d}_{one.phase}_{one.name}.sql" for one in done]


@pytest.fixture(scope="session")
def timescale(empty_timescale: Settings, applied: list[str]) -> Settings:
    """Settings of the migrated database. Tests share it: each undoes what it writes."""
    assert applied
    return empty_timescale


@pytest.fixture
async def hypertables(timescale: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose transaction is undone after the test."""
    connection = await connect(timescale)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


def _node() -> str:
    found = shutil.which("node", path=search_path())
    if found is None:
        raise RuntimeError("the tests need Node 20 or later: `make test` installs it")
    return found


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
