"""Cells as they stand in files, to numbers and times; what cannot be read is marked, never guessed."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from stock_analysis.domain.bars import BoolArray, FloatArray, IntArray
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import parse_symbol
from stock_analysis.ingest.rows import NO_TIME

DateOrder = Literal["ymd", "dmy", "mdy"]
DecimalMark = Literal["point", "comma"]

NOTHING = frozenset({"", "-", "--", ".", "na", "n/a", "#n/a", "nan", "null", "none"})
"""How files write that a value is missing, in lower case."""

_FIRST_YEAR, _LAST_YEAR = 1800, 2200
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
_SWAPPED = str.maketrans(",.", ".,")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)

_YMD = re.compile(r"(\d{4})\s*[-/.년]\s*(\d{1,2})\s*[-/.월]\s*(\d{1,2})\s*[일.]?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?!\d)")
_NUMERIC = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_DAY_FIRST_NAME = re.compile(r"(\d{1,2})[- ]([A-Za-z]{3})[a-z]*[- ,]+(\d{4})")
_NAME_FIRST = re.compile(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})")
_EPOCH = re.compile(r"-?\d{9,10}(\.\d+)?|-?\d{12,13}")
_CLOCK = re.compile(
    r"[ T]*(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d+)?)?\s*([AaPp][Mm])?\s*(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split(), 1)}


def read_numbers(cells: Any, mark: DecimalMark | None = "point") -> tuple[FloatArray, BoolArray]:
    """The numbers in an Arrow column, NaN where there is none, and which cells are unreadable.

    mark: what stands before the decimals in text; the other mark parts thousands. None = a point, but one
    comma that may be either is unreadable.
    """
    import pyarrow as pa

    if not _is_text(cells.type):
        values = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.asarray(values, np.float64), np.zeros(len(cells), np.bool_)
    if mark == "comma":  # to the cast, 12.345 would be a number
        return _by_distinct(cells, lambda text: parse_number(text, mark))
    try:
        values = cells.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return _by_distinct(cells, lambda text: parse_number(text, mark))
    return np.asarray(values, np.float64), np.zeros(len(cells), np.bool_)


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
    if not _is_text(cells.type):
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
    if _EPOCH.fullmatch(text):
        number = float(text)
        return int(number / 1000 if abs(number) >= 1e11 else number), 0
    found = _date(text, order)
    if found is None:
        return None
    day, rest = found
    clock = _clock(rest) if rest.strip() else (0, NO_TIME)
    return None if clock is None else (day + clock[0], clock[1])


def parse_number(text: str, mark: DecimalMark | None = "point") -> float | None:
    """The number in a cell, NaN for nothing, None if it is neither."""
    text = text.strip()
    if mark is None and "," in text and parse_number(text, "comma") is not None:
        return None
    if mark == "comma" and text.lower() not in NOTHING:
        text = text.translate(_SWAPPED)
    return parse_plain_number(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)


def parse_plain_number(text: str) -> float | None:
    """The number in a text like 1234.5, NaN for nothing, None if it is neither."""
    text = text.strip()
    if text.lower() in NOTHING:
        return np.nan
    if _NUMBER.fullmatch(text) or _INFINITE.fullmatch(text):
        return float(text)
    return None


def order_of_dates(texts: Sequence[str]) -> DateOrder | None:
    """Whether dates like 01/02/2020 among these have the day or the month first; None if nothing tells."""
    found = [match for text in texts if (match := _NUMERIC.match(text.strip()))]
    if not found:
        return "ymd"
    if any(int(match[1]) > 12 for match in found):
        return "dmy"
    return "mdy" if any(int(match[2]) > 12 for match in found) else None


@dataclass(frozen=True, slots=True)
class MarksSeen:
    """Of the numbers in some texts, one that is none without the decimal mark named, None if all could be.

    either: one like 1,234, which may be 1234 or 1.234; with a point instead it is not asked about.
    """

    point: str | None
    comma: str | None
    either: str | None


def marks_seen(texts: Iterable[str]) -> MarksSeen:
    """What these cells tell of the decimal mark of their file."""
    found: dict[str, str] = {}
    for text in set(texts):
        if text.isdigit() or not ("," in text or "." in text):
            continue
        readable = parse_number(text, "point") is not None, parse_number(text, "comma") is not None
        if readable == (True, True) and "," in text:
            found["either"] = min(text, found.get("either", text))
        elif readable in {(True, False), (False, True)}:
            mark = "point" if readable[0] else "comma"
            found[mark] = min(text, found.get(mark, text))
    return MarksSeen(found.get("point"), found.get("comma"), found.get("either"))


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


def _by_distinct(cells: Any, read: Any) -> tuple[FloatArray, BoolArray]:
    """Read each different text once; None becomes NaN and is marked, a null is NaN only."""
    distinct, place, null = _distinct(cells)
    found = [read(text) for text in distinct]
    values = np.array([*(np.nan if one is None else one for one in found), np.nan])[place]
    unreadable = np.array([*(one is None for one in found), False])[place]
    return values, unreadable & ~null


def _by_distinct_pairs(cells: Any, read: Any) -> tuple[IntArray, IntArray]:
    distinct, place, _ = _distinct(cells)
    found = [read(text) or (NO_TIME, NO_TIME) for text in distinct] + [(NO_TIME, NO_TIME)]
    pairs = np.array(found, np.int64)[place]
    return pairs[:, 0], pairs[:, 1]


def _distinct(cells: Any) -> tuple[list[str], IntArray, BoolArray]:
    encoded = cells.dictionary_encode()
    encoded = encoded.combine_chunks() if hasattr(encoded, "combine_chunks") else encoded
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return encoded.dictionary.to_pylist(), codes, codes < 0


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
    """Epoch numbers by their size: seconds, milli-, micro- or nanoseconds; or 20200102 for a date."""
    values, _ = read_numbers(cells)
    if np.nanmax(np.abs(values), initial=0) < 1e8:
        return read_times(cells.cast("string"))
    size = np.abs(values)
    scale = np.select([size < 1e11, size < 1e14, size < 1e17], [1.0, 1e3, 1e6], 1e9)
    readable = np.isfinite(values)
    wall = np.where(readable, np.where(readable, values, 0) / scale, NO_TIME).astype(np.int64)
    return wall, np.where(readable, 0, NO_TIME).astype(np.int64)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def parsed_symbol(text: str | None) -> str | None:
    """The symbol that a cell names, or None."""
    try:
        return parse_symbol(text) if text is not None else None
    except InvalidInputError:
        return None
