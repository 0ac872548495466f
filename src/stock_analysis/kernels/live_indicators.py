"""Indicators carried on bar by bar, by TA-Lib's stream handles."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import talib
from numpy.typing import NDArray
from talib import stream

from stock_analysis.kernels.indicators import Request, compute

FloatArray = NDArray[np.float64]
Values = dict[str, float]
Bar = Mapping[str, float]


class LiveIndicator:
    """One indicator over closed bars, carried on without computing the whole history anew.

    Its values equal `compute` over the same bars to the bit. A forming bar is only looked at (`peek`): it
    never becomes part of the state. columns: open, high, low, close, volume of the bars so far, each (n,)
    float64, no NaN; unchanged, but kept and copied while there are too few bars for a first value.
    """

    def __init__(self, request: Request, columns: Mapping[str, FloatArray]) -> None:
        if request.indicator.function is None:
            raise ValueError(f"{request.text} has no stream handle")
        self._request = request
        self._columns = list(request.inputs.values())
        self._names = [output.name for output in request.indicator.outputs]
        self._handle: Any = None
        self._waiting = {name: columns[name] for name in dict.fromkeys(self._columns)}
        self._open()

    @property
    def request(self) -> Request:
        """What is computed."""
        return self._request

    def update(self, bar: Bar) -> Values:
        """The values at a bar that is closed now; NaN in the warm-up."""
        if self._handle is not None:
            return self._named(self._handle.update(*(bar[name] for name in self._columns)))
        self._waiting = {name: np.append(values, bar[name]) for name, values in self._waiting.items()}
        return self._open()

    def peek(self, bar: Bar) -> Values:
        """What the values would be if the forming bar closed as it is; the state stays as it was."""
        if self._handle is not None:
            return self._named(self._handle.peek(*(bar[name] for name in self._columns)))
        return self._last({name: np.append(values, bar[name]) for name, values in self._waiting.items()})

    def _open(self) -> Values:
        """Open the handle once there are enough bars for a first value; the values at the newest bar."""
        arrays = [self._waiting[name] for name in self._columns]
        if len(arrays[0]) <= self._request.warm_up:
            return self._named((np.nan,) * len(self._names))
        kind = getattr(stream, self._request.indicator.function or "")
        try:
            self._handle = kind(*arrays, **self._request.parameters)
        except talib.InsufficientHistory:
            return self._last(self._waiting)
        self._waiting = {}
        return self._named(self._handle.value)

    def _last(self, columns: Mapping[str, FloatArray]) -> Values:
        size = len(next(iter(columns.values())))
        if not size:
            return self._named((np.nan,) * len(self._names))
        whole = {"close": next(iter(columns.values())), **columns}
        return {name: float(values[-1]) for name, values in compute(self._request, whole).items()}

    def _named(self, found: Any) -> Values:
        values = found if isinstance(found, tuple) else (found,)
        return dict(zip(self._names, map(float, values), strict=True))
