from collections.abc import AsyncIterator

import pytest

from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.events import EventLog
from stock_analysis.kit.settings import Settings
from tests.integration.events.posts_contract import PostsContract
from tests.kafka import KafkaCluster


@pytest.fixture
def flow_settings(database: Settings, kafka: KafkaCluster) -> Settings:
    return kafka.add_to(database)


@pytest.fixture
async def event_log(flow_settings: Settings) -> AsyncIterator[EventLog]:
    async with open_event_log(flow_settings) as log:
        yield log


class TestOnKafka(PostsContract):
    pass
