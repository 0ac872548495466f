"""Indicators carried on bar by bar, by TA-Lib's stream handles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import talib
from numpy.typing import NDArray
from talib import stream

from stock_analysis.kernels.indicators import Request, compute

FloatArray = NDArray[np.float64]
Values = dict[str, float]
Bar = Mapping[str, float]


def has_stream(request: Request) -> bool:
    """Whether an indicator can be carried on; VWAP, which is our own, cannot."""
    return request.indicator.function is not None


class LiveIndicator:
    """One indicator over closed bars, carried on without computing the whole history anew.

    Its values equal `compute` over the same bars to the bit. A forming bar is only looked at (`peek`): it
    never becomes part of the state. columns: open, high, low, close, volume of the bars so far, each (n,)
    float64, no NaN; unchanged, but kept and copied while there are too few bars for a first value.
    Raises ValueError for an indicator without a stream handle.
    """

    def __init__(self, request: Request, columns: Mapping[str, FloatArray]) -> None:
        if not has_stream(request):
            raise ValueError(f"{request.text} has no stream handle")
        self._request = request
        self._columns = list(request.inputs.values())
        self._names = [output.name for output in request.indicator.outputs]
        self._handle: Any = None
        self._waiting = {name: columns[name] for name in dict.fromkeys([*self._columns, "close"])}
        self._open()

    def update(self, bar: Bar) -> Values:
        """The values at a bar that is closed now; NaN in the warm-up."""
        if self._handle is not None:
            return self._named(self._handle.update(*self._inputs(bar)))
        self._waiting = self._appended([bar])
        return self._open()

    def peek(self, forming: Sequence[Bar]) -> list[Values]:
        """The values at forming bars, oldest first, if they closed as they are; the state stays as it was."""
        if self._handle is None:
            return self._last(self._appended(forming), len(forming))
        if len(forming) == 1:
            return [self._named(self._handle.peek(*self._inputs(forming[0])))]
        apart = self._handle.copy()
        return [self._named(apart.update(*self._inputs(bar))) for bar in forming]

    def _inputs(self, bar: Bar) -> list[float]:
        return [bar[name] for name in self._columns]

    def _appended(self, bars: Sequence[Bar]) -> dict[str, FloatArray]:
        return {
            name: np.append(values, [bar[name] for bar in bars]) for name, values in self._waiting.items()
        }

    def _open(self) -> Values:
        """Open the handle once there are enough bars for a first value; the values at the newest bar."""
        arrays = [self._waiting[name] for name in self._columns]
        if len(arrays[0]) <= self._request.warm_up:
            return self._named((np.nan,) * len(self._names))
        kind = getattr(stream, self._request.indicator.function or "")
        try:
            self._handle = kind(*arrays, **self._request.parameters)
        except talib.InsufficientHistory:
            return self._last(self._waiting, 1)[0]
        self._waiting = {}
        return self._named(self._handle.value)

    def _last(self, columns: Mapping[str, FloatArray], count: int) -> list[Values]:
        found = compute(self._request, columns)
        rows = range(len(columns["close"]) - count, len(columns["close"]))
        return [{name: float(values[row]) for name, values in found.items()} for row in rows]

    def _named(self, found: Any) -> Values:
        values = found if isinstance(found, tuple) else (found,)
        return dict(zip(self._names, map(float, values), strict=True))
