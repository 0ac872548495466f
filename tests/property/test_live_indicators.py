"""Indicators carried on bar by bar equal those over the whole history, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stock_analysis.kernels.indicators import COLUMNS, catalogue, compute, parse
from stock_analysis.kernels.live_indicators import LiveIndicator

FloatArray = NDArray[np.float64]
Columns = dict[str, FloatArray]
NAMES = [name for name, one in catalogue().items() if one.function is not None]


def walk(size: int, seed: int) -> Columns:
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, size)))
    open_ = close * np.exp(random.normal(0, 0.005, size))
    high = np.maximum(open_, close) * (1 + random.uniform(0, 0.01, size))
    low = np.minimum(open_, close) * (1 - random.uniform(0, 0.01, size))
    return {
        "open": open_,
        "high": high,
        "low": low,
        "close": close,
        "volume": np.floor(random.uniform(0, 1e6, size)),
    }


def bar(columns: Columns, row: int) -> dict[str, float]:
    return {name: float(columns[name][row]) for name in COLUMNS}


def bits(values: FloatArray) -> list[int]:
    """Floats by their bits, all NaN being one."""
    return list(np.where(np.isnan(values), np.nan, values).view(np.int64))


def bits_of(values: dict[str, float]) -> list[int]:
    return bits(np.array([*values.values()]))


def carried_on(name: str, columns: Columns, begin: int) -> dict[str, FloatArray]:
    """The values of all bars from `begin` on, each after a look at a forming bar that came to nothing."""
    live = LiveIndicator(parse(name), {key: values[:begin] for key, values in columns.items()})
    found = []
    for row in range(begin, len(columns["close"])):
        nonsense = {key: value * 1.5 for key, value in bar(columns, row).items()}
        live.peek([nonsense] * (1 + row % 2))
        found.append(live.update(bar(columns, row)))
    return {key: np.array([one[key] for one in found]) for key in found[0]}


@pytest.mark.parametrize("name", NAMES)
def test_every_indicator_carried_on_equals_the_whole_history(name: str) -> None:
    columns = walk(400, 7)
    if name in ("ACOS", "ASIN"):
        columns["close"] = np.sin(columns["close"])
    whole = compute(parse(name), columns)
    for begin in (0, 60, 300):
        for key, values in carried_on(name, columns, begin).items():
            assert bits(values) == bits(whole[key][begin:]), (name, key, begin)


@pytest.mark.parametrize("name", NAMES)
def test_a_look_at_a_forming_bar_is_what_closing_it_would_give(name: str) -> None:
    columns = walk(300, 11)
    live = LiveIndicator(parse(name), {key: values[:298] for key, values in columns.items()})
    looked = live.peek([bar(columns, 298), bar(columns, 299)])
    one = live.peek([bar(columns, 298)])[0]
    closed = [live.update(bar(columns, row)) for row in (298, 299)]
    assert [bits_of(values) for values in looked] == [bits_of(values) for values in closed]
    assert bits_of(one) == bits_of(closed[0])


@settings(max_examples=30)
@given(
    st.sampled_from(
        ["rsi(14)", "macd(12,26,9)", "bbands(20)", "atr(14)", "ema(9)", "obv", "stoch", "adx(14)"]
    ),
    st.integers(0, 2**32 - 1),
    st.integers(0, 120),
)
def test_it_holds_for_any_prices_and_wherever_it_begins(name: str, seed: int, begin: int) -> None:
    columns = walk(130, seed)
    whole = compute(parse(name), columns)
    for key, values in carried_on(name, columns, begin).items():
        assert bits(values) == bits(whole[key][begin:])
