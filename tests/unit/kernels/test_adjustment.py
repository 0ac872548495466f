import numpy as np
import pytest

from stock_analysis.kernels.adjustment import Events, dividend_factors, split_factors

DAY = 86_400


def days(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64) * DAY


def events(*pairs: tuple[int, float]) -> Events:
    return Events(days(*(day for day, _ in pairs)), np.array([value for _, value in pairs], np.float64))


NONE = events()


def test_a_split_counts_for_bars_before_its_ex_date_only() -> None:
    factors = split_factors(days(1, 2, 3, 4), events((3, 2.0)))
    assert factors.tolist() == [0.5, 0.5, 1.0, 1.0]


def test_splits_multiply() -> None:
    assert split_factors(days(1, 2, 3), events((2, 2.0), (3, 5.0))).tolist() == [0.1, 0.2, 1.0]


def test_a_reverse_split_raises_earlier_prices() -> None:
    assert split_factors(days(1, 2), events((2, 0.05))).tolist() == [20.0, 1.0]


def test_a_split_on_a_day_without_a_bar_counts_from_the_next_bar() -> None:
    assert split_factors(days(1, 4), events((3, 2.0))).tolist() == [0.5, 1.0]


def test_a_split_after_the_last_bar_changes_nothing_yet() -> None:
    assert split_factors(days(1, 2), events((3, 2.0))).tolist() == [1.0, 1.0]


def test_a_dividend_takes_its_share_of_the_last_close_out_of_earlier_prices() -> None:
    close = np.array([90.0, 100.0, 99.0])
    assert dividend_factors(days(1, 2, 3), close, events((3, 1.0)), NONE).tolist() == [0.99, 0.99, 1.0]


def test_cash_on_the_day_of_a_split_is_counted_on_new_shares() -> None:
    close = np.array([100.0, 50.0])
    factors = dividend_factors(days(1, 2), close, events((2, 1.0)), events((2, 2.0)))
    assert factors.tolist() == [1 - 1 / 50, 1.0]


def test_a_dividend_not_smaller_than_the_price_leaves_prices_as_they_are() -> None:
    close = np.array([1.0, 1.0])
    assert dividend_factors(days(1, 2), close, events((2, 1.0)), NONE).tolist() == [1.0, 1.0]


def test_a_dividend_before_the_first_bar_or_after_the_last_changes_nothing() -> None:
    close = np.array([10.0, 10.0])
    assert dividend_factors(days(5, 6), close, events((5, 1.0), (7, 1.0)), NONE).tolist() == [1.0, 1.0]


def test_no_bars_and_no_events_are_no_special_case() -> None:
    empty = np.empty(0)
    assert split_factors(days(), events((1, 2.0))).tolist() == []
    assert dividend_factors(days(), empty, events((1, 2.0)), NONE).tolist() == []
    assert split_factors(days(1), NONE).tolist() == [1.0]


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_value_that_is_no_positive_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        split_factors(days(1, 2), events((2, value)))
