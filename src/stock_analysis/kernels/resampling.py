"""Longer bars out of shorter ones."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_DAY_S = 86_400


def resample(
    label: IntArray,
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """One bar for each run of equal labels: first open, highest high, lowest low, last close, all volume.

    label: (n,) int64, not descending: the start of the longer bar each bar belongs to. All (n,).
    Returns the six columns, each (m,), m = number of labels; inputs unchanged. Volumes are added
    in order, so whole numbers up to 2**53 stay exact.
    """
    if not len(label):
        return label, open_, high, low, close, volume
    first = np.flatnonzero(np.diff(label, prepend=label[0] - 1))
    last = np.append(first[1:], len(label)) - 1
    return (
        label[first],
        open_[first],
        np.maximum.reduceat(high, first),
        np.minimum.reduceat(low, first),
        close[last],
        np.add.reduceat(volume, first),
    )


def intraday_labels(t: IntArray, session_open: IntArray, minutes: int) -> IntArray:
    """Start of the bar of so many minutes that each bar lies in, counted from its session's open.

    t: (n,) int64 epoch seconds; session_open: (n,) the open of the session each bar lies in.
    """
    span_s = minutes * 60
    return session_open + (t - session_open) // span_s * span_s


def mondays(session: IntArray) -> IntArray:
    """The Monday of the week of each date; both as epoch seconds of 00:00 UTC."""
    return ((session // _DAY_S + 3) // 7 * 7 - 3) * _DAY_S


def firsts_of_month(session: IntArray) -> IntArray:
    """The first day of the month of each date; both as epoch seconds of 00:00 UTC."""
    return session.astype("datetime64[s]").astype("datetime64[M]").astype("datetime64[s]").astype(np.int64)
