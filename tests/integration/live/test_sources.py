"""Sources of live prices, served on loopback: ticks become rows; garbage, repeats, silence, refusals."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import asyncpg
import pytest
from websockets.asyncio.server import ServerConnection, serve

from stock_analysis.domain.live import Feed, FeedState, LiveBar, LiveStatus, LiveUpdate, Origin
from stock_analysis.ingest.live.landing import RowLanding
from stock_analysis.ingest.live.pipeline import Pipeline
from stock_analysis.ingest.live.ports import LiveProvider
from stock_analysis.ingest.live.providers.alpaca import AlpacaProvider
from stock_analysis.ingest.live.providers.coinbase import CoinbaseProvider
from stock_analysis.ingest.live.runner import SourceRunner
from stock_analysis.ingest.live.sources import instruments_of
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.testing.builders import instrument, store_instrument

MINUTE_US = 60_000_000
BEGIN = int(datetime(2024, 3, 5, 15, 0, tzinfo=UTC).timestamp()) * 1_000_000
"""A Tuesday at 10:00 in New York."""

Serve = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class Clock:
    """A clock that a test moves."""

    at_us: int = BEGIN

    def __call__(self) -> int:
        return self.at_us


@dataclass
class Told:
    updates: list[tuple[str, LiveUpdate]] = field(default_factory=list)

    async def tell(self, updates: Sequence[tuple[str, LiveUpdate]]) -> None:
        self.updates += updates

    def states(self) -> list[FeedState]:
        return [one.state for _, one in self.updates if isinstance(one, LiveStatus)]

    def bars(self) -> list[LiveBar]:
        return [one for _, one in self.updates if isinstance(one, LiveBar)]

    async def until(self, wanted: Callable[["Told"], bool]) -> None:
        async def told() -> bool:
            return wanted(self)

        await eventually(told)


@asynccontextmanager
async def loopback(handler: Serve) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


@asynccontextmanager
async def source(
    pool: asyncpg.Pool, provider: LiveProvider, symbol: str, exchange: str, clock: Clock, **options: Any
) -> AsyncIterator[Told]:
    await store_instrument(pool, instrument(symbol, exchange=exchange))
    store, told = PostgresPriceStore(pool), Told()
    exchanges = await store.exchanges()
    instruments = await instruments_of(store, [symbol], exchanges)
    landing = RowLanding(store, provider.name, exchanges)
    pipeline = Pipeline(Origin(Feed.LIVE, provider.name), instruments, landing, told)
    runner = SourceRunner(provider, pipeline, [symbol], clock=clock, **{"first_wait_s": 0.05} | options)
    task = asyncio.create_task(runner.run())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.wait([task])
        await landing.close()


def bitcoin(
    pool: asyncpg.Pool, url: str, clock: Clock, **options: Any
) -> AbstractAsyncContextManager["Told"]:
    return source(pool, CoinbaseProvider(url), "BTC-USD", "CRYP", clock, **options)


async def eventually(wanted: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await wanted():  # noqa: ASYNC110 - what is waited for is in a database
            await asyncio.sleep(0.05)


def match(number: int, second: float, price: float, size: float = 1) -> str:
    at = datetime.fromtimestamp(BEGIN / 1e6 + second, UTC).isoformat()
    return json.dumps(
        {
            "type": "match",
            "trade_id": number,
            "price": str(price),
            "size": str(size),
            "product_id": "BTC-USD",
            "time": at,
        }
    )


async def rows(pool: asyncpg.Pool) -> list[tuple[Any, ...]]:
    found = await pool.fetch("SELECT ts, open, high, low, close, volume FROM bar_1m ORDER BY ts")
    return [(round(row[0].timestamp() - BEGIN / 1e6), *list(row)[1:]) for row in found]


async def wait_rows(pool: asyncpg.Pool, count: int) -> list[tuple[Any, ...]]:
    async def enough() -> bool:
        return len(await rows(pool)) >= count

    await eventually(enough)
    return await rows(pool)


async def test_trades_become_rows_and_a_late_one_corrects_them(pool: asyncpg.Pool) -> None:
    clock = Clock(BEGIN - 1_000_000)
    asked: list[Any] = []
    late = asyncio.Event()

    async def exchange(socket: ServerConnection) -> None:
        asked.append(json.loads(await socket.recv()))
        await asyncio.sleep(0.3)
        clock.at_us = BEGIN + 59_000_000
        for message in (
            match(1, 1, 100),
            "garbage",
            "{}",
            match(3, 30, 102),
            match(2, 20, 99),
            match(2, 20, 99),
            match(4, 59, 101),
        ):
            await socket.send(message)
        await late.wait()
        await socket.send(match(5, 45, 110, 2))
        await socket.wait_closed()

    async with (
        loopback(exchange) as url,
        bitcoin(pool, url, clock) as told,
    ):
        await told.until(lambda one: len(one.bars()) > 0)
        clock.at_us = BEGIN + 63_000_000
        assert await wait_rows(pool, 1) == [(0, 100, 102, 99, 101, 4)]
        late.set()

        async def corrected() -> bool:
            return bool((await rows(pool))[0][5] != 4)

        await eventually(corrected)
        assert await rows(pool) == [(0, 100, 110, 99, 101, 6)]
    assert asked == [{"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["matches", "heartbeat"]}]
    run = await pool.fetchrow("SELECT source, status, rows_done FROM import_run")
    assert tuple(run) == ("live:coinbase 2024-03-05", "done", 2)


async def test_a_minute_that_a_broken_connection_cut_is_not_stored_and_the_next_one_is(
    pool: asyncpg.Pool,
) -> None:
    clock = Clock(BEGIN + 1_000_000)
    connections = 0

    async def exchange(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await socket.recv()
        if connections == 1:
            await socket.send(match(1, 2, 100))
            await asyncio.sleep(0.2)
            return
        clock.at_us = BEGIN + 30_000_000
        await asyncio.sleep(0.1)
        await socket.send(match(2, 31, 101))
        await asyncio.sleep(0.1)
        clock.at_us = BEGIN + 90_000_000
        await socket.send(match(3, 89, 102))
        await socket.wait_closed()

    async with (
        loopback(exchange) as url,
        bitcoin(pool, url, clock, first_wait_s=1.5) as told,
    ):
        await told.until(lambda one: FeedState.RECONNECTING in one.states())
        await told.until(lambda one: any(bar.close == 102 for bar in one.bars()))
        clock.at_us = BEGIN + 125_000_000
        assert await wait_rows(pool, 1) == [(60, 102, 102, 102, 102, 1)]


async def test_silence_in_mid_session_is_told_with_as_of_and_is_no_error(pool: asyncpg.Pool) -> None:
    clock = Clock()

    async def exchange(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(match(1, 0, 100))
        while True:
            await asyncio.sleep(0.05)
            at = datetime.fromtimestamp(clock.at_us / 1e6, UTC).isoformat()
            beat = {"type": "heartbeat", "last_trade_id": 1, "product_id": "BTC-USD", "time": at}
            await socket.send(json.dumps(beat))

    async with (
        loopback(exchange) as url,
        bitcoin(pool, url, clock) as told,
    ):
        await told.until(lambda one: len(one.bars()) > 0)
        clock.at_us = BEGIN + 5 * MINUTE_US
        await told.until(lambda one: FeedState.SILENT in one.states())
        silent = next(one for _, one in told.updates if isinstance(one, LiveStatus) and one.state == "silent")
        assert (silent.as_of_ms, silent.detail) == (BEGIN // 1000, "no trade for 5 min")


async def test_a_connection_on_which_nothing_comes_is_given_up(pool: asyncpg.Pool) -> None:
    connections = 0

    async def exchange(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await socket.recv()
        await socket.wait_closed()

    async with loopback(exchange) as url, bitcoin(pool, url, Clock(), mute_s=0.3) as told:
        await told.until(lambda _: connections >= 2)
        await told.until(lambda one: FeedState.RECONNECTING in one.states())


async def test_a_clock_that_is_wrong_by_a_day_stores_nothing_and_says_so(pool: asyncpg.Pool) -> None:
    clock = Clock(BEGIN + 86_400_000_000)

    async def exchange(socket: ServerConnection) -> None:
        await socket.recv()
        for number in range(1, 200):
            await socket.send(match(number, number, 100))
        await socket.wait_closed()

    async with (
        loopback(exchange) as url,
        bitcoin(pool, url, clock) as told,
    ):
        await told.until(lambda one: FeedState.CLOCK in one.states())
        clock.at_us += 3600 * 1_000_000
        await asyncio.sleep(0.6)
        detail = next(one.detail for _, one in told.updates if isinstance(one, LiveStatus) and one.detail)
        assert "ahead of the one of coinbase; nothing is stored until they agree" in detail
        assert await rows(pool) == []


async def test_a_price_that_cannot_be_is_set_aside_and_never_told(pool: asyncpg.Pool) -> None:
    clock = Clock(BEGIN - 1_000_000)

    async def exchange(socket: ServerConnection) -> None:
        await socket.recv()
        for minute in range(4):
            clock.at_us = BEGIN + minute * MINUTE_US + 5_000_000
            price = 100_000 if minute == 3 else 100
            await socket.send(match(minute + 1, minute * 60 + 5, price))
            await asyncio.sleep(0.2)
            clock.at_us = BEGIN + (minute + 1) * MINUTE_US + 3_000_000
            await asyncio.sleep(0.8)
        await socket.wait_closed()

    async with (
        loopback(exchange) as url,
        bitcoin(pool, url, clock) as told,
    ):

        async def aside_rows() -> bool:
            return bool(await pool.fetchval("SELECT count(*) FROM quarantine"))

        await eventually(aside_rows)
        assert [row[0] for row in await rows(pool)] == [0, 60, 120]
        aside = await pool.fetchrow("SELECT source, reasons FROM quarantine")
        assert tuple(aside) == ("live:coinbase 2024-03-05", ["jump"])
        assert max(bar.high for bar in told.bars()) == 100


async def test_alpaca_is_asked_in_its_order_and_halts_are_told(pool: asyncpg.Pool) -> None:
    clock = Clock(BEGIN - 1_000_000)
    asked: list[Any] = []

    def at(second: int) -> str:
        return datetime.fromtimestamp(BEGIN / 1e6 + second, UTC).isoformat().replace("+00:00", "Z")

    async def exchange(socket: ServerConnection) -> None:
        await socket.send('[{"T":"success","msg":"connected"}]')
        asked.append(json.loads(await socket.recv()))
        await socket.send('[{"T":"success","msg":"authenticated"}]')
        asked.append(json.loads(await socket.recv()))
        await asyncio.sleep(0.3)
        clock.at_us = BEGIN + 50_000_000
        trade = {"T": "t", "S": "AAPL", "x": "V", "z": "C", "c": ["@"], "p": 180.5, "s": 100}
        halt = {"T": "s", "S": "AAPL", "sc": "H", "t": at(45), "z": "C"}
        await socket.send(
            json.dumps([trade | {"i": 1, "t": at(5)}, trade | {"i": 2, "t": at(40), "p": 181}, halt])
        )
        await socket.wait_closed()

    async with loopback(exchange) as url:
        provider = AlpacaProvider(url, lambda: "k", lambda: "s")
        async with source(pool, provider, "AAPL", "XNAS", clock) as told:
            await told.until(lambda one: FeedState.HALTED in one.states())
            clock.at_us = BEGIN + 63_000_000
            assert await wait_rows(pool, 1) == [(0, 180.5, 181, 180.5, 181, 200)]
    assert asked == [
        {"action": "auth", "key": "k", "secret": "s"},
        {"action": "subscribe", "trades": ["AAPL"], "statuses": ["AAPL"]},
    ]


async def test_a_refused_key_is_told_and_tried_again(pool: asyncpg.Pool) -> None:
    attempts: list[float] = []

    async def exchange(socket: ServerConnection) -> None:
        attempts.append(time.monotonic())
        await socket.send('[{"T":"success","msg":"connected"}]')
        await socket.recv()
        await socket.send('[{"T":"error","code":402,"msg":"auth failed"}]')
        await socket.wait_closed()

    async with loopback(exchange) as url:
        provider = AlpacaProvider(url, lambda: "bad", lambda: "worse")
        async with source(pool, provider, "AAPL", "XNAS", Clock()) as told:
            await told.until(lambda _: len(attempts) >= 4)
            await told.until(lambda one: FeedState.RECONNECTING in one.states())
            details = {one.detail for _, one in told.updates if isinstance(one, LiveStatus)}
    assert "alpaca refuses (402): auth failed; check live_alpaca_key and live_alpaca_secret" in details
    pauses = [b - a for a, b in pairwise(attempts)]
    assert pauses[2] > pauses[0], "it waits longer each time"


@pytest.mark.parametrize("provider", ["alpaca", "coinbase"])
async def test_a_provider_that_sends_nothing_but_garbage_is_given_up(
    pool: asyncpg.Pool, provider: str
) -> None:
    async def exchange(socket: ServerConnection) -> None:
        if provider == "alpaca":
            await socket.send('[{"T":"success","msg":"connected"}]')
            await socket.recv()
            await socket.send('[{"T":"success","msg":"authenticated"}]')
        await socket.recv()
        for _ in range(150):
            await socket.send("<html>we are down</html>")
        await socket.wait_closed()

    async with loopback(exchange) as url:
        made: LiveProvider = (
            AlpacaProvider(url, lambda: "k", lambda: "s") if provider == "alpaca" else CoinbaseProvider(url)
        )
        symbol, mic = ("AAPL", "XNAS") if provider == "alpaca" else ("BTC-USD", "CRYP")
        async with source(pool, made, symbol, mic, Clock()) as told:
            await told.until(
                lambda one: any(
                    isinstance(update, LiveStatus) and "sends nothing that can be understood" in update.detail
                    for _, update in one.updates
                )
            )
