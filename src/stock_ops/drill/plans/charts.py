"""Whether a chart is right: against the rows of its database, and against the same chart elsewhere. Pure."""

import math
from collections.abc import Sequence

from stock_ops.drill.facts.charts import WARM_UP_BARS, Chart
from stock_ops.kit.errors import UnsoundDataError

Row = Sequence[float]
"""Open, high, low, close and volume, as the database has them."""


def refuse_wrong(chart: Chart, rows: Sequence[Row]) -> None:
    """Raise UnsoundDataError unless the chart shows just these rows, and an indicator of them.

    rows: the newest of the instrument, oldest first.
    """
    name = f"The chart of {chart.question.symbol} ({chart.question.interval})"
    if len(chart.bars) != len(rows) or len(chart.times) != len(rows):
        raise UnsoundDataError(f"{name} has {len(chart.bars):,} bars, the database {len(rows):,}.", _TODO)
    if not all(first < second for first, second in zip(chart.times, chart.times[1:], strict=False)):
        raise UnsoundDataError(f"{name} is not in the order of time.", _TODO)
    for number, (bar, row) in enumerate(zip(chart.bars, rows, strict=True)):
        if bar != tuple(map(_shown, row)):
            raise UnsoundDataError(
                f"{name} shows {bar} as bar {number + 1}, the database has {tuple(row)}.", _TODO
            )
    warm = chart.indicator[WARM_UP_BARS:]
    if len(chart.indicator) != len(rows) or any(value is None for value in warm):
        raise UnsoundDataError(f"{name} lacks values of its indicator.", _TODO)


def refuse_other(chart: Chart, live: Chart) -> bool:
    """Raise UnsoundDataError when the live platform shows the same version of the instrument otherwise.

    Whether they could be compared: the live data may have changed since.
    """
    if not chart.etag or chart.etag != live.etag:
        return False
    same = (chart.times, chart.bars, chart.indicator) == (live.times, live.bars, live.indicator)
    if not same:
        why = f"The live platform draws another chart of {chart.question.symbol} from the same version of it."
        raise UnsoundDataError(why, _TODO)
    return True


_TODO = "Report this with the drill's journal: the data are as they were measured, but they are read wrong."


def _shown(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if math.isnan(value) else value
