"""A chart is right when it shows just the rows of the database, in order, with its indicator."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from stock_ops.drill.facts.charts import Chart, Question
from stock_ops.drill.plans.charts import refuse_other, refuse_wrong
from stock_ops.kit.errors import UnsoundDataError

ROWS = [(10.0 + number, 12.0 + number, 9.0 + number, 11.0 + number, 100.0) for number in range(8)]
CHART = Chart(
    question=Question("AAPL", "1d"),
    etag='"v7"',
    times=tuple(range(0, 8 * 86_400, 86_400)),
    bars=tuple(ROWS),
    indicator=(None, None, None, None, 13.0, 14.0, 15.0, 16.0),
)


def wrong(chart: Chart, rows: Sequence[tuple[float, ...]] = ROWS) -> str:
    with pytest.raises(UnsoundDataError) as caught:
        refuse_wrong(chart, rows)
    return caught.value.why


def test_a_chart_of_just_these_rows_is_right() -> None:
    refuse_wrong(CHART, ROWS)


def test_a_chart_of_few_bars_needs_no_value_of_the_indicator() -> None:
    short = replace(CHART, times=(0,), bars=CHART.bars[:1], indicator=(None,))
    refuse_wrong(short, ROWS[:1])


def test_a_number_that_is_none_is_shown_as_null() -> None:
    rows = [(*ROWS[0][:4], math.nan), *ROWS[1:]]
    refuse_wrong(replace(CHART, bars=((*ROWS[0][:4], None), *ROWS[1:])), rows)


def test_a_bar_too_few_or_too_many_is_told() -> None:
    assert wrong(CHART, ROWS[1:]) == "The chart of AAPL (1d) has 8 bars, the database 7."
    assert "has 8 bars, the database 9" in wrong(CHART, [*ROWS, ROWS[0]])
    assert "has 8 bars" in wrong(replace(CHART, times=CHART.times[1:]))


def test_the_least_difference_in_one_value_is_told() -> None:
    other = (*ROWS[5][:3], math.nextafter(ROWS[5][3], 99), ROWS[5][4])
    assert "as bar 6, the database has" in wrong(CHART, [*ROWS[:5], other, *ROWS[6:]])


def test_bars_out_of_order_are_told() -> None:
    times = (CHART.times[1], CHART.times[0], *CHART.times[2:])
    assert "is not in the order of time" in wrong(replace(CHART, times=times))


@pytest.mark.parametrize("indicator", [(), CHART.indicator[:-1], (*CHART.indicator[:-1], None)])
def test_an_indicator_without_its_values_is_told(indicator: tuple[float | None, ...]) -> None:
    assert "lacks values of its indicator" in wrong(replace(CHART, indicator=indicator))


def test_the_same_chart_of_the_live_platform_agrees() -> None:
    assert refuse_other(CHART, CHART)


def test_live_data_that_changed_are_not_compared() -> None:
    assert not refuse_other(CHART, replace(CHART, etag='"v8"', bars=()))
    assert not refuse_other(replace(CHART, etag=""), replace(CHART, etag="", bars=()))


@pytest.mark.parametrize("change", [{"bars": CHART.bars[:-1]}, {"times": ()}, {"indicator": ()}])
def test_another_chart_of_the_same_version_is_told(change: dict[str, tuple[()]]) -> None:
    with pytest.raises(UnsoundDataError, match="another chart of AAPL from the same version"):
        refuse_other(CHART, replace(CHART, **change))  # type: ignore[arg-type]  # the names are fields
