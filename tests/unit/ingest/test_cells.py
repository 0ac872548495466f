"""Cells of files to numbers and times."""

import math
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest

from stock_analysis.ingest.cells import DateOrder, order_of_dates, parse_when, read_times
from stock_analysis.ingest.numbers import marks_seen, read_numbers
from stock_analysis.ingest.rows import NO_TIME
from stock_analysis.testing.builders import epoch


@pytest.mark.parametrize(
    ("cells", "values", "unreadable"),
    [
        (["1.5", "2", "1e3", "+3.5", ".5", "-2"], [1.5, 2, 1000, 3.5, 0.5, -2], []),
        ([" 1.5", "2 ", "1,234.5", "1,234,567"], [1.5, 2, 1234.5, 1234567], []),
        (["", "-", "N/A", "null", "NaN", "None", None], [math.nan] * 7, []),
        (["1.5", "12x", "1,23", "1_000", "0x10", "--1"], [1.5] + [math.nan] * 5, [1, 2, 3, 4, 5]),
        (["inf", "-Infinity", "1e999"], [math.inf, -math.inf, math.inf], []),
    ],
)
def test_numbers_are_read_and_what_is_none_is_marked(
    cells: list[str | None], values: list[float], unreadable: list[int]
) -> None:
    got, bad = read_numbers(pa.array(cells, pa.string()))
    assert np.array_equal(got, np.array(values, np.float64), equal_nan=True)
    assert np.flatnonzero(bad).tolist() == unreadable


def test_where_the_comma_is_the_decimal_mark_the_point_parts_thousands_and_nothing_else() -> None:
    cells = ["12,5", "1.234,75", "7", "12.345", "1.234.567", "1,234", "1.5", "-", "1,234.5"]
    got, bad = read_numbers(pa.array(cells), "comma")
    assert got[:6].tolist() == [12.5, 1234.75, 7.0, 12345.0, 1234567.0, 1.234]
    assert np.flatnonzero(bad).tolist() == [6, 8]


def test_where_no_mark_is_known_a_comma_that_may_be_either_is_unreadable() -> None:
    got, bad = read_numbers(pa.array(["1.5", "1,234", "1,234.5"]), None)
    assert (got[0], got[2], bad.tolist()) == (1.5, 1234.5, [False, True, False])


@pytest.mark.parametrize(
    ("cells", "seen"),
    [
        (["123", "", "-", "12x", "1.2.3"], {}),
        (["1.050", "1.049"], {"dotted": "1.049"}),
        (["1.050", "1049"], {"dotted": "1.050", "ungrouped": "1049"}),
        (["1,234"], {"either": "1,234"}),
        (["1,234", "12.5"], {"point": "12.5", "either": "1,234"}),
        (["1,234", "12,5"], {"comma": "12,5", "either": "1,234"}),
        (["1,234,567"], {"point": "1,234,567"}),
        (["1.234.567"], {"comma": "1.234.567"}),
        (["0,123", "0.123"], {"comma": "0,123", "point": "0.123"}),
        (["1.234,5", "1,234.5"], {"point": "1,234.5", "comma": "1.234,5"}),
    ],
)
def test_numbers_tell_their_decimal_mark(cells: list[str], seen: dict[str, str]) -> None:
    found = asdict(marks_seen(cells))
    assert {name: one for name, one in found.items() if one is not None} == seen


@pytest.mark.parametrize("kind", [pa.int64(), pa.float32(), pa.decimal128(21, 2)])
def test_typed_columns_are_taken_as_they_are(kind: pa.DataType) -> None:
    got, bad = read_numbers(pa.array([1, None, 3], pa.int64()).cast(kind))
    assert np.array_equal(got, [1.0, np.nan, 3.0], equal_nan=True)
    assert not bad.any()


@pytest.mark.parametrize(
    ("text", "order", "instant", "offset"),
    [
        ("2020-01-31", "ymd", "2020-01-31", None),
        ("2020/1/31", "ymd", "2020-01-31", None),
        ("2020.01.31", "ymd", "2020-01-31", None),
        ("20200131", "ymd", "2020-01-31", None),
        ("2020년 1월 31일", "ymd", "2020-01-31", None),
        ("01/31/2020", "mdy", "2020-01-31", None),
        ("31/01/2020", "dmy", "2020-01-31", None),
        ("31.1.2020", "dmy", "2020-01-31", None),
        ("31-Jan-2020", "ymd", "2020-01-31", None),
        ("31 January 2020", "ymd", "2020-01-31", None),
        ("Jan 31, 2020", "ymd", "2020-01-31", None),
        ("2020-01-31 09:30", "ymd", "2020-01-31T09:30", None),
        ("2020-01-31T09:30:15.250", "ymd", "2020-01-31T09:30:15", None),
        ("2020-01-31 0930", "ymd", "2020-01-31T09:30", None),
        ("20200131 093015", "ymd", "2020-01-31T09:30:15", None),
        ("01/31/2020 1:05 PM", "mdy", "2020-01-31T13:05", None),
        ("01/31/2020 12:05 am", "mdy", "2020-01-31T00:05", None),
        ("2020-01-31T09:30:00Z", "ymd", "2020-01-31T09:30", 0),
        ("2020-01-31 09:30:00-05:00", "ymd", "2020-01-31T09:30", -18_000),
        ("2020-01-31T09:30+0900", "ymd", "2020-01-31T09:30", 32_400),
        ("1580463000", "ymd", "2020-01-31T09:30", 0),
        ("1580463000000", "ymd", "2020-01-31T09:30", 0),
    ],
)
def test_dates_and_instants_are_read(text: str, order: DateOrder, instant: str, offset: int | None) -> None:
    assert parse_when(text, order) == (epoch(instant), NO_TIME if offset is None else offset)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2020-02-30",
        "2020-13-01",
        "2020-01-31 25:00",
        "2020-01-31 09:61",
        "2020-01-31x",
        "0020-01-31",
        "9999-01-01",
        "31/31/2020",
        "31 Foo 2020",
        "2020-01-31 09:30 Mars",
        "1/2/20",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_when(text, "dmy") is None


def test_one_unreadable_time_leaves_the_others_alone() -> None:
    wall, offset = read_times(pa.array(["2020-01-31", "2020-02-30", None, "2020-02-01"]))
    assert wall.tolist() == [epoch("2020-01-31"), NO_TIME, NO_TIME, epoch("2020-02-01")]
    assert (offset == NO_TIME).all()


def test_the_quick_way_and_the_slow_way_read_the_same() -> None:
    texts = ["2020-01-31 09:30:00", "1999-12-31 23:59:59"]
    quick, _ = read_times(pa.array(texts))
    slow, _ = read_times(pa.array([*texts, "bad"]))
    assert quick.tolist() == slow[:2].tolist() == [epoch(text) for text in texts]


@pytest.mark.parametrize(
    ("column", "wall", "offset"),
    [
        (pa.array([18292], pa.date32()), "2020-01-31", None),
        (pa.array([1580463000], pa.timestamp("s")), "2020-01-31T09:30", None),
        (pa.array([1580463000], pa.timestamp("s", "UTC")), "2020-01-31T09:30", 0),
        (pa.array([1580481000], pa.timestamp("s", "America/New_York")), "2020-01-31T09:30", -18_000),
        (pa.array([1580463000000000], pa.int64()), "2020-01-31T09:30", 0),
        (pa.array([20200131], pa.int64()), "2020-01-31", None),
    ],
)
def test_times_of_arrow_types_are_read(column: pa.Array, wall: str, offset: int | None) -> None:
    got, shift = read_times(column)
    assert (got.tolist(), shift.tolist()) == ([epoch(wall)], [NO_TIME if offset is None else offset])


def test_nothing_in_a_typed_column_of_times_is_no_time() -> None:
    for kind in (pa.date32(), pa.timestamp("us"), pa.timestamp("us", "Asia/Seoul"), pa.int64()):
        wall, _ = read_times(pa.array([None], kind))
        assert wall.tolist() == [NO_TIME]


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["2020-01-02"], "ymd"),
        (["01/02/2020", "01/13/2020"], "mdy"),
        (["01/02/2020", "13/02/2020"], "dmy"),
        (["01/02/2020", "03/04/2020"], None),
        ([], "ymd"),
    ],
)
def test_the_order_of_day_and_month_is_told_by_the_rows(texts: list[str], order: DateOrder | None) -> None:
    assert order_of_dates(texts) == order
