"""Taking corporate actions out of raw prices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Events:
    """Splits of one instrument, oldest first; several of one instant multiply.

    at: (m,) int64, epoch seconds of the first instant of the ex-date, on the clock of the bars.
    value: (m,) float64, new shares for one old.
    """

    at: IntArray
    value: FloatArray


@dataclass(frozen=True, slots=True)
class Distributions:
    """What holders of one instrument were given, oldest first; several of one instant add up.

    at: (m,) as of Events. Each row has one of: cash, a share in raw terms (dividends, a spin-off's worth);
    ratio, the price after a spin-off / the price before; shares, offered for one old, and paid, what they
    cost together. Where a column does not apply: cash 0, ratio 1, shares 0, paid 0. All (m,) float64.
    """

    at: IntArray
    cash: FloatArray
    ratio: FloatArray
    shares: FloatArray
    paid: FloatArray


def split_factors(t: IntArray, splits: Events) -> FloatArray:
    """Factor of each raw price that takes the later splits out; volumes are divided by it.

    t: (n,) int64, ascending epoch seconds. A split counts for the bars before its ex-date, and only
    once there is a bar on or after that date (what has not happened in the data changes nothing).
    Returns (n,) float64, 1.0 from the last split on. Raises ValueError for a value that is not positive.
    Source: docs/numerics.md#adjustment.
    """
    return _back_products(t, splits.at, 1.0 / _positive(splits.value))


def distribution_factors(t: IntArray, close: FloatArray, given: Distributions, splits: Events) -> FloatArray:
    """Factor of each raw price that takes the later distributions out: what was left of the last close.

    t: (n,) int64, ascending; close: (n,) float64 raw. Of each day: the last close before it, C, divided by
    the splits of that day, because all is counted on new shares; times the ratios, less all cash: X. Rights
    of r shares for P together make (X + P) / (1 + r) of it, where a new share costs less than X. The factor
    is what results / C. A day before the first bar, after the last one, or that leaves nothing, changes
    nothing.
    Returns (n,) float64. Raises ValueError for values out of range. Source: docs/numerics.md#adjustment.
    """
    _check(given)
    at, first = np.unique(given.at, return_index=True)
    if not len(at):
        return np.ones(len(t))
    cash, shares, paid = (np.add.reduceat(one, first) for one in (given.cash, given.shares, given.paid))
    ratio = np.multiply.reduceat(given.ratio, first)
    before = np.searchsorted(t, at) - 1
    known = before >= 0
    last = np.where(known, close[before.clip(min=0)] if len(t) else np.nan, np.nan) / _ratio_on(at, splits)
    left = last * ratio - cash
    exercised = (shares > 0) & (paid < left * shares)
    left = np.where(exercised, (left + paid) / (1.0 + shares), left)
    usable = known & (left > 0)
    factor = np.where(usable, left / np.where(usable, last, 1.0), 1.0)
    return _back_products(t, at, factor)


def _check(given: Distributions) -> None:
    columns = (given.cash, given.ratio, given.shares, given.paid)
    if not all((np.isfinite(one) & (one >= 0)).all() for one in columns) or (given.ratio <= 0).any():
        raise ValueError("what a corporate action gives must be a positive number")


def _positive(values: FloatArray) -> FloatArray:
    if not (np.isfinite(values) & (values > 0)).all():
        raise ValueError("the value of a split must be a positive number")
    return values


def _ratio_on(at: IntArray, splits: Events) -> FloatArray:
    """The product of the splits of each instant."""
    if not len(splits.at):
        return np.ones(len(at))
    days, first = np.unique(splits.at, return_index=True)
    row = np.searchsorted(days, at).clip(max=len(days) - 1)
    return np.where(days[row] == at, np.multiply.reduceat(splits.value, first)[row], 1.0)


def _back_products(t: IntArray, at: IntArray, factor: FloatArray) -> FloatArray:
    """Of each bar: the product of the factors of all events after it that have a bar on or after them."""
    happened = at <= (t[-1] if len(t) else -1)
    later = np.append(np.cumprod(factor[happened][::-1])[::-1], 1.0)
    return np.asarray(later[np.searchsorted(at[happened], t, side="right")])
