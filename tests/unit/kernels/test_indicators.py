import math

import numpy as np
import pytest
import talib
from talib import abstract

from stock_analysis.kernels.indicators import COLUMNS, IndicatorError, catalogue, compute, parse

ALL = list(catalogue())


def walk(n: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, n)))
    open_ = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(open_, close) * 1.01
    low = np.minimum(open_, close) * 0.99
    volume = random.integers(1, 10**6, n).astype(float)
    return dict(zip(COLUMNS, (open_, high, low, close, volume), strict=True))


def test_the_catalogue_is_the_whole_of_talib() -> None:
    assert set(talib.get_functions()) == {item.function for item in catalogue().values() if item.function}
    assert [name for name, item in catalogue().items() if item.function != name] == [
        "VWAP_ALL",
        "VWAP",
    ]
    assert len(ALL) > 190


@pytest.mark.parametrize("name", [name for name in ALL if catalogue()[name].function])
def test_values_equal_talib_called_directly_to_the_bit(name: str) -> None:
    columns = walk(400)
    found = compute(parse(name), columns)
    function = catalogue()[name].function
    direct = abstract.Function(function)({**columns, "periods": columns["close"]})
    warm_up = abstract.Function(function).lookback
    for ours, theirs in zip(found.values(), direct if isinstance(direct, list) else [direct], strict=True):
        assert np.isnan(ours[:warm_up]).all()
        np.testing.assert_array_equal(ours[warm_up:], theirs[warm_up:].astype(float))


def test_computing_asks_talib_for_values_only_and_not_for_the_warm_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = parse("rsi(10)")
    monkeypatch.delattr(abstract, "Function")
    assert np.isnan(compute(request, walk(40))["real"]).sum() == request.warm_up == 10


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_takes_both_ends_of_its_range_and_nothing_beyond(name: str) -> None:
    for parameter in catalogue()[name].parameters:
        for value in (parameter.min, parameter.max):
            assert parameter.check(repr(value)) == value
        beyond = math.nextafter(parameter.max, math.inf) if parameter.type == "real" else parameter.max + 1
        with pytest.raises(IndicatorError, match="is not between"):
            parse(f"{name}({parameter.name}={beyond!r})")


@pytest.mark.parametrize("name", [name for name in ALL if catalogue()[name].parameters])
def test_talib_takes_every_parameter_at_its_least(name: str) -> None:
    least = ",".join(f"{parameter.name}={parameter.min!r}" for parameter in catalogue()[name].parameters)
    found = compute(parse(f"{name}({least})"), walk(400))
    assert all(len(column) == 400 for column in found.values())


@pytest.mark.parametrize("name", ALL)
def test_fewer_bars_than_the_warm_up_give_no_values(name: str) -> None:
    for n in (0, 1, catalogue()[name].warm_up):
        found = compute(parse(name), walk(n))
        if n <= catalogue()[name].warm_up:
            assert all(np.isnan(column).all() and len(column) == n for column in found.values())


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("RSI", "rsi(14)"),
        (" rsi( 21 ) ", "rsi(21)"),
        ("bbands(20, nbdevup=2.5)", "bbands(20,2.5,2,0)"),
        ("bbands(matype=EMA)", "bbands(20,2,2,1)"),
        ("sma(10, price=HIGH)", "sma(10,price=high)"),
        ("sma(10, price=close)", "sma(10)"),
        ("obv", "obv()"),
    ],
)
def test_a_request_has_one_canonical_form_which_means_the_same(text: str, canonical: str) -> None:
    assert parse(text).text == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not an indicator"),
        ("rsi(", "is not an indicator"),
        ("nonsense(3)", "no indicator is named"),
        ("rsi(1)", "timeperiod=1 is not between 2 and 5000"),
        ("rsi(2.5)", "must be a whole number"),
        ("rsi(nan)", "must be a whole number"),
        ("bbands(nbdevup=nan)", "is not between"),
        ("rsi(x)", "is not a number"),
        ("rsi(14, 3)", "takes 1 parameters"),
        ("atr(price=high)", "is not one of timeperiod"),
        ("sma(price=spread)", "is not a column"),
        ("mavp(minperiod=40)", "do not fit together"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(IndicatorError, match=says.replace("(", r"\(")):
        parse(text)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("price", [1e-9, 1.0, 1e6])
def test_what_shares_the_price_axis_lies_where_the_prices_lie_whatever_they_cost(
    name: str, price: float
) -> None:
    columns = walk(400)
    columns |= {column: columns[column] / 100 * price for column in ("open", "high", "low", "close")}
    found = compute(parse(name), columns)
    for output in catalogue()[name].outputs:
        if output.overlay:
            share = (found[output.name] / columns["close"])[catalogue()[name].warm_up :]
            assert ((share > 0.5) & (share < 2)).all(), output.name


def test_prices_and_other_scales_of_one_function_are_told_apart() -> None:
    told = {name: [output.overlay for output in catalogue()[name].outputs] for name in ALL}
    assert told["SUPERTREND"] == [True, False]
    assert told["BBANDS"] == told["ACCBANDS"] == told["KC"] == [True, True, True]
    assert told["AVGDEV"] == told["SAREXT"] == told["RSI"] == told["STDDEV"] == [False]
    assert all(any(outputs) == catalogue()[name].overlay for name, outputs in told.items())
    flagged = {
        name
        for name in ALL
        if "Output scale same as input"
        in (abstract.Function(catalogue()[name].function or "VWAP").info["function_flags"] or ())
    }
    assert {name for name, outputs in told.items() if not all(outputs)} & flagged == {
        "SUPERTREND",
        "AVGDEV",
        "SAREXT",
    }
