"""Events through outbox, relay, Kafka and consumer, beside a bare loop of confluent-kafka in the same run."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import numpy as np
import orjson
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from stock_analysis.kit.consumers import Consumer, ConsumerRunner
from stock_analysis.kit.db import Role
from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.events import Event, Topic
from stock_analysis.kit.outbox import NewEvent, put_events
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.tasks import beside
from stock_analysis.testing.builders import environment
from stock_analysis.testing.postgres import PostgresCluster, connect
from stock_analysis.testing.processes import free_port
from tests.bench.bars import BIN
from tests.bench.table import Row
from tests.integration.events.ledger import until
from tests.kafka import KafkaCluster

EVENTS, BATCH, KEYS = 60_000, 500, 200
RATE, SECONDS = 1000, 15
PAYLOAD = orjson.dumps({"symbol": "K1", "pad": "x" * 200})


def measure_events() -> Iterator[Row]:
    """Events a second, and how long one takes from its commit to the consumer."""
    postgres, kafka = PostgresCluster(fsync=True), KafkaCluster(1)
    try:
        settings = kafka.add_to(postgres.create_database())
        with relay(settings):
            ours = asyncio.run(pass_through(settings))
            bare = bare_loop(kafka.servers)
            late_ms = asyncio.run(latencies(settings))
    finally:
        kafka.remove()
        postgres.remove()
    yield Row(
        f"{EVENTS:,} events: outbox, relay, Kafka, consumer",
        ">= 10,000/s",
        f"{ours:,.0f}/s ({ours / bare:.2f}x)",
        f"bare confluent-kafka {bare:,.0f}/s",
        ours >= 10_000,
    )
    p50, p99 = np.percentile(late_ms, (50, 99))
    yield Row(
        f"commit to consumer at {RATE:,}/s",
        "p99 <= 250 ms",
        f"p50 {p50:.0f}, p99 {p99:.0f} ms",
        met=bool(p99 <= 250),
    )


@contextmanager
def relay(settings: Settings) -> Iterator[None]:
    """The relay with its consumer, as it is installed, in a process of its own."""
    environ = os.environ | environment(settings) | {"STOCK_RELAY_PORT": str(free_port())}
    command = [str(BIN / "stock-analysis"), "serve", "--target", "relay"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def pass_through(settings: Settings) -> float:
    """Events a second from the first transaction to the last effect."""
    connection = await connect(settings)
    await put(connection, 1)
    await delivered(connection, 1)
    started = time.perf_counter()
    for _ in range(EVENTS // BATCH):
        await put(connection, BATCH)
    await delivered(connection, EVENTS + 1)
    took = time.perf_counter() - started
    await connection.close()
    return EVENTS / took


async def put(connection: asyncpg.Connection, count: int) -> None:
    """One transaction."""
    async with connection.transaction():
        events = [NewEvent(Topic.BARS, f"K{number % KEYS}", "1.0", PAYLOAD) for number in range(count)]
        await put_events(connection, "bench", events)


async def delivered(connection: asyncpg.Connection, count: int) -> None:
    """Wait until so many have had their effect."""
    await until(lambda: _has(connection, "SELECT sum(events) >= $1 FROM event_delivery", count), 300)


async def _has(connection: asyncpg.Connection, question: str, *args: object) -> bool:
    return bool(await connection.fetchval(question, *args))


async def latencies(settings: Settings) -> list[float]:
    """Milliseconds from the commit to the call of the consumer, of events at RATE."""
    committed: dict[int, float] = {}
    met: dict[int, float] = {}

    async def note(_: asyncpg.Connection, events: Sequence[Event]) -> None:
        now = time.perf_counter()
        met.update({orjson.loads(event.data)["n"]: now for event in events})

    async with consuming(settings, Consumer("bench", (Topic.ALERTS,), note)):
        connection = await connect(settings)
        await asyncio.sleep(2)
        step = 10
        started = time.perf_counter()
        for first in range(0, RATE * SECONDS, step):
            await asyncio.sleep(max(0, started + first / RATE - time.perf_counter()))
            async with connection.transaction():
                events = [
                    NewEvent(Topic.ALERTS, f"K{n % KEYS}", "1.0", orjson.dumps({"n": n}))
                    for n in range(first, first + step)
                ]
                await put_events(connection, "bench", events)
            committed.update(dict.fromkeys(range(first, first + step), time.perf_counter()))
        await until(lambda: _holds(lambda: len(met) >= len(committed)), 300)
        await connection.close()
    return [(met[n] - at) * 1000 for n, at in committed.items()]


async def _holds(condition: Callable[[], bool]) -> bool:
    return condition()


@asynccontextmanager
async def consuming(settings: Settings, consumer: Consumer) -> AsyncIterator[None]:
    """The consumer at work in this process."""
    async with (
        open_event_log(settings) as log,
        beside(ConsumerRunner(settings, log, consumer, Role.RELAY).run()),
    ):
        yield


def bare_loop(servers: str) -> float:
    """Events a second of a producer and a consumer alone, one after the other in turns of a batch."""
    topic = "bare"
    admin = AdminClient({"bootstrap.servers": servers})  # kept: with it, what it was asked for would end
    for future in admin.create_topics([NewTopic(topic, 3, 1)]).values():
        future.result(20)
    producer = Producer(
        {"bootstrap.servers": servers, "acks": "all", "enable.idempotence": True, "linger.ms": 2}
    )
    consumer = KafkaConsumer({"bootstrap.servers": servers, "group.id": "bare", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(3)])
    headers = list(Event(Topic.BARS, "K1", b"", "bench", sequence=1, epoch="e" * 36).headers().items())
    started, met = time.perf_counter(), 0
    for first in range(0, EVENTS, BATCH):
        for number in range(first, first + BATCH):
            producer.produce(topic, PAYLOAD, f"K{number % KEYS}", headers=headers)
        producer.flush()
        met += len(consumer.consume(BATCH, 0))
    while met < EVENTS:
        met += len(consumer.consume(BATCH, 1.0))
    took = time.perf_counter() - started
    consumer.close()
    return EVENTS / took
