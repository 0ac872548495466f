"""What holds of the quality gate for any prices: against slow and obvious oracles."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stock_analysis.kernels.quality import (
    ORDER_TOLERANCE,
    SPIKE_BARS,
    Defect,
    find_duplicates,
    find_jumps,
    inspect_values,
)

DAY = 86_400
RATIO, GAP_S = 3.0, 5 * DAY

cells = st.one_of(
    st.sampled_from([0.0, -1.0, np.nan, np.inf, -np.inf, 1e-300, 1e300]),
    st.floats(0.01, 1000).map(lambda x: round(x, 2)),
)
rows = st.lists(st.tuples(cells, cells, cells, cells, cells), max_size=30)
levels = st.lists(st.sampled_from([1.0, 2.0, 10.0, 25.0, 100.0, 1000.0]), min_size=1, max_size=14)
steps = st.integers(1, 7)


def columns(found: list[tuple[float, ...]]) -> list[NDArray[np.float64]]:
    return list(np.array(found, np.float64).reshape(-1, 5).T.copy())


@given(rows)
def test_values_are_judged_as_by_hand(found: list[tuple[float, ...]]) -> None:
    got = inspect_values(*columns(found))
    assert [Defect(int(one)) for one in got] == [by_hand(*row) for row in found]


def by_hand(open_: float, high: float, low: float, close: float, volume: float) -> Defect:
    prices, found = [open_, high, low, close], Defect(0)
    if any(np.isnan(value) for value in [*prices, volume]):
        found |= Defect.MISSING
    if any(np.isinf(value) for value in [*prices, volume]):
        found |= Defect.NOT_FINITE
    if any(value <= 0 for value in prices):
        found |= Defect.NOT_POSITIVE
    if volume < 0:
        found |= Defect.NEGATIVE_VOLUME
    if all(np.isfinite(value) and value > 0 for value in prices):
        slack = ORDER_TOLERANCE * close
        if high < max(prices) - slack or low > min(prices) + slack:
            found |= Defect.OHLC_ORDER
    return found


@given(rows)
def test_judging_changes_nothing(found: list[tuple[float, ...]]) -> None:
    given_, before = columns(found), columns(found)
    inspect_values(*given_)
    assert all(np.array_equal(one, other, equal_nan=True) for one, other in zip(given_, before, strict=True))


@given(rows.filter(bool), st.sampled_from([2.0**-10, 2.0**10]))
def test_the_currency_does_not_matter(found: list[tuple[float, ...]], scale: float) -> None:
    prices = columns(found)
    scaled = [column * scale for column in prices[:4]] + [prices[4]]
    same_size = [np.where(np.abs(column) > 1e290, 1.0, column) for column in prices]
    scaled_same = [np.where(np.abs(prices[i]) > 1e290, scale if i < 4 else 1.0, scaled[i]) for i in range(5)]
    assert inspect_values(*same_size).tolist() == inspect_values(*scaled_same).tolist()


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_one_sound_row_of_each_key_is_left(found: list[tuple[int, bool]]) -> None:
    found.sort(key=lambda pair: pair[0])
    key = np.array([pair[0] for pair in found], np.int64)
    sound = np.array([pair[1] for pair in found], np.bool_)
    left = sound & ~find_duplicates(key, sound)
    assert key[left].tolist() == sorted({one for one, good in found if good})


@given(levels, st.lists(steps, min_size=14, max_size=14))
def test_jumps_are_found_as_by_hand(closes: list[float], gaps: list[int]) -> None:
    t = np.cumsum(gaps[: len(closes)]).astype(np.int64) * DAY
    close = np.array(closes)
    got = find_jumps(np.ones(len(t), np.int64), t, close, close, close, ratio=RATIO, gap_s=GAP_S)
    assert np.flatnonzero(got).tolist() == jumps_by_hand(t.tolist(), closes)


def jumps_by_hand(t: list[int], closes: list[float]) -> list[int]:
    def near(one: int, other: int) -> bool:
        inside = 0 <= one < len(t) and 0 <= other < len(t)
        return inside and abs(t[one] - t[other]) <= GAP_S * abs(one - other)

    def agree(one: int, other: int) -> bool:
        return bool(abs(np.log(closes[one]) - np.log(closes[other])) <= np.log(RATIO))

    found = []
    for row in range(len(t)):
        sides = [
            (row - p, row + q)
            for p in range(1, SPIKE_BARS + 1)
            for q in range(1, SPIKE_BARS + 1)
            if p + q <= SPIKE_BARS + 1 and near(row, row - p) and near(row, row + q)
        ]
        for_: list[int] = []
        against: list[int] = []
        for a, b in sides:
            if agree(a, b) and agree(row, a) == agree(row, b):
                (for_ if agree(row, a) else against).append(b - a)
        spike = bool(against) and max(against) > max(for_, default=0)
        before = [row - p for p in range(1, SPIKE_BARS + 1) if near(row, row - p)]
        alone = row == len(t) - 1 and bool(before) and not any(agree(row, one) for one in before)
        around = [row, *(one for one in (row - 1, row + 1) if near(row, one))]
        logs = [np.log(closes[one]) for one in around]
        x = np.log(closes[row])
        extreme = len(around) > 1 and (x - max(logs) > np.log(RATIO) or min(logs) - x > np.log(RATIO))
        if spike or alone or extreme:
            found.append(row)
    return found


@given(st.integers(1, 13))
def test_a_true_new_level_is_believed_from_its_second_bar_on(length: int) -> None:
    steady = [10.0] * 6 + [1000.0] * (length + 1)
    t = np.arange(len(steady), dtype=np.int64) * DAY
    close = np.array(steady)
    got = find_jumps(np.ones(len(t), np.int64), t, close, close, close, ratio=RATIO, gap_s=GAP_S)
    assert not got.any()


@given(levels)
def test_finding_jumps_changes_nothing(closes: list[float]) -> None:
    close = np.array(closes)
    t = np.arange(len(closes), dtype=np.int64) * DAY
    number = np.ones(len(closes), np.int64)
    arrays = (number, t, close)
    before = [one.copy() for one in arrays]
    find_jumps(number, t, close, close, close, ratio=RATIO, gap_s=GAP_S)
    assert all(np.array_equal(one, other) for one, other in zip(arrays, before, strict=True))


def test_the_oracle_is_no_copy_that_never_finds_anything() -> None:
    assert jumps_by_hand([0, DAY, 2 * DAY], [10.0, 1000.0, 10.0]) == [1]
    assert by_hand(1.0, 0.5, 1.0, 1.0, 1.0) == Defect.OHLC_ORDER
