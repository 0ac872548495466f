import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_analysis.kernels.indicators import IndicatorError, parse
from stock_analysis.kernels.vwap import anchored_vwap

PRICES = np.array([10.0, 12.0, 20.0, 22.0])
VOLUME = np.array([1.0, 3.0, 1.0, 1.0])


def vwap(period: list[int], volume: np.ndarray = VOLUME) -> list[float]:
    found = anchored_vwap(np.array(period, np.int64), PRICES + 3, PRICES - 3, PRICES, volume)
    return [float(one) for one in found]


def test_it_begins_anew_with_each_period() -> None:
    assert vwap([1, 1, 2, 2]) == [10.0, 11.5, 20.0, 21.0]


def test_one_period_is_the_whole_history() -> None:
    assert vwap([7, 7, 7, 7])[-1] == pytest.approx((10 + 36 + 20 + 22) / 6)


def test_a_period_of_one_bar_is_its_typical_price() -> None:
    assert vwap([1, 2, 3, 4]) == PRICES.tolist()


def test_before_the_chosen_bar_there_is_none() -> None:
    np.testing.assert_array_equal(vwap([-1, -1, 0, 0]), [np.nan, np.nan, 20.0, 21.0])


def test_without_volume_there_is_none_until_the_first() -> None:
    np.testing.assert_array_equal(
        vwap([1, 1, 2, 2], np.array([0.0, 2.0, 0.0, 0.0])), [np.nan, 12.0, np.nan, np.nan]
    )


def test_no_bars_are_no_special_case() -> None:
    empty = np.empty(0)
    assert len(anchored_vwap(np.empty(0, np.int64), empty, empty, empty, empty)) == 0


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("vwap", "vwap(0,0)"),
        ("vwap(session)", "vwap(0,0)"),
        ("VWAP(week)", "vwap(1,0)"),
        ("vwap(month)", "vwap(2,0)"),
        ("vwap(anchor=year)", "vwap(3,0)"),
        ("vwap(bar,start=1704067200)", "vwap(4,1704067200)"),
        ("vwap_all", "vwap_all()"),
    ],
)
def test_an_anchor_is_named(text: str, canonical: str) -> None:
    assert parse(text).text == canonical


@pytest.mark.parametrize("text", ["vwap(day)", "vwap(9)", "vwap(bar,start=-1)", "vwap(bar,start=soon)"])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(IndicatorError):
        parse(text)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.floats(1, 100), st.integers(0, 50)), min_size=1, max_size=60
    )
)
def test_it_agrees_with_the_slow_obvious_way(rows: list[tuple[int, float, int]]) -> None:
    period = np.cumsum([step for step, _, _ in rows]).astype(np.int64)
    price = np.array([one for _, one, _ in rows])
    volume = np.array([one for _, _, one in rows], np.float64)
    found = anchored_vwap(period, price, price, price, volume)
    for i in range(len(rows)):
        own = [j for j in range(i + 1) if period[j] == period[i]]
        traded = sum(volume[j] for j in own)
        if traded == 0:
            assert np.isnan(found[i])
        else:
            assert found[i] == pytest.approx(sum(price[j] * volume[j] for j in own) / traded)
