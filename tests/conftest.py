"""The real parts that tests ask for by name; one that cannot start fails the test."""

import os
from collections.abc import AsyncIterator, Generator, Iterator

import asyncpg
import pytest

from stock_analysis.kit.db import open_pool
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.platform import Platform, import_sample
from stock_analysis.testing.postgres import PostgresCluster
from stock_analysis.testing.valkey import ValkeyServer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails, unless it needs root")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if _misses_root(item):
        pytest.skip("needs root")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and item.config.getoption("--no-skips") and not _misses_root(item):
        report.outcome = "failed"
        report.longrepr = f"not run: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and collector.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"not run: {report.longrepr}"
    return report


def _misses_root(item: pytest.Item) -> bool:
    return os.geteuid() != 0 and item.get_closest_marker("root") is not None


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """One PostgreSQL for the whole run."""
    cluster = PostgresCluster()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """One Valkey for the whole run."""
    server = ValkeyServer()
    yield server
    server.remove()


@pytest.fixture
def database(postgres: PostgresCluster) -> Iterator[Settings]:
    """Settings of a migrated, empty database of this test's own."""
    settings = postgres.create_database()
    yield settings
    postgres.drop_database(settings)


@pytest.fixture(scope="session")
def sample_database(postgres: PostgresCluster) -> Settings:
    """Settings of the database that has the sample data: to be read, or cloned as a template."""
    settings = postgres.create_database()
    import_sample(settings)
    return settings


@pytest.fixture(scope="session")
def sample_platform(sample_database: Settings, valkey: ValkeyServer) -> Iterator[Platform]:
    """The whole platform in a process of its own, with the sample data."""
    platform = Platform(valkey.add_to(sample_database))
    yield platform
    platform.remove()


@pytest.fixture
def settings(database: Settings, valkey: ValkeyServer) -> Settings:
    """Settings of a database of this test's own and the run's Valkey."""
    return valkey.add_to(database)


@pytest.fixture
async def pool(database: Settings) -> AsyncIterator[asyncpg.Pool]:
    """A pool on the test's own database."""
    pool = await open_pool(database, application_name="test")
    yield pool
    await pool.close()
