"""What a row was judged by still holds when it is written: no rival writes between the two."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import numpy as np
import pytest

from stock_analysis.domain.bars import Bars, FloatArray, Interval
from stock_analysis.ingest.fetched import FetchedRows
from stock_analysis.ingest.ports import PriceWriter
from stock_analysis.ingest.quarantine import QuarantineService
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.ingest.rows import Report, Rows, Selection
from stock_analysis.ingest.service import ImportService
from stock_analysis.testing.builders import random_bars, sessions

HEAD_START_S = 0.5


@pytest.fixture
def bars() -> Bars:
    return random_bars(sessions("2015-01-02", 20))


def dearer(bars: Bars, factor: float | FloatArray) -> Bars:
    """The same bars at other prices."""
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    return replace(bars, **prices)


async def take(store: Any, name: str, bars: Bars) -> Report:
    return await ImportService(store).import_rows(FetchedRows(name, "TEST", Interval.D1, bars))


async def closes(pool: asyncpg.Pool) -> list[float]:
    return [row["close"] for row in await pool.fetch("SELECT close FROM bar_1d ORDER BY session")]


class Beset:
    """The real store. A rival begins as soon as stored bars were read to judge by.

    It has a head start within the transaction, and all the time that it wants after it.
    """

    def __init__(self, store: PostgresPriceStore, rival: Callable[[], Coroutine[Any, Any, Report]]) -> None:
        self._store = store
        self._rival = rival
        self.came: asyncio.Task[Report] | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["BesetWriter"]:
        async with self._store.transaction() as writer:
            yield BesetWriter(writer, self._let_rival_in)
        if self.came is not None:
            await self.came

    async def _let_rival_in(self) -> None:
        if self.came is None:
            self.came = asyncio.create_task(self._rival())
            await asyncio.wait({self.came}, timeout=HEAD_START_S)


class BesetWriter:
    """Its writer."""

    def __init__(self, writer: PriceWriter, let_rival_in: Callable[[], Awaitable[None]]) -> None:
        self._writer = writer
        self._let_rival_in = let_rival_in

    def __getattr__(self, name: str) -> object:
        return getattr(self._writer, name)

    async def stored(self, interval: Interval, ranges: Rows, beside: int) -> Rows:
        found = await self._writer.stored(interval, ranges, beside)
        await self._let_rival_in()
        return found


@pytest.fixture
def store(pool: asyncpg.Pool) -> PostgresPriceStore:
    return PostgresPriceStore(pool)


async def test_new_bars_are_written_as_they_were_judged(
    store: PostgresPriceStore, pool: asyncpg.Pool, bars: Bars
) -> None:
    beset = Beset(store, lambda: take(store, "rival", dearer(bars, 1.01)))
    report = await take(beset, "first", bars)
    assert beset.came is not None
    rival = beset.came.result()
    assert (report.run.counts.accepted, rival.run.counts.corrected) == (20, 20)
    assert await closes(pool) == dearer(bars, 1.01).close.tolist()


async def test_corrections_are_written_as_they_were_judged(
    store: PostgresPriceStore, pool: asyncpg.Pool, bars: Bars
) -> None:
    await take(store, "before", bars)
    beset = Beset(store, lambda: take(store, "rival", dearer(bars, 1.01)))
    report = await take(beset, "first", dearer(bars, 1.005))
    assert beset.came is not None
    rival = beset.came.result()
    assert (report.run.counts.corrected, rival.run.counts.corrected) == (20, 20)
    assert await closes(pool) == dearer(bars, 1.01).close.tolist()


async def test_replayed_rows_are_written_as_they_were_judged(
    store: PostgresPriceStore, pool: asyncpg.Pool, bars: Bars
) -> None:
    """The last bar jumps; when the user says that it is true, an importer brings it at its usual price."""
    await take(store, "before", dearer(bars, np.where(np.arange(20) == 19, 50.0, 1.0)))
    assert await closes(pool) == bars.close[:19].tolist()
    beset = Beset(store, lambda: take(store, "rival", bars))
    quarantine = QuarantineService(beset)  # type: ignore[arg-type]  # like a store
    report = await quarantine.replay(Selection(), accepted=["jump"])
    assert beset.came is not None
    assert (report.accepted, beset.came.result().run.counts.corrected) == (1, 1)
    assert await closes(pool) == bars.close.tolist()
