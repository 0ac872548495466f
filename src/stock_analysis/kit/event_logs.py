"""The event log that the settings name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stock_analysis.kit.events import EventLog, EventLogError
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.valkey_events import open_valkey_events


@asynccontextmanager
async def open_event_log(settings: Settings) -> AsyncIterator[EventLog]:
    """Valkey Streams or Kafka; it is not asked yet. Raises EventLogError without Kafka's client."""
    if settings.events_log == "valkey":
        async with open_valkey_events(settings) as log:
            yield log
        return
    try:
        from stock_analysis.kit.kafka_events import open_kafka_events  # 14 MB that only Kafka needs
    except ImportError as error:
        raise EventLogError(
            f"events_log is kafka and its client cannot be loaded ({error}): "
            "`make install EXTRA=kafka` brings it"
        ) from error
    async with open_kafka_events(settings) as kafka:
        yield kafka
