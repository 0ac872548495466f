"""Splits taken out of adjusted prices again."""

import numpy as np
import pytest

from stock_analysis.kernels.unadjustment import later_split_factor, split_ratios, traded_price


def test_a_bar_is_scaled_by_every_later_split_and_no_other() -> None:
    t = np.array([10, 20, 30, 40])
    factor = later_split_factor(t, np.array([30, 20]), np.array([4.0, 7.0]))
    assert factor.tolist() == [28.0, 4.0, 1.0, 1.0]


def test_a_split_after_all_bars_scales_all_and_none_scales_none() -> None:
    t = np.array([10, 20])
    assert later_split_factor(t, np.array([99]), np.array([0.05])).tolist() == [0.05, 0.05]
    assert later_split_factor(t, np.array([], np.int64), np.array([])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("traded", "ratio"), [(499.23, 4.0), (702.10, 28.0), (2_650_000.0, 50.0), (1.42, 0.1)]
)
def test_a_price_comes_back_to_the_cent_from_32_bit_numbers(traded: float, ratio: float) -> None:
    stored = np.array([traded / ratio], np.float32).astype(np.float64)
    assert traded_price(stored, np.array([ratio])).tolist() == [traded]


def test_prices_finer_than_a_cent_keep_seven_digits_and_missing_ones_stay_so() -> None:
    given = np.array([0.00001234567, 1.08651, 0.0, np.nan])
    found = traded_price(given, np.ones(4))
    assert found[:3] == pytest.approx([0.00001234567, 1.08651, 0.0], rel=1e-12)
    assert np.isnan(found[3])


def test_splits_are_found_through_the_rounding_of_adjusted_prices() -> None:
    raw = np.array([1_365_000.0, 1_371_000.0, 27_350.0, 27_450.0, 2_745.0])
    adjusted = np.round(raw / np.array([500.0, 500.0, 10.0, 10.0, 1.0]))
    first, ratio = split_ratios(raw, adjusted)
    assert (first.tolist(), ratio.tolist()) == ([2, 4], [50.0, 10.0])


def test_a_reverse_split_and_an_odd_ratio_are_found() -> None:
    raw = np.array([500.0, 505.0, 5_040.0, 5_100.0, 4_700.0])
    adjusted = np.round(raw * np.array([10, 10, 1, 1, 1 / 0.9238])) * 0.9238
    first, ratio = split_ratios(raw, adjusted, step=0.9238)
    assert first.tolist() == [2, 4]
    assert ratio == pytest.approx([0.1, 1 / 0.9238], rel=1e-3)


def test_equal_prices_hold_no_split() -> None:
    prices = np.array([100.0, 101.0, 99.0])
    assert split_ratios(prices, prices)[0].tolist() == []
