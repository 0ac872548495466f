"""The quality gate: which rows of prices cannot be what was traded, and why."""

from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
DefectArray = NDArray[np.uint16]

ORDER_TOLERANCE = 1e-9
SPIKE_BARS = 3
_WIDTHS = [[(p, width - p) for p in range(1, width)] for width in range(2, SPIKE_BARS + 2)]
"""How many bars before and after a bar make a pair of neighbours, the narrowest first."""


class Defect(IntFlag):
    """What can be wrong with a row; the lower-case name is the reason that users see. Never renumber."""

    UNPARSABLE = 1
    MISSING = 2
    NOT_FINITE = 4
    NOT_POSITIVE = 8
    NEGATIVE_VOLUME = 16
    OHLC_ORDER = 32
    FUTURE = 64
    UNKNOWN_SESSION = 128
    OUTSIDE_SESSION = 256
    MISALIGNED = 512
    DUPLICATE = 1024
    JUMP = 2048
    HALTED = 4096

    @property
    def reasons(self) -> list[str]:
        """The names of all that is wrong, in the order of this list."""
        return [one.name.lower() for one in type(self) if one & self and one.name]


def inspect_values(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray
) -> DefectArray:
    """What is wrong with each row taken alone.

    open_, high, low, close: (n,) float64, price units; volume: (n,); NaN = the source had nothing there.
    Returns (n,) uint16 of Defect: MISSING, NOT_FINITE (infinite), NOT_POSITIVE (a price of 0 or less),
    NEGATIVE_VOLUME, OHLC_ORDER, HALTED (a close, a volume of 0 and zeros: how exchanges write a day without
    trading). The order is judged only where all four prices are positive numbers; it is broken when the high
    lies below, or the low above, another price by more than ORDER_TOLERANCE of it.
    Empty input gives empty output. Inputs unchanged. Source: docs/numerics.md#quality-gate.
    """
    prices = np.stack([open_, high, low, close]) if len(close) else np.empty((4, 0))
    missing = np.isnan(prices).any(axis=0) | np.isnan(volume)
    infinite = np.isinf(prices).any(axis=0) | np.isinf(volume)
    halted = (prices[:3] == 0).all(axis=0) & (prices[3] > 0) & (volume == 0)
    not_positive = (prices <= 0).any(axis=0) & ~halted
    judged = np.isfinite(prices).all(axis=0) & ~not_positive & ~halted
    slack = ORDER_TOLERANCE * np.where(judged, close, 0.0)
    disordered: BoolArray = (high < prices.max(axis=0) - slack) | (low > prices.min(axis=0) + slack)
    return _mask(
        len(close),
        (Defect.MISSING, missing),
        (Defect.NOT_FINITE, infinite),
        (Defect.NOT_POSITIVE, not_positive),
        (Defect.NEGATIVE_VOLUME, volume < 0),
        (Defect.OHLC_ORDER, judged & disordered),
        (Defect.HALTED, halted),
    )


def inspect_sessions(t: IntArray, sessions: IntArray, latest: int) -> DefectArray:
    """Which daily bars lie in the future or on a day without a session.

    t: (n,) int64, epoch seconds of 00:00 UTC of each bar's date. sessions: (m,) the same of the exchange's
    sessions, ascending; dates before the first or after the last are not judged. latest: today's date at
    the exchange. Returns (n,) uint16 of Defect: FUTURE, UNKNOWN_SESSION.
    Source: docs/numerics.md#quality-gate.
    """
    future = t > latest
    unknown = ~future
    if len(sessions):
        index = np.searchsorted(sessions, t).clip(max=len(sessions) - 1)
        unknown &= (t >= sessions[0]) & (t <= sessions[-1]) & (sessions[index] != t)
    return _mask(len(t), (Defect.FUTURE, future), (Defect.UNKNOWN_SESSION, unknown & (len(sessions) > 0)))


def inspect_minutes(t: IntArray, opens: IntArray, closes: IntArray, latest: int) -> DefectArray:
    """Which 1-minute bars lie in the future, between two minutes, or outside all sessions.

    t: (n,) int64, epoch seconds UTC of each bar's start. opens, closes: (m,) the same of the exchange's
    sessions, ascending; a bar belongs to one when open <= t < close; bars before the first open or after
    the last close are not judged. latest: now. Returns (n,) uint16 of Defect: FUTURE, MISALIGNED,
    OUTSIDE_SESSION. Source: docs/numerics.md#quality-gate.
    """
    future = t > latest
    outside = np.zeros(len(t), np.bool_)
    if len(opens):
        index = np.searchsorted(opens, t, side="right") - 1
        outside = (index >= 0) & (t >= closes[index.clip(min=0)]) & (t <= closes[-1])
    return _mask(
        len(t),
        (Defect.FUTURE, future),
        (Defect.MISALIGNED, t % 60 != 0),
        (Defect.OUTSIDE_SESSION, outside & ~future),
    )


def find_duplicates(key: IntArray, sound: BoolArray) -> BoolArray:
    """Which rows repeat the key of an earlier sound row; the first sound one of each key is none.

    key: (n,) int64, equal keys side by side, in the order of the source among themselves.
    sound: (n,) whether anything else is wrong with the row; unsound rows neither count nor are counted.
    Returns (n,) bool. Source: docs/numerics.md#quality-gate.
    """
    found = np.zeros(len(key), np.bool_)
    rows = np.flatnonzero(sound)
    found[rows[1:]] = key[rows[1:]] == key[rows[:-1]]
    return found


def find_jumps(
    instrument: IntArray,
    t: IntArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    *,
    ratio: float,
    gap_s: int,
) -> BoolArray:
    """Which bars leave the level of their neighbours absurdly far, as a slipped decimal point does.

    instrument, t: (n,) int64, ascending by both. high, low, close: (n,) positive, split-adjusted price units.
    ratio: > 1, two prices further apart than this disagree. gap_s: bars further apart are no neighbours.
    Returns (n,) bool, True where
    - of the pairs of bars on both sides of it, SPIKE_BARS + 1 apart at most, that agree with one another, the
      widest do not agree with this close; so up to SPIKE_BARS bad bars in a row are found, a good bar between
      two bad ones is not, and a lasting new level is not; or
    - it is the newest bar, has neighbours, and none of the SPIKE_BARS before agrees: one bar is no proof of a
      new level, the next one makes it; or
    - its high is above, or its low below, its own and both neighbours' closes by more than the ratio.
    A first or lonely bar is never found. Inputs unchanged. Source: docs/numerics.md#quality-gate.
    """
    limit, x = np.log(ratio), _log(close)
    series = _Series(instrument, t, x, gap_s)
    spike = np.zeros(len(t), np.bool_)
    for pairs in _WIDTHS:
        contradicted, supported = series.verdicts(pairs, limit)
        spike = np.where(contradicted | supported, contradicted & ~supported, spike)
    return spike | series.unconfirmed(limit) | _extreme(series, _log(high), _log(low), limit)


def _log(prices: FloatArray) -> FloatArray:
    """Logarithms; NaN of what has none, which agrees with nothing and contradicts nothing."""
    return np.log(prices, out=np.full(len(prices), np.nan), where=prices > 0)


class _Series:
    """Logarithmic closes of several instruments, with a look to either side that stops at their edges."""

    def __init__(self, instrument: IntArray, t: IntArray, x: FloatArray, gap_s: int) -> None:
        self._instrument = instrument
        self._t = t
        self.x = x
        self._gap_s = gap_s

    def shifted(self, rows: int) -> FloatArray:
        """The value so many rows before (after, if negative); NaN where there is none near."""
        found = np.full(len(self.x), np.nan)
        here, there = (
            (slice(rows, None), slice(None, -rows)) if rows > 0 else (slice(None, rows), slice(-rows, None))
        )
        near = self._instrument[here] == self._instrument[there]
        near &= np.abs(self._t[here] - self._t[there]) <= self._gap_s * abs(rows)
        found[here] = np.where(near, self.x[there], np.nan)
        return found

    def verdicts(self, pairs: list[tuple[int, int]], limit: float) -> tuple[BoolArray, BoolArray]:
        """Which values a pair of neighbours that agree contradicts, and which ones such a pair supports."""
        contradicted = np.zeros(len(self.x), np.bool_)
        supported = np.zeros(len(self.x), np.bool_)
        for before, after in pairs:
            left, right = self.shifted(before), self.shifted(-after)
            agree = np.abs(left - right) <= limit
            from_left, from_right = np.abs(self.x - left), np.abs(self.x - right)
            contradicted |= agree & (np.minimum(from_left, from_right) > limit)
            supported |= agree & (np.maximum(from_left, from_right) <= limit)
        return contradicted, supported

    def unconfirmed(self, limit: float) -> BoolArray:
        """The newest bar of each instrument where no near bar before it agrees; 0 and less have no say."""
        last = np.ones(len(self.x), np.bool_)
        last[:-1] = self._instrument[1:] != self._instrument[:-1]
        before = np.stack([self.shifted(rows) for rows in range(1, SPIKE_BARS + 1)])
        agree = np.abs(before - self.x) <= limit
        known = ~np.isnan(self.x) & ~np.isnan(before).all(axis=0)
        return np.asarray(last & known & ~agree.any(axis=0))


def _extreme(series: _Series, high: FloatArray, low: FloatArray, limit: float) -> BoolArray:
    left, right = series.shifted(1), series.shifted(-1)
    near = np.stack(
        [series.x, np.where(np.isnan(left), series.x, left), np.where(np.isnan(right), series.x, right)]
    )
    alone = np.isnan(left) & np.isnan(right)
    far = (high - near.max(axis=0) > limit) | (near.min(axis=0) - low > limit)
    return np.asarray(far & ~alone)


def _mask(n: int, *found: tuple[Defect, BoolArray | np.bool_]) -> DefectArray:
    defects = np.zeros(n, np.uint16)
    for defect, rows in found:
        defects[rows] |= np.uint16(defect)
    return defects
