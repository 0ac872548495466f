"""Prices in CSV and Parquet files, read in batches of bounded size."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stock_analysis.domain.bars import PRICE_COLUMNS, Bars, BoolArray, IntArray, Interval
from stock_analysis.domain.calendars import DAY_S
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import parse_symbol
from stock_analysis.ingest.cells import (
    DateOrder,
    DecimalMark,
    marks_seen,
    order_of_dates,
    parsed_symbol,
    read_numbers,
    read_times,
)
from stock_analysis.ingest.chunks import BATCH_ROWS, Chunk, in_batches
from stock_analysis.ingest.gate import to_utc
from stock_analysis.ingest.rows import NO_TIME, RowBatch
from stock_analysis.ingest.tables import SYMBOL_WORDS, Format, Table, find_columns, open_table
from stock_analysis.kernels.quality import Defect

_SYNONYMS = {
    "symbol": SYMBOL_WORDS,
    "when": (
        "datetime",
        "timestamp",
        "ts",
        "session",
        "date",
        "day",
        "일시",
        "날짜",
        "일자",
        "기준일",
        "time",
    ),
    "clock": ("time", "시간", "시각"),
    "open": ("open", "o", "open price", "opening price", "시가"),
    "high": ("high", "h", "high price", "고가"),
    "low": ("low", "l", "low price", "저가"),
    "close": ("close", "c", "close price", "closing price", "last", "close/last", "종가", "현재가"),
    "volume": ("volume", "vol", "v", "거래량"),
}
_REQUIRED = ("when", "open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What the user says about a file; None = see for yourself."""

    format: Format | None = None
    symbol: str | None = None
    interval: Interval | None = None
    timezone: str | None = None
    date_order: DateOrder | None = None
    decimal_mark: DecimalMark | None = None
    batch_rows: int = BATCH_ROWS

    def fingerprint(self) -> bytes:
        """What of this changes the meaning of a file."""
        said = (self.symbol, self.interval, self.timezone, self.date_order, self.decimal_mark)
        return b"" if said == (None,) * 5 else repr(said).encode()


def fingerprint(path: Path, options: FileOptions) -> bytes:
    """What tells this file with these options from any other; the same as of its rows, and quicker."""
    return hashlib.sha256(open_table(path, options.format).sha256 + options.fingerprint()).digest()


def open_rows(path: Path, options: FileOptions) -> "FileRows":
    """A file of bars, looked through once for its fingerprint, size and layout.

    Raises InvalidInputError for a file that has no bars in a form that is known.
    """
    table = open_table(path, options.format)
    columns = find_columns(table.names, _SYNONYMS, _REQUIRED, path)
    if "clock" in columns and columns["clock"] == columns["when"]:
        del columns["clock"]
    sample = table.sample(columns)
    order = options.date_order or _date_order(sample, path)
    interval = options.interval or _interval(sample, order)
    if interval not in {Interval.D1, Interval.M1}:
        raise InvalidInputError(
            f"bars of {interval} cannot be imported, only 1d and 1m: others follow from them"
        )
    symbol = None if "symbol" in columns and options.symbol is None else _symbol(path, options)
    return FileRows(
        name=path.name.encode(errors="replace").decode(),
        sha256=hashlib.sha256(table.sha256 + options.fingerprint()).digest(),
        interval=interval,
        rows_total=table.rows,
        table=table,
        columns=columns,
        order=order,
        symbol=symbol,
        timezone=options.timezone,
        mark=options.decimal_mark or _decimal_mark(sample, table.delimiter, path),
        batch_rows=options.batch_rows,
    )


@dataclass(frozen=True)
class FileRows:
    """The rows of one file as a source."""

    name: str
    sha256: bytes
    interval: Interval
    rows_total: int
    table: Table
    columns: dict[str, int]
    order: DateOrder
    symbol: str | None
    timezone: str | None
    mark: DecimalMark | None
    batch_rows: int

    def batches(self) -> Iterator[RowBatch]:
        """The rows in the order of the file, batch_rows at a time; row 1 is the first below the header."""
        for chunk in in_batches(self.table.chunks(self.columns), self.batch_rows):
            yield self._convert(chunk)

    def _convert(self, chunk: Chunk) -> RowBatch:
        values, unreadable = self._values(chunk)
        wall, offset = _times(chunk, self.order)
        t, naive = self._instants(wall, offset)
        symbols, codes = self._symbols(chunk)
        defects = np.zeros(chunk.rows, np.uint16)
        defects[unreadable | (t == NO_TIME) | (codes < 0) | chunk.broken] = Defect.UNPARSABLE
        bars = Bars(t, *values)

        def rows_as_read(rows: IntArray) -> list[dict[str, object]]:
            return [chunk.row(int(row), self.interval, self.symbol, self.mark) for row in rows]

        has_volume = "volume" in chunk.cells
        return RowBatch(chunk.number, codes, symbols, bars, defects, rows_as_read, naive, has_volume)

    def _values(self, chunk: Chunk) -> tuple[list[Any], BoolArray]:
        unreadable = np.zeros(chunk.rows, np.bool_)
        values = []
        for name in PRICE_COLUMNS:
            if name not in chunk.cells:
                values.append(np.zeros(chunk.rows))
                continue
            column, bad = read_numbers(chunk.cells[name], self.mark)
            values.append(column)
            unreadable |= bad
        return values, unreadable

    def _instants(self, wall: IntArray, offset: IntArray) -> tuple[IntArray, bool]:
        """Times of the bars, and whether they are still on the exchange's clock."""
        readable = wall != NO_TIME
        if self.interval is Interval.D1:
            return np.where(readable, wall - wall % DAY_S, NO_TIME), False
        zoned = readable & (offset != NO_TIME)
        if zoned.any():  # among times with an offset, one without cannot be placed
            return np.where(zoned, wall - np.where(zoned, offset, 0), NO_TIME), False
        if self.timezone is None:
            return wall, True
        return np.where(readable, to_utc(np.where(readable, wall, 0), self.timezone), NO_TIME), False

    def _symbols(self, chunk: Chunk) -> tuple[list[str], IntArray]:
        if self.symbol is not None:
            return [self.symbol], np.zeros(chunk.rows, np.int64)
        encoded = chunk.cells["symbol"]
        if not hasattr(encoded.type, "value_type"):
            encoded = encoded.cast("string").dictionary_encode()
        place = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        parsed = [parsed_symbol(text) for text in encoded.dictionary.to_pylist()]
        used = set(np.unique(place[place >= 0]).tolist())
        symbols = sorted({one for row, one in enumerate(parsed) if one is not None and row in used})
        code = {symbol: number for number, symbol in enumerate(symbols)}
        codes = [code.get(one, -1) if one is not None else -1 for one in parsed]
        return symbols, np.array([*codes, -1], np.int64)[place]


def _date_order(sample: dict[str, list[str]], path: Path) -> DateOrder:
    order = order_of_dates(sample["when"])
    if order is None:
        raise InvalidInputError(
            f"{path.name} has dates like {sample['when'][0]!r}, which may have the day or the month first: "
            "say --date-order dmy or --date-order mdy"
        )
    return order


def _interval(sample: dict[str, list[str]], order: DateOrder) -> Interval:
    """1m if a time of day other than midnight is among the first rows, else 1d."""
    import pyarrow as pa

    if any(text.strip() for text in sample.get("clock", [])):
        return Interval.M1
    wall, _ = read_times(pa.array(sample["when"], pa.string()), order)
    return Interval.M1 if (wall[wall != NO_TIME] % DAY_S).any() else Interval.D1


def _decimal_mark(sample: dict[str, list[str]], delimiter: str | None, path: Path) -> DecimalMark | None:
    """What stands before the decimals: what the numbers tell, else a point where commas part the cells.

    None if nothing tells; then no comma was seen. Raises InvalidInputError where the numbers may be read in
    two ways.
    """
    seen = marks_seen(cell for name in PRICE_COLUMNS for cell in sample.get(name, []))
    choice = "say --decimal-mark point or --decimal-mark comma"
    if seen.point and seen.comma:
        raise InvalidInputError(
            f"{path.name} has numbers like {seen.point!r} and numbers like {seen.comma!r}: {choice}; "
            "rows with the other are kept aside"
        )
    if seen.either and not (seen.point or seen.comma) and delimiter != ",":
        raise InvalidInputError(
            f"{path.name} has numbers like {seen.either!r}, which may be whole or have decimals: {choice}"
        )
    if seen.comma:
        return "comma"
    return "point" if seen.point or delimiter == "," else None


def _symbol(path: Path, options: FileOptions) -> str:
    if options.symbol is not None:
        return parse_symbol(options.symbol)
    stem = path.name
    for suffix in (".gz", ".csv", ".txt", ".tsv", ".parquet", ".pq"):
        stem = stem.removesuffix(suffix)
    try:
        return parse_symbol(stem)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{path.name} has no symbol column and its name is no symbol: say --symbol"
        ) from error


def _times(chunk: Chunk, order: DateOrder) -> tuple[IntArray, IntArray]:
    if "clock" not in chunk.cells:
        return read_times(chunk.cells["when"], order)
    import pyarrow.compute as pc

    return read_times(pc.binary_join_element_wise(chunk.cells["when"], chunk.cells["clock"], " "), order)
