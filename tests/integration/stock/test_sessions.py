"""Daily bars are decided for each session: stored where there is one, else made of that session's minutes."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time
from itertools import chain
from typing import Any

import asyncpg
import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.domain.bars import Adjustment, Bars, Interval
from stock_analysis.domain.calendars import load_calendar, session_change
from stock_analysis.kit.cache import InMemoryCache
from stock_analysis.kit.health import Health
from stock_analysis.kit.settings import Settings
from stock_analysis.stock.endpoints import create_stock_app
from stock_analysis.stock.ports import Listing, Snapshot
from stock_analysis.stock.repository import PostgresBarStore
from stock_analysis.stock.series import SOURCES, series
from stock_analysis.testing.builders import (
    epoch,
    instrument,
    minutes,
    random_bars,
    sessions,
    store_action,
    store_bars,
    store_instrument,
)


@pytest.fixture
async def api(pool: asyncpg.Pool, database: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_stock_app(database, Health({}, {}), PostgresBarStore(pool), InMemoryCache(2**24))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def bars(api: httpx.AsyncClient, symbol: str, interval: str = "1d", **query: str) -> Any:
    answer = await api.get(f"/api/v1/stocks/{symbol}/bars", params={"interval": interval, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def sources(answer: Any) -> list[str]:
    """The source of each bar."""
    return list(chain.from_iterable([run["source"]] * run["bars"] for run in answer["sources"]))


def phases(answer: Any) -> list[str]:
    return list(chain.from_iterable([run["phase"]] * run["bars"] for run in answer["phases"]))


def session_minutes(day: str, count: int = 20, calendar: str = "XNYS") -> Bars:
    """The first minutes of a session."""
    known = load_calendar(calendar)
    opens = int(known.opens[np.searchsorted(known.sessions, epoch(day))])
    return random_bars(opens + np.arange(count, dtype=np.int64) * 60, seed=count)


async def store(pool: asyncpg.Pool, symbol: str, daily: list[str], intraday: list[str], **listed: str) -> int:
    found = await store_instrument(pool, instrument(symbol, **listed))
    calendar = {"XKRX": "XKRX", "XCME": "CMES", "CRYP": "24/7"}.get(listed.get("exchange", ""), "XNYS")
    if daily:
        t = np.array([epoch(day) for day in daily], np.int64)
        await store_bars(pool, found, Interval.D1, random_bars(t, seed=7))
    for day in intraday:
        await store_bars(pool, found, Interval.M1, session_minutes(day, calendar=calendar))
    return found


CASES = {
    "a half day that exists as minutes only, after days that are stored": (
        "XNYS",
        ["2024-11-25", "2024-11-26"],
        ["2024-11-29"],
        ["1d", "1d", "1m"],
    ),
    "minutes first, days later": ("XNYS", ["2024-11-26", "2024-11-29"], ["2024-11-25"], ["1m", "1d", "1d"]),
    "a hole between stored days": (
        "XNYS",
        ["2024-11-25", "2024-11-29"],
        ["2024-11-26", "2024-11-27"],
        ["1d", "1m", "1m", "1d"],
    ),
    "a day that is both is the stored one": (
        "XNYS",
        ["2024-11-25", "2024-11-26"],
        ["2024-11-26", "2024-11-27"],
        ["1d", "1d", "1m"],
    ),
    "every day is both": ("XNYS", ["2024-11-25", "2024-11-26"], ["2024-11-25", "2024-11-26"], ["1d", "1d"]),
    "only minutes": ("XNYS", [], ["2024-11-25", "2024-11-26"], ["1m", "1m"]),
    "only days": ("XNYS", ["2024-11-25", "2024-11-26"], [], ["1d", "1d"]),
    "in Seoul, where a session begins at midnight UTC": (
        "XKRX",
        ["2024-11-11", "2024-11-13"],
        ["2024-11-12", "2024-11-14"],
        ["1d", "1m", "1d", "1m"],
    ),
    "a future whose session begins the evening before": (
        "XCME",
        ["2024-11-18", "2024-11-20"],
        ["2024-11-19", "2024-11-21"],
        ["1d", "1m", "1d", "1m"],
    ),
    "a market that never closes": (
        "CRYP",
        ["2024-11-22", "2024-11-25"],
        ["2024-11-23", "2024-11-24"],
        ["1d", "1m", "1m", "1d"],
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_no_day_is_lost_and_each_says_where_it_came_from(
    api: httpx.AsyncClient, pool: asyncpg.Pool, case: str
) -> None:
    exchange, daily, intraday, expected = CASES[case]
    await store(pool, "HALF", daily, intraday, exchange=exchange)
    found = await bars(api, "HALF")
    assert found["t"] == sorted({epoch(day) for day in (*daily, *intraday)})
    assert sources(found) == expected
    weeks = await bars(api, "HALF", "1w")
    assert sum(weeks["v"]) == pytest.approx(sum(found["v"]))
    assert max(weeks["h"]) == max(found["h"])
    months = await bars(api, "HALF", "1mo")
    assert set(sources(months)) == ({*expected} if len({*expected}) == 1 else {"mixed"})


async def test_a_day_of_minutes_is_the_session_of_them(api: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    await store(pool, "HALF", ["2024-11-25"], ["2024-11-26"])
    made, day = session_minutes("2024-11-26"), await bars(api, "HALF")
    assert [day[key][1] for key in "ohlcv"] == [
        *(made.open[0], made.high.max(), made.low.min(), made.close[-1], made.volume.sum())
    ]


async def test_a_dividend_is_taken_out_of_days_of_both_kinds(
    api: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    found = await store(pool, "HALF", ["2024-11-25"], ["2024-11-26", "2024-11-27"])
    raw = await bars(api, "HALF", adjustment="raw")
    for value in (1.0, 9.0):
        action = CorporateAction(date(2024, 11, 27), ActionKind.DIVIDEND, value, "test")
        await store_action(pool, found, action)
    adjusted = await bars(api, "HALF", adjustment="all")
    factor = 1 - 10.0 / raw["c"][1]
    np.testing.assert_allclose(adjusted["c"], [raw["c"][0] * factor, raw["c"][1] * factor, raw["c"][2]])


async def test_a_users_correction_of_the_calendar_moves_minutes_into_the_session(
    api: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    found = await store(pool, "HALF", ["2024-11-27"], [])
    await store_bars(pool, found, Interval.M1, random_bars(minutes("2024-11-28T15:00", 30)))  # Thanksgiving
    before = await bars(api, "HALF", "1h")
    change = session_change(date(2024, 11, 28), "America/New_York", time(9, 45), time(13))
    assert change.opens is not None
    assert change.closes is not None
    await pool.execute(
        "INSERT INTO calendar_change (calendar, day, opens, closes) VALUES ('XNYS', '2024-11-28', $1, $2)",
        *(datetime.fromtimestamp(one, UTC) for one in (change.opens, change.closes)),
    )
    await pool.execute("UPDATE instrument SET version = version + 1")
    after = await bars(api, "HALF", "1h")
    assert before["t"] != after["t"]
    assert after["t"][0] == change.opens
    assert (await bars(api, "HALF"))["t"][-1] == epoch("2024-11-28")


async def test_minutes_before_and_after_the_session_are_kept_apart_and_shown_on_request(
    api: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    found = await store_instrument(pool, instrument("EXT"))
    t = np.arange(epoch("2024-03-01T09:00"), epoch("2024-03-02T01:00"), 60)  # 04:00 to 20:00 in New York
    await store_bars(pool, found, Interval.M1, random_bars(t))
    regular = await bars(api, "EXT", "1m")
    assert (regular["t"][0], len(regular["t"])) == (epoch("2024-03-01T14:30"), 390)
    assert phases(regular) == ["regular"] * 390
    extended = await bars(api, "EXT", "1m", hours="extended")
    assert extended["t"] == t.tolist()
    assert phases(extended) == ["pre"] * 330 + ["regular"] * 390 + ["post"] * 240
    hourly = await bars(api, "EXT", "1h", hours="extended")
    assert phases(hourly) == ["pre"] * 6 + ["regular"] * 7 + ["post"] * 4
    assert epoch("2024-03-01T14:30") in hourly["t"]
    assert epoch("2024-03-01T21:00") in hourly["t"]
    day = await bars(api, "EXT")
    assert day["v"] == [pytest.approx(sum(regular["v"]))]
    assert day["o"] == [regular["o"][0]]


@pytest.mark.parametrize("interval", ["1d", "1w", "1mo"])
async def test_extended_hours_of_a_day_are_refused(
    api: httpx.AsyncClient, pool: asyncpg.Pool, interval: str
) -> None:
    await store(pool, "HALF", ["2024-11-25"], [])
    answer = await api.get(f"/api/v1/stocks/HALF/bars?hours=extended&interval={interval}")
    assert answer.status_code == 400
    assert "within a day" in answer.json()["detail"]


DAYS = [str(np.datetime64(int(t), "s").astype("datetime64[D]")) for t in sessions("2024-11-18", 12)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=st.sets(st.sampled_from(DAYS)), minuted=st.sets(st.sampled_from(DAYS)))
def test_whatever_is_stored_each_session_stands_once(stored: set[str], minuted: set[str]) -> None:
    daily = random_bars(np.array([epoch(day) for day in sorted(stored)], np.int64))
    parts = [session_minutes(day, 5) for day in sorted(minuted)]
    columns = zip(*(part.columns() for part in parts), strict=True) if parts else ()
    made = Bars(*map(np.concatenate, columns)) if parts else Bars.empty()
    listing = Listing(
        1, instrument("X"), 1, datetime.now(UTC), "America/New_York", "XNYS", (time(4), time(20))
    )
    found = series(Snapshot(listing, daily, made, (), [], 0), Interval.D1, Adjustment.RAW)
    assert found.bars.t.tolist() == sorted(epoch(day) for day in stored | minuted)
    expected = ["1d" if day in stored else "1m" for day in sorted(stored | minuted)]
    assert [SOURCES[code] for code in found.source] == expected
    t = load_calendar("XNYS")
    if stored and minuted:
        start, end = t.between(daily.t, int(made.t[0]), int(made.t[-1]))
        read = np.zeros(len(made), np.bool_)
        for first, last in zip(start, end, strict=True):
            read |= (made.t >= first) & (made.t < last)
        only = series(Snapshot(listing, daily, made[read], (), [], 0), Interval.D1, Adjustment.RAW)
        assert only.bars.t.tolist() == found.bars.t.tolist()
        assert only.bars.close.tolist() == found.bars.close.tolist()
