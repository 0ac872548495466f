"""What the live hub is told when prices stop coming, whatever the reason."""

import asyncio
from typing import Any, cast

import pytest

from stock_analysis.gateway.live.hub import Hub
from stock_analysis.gateway.live.intake import following_prices
from stock_analysis.kit.events import EventLog, EventLogError


class BrokenLog:
    """Fails each time it is asked."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.asked = asyncio.Event()

    async def partitions(self, topics: object) -> Any:  # noqa: ARG002 - of the port
        self.asked.set()
        raise self._error


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lost: list[str] = []

    def lose(self, detail: str) -> None:
        self.lost.append(detail)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EventLogError("no broker"), "the event log cannot be reached"),
        (ValueError("a fault of ours"), "events of prices cannot be followed"),
    ],
)
async def test_clients_are_told_that_nothing_comes_any_more(error: Exception, said: str) -> None:
    events, hub = BrokenLog(error), Told()
    async with following_prices(cast("EventLog", events), cast("Hub", hub)):
        await events.asked.wait()
        await asyncio.sleep(0)
    assert hub.lost == [said]
