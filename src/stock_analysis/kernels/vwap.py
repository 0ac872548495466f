"""The volume-weighted average price from an anchor on."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def anchored_vwap(
    period: IntArray, high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray
) -> FloatArray:
    """Average of (high + low + close) / 3 weighted by volume, begun anew with each period.

    period: (n,) int64, not descending, equal within a period; below 0 before the first anchor. high, low,
    close: (n,) float64, price units; volume: (n,). Returns (n,), price units; NaN before the first anchor,
    and until the first volume of a period. Inputs unchanged. Source: docs/numerics.md#indicators.
    """
    result = np.full(len(period), np.nan)
    if not len(period):
        return result
    first = np.flatnonzero(np.diff(period, prepend=period[0] - 1))
    money = (high + low + close) / 3.0 * volume
    for start, end in zip(first.tolist(), [*first[1:].tolist(), len(period)], strict=True):
        if period[start] < 0:
            continue
        traded = np.cumsum(volume[start:end])
        some = traded > 0
        result[start:end][some] = np.cumsum(money[start:end])[some] / traded[some]
    return result
