"""Stored bars played again as ticks, as if they came now."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from stock_analysis.domain.bars import PRICE_COLUMNS, Interval
from stock_analysis.domain.calendars import DAY_S
from stock_analysis.domain.session_clock import MINUTE_S, SessionClock, SessionSpan
from stock_analysis.domain.ticks import MICROSECONDS, Trade
from stock_analysis.ingest.live.pipeline import STATUS_S, Pipeline
from stock_analysis.ingest.ports import PriceStore
from stock_analysis.ingest.rows import RANGE, Rows

LONGEST_PAUSE_S = 1.0
"""Of real time, over hours without a trade."""
GAP_S = 15 * MINUTE_S
_CLOSES_AFTER_S = 2.5
_CHUNK_S = 7 * DAY_S
_SECONDS = (1, 20, 40, 59)


@dataclass(frozen=True, slots=True)
class Minute:
    """One bar to be played. t: epoch seconds UTC."""

    t: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def ticks_of(symbol: str, minute: Minute) -> list[Trade]:
    """Four trades whose bar is the minute, to the bit: open, low and high, close.

    The low comes before the high where the close is not below the open: what happened inside a minute is not
    stored, so this order is made up. Each has a quarter of the volume.
    """
    rising = minute.close >= minute.open
    inner = (minute.low, minute.high) if rising else (minute.high, minute.low)
    prices = (minute.open, *inner, minute.close)
    return [
        Trade(symbol, (minute.t + second) * MICROSECONDS, price, minute.volume / 4, f"{minute.t}.{number}")
        for number, (second, price) in enumerate(zip(_SECONDS, prices, strict=True))
    ]


def minutes_of_day(day: Minute, session: SessionSpan) -> Iterator[Minute]:
    """A day as minutes of its session, made up: straight from open to low, high (or high, low) and close.

    All of them together are the day: open, high, low, close; the volume is spread evenly.
    """
    count = (session.closes - session.opens) // MINUTE_S
    inner = (day.low, day.high) if day.close >= day.open else (day.high, day.low)
    corners = np.round(np.linspace(0, count, 4)).astype(int)
    path = np.interp(np.arange(count + 1), corners, (day.open, *inner, day.close))
    path = np.clip(path, day.low, day.high).tolist()
    for number in range(count):
        a, b = path[number], path[number + 1]
        yield Minute(session.opens + number * MINUTE_S, a, max(a, b), min(a, b), b, day.volume / count)


class StoredMinutes:
    """The stored minutes, or days, of one instrument, a week at a time."""

    def __init__(self, store: PriceStore, instrument_id: int, interval: Interval) -> None:
        self._store = store
        self._id = instrument_id
        self._interval = interval

    async def newest(self) -> int | None:
        """Start of the newest bar; None if there is none."""
        far = 2**33
        rows = await self._rows(far, far, beside=1)
        return int(rows["t"][-1]) if len(rows) else None

    async def between(self, begin: int, end: int) -> AsyncIterator[Minute]:
        """The bars that start in [begin, end), oldest first."""
        for first in range(begin, end, _CHUNK_S):
            rows = await self._rows(first, min(first + _CHUNK_S, end) - 1)
            for row in rows:
                yield Minute(int(row["t"]), *(float(row[name]) for name in PRICE_COLUMNS))

    async def _rows(self, first: int, last: int, beside: int = 0) -> Rows:
        wanted = np.array([(self._id, first, last)], RANGE)
        async with self._store.transaction() as reader:
            return await reader.stored(self._interval, wanted, beside)


class Player:
    """Plays minutes through a pipeline. speed: exchange seconds a real second; 0 = without waiting."""

    def __init__(self, pipeline: Pipeline, symbol: str, speed: float) -> None:
        self._pipeline = pipeline
        self._symbol = symbol
        self._speed = speed
        self._at_us: int | None = None
        self._due = time.monotonic()

    async def play(self, minutes: AsyncIterator[Minute], stop: Callable[[], bool] = lambda: False) -> int:
        """Play all, or until told to stop; returns how many minutes were played."""
        count = 0
        async for minute in minutes:
            for trade in ticks_of(self._symbol, minute):
                await self._wait(trade.at_us)
                if stop():
                    return count
                await self._pipeline.take(trade, trade.at_us, time.monotonic())
            await self._wait(round((minute.t + MINUTE_S + _CLOSES_AFTER_S) * MICROSECONDS))
            await self._advance()
            count += 1
        return count

    async def finish(self, detail: str) -> None:
        """Say that it is over."""
        await self._pipeline.end(self._at_us or 0, detail)

    async def _wait(self, at_us: int) -> None:
        """Until the instant has come on the replay's clock; statuses are told on the way."""
        before, self._at_us = self._at_us, max(at_us, self._at_us or 0)
        if before is None or not self._speed:
            await asyncio.sleep(0)
            return
        span_s = max(0, at_us - before) / MICROSECONDS
        pause_s = span_s / self._speed
        self._due += pause_s if span_s < GAP_S else min(pause_s, LONGEST_PAUSE_S)
        self._due = max(self._due, time.monotonic() - 1)
        while (left := self._due - time.monotonic()) > 0:
            await asyncio.sleep(min(left, STATUS_S))
            if left > STATUS_S:
                await self._pipeline.advance(before, time.monotonic())

    async def _advance(self) -> None:
        await self._pipeline.advance(self._at_us or 0, time.monotonic())


async def made_up_minutes(days: AsyncIterator[Minute], clock: SessionClock) -> AsyncIterator[Minute]:
    """Days as minutes of their sessions; days that are no session are left out."""
    async for day in days:
        session = clock.session_of(day.t)
        if session is not None:
            for minute in minutes_of_day(day, session):
                yield minute


def read_instant(text: str, timezone: str) -> int:
    """Epoch seconds of an ISO date or time on the exchange's clock. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return int((found if found.tzinfo else found.replace(tzinfo=ZoneInfo(timezone))).timestamp())


def shown_instant(t: int, timezone: str) -> str:
    """An instant as people of the exchange write it."""
    return datetime.fromtimestamp(t, UTC).astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M")
