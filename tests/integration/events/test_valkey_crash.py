import random
from collections.abc import Iterator

import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import PostgresCluster
from stock_analysis.testing.valkey import ValkeyServer
from tests.integration.events.crash import ROUNDS, survive


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL of its own that really waits for the disk."""
    cluster = PostgresCluster(fsync=True)
    yield cluster
    cluster.kill()
    cluster.remove()


@pytest.mark.fault
@pytest.mark.timeout(300 + 10 * ROUNDS)
async def test_nothing_is_lost_and_nothing_comes_twice(cluster: PostgresCluster) -> None:
    """This Valkey keeps nothing: it comes back empty each time."""
    valkey = ValkeyServer()
    settings: Settings = valkey.add_to(cluster.create_database())

    def kill(_: random.Random) -> None:
        valkey.kill()
        valkey.stop()
        valkey.start()

    try:
        print(await survive(settings, cluster, kill, seed=7))  # noqa: T201 - the figures of a long run, by -s
    finally:
        valkey.remove()
