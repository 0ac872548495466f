"""Requests that would wait longer than their clients do are refused at once."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from stock_analysis.kit.shedding import FEW, Shedding
from tests.unit.gateway.calls import call, request


class Slow:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.gates: list[asyncio.Event] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        self.gates.append(gate := asyncio.Event())
        await gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app() -> Slow:
    return Slow()


@pytest.fixture
def shedding(app: Slow, clock: Clock) -> Shedding:
    return Shedding(app, 5.0, clock)


async def begin(shedding: Shedding, count: int) -> list["asyncio.Task[int]"]:
    async def ask() -> int:
        return (await call(shedding, request("/api/v1/stocks"))).status

    tasks = [asyncio.create_task(ask()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def answer(app: Slow, count: int) -> None:
    for gate in app.gates[:count]:
        gate.set()
    del app.gates[:count]
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_burst_is_not_refused_while_nothing_is_known_of_the_pace(
    shedding: Shedding, app: Slow
) -> None:
    tasks = await begin(shedding, 2000)
    await answer(app, 2000)
    assert {await one for one in tasks} == {200}


async def test_what_can_be_answered_in_time_is_not_refused(
    shedding: Shedding, app: Slow, clock: Clock
) -> None:
    tasks = await begin(shedding, 1000)
    for _ in range(10):
        clock.now += 0.2
        await answer(app, 100)
        tasks += await begin(shedding, 100)  # 500 a second: 1,000 wait 2 s
    await answer(app, 2000)
    assert {await one for one in tasks} == {200}


async def test_what_would_wait_too_long_is_told_when_to_come_again(
    shedding: Shedding, app: Slow, clock: Clock
) -> None:
    tasks = await begin(shedding, 200)
    for _ in range(10):
        clock.now += 0.2
        await answer(app, 2)
    refused = await call(shedding, request("/api/v1/stocks"))  # 180 wait, 20 answered in 1.8 s: 16 s
    assert refused.status == 503
    assert refused.header("content-type") == "application/problem+json"
    assert refused.header("retry-after") == "12"
    assert "more than can be answered within 5 s" in refused.json["detail"]
    assert not any(one.done() and one.result() != 200 for one in tasks)
    await answer(app, 200)
    assert (await begin(shedding, 1))[0]
    await answer(app, 1)


async def test_where_nothing_is_answered_any_more_the_next_is_refused(
    shedding: Shedding, app: Slow, clock: Clock
) -> None:
    await begin(shedding, FEW)
    clock.now += 6
    assert (await call(shedding, request("/api/v1/stocks"))).status == 503
    await answer(app, FEW)


async def test_a_burst_that_is_taken_in_slowly_is_not_taken_for_a_slow_pace(
    shedding: Shedding, app: Slow, clock: Clock
) -> None:
    tasks = await begin(shedding, 1000)
    clock.now += 3  # a loaded machine: nothing is answered meanwhile
    tasks += await begin(shedding, 10)
    for _ in range(4):
        await answer(app, 50)
        tasks += await begin(shedding, 50)
        clock.now += 0.1
    await answer(app, 2000)
    assert {await one for one in tasks} == {200}


async def test_a_few_slow_ones_refuse_nobody(shedding: Shedding, app: Slow, clock: Clock) -> None:
    await begin(shedding, FEW - 1)
    clock.now += 100
    tasks = await begin(shedding, 1)
    await answer(app, FEW)
    assert await tasks[0] == 200


async def test_the_health_is_always_told(shedding: Shedding, app: Slow, clock: Clock) -> None:
    await begin(shedding, FEW)
    clock.now += 6
    probe = asyncio.create_task(call(shedding, request("/livez")))
    await asyncio.sleep(0)
    await answer(app, FEW + 1)
    assert (await probe).status == 200


async def test_a_stream_that_has_begun_waits_no_more(clock: Clock) -> None:
    over = asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await over.wait()
        await send({"type": "http.response.body", "body": b""})

    shedding = Shedding(stream, 5.0, clock)
    tasks = await begin(shedding, 500)
    clock.now += 100
    tasks += await begin(shedding, 1)
    over.set()
    assert {await one for one in tasks} == {200}
