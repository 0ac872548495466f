from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from confluent_kafka.admin import AdminClient

from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.events import EventLog
from stock_analysis.kit.settings import Settings
from tests.integration.events.flow_contract import FlowContract, flowing, many
from tests.integration.events.ledger import effects, settled, until, write, written
from tests.kafka import KafkaCluster


@pytest.fixture
def flow_settings(database: Settings, kafka: KafkaCluster) -> Settings:
    return kafka.add_to(database)


@pytest.fixture
async def event_log(flow_settings: Settings) -> AsyncIterator[EventLog]:
    async with open_event_log(flow_settings) as log:
        yield log


@pytest.fixture
def delete_topic(flow_settings: Settings) -> Callable[[str], Awaitable[None]]:
    async def delete(topic: str) -> None:
        admin = AdminClient({"bootstrap.servers": flow_settings.kafka_servers})
        for future in admin.delete_topics([f"{flow_settings.events_prefix}{topic}"]).values():
            future.result(20)

    return delete


class TestOnKafka(FlowContract):
    async def test_a_log_that_is_away_delays_and_loses_nothing(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool, kafka: KafkaCluster
    ) -> None:
        """Two of three brokers are killed: no majority, so nothing is written until they are back."""
        async with flowing(flow_settings, event_log):
            await many(pool, "K1", 20)
            await settled(pool)
            for broker in kafka.nodes[:2]:
                broker.kill()
            try:
                await many(pool, "K1", 20)
            finally:
                for broker in kafka.nodes[:2]:
                    broker.start()
            await settled(pool, 120)
        assert await effects(pool) == await written(pool)

    async def test_the_disk_that_it_takes_is_bounded(
        self, flow_settings: Settings, pool: asyncpg.Pool, kafka: KafkaCluster
    ) -> None:
        small = flow_settings.model_copy(update={"kafka_retention_bytes": 2 * 2**20})
        topic = f"{small.events_prefix}prices.bars.v1"
        async with open_event_log(small) as log, flowing(small, log):
            async with pool.acquire() as connection:
                for _ in range(12):
                    await write(connection, "K1", count=1000, pad=300)
            await settled(pool, 120)
            assert sum(node.data_bytes(topic) for node in kafka.nodes) > 0
            await until(lambda: has_less(kafka, topic, 4 * 2**20))
        assert await effects(pool) == await written(pool)


async def has_less(kafka: KafkaCluster, topic: str, most: int) -> bool:
    """Whether a topic takes less than that on each broker."""
    return all(node.data_bytes(topic) < most for node in kafka.nodes)
