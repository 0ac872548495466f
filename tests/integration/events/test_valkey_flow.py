from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from valkey.asyncio import Valkey

from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.events import EventLog
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.valkey import PASSWORD, ValkeyServer
from tests.integration.events.flow_contract import FlowContract, flowing, many
from tests.integration.events.ledger import effects, settled, write, written


@pytest.fixture
def flow_settings(database: Settings, valkey: ValkeyServer) -> Settings:
    own = {"events_prefix": f"{database.database_name}."}
    return Settings.model_validate(valkey.add_to(database).model_dump() | own)


@pytest.fixture
async def event_log(flow_settings: Settings) -> AsyncIterator[EventLog]:
    async with open_event_log(flow_settings) as log:
        yield log


@pytest.fixture
async def client(valkey: ValkeyServer) -> AsyncIterator[Valkey]:
    async with Valkey(port=valkey.port, password=PASSWORD) as client:
        yield client


@pytest.fixture
def delete_topic(flow_settings: Settings, client: Valkey) -> Callable[[str], Awaitable[None]]:
    async def delete(topic: str) -> None:
        await client.delete(f"events:{flow_settings.events_prefix}{topic}")

    return delete


class TestOnValkey(FlowContract):
    async def test_a_log_that_is_away_delays_and_loses_nothing(
        self, flow_settings: Settings, event_log: EventLog, pool: asyncpg.Pool, valkey: ValkeyServer
    ) -> None:
        """It comes back empty: this Valkey keeps nothing."""
        async with flowing(flow_settings, event_log):
            await many(pool, "K1", 20)
            await settled(pool)
            valkey.kill()
            await many(pool, "K1", 20)
            valkey.stop()
            valkey.start()
            await settled(pool)
        assert await effects(pool) == await written(pool)

    async def test_the_disk_that_it_takes_is_bounded(
        self, flow_settings: Settings, pool: asyncpg.Pool, client: Valkey
    ) -> None:
        small = flow_settings.model_copy(update={"events_retained": 1000, "events_outbox_rows": 1000})
        async with (
            open_event_log(small) as log,
            flowing(small, log) as (relay,),
            pool.acquire() as connection,
        ):
            for _ in range(5):
                await write(connection, "K1", count=1000)
            await settled(pool)
            await log.make_room({})
            assert 1000 <= await client.xlen(f"events:{small.events_prefix}prices.bars.v1") < 1200
            await relay._prune(connection)
            assert await connection.fetchval("SELECT count(*) FROM outbox") == 1000
        assert await effects(pool) == await written(pool)
