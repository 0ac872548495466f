from collections.abc import AsyncIterator

import pytest

from stock_analysis.kit.kafka_events import KafkaEventLog, open_kafka_events
from stock_analysis.kit.settings import Settings
from tests.contract.kit.event_log_contract import TOPICS, EventLogContract, own_topics
from tests.kafka import KafkaCluster

pytestmark = pytest.mark.server


@pytest.fixture
def settings(kafka: KafkaCluster) -> Settings:
    return kafka.add_to(own_topics())


@pytest.fixture
async def event_log(settings: Settings) -> AsyncIterator[KafkaEventLog]:
    async with open_kafka_events(settings) as log:
        await log.partitions(TOPICS)
        yield log


class TestOnKafka(EventLogContract):
    pass
