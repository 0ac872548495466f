"""What the first rows of a file tell of it: order of dates, interval, decimal mark."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stock_analysis.domain.bars import PRICE_COLUMNS, IntArray, Interval
from stock_analysis.domain.calendars import DAY_S
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.cells import DateOrder, order_of_dates, read_times
from stock_analysis.ingest.numbers import DecimalMark, marks_seen
from stock_analysis.ingest.rows import NO_TIME

Sample = dict[str, list[str]]

_DENSE_S, _SPARSE_S = 5 * DAY_S, 20 * DAY_S
_DAILY_GAP_S = 20 * 3600


@dataclass(frozen=True, slots=True)
class Times:
    """What times in a file mean. are_dates: of daily bars, whether all are midnight by the clock they are
    written in, and so mean that date. why: in words, for the user."""

    order: DateOrder
    interval: Interval
    are_dates: bool
    have_offset: bool
    order_why: str
    interval_why: str


def guess_times(sample: Sample, said: DateOrder | None, interval: Interval | None, path: Path) -> Times:
    """Raises InvalidInputError where day and month cannot be told apart."""
    order, order_why = (said, "") if said else _date_order(sample["when"], path)
    wall, offset = _times(sample, order)
    wall, offset = wall[wall != NO_TIME], offset[wall != NO_TIME]
    at_midnight = not (wall % DAY_S).any()
    found, why = (interval, "") if interval else _interval(wall, at_midnight=at_midnight)
    return Times(order, found, at_midnight, bool((offset != NO_TIME).any()), order_why, why)


def _times(sample: Sample, order: DateOrder) -> tuple[IntArray, IntArray]:
    import pyarrow as pa

    texts = sample["when"]
    if any(text.strip() for text in sample.get("clock", [])):
        texts = [f"{day} {clock}" for day, clock in zip(texts, sample["clock"], strict=True)]
    return read_times(pa.array(texts, pa.string()), order)


def _date_order(texts: Sequence[str], path: Path) -> tuple[DateOrder, str]:
    order = order_of_dates(texts)
    if order is not None:
        return order, "the days tell"
    daily: list[DateOrder] = [one for one in ("dmy", "mdy") if _gap(texts, one) <= _DENSE_S]
    if len(daily) == 1 and max(_gap(texts, "dmy"), _gap(texts, "mdy")) >= _SPARSE_S:
        return daily[0], "so one day follows another"
    raise InvalidInputError(
        f"{path.name} has dates like {texts[0]!r}, which may have the day or the month first: "
        "say --date-order dmy or --date-order mdy"
    )


def _gap(texts: Sequence[str], order: DateOrder) -> float:
    """The usual distance of two dates, in seconds; 0 of fewer than three."""
    import pyarrow as pa

    wall, _ = read_times(pa.array(texts, pa.string()), order)
    gaps = np.diff(np.unique(wall[wall != NO_TIME]))
    return float(np.median(gaps)) if len(gaps) > 1 else 0.0


def _interval(wall: IntArray, *, at_midnight: bool) -> tuple[Interval, str]:
    """1m if a time of day other than midnight is among the first rows and they are less than a day apart."""
    if at_midnight:
        return Interval.D1, "no time of day"
    times = np.unique(wall)
    if len(times) > 2 and np.diff(times).min() >= _DAILY_GAP_S:
        return Interval.D1, "a time a day"
    return Interval.M1, "times of day"


def guess_decimal_mark(sample: Sample, delimiter: str | None, path: Path) -> DecimalMark | None:
    """What stands before the decimals: what the numbers tell, else a point where commas part the cells.

    Where a whole number of four digits has no mark, a point parts no thousands. None if nothing tells; then
    neither mark was seen. Raises InvalidInputError where the numbers may be read in two ways.
    """
    seen = marks_seen(cell for name in PRICE_COLUMNS for cell in sample.get(name, []))
    choice = "say --decimal-mark point or --decimal-mark comma"
    if seen.point and seen.comma:
        raise InvalidInputError(
            f"{path.name} has numbers like {seen.point!r} and numbers like {seen.comma!r}: {choice}; "
            "rows with the other are kept aside"
        )
    unclear = seen.either or (None if seen.ungrouped else seen.dotted)
    if unclear and not (seen.point or seen.comma) and delimiter != ",":
        raise InvalidInputError(
            f"{path.name} has numbers like {unclear!r}, which may be whole or have decimals: {choice}"
        )
    if seen.comma:
        return "comma"
    return "point" if seen.point or seen.dotted or delimiter == "," else None
