"""The outbox: events commit with the rows that they tell of, and the relay publishes them afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from stock_analysis.kit.db import load_queries
from stock_analysis.kit.request_id import current_request_id, traceparent

SQL = load_queries("stock_analysis.kit")
CHANNEL = "outbox"
"""What PostgreSQL notifies when events were put there."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be. data: its payload as JSON. schema: version of the payload, MAJOR.MINOR."""

    topic: str
    key: str
    schema: str
    data: bytes


async def put_events(connection: asyncpg.Connection, source: str, events: Sequence[NewEvent]) -> None:
    """Put events into the outbox, in this order.

    connection: in the transaction of the rows; it holds a lock that keeps other writers of the same keys
    away, for that alone gives the events of a key their order.
    """
    if not events:
        return
    columns = [[getattr(one, name) for one in events] for name in ("topic", "key", "schema")]
    data = [one.data.decode() for one in events]
    request_id = current_request_id.get()
    await connection.execute(SQL["put_events"], *columns, data, source, request_id, traceparent(request_id))
