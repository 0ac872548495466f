"""The event log on Valkey Streams: a stream a topic, one partition each, bounded by the number of events.

A position is the id of an entry. The identity of a stream is the name of a group that is made with it: it is
deleted with the stream, and put back with it by a restore.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from valkey.asyncio import Valkey
from valkey.exceptions import AuthenticationError, ResponseError

from stock_analysis.kit.events import (
    Event,
    EventLogError,
    EventLogUnavailableError,
    EventsTrimmedError,
    Partition,
    PartitionState,
    Place,
    Record,
    Topic,
    record_of,
    topic_names,
)
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.valkey import VALKEY_ERRORS, connected

_PREFIX = "events:"
LIVE_EVENTS = 10_000
"""Events that a topic keeps which may be lost."""

_DATA = b"data"
_TIMEOUT_S = 5.0
_IDENTITY = "log-"
_BEGINNING = "0-0"
_PASSING = ("OOM", "LOADING", "READONLY", "MISCONF", "BUSY", "EXECABORT", "Transaction discarded")
"""How Valkey begins an error that another moment may not have."""

T = TypeVar("T")


class ValkeyEventLog:
    """Topics as streams of one Valkey.

    retained: events that each durable topic keeps. prefix: stands before the name of each topic.
    """

    def __init__(self, client: Valkey, *, retained: int, prefix: str = "") -> None:
        self._client = client
        self._retained = retained
        self._prefix = f"{_PREFIX}{prefix}"

    async def prepare(self) -> None:
        """Make the streams that are missing."""
        await self.partitions(topic_names())

    async def publish(self, events: Sequence[Event]) -> None:
        """Append events in one transaction of Valkey."""
        await self._append(events, atomic=True)

    async def make_room(self, positions: Mapping[Partition, str]) -> bool:
        """Trim streams to their bound, but not beyond the entry that a consumer met last."""
        lengths = await self._lengths()
        for topic, length in lengths.items():
            if length > self._retained:
                dropped = await _translated(
                    self._client.xrange(self._stream(topic), count=length - self._retained)
                )
                keep = min([_text(dropped[-1][0]), *_of(topic, positions)], key=_order)
                await _translated(self._client.xtrim(self._stream(topic), minid=keep, approximate=False))
        return all(length <= 2 * self._retained for length in (await self._lengths()).values())

    async def _lengths(self) -> dict[str, int]:
        topics = [name for name in topic_names() if name != Topic.LIVE]
        pipe = self._client.pipeline(transaction=False)
        for topic in topics:
            pipe.xlen(self._stream(topic))
        return dict(zip(topics, await _translated(pipe.execute()), strict=True))

    async def emit(self, events: Sequence[Event]) -> None:
        """Append events that may be lost."""
        await self._append(events, atomic=False)

    async def _append(self, events: Sequence[Event], *, atomic: bool) -> None:
        if not events:
            return
        pipe = self._client.pipeline(transaction=atomic)
        by_topic = sorted(events, key=attrgetter("topic"))  # stable: the order by key is kept
        for topic, group in groupby(by_topic, key=attrgetter("topic")):
            for event in group:
                fields: dict[Any, Any] = {**event.headers(), _DATA: event.data}
                pipe.xadd(self._stream(topic), fields)
            if topic == Topic.LIVE:
                pipe.xtrim(self._stream(topic), maxlen=LIVE_EVENTS, approximate=True)
        await _translated(pipe.execute())

    async def partitions(self, topics: Sequence[str]) -> list[PartitionState]:
        """The streams of these topics, made if they are missing."""
        return [await self._state(topic) for topic in topics]

    async def _state(self, topic: str) -> PartitionState:
        stream = self._stream(topic)
        identity = await self._identity(stream)
        if identity is None:
            made = f"{_IDENTITY}{uuid.uuid4()}"
            await _translated(self._client.xgroup_create(stream, made, id="0", mkstream=True))
            identity = await self._identity(stream) or made
        info = await self._info(stream)
        first = info["first-entry"]
        start = _BEGINNING if first is None else _before(_text(first[0]))
        return PartitionState(Partition(topic), start, _text(info["last-generated-id"]), identity)

    def _stream(self, topic: str) -> str:
        return f"{self._prefix}{topic}"

    async def _identity(self, stream: str) -> str | None:
        """Name of the stream's mark; of several, which makers at the same time leave, the least."""
        try:
            groups = await _translated(self._client.xinfo_groups(stream))
        except _MissingError:
            return None
        marks = [name for name in (_text(group["name"]) for group in groups) if name.startswith(_IDENTITY)]
        return min(marks, default=None)

    async def _info(self, stream: str) -> dict[str, Any]:
        found = await _translated(self._client.xinfo_stream(stream))
        return dict(found)

    async def place(self, partition: Partition, position: str) -> Place:
        """Where the position is."""
        info = await self._info(self._stream(partition.topic))
        if _order(position) > _order(_text(info["last-generated-id"])):
            return Place.BEYOND
        return Place.TRIMMED if _has_gap(info, position) else Place.KEPT

    def earlier(self, one: str, other: str) -> str:
        """Which of two ids comes first."""
        return min(one, other, key=_order)

    async def behind(self, positions: Mapping[Partition, str]) -> dict[Partition, int]:
        """How many entries are behind each position, counted to the stream's bound at most."""
        found: dict[Partition, int] = {}
        for partition, position in positions.items():
            stream = self._stream(partition.topic)
            first = f"({position}"
            count = 0
            while batch := await _translated(self._client.xrange(stream, first, "+", count=10_000)):
                count += len(batch)
                first = f"({_text(batch[-1][0])}"
            found[partition] = count
        return found

    @asynccontextmanager
    async def reader(self, positions: Mapping[Partition, str]) -> AsyncIterator["ValkeyReader"]:
        """Read on from these positions, by a connection of its own."""
        streams = {partition: self._stream(partition.topic) for partition in positions}
        yield ValkeyReader(self._client, streams, positions)

    async def check(self) -> str:
        """Version of the server."""
        facts = await _translated(self._client.info("server"))
        return f"Valkey {facts.get('valkey_version') or facts['redis_version']}"


class ValkeyReader:
    """Reads streams on from ids."""

    def __init__(
        self, client: Valkey, streams: Mapping[Partition, str], positions: Mapping[Partition, str]
    ) -> None:
        self._client = client
        self._partitions = {stream: partition for partition, stream in streams.items()}
        self._next: dict[Any, Any] = {streams[one]: position for one, position in positions.items()}

    async def read(self, *, limit: int, wait_s: float) -> list[Record]:
        """The next entries of all streams, `limit` of each at most."""
        wait_ms = max(1, round(min(wait_s, _TIMEOUT_S / 2) * 1000))
        found = await _translated(self._client.xread(self._next, count=limit, block=wait_ms))
        records = []
        for stream, entries in found or []:
            name = _text(stream)
            partition = self._partitions[name]
            if partition.topic != Topic.LIVE:
                await self._check_gap(name)
            for entry, fields in entries:
                headers = {_text(field): value for field, value in fields.items() if field != _DATA}
                records.append(record_of(partition, _text(entry), headers, fields.get(_DATA, b"")))
            self._next[name] = records[-1].position
        return records

    async def _check_gap(self, stream: str) -> None:
        """The stream gives what it has behind a position, and does not say what it has dropped."""
        if _has_gap(await _translated(self._client.xinfo_stream(stream)), self._next[stream]):
            raise EventsTrimmedError(f"{stream} has dropped events behind {self._next[stream]}")


class _MissingError(EventLogError):
    """There is no such stream."""


async def _translated(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except AuthenticationError as error:
        raise EventLogError(f"Valkey refused: {error}") from error
    except ResponseError as error:
        if "no such key" in str(error):
            raise _MissingError(str(error)) from error
        if str(error).startswith(_PASSING):
            raise EventLogUnavailableError(f"Valkey cannot take events now: {error}") from error
        raise EventLogError(f"Valkey refused: {error}") from error
    except VALKEY_ERRORS as error:
        raise EventLogUnavailableError(f"Valkey does not answer: {error or type(error).__name__}") from error


def _has_gap(info: Mapping[str, Any], position: str) -> bool:
    """Whether entries behind the position may have been dropped. info: what XINFO STREAM says."""
    if info["entries-added"] == info["length"]:
        return False
    first = info["first-entry"]
    kept = _text(info["last-generated-id"]) if first is None else _before(_text(first[0]))
    return _order(position) < _order(kept)


def _of(topic: str, positions: Mapping[Partition, str]) -> list[str]:
    return [position for partition, position in positions.items() if partition.topic == topic]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _order(position: str) -> tuple[int, int]:
    at, _, number = position.partition("-")
    return int(at), int(number or 0)


def _before(position: str) -> str:
    """The greatest id that is less."""
    at, number = _order(position)
    return f"{at}-{number - 1}" if number else f"{at - 1}-{2**64 - 1}" if at else _BEGINNING


@asynccontextmanager
async def open_valkey_events(settings: Settings) -> AsyncIterator[ValkeyEventLog]:
    """The event log on the Valkey of these settings, by connections of its own."""
    async with connected(settings, _TIMEOUT_S) as client:
        yield ValkeyEventLog(client, retained=settings.events_retained, prefix=settings.events_prefix)
