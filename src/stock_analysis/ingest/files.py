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
from stock_analysis.ingest.cells import DateOrder, parsed_symbol, read_times, to_wall_clock
from stock_analysis.ingest.chunks import BATCH_ROWS, Chunk, in_batches
from stock_analysis.ingest.columns import find_price_columns, is_header
from stock_analysis.ingest.forms import ADJUSTED_CLOSE, Adjusted
from stock_analysis.ingest.gate import to_utc
from stock_analysis.ingest.guesses import Times, guess_decimal_mark, guess_times
from stock_analysis.ingest.numbers import DecimalMark, read_numbers
from stock_analysis.ingest.reading import describe
from stock_analysis.ingest.rows import NO_TIME, RowBatch, Stated
from stock_analysis.ingest.tables import Format, Table, open_table
from stock_analysis.kernels.quality import Defect


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What the user says about a file; None = see for yourself.

    columns: names of columns with their headings, "none" where there is none.
    """

    format: Format | None = None
    symbol: str | None = None
    interval: Interval | None = None
    timezone: str | None = None
    date_order: DateOrder | None = None
    decimal_mark: DecimalMark | None = None
    batch_rows: int = BATCH_ROWS
    columns: tuple[tuple[str, str], ...] = ()
    adjusted: Adjusted | None = None

    def fingerprint(self) -> bytes:
        """What of this changes the meaning of a file."""
        said = (self.symbol, self.interval, self.timezone, self.date_order, self.decimal_mark)
        more = (self.columns, self.adjusted)
        plain = b"" if said == (None,) * 5 else repr(said).encode()
        return plain if more == ((), None) else plain + repr(more).encode()


def fingerprint(path: Path, options: FileOptions) -> bytes:
    """What tells this file with these options from any other; the same as of its rows, and quicker."""
    table = open_table(path, options.format, is_header)
    return hashlib.sha256(table.sha256 + options.fingerprint()).digest()


def open_rows(path: Path, options: FileOptions) -> "FileRows":
    """A file of bars, looked through once for its fingerprint, size and layout.

    Raises InvalidInputError for a file that has no bars in a form that is known, or that can be read in two
    ways, saying which option settles it.
    """
    table = open_table(path, options.format, is_header)
    columns = find_price_columns(
        table.names, path, dict(options.columns), options.symbol or _stem(path).upper()
    )
    sample = table.sample(columns.places)
    times = guess_times(sample, options.date_order, options.interval, path)
    if times.interval not in {Interval.D1, Interval.M1}:
        raise InvalidInputError(
            f"bars of {times.interval} cannot be imported, only 1d and 1m: others follow from them"
        )
    by_row = "symbol" in columns.places and options.symbol is None
    symbol = None if by_row else _symbol(path, options)
    mark = options.decimal_mark or guess_decimal_mark(sample, table.delimiter, path)
    return FileRows(
        name=path.name.encode(errors="replace").decode(),
        sha256=hashlib.sha256(table.sha256 + options.fingerprint()).digest(),
        interval=times.interval,
        rows_total=table.rows,
        table=table,
        columns={name: place for name, place in columns.places.items() if name != ADJUSTED_CLOSE},
        times=times,
        symbol=symbol,
        timezone=options.timezone,
        mark=mark,
        batch_rows=options.batch_rows,
        stated=describe(columns, times, table, mark, sample, options, symbol),
        terms=options.adjusted or (columns.form.adjusted if columns.form else None),
        terms_given=options.adjusted is not None,
    )


@dataclass(frozen=True)
class FileRows:
    """The rows of one file as a source.

    stated: how it is read. terms: in which its prices are, None where nothing tells.
    """

    name: str
    sha256: bytes
    interval: Interval
    rows_total: int
    table: Table
    columns: dict[str, int]
    times: Times
    symbol: str | None
    timezone: str | None
    mark: DecimalMark | None
    batch_rows: int
    stated: list[Stated]
    terms: Adjusted | None
    terms_given: bool

    def batches(self) -> Iterator[RowBatch]:
        """The rows in the order of the file, batch_rows at a time; row 1 is the first below the header."""
        for chunk in in_batches(self.table.chunks(self.columns), self.batch_rows, self.name):
            yield self._convert(chunk)

    def _convert(self, chunk: Chunk) -> RowBatch:
        values, unreadable = self._values(chunk)
        wall, offset = _times(chunk, self.times.order)
        t, naive, instants = self._instants(wall, offset)
        symbols, codes = self._symbols(chunk)
        defects = np.zeros(chunk.rows, np.uint16)
        defects[unreadable | (t == NO_TIME) | (codes < 0) | chunk.broken] = Defect.UNPARSABLE
        bars = Bars(t, *values)

        def rows_as_read(rows: IntArray) -> list[dict[str, object]]:
            return [chunk.row(int(row), self.interval, self.symbol, self.mark) for row in rows]

        has_volume = "volume" in chunk.cells
        return RowBatch(
            chunk.number, codes, symbols, bars, defects, rows_as_read, naive, has_volume, instants
        )

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

    def _instants(self, wall: IntArray, offset: IntArray) -> tuple[IntArray, bool, BoolArray | None]:
        """Times of the bars, whether they are still on the exchange's clock, and which are still instants."""
        readable = wall != NO_TIME
        if self.interval is Interval.D1:
            return self._sessions(wall, offset, readable)
        zoned = readable & (offset != NO_TIME)
        if zoned.any():  # among times with an offset, one without cannot be placed
            return np.where(zoned, wall - np.where(zoned, offset, 0), NO_TIME), False, None
        if self.timezone is None:
            return wall, True, None
        return np.where(readable, to_utc(np.where(readable, wall, 0), self.timezone), NO_TIME), False, None

    def _sessions(
        self, wall: IntArray, offset: IntArray, readable: BoolArray
    ) -> tuple[IntArray, bool, BoolArray | None]:
        """Dates as they are; instants as such, to become the session they fall on by the exchange's clock.

        Midnight by the clock it is written in is a date where all of the file's times are.
        """
        instants = readable & (offset != NO_TIME)
        if self.times.are_dates:
            instants &= wall % DAY_S != 0
        dates = np.where(readable, wall - wall % DAY_S, NO_TIME)
        if not instants.any():
            return dates, False, None
        utc = wall - np.where(instants, offset, 0)
        if self.timezone is None:
            return np.where(instants, utc, dates), False, instants
        local = utc + to_wall_clock(np.where(instants, utc, 0), self.timezone)
        return np.where(instants, local - local % DAY_S, dates), False, None

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


def _symbol(path: Path, options: FileOptions) -> str:
    if options.symbol is not None:
        return parse_symbol(options.symbol)
    try:
        return parse_symbol(_stem(path))
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{path.name} has no symbol column and its name is no symbol: say --symbol"
        ) from error


def _stem(path: Path) -> str:
    stem = path.name
    for suffix in (".gz", ".csv", ".txt", ".tsv", ".parquet", ".pq"):
        stem = stem.removesuffix(suffix)
    return stem


def _times(chunk: Chunk, order: DateOrder) -> tuple[IntArray, IntArray]:
    if "clock" not in chunk.cells:
        return read_times(chunk.cells["when"], order)
    import pyarrow.compute as pc

    return read_times(pc.binary_join_element_wise(chunk.cells["when"], chunk.cells["clock"], " "), order)
