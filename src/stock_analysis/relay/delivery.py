"""The consumer `delivery`: sees that events arrive, and how long they take."""

from collections import Counter
from collections.abc import Sequence

import asyncpg

from stock_analysis.kit.consumers import Consumer
from stock_analysis.kit.db import load_queries
from stock_analysis.kit.events import DURABLE, Event

SQL = load_queries("stock_analysis.relay")


async def count_events(connection: asyncpg.Connection, events: Sequence[Event]) -> None:
    """Count events by topic, with the newest of each."""
    counts = Counter(event.topic for event in events)
    newest = {event.topic: event for event in events}
    for topic, count in sorted(counts.items()):
        last = newest[topic]
        await connection.execute(SQL["count_delivered"], topic, count, last.sequence, last.time)


DELIVERY = Consumer("delivery", tuple(one.value for one in DURABLE), count_events, batch=2000)
