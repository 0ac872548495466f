"""The relay: publishes the outbox in its order, marks what the log took, and keeps the outbox small.

Of several relays the one that holds an advisory lock is active, the others are ready. What is published
twice, because relay or log died between the two, has the same ids and sequences: consumers pass it over.
"""

import asyncio
import time
from collections import Counter as Counts
from collections.abc import Sequence

import asyncpg
import structlog
from prometheus_client import Counter, Gauge

from stock_analysis.kit.consumers import reason_of
from stock_analysis.kit.db import CONNECTION_ERRORS, Role, connect
from stock_analysis.kit.dead_letters import Dead, asked, count_dead, set_aside
from stock_analysis.kit.events import (
    DURABLE,
    Event,
    EventLog,
    EventLogError,
    EventLogUnavailableError,
    Partition,
    Record,
)
from stock_analysis.kit.outbox import CHANNEL, SQL
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.tasks import raise_if_cancelled

log = structlog.get_logger(__name__)

PUBLISHED = Counter("events_published_total", "Events of the outbox that the log took.", ["topic"])
WAITING = Gauge(
    "events_outbox_waiting", "Events in the outbox that wait to be published, counted to 100,000."
)
OLDEST = Gauge("events_outbox_oldest_seconds", "For how long the oldest of them has waited.")
ACTIVE = Gauge("events_relay_active", "1 in the process whose relay is active.")
AGAIN = Counter("events_published_again_total", "Times that the outbox was published again.", ["why"])
SET_ASIDE = Gauge(
    "events_dead_letters", "Messages that are set aside and wait for a person.", ["consumer", "topic"]
)

NAME = "relay"
BATCH = 1000
POLL_S = 1.0
"""How often the outbox is looked at when nothing was notified, and a ready relay tries to become active."""
CHECK_S = 10.0
PRUNE_S = 30.0
OVERLAP_S = 5.0
"""After the log was away, what was published so shortly before is published again: it may be lost."""
LONGEST_PAUSE_S = 5.0
CROWDED_S = 0.02
"""How long to wait for consumers when the log has no room."""
STALE_S = 3600.0
KEEP_DEAD_S, KEEP_DEAD_ROWS = 30 * 86_400, 100_000

_LOCK = 0x52454C59  # "RELY": one active relay on this database
_ROLLED_BACK = (asyncpg.TransactionRollbackError, *CONNECTION_ERRORS)


class Relay:
    """One relay; run() never ends by itself."""

    def __init__(self, settings: Settings, event_log: EventLog) -> None:
        self._settings = settings
        self._log = event_log
        self._filled = asyncio.Event()
        self._topics = [one.value for one in DURABLE] + [one.dead_letters for one in DURABLE]
        self._waiting = self._set_aside = 0
        self.state = "starting"

    async def run(self) -> None:
        """Publish until cancelled; what fails is tried again, ever more slowly."""
        pause_s = 0.1
        while True:
            began = time.monotonic()
            try:
                await self._session()
            except Exception as error:  # noqa: BLE001 - it goes on; log and health say why it does not work
                raise_if_cancelled()
                self._note_failure(error, pause_s)
            finally:
                ACTIVE.set(0)
            if time.monotonic() - began > LONGEST_PAUSE_S:
                pause_s = 0.1
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    def _note_failure(self, error: BaseException, pause_s: float) -> None:
        self.state = f"failing: {str(error) or type(error).__name__}"
        log.warning("relay interrupted", error=str(error) or type(error).__name__, again_in_s=pause_s)

    async def _session(self) -> None:
        connection = await connect(self._settings, Role.RELAY)
        try:
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                self.state = "ready: another relay is active"
                await asyncio.sleep(POLL_S)
            log.info("relay active")
            ACTIVE.set(1)
            await connection.add_listener(CHANNEL, lambda *_: self._filled.set())
            await self._publish_for_ever(connection)
        finally:
            connection.terminate()

    async def _publish_for_ever(self, connection: asyncpg.Connection) -> None:
        checked = pruned = -CHECK_S
        was_away, pause_s = False, 0.1
        while True:
            try:
                if time.monotonic() - checked > CHECK_S:
                    await self._settle(connection, was_away=was_away)
                    checked, was_away = time.monotonic(), False
                self._filled.clear()
                count = await self.publish_batch(connection)
                self.state, pause_s = "active", 0.1
            except EventLogError as error:
                raise_if_cancelled()
                self._note_failure(error, pause_s)
                await self._measure(connection)
                checked, was_away = -CHECK_S, True
                await asyncio.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
                continue
            if time.monotonic() - pruned > PRUNE_S:
                pruned = time.monotonic()
                await self._prune(connection)
            if count < BATCH:
                await self._wait(connection)

    async def _wait(self, connection: asyncpg.Connection) -> None:
        """Until events are put into the outbox, or for POLL_S."""
        try:
            async with asyncio.timeout(POLL_S):
                await self._filled.wait()
        except TimeoutError:
            await self._measure(connection)

    async def publish_batch(self, connection: asyncpg.Connection) -> int:
        """Publish the oldest events that wait, and mark them; returns how many they were."""
        rows = await connection.fetch(SQL["waiting_events"], BATCH)
        if rows and not await self._log.make_room(await self._slowest(connection)):
            await asyncio.sleep(CROWDED_S)
            return BATCH
        if rows:
            await self._publish(connection, [(row["id"], _event(row)) for row in rows])
        return len(rows)

    async def _slowest(self, connection: asyncpg.Connection) -> dict[Partition, str]:
        """Where consumers are that are at work: the log is not to drop what they have not met.

        One that was away for longer finds a gap, and has the outbox published again.
        """
        rows = await connection.fetch(SQL["slowest_positions"], STALE_S)
        found: dict[Partition, str] = {}
        for row in rows:
            partition = Partition(row["topic"], row["partition"])
            found[partition] = self._log.earlier(found.get(partition, row["position"]), row["position"])
        return found

    async def _publish(self, connection: asyncpg.Connection, events: Sequence[tuple[int, Event]]) -> None:
        """Publish and mark. What the log refuses for itself is found by halves, and set aside."""
        try:
            await self._log.publish([event for _, event in events])
        except EventLogUnavailableError:
            raise
        except EventLogError as error:
            if len(events) > 1:
                middle = len(events) // 2
                await self._publish(connection, events[:middle])
                await self._publish(connection, events[middle:])
                return
            await self._refuse(connection, *events[0], reason_of(error))
            return
        await connection.execute(SQL["mark_published"], [number for number, _ in events])
        for topic, count in Counts(event.topic for _, event in events).items():
            PUBLISHED.labels(topic).inc(count)

    async def _refuse(self, connection: asyncpg.Connection, number: int, event: Event, reason: str) -> None:
        headers = {name: value.encode() for name, value in event.headers().items()}
        record = Record(Partition(event.topic), str(number), event, event.data, headers)
        async with connection.transaction():
            await set_aside(connection, Dead(NAME, record, "outbox", reason, 1), tell=False)
            await connection.execute(SQL["mark_published"], [number])
        log.error("event refused by the log", topic=event.topic, sequence=number, error=reason)

    async def _settle(self, connection: asyncpg.Connection, *, was_away: bool) -> None:
        """See that the topics are there, and whether the log is the one that the outbox was published to.

        In another log, or another history of the database, all that the outbox holds is published again.
        """
        epoch = await connection.fetchval(SQL["current_epoch"])
        identities = {
            state.partition.topic: state.identity for state in await self._log.partitions(self._topics)
        }
        for topic, identity in identities.items():
            known = await connection.fetchrow(SQL["known_log"], topic)
            if known is not None and (known["identity"], known["epoch"]) == (identity, epoch):
                continue
            async with connection.transaction():
                if known is not None:
                    why = "another log" if known["identity"] != identity else "another history"
                    AGAIN.labels(why).inc()
                    log.warning("outbox published again", topic=topic, why=why)
                    await connection.execute(SQL["publish_again"], topic)
                await connection.execute(SQL["note_log"], topic, identity, epoch)
        if was_away:
            AGAIN.labels("the log was away").inc()
            await connection.execute(SQL["publish_newest_again"], OVERLAP_S)
        await self._release(connection)
        await self._measure(connection)

    async def _release(self, connection: asyncpg.Connection) -> None:
        """Put refused events that a person asked for back to the end of the outbox."""
        for dead in await asked(connection, NAME):
            event = dead.record.event
            if event is not None:
                await connection.execute(SQL["release_refused"], dead.id, int(dead.record.position))

    async def _measure(self, connection: asyncpg.Connection) -> None:
        state = await connection.fetchrow(SQL["outbox_state"])
        self._waiting = state["waiting"]
        WAITING.set(self._waiting)
        OLDEST.set(state["oldest_s"])
        SET_ASIDE.clear()
        dead = await count_dead(connection)
        self._set_aside = sum(dead.values())
        for (consumer, topic), messages in dead.items():
            SET_ASIDE.labels(consumer, topic).set(messages)

    async def _prune(self, connection: asyncpg.Connection) -> None:
        keep_s, keep_rows = self._settings.events_outbox_s, self._settings.events_outbox_rows
        while await connection.execute(SQL["prune_outbox"], keep_s, keep_rows) == "DELETE 10000":
            log.debug("outbox pruned")
        await connection.execute(SQL["prune_dead"], float(KEEP_DEAD_S), KEEP_DEAD_ROWS)

    async def check(self) -> str:
        """What it does, and on which log. Raises EventLogUnavailableError when it does nothing."""
        if self.state.startswith("failing"):
            raise EventLogUnavailableError(f"{self._waiting:,} events wait in the outbox: {self.state}")
        told = [await self._log.check(), self.state.partition(":")[0], f"{self._waiting:,} wait"]
        if self._set_aside:
            told.append(f"{self._set_aside:,} set aside")
        return ", ".join(told)


def _event(row: asyncpg.Record) -> Event:
    return Event(
        topic=row["topic"],
        key=row["key"],
        data=row["data"].encode(),
        source=row["source"],
        id=row["event_id"],
        time=row["created_at"],
        schema=row["schema"],
        sequence=row["id"],
        epoch=row["epoch"],
        request_id=row["request_id"],
        traceparent=row["traceparent"],
    )
