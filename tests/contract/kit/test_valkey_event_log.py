from collections.abc import AsyncIterator

import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.kit.valkey_events import ValkeyEventLog, open_valkey_events
from stock_analysis.testing.valkey import ValkeyServer
from tests.contract.kit.event_log_contract import TOPICS, EventLogContract, own_topics

pytestmark = pytest.mark.server


@pytest.fixture
def settings(valkey: ValkeyServer) -> Settings:
    return valkey.add_to(own_topics())


@pytest.fixture
async def event_log(settings: Settings) -> AsyncIterator[ValkeyEventLog]:
    async with open_valkey_events(settings) as log:
        await log.partitions(TOPICS)
        yield log


class TestOnValkey(EventLogContract):
    pass
