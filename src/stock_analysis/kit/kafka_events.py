"""The event log on Apache Kafka, by confluent-kafka.

What the relay publishes is one transaction of Kafka: readers meet all of it or nothing, and of two relays the
older one is fenced off. A position is an offset. The library waits, so its calls have threads of their own.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

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
from stock_analysis.kit.settings import Settings, secret

TIMEOUT_S = 10.0
TRANSACTION_S = 20.0
EMITTED_S = 2.0
"""How long an emitted event may be on its way."""

LIVE_S, LIVE_BYTES = 600, 64 * 2**20
"""How long, and how much of each partition, a topic keeps whose events may be lost."""

SEGMENT_BYTES = 64 * 2**20
"""Kafka deletes whole segments only: what it keeps is bounded but for one of them."""

_LOG = logging.getLogger("librdkafka")
_REFUSED = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_RECORD,
    }
)
"""What another attempt will not change."""

_NOT_YET = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_ID,
    }
)
"""What a broker answers that has not heard of a new topic yet."""

T = TypeVar("T")
Options = dict[str, Any]


class _NotYetError(EventLogUnavailableError):
    """The broker that was asked does not know the topic, or that it leads it."""


class KafkaEventLog:
    """Topics of a Kafka. options: how every client reaches it."""

    def __init__(self, options: Options, settings: Settings) -> None:
        self._options = options
        self._settings = settings
        self._prefix = settings.events_prefix
        self._thread = ThreadPoolExecutor(1, "kafka-publish")
        self._admin = AdminClient(options)
        self._producer: Producer | None = None
        self._emitter: Producer | None = None

    async def close(self) -> None:
        """Let go of the producers; what was emitted has a moment to arrive."""
        await self._in_thread(self._discard)
        self._thread.shutdown(wait=False)

    async def prepare(self) -> None:
        """Make the topics that are missing, with their bounds."""
        await self.partitions(topic_names())

    def _make(self, topics: Sequence[str]) -> None:
        there = self._admin.list_topics(timeout=TIMEOUT_S).topics
        new = [
            NewTopic(
                self._name(topic),
                self._settings.kafka_partitions,
                self._settings.kafka_replicas,
                config=self._bounds(topic),
            )
            for topic in topics
            if self._name(topic) not in there
        ]
        for future in (self._admin.create_topics(new, operation_timeout=TIMEOUT_S) if new else {}).values():
            try:
                future.result(TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def _bounds(self, topic: str) -> dict[str, str]:
        may_be_lost = topic == Topic.LIVE
        seconds = LIVE_S if may_be_lost else self._settings.kafka_retention_s
        kept = LIVE_BYTES if may_be_lost else self._settings.kafka_retention_bytes
        bounds = {
            "retention.ms": round(seconds * 1000),
            "retention.bytes": kept,
            "segment.bytes": min(SEGMENT_BYTES, max(kept // 4, 2**20)),
            "cleanup.policy": "delete",
            "message.timestamp.type": "LogAppendTime",  # retention must not believe a producer's clock
        }
        return {name: str(value) for name, value in bounds.items()}

    async def publish(self, events: Sequence[Event]) -> None:
        """Append events in one transaction."""
        if events:
            await self._in_thread(lambda: self._publish(events))

    def _publish(self, events: Sequence[Event]) -> None:
        failed: list[KafkaError] = []

        def on_delivery(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failed.append(error)

        try:
            producer = self._transactional()
            producer.begin_transaction()
            for event in events:
                self._produce(producer, event, on_delivery)
            producer.commit_transaction(TRANSACTION_S)
        except KafkaException as error:
            self._give_up()
            raise _translated(failed[0] if failed else error.args[0]) from error
        except BaseException:
            self._give_up()
            raise

    def _produce(
        self, producer: Producer, event: Event, on_delivery: Callable[[KafkaError | None, Message], None]
    ) -> None:
        headers = [(name, value.encode()) for name, value in event.headers().items()]
        while True:
            try:
                producer.produce(
                    self._name(event.topic),
                    event.data,
                    event.key.encode(),
                    headers=headers,
                    on_delivery=on_delivery,
                )
            except BufferError:
                producer.poll(0.1)
            else:
                return

    def _transactional(self) -> Producer:
        if self._producer is None:
            producer = Producer(
                self._options
                | {
                    "acks": "all",
                    "enable.idempotence": True,
                    "transactional.id": f"{self._prefix}stock-analysis-relay",
                    "transaction.timeout.ms": round(TRANSACTION_S * 1000),
                    "message.timeout.ms": round(TIMEOUT_S * 1000),
                    "linger.ms": 2,
                    "compression.type": "lz4",
                    "partitioner": "murmur2_random",  # that of Kafka's own clients: other tools agree
                }
            )
            producer.init_transactions(TRANSACTION_S)
            self._producer = producer
        return self._producer

    def _give_up(self) -> None:
        """Abort, and forget the producer: the next one settles with Kafka what became of the transaction."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            with suppress(KafkaException):
                producer.abort_transaction(1.0)

    def _discard(self) -> None:
        emitter, self._producer, self._emitter = self._emitter, None, None
        if emitter is not None:
            emitter.flush(EMITTED_S)

    async def make_room(self, positions: Mapping[Partition, str]) -> bool:  # noqa: ARG002 - of the port
        """Kafka drops old segments by itself, and keeps days."""
        return True

    async def emit(self, events: Sequence[Event]) -> None:
        """Hand events over; they leave in the background."""
        if self._emitter is None:
            self._emitter = Producer(
                self._options
                | {
                    "acks": 1,
                    "message.timeout.ms": round(EMITTED_S * 1000),
                    "linger.ms": 2,
                    "queue.buffering.max.messages": 10_000,
                    "partitioner": "murmur2_random",
                }
            )
        try:
            for event in events:
                headers = [(name, value.encode()) for name, value in event.headers().items()]
                self._emitter.produce(
                    self._name(event.topic), event.data, event.key.encode(), headers=headers
                )
            self._emitter.poll(0)
        except BufferError as error:
            raise EventLogUnavailableError("Kafka does not take events: too many wait already") from error
        except KafkaException as error:
            raise _translated(error.args[0]) from error

    async def partitions(self, topics: Sequence[str]) -> list[PartitionState]:
        """The partitions of these topics, made if they are missing."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                return await _apart(lambda: self._partitions(topics))
            except _NotYetError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)

    def _partitions(self, topics: Sequence[str]) -> list[PartitionState]:
        self._make(topics)
        names = {self._name(topic): topic for topic in topics}
        cluster = self._admin.list_topics(timeout=TIMEOUT_S).cluster_id
        described = self._admin.describe_topics(TopicCollection(list(names)), request_timeout=TIMEOUT_S)
        found: list[tuple[Partition, str]] = []
        for name, future in described.items():
            topic = future.result(TIMEOUT_S)
            identity = f"{cluster}/{topic.topic_id}"
            found += [(Partition(names[name], one.id), identity) for one in topic.partitions]
        starts = self._offsets([one for one, _ in found], OffsetSpec.earliest())
        ends = self._offsets([one for one, _ in found], OffsetSpec.latest())
        return [
            PartitionState(one, str(starts[one]), str(ends[one]), identity) for one, identity in sorted(found)
        ]

    def _offsets(self, partitions: Sequence[Partition], which: OffsetSpec) -> dict[Partition, int]:
        """Offsets; the latest is that of what readers may meet, before transactions that are under way."""
        wanted = {TopicPartition(self._name(one.topic), one.number): which for one in partitions}
        asked = self._admin.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=TIMEOUT_S
        )
        found = {(one.topic, one.partition): future.result(TIMEOUT_S) for one, future in asked.items()}
        return {one: found[self._name(one.topic), one.number].offset for one in partitions}

    async def place(self, partition: Partition, position: str) -> Place:
        """Where the offset is."""

        def look() -> Place:
            if int(position) > self._offsets([partition], OffsetSpec.latest())[partition]:
                return Place.BEYOND
            first = self._offsets([partition], OffsetSpec.earliest())[partition]
            return Place.TRIMMED if int(position) < first else Place.KEPT

        return await _apart(look)

    def earlier(self, one: str, other: str) -> str:
        """Which of two offsets comes first."""
        return min(one, other, key=int)

    async def behind(self, positions: Mapping[Partition, str]) -> dict[Partition, int]:
        """How many offsets are behind each position; ends of transactions have one, too."""
        if not positions:
            return {}
        ends = await _apart(lambda: self._offsets(list(positions), OffsetSpec.latest()))
        return {one: max(0, ends[one] - int(position)) for one, position in positions.items()}

    @asynccontextmanager
    async def reader(self, positions: Mapping[Partition, str]) -> AsyncIterator["KafkaReader"]:
        """Read on from these offsets."""
        topics = {self._name(one.topic): one.topic for one in positions}
        consumer = Consumer(
            self._options
            | {
                "group.id": f"{self._prefix}stock-analysis",  # asked for, not used: positions are ours
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "latest" if set(topics.values()) == {Topic.LIVE} else "error",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 16_384,
            }
        )
        thread = ThreadPoolExecutor(1, "kafka-read")
        loop = asyncio.get_running_loop()
        try:
            consumer.assign(
                [
                    TopicPartition(self._name(one.topic), one.number, int(position))
                    for one, position in positions.items()
                ]
            )
            yield KafkaReader(consumer, thread, topics)
        finally:
            await loop.run_in_executor(thread, consumer.close)
            thread.shutdown(wait=False)

    async def check(self) -> str:
        """How many brokers there are."""
        brokers = await _apart(lambda: len(self._admin.list_topics(timeout=2).brokers))
        return f"Kafka with {brokers} broker{'s' if brokers > 1 else ''}"

    def _name(self, topic: str) -> str:
        return f"{self._prefix}{topic}"

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class KafkaReader:
    """Reads partitions on from offsets."""

    def __init__(self, consumer: Consumer, thread: ThreadPoolExecutor, topics: Mapping[str, str]) -> None:
        self._consumer = consumer
        self._thread = thread
        self._topics = topics
        self._error: KafkaError | None = None

    async def read(self, *, limit: int, wait_s: float) -> list[Record]:
        """The next messages of all partitions, `limit` of all together."""
        if self._error is not None:
            error, self._error = self._error, None
            raise _translated(error)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._thread, self._take, limit, wait_s)
        records = []
        for message in found:
            error = message.error()
            if error is None:
                records.append(self._record(message))
            elif error.code() != KafkaError._PARTITION_EOF:
                self._error = error
        if self._error is not None and not records:
            return await self.read(limit=limit, wait_s=wait_s)
        return records

    def _take(self, limit: int, wait_s: float) -> list[Message]:
        """Wait for one message, then take those that are there: none waits for more to come."""
        first = self._consumer.poll(wait_s)
        if first is None:
            return []
        return [first, *self._consumer.consume(limit - 1, 0)] if limit > 1 else [first]

    def _record(self, message: Message) -> Record:
        partition = Partition(self._topics[message.topic()], message.partition())
        headers = {name: value or b"" for name, value in message.headers() or []}
        return record_of(partition, str(message.offset() + 1), headers, message.value() or b"")


async def _apart(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except KafkaException as error:
        raise _translated(error.args[0]) from error
    except TimeoutError as error:
        raise EventLogUnavailableError("Kafka does not answer in time") from error


def _translated(error: KafkaError) -> EventLogError:
    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        return EventsTrimmedError(f"Kafka has dropped events: {error.str()}")
    if error.code() in _NOT_YET:
        return _NotYetError(f"Kafka does not do its work: {error.str()}")
    if error.code() in _REFUSED:
        return EventLogError(f"Kafka refused: {error.str()}")
    return EventLogUnavailableError(f"Kafka does not do its work: {error.str()}")


@asynccontextmanager
async def open_kafka_events(settings: Settings) -> AsyncIterator[KafkaEventLog]:
    """The event log on the Kafka of these settings."""
    log = KafkaEventLog(_options(settings), settings)
    try:
        yield log
    finally:
        await log.close()


def _options(settings: Settings) -> Options:
    protocol = ("SASL_" if settings.kafka_user else "") + ("SSL" if settings.kafka_tls else "PLAINTEXT")
    options: Options = {
        "bootstrap.servers": settings.kafka_servers,
        "client.id": "stock-analysis",
        "security.protocol": protocol,
        "socket.connection.setup.timeout.ms": 5000,
        "reconnect.backoff.max.ms": 1000,
        "topic.metadata.refresh.interval.ms": 30_000,
        "logger": _LOG,
        "log_level": 2,  # we tell ourselves what fails
    }
    if settings.kafka_ca_file is not None:
        options["ssl.ca.location"] = str(settings.kafka_ca_file)
    if settings.kafka_user:
        newest, *_ = secret(settings, "kafka_password").read() or ("",)
        options |= {
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": settings.kafka_user,
            "sasl.password": newest,
        }
    return options
