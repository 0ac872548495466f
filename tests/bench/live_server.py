"""The live door of the gateway as the bench measures it: real server, real hub, bars of a made-up feed."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from stock_analysis.domain.bar_builder import BarState
from stock_analysis.domain.bars import Adjustment, Interval
from stock_analysis.domain.live import Feed, LiveBar, Origin
from stock_analysis.domain.session_clock import SessionSpan
from stock_analysis.gateway.access import Access
from stock_analysis.gateway.live.door import LiveDoor
from stock_analysis.gateway.live.frames import Frame
from stock_analysis.gateway.live.history import Stored
from stock_analysis.gateway.live.hub import Bounds, Hub, running
from stock_analysis.kit.health import Health
from stock_analysis.kit.http import Observed
from stock_analysis.kit.logging import configure_logging
from stock_analysis.kit.server import listen, serve
from stock_analysis.kit.settings import Settings

_SESSION = SessionSpan(date=0, opens=0, closes=2**31, week=0, month=0)


class NoHistory:
    """Nothing is stored."""

    async def bars(
        self, symbol: str, interval: Interval, adjustment: Adjustment, since: int | None = None
    ) -> Stored:
        """No bars."""
        del symbol, interval, adjustment, since
        columns = {name: np.empty(0) for name in ("open", "high", "low", "close", "volume")}
        return Stored(np.empty(0, np.int64), columns, whole=True)


async def serve_live(
    commands: Callable[[Any, Any], Awaitable[None]], burst_size: int, updates_s: int, message_bytes: int
) -> None:
    """Serve until the commands end. A burst goes around the conflation, as many topics would."""
    configure_logging("bench", "json", "error")
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    settings = Settings.model_validate({"port": port, "drain_s": 0})
    health = Health({}, {})
    hub = Hub(NoHistory(), Bounds(clients=5000, clients_of_one=5000, subscriptions=10, channels=10))
    origin = Origin(Feed.LIVE, "bench")
    door = LiveDoor(_nothing, hub, health, ())
    app = Observed(Access(door, None, None), "bench")

    def bar(close: float) -> LiveBar:
        sent_ms = round(time.time() * 1000)
        return LiveBar(origin, 60, 1, 2, 0.5, close, 1, BarState.FORMING, _SESSION, sent_ms)

    hub.take("TEST", bar(1.0))

    async def burst() -> None:
        (topic,) = hub.channels()
        for number in range(burst_size):
            frame = Frame("delta", {"sent": time.time(), "n": number, "pad": ""})
            size = message_bytes - len(frame.data)
            topic.broadcast(Frame("delta", {"sent": time.time(), "n": number, "pad": "x" * size}))
            await asyncio.sleep(0)

    async def steady() -> None:
        number = 0
        while True:
            number += 1
            hub.take("TEST", bar(1.0 + number % 7 / 10))
            await asyncio.sleep(1 / updates_s)

    async with running(hub):
        serving = asyncio.create_task(serve(app, health, settings, port=port))
        await asyncio.sleep(0.5)
        print(json.dumps({"port": port}), flush=True)  # noqa: T201 - its address
        await commands(burst, steady)
        serving.cancel()


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive, send
