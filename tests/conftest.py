"""The real parts that tests ask for by name; one that cannot start fails the test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.platform import Platform, import_sample
from stock_analysis.testing.postgres import PostgresCluster
from stock_analysis.testing.valkey import ValkeyServer
from tests.kafka import KafkaCluster
from tests.room import shared

pytest_plugins = ["tests.rules"]


ON_CLUSTERS = {Path(__file__).parent / name: f"tests/{name}" for name in ("cluster", "operators")}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests on a cluster unless they are named: what they import is there for them alone."""
    for folder, name in ON_CLUSTERS.items():
        if collection_path == folder or folder in collection_path.parents:
            return None if any(name in argument for argument in config.args) else True
    return None


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


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaCluster]:
    """Three brokers for the whole run; only test_kafka_*.py may ask for them, which run in one worker."""
    cluster = KafkaCluster()
    yield cluster
    cluster.remove()


@pytest.fixture
def database(postgres: PostgresCluster) -> Iterator[Settings]:
    """Settings of a migrated, empty database of this test's own."""
    settings = postgres.create_database()
    yield settings
    postgres.drop_database(settings)


@pytest.fixture(scope="session")
def sample_database(postgres: PostgresCluster) -> Settings:
    """Settings of the database that has the sample data: to be read, or cloned as a template.

    It is imported once in a run; each worker has a copy.
    """

    def make(path: Path) -> None:
        settings = postgres.create_database()
        import_sample(settings)
        postgres.save_database(settings, path)
        postgres.drop_database(settings)

    return postgres.load_database(shared("sample.dump", make))


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
    pool = await open_pool(database, Role.OWNER, application_name="test")
    yield pool
    await pool.close()
