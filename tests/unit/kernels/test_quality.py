"""The quality gate's rules, one by one."""

from collections.abc import Sequence

import numpy as np
import pytest

from stock_analysis.kernels.quality import (
    SPIKE_BARS,
    Defect,
    find_duplicates,
    find_jumps,
    inspect_minutes,
    inspect_sessions,
    inspect_values,
)
from stock_analysis.testing.builders import epoch

DAY = 86_400
NAN, INF = np.nan, np.inf


def defects_of(open_: float, high: float, low: float, close: float, volume: float = 1.0) -> Defect:
    columns = (np.array([value], np.float64) for value in (open_, high, low, close, volume))
    return Defect(int(inspect_values(*columns)[0]))


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        ((10.0, 11.0, 9.0, 10.5), []),
        ((10.0, 10.0, 10.0, 10.0, 0.0), []),
        ((10.0, 11.0, 9.0, 11.01), ["ohlc_order"]),
        ((12.0, 11.0, 9.0, 10.0), ["ohlc_order"]),
        ((8.9, 11.0, 9.0, 10.0), ["ohlc_order"]),
        ((10.0, 11.0, 9.0, 8.99), ["ohlc_order"]),
        ((10.0, 9.0, 11.0, 10.0), ["ohlc_order"]),
        ((NAN, 11.0, 9.0, 10.0), ["missing"]),
        ((10.0, 11.0, 9.0, NAN), ["missing"]),
        ((10.0, 11.0, 9.0, 10.0, NAN), ["missing"]),
        ((10.0, INF, 9.0, 10.0), ["not_finite"]),
        ((10.0, 11.0, -INF, 10.0), ["not_finite", "not_positive"]),
        ((10.0, 11.0, 9.0, 10.0, INF), ["not_finite"]),
        ((10.0, 11.0, 0.0, 10.0), ["not_positive"]),
        ((10.0, 11.0, -9.0, 10.0), ["not_positive"]),
        ((10.0, 11.0, 9.0, 10.0, -1.0), ["negative_volume"]),
        ((10.0, 9.0, 8.0, 10.0, -1.0), ["negative_volume", "ohlc_order"]),
        ((NAN, NAN, NAN, NAN, NAN), ["missing"]),
    ],
)
def test_each_row_is_judged_by_its_values(row: tuple[float, ...], reasons: list[str]) -> None:
    assert defects_of(*row).reasons == reasons


def test_the_smallest_break_of_order_in_the_sample_data_is_found_but_rounding_noise_is_not() -> None:
    assert defects_of(367.5, 367.4999, 360.0, 365.0).reasons == ["ohlc_order"]
    assert defects_of(0.1 + 0.2, 0.3, 0.2, 0.25).reasons == []


def test_reasons_are_stable_names_in_a_stable_order() -> None:
    everything = Defect(sum(Defect))
    assert everything.reasons == [
        "unparsable",
        "missing",
        "not_finite",
        "not_positive",
        "negative_volume",
        "ohlc_order",
        "future",
        "unknown_session",
        "outside_session",
        "misaligned",
        "duplicate",
        "jump",
        "halted",
    ]


def test_no_rows_have_no_defects() -> None:
    nothing = np.empty(0)
    assert len(inspect_values(nothing, nothing, nothing, nothing, nothing)) == 0
    times = np.empty(0, np.int64)
    assert len(inspect_sessions(times, times, 0)) == 0
    assert len(inspect_minutes(times, times, times, 0)) == 0
    assert len(find_jumps(times, times, nothing, nothing, nothing, ratio=3.0, gap_s=DAY)) == 0


def test_days_off_and_days_to_come_are_found() -> None:
    sessions = np.array([epoch(day) for day in ("2024-07-02", "2024-07-03", "2024-07-05", "2024-07-08")])
    days = ["2024-07-03", "2024-07-04", "2024-07-05", "2024-07-06", "2024-07-08", "1980-01-01", "2024-07-01"]
    found = inspect_sessions(np.array([epoch(day) for day in days]), sessions, epoch("2024-07-05"))
    assert [Defect(int(one)).reasons for one in found] == [
        [],
        ["unknown_session"],
        [],
        ["future"],
        ["future"],
        [],
        [],
    ]


def test_without_a_calendar_no_day_is_unknown() -> None:
    assert inspect_sessions(np.array([0]), np.empty(0, np.int64), DAY).tolist() == [0]


def test_minutes_belong_to_a_session_from_its_open_to_before_its_close() -> None:
    opens = np.array([epoch("2024-07-02T13:30"), epoch("2024-07-03T13:30")])
    closes = np.array([epoch("2024-07-02T20:00"), epoch("2024-07-03T17:00")])
    times = ["02T13:29", "02T13:30", "02T19:59", "02T20:00", "03T16:59", "03T17:01", "03T14:00:30"]
    t = np.array([epoch(f"2024-07-{one}") for one in times])
    found = inspect_minutes(t, opens, closes, epoch("2024-07-03T16:59"))
    assert [Defect(int(one)).reasons for one in found] == [
        [],
        [],
        [],
        ["outside_session"],
        [],
        ["future"],
        ["misaligned"],
    ]


def test_the_first_sound_row_of_a_key_wins() -> None:
    key = np.array([1, 1, 1, 2, 3, 3, 3])
    sound = np.array([True, True, True, True, False, True, True])
    assert find_duplicates(key, sound).tolist() == [False, True, True, False, False, False, True]


def jumps(closes: Sequence[float], *, ratio: float = 3.0, days: list[int] | None = None) -> list[int]:
    close = np.array(closes)
    t = np.array(days or range(len(closes)), np.int64) * DAY
    number = np.ones(len(closes), np.int64)
    return np.flatnonzero(find_jumps(number, t, close, close, close, ratio=ratio, gap_s=5 * DAY)).tolist()


@pytest.mark.parametrize(
    ("closes", "found"),
    [
        ([10, 10, 1000, 10, 10], [2]),
        ([10, 10, 0.1, 10, 10], [2]),
        ([10, 10, 1000, 1000, 10, 10], [2, 3]),
        ([10, 10, 1000, 1100, 1000, 10, 10], [2, 3, 4]),
        ([10, 10, 10, 1000, 1, 10, 10, 10], [3, 4]),
        ([10, 10, 10, 1000, 10, 1000, 10, 10], [3, 5]),
        ([10, 10, 10, 25, 10, 10], []),
        ([10, 12, 15, 19, 24, 30, 38, 48], []),
    ],
)
def test_a_price_that_leaves_its_level_and_comes_back_is_a_jump(
    closes: list[float], found: list[int]
) -> None:
    assert jumps(closes) == found


def test_a_lasting_new_level_is_no_jump() -> None:
    assert jumps([10] * 5 + [500] * 6) == []
    assert jumps([500] * 5 + [10] * 6) == []
    assert jumps([10] * 5 + [500] * (SPIKE_BARS + 1) + [10] * 5) == []


def test_a_new_level_needs_a_second_bar() -> None:
    assert jumps([10, 10, 10, 500]) == [3]
    assert jumps([10, 10, 10, 500, 505]) == []


def test_a_good_newest_bar_after_a_bad_one_is_no_jump() -> None:
    assert jumps([10, 10, 10, 1000, 10]) == [3]


def test_a_first_or_lonely_bar_is_no_jump() -> None:
    assert jumps([1000, 10, 10, 10]) == []
    assert jumps([1000]) == []


def test_bars_far_apart_in_time_are_no_neighbours() -> None:
    assert jumps([10, 10, 10, 500], days=[0, 1, 2, 30]) == []
    assert jumps([10, 10, 500, 10, 10], days=[0, 1, 20, 40, 41]) == []


def test_instruments_are_judged_apart() -> None:
    close = np.array([10.0, 10.0, 10.0, 500.0, 500.0, 500.0])
    t = np.array([0, 1, 2, 3, 4, 5]) * DAY
    number = np.array([1, 1, 1, 2, 2, 2])
    assert not find_jumps(number, t, close, close, close, ratio=3.0, gap_s=5 * DAY).any()


@pytest.mark.parametrize(("high", "low", "found"), [(40.0, 9.0, [2]), (11.0, 2.0, [2]), (29.0, 4.0, [])])
def test_an_extreme_that_no_close_comes_near_is_a_jump(high: float, low: float, found: list[int]) -> None:
    close = np.full(5, 10.0)
    highs, lows = np.full(5, 11.0), np.full(5, 9.0)
    highs[2], lows[2] = high, low
    t = np.arange(5, dtype=np.int64) * DAY
    result = find_jumps(np.ones(5, np.int64), t, highs, lows, close, ratio=3.0, gap_s=5 * DAY)
    assert np.flatnonzero(result).tolist() == found


def test_the_first_day_of_a_crash_has_its_high_near_the_close_before() -> None:
    close = np.array([100.0, 100.0, 20.0, 20.0])
    high, low = np.array([101.0, 101.0, 95.0, 21.0]), np.array([99.0, 99.0, 19.0, 19.0])
    t = np.arange(4, dtype=np.int64) * DAY
    assert not find_jumps(np.ones(4, np.int64), t, high, low, close, ratio=3.0, gap_s=5 * DAY).any()
