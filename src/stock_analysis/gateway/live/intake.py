"""What the event log tells of prices, for the hub."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import Counter

from stock_analysis.domain.bar_builder import BarState
from stock_analysis.domain.errors import StockAnalysisError
from stock_analysis.domain.events import BarsChanged, LivePrice, decode_payload
from stock_analysis.gateway.live.feeds import StoredBar
from stock_analysis.gateway.live.hub import Hub
from stock_analysis.kit.events import EventLog, EventLogError, Record, Topic, following

log = structlog.get_logger(__name__)

UNREADABLE = Counter("live_unreadable_total", "Events of prices that could not be read.", ["topic"])
TOPICS = (Topic.LIVE, Topic.BARS)
AGAIN_S = 1.0
_BATCH = 1000


@asynccontextmanager
async def following_prices(events: EventLog, hub: Hub) -> AsyncIterator[None]:
    """Follow prices meanwhile."""
    task = asyncio.create_task(follow(events, hub))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def follow(events: EventLog, hub: Hub) -> None:
    """Follow prices from now on, until cancelled; what was missed in between is loaded anew."""
    was_lost = False
    while True:
        try:
            async with following(events, TOPICS) as reader:
                if was_lost:
                    log.info("events of prices are read again")
                    hub.renew()
                    was_lost = False
                while True:
                    for record in await reader.read(limit=_BATCH, wait_s=1.0):
                        take(hub, record)
                    await asyncio.sleep(0)
        except EventLogError as error:
            if not was_lost:
                log.warning("events of prices cannot be read", reason=str(error))
                hub.lose("the event log cannot be reached")
        except Exception:
            log.exception("events of prices not followed")
            if not was_lost:
                hub.lose("events of prices cannot be followed")
        was_lost = True
        await asyncio.sleep(AGAIN_S)


def take(hub: Hub, record: Record) -> None:
    """One event; what cannot be read is counted and passed over, for the next one says all again."""
    event = record.event
    if event is None:
        UNREADABLE.labels(record.partition.topic).inc()
        return
    try:
        payload = decode_payload(event.topic, event.schema, event.data)
    except StockAnalysisError as error:
        log.debug("event of prices not read", reason=str(error))
        UNREADABLE.labels(record.partition.topic).inc()
        return
    if isinstance(payload, LivePrice):
        update = payload.bar or payload.status
        if update is not None:
            hub.take(payload.symbol, update, event.time.timestamp())
    elif isinstance(payload, BarsChanged):
        hub.take_stored(payload.symbol, payload.interval, _stored(payload))


def _stored(payload: BarsChanged) -> list[StoredBar] | None:
    if payload.bars is None or payload.change == "removed":
        return None
    state = BarState.CLOSED if payload.change == "closed" else BarState.CORRECTED
    bars = payload.bars
    rows = zip(bars.t, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=False)
    return [
        StoredBar(t, open_, high, low, close, volume, state) for t, open_, high, low, close, volume in rows
    ]
