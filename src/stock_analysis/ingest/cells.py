"""Cells as they stand in files, to dates and instants; what cannot be read is marked, never guessed."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from stock_analysis.domain.bars import IntArray
from stock_analysis.domain.calendars import DAY_S
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import parse_symbol
from stock_analysis.ingest.numbers import distinct_cells, is_text, read_numbers
from stock_analysis.ingest.rows import NO_TIME

DateOrder = Literal["ymd", "dmy", "mdy"]

_FIRST_YEAR, _LAST_YEAR = 1800, 2200

_YMD = re.compile(r"(\d{4})\s*[-/.년]\s*(\d{1,2})\s*[-/.월]\s*(\d{1,2})\s*[일.]?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?!\d)")
_NUMERIC = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_DAY_FIRST_NAME = re.compile(r"(\d{1,2})[- ]([A-Za-z]{3})[a-z]*[- ,]+(\d{4})")
_NAME_FIRST = re.compile(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})")
_EPOCH = re.compile(r"(-?\d{9,10}|-?\d{12,13}|-?\d{15,16}|-?\d{18,19})(\.\d+)?")
_COMPACT_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?")
_SERIAL = re.compile(r"\d{5}([.,]\d+)?")
_SERIAL_ZERO_S = -2_209_161_600
"""Day 0 of spreadsheets, 1899-12-30, as epoch seconds."""
_CLOCK = re.compile(
    r"[ T]*(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d+)?)?\s*([AaPp][Mm])?\s*(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split(), 1)}


def read_times(cells: Any, order: DateOrder = "ymd") -> tuple[IntArray, IntArray]:
    """Wall clock and offset to UTC, in seconds, of an Arrow column of dates, instants, text or epoch numbers.

    The wall clock is NO_TIME where it cannot be read. The offset is NO_TIME where the cell has none; of an
    instant in an Arrow time zone it is that zone's.
    """
    import pyarrow as pa

    if pa.types.is_date(cells.type):
        return _arrow_seconds(cells.cast(pa.timestamp("s")))
    if pa.types.is_timestamp(cells.type):
        return _arrow_instants(cells)
    if not is_text(cells.type):
        return _epoch_numbers(cells)
    try:
        return _arrow_seconds(cells.cast(pa.timestamp("us")))
    except pa.ArrowInvalid:
        wall, offset = _by_distinct_pairs(cells, lambda text: parse_when(text, order))
        return wall, offset


def to_wall_clock(t: IntArray, timezone: str) -> IntArray:
    """Epoch seconds UTC to the offsets of a zone's clock at those instants."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(timezone)
    hour, place = np.unique(t // 3600, return_inverse=True)
    local = [datetime.fromtimestamp(one * 3600, UTC).astimezone(zone) for one in hour.tolist()]
    offset = [int(one.utcoffset().total_seconds()) for one in local]  # type: ignore[union-attr]  # zoned
    return np.array(offset, np.int64)[place]


def parse_when(text: str, order: DateOrder = "ymd") -> tuple[int, int] | None:
    """Wall clock and offset (NO_TIME if it has none) of a date or an instant in words; None if it is none."""
    text = text.strip()
    number = _from_digits(text) if text[:1].isdigit() or text[:1] == "-" else None
    if number is not None:
        return number
    found = _date(text, order)
    if found is None:
        return None
    day, rest = found
    clock = _clock(rest) if rest.strip() else (0, NO_TIME)
    return None if clock is None else (day + clock[0], clock[1])


def _from_digits(text: str) -> tuple[int, int] | None:
    """A time written as one number: YYYYMMDDHHMM, a spreadsheet's days, or an epoch time; None if it is none.

    Digits that read as a date and a time of day are never an epoch time.
    """
    compact = _COMPACT_TIME.fullmatch(text)
    if compact is not None:
        year, month, date, hour, minute, second = compact.groups()
        day, clock = _day(year, month, date), _clock(f"{hour}:{minute}:{second or '00'}")
        if day is not None and clock is not None:
            return day + clock[0], NO_TIME
    if _SERIAL.fullmatch(text):
        return _SERIAL_ZERO_S + round(float(text.replace(",", ".")) * DAY_S), NO_TIME
    if _EPOCH.fullmatch(text):
        whole = int(text.partition(".")[0])
        return int(whole / _ticks_a_second(abs(whole))), 0
    return None


def _ticks_a_second(size: float) -> int:
    """Of an epoch time of this size: whether it counts seconds, milli-, micro- or nanoseconds."""
    return next((10**power for power, end in ((0, 1e11), (3, 1e14), (6, 1e17)) if size < end), 10**9)


def order_of_dates(texts: Sequence[str]) -> DateOrder | None:
    """Whether dates like 01/02/2020 among these have the day or the month first; None if nothing tells."""
    found = [match for text in texts if (match := _NUMERIC.match(text.strip()))]
    if not found:
        return "ymd"
    if any(int(match[1]) > 12 for match in found):
        return "dmy"
    return "mdy" if any(int(match[2]) > 12 for match in found) else None


@lru_cache(maxsize=50_000)
def _date(text: str, order: DateOrder) -> tuple[int, str] | None:
    """Epoch seconds of the date that a text begins with, and the rest of it."""
    for pattern, names in _PATTERNS:
        match = pattern.match(text)
        if match:
            parts = dict(
                zip(
                    names if pattern is not _NUMERIC else order.replace("ymd", "mdy"),
                    match.groups(),
                    strict=True,
                )
            )
            day = _day(parts["y"], parts["m"], parts["d"])
            return None if day is None else (day, text[match.end() :])
    return None


_PATTERNS = [(_YMD, "ymd"), (_COMPACT, "ymd"), (_NUMERIC, ""), (_DAY_FIRST_NAME, "dmy"), (_NAME_FIRST, "mdy")]


def _day(year: str, month: str, day: str) -> int | None:
    number = _MONTHS.get(month.lower()) if month.isalpha() else int(month)
    if number is None or not _FIRST_YEAR <= int(year) < _LAST_YEAR:
        return None
    try:
        return int(datetime(int(year), number, int(day), tzinfo=UTC).timestamp())
    except ValueError:
        return None


def _clock(text: str) -> tuple[int, int] | None:
    match = _CLOCK.fullmatch(text.rstrip())
    if match is None:
        return None
    hour, minute, second, half, zone = match.groups()
    hours = int(hour) if half is None else int(hour) % 12 + 12 * (half.lower() == "pm")
    if hours > 23 or int(minute) > 59 or int(second or 0) > 59:
        return None
    return hours * 3600 + int(minute) * 60 + int(second or 0), _offset(zone)


def _offset(zone: str | None) -> int:
    if zone is None:
        return NO_TIME
    if zone in {"Z", "UTC"}:
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _by_distinct_pairs(cells: Any, read: Any) -> tuple[IntArray, IntArray]:
    distinct, place, _ = distinct_cells(cells)
    found = [read(text) or (NO_TIME, NO_TIME) for text in distinct] + [(NO_TIME, NO_TIME)]
    pairs = np.array(found, np.int64)[place]
    return pairs[:, 0], pairs[:, 1]


def _arrow_seconds(cells: Any) -> tuple[IntArray, IntArray]:
    """Of a naive timestamp column: the wall clock in whole seconds, and no offset."""
    values = cells.to_numpy(zero_copy_only=False).astype("datetime64[s]")
    first, last = np.datetime64(f"{_FIRST_YEAR}-01-01"), np.datetime64(f"{_LAST_YEAR}-01-01")
    readable = (values >= first) & (values < last)
    wall = np.where(readable, values.astype(np.int64), NO_TIME)
    return wall, np.full(len(wall), NO_TIME, np.int64)


def _arrow_instants(cells: Any) -> tuple[IntArray, IntArray]:
    import pyarrow as pa

    timezone = cells.type.tz
    wall, offset = _arrow_seconds(cells.cast(pa.timestamp(cells.type.unit)) if timezone else cells)
    if timezone:
        readable = wall != NO_TIME
        offset[readable] = to_wall_clock(wall[readable], timezone)
        wall[readable] += offset[readable]
    return wall, offset


def _epoch_numbers(cells: Any) -> tuple[IntArray, IntArray]:
    """Numbers as times: of text where that reads them (20200102, 202001020930, 43832), else epoch times."""
    import pyarrow as pa

    values, _ = read_numbers(cells)
    readable = np.isfinite(values)
    first = values[readable][:1]
    if not len(first):
        return np.full(len(values), NO_TIME), np.full(len(values), NO_TIME)
    if first[0] < _SHORTEST_EPOCH or _COMPACT_TIME.fullmatch(str(int(first[0]))):
        is_whole = not (values[readable] % 1).any()
        return read_times((cells.cast(pa.int64()) if is_whole else cells).cast("string"))
    scale = np.select([np.abs(values) < end for end in (1e11, 1e14, 1e17)], [1.0, 1e3, 1e6], 1e9)
    wall = np.where(readable, np.where(readable, values, 0) / scale, NO_TIME).astype(np.int64)
    return wall, np.where(readable, 0, NO_TIME).astype(np.int64)


_SHORTEST_EPOCH = 1e8


def parsed_symbol(text: str | None) -> str | None:
    """The symbol that a cell names, or None."""
    try:
        return parse_symbol(text) if text is not None else None
    except InvalidInputError:
        return None
