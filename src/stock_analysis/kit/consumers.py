"""Consumers of events: what an event does and how far the consumer is commit together in PostgreSQL.

A log delivers at least once; an effect happens once all the same, because the newest event of each key that
was dealt with commits with it (`event_seen`), and one that comes again is passed over. An event of a history
that a restore took back is passed over, too (`event_epoch`).
"""

import asyncio
import time
from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
import structlog
from prometheus_client import Counter, Gauge, Histogram

from stock_analysis.kit.db import CONNECTION_ERRORS, Role, connect
from stock_analysis.kit.dead_letters import Dead, asked, set_aside, settle
from stock_analysis.kit.errors import KitError
from stock_analysis.kit.events import (
    Event,
    EventLog,
    EventLogUnavailableError,
    Partition,
    Place,
    Record,
)
from stock_analysis.kit.outbox import SQL
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.tasks import raise_if_cancelled

log = structlog.get_logger(__name__)

CONSUMED = Counter("events_consumed_total", "Events whose effect is committed.", ["consumer", "topic"])
PASSED_OVER = Counter(
    "events_passed_over_total",
    "Events that had come before, or that a restore took back.",
    ["consumer", "why"],
)
DEAD = Counter("events_dead_total", "Messages that were set aside.", ["consumer", "topic"])
BEHIND = Gauge("events_behind", "Events that a consumer has not met yet.", ["consumer", "topic"])
GAPS = Counter(
    "events_gaps_total", "Times that the log had trimmed what a consumer had not met.", ["consumer"]
)
DELIVERY = Histogram(
    "events_delivery_seconds",
    "From the event's time to the commit of its effect.",
    ["consumer"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300),
)

WAIT_S = 1.0
CHECK_S = 10.0
"""How often it is looked whether the topics are still the same, and how far behind the consumer is."""
LONGEST_PAUSE_S = 5.0

Handle = Callable[[asyncpg.Connection, Sequence[Event]], Awaitable[None]]
_ROLLED_BACK = (asyncpg.TransactionRollbackError, *CONNECTION_ERRORS)


_DATABASE_FAILED = (
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)


class HandleError(KitError):
    """A consumer could not deal with an event; the message says why."""


class FencedError(KitError):
    """Another process moved the position of this consumer."""


_NOT_POISON = (*_ROLLED_BACK, FencedError)


@dataclass(frozen=True, slots=True)
class Consumer:
    """What is done with the events of some topics.

    handle: called in a transaction that it must not end, with events in the order of their keys; what it
    raises undoes the transaction. An event that fails alone `attempts` times, or takes longer than
    patience_s, is set aside. batch: events of one transaction at most.
    """

    name: str
    topics: tuple[str, ...]
    handle: Handle
    batch: int = 500
    attempts: int = 3
    patience_s: float = 30.0


@dataclass
class _Place:
    """Where the consumer is in one partition."""

    identity: str
    position: str


@dataclass
class _Batch:
    """Records of one transaction, sorted out."""

    records: Sequence[Record]
    fresh: list[Event] = field(default_factory=list)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)


class ConsumerRunner:
    """Runs one consumer for ever; of several processes with the same one, one is active."""

    def __init__(self, settings: Settings, event_log: EventLog, consumer: Consumer, role: Role) -> None:
        self._settings = settings
        self._log = event_log
        self._consumer = consumer
        self._role = role
        self._places: dict[Partition, _Place] = {}
        self._epochs: dict[str, int | None] = {}
        self._behind = 0
        self.state = "starting"

    async def run(self) -> None:
        """Consume until cancelled; what fails is tried again, ever more slowly."""
        pause_s = 0.1
        while True:
            began = time.monotonic()
            try:
                await self._session()
            except Exception as error:  # noqa: BLE001 - it goes on; log and health say why it does not work
                raise_if_cancelled()
                self.state = f"failing: {str(error) or type(error).__name__}"
                log.warning(
                    "consumer interrupted",
                    consumer=self._consumer.name,
                    error=str(error) or type(error).__name__,
                    again_in_s=pause_s,
                )
            if time.monotonic() - began > LONGEST_PAUSE_S:
                pause_s = 0.1
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    async def _session(self) -> None:
        connection = await connect(self._settings, self._role)
        try:
            await self._become_active(connection)
            await self._find_places(connection)
            positions = {one: place.position for one, place in self._places.items()}
            async with self._log.reader(positions) as reader:
                self.state = "active"
                checked = replayed = 0.0
                while True:
                    records = await reader.read(limit=self._consumer.batch, wait_s=WAIT_S)
                    if records:
                        await self._take(connection, records)
                    if time.monotonic() - replayed > WAIT_S:
                        replayed = time.monotonic()
                        await self._replay(connection)
                    if time.monotonic() - checked > CHECK_S:
                        checked = time.monotonic()
                        if await self._is_another_log():
                            return
        finally:
            connection.terminate()

    async def _become_active(self, connection: asyncpg.Connection) -> None:
        """Wait until no other process is this consumer."""
        ask = "SELECT pg_try_advisory_lock(hashtext('consumer'), hashtext($1))"
        while not await connection.fetchval(ask, self._consumer.name):
            self.state = "ready: another process is active"
            await asyncio.sleep(WAIT_S)

    async def _find_places(self, connection: asyncpg.Connection) -> None:
        """The positions that PostgreSQL has, where the log still knows them; else the log's beginning.

        From there, what was dealt with before is passed over.
        """
        name = self._consumer.name
        rows = await connection.fetch(SQL["positions"], name)
        known = {Partition(row["topic"], row["partition"]): row for row in rows}
        self._places = {}
        for state in await self._log.partitions(self._consumer.topics):
            row, position = known.get(state.partition), state.start
            if row is not None and row["identity"] == state.identity:
                place = await self._log.place(state.partition, row["position"])
                if place is Place.KEPT:
                    position = row["position"]
                if place is Place.TRIMMED:
                    GAPS.labels(name).inc()
                    log.error("events trimmed before they were consumed", consumer=name, topic=row["topic"])
                    await connection.execute(SQL["publish_again"], row["topic"])
            if row is None or (row["identity"], row["position"]) != (state.identity, position):
                part = state.partition
                what = (name, part.topic, part.number, state.identity, position)
                await connection.execute(SQL["begin_position"], *what)
            self._places[state.partition] = _Place(state.identity, position)
        await self._read_epochs(connection)

    async def _read_epochs(self, connection: asyncpg.Connection) -> None:
        self._epochs = {str(row["id"]): row["ends_at"] for row in await connection.fetch(SQL["epochs"])}

    async def _is_another_log(self) -> bool:
        name = self._consumer.name
        states = await self._log.partitions(self._consumer.topics)
        behind = await self._log.behind({one: place.position for one, place in self._places.items()})
        self._behind = sum(behind.values())
        for topic in self._consumer.topics:
            BEHIND.labels(name, topic).set(sum(n for one, n in behind.items() if one.topic == topic))
        return {one.partition: one.identity for one in states} != {
            partition: place.identity for partition, place in self._places.items()
        }

    async def _take(self, connection: asyncpg.Connection, records: Sequence[Record]) -> None:
        """All in one transaction; if that fails for what they are, each in one of its own."""
        if all(record.event is not None for record in records):
            try:
                await self._apply(connection, records)
            except _NOT_POISON:
                raise
            except Exception as error:  # noqa: BLE001 - also what the commit finds; each is tried alone
                log.info("batch failed", consumer=self._consumer.name, error=str(error), size=len(records))
            else:
                return
        for record in records:
            await self._take_alone(connection, record)

    async def _take_alone(self, connection: asyncpg.Connection, record: Record) -> None:
        reason, attempts = record.defect, 0
        while record.event is not None and attempts < self._consumer.attempts:
            attempts += 1
            try:
                await self._apply(connection, [record])
            except _NOT_POISON:
                raise
            except Exception as error:  # noqa: BLE001 - also what the commit finds
                reason = reason_of(error)
                if attempts < self._consumer.attempts:
                    await asyncio.sleep(0.05 * 2**attempts)
            else:
                return
        await self._bury(connection, record, reason, max(1, attempts))

    async def _apply(self, connection: asyncpg.Connection, records: Sequence[Record]) -> None:
        async with connection.transaction():
            batch = await self._sort_out(connection, records)
            if batch.fresh:
                await self._handle(connection, batch.fresh)
            moved = await self._move(connection, batch)
        self._moved(moved)
        now = datetime.now(UTC)
        delivery = DELIVERY.labels(self._consumer.name)
        for event in batch.fresh:
            delivery.observe(max(0.0, (now - event.time).total_seconds()))
        for topic, count in Counts(event.topic for event in batch.fresh).items():
            CONSUMED.labels(self._consumer.name, topic).inc(count)

    async def _handle(self, connection: asyncpg.Connection, events: Sequence[Event]) -> None:
        """Have the consumer do its work. HandleError is what it raises, unless the database failed."""
        try:
            async with asyncio.timeout(self._consumer.patience_s):
                await self._consumer.handle(connection, events)
        except Exception as error:
            if connection.is_closed() or isinstance(error, _DATABASE_FAILED):
                raise
            raise HandleError(reason_of(error)) from error

    async def _bury(self, connection: asyncpg.Connection, record: Record, reason: str, attempts: int) -> None:
        """Set a message aside and go on behind it."""
        topic = record.partition.topic
        async with connection.transaction():
            batch = await self._sort_out(connection, [record])
            identity = self._places[record.partition].identity
            await set_aside(connection, Dead(self._consumer.name, record, identity, reason, attempts))
            moved = await self._move(connection, batch)
        self._moved(moved)
        DEAD.labels(self._consumer.name, topic).inc()
        log.error(
            "event set aside",
            consumer=self._consumer.name,
            topic=topic,
            partition=record.partition.number,
            position=record.position,
            error=reason,
        )

    async def _sort_out(self, connection: asyncpg.Connection, records: Sequence[Record]) -> _Batch:
        """Which events are to be dealt with: of this history, and not dealt with before."""
        name = self._consumer.name
        events = [record.event for record in records if record.event is not None]
        if any(event.epoch and event.epoch not in self._epochs for event in events):
            await self._read_epochs(connection)
        keys = [[event.topic for event in events], [event.key for event in events]]
        rows = await connection.fetch(SQL["seen"], name, *keys) if events else []
        seen = {(row["topic"], row["key"]): row["sequence"] for row in rows}
        batch = _Batch(records)
        for event in events:
            at = (event.topic, event.key)
            if not event.sequence:
                batch.fresh.append(event)
            elif not self._is_of_this_history(event):
                PASSED_OVER.labels(name, "taken back by a restore").inc()
            elif event.sequence <= seen.get(at, 0):
                PASSED_OVER.labels(name, "came before").inc()
            else:
                seen[at] = batch.seen[at] = event.sequence
                batch.fresh.append(event)
        return batch

    def _is_of_this_history(self, event: Event) -> bool:
        if event.epoch not in self._epochs:
            return False
        ends_at = self._epochs[event.epoch]
        return ends_at is None or event.sequence <= ends_at

    async def _move(self, connection: asyncpg.Connection, batch: _Batch) -> Mapping[Partition, str]:
        """Move the positions, unless another process has."""
        name = self._consumer.name
        if batch.seen:
            topics, keys = zip(*batch.seen, strict=True)
            await connection.execute(SQL["note_seen"], name, topics, keys, list(batch.seen.values()))
        ends = {record.partition: record.position for record in batch.records}
        for partition, position in ends.items():
            place = self._places[partition]
            where = (name, partition.topic, partition.number, place.identity, place.position)
            if await connection.fetchval(SQL["move_position"], *where, position) is None:
                raise FencedError
        return ends

    def _moved(self, ends: Mapping[Partition, str]) -> None:
        for partition, position in ends.items():
            self._places[partition].position = position

    async def _replay(self, connection: asyncpg.Connection) -> None:
        """Try again what a person asked for, each in a transaction of its own."""
        for dead in await asked(connection, self._consumer.name):
            try:
                async with connection.transaction():
                    await self._handle(connection, [dead.event])
                    await settle(connection, dead, None)
            except _NOT_POISON:
                raise
            except Exception as error:  # noqa: BLE001 - also what the commit finds
                await settle(connection, dead, reason_of(error))

    async def check(self) -> str:
        """What it does. Raises EventLogUnavailableError when it does nothing."""
        if self.state.startswith("failing"):
            raise EventLogUnavailableError(f"consumer {self._consumer.name}: {self.state}")
        return f"{self.state.partition(':')[0]}, {self._behind:,} behind"


def reason_of(error: BaseException) -> str:
    """Why a consumer could not deal with an event, in a line."""
    if isinstance(error, HandleError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "it took too long"
    return f"{type(error).__name__}: {error}"[:1000]
