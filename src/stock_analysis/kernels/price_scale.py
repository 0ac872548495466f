"""Which outputs of a function are prices, found out by moving the prices."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import talib
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_BARS = 600
_JUDGED = 200
_LIFT = 50.0


def follow_prices(function: str, inputs: Mapping[str, str]) -> tuple[bool, ...]:
    """For each output, whether it rises by what all prices rise by, and so belongs on their axis.

    function: a function of TA-Lib, computed with its default parameters. inputs: the column of each array.
    A band or an average does; a deviation (AVGDEV), a direction (SUPERTREND's trend) or a price with the sign
    of a position (SAREXT) does not, whatever size it happens to have beside today's prices.
    """
    before, after = (_outputs(function, inputs, _bars(lift)) for lift in (0.0, _LIFT))
    return tuple(_rises(*pair) for pair in zip(before, after, strict=True))


def _rises(before: FloatArray, after: FloatArray) -> bool:
    rise = (after - before)[-_JUDGED:]
    known = rise[np.isfinite(rise)]
    return bool(len(known)) and bool(np.mean(np.abs(known - _LIFT) < 0.1 * _LIFT) > 0.95)


def _outputs(
    function: str, inputs: Mapping[str, str], columns: Mapping[str, FloatArray]
) -> tuple[FloatArray, ...]:
    found = getattr(talib, function)(*(columns[column] for column in inputs.values()))
    return tuple(np.asarray(one, np.float64) for one in (found if isinstance(found, tuple) else (found,)))


@lru_cache(maxsize=2)
def _bars(lift: float) -> Mapping[str, FloatArray]:
    """Prices about 100 that trend, turn and jitter, so that no direction lasts for all of them."""
    random = np.random.default_rng(7)
    bar = np.arange(_BARS, dtype=np.float64)
    close = 100 + 12 * np.sin(bar / 17) + random.normal(0, 1, _BARS).cumsum() / 4
    open_ = close + random.normal(0, 0.5, _BARS)
    high = np.maximum(open_, close) + random.uniform(0.1, 1, _BARS)
    low = np.minimum(open_, close) - random.uniform(0.1, 1, _BARS)
    prices = {"open": open_, "high": high, "low": low, "close": close}
    volume = random.uniform(1e5, 1e6, _BARS)
    return {**{name: column + lift for name, column in prices.items()}, "volume": volume}
