"""The live door on the server that the gateway uses, in this process; stored bars are made up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np

from stock_analysis.domain.bar_builder import BarState
from stock_analysis.domain.bars import Adjustment, Interval
from stock_analysis.domain.errors import UnknownInstrumentError
from stock_analysis.domain.live import Feed, LiveBar, Origin
from stock_analysis.domain.session_clock import SessionSpan
from stock_analysis.gateway.access import Access
from stock_analysis.gateway.keys import KeyRing
from stock_analysis.gateway.limits import Limiter
from stock_analysis.gateway.live.door import LiveDoor
from stock_analysis.gateway.live.history import Stored
from stock_analysis.gateway.live.hub import Bounds, Hub, running
from stock_analysis.kit.health import Health
from stock_analysis.kit.http import Observed
from stock_analysis.kit.server import serve
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.processes import free_port

SESSION = SessionSpan(date=86_400, opens=100_020, closes=200_040, week=86_400, month=86_400)
OPEN = SESSION.opens
MARKET = Origin(Feed.LIVE, "market")
REPLAY = Origin(Feed.REPLAY, "stored bars", "r1", 60)


def bar(minute: int, close: float, state: BarState = BarState.FORMING, origin: Origin = MARKET) -> LiveBar:
    t = OPEN + 60 * minute
    return LiveBar(origin, t, 10, max(10, close), min(10, close), close, 5, state, SESSION, t * 1000 + 1)


@dataclass
class MadeUpHistory:
    """`count` minutes before the session; of the symbol TEST alone."""

    count: int = 100
    asked: int = 0
    delay_s: float = 0

    async def bars(
        self, symbol: str, interval: Interval, adjustment: Adjustment, since: int | None = None
    ) -> Stored:
        del interval, adjustment, since
        self.asked += 1
        await asyncio.sleep(self.delay_s)
        if not symbol.startswith("TEST"):
            raise UnknownInstrumentError(symbol)
        t = OPEN - 60 * np.arange(self.count, 0, -1, dtype=np.int64)
        close = 10 + np.arange(self.count) % 7
        columns = {name: close.astype(float) for name in ("open", "high", "low", "close", "volume")}
        return Stored(t, columns, whole=True)


@dataclass
class Door:
    url: str
    hub: Hub
    health: Health
    history: MadeUpHistory


@asynccontextmanager
async def open_door(
    *,
    ring: KeyRing | None = None,
    limiter: Limiter | None = None,
    history: MadeUpHistory | None = None,
    **bounds: int,
) -> AsyncIterator[Door]:
    allowed = {"clients": 100, "clients_of_one": 100, "subscriptions": 10, "channels": 10} | bounds
    stored = history or MadeUpHistory()
    hub, health, port = Hub(stored, Bounds(**allowed)), Health({}, {}), free_port()
    door = LiveDoor(_nothing, hub, health, ("https://charts.example",))
    app = Observed(Access(door, ring, limiter), "gateway")
    settings = Settings.model_validate({"port": port, "drain_s": 0})
    async with running(hub):
        tasks = [
            asyncio.create_task(serve(app, health, settings, port=port)),
            asyncio.create_task(door.run()),
        ]
        await asyncio.sleep(0.2)
        try:
            yield Door(f"http://127.0.0.1:{port}", hub, health, stored)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def _nothing(scope: object, receive: object, send: object) -> None:
    del scope, receive, send
