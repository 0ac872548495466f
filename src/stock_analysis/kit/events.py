"""The port of the event log: what an event is, which topics there are, and how they are written and read.

Adapters: `valkey_events` (Valkey Streams), `kafka_events` (Apache Kafka). Who writes rows puts events
into the outbox (`outbox`), from which the relay publishes them; what may be lost goes to a log directly.
"""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from stock_analysis.kit.errors import KitError

LARGEST_DATA_BYTES = 256 * 1024
"""Largest payload of an event: well below what Kafka takes by default (1 MiB)."""

LARGEST_HEADER_BYTES = 1024
CONTENT_TYPE = "application/json"
_SPEC_VERSION = "1.0"


class Topic(StrEnum):
    """Topics of the event log, keyed by symbol. What breaks readers gets a topic with the next version."""

    BARS = "prices.bars.v1"
    """Bars that are closed, corrected or removed."""
    INSTRUMENTS = "prices.instruments.v1"
    """Instruments that are listed, changed, renamed or deleted, and what is known of them beside bars."""
    POSTS = "posts.v1"
    """Posts about a stock."""
    POSTS_DELETED = "posts.deleted.v1"
    """Posts that their authors or sources deleted."""
    SENTIMENT = "sentiment.v1"
    """Sentiment of a stock, aggregated."""
    ALERTS = "alerts.v1"
    """Alerts that fired."""
    LIVE = "prices.live.v1"
    """Forming bars and last prices: bounded, not from the outbox, may be lost."""

    @property
    def is_durable(self) -> bool:
        """Whether its events come from the outbox, and none may be lost."""
        return self is not Topic.LIVE

    @property
    def dead_letters(self) -> str:
        """Name of its dead-letter topic."""
        return f"{self.value}.dead"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of the dead-letter topics: a message that a consumer could not deal with, as it was."""

    consumer: str
    reason: str
    attempts: int
    partition: int
    position: str
    headers: dict[str, str]
    data: bytes
    """In base64; of a very long one, its beginning."""


DURABLE = tuple(one for one in Topic if one.is_durable)


def topic_names() -> list[str]:
    """Names of all topics of the log, those of dead letters among them."""
    return [one.value for one in Topic] + [one.dead_letters for one in DURABLE]


class EventLogError(KitError):
    """The event log refused."""


class EventLogUnavailableError(EventLogError):
    """The event log cannot be reached; the same call may work in a moment."""


class EventsTrimmedError(EventLogUnavailableError):
    """Events were dropped by the log before this reader met them."""


class UnreadableEventError(KitError):
    """A message of the log is no event."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, as CloudEvents 1.0 has it: its attributes travel as headers, its payload as JSON.

    key: the symbol; events of a key keep their order. sequence, epoch: place in the outbox and which history
    of the database that place belongs to; 0 and "" for events that did not come from an outbox.
    schema: version of the payload within its topic, MAJOR.MINOR: a reader ignores fields that it does not
    know, and does not read a greater MAJOR than its own. traceparent: W3C Trace Context, "" = none.
    """

    topic: str
    key: str
    data: bytes
    source: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    schema: str = "1.0"
    sequence: int = 0
    epoch: str = ""
    request_id: str = ""
    traceparent: str = ""

    def headers(self) -> dict[str, str]:
        """The attributes by the names that the CloudEvents binding for Kafka gives them."""
        found = {
            "ce_specversion": _SPEC_VERSION,
            "ce_id": self.id,
            "ce_type": self.topic,
            "ce_source": self.source,
            "ce_subject": self.key,
            "ce_time": self.time.isoformat().replace("+00:00", "Z"),
            "content-type": CONTENT_TYPE,
            "ce_schemaversion": self.schema,
        }
        if self.sequence:
            found["ce_sequence"] = str(self.sequence)
        if self.epoch:
            found["ce_epoch"] = self.epoch
        if self.request_id:
            found["ce_requestid"] = self.request_id
        if self.traceparent:
            found["ce_traceparent"] = self.traceparent
        return found


def event_of(headers: Mapping[str, bytes], data: bytes) -> Event:
    """The event of a message. Raises UnreadableEventError saying what is missing or wrong."""
    for name, value in headers.items():
        if len(value) > LARGEST_HEADER_BYTES:
            raise UnreadableEventError(f"header {name[:40]!r} is longer than {LARGEST_HEADER_BYTES} bytes")
    try:
        texts = {name: value.decode() for name, value in headers.items()}
        if texts["ce_specversion"] != _SPEC_VERSION:
            raise UnreadableEventError(f"CloudEvents {texts['ce_specversion']!r}, not {_SPEC_VERSION}")
        return Event(
            topic=texts["ce_type"],
            key=texts["ce_subject"],
            data=data,
            source=texts["ce_source"],
            id=texts["ce_id"],
            time=_utc(texts["ce_time"]),
            schema=texts.get("ce_schemaversion", "1.0"),
            sequence=int(texts.get("ce_sequence", "0")),
            epoch=texts.get("ce_epoch", ""),
            request_id=texts.get("ce_requestid", ""),
            traceparent=texts.get("ce_traceparent", ""),
        )
    except KeyError as error:
        raise UnreadableEventError(f"header {error.args[0]} is missing") from error
    except UnicodeDecodeError as error:
        raise UnreadableEventError("a header is not text in UTF-8") from error
    except ValueError as error:
        raise UnreadableEventError(f"a header has no usable value: {error}") from error


def _utc(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise UnreadableEventError(f"ce_time {text!r} has no time zone")
    return when.astimezone(UTC)


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """A part of a topic whose events are in one order. Valkey Streams has one a topic, number 0."""

    topic: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class PartitionState:
    """How a partition stands. start, end: positions before its first event and behind its last one.

    identity: changes when the topic is deleted and made again, or the whole log is another one; positions
    of before mean nothing then.
    """

    partition: Partition
    start: str
    end: str
    identity: str


class Place(StrEnum):
    """Where a position is, seen from what a partition holds now."""

    KEPT = "kept"
    """All events behind it are there."""
    TRIMMED = "trimmed"
    """Events behind it are gone: retention was shorter than the reader was away."""
    BEYOND = "beyond"
    """It is behind the newest event: this is not the log that it was taken from, or that lost its end."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it was read. position: where reading goes on behind it. event: None if it is no event.

    headers, data: the message itself, for the dead-letter topic; defect: why it is no event.
    """

    partition: Partition
    position: str
    event: Event | None
    data: bytes
    headers: Mapping[str, bytes]
    defect: str = ""


def record_of(partition: Partition, position: str, headers: Mapping[str, bytes], data: bytes) -> Record:
    """A record of a message, whether it is an event or not."""
    try:
        return Record(partition, position, event_of(headers, data), data, headers)
    except UnreadableEventError as error:
        return Record(partition, position, None, data, headers, str(error))


class Reader(Protocol):
    """Reads partitions on from given positions."""

    async def read(self, *, limit: int, wait_s: float) -> Sequence[Record]:
        """The next records, in the order of each partition; empty after wait_s without any.

        Raises EventLogUnavailableError; the next call goes on at the same place. Raises EventsTrimmedError
        when the log has dropped what would be next, except of topics whose events may be lost.
        """
        ...


class EventLog(Protocol):
    """A log of events by topic; each partition has an order, which is that of the events of a key."""

    async def prepare(self) -> None:
        """Make the topics that are missing, with their bounds."""
        ...

    async def publish(self, events: Sequence[Event]) -> None:
        """Append events of durable topics: all, in order by key, or none that a reader meets.

        Returns once the log holds them as safely as it can. Raises EventLogUnavailableError when it cannot
        say so (they may be there, then; published again, they have the same ids), EventLogError when it
        refuses.
        """
        ...

    async def make_room(self, positions: Mapping[Partition, str]) -> bool:
        """Drop the oldest events beyond the bounds; whether there is room for more.

        positions: of the slowest consumers: a log that is small keeps what they have not met, up to twice its
        bound, and has no room then. One that keeps days has room always.
        """
        ...

    async def emit(self, events: Sequence[Event]) -> None:
        """Append events that may be lost, without waiting for long. Raises EventLogUnavailableError."""
        ...

    async def partitions(self, topics: Sequence[str]) -> Sequence[PartitionState]:
        """The partitions of these topics, made if they are missing. Raises EventLogUnavailableError."""
        ...

    async def place(self, partition: Partition, position: str) -> Place:
        """Where a position is, seen from what the partition holds now."""
        ...

    def earlier(self, one: str, other: str) -> str:
        """Which of two positions in a partition comes first."""
        ...

    async def behind(self, positions: Mapping[Partition, str]) -> Mapping[Partition, int]:
        """How many events (at most) are behind each position."""
        ...

    def reader(self, positions: Mapping[Partition, str]) -> AbstractAsyncContextManager[Reader]:
        """Read on from these positions: `start` or `end` of a PartitionState, or `position` of a Record."""
        ...

    async def check(self) -> str:
        """Name and version of the log. Raises when it cannot be reached."""
        ...


@asynccontextmanager
async def following(log: EventLog, topics: Sequence[str]) -> AsyncIterator[Reader]:
    """A reader of what is published from now on, for those that keep no position."""
    ends = {state.partition: state.end for state in await log.partitions(topics)}
    async with log.reader(ends) as reader:
        yield reader
