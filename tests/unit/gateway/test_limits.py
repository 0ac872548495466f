import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from valkey.exceptions import ConnectionError as ValkeyConnectionError

from stock_analysis.gateway import limits as module
from stock_analysis.gateway.limits import FallbackCounter, InMemoryCounter, Limiter, client_of_address


class DownCounter:
    """A shared counter that cannot be reached while `down`."""

    def __init__(self) -> None:
        self.down = True
        self.calls = 0
        self._sums = InMemoryCounter()

    async def add(self, name: str, amount: int, ttl_s: int) -> int:
        self.calls += 1
        await asyncio.sleep(0)
        if self.down:
            raise ValkeyConnectionError("refused")
        return await self._sums.add(name, amount, ttl_s)


async def granted(limiter: Limiter, client: str, times: int) -> int:
    return sum([(await limiter.take(client)).granted for _ in range(times)])


@pytest.mark.parametrize("limit", [1, 7, 60, 119, 600, 6000])
async def test_a_client_gets_exactly_its_limit_in_a_window(limit: int) -> None:
    limiter = Limiter(InMemoryCounter(), limit, lambda: 30.0)
    assert await granted(limiter, "a", limit + 50) == limit


async def test_the_next_window_begins_anew() -> None:
    now = 59.0
    limiter = Limiter(InMemoryCounter(), 5, lambda: now)
    assert await granted(limiter, "a", 9) == 5
    now = 60.0
    assert await granted(limiter, "a", 9) == 5


async def test_clients_do_not_spend_one_anothers_allowance() -> None:
    limiter = Limiter(InMemoryCounter(), 5, lambda: 0.0)
    assert await granted(limiter, "a", 9) == 5
    assert await granted(limiter, "b", 9) == 5


@given(
    limit=st.integers(1, 900), gateways=st.integers(1, 4), order=st.lists(st.integers(0, 3), max_size=1500)
)
def test_gateways_together_never_grant_more_than_the_limit(
    limit: int, gateways: int, order: list[int]
) -> None:
    async def spend() -> int:
        shared = InMemoryCounter()
        limiters = [Limiter(shared, limit, lambda: 0.0) for _ in range(gateways)]
        return sum([(await limiters[one % gateways].take("a")).granted for one in order])

    assert asyncio.run(spend()) <= limit


async def test_the_shared_counter_is_asked_once_a_lease_and_not_at_all_once_the_limit_is_reached() -> None:
    shared = DownCounter()
    shared.down = False
    limiter = Limiter(shared, 6000, lambda: 0.0)
    await granted(limiter, "a", 6000)
    assert shared.calls == 60
    await granted(limiter, "a", 500)
    assert shared.calls <= 61


async def test_simultaneous_requests_take_one_lease_together() -> None:
    shared = DownCounter()
    shared.down = False
    limiter = Limiter(shared, 6000, lambda: 0.0)
    await asyncio.gather(*(limiter.take("a") for _ in range(100)))
    assert shared.calls == 1


async def test_the_allowance_tells_what_is_left_and_when_the_window_ends() -> None:
    limiter = Limiter(InMemoryCounter(), 600, lambda: 75.0)
    first = await limiter.take("a")
    assert (first.granted, first.limit, first.remaining, first.reset_s) == (True, 600, 599, 45)
    await granted(limiter, "a", 600)
    last = await limiter.take("a")
    assert (last.granted, last.remaining) == (False, 0)


async def test_a_shared_counter_that_is_down_is_replaced_until_it_is_back() -> None:
    shared = DownCounter()
    counter = FallbackCounter(shared, InMemoryCounter())
    assert [await counter.add("a", 1, 60) for _ in range(3)] == [1, 2, 3]
    shared.down = False
    assert await counter.add("a", 1, 60) == 1


async def test_limits_hold_in_each_process_while_the_shared_counter_is_down() -> None:
    limiter = Limiter(FallbackCounter(DownCounter(), InMemoryCounter()), 50, lambda: 0.0)
    assert await granted(limiter, "a", 90) == 50


def test_an_ipv6_client_is_its_network_and_a_mapped_ipv4_one_its_address() -> None:
    assert client_of_address("2001:db8:1:2:3:4:5:6") == client_of_address("2001:db8:1:2::1")
    assert client_of_address("2001:db8:1:2::1") != client_of_address("2001:db8:1:3::1")
    assert client_of_address("::ffff:192.0.2.7") == client_of_address("192.0.2.7") == "192.0.2.7"
    assert client_of_address("192.0.2.8") != client_of_address("192.0.2.7")
    assert client_of_address("unknown") == "unknown"


async def test_old_sums_are_forgotten() -> None:
    now = 0.0
    counter = InMemoryCounter(lambda: now)
    assert await counter.add("a", 5, 60) == 5
    now = 59.0
    assert await counter.add("a", 5, 60) == 10
    now = 60.0
    assert await counter.add("a", 5, 60) == 5


async def test_sums_are_bounded_and_those_of_the_newest_clients_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_NAMES_AT_MOST", 100)
    counter = InMemoryCounter(lambda: 0.0)
    for number in range(1000):
        await counter.add(f"client {number}", 1, 60)
    assert len(counter._sums) == 100
    assert await counter.add("client 999", 1, 60) == 2
    assert await counter.add("client 900", 1, 60) == 2
    assert await counter.add("client 0", 1, 60) == 1


async def test_one_more_name_costs_the_same_however_many_there_are() -> None:
    counter = InMemoryCounter(lambda: 0.0)
    for number in range(module._NAMES_AT_MOST):
        await counter.add(f"client {number}", 1, 60)
    began = time.perf_counter()
    for number in range(1000):
        await counter.add(f"further {number}", 1, 60)
    assert time.perf_counter() - began < 1
