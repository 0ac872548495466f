"""Bars: open, high, low, close and volume of one instrument over equal spans of time."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

PRICE_COLUMNS = ("open", "high", "low", "close", "volume")


class Interval(StrEnum):
    """The span of one bar."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    D1 = "1d"
    W1 = "1w"
    MO1 = "1mo"

    @property
    def minutes(self) -> int:
        """Length in minutes of an intraday interval; 0 for a day and longer."""
        return _MINUTES.get(self, 0)

    @property
    def is_intraday(self) -> bool:
        """Whether the bars are shorter than a session."""
        return self.minutes > 0


_MINUTES = {Interval.M1: 1, Interval.M5: 5, Interval.M15: 15, Interval.M30: 30, Interval.H1: 60}


class Adjustment(StrEnum):
    """Which corporate actions are taken out of the prices when they are read."""

    RAW = "raw"
    SPLIT = "split"
    DIVIDEND = "dividend"
    ALL = "all"

    @property
    def for_splits(self) -> bool:
        """Whether splits are taken out."""
        return self in (Adjustment.SPLIT, Adjustment.ALL)

    @property
    def for_dividends(self) -> bool:
        """Whether dividends are taken out."""
        return self in (Adjustment.DIVIDEND, Adjustment.ALL)


class Hours(StrEnum):
    """Which minutes are shown: those of the sessions, or those traded before and after them as well."""

    REGULAR = "regular"
    EXTENDED = "extended"


@dataclass(frozen=True, slots=True)
class Bars:
    """Columns of bars, oldest first.

    t: (n,) int64, epoch seconds UTC of each bar's start, strictly ascending; for a session and
    longer, 00:00 UTC of the (first) session's date. The others: (n,) float64, price in the
    instrument's currency, volume in shares or contracts.
    """

    t: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, rows: slice | BoolArray | IntArray) -> Self:
        t, open_, high, low, close, volume = self.columns()
        return type(self)(t[rows], open_[rows], high[rows], low[rows], close[rows], volume[rows])

    def columns(self) -> tuple[IntArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """All columns in their order: t, open, high, low, close, volume."""
        return self.t, self.open, self.high, self.low, self.close, self.volume

    @classmethod
    def empty(cls) -> Self:
        """No bars."""
        return cls(np.empty(0, np.int64), *(np.empty(0) for _ in PRICE_COLUMNS))
