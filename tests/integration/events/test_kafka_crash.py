import random
from collections.abc import Iterator

import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import PostgresCluster
from tests.integration.events.crash import ROUNDS, survive
from tests.kafka import KafkaCluster


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL of its own that really waits for the disk."""
    cluster = PostgresCluster(fsync=True)
    yield cluster
    cluster.kill()
    cluster.remove()


@pytest.mark.fault
@pytest.mark.timeout(600 + 15 * ROUNDS)
async def test_nothing_is_lost_and_nothing_comes_twice(cluster: PostgresCluster, kafka: KafkaCluster) -> None:
    """One of three brokers is killed at a time."""
    settings: Settings = kafka.add_to(cluster.create_database())

    def kill(dice: random.Random) -> None:
        broker = dice.choice(kafka.nodes)
        broker.kill()
        broker.start()

    print(await survive(settings, cluster, kill, seed=7))  # noqa: T201 - the figures of a long run, by -s
