"""One suite for the counters of the limits: the shared one and the local one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import pytest
from valkey.asyncio import Valkey

from stock_analysis.gateway.limits import FallbackCounter, InMemoryCounter, Limiter, ValkeyCounter
from stock_analysis.gateway.ports import Counter
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.valkey import VALKEY_ERRORS, SharedValkey, open_valkey
from stock_analysis.testing.valkey import PASSWORD, ValkeyServer

PATIENT = {"valkey_timeout_s": 10.0}
"""Fifty connections at once, beside other tests, take longer than a request may wait."""


def open_patiently(valkey: ValkeyServer) -> AbstractAsyncContextManager[SharedValkey]:
    return open_valkey(valkey.add_to(Settings.model_validate(PATIENT)))


@pytest.fixture(params=["local", pytest.param("shared", marks=pytest.mark.server)])
async def counter(request: pytest.FixtureRequest) -> AsyncIterator[Counter]:
    if request.param == "local":
        yield InMemoryCounter()
        return
    async with open_patiently(request.getfixturevalue("valkey")) as shared:
        yield ValkeyCounter(shared)


async def test_a_sum_grows_by_what_is_added(counter: Counter) -> None:
    name = uuid4().hex
    assert [await counter.add(name, amount, 60) for amount in (1, 100, 7)] == [1, 101, 108]


async def test_names_are_summed_apart(counter: Counter) -> None:
    one, other = uuid4().hex, uuid4().hex
    await counter.add(one, 5, 60)
    assert await counter.add(other, 1, 60) == 1


async def test_simultaneous_additions_are_all_counted(counter: Counter) -> None:
    name = uuid4().hex
    sums = await asyncio.gather(*(counter.add(name, 1, 60) for _ in range(50)))
    assert sorted(sums) == list(range(1, 51))


async def test_a_sum_is_forgotten_after_its_time_however_often_it_is_added_to(counter: Counter) -> None:
    name = uuid4().hex
    await counter.add(name, 5, 1)
    await asyncio.sleep(0.6)
    assert await counter.add(name, 5, 1) == 10
    await asyncio.sleep(0.6)
    assert await counter.add(name, 5, 1) == 5


@pytest.mark.server
async def test_two_gateways_share_one_limit(valkey: ValkeyServer) -> None:
    name = uuid4().hex
    async with open_patiently(valkey) as shared:
        limiters = [Limiter(ValkeyCounter(shared), 240, lambda: 0.0) for _ in range(2)]
        granted = [(await limiters[turn % 2].take(name)).granted for turn in range(300)]
    assert sum(granted) == 240


@pytest.mark.server
async def test_limits_hold_while_valkey_dies_and_comes_back() -> None:
    server = ValkeyServer()
    settings = server.add_to(Settings.model_validate({}))
    now = 0.0
    try:
        async with Valkey(port=settings.valkey_port, password=PASSWORD) as client:
            shared = ValkeyCounter(SharedValkey(client, lambda: now))
            counter = FallbackCounter(shared, InMemoryCounter())
            assert await counter.add("a", 3, 60) == 3
            server.kill()
            assert await counter.add("a", 1, 60) == 1
            server.start()
            now = 5.0
            assert await counter.add("a", 2, 60) == 2
            assert await shared.add("a", 1, 60) == 3
    finally:
        server.remove()


async def test_a_shared_counter_that_is_down_fails_as_the_fallback_expects() -> None:
    async with open_valkey(Settings.model_validate({"valkey_port": 1})) as shared:
        with pytest.raises(VALKEY_ERRORS):
            await ValkeyCounter(shared).add("a", 1, 60)
