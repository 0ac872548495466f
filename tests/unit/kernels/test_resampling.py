import numpy as np

from stock_analysis.kernels.resampling import firsts_of_month, intraday_labels, mondays, resample


def dates(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[s]").astype(np.int64)


def test_a_longer_bar_has_first_open_highest_high_lowest_low_last_close_and_all_volume() -> None:
    found = resample(
        np.array([0, 0, 7]),
        np.array([1.0, 2.0, 3.0]),
        np.array([5.0, 9.0, 4.0]),
        np.array([1.0, 0.5, 3.0]),
        np.array([2.0, 3.0, 4.0]),
        np.array([10.0, 20.0, 30.0]),
    )
    assert [column.tolist() for column in found] == [[0, 7], [1, 3], [9, 4], [0.5, 3], [3, 4], [30, 30]]


def test_minutes_are_counted_from_the_open_not_from_the_hour() -> None:
    opened = np.full(4, 570 * 60)  # 09:30
    t = opened + np.array([0, 59, 60, 389]) * 60
    assert ((intraday_labels(t, opened, 60) - opened) // 60).tolist() == [0, 0, 60, 360]


def test_a_week_runs_from_monday_to_sunday() -> None:
    week = mondays(dates("1969-12-31", "2024-01-07", "2024-01-08", "2024-01-14", "2024-01-15"))
    expected = dates("1969-12-29", "2024-01-01", "2024-01-08", "2024-01-08", "2024-01-15")
    assert week.tolist() == expected.tolist()


def test_a_month_is_the_calendars() -> None:
    month = firsts_of_month(dates("1969-12-31", "2024-01-01", "2024-01-31", "2024-02-01"))
    assert month.tolist() == dates("1969-12-01", "2024-01-01", "2024-01-01", "2024-02-01").tolist()
