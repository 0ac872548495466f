"""Taking splits and dividends out of raw prices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Events:
    """Splits or dividends of one instrument, oldest first, each instant once.

    at: (m,) int64, epoch seconds of the first instant of the ex-date, on the clock of the bars.
    value: (m,) float64, new shares for one old, or cash a share in raw terms.
    """

    at: IntArray
    value: FloatArray


def split_factors(t: IntArray, splits: Events) -> FloatArray:
    """Factor of each raw price that takes the later splits out; volumes are divided by it.

    t: (n,) int64, ascending epoch seconds. A split counts for the bars before its ex-date, and only
    once there is a bar on or after that date (what has not happened in the data changes nothing).
    Returns (n,) float64, 1.0 from the last split on. Raises ValueError for a value that is not positive.
    Source: docs/numerics.md#adjustment.
    """
    return _back_products(t, splits.at, 1.0 / _positive(splits.value))


def dividend_factors(t: IntArray, close: FloatArray, dividends: Events, splits: Events) -> FloatArray:
    """Factor of each raw price that takes the later dividends out: the product of 1 - cash / last close.

    t: (n,) int64, ascending; close: (n,) float64 raw. The last close before the ex-date is divided by
    a split of the same day, because the cash is counted on new shares. A dividend before the first
    bar, after the last one, or not smaller than that close leaves the prices as they are.
    Returns (n,) float64. Source: docs/numerics.md#adjustment.
    """
    cash = _positive(dividends.value)
    before = np.searchsorted(t, dividends.at) - 1
    known = before >= 0
    reference = np.where(known, close[before.clip(min=0)] if len(t) else np.nan, np.nan)
    reference = reference / _ratio_on(dividends.at, splits)
    usable = known & (cash < reference)
    factor = np.where(usable, 1.0 - cash / np.where(usable, reference, 1.0), 1.0)
    return _back_products(t, dividends.at, factor)


def _positive(values: FloatArray) -> FloatArray:
    if not (np.isfinite(values) & (values > 0)).all():
        raise ValueError("the value of a split or dividend must be a positive number")
    return values


def _ratio_on(at: IntArray, splits: Events) -> FloatArray:
    if not len(splits.at):
        return np.ones(len(at))
    row = np.searchsorted(splits.at, at).clip(max=len(splits.at) - 1)
    return np.where(splits.at[row] == at, splits.value[row], 1.0)


def _back_products(t: IntArray, at: IntArray, factor: FloatArray) -> FloatArray:
    """Of each bar: the product of the factors of all events after it that have a bar on or after them."""
    happened = at <= (t[-1] if len(t) else -1)
    later = np.append(np.cumprod(factor[happened][::-1])[::-1], 1.0)
    return np.asarray(later[np.searchsorted(at[happened], t, side="right")])
