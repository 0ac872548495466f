"""The event log, as each of its adapters is opened on its real server."""

import uuid
from collections.abc import AsyncIterator

import pytest

from stock_analysis.kit.events import EventLog
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.valkey_events import open_valkey_events
from stock_analysis.testing.valkey import ValkeyServer


@pytest.fixture(params=["valkey"])
async def event_log(request: pytest.FixtureRequest) -> AsyncIterator[EventLog]:
    """An event log with topics of this test's own."""
    valkey: ValkeyServer = request.getfixturevalue("valkey")
    settings = valkey.add_to(Settings.model_validate({"events_prefix": f"{uuid.uuid4().hex}."}))
    async with open_valkey_events(settings) as log:
        yield log
