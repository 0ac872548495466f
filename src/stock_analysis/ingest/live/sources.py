"""The sources of live prices that the settings name: begun, begun again, and how each of them stands."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import structlog
from prometheus_client import Gauge

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
from stock_analysis.domain.ticks import MICROSECONDS
from stock_analysis.ingest.live.landing import RowLanding
from stock_analysis.ingest.live.pipeline import Pipeline
from stock_analysis.ingest.live.ports import LiveInstrument
from stock_analysis.ingest.live.providers import provider_of
from stock_analysis.ingest.live.publisher import EventPublisher
from stock_analysis.ingest.live.runner import LONGEST_WAIT_S, SourceRunner
from stock_analysis.ingest.ports import PriceStore
from stock_analysis.kit.events import EventLog
from stock_analysis.kit.settings import Settings

log = structlog.get_logger(__name__)

BEGUN = Gauge("live_source_begun", "Whether the source could be begun as it is set.", ["provider"])
NO_SOURCE = "no source is configured"


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


class Sources:
    """The sources of the settings. Raises InvalidInputError where one is not written as it should be.

    One that cannot be begun, for its instruments are missing or the database is away, is said and tried
    again; the platform runs without it.
    """

    def __init__(self, settings: Settings, store: PriceStore, events: EventLog) -> None:
        self._settings = settings
        self._store = store
        self._events = events
        self._wanted = wanted_symbols(settings.live_sources)
        self._pipelines: dict[str, Pipeline] = {}
        self._faults: dict[str, str] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run them meanwhile; none where none is set."""
        tasks = [asyncio.create_task(self._run(name, symbols)) for name, symbols in self._wanted.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def check(self) -> str:
        """How each source stands. Raises ProviderError when one could not be begun."""
        if self._faults:
            raise ProviderError("; ".join(f"{name} not begun: {why}" for name, why in self._faults.items()))
        told = [
            f"{name}: {standing_of(self._pipelines[name]) if name in self._pipelines else 'begins'}"
            for name in self._wanted
        ]
        return "; ".join(told) or NO_SOURCE

    async def _run(self, name: str, symbols: list[str]) -> None:
        while True:
            try:
                await self._run_once(name, symbols)
            except StockAnalysisError as error:
                self._faults[name] = str(error)
                log.warning(
                    "live source not begun", provider=name, reason=str(error), again_in_s=LONGEST_WAIT_S
                )
            except Exception as error:
                self._faults[name] = f"{type(error).__name__}: {error}"
                log.exception("live source failed", provider=name, again_in_s=LONGEST_WAIT_S)
            BEGUN.labels(name).set(0)
            await asyncio.sleep(LONGEST_WAIT_S)

    async def _run_once(self, name: str, symbols: list[str]) -> None:
        provider = provider_of(name, self._settings)
        exchanges = await self._store.exchanges()
        instruments = await instruments_of(self._store, symbols, exchanges)
        landing = RowLanding(self._store, name, exchanges)
        publisher = EventPublisher(self._events, f"stock-analysis/live/{name}")
        origin = Origin(Feed.LIVE, name)
        silent_s = self._settings.live_silent_s
        pipeline = Pipeline(origin, instruments, landing, publisher, silent_s=silent_s)
        self._pipelines[name] = pipeline
        self._faults.pop(name, None)
        BEGUN.labels(name).set(1)
        try:
            await SourceRunner(provider, pipeline, symbols).run()
        finally:
            self._pipelines.pop(name, None)
            with suppress(UnavailableError):
                await landing.close()


def standing_of(pipeline: Pipeline) -> str:
    """The states of a source's symbols, and of when its newest price is."""
    counts = Counter(state.value for state, _ in pipeline.states.values())
    states = ", ".join(f"{count:,} {state}" for state, count in counts.most_common()) or "begins"
    if pipeline.as_of_us is None:
        return f"{states}, no price yet"
    as_of = datetime.fromtimestamp(pipeline.as_of_us / MICROSECONDS, UTC)
    return f"{states}, as of {as_of:%Y-%m-%d %H:%M:%S} UTC"
