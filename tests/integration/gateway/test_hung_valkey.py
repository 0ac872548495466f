"""A Valkey that accepts connections and never answers, under the whole platform."""

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest
from valkey import Valkey

from stock_analysis.domain.bars import Interval
from stock_analysis.kit.db import Role, connect
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.valkey import STEP_BACK_S
from stock_analysis.testing.builders import instrument, random_bars, sessions, store_bars, store_instrument
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.valkey import PASSWORD, ValkeyServer

# A lease of four requests: the cache finds out that Valkey hangs, and the limits ask for more
# leases all the while. The wait is long enough to be told from what a busy machine adds.
GIVEN = {"rate_limit_per_minute": 240, "valkey_timeout_s": 1.0}


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    yield server
    server.resume()
    server.remove()


@pytest.fixture
def platform(database: Settings, own_valkey: ValkeyServer) -> Iterator[Platform]:
    asyncio.run(_seed(database))
    platform = Platform(own_valkey.add_to(database).model_copy(update=GIVEN))
    yield platform
    platform.remove()


async def _seed(settings: Settings) -> None:
    connection = await connect(settings, Role.OWNER)
    try:
        number = await store_instrument(connection, instrument())
        await store_bars(connection, number, Interval.D1, random_bars(sessions("2024-01-02", 200)))
    finally:
        await connection.close()


def seconds_of(client: httpx.Client, bars: int) -> float:
    """Time of a request that was not made before, so that it asks for a ready answer and keeps a new one."""
    began = time.monotonic()
    assert client.get("/api/v1/stocks/TEST/bars", params={"limit": bars}).status_code == 200
    return time.monotonic() - began


def test_a_hung_valkey_costs_one_wait_and_is_used_again_when_it_answers(
    platform: Platform, own_valkey: ValkeyServer
) -> None:
    with (
        httpx.Client(base_url=platform.url) as client,
        Valkey(port=own_valkey.port, password=PASSWORD) as far,
    ):
        seconds_of(client, 1)
        own_valkey.hang()
        first = seconds_of(client, 2)
        later = [seconds_of(client, bars) for bars in range(3, 33)]
        wait_s = platform.settings.valkey_timeout_s
        assert wait_s < first < 2 * wait_s
        assert sum(later) < STEP_BACK_S, "the test itself was too slow to tell"
        assert max(later) < wait_s
        assert platform.log.count('"valkey unavailable"') == 1
        own_valkey.resume()
        kept = far.dbsize()
        deadline = time.monotonic() + STEP_BACK_S + 5
        bars = 33
        while far.dbsize() == kept:
            assert time.monotonic() < deadline, "Valkey is not used again"
            seconds_of(client, bars := bars + 1)
            time.sleep(0.2)
