"""The real parts that tests ask for by name; one that cannot start fails the test."""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import asyncpg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from stock_analysis.kit.db import open_pool
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.platform import Platform, import_sample
from stock_analysis.testing.postgres import PostgresCluster
from stock_analysis.testing.valkey import ValkeyServer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails, unless it needs root")


class Scheduler(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """A file goes to one worker as a whole, because its tests share servers.

    Those of test_ops_*.py share none and take half the time of all: each goes where there is room.
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if "/test_ops_" in nodeid else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    return Scheduler(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """No worker for a single file; else at least two, because the tests wait half of their time."""
    files = {argument.partition("::")[0] for argument in config.args}
    alone = len(files) == 1 and Path(*files).is_file()
    return 0 if alone else min(max(os.cpu_count() or 1, 2), 4)


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
