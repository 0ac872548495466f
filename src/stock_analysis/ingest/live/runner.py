"""Sources of live prices kept running: connected again with patience, watched for silence."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import structlog
from prometheus_client import Counter, Gauge

from stock_analysis.domain.calendars import load_calendar
from stock_analysis.domain.errors import (
    InvalidInputError,
    ProviderError,
    StockAnalysisError,
    UnavailableError,
)
from stock_analysis.domain.instruments import Exchange, parse_symbol
from stock_analysis.domain.live import Feed, Origin
from stock_analysis.domain.session_clock import SessionClock
from stock_analysis.ingest.live.landing import RowLanding
from stock_analysis.ingest.live.pipeline import Pipeline
from stock_analysis.ingest.live.ports import LiveInstrument, LiveProvider
from stock_analysis.ingest.live.providers import provider_of
from stock_analysis.ingest.live.publisher import EventPublisher
from stock_analysis.ingest.ports import PriceStore
from stock_analysis.kit.events import EventLog
from stock_analysis.kit.settings import Settings

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


def wanted_symbols(sources: Sequence[str]) -> dict[str, list[str]]:
    """Symbols by provider of the setting live_sources. Raises InvalidInputError."""
    found: dict[str, list[str]] = {}
    for text in sources:
        provider, slash, symbol = text.partition("/")
        if not slash:
            raise InvalidInputError(
                f"live_sources: {text[:60]!r} is not PROVIDER/SYMBOL, as coinbase/BTC-USD"
            )
        found.setdefault(provider.strip().lower(), []).append(parse_symbol(symbol))
    return {provider: list(dict.fromkeys(symbols)) for provider, symbols in found.items()}


async def instruments_of(
    store: PriceStore, symbols: Sequence[str], exchanges: Mapping[str, Exchange]
) -> dict[str, LiveInstrument]:
    """The stored instruments of these symbols. Raises InvalidInputError naming those that are not."""
    listed = await store.listed(symbols)
    missing = [symbol for symbol in symbols if symbol not in listed]
    if missing:
        raise InvalidInputError(
            f"live_sources names {', '.join(missing[:10])}, of which nothing is stored; import or fetch bars"
            " first: stock-analysis import FILE"
        )
    return {
        symbol: LiveInstrument(listed[symbol], await _clock_of(exchanges[listed[symbol].exchange]))
        for symbol in symbols
    }


async def _clock_of(exchange: Exchange) -> SessionClock:
    extended = None
    if exchange.extended_opens is not None and exchange.extended_closes is not None:
        extended = exchange.extended_opens, exchange.extended_closes
    calendar = await asyncio.to_thread(load_calendar, exchange.calendar, exchange.changes)
    return SessionClock(calendar, exchange.timezone, extended)


@asynccontextmanager
async def running_sources(settings: Settings, store: PriceStore, events: EventLog) -> AsyncIterator[None]:
    """The sources of the settings meanwhile; none where none is set.

    One that cannot be begun, for its instruments are missing or the database is away, is said and tried
    again; the platform runs without it.
    """
    tasks = [
        asyncio.create_task(_run_source(provider, symbols, settings, store, events))
        for provider, symbols in wanted_symbols(settings.live_sources).items()
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _run_source(
    name: str, symbols: list[str], settings: Settings, store: PriceStore, events: EventLog
) -> None:
    while True:
        try:
            await _run_once(name, symbols, settings, store, events)
        except StockAnalysisError as error:
            log.warning("live source not begun", provider=name, reason=str(error), again_in_s=LONGEST_WAIT_S)
        except Exception:
            log.exception("live source failed", provider=name, again_in_s=LONGEST_WAIT_S)
        await asyncio.sleep(LONGEST_WAIT_S)


async def _run_once(
    name: str, symbols: list[str], settings: Settings, store: PriceStore, events: EventLog
) -> None:
    provider = provider_of(name, settings)
    exchanges = await store.exchanges()
    instruments = await instruments_of(store, symbols, exchanges)
    landing = RowLanding(store, name, exchanges)
    publisher = EventPublisher(events, f"stock-analysis/live/{name}")
    origin = Origin(Feed.LIVE, name)
    pipeline = Pipeline(origin, instruments, landing, publisher, silent_s=settings.live_silent_s)
    try:
        await SourceRunner(provider, pipeline, symbols).run()
    finally:
        with suppress(UnavailableError):
            await landing.close()
