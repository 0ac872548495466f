"""Every function of TA-Lib by one generic path: its own description says what it takes and gives.

The ranges of parameters are read from TA-Lib's C description (ta_abstract.h), which its Python
wrapper leaves out. Only VWAP is named here.
"""

import ctypes
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import talib
import talib._ta_lib
from numpy.typing import NDArray
from talib import abstract

from stock_analysis.kernels.price_scale import follow_prices
from stock_analysis.kernels.vwap import anchored_vwap

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COLUMNS = ("open", "high", "low", "close", "volume")
MAX_PERIOD = 5_000
"""Longest period accepted: bounds the work of the functions whose cost is bars times period."""

_SPEC = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,31})(?:\(([^()]{0,400})\))?")
_RENAMED = {"VWAP": "VWAP_ALL"}
_NAMES = {"VWAP": "Volume Weighted Average Price, whole history"}
ANCHORS = ("session", "week", "month", "year", "bar")
_LATEST_S = 253_402_300_799

_STYLES = {
    "Line": "line",
    "Dashed Line": "dashed",
    "Dotted Line": "dotted",
    "Histogram": "histogram",
    "Values represent an upper limit": "band_upper",
    "Values represent a lower limit": "band_lower",
}


class IndicatorError(ValueError):
    """An indicator is not known, or is asked for with parameters it does not take."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; both ends of the range are allowed. choices: label of each allowed value, if listed."""

    name: str
    type: str
    default: float
    min: float
    max: float
    help: str
    choices: Mapping[int, str]

    def check(self, text: str) -> float:
        """The value that the text gives. Raises IndicatorError if it is none, or out of range."""
        named = {label.lower(): value for value, label in self.choices.items()}
        try:
            value = float(named.get(text.lower(), text))
        except ValueError:
            raise IndicatorError(f"{self.name}={text!r} is not a number") from None
        if self.type != "real" and not value.is_integer():
            raise IndicatorError(f"{self.name}={text} must be a whole number")
        if not self.min <= value <= self.max:
            raise IndicatorError(f"{self.name}={text} is not between {self.min:g} and {self.max:g}")
        return value if self.type == "real" else int(value)


@dataclass(frozen=True, slots=True)
class Output:
    """One output column, how it is usually drawn, and whether it belongs on the axis of the prices."""

    name: str
    style: str
    overlay: bool


@dataclass(frozen=True, slots=True)
class Indicator:
    """One function of TA-Lib. inputs: which column each array argument takes unless told otherwise.

    overlay: whether any output is drawn over the prices; each output says so for itself. function: of
    TA-Lib; None = our own.
    """

    name: str
    display_name: str
    group: str
    overlay: bool
    inputs: Mapping[str, str]
    fixed_inputs: bool
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    warm_up: int
    function: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """An indicator with its parameters.

    text: the canonical form of what was asked. warm_up: bars before the first value; found out once, for
    asking TA-Lib costs more than computing a few thousand bars.
    """

    text: str
    indicator: Indicator
    inputs: Mapping[str, str]
    parameters: Mapping[str, float]
    warm_up: int


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Indicator]:
    """All functions by name, in TA-Lib's order; VWAP is our own, from an anchor on."""
    found = {_RENAMED.get(name, name): _describe(name) for name in talib.get_functions()}
    return found | {"VWAP": _anchored_vwap()}


@lru_cache(maxsize=4096)
def parse(text: str) -> Request:
    """An indicator as text: `rsi`, `rsi(14)`, `bbands(20, nbdevup=2.5)`, `sma(10, price=high)`.

    Parameters stand in their order or by name; an input is named to give it another column.
    Raises IndicatorError saying what is wrong and what would be right.
    """
    match = _SPEC.fullmatch(text.strip())
    if match is None:
        raise IndicatorError(
            f"{text[:60]!r} is not an indicator; write it as rsi(14) or bbands(timeperiod=20)"
        )
    indicator = catalogue().get(match[1].upper())
    if indicator is None:
        raise IndicatorError(f"no indicator is named {match[1]!r}; GET /api/v1/indicators lists them")
    try:
        return _bind(indicator, [part.strip() for part in (match[2] or "").split(",") if part.strip()])
    except IndicatorError as error:
        raise IndicatorError(f"{match[0]}: {error}") from None


def compute(
    request: Request,
    columns: Mapping[str, FloatArray],
    period: Callable[[Request], IntArray] | None = None,
) -> dict[str, FloatArray]:
    """The outputs by name, as TA-Lib gives them, to the bit.

    columns: open, high, low, close, volume, each (n,) float64, oldest first, no NaN; unchanged.
    period: gives the periods that VWAP begins anew with, see anchored_vwap; without it all is one.
    Returns (n,) float64 each; the first `warm_up` values are NaN, also of whole-number outputs,
    where TA-Lib itself writes 0. All are NaN when there are no more bars than that.
    """
    names = [output.name for output in request.indicator.outputs]
    size = len(columns["close"])
    warm_up = request.warm_up
    if size <= warm_up:
        return {name: np.full(size, np.nan) for name in names}
    arrays = [columns[column] for column in request.inputs.values()]
    if request.indicator.function is None:
        starts = period(request) if period is not None else np.zeros(size, np.int64)
        return {names[0]: anchored_vwap(starts, *arrays)}
    found = getattr(talib, request.indicator.function)(*arrays, **request.parameters)
    values = found if isinstance(found, tuple) else (found,)
    return {name: _blank(value, warm_up) for name, value in zip(names, values, strict=True)}


def _blank(values: NDArray[Any], warm_up: int) -> FloatArray:
    if values.dtype == np.float64:
        return values
    blanked = values.astype(np.float64)
    blanked[:warm_up] = np.nan
    return blanked


def _bind(indicator: Indicator, arguments: list[str]) -> Request:
    known = {parameter.name: parameter for parameter in indicator.parameters}
    values = {parameter.name: parameter.default for parameter in indicator.parameters}
    inputs = dict(indicator.inputs)
    for position, argument in enumerate(arguments):
        name, text = _named(argument, position, indicator)
        if name in known:
            values[name] = known[name].check(text)
        elif name in inputs and not indicator.fixed_inputs:
            inputs[name] = _column(text)
        else:
            raise IndicatorError(
                f"{name!r} is not one of {', '.join([*known, *_choosable(indicator)]) or 'none'}"
            )
    shown = [_shown(values[name]) for name in known]
    shown += [f"{name}={column}" for name, column in inputs.items() if column != indicator.inputs[name]]
    text = f"{indicator.name.lower()}({','.join(shown)})"
    warm_up = 0
    if indicator.function is not None:
        warm_up = int(abstract.Function(indicator.function, **values).lookback)
    if warm_up < 0:  # TA-Lib's own sign for parameters that do not fit one another
        raise IndicatorError("these parameters do not fit together")
    return Request(text, indicator, inputs, values, warm_up)


def _anchored_vwap() -> Indicator:
    anchor = Parameter(
        "anchor", "ma_type", 0, 0, len(ANCHORS) - 1, "When the average begins anew", dict(enumerate(ANCHORS))
    )
    start = Parameter(
        "start", "integer", 0, 0, _LATEST_S, "With anchor=bar: epoch seconds of the bar it begins at", {}
    )
    columns = {name: name for name in ("high", "low", "close", "volume")}
    return Indicator(
        name="VWAP",
        display_name="Volume Weighted Average Price",
        group="Volume Indicators",
        overlay=True,
        inputs=columns,
        fixed_inputs=True,
        parameters=(anchor, start),
        outputs=(Output("real", "line", overlay=True),),
        warm_up=0,
        function=None,
    )


def _named(argument: str, position: int, indicator: Indicator) -> tuple[str, str]:
    name, equals, text = argument.partition("=")
    if equals:
        return name.strip().lower(), text.strip()
    if position >= len(indicator.parameters):
        raise IndicatorError(f"takes {len(indicator.parameters)} parameters, not {position + 1}")
    return indicator.parameters[position].name, argument


def _column(text: str) -> str:
    if text.lower() not in COLUMNS:
        raise IndicatorError(f"{text!r} is not a column; choose one of {', '.join(COLUMNS)}")
    return text.lower()


def _choosable(indicator: Indicator) -> list[str]:
    return [] if indicator.fixed_inputs else list(indicator.inputs)


def _shown(value: float) -> str:
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _describe(name: str) -> Indicator:
    function = abstract.Function(name)
    info = function.info
    inputs, fixed = _inputs(info["input_names"])
    outputs = tuple(_outputs(info, inputs))
    return Indicator(
        name=_RENAMED.get(name, name),
        function=name,
        display_name=_NAMES.get(name, info["display_name"]),
        group=info["group"],
        overlay=any(output.overlay for output in outputs),
        inputs=inputs,
        fixed_inputs=fixed,
        parameters=_parameters(name, len(info["parameters"])),
        outputs=outputs,
        warm_up=int(function.lookback),
    )


def _inputs(described: Mapping[str, str | list[str]]) -> tuple[dict[str, str], bool]:
    """Column of each array argument; whether they are given by the function (high, low) or free (price)."""
    columns: dict[str, str] = {}
    for name, series in described.items():
        if isinstance(series, str):
            columns[name] = series if series in COLUMNS else "close"
        else:
            columns |= {column: column for column in series}
    return columns, not any(isinstance(series, str) for series in described.values())


def _outputs(info: Mapping[str, Any], inputs: Mapping[str, str]) -> Iterator[Output]:
    """TA-Lib flags the function as a whole as drawn over its input; some of its outputs may be no prices."""
    flagged = "Output scale same as input" in (info["function_flags"] or ())
    flags = info["output_flags"].items()
    on_prices = follow_prices(info["name"], inputs) if flagged else (False,) * len(flags)
    for (name, described), overlay in zip(flags, on_prices, strict=True):
        yield Output(name, _style(info["group"], described), overlay)


def _style(group: str, flags: list[str]) -> str:
    if group == "Pattern Recognition":
        return "pattern"
    return next((_STYLES[flag] for flag in flags if flag in _STYLES), "line")


class _IntegerRange(ctypes.Structure):
    _fields_ = (("min", ctypes.c_int), ("max", ctypes.c_int))


class _RealRange(ctypes.Structure):
    _fields_ = (("min", ctypes.c_double), ("max", ctypes.c_double))


class _Choice(ctypes.Structure):
    _fields_ = (("value", ctypes.c_int), ("label", ctypes.c_char_p))


class _IntegerList(ctypes.Structure):
    _fields_ = (("data", ctypes.POINTER(_Choice)), ("size", ctypes.c_uint))


class _ParameterInfo(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("flags", ctypes.c_int),
        ("display_name", ctypes.c_char_p),
        ("range", ctypes.c_void_p),
        ("default", ctypes.c_double),
        ("hint", ctypes.c_char_p),
    )


_REAL_RANGE, _INTEGER_RANGE, _INTEGER_LIST = 0, 2, 3


def _parameters(function: str, count: int) -> tuple[Parameter, ...]:
    library = ctypes.CDLL(talib._ta_lib.__file__)
    handle = ctypes.c_void_p()
    library.TA_GetFuncHandle(function.encode(), ctypes.byref(handle))
    found = []
    for index in range(count):
        info = ctypes.POINTER(_ParameterInfo)()
        library.TA_GetOptInputParameterInfo(handle, index, ctypes.byref(info))
        found.append(_parameter(info.contents))
    return tuple(found)


def _parameter(info: _ParameterInfo) -> Parameter:
    low, high, choices = _range(info)
    return Parameter(
        name=info.name.decode().removeprefix("optIn").lower(),
        type={_REAL_RANGE: "real", _INTEGER_RANGE: "integer", _INTEGER_LIST: "ma_type"}[info.type],
        default=info.default if info.type == _REAL_RANGE else int(info.default),
        min=low,
        max=high,
        help=info.hint.decode(),
        choices=choices,
    )


def _range(info: _ParameterInfo) -> tuple[float, float, Mapping[int, str]]:
    if info.type == _INTEGER_LIST:
        listed = ctypes.cast(info.range, ctypes.POINTER(_IntegerList)).contents
        choices = {listed.data[i].value: listed.data[i].label.decode() for i in range(listed.size)}
        return min(choices), max(choices), choices
    kind: Any = _RealRange if info.type == _REAL_RANGE else _IntegerRange
    limits = ctypes.cast(info.range, ctypes.POINTER(kind)).contents
    high = limits.max if info.type == _REAL_RANGE else min(limits.max, MAX_PERIOD)
    return limits.min, high, {}
