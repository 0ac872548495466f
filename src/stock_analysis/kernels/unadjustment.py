"""Taking splits out of prices again that a source has adjusted by them."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SINGLE_NOISE = 2e-7
SINGLE_DIGITS = 7


def later_split_factor(t: IntArray, ex_t: IntArray, ratio: FloatArray) -> FloatArray:
    """Of each instant, the product of the ratios of all splits after it.

    t: (n,) int64 epoch seconds, any order. ex_t: (m,) int64, the first instant at the new price.
    ratio: (m,) new shares for one old. Returns (n,), 1.0 where no split follows. Input unchanged.
    """
    order = np.argsort(ex_t, kind="stable")
    product = np.append(np.cumprod(ratio[order][::-1])[::-1], 1.0)
    return np.asarray(product[np.searchsorted(ex_t[order], t, side="right")], np.float64)


def traded_price(adjusted: FloatArray, factor: FloatArray) -> FloatArray:
    """Prices as traded: adjusted * factor, freed of the noise of the source's 32-bit numbers.

    adjusted: (n,) price units, NaN = missing, which stays. factor: (n,), see later_split_factor.
    Returns (n,): whole cents where a value lies within that noise of one, else 7 significant digits.
    """
    price = adjusted * factor
    cents = np.round(price, 2)
    near = np.abs(price - cents) <= SINGLE_NOISE * np.abs(price)
    return np.where(near, cents, _significant(price, SINGLE_DIGITS))


def _significant(values: FloatArray, digits: int) -> FloatArray:
    size = np.where(np.isfinite(values) & (values != 0), np.abs(values), 1.0)
    unit = 10.0 ** (np.floor(np.log10(size)) - digits + 1)
    return np.asarray(np.round(values / unit) * unit, np.float64)


def split_ratios(raw: FloatArray, adjusted: FloatArray, step: float = 1.0) -> tuple[IntArray, FloatArray]:
    """The splits that turn raw closes into adjusted ones: index of the first bar at the new price, ratio.

    raw, adjusted: (n,) positive closes of the same sessions, oldest first; adjusted are rounded to `step`
    price units, and a change of raw / adjusted within that rounding is none. A ratio within it of a fraction
    of small numbers is that fraction, else it has 4 decimals. Returns two (m,) arrays.
    """
    quotient, slack = raw / adjusted, 1.1 * step / adjusted
    moved = np.abs(quotient[1:] / quotient[:-1] - 1) > slack[1:] + slack[:-1]
    first = np.flatnonzero(moved) + 1
    level = [float(np.median(part)) for part in np.split(quotient, first)]
    ratio = [_simple(old / new, step / float(adjusted.min())) for old, new in pairwise(level)]
    return first.astype(np.int64), np.array(ratio, np.float64)


def _simple(value: float, slack: float) -> float:
    simple = float(Fraction(value).limit_denominator(20)) if value >= 1 else 1 / _simple(1 / value, slack)
    return simple if abs(value / simple - 1) <= min(slack, 1e-3) else round(value, 4)
