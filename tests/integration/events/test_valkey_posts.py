from collections.abc import AsyncIterator

import pytest

from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.events import EventLog
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.valkey import ValkeyServer
from tests.integration.events.posts_contract import PostsContract


@pytest.fixture
def flow_settings(database: Settings, valkey: ValkeyServer) -> Settings:
    own = {"events_prefix": f"{database.database_name}."}
    return Settings.model_validate(valkey.add_to(database).model_dump() | own)


@pytest.fixture
async def event_log(flow_settings: Settings) -> AsyncIterator[EventLog]:
    async with open_event_log(flow_settings) as log:
        yield log


class TestOnValkey(PostsContract):
    pass
