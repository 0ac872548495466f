"""Messages that a consumer could not deal with: kept in a table, and told on a topic with the same commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg
import msgspec
import orjson

from stock_analysis.kit.events import (
    LARGEST_DATA_BYTES,
    DeadLetter,
    Event,
    Partition,
    Record,
    UnreadableEventError,
    record_of,
)
from stock_analysis.kit.outbox import SQL, NewEvent, put_events

SOURCE = "stock-analysis/consumer"
REPLAYED_AT_ONCE = 100
State = Literal["open", "asked", "replayed", "dismissed"]


@dataclass(frozen=True, slots=True)
class Dead:
    """A message that is set aside. identity: of the log that its position is in. id: 0 = not stored yet."""

    consumer: str
    record: Record
    identity: str
    reason: str
    attempts: int
    id: int = 0

    @property
    def event(self) -> Event:
        """The event in the message. Raises UnreadableEventError if it is none."""
        if self.record.event is None:
            raise UnreadableEventError(self.record.defect)
        return self.record.event


@dataclass(frozen=True, slots=True)
class Listed:
    """A message that was set aside, as a person sees it."""

    id: int
    consumer: str
    topic: str
    partition: int
    position: str
    key: str
    headers: dict[str, str]
    data: bytes
    reason: str
    attempts: int
    state: State
    created_at: datetime
    resolved_at: datetime | None


async def set_aside(connection: asyncpg.Connection, dead: Dead, *, tell: bool = True) -> None:
    """Keep a message, in the transaction that moves the position behind it; kept before, nothing happens.

    tell: also on the dead-letter topic.
    """
    record, key = dead.record, dead.record.event.key if dead.record.event else ""
    headers = {_printable(name.encode()): _printable(value) for name, value in record.headers.items()}
    reason = dead.reason.replace("\0", "")
    part = record.partition
    kept = await connection.fetchval(
        SQL["add_dead_letter"],
        dead.consumer,
        part.topic,
        part.number,
        dead.identity,
        record.position,
        _printable(key.encode()),
        orjson.dumps(headers).decode(),
        record.data,
        reason,
        dead.attempts,
    )
    if kept is None or not tell:
        return
    payload = DeadLetter(
        consumer=dead.consumer,
        reason=reason,
        attempts=dead.attempts,
        partition=part.number,
        position=record.position,
        headers=headers,
        data=record.data[: LARGEST_DATA_BYTES // 2],
    )
    told = NewEvent(f"{part.topic}.dead", key or part.topic, "1.0", msgspec.json.encode(payload))
    await put_events(connection, SOURCE, [told])


async def asked(connection: asyncpg.Connection, consumer: str) -> list[Dead]:
    """Messages of this consumer that are to be tried again, the oldest first."""
    rows = await connection.fetch(SQL["asked_dead"], consumer, REPLAYED_AT_ONCE)
    return [Dead(consumer, _record(row), "", "", row["attempts"], row["id"]) for row in rows]


async def settle(connection: asyncpg.Connection, dead: Dead, reason: str | None) -> None:
    """Record how another try ended. reason: why it failed again; None = it did not."""
    state = "replayed" if reason is None else "open"
    await connection.execute(SQL["settle_dead"], dead.id, state, reason and reason.replace("\0", ""))


async def list_dead(
    connection: asyncpg.Connection,
    *,
    ids: Sequence[int] | None = None,
    consumer: str | None = None,
    topic: str | None = None,
    state: State | None = "open",
    limit: int = 100,
) -> list[Listed]:
    """Messages that were set aside, the oldest first."""
    rows = await connection.fetch(SQL["dead_letters"], ids, consumer, topic, state, limit)
    return [Listed(**(dict(row) | {"headers": orjson.loads(row["headers"])})) for row in rows]


async def ask(connection: asyncpg.Connection, ids: Sequence[int], state: State) -> list[int]:
    """Have messages tried again by their consumers (`asked`), or given up (`dismissed`); returns which."""
    return [row["id"] for row in await connection.fetch(SQL["ask_dead"], list(ids), state)]


async def count_dead(connection: asyncpg.Connection | asyncpg.Pool) -> Mapping[tuple[str, str], int]:
    """How many messages are set aside, by consumer and topic."""
    rows = await connection.fetch(SQL["count_dead"])
    return {(row["consumer"], row["topic"]): row["messages"] for row in rows}


def _record(row: asyncpg.Record) -> Record:
    headers = {name: value.encode() for name, value in orjson.loads(row["headers"]).items()}
    partition = Partition(row["topic"], row["partition"])
    return record_of(partition, row["position"], headers, row["data"])


def _printable(value: bytes) -> str:
    """A text that PostgreSQL can keep."""
    return value.decode(errors="backslashreplace").replace("\0", "\\x00")
