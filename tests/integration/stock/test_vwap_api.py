"""VWAP from an anchor, and what is said beside values that mean less than they seem."""

from typing import Any

import asyncpg
import httpx
import numpy as np
import pytest

from stock_analysis.domain.bars import Bars, Interval
from stock_analysis.testing.builders import epoch, instrument, random_bars, store_bars, store_instrument
from tests.integration.stock.test_sessions import api

__all__ = ["api"]


async def indicator(api: httpx.AsyncClient, spec: str, interval: str) -> Any:
    answer = await api.get(f"/api/v1/stocks/V/indicators?i={spec}&interval={interval}&adjustment=raw")
    assert answer.status_code == 200, answer.text
    return answer.json()["indicators"][0]


async def test_the_session_average_of_minutes_begins_with_each_session(
    api: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    found = await store_instrument(pool, instrument("V"))
    days = ("2024-02-29T14:30", "2024-03-01T14:30", "2024-03-04T14:30")
    t = np.concatenate([epoch(day) + np.arange(30, dtype=np.int64) * 60 for day in days])
    bars = random_bars(t)
    await store_bars(pool, found, Interval.M1, bars)
    typical, starts = (
        (bars.high + bars.low + bars.close) / 3,
        {
            "vwap(session)": (0, 30, 60),
            "vwap(week)": (0, 60),
            "vwap(month)": (0, 30),
            "vwap(year)": (0,),
            f"vwap(bar,{t[45]})": (45,),
            "vwap_all": (0,),
        },
    )
    for spec, first in starts.items():
        values = (await indicator(api, spec, "1m"))["outputs"]["real"]
        for a, b in zip(first, (*first[1:], len(t)), strict=True):
            part = slice(a, b)
            expected = np.cumsum(typical[part] * bars.volume[part]) / np.cumsum(bars.volume[part])
            np.testing.assert_allclose(values[part], expected, rtol=1e-12)
        assert values[: first[0]] == [None] * first[0]


@pytest.mark.parametrize(
    ("spec", "flat", "note"),
    [
        ("vwap", False, "typical_price"),
        ("vwap(week)", False, None),
        ("rsi(14)", True, "flat_input"),
        ("cci(14)", True, "flat_input"),
        ("willr(14)", True, "flat_input"),
        ("stoch", True, "flat_input"),
        ("rsi(14)", False, None),
        ("obv", False, None),
    ],
)
async def test_values_that_mean_little_say_so(
    api: httpx.AsyncClient, pool: asyncpg.Pool, spec: str, flat: bool, note: str | None
) -> None:
    found = await store_instrument(pool, instrument("V"))
    bars = random_bars(epoch("2024-01-02") + np.arange(60, dtype=np.int64) * 86_400)
    level = np.full(60, 25.0)
    await store_bars(
        pool, found, Interval.D1, Bars(bars.t, level, level, level, level, bars.volume) if flat else bars
    )
    assert (await indicator(api, spec, "1d"))["note"] == note
