"""Sources of live prices kept running: connected again with patience, watched for silence."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence

import structlog
from prometheus_client import Counter, Gauge

from stock_analysis.domain.errors import ProviderError, StockAnalysisError
from stock_analysis.ingest.live.pipeline import Pipeline
from stock_analysis.ingest.live.ports import LiveProvider

log = structlog.get_logger(__name__)

CONNECTED = Gauge("live_source_connected", "Whether the source is connected.", ["provider"])
RECONNECTS = Counter("live_source_reconnects_total", "How often a connection was lost.", ["provider"])

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
MUTE_S = 30.0
"""A connection on which nothing at all comes for so long is given up: a heartbeat would have come."""
ADVANCE_S = 0.25


def now_us() -> int:
    """This instant, epoch microseconds."""
    return time.time_ns() // 1000


class SourceRunner:
    """One provider and its symbols."""

    def __init__(
        self,
        provider: LiveProvider,
        pipeline: Pipeline,
        symbols: Sequence[str],
        *,
        mute_s: float = MUTE_S,
        first_wait_s: float = FIRST_WAIT_S,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._provider = provider
        self._pipeline = pipeline
        self._symbols = symbols
        self._mute_s = mute_s
        self._first_wait_s = first_wait_s
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._tick())
            both.create_task(self._keep_connected())

    async def _keep_connected(self) -> None:
        wait_s = self._first_wait_s
        while True:
            began = time.monotonic()
            try:
                await self._listen()
            except ProviderError as error:
                reason = str(error)
            except TimeoutError:
                reason = f"{self._provider.name} said nothing for {self._mute_s:g} s"
            CONNECTED.labels(self._provider.name).set(0)
            RECONNECTS.labels(self._provider.name).inc()
            if time.monotonic() - began > LONGEST_WAIT_S:
                wait_s = self._first_wait_s
            self._pipeline.lost(reason)
            pause_s = wait_s * random.uniform(0.5, 1)  # noqa: S311 - so that not all come back at once
            log.warning("live source lost", provider=self._provider.name, reason=reason, again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _listen(self) -> None:
        async with asyncio.timeout(self._mute_s) as bound, self._provider.connect(self._symbols) as said:
            self._pipeline.connected(self._clock())
            CONNECTED.labels(self._provider.name).set(1)
            log.info("live source connected", provider=self._provider.name, symbols=len(self._symbols))
            loop = asyncio.get_running_loop()
            async for one in said:
                bound.reschedule(loop.time() + self._mute_s)
                await self._pipeline.take(one, self._clock(), time.monotonic())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(ADVANCE_S)
            try:
                await self._pipeline.advance(self._clock(), time.monotonic())
            except StockAnalysisError as error:
                log.warning("live bars not landed", provider=self._provider.name, reason=str(error))
