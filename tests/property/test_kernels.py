"""What must hold of any series: no look-ahead, inputs untouched, and the slow obvious way agrees."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_analysis.kernels.adjustment import Distributions, Events, distribution_factors, split_factors
from stock_analysis.kernels.indicators import COLUMNS, catalogue, compute, parse
from stock_analysis.kernels.resampling import resample

DAY = 86_400
Columns = dict[str, np.ndarray]


@st.composite
def series(draw: Callable[..., int], longest: int = 220) -> Columns:
    n = draw(st.integers(1, longest))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.03, n)))
    open_ = close * np.exp(random.normal(0, 0.02, n))
    high = np.maximum(open_, close) * np.exp(random.exponential(0.01, n))
    low = np.minimum(open_, close) * np.exp(-random.exponential(0.01, n))
    return dict(zip(COLUMNS, (open_, high, low, close, random.integers(0, 10**7, n) * 1.0), strict=True))


def read_only(columns: Columns) -> Columns:
    for column in columns.values():
        column.flags.writeable = False
    return columns


@pytest.mark.parametrize("name", list(catalogue()))
@settings(max_examples=8, deadline=None)
@given(columns=series(), cut=st.floats(0.1, 1.0))
def test_no_indicator_looks_ahead_and_none_changes_its_input(name: str, columns: Columns, cut: float) -> None:
    request = parse(name)
    whole = compute(request, read_only(columns))
    size = max(1, int(len(columns["close"]) * cut))
    prefix = compute(request, {key: column[:size] for key, column in columns.items()})
    for key, column in prefix.items():
        np.testing.assert_array_equal(column, whole[key][:size])


@given(columns=series(), lengths=st.lists(st.integers(1, 9), min_size=1, max_size=80))
def test_resampling_agrees_with_the_slow_obvious_way(columns: Columns, lengths: list[int]) -> None:
    n = len(columns["close"])
    label = np.repeat(np.arange(len(lengths)) * 3, lengths)[:n].astype(np.int64)
    parts = [column[: len(label)] for column in read_only(columns).values()]
    t, open_, high, low, close, volume = resample(label, *parts)
    for row, one in enumerate(t):
        inside = [column[label == one] for column in parts]
        expected = [inside[0][0], max(inside[1]), min(inside[2]), inside[3][-1]]
        assert [open_[row], high[row], low[row], close[row]] == expected
        assert volume[row] == sum(inside[4])
    assert t.tolist() == sorted(set(label.tolist()))


@given(columns=series(), every=st.integers(1, 9), data=st.data())
def test_resampling_a_prefix_gives_the_same_finished_bars(
    columns: Columns, every: int, data: st.DataObject
) -> None:
    n = len(columns["close"])
    label = np.arange(n, dtype=np.int64) // every
    size = data.draw(st.integers(1, n))
    whole = resample(label, *columns.values())
    part = resample(label[:size], *(column[:size] for column in columns.values()))
    finished = size // every
    for full, cut in zip(whole, part, strict=True):
        np.testing.assert_array_equal(full[:finished], cut[:finished])


@st.composite
def events(draw: Callable[..., list[tuple[int, float]]]) -> Events:
    pairs = draw(st.lists(st.tuples(st.integers(0, 230), st.floats(0.01, 60)), max_size=6))
    pairs.sort()
    return Events(
        np.array([day * DAY for day, _ in pairs], np.int64),
        np.array([value for _, value in pairs], np.float64),
    )


@st.composite
def distributions(draw: Callable[..., list[tuple[int, str, float, float]]]) -> Distributions:
    kinds = st.sampled_from(["cash", "ratio", "rights"])
    rows = draw(
        st.lists(st.tuples(st.integers(0, 40), kinds, st.floats(0.01, 0.99), st.floats(0.01, 60)), max_size=8)
    )
    rows.sort(key=lambda row: row[0])
    columns = {
        "cash": [price if kind == "cash" else 0.0 for _, kind, _, price in rows],
        "ratio": [part if kind == "ratio" else 1.0 for _, kind, part, _ in rows],
        "shares": [part if kind == "rights" else 0.0 for _, kind, part, _ in rows],
        "paid": [part * price if kind == "rights" else 0.0 for _, kind, part, price in rows],
    }
    at = np.array([day * DAY for day, *_ in rows], np.int64)
    return Distributions(at, **{name: np.array(values, np.float64) for name, values in columns.items()})


def obvious_factor(close: float, ratio: float, rows: list[tuple[float, float, float, float]]) -> float:
    """What one day's distributions leave of a close, one after the other."""
    last = left = close / ratio
    for _, part, _, _ in rows:
        left *= part
    left -= sum(row[0] for row in rows)
    shares, paid = sum(row[2] for row in rows), sum(row[3] for row in rows)
    if shares and paid < left * shares:
        left = (left + paid) / (1 + shares)
    return left / last if left > 0 else 1.0


@given(columns=series(), splits=events(), given=distributions())
def test_adjustment_agrees_with_the_slow_obvious_way(
    columns: Columns, splits: Events, given: Distributions
) -> None:
    close = columns["close"]
    t = np.arange(len(close), dtype=np.int64) * DAY
    by_split, by_given = [1.0] * len(t), [1.0] * len(t)
    for at, ratio in zip(splits.at, splits.value, strict=True):
        for i in range(len(t)):
            by_split[i] /= ratio if t[i] < at <= t[-1] else 1.0
    rows = list(zip(given.cash, given.ratio, given.shares, given.paid, strict=True))
    for at in sorted(set(given.at.tolist())):
        before = [i for i in range(len(t)) if t[i] < at <= t[-1]]
        ratio = float(
            np.prod([value for day, value in zip(splits.at, splits.value, strict=True) if day == at])
        )
        own = [row for day, row in zip(given.at.tolist(), rows, strict=True) if day == at]
        for i in before:
            by_given[i] *= obvious_factor(float(close[before[-1]]), ratio, own)
    np.testing.assert_allclose(split_factors(t, splits), by_split, rtol=1e-12)
    np.testing.assert_allclose(distribution_factors(t, close, given, splits), by_given, rtol=1e-9)


@given(columns=series(), splits=events())
def test_returns_without_an_event_between_them_are_what_they_were(columns: Columns, splits: Events) -> None:
    close = columns["close"]
    t = np.arange(len(close), dtype=np.int64) * DAY
    adjusted = close * split_factors(t, splits)
    quiet = ~np.isin(t[1:], splits.at)
    np.testing.assert_allclose((adjusted[1:] / adjusted[:-1])[quiet], (close[1:] / close[:-1])[quiet])
