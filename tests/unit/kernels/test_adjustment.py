import numpy as np
import pytest

from stock_analysis.kernels.adjustment import Distributions, Events, distribution_factors, split_factors

DAY = 86_400


def days(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64) * DAY


def events(*pairs: tuple[int, float]) -> Events:
    return Events(days(*(day for day, _ in pairs)), np.array([value for _, value in pairs], np.float64))


def given(*rows: tuple[int, float, float, float, float]) -> Distributions:
    """Rows of day, cash, ratio, shares, paid."""
    columns = np.array([row[1:] for row in rows], np.float64).reshape(-1, 4).T
    return Distributions(days(*(row[0] for row in rows)), *columns)


def cash(*pairs: tuple[int, float]) -> Distributions:
    return given(*((day, value, 1.0, 0.0, 0.0) for day, value in pairs))


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
    assert distribution_factors(days(1, 2, 3), close, cash((3, 1.0)), NONE).tolist() == [0.99, 0.99, 1.0]


def test_cash_on_the_day_of_a_split_is_counted_on_new_shares() -> None:
    close = np.array([100.0, 50.0])
    factors = distribution_factors(days(1, 2), close, cash((2, 1.0)), events((2, 2.0)))
    assert factors.tolist() == [1 - 1 / 50, 1.0]


def test_a_dividend_not_smaller_than_the_price_leaves_prices_as_they_are() -> None:
    close = np.array([1.0, 1.0])
    assert distribution_factors(days(1, 2), close, cash((2, 1.0)), NONE).tolist() == [1.0, 1.0]


def test_a_dividend_before_the_first_bar_or_after_the_last_changes_nothing() -> None:
    close = np.array([10.0, 10.0])
    assert distribution_factors(days(5, 6), close, cash((5, 1.0), (7, 1.0)), NONE).tolist() == [1.0, 1.0]


def test_two_dividends_of_one_day_add_up() -> None:
    close = np.array([100.0, 90.0])
    assert distribution_factors(days(1, 2), close, cash((2, 1.0), (2, 9.0)), NONE).tolist() == [0.9, 1.0]


def test_dividends_of_two_days_multiply_each_by_its_own_close() -> None:
    close = np.array([100.0, 90.0, 81.0])
    factors = distribution_factors(days(1, 2, 3), close, cash((2, 10.0), (3, 9.0)), NONE)
    np.testing.assert_allclose(factors, [0.9 * 0.9, 0.9, 1.0], rtol=1e-15)


def test_two_splits_of_one_day_multiply() -> None:
    assert split_factors(days(1, 2), events((2, 2.0), (2, 3.0))).tolist() == [1 / 6, 1.0]
    factors = distribution_factors(
        days(1, 2), np.array([60.0, 10.0]), cash((2, 1.0)), events((2, 2.0), (2, 3.0))
    )
    assert factors.tolist() == [0.9, 1.0]


def test_a_spin_off_is_a_ratio_of_the_price_or_its_worth() -> None:
    close = np.array([100.0, 80.0])
    by_ratio = distribution_factors(days(1, 2), close, given((2, 0.0, 0.8, 0.0, 0.0)), NONE)
    by_worth = distribution_factors(days(1, 2), close, cash((2, 20.0)), NONE)
    assert by_ratio.tolist() == by_worth.tolist() == [0.8, 1.0]


def test_a_dividend_beside_a_spin_off_is_cash_of_what_is_left() -> None:
    close = np.array([100.0, 70.0])
    factors = distribution_factors(
        days(1, 2), close, given((2, 0.0, 0.8, 0.0, 0.0), (2, 10.0, 1.0, 0.0, 0.0)), NONE
    )
    assert factors.tolist() == [0.7, 1.0]


def test_rights_leave_the_theoretical_price_between_old_and_new_shares() -> None:
    close = np.array([100.0, 90.0])
    factors = distribution_factors(days(1, 2), close, given((2, 0.0, 1.0, 0.25, 0.25 * 50)), NONE)
    assert factors.tolist() == [(100 + 12.5) / 1.25 / 100, 1.0]


def test_rights_that_cost_more_than_the_share_change_nothing() -> None:
    close = np.array([100.0, 100.0])
    factors = distribution_factors(days(1, 2), close, given((2, 0.0, 1.0, 0.25, 0.25 * 120)), NONE)
    assert factors.tolist() == [1.0, 1.0]


def test_no_bars_and_no_events_are_no_special_case() -> None:
    empty = np.empty(0)
    assert split_factors(days(), events((1, 2.0))).tolist() == []
    assert distribution_factors(days(), empty, cash((1, 2.0)), NONE).tolist() == []
    assert split_factors(days(1), NONE).tolist() == [1.0]


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_value_that_is_no_positive_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        split_factors(days(1, 2), events((2, value)))
    with pytest.raises(ValueError, match="positive"):
        distribution_factors(days(1, 2), np.array([9.0, 9.0]), given((2, 0.0, value, 0.0, 0.0)), NONE)
