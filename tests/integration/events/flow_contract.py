"""From the outbox through relay and log to the effect of a consumer, whatever log carries it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import asyncpg
import orjson
import pytest

from stock_analysis.domain.events import decode_payload
from stock_analysis.kit.consumers import Consumer, ConsumerRunner
from stock_analysis.kit.db import Role
from stock_analysis.kit.dead_letters import ask, list_dead
from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.events import Event, EventLog, Topic
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.tasks import beside
from stock_analysis.relay.service import Relay
from stock_analysis.testing.postgres import PostgresCluster
from tests.integration.events.ledger import (
    LEDGER,
    apply,
    effects,
    open_ledger,
    settled,
    until,
    write,
    written,
)

KEYS = tuple(f"K{number}" for number in range(5))


@asynccontextmanager
async def flowing(
    settings: Settings, log: EventLog, *, consumer: Consumer = LEDGER, relays: int = 1
) -> AsyncIterator[list[Relay]]:
    """So many relays and a consumer at work."""
    async with AsyncExitStack() as stack:
        started = [Relay(settings, log) for _ in range(relays)]
        for relay in started:
            await stack.enter_async_context(beside(relay.run()))
        runner = ConsumerRunner(settings, log, consumer, Role.RELAY)
        await stack.enter_async_context(beside(runner.run()))
        yield started


class FlowContract:
    """The suite; a subclass in a file of its own gives `event_log` and `flow_settings`."""

    @pytest.fixture(autouse=True)
    async def ledger(self, pool: asyncpg.Pool) -> None:
        await open_ledger(pool, KEYS)

    async def test_what_was_committed_arrives_once_and_in_order(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool
    ) -> None:
        async with flowing(flow_settings, event_log):
            await asyncio.gather(*(many(pool, key, 40) for key in KEYS for _ in range(2)))
            await settled(pool)
        assert await effects(pool) == await written(pool)
        assert await pool.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0

    async def test_a_consumer_goes_on_where_it_was_left(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool
    ) -> None:
        for _ in range(3):
            async with flowing(flow_settings, event_log):
                await many(pool, "K1", 20)
                await settled(pool)
        assert await effects(pool) == await written(pool)

    async def test_one_event_that_never_works_is_set_aside_and_blocks_nobody(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool
    ) -> None:
        mended = False

        async def picky(connection: asyncpg.Connection, events: Sequence[Event]) -> None:
            await apply(connection, events)
            if not mended and any(event.key == "K1" and b'"n":3}' in event.data for event in events):
                raise ArithmeticError("three is too much")

        async with flowing(flow_settings, event_log, consumer=Consumer("ledger", (Topic.BARS,), picky)):
            await asyncio.gather(*(many(pool, key, 10) for key in KEYS))
            await until(lambda: has(pool, "SELECT count(*) = 49 FROM effect"))
            (dead,) = await list_dead(pool)
            assert (dead.consumer, dead.key, dead.attempts) == ("ledger", "K1", 3)
            assert dead.reason == "ArithmeticError: three is too much"
            assert dead.headers["ce_subject"] == "K1"
            assert orjson.loads(dead.data)["n"] == 3
            await self.check_dead_letter_topic(event_log)

            await ask(pool, [dead.id], "asked")
            await until(lambda: has(pool, "SELECT state = 'open' AND attempts = 4 FROM dead_letter"))
            mended = True
            await ask(pool, [dead.id], "asked")
            await until(lambda: has(pool, "SELECT state = 'replayed' FROM dead_letter"))
        assert sorted((await effects(pool))["K1"]) == list(range(1, 11))

    async def check_dead_letter_topic(self, event_log: EventLog) -> None:
        topic = Topic.BARS.dead_letters
        starts = {one.partition: one.start for one in await event_log.partitions([topic])}
        async with event_log.reader(starts) as reader:
            (record,) = await reader.read(limit=10, wait_s=20)
        assert record.event is not None
        told = orjson.loads(record.event.data)
        assert (told["consumer"], told["reason"]) == ("ledger", "ArithmeticError: three is too much")

    async def test_a_handler_that_hangs_is_given_up(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool
    ) -> None:
        async def stuck(connection: asyncpg.Connection, events: Sequence[Event]) -> None:
            if any(event.key == "K2" for event in events):
                await asyncio.sleep(60)
            await apply(connection, events)

        consumer = Consumer("ledger", (Topic.BARS,), stuck, attempts=1, patience_s=0.2)
        async with flowing(flow_settings, event_log, consumer=consumer):
            await many(pool, "K2", 1)
            await many(pool, "K3", 3)
            await until(lambda: has(pool, "SELECT count(*) = 3 FROM effect"))
            (dead,) = await list_dead(pool)
        assert dead.reason == "it took too long"

    async def test_a_schema_of_the_future_is_set_aside_with_what_to_do(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool
    ) -> None:
        async def decoding(connection: asyncpg.Connection, events: Sequence[Event]) -> None:
            for event in events:
                decode_payload(event.topic, event.schema, event.data)
            await apply(connection, events)

        async with flowing(flow_settings, event_log, consumer=Consumer("ledger", (Topic.BARS,), decoding)):
            async with pool.acquire() as connection:
                await write(connection, "K1", schema="2.0")
            await until(lambda: has(pool, "SELECT count(*) = 1 FROM dead_letter"))
            (dead,) = await list_dead(pool)
        assert "schema 2.0 of prices.bars.v1 is newer than 1.0" in dead.reason
        assert "stock-analysis events dead replay" in dead.reason

    async def test_of_two_relays_one_works_and_the_other_takes_over(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool, postgres: PostgresCluster
    ) -> None:
        async with open_event_log(flow_settings) as other_log, flowing(flow_settings, event_log) as (first,):
            await until(lambda: holds(lambda: first.state == "active"))
            second = Relay(flow_settings, other_log)
            async with beside(second.run()):
                await many(pool, "K1", 20)
                await settled(pool)
                assert second.state == "ready: another relay is active"
                end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                end += " AND granted AND classid = 0 AND database = (SELECT oid FROM pg_database"
                postgres.execute(f"{end} WHERE datname = '{flow_settings.database_name}')")
                await asyncio.gather(*(many(pool, key, 20) for key in KEYS))
                await settled(pool)
                both = (first, second)
                await until(lambda: holds(lambda: states(both) == ["active", "ready"]))
        assert await effects(pool) == await written(pool)

    async def test_a_clock_that_is_wrong_by_a_day_changes_neither_order_nor_delivery(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool
    ) -> None:
        async with pool.acquire() as connection:
            for days in (0, 1, -1, 0):
                await write(connection, "K1", count=5)
                await connection.execute(
                    "UPDATE outbox SET created_at = created_at + $1 WHERE published_at IS NULL"
                    " AND id > (SELECT max(id) - 5 FROM outbox)",
                    timedelta(days=days),
                )
        async with flowing(flow_settings, event_log):
            await settled(pool)
        assert (await effects(pool))["K1"] == list(range(1, 21))

    async def test_a_deleted_topic_is_made_again_with_what_the_outbox_holds(
        self,
        flow_settings: Settings,
        event_log: EventLog,
        pool: asyncpg.Pool,
        delete_topic: Callable[[str], Awaitable[None]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("stock_analysis.relay.service.CHECK_S", 0.5)
        monkeypatch.setattr("stock_analysis.kit.consumers.CHECK_S", 0.5)
        async with flowing(flow_settings, event_log):
            await many(pool, "K1", 20)
            await settled(pool)
        async with beside(Relay(flow_settings, event_log).run()):  # nobody consumes these
            await many(pool, "K1", 20)
            await until(lambda: has(pool, "SELECT bool_and(published_at IS NOT NULL) FROM outbox"))
        await delete_topic(Topic.BARS)
        async with flowing(flow_settings, event_log):
            await settled(pool)
            await delete_topic(Topic.BARS)
            await many(pool, "K1", 20)
            await settled(pool)
        assert await effects(pool) == await written(pool)

    async def test_what_a_log_refuses_is_set_aside_by_the_relay(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool
    ) -> None:
        async with pool.acquire() as connection:
            await write(connection, "K1")
            await write(connection, "K1", topic="no such topic!")
            await write(connection, "K2")
        async with flowing(flow_settings, event_log):
            await until(lambda: has(pool, "SELECT count(*) = 2 FROM effect"))
        assert await pool.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0


def states(relays: Sequence[Relay]) -> list[str]:
    """What they do, in words without reasons."""
    return sorted(one.state.partition(":")[0] for one in relays)


async def many(pool: asyncpg.Pool, key: str, count: int) -> None:
    """So many transactions, one after the other."""
    async with pool.acquire() as connection:
        for _ in range(count):
            await write(connection, key)


async def has(pool: asyncpg.Pool, question: str) -> bool:
    """What the database says."""
    return bool(await pool.fetchval(question))


async def holds(condition: Callable[[], bool]) -> bool:
    """The same, awaited."""
    return condition()
