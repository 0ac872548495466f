"""What is forming, told through the event log."""

from collections.abc import Sequence

import structlog
from prometheus_client import Counter

from stock_analysis.domain.events import LivePrice, encode_payload
from stock_analysis.domain.live import LiveBar, LiveUpdate
from stock_analysis.kit.events import Event, EventLog, EventLogError, Topic

log = structlog.get_logger(__name__)

UNTOLD = Counter("live_untold_total", "Updates of live prices that the event log did not take.")


class EventPublisher:
    """Emits to prices.live.v1; while the log is away updates are lost, counted, and said once."""

    def __init__(self, events: EventLog, source: str) -> None:
        self._events = events
        self._source = source
        self._is_away = False

    async def tell(self, updates: Sequence[tuple[str, LiveUpdate]]) -> None:
        """Tell updates by symbol; they may be lost."""
        try:
            await self._events.emit([self._event(symbol, update) for symbol, update in updates])
        except EventLogError as error:
            UNTOLD.inc(len(updates))
            if not self._is_away:
                log.warning("live prices cannot be told", reason=str(error))
            self._is_away = True
        else:
            self._is_away = False

    def _event(self, symbol: str, update: LiveUpdate) -> Event:
        if isinstance(update, LiveBar):
            payload = LivePrice(symbol=symbol, bar=update)
        else:
            payload = LivePrice(symbol=symbol, status=update)
        return Event(Topic.LIVE, symbol, encode_payload(payload), self._source, schema=LivePrice.schema)
