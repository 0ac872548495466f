"""Prices in CSV and Parquet files, read in batches of bounded size."""

import codecs
import csv
import gzip
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.domain.bars import PRICE_COLUMNS, Bars, BoolArray, IntArray, Interval
from stock_analysis.domain.calendars import DAY_S
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import Instrument, parse_symbol
from stock_analysis.ingest.cells import (
    DateOrder,
    DecimalMark,
    marks_seen,
    order_of_dates,
    read_numbers,
    read_times,
)
from stock_analysis.ingest.gate import to_utc
from stock_analysis.ingest.rows import NO_TIME, Rejected, RowBatch, time_cell
from stock_analysis.kernels.quality import Defect
from stock_analysis.kit.terminal import printable

Format = Literal["csv", "parquet"]

KINDS = ("stock", "etf", "index", "future", "currency", "crypto")
BATCH_ROWS = 100_000
_BLOCK_BYTES = 4 << 20
_SCAN_BYTES = 1 << 20
_SAMPLE_ROWS = 5000

_ENCODINGS = ("utf-8", "cp949", "latin-1")
"""Tried in this order; the last one reads everything."""

_SYNONYMS = {
    "symbol": ("symbol", "ticker", "code", "instrument", "종목코드", "단축코드", "심볼", "티커"),
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
_ACTION_SYNONYMS = {
    "symbol": _SYNONYMS["symbol"],
    "ex_date": ("ex_date", "ex date", "exdate", "date", "날짜", "일자"),
    "kind": ("kind", "type", "action"),
    "value": ("value", "ratio", "amount"),
    "source": ("source",),
}
_INSTRUMENT_SYNONYMS = {
    "symbol": _SYNONYMS["symbol"],
    "name": ("name", "종목명"),
    "exchange": ("exchange", "mic", "market"),
    "currency": ("currency",),
    "kind": ("kind", "type"),
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
    return hashlib.sha256(_open_table(path, options).sha256 + options.fingerprint()).digest()


def open_rows(path: Path, options: FileOptions) -> "FileRows":
    """A file of bars, looked through once for its fingerprint, size and layout.

    Raises InvalidInputError for a file that has no bars in a form that is known.
    """
    table = _open_table(path, options)
    columns = _find_columns(table.names, _SYNONYMS, _REQUIRED, path)
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
    table: "_CsvTable | _ParquetTable"
    columns: dict[str, int]
    order: DateOrder
    symbol: str | None
    timezone: str | None
    mark: DecimalMark | None
    batch_rows: int

    def batches(self) -> Iterator[RowBatch]:
        """The rows in the order of the file, batch_rows at a time; row 1 is the first below the header."""
        for chunk in _in_batches(self.table.chunks(self.columns), self.batch_rows):
            yield self._convert(chunk)

    def _convert(self, chunk: "_Chunk") -> RowBatch:
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

    def _values(self, chunk: "_Chunk") -> tuple[list[Any], BoolArray]:
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

    def _symbols(self, chunk: "_Chunk") -> tuple[list[str], IntArray]:
        if self.symbol is not None:
            return [self.symbol], np.zeros(chunk.rows, np.int64)
        encoded = chunk.cells["symbol"]
        if not hasattr(encoded.type, "value_type"):
            encoded = encoded.cast("string").dictionary_encode()
        place = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        parsed = [_parsed_symbol(text) for text in encoded.dictionary.to_pylist()]
        used = set(np.unique(place[place >= 0]).tolist())
        symbols = sorted({one for row, one in enumerate(parsed) if one is not None and row in used})
        code = {symbol: number for number, symbol in enumerate(symbols)}
        codes = [code.get(one, -1) if one is not None else -1 for one in parsed]
        return symbols, np.array([*codes, -1], np.int64)[place]


@dataclass(frozen=True)
class _Chunk:
    """Consecutive rows: their numbers, Arrow arrays by name, and the lines that were no rows."""

    number: IntArray
    cells: dict[str, Any]
    lines: dict[int, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(self.number)

    @property
    def broken(self) -> BoolArray:
        """Which rows are lines with another number of cells than the header."""
        return np.isin(self.number, list(self.lines)) if self.lines else np.zeros(self.rows, np.bool_)

    def row(
        self, row: int, interval: Interval, symbol: str | None, mark: DecimalMark | None
    ) -> dict[str, object]:
        """One row as the file has it: numbers where they are plain numbers, else the text."""
        number = int(self.number[row])
        if number in self.lines:
            return {"line": self.lines[number]}
        time = time_cell(interval)
        found: dict[str, object] = {"symbol": symbol}
        for name, cells in self.cells.items():
            value = cells[row].as_py()
            is_plain = name in PRICE_COLUMNS and not (mark == "comma" and isinstance(value, str))
            found[time if name == "when" else name] = _plain(value) if is_plain else _text(value)
        if "clock" in found:
            found[time] = f"{found[time]} {found.pop('clock')}"
        return found


class _CsvTable:
    """A CSV file. Looked through once: fingerprint, lines, encoding, header."""

    def __init__(self, path: Path, *, decompress: bool) -> None:
        self.path = path
        self._decompress = decompress
        scan = _scan(self._open, path)
        self.sha256, self.encoding, self._quoted = scan.sha256, scan.encoding, scan.quoted
        self._header_line, header = self._find_header()
        self.delimiter = _delimiter(header, path)
        self.names = [name.strip() for name in next(csv.reader([header], delimiter=self.delimiter))]
        self.rows = max(scan.lines - self._header_line - 1, 0)

    def sample(self, columns: dict[str, int]) -> dict[str, list[str]]:
        """The first cells of each column."""
        first = next(self.chunks(columns), None)
        if first is None:
            return {name: [] for name in columns}
        return {
            name: [str(text or "") for text in cells[:_SAMPLE_ROWS].to_pylist()]
            for name, cells in first.cells.items()
        }

    def chunks(self, columns: dict[str, int]) -> Iterator[_Chunk]:
        """The rows as text, a block at a time."""
        import pyarrow as pa
        from pyarrow import csv as arrow

        broken: dict[int, str] = {}
        skip = self._header_line + 1

        def note(line: Any) -> str:
            broken[line.number - skip] = line.text
            return "skip"

        labels = [f"c{place}" for place in range(len(self.names))]
        wanted = {name: labels[place] for name, place in columns.items()}
        with self._open() as stream:
            try:
                reader = arrow.open_csv(
                    stream,
                    read_options=arrow.ReadOptions(
                        use_threads=False,
                        block_size=_BLOCK_BYTES,
                        column_names=labels,
                        skip_rows=skip,
                        encoding=self.encoding,
                    ),
                    parse_options=arrow.ParseOptions(
                        delimiter=self.delimiter, newlines_in_values=self._quoted, invalid_row_handler=note
                    ),
                    convert_options=arrow.ConvertOptions(
                        column_types=dict.fromkeys(labels, pa.string()),
                        include_columns=sorted(set(wanted.values())),
                        strings_can_be_null=False,
                    ),
                )
                next_number = 1
                for batch in reader:
                    chunk = _numbered(batch, wanted, next_number, broken)
                    next_number = int(chunk.number[-1]) + 1 if chunk.rows else next_number
                    yield chunk
                if broken:
                    yield _only_broken(broken, wanted)
            except pa.ArrowInvalid as error:
                if "Empty CSV" not in str(error):
                    raise InvalidInputError(f"{self.path.name} cannot be read: {error}") from error
                if broken:
                    yield _only_broken(broken, wanted)
            except (UnicodeDecodeError, EOFError, OSError) as error:
                raise InvalidInputError(f"{self.path.name} cannot be read: {error}") from error

    def _open(self) -> IO[bytes]:
        return cast("IO[bytes]", gzip.open(self.path)) if self._decompress else self.path.open("rb")

    def _find_header(self) -> tuple[int, str]:
        with io.TextIOWrapper(self._open(), self.encoding, errors="replace") as text:
            for number, line in enumerate(text):
                if line.strip():
                    return number, line.strip("\r\n\ufeff")
        raise InvalidInputError(f"{self.path.name} is empty")


def _numbered(batch: Any, wanted: dict[str, str], first: int, broken: dict[int, str]) -> _Chunk:
    """Give the rows of a block their numbers, the broken lines among them included as rows without cells."""
    import pyarrow as pa

    own: dict[int, str] = {}
    last = first + batch.num_rows - 1
    for line in sorted(broken):
        if line > last + 1:
            break
        own[line] = broken.pop(line)
        last += 1
    number = np.arange(first, last + 1, dtype=np.int64)
    cells = {name: batch.column(batch.schema.get_field_index(label)) for name, label in wanted.items()}
    if own:
        rows = np.cumsum(~np.isin(number, list(own))) - 1
        take = pa.array(rows, mask=np.isin(number, list(own)))
        cells = {name: column.take(take) for name, column in cells.items()}
    return _Chunk(number, cells, own)


def _only_broken(broken: dict[int, str], wanted: dict[str, str]) -> _Chunk:
    import pyarrow as pa

    number = np.array(sorted(broken), np.int64)
    cells = {name: pa.nulls(len(number), pa.string()) for name in wanted}
    return _Chunk(number, cells, dict(broken))


class _ParquetTable:
    """A Parquet file."""

    delimiter = None

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        with path.open("rb") as stream:
            self.sha256 = hashlib.file_digest(stream, "sha256").digest()
        try:
            with pq.ParquetFile(path) as file:
                self.names = [name.strip() for name in file.schema_arrow.names]
                self.rows = file.metadata.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise InvalidInputError(f"{path.name} is not a Parquet file, or a broken one: {error}") from error

    def sample(self, columns: dict[str, int]) -> dict[str, list[str]]:
        """The first times, in words; the cells of other columns have types that say what they are."""
        first = next(self.chunks(columns), None)
        if first is None:
            return {name: [] for name in columns}
        return {
            name: [str(value) for value in cells[:_SAMPLE_ROWS].to_pylist() if value is not None]
            for name, cells in first.cells.items()
        }

    def chunks(self, columns: dict[str, int]) -> Iterator[_Chunk]:
        """The rows in Arrow's types, a batch at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        seen = 0
        try:
            with pq.ParquetFile(self.path, pre_buffer=False) as file:
                names = {name: file.schema_arrow.names[place] for name, place in columns.items()}
                for batch in file.iter_batches(
                    BATCH_ROWS, columns=sorted(set(names.values())), use_threads=False
                ):
                    cells = {name: batch.column(label) for name, label in names.items()}
                    yield _Chunk(np.arange(1, batch.num_rows + 1, dtype=np.int64) + seen, cells)
                    seen += batch.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise InvalidInputError(f"{self.path.name} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class _Scan:
    sha256: bytes
    lines: int
    encoding: str
    quoted: bool


def _scan(opener: Any, path: Path) -> _Scan:
    """Read a text file once: fingerprint, number of lines, encoding, whether it quotes."""
    digest, lines, quoted, start, end = hashlib.sha256(), 0, False, b"", b""
    decoders = {name: codecs.getincrementaldecoder(name)() for name in _ENCODINGS}
    try:
        with opener() as stream:
            while block := stream.read(_SCAN_BYTES):
                digest.update(block)
                lines += block.count(b"\n") or block.count(b"\r")
                quoted = quoted or b'"' in block
                start, end = start or block[:4], block[-1:]
                decoders = {name: one for name, one in decoders.items() if _decodes(one, block)}
    except (OSError, EOFError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    encoding = "utf-16" if start[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else next(iter(decoders))
    return _Scan(digest.digest(), lines + (end not in {b"\n", b"\r", b""}), encoding, quoted)


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes) -> bool:
    try:
        decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True


def _open_table(path: Path, options: FileOptions) -> _CsvTable | _ParquetTable:
    if not path.is_file():
        raise InvalidInputError(f"{path}: no such file")
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error
    if not start:
        raise InvalidInputError(f"{path.name} is empty")
    if (options.format or ("parquet" if start == b"PAR1" else "csv")) == "parquet":
        return _ParquetTable(path)
    return _CsvTable(path, decompress=start[:2] == b"\x1f\x8b")


def _find_columns(
    names: Sequence[str], synonyms: dict[str, tuple[str, ...]], required: Sequence[str], path: Path
) -> dict[str, int]:
    """Where each known column stands. Raises InvalidInputError naming those that are missing."""
    plain = [name.strip().strip('"').lower().lstrip("<").rstrip(">") for name in names]
    found = {}
    for column, words in synonyms.items():
        places = [plain.index(word) for word in words if word in plain]
        if places:
            found[column] = places[0]
    missing = [_WORDS.get(column, column) for column in required if column not in found]
    if missing:
        listed = printable(", ".join(names), 200) or "nothing"
        raise InvalidInputError(
            f"{path.name} has no column for {', '.join(missing)}; its first line says: {listed}"
        )
    return found


_WORDS = {"when": "the date", "ex_date": "the ex-date"}


def _delimiter(header: str, path: Path) -> str:
    counts = {one: header.count(one) for one in ",;\t|"}
    best = max(counts, key=lambda one: counts[one])
    if not counts[best]:
        raise InvalidInputError(
            f"{path.name} is not a table: no comma, semicolon, tab or bar in its first line"
        )
    return best


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


def _parsed_symbol(text: str | None) -> str | None:
    try:
        return parse_symbol(text) if text is not None else None
    except InvalidInputError:
        return None


def _times(chunk: _Chunk, order: DateOrder) -> tuple[IntArray, IntArray]:
    if "clock" not in chunk.cells:
        return read_times(chunk.cells["when"], order)
    import pyarrow.compute as pc

    return read_times(pc.binary_join_element_wise(chunk.cells["when"], chunk.cells["clock"], " "), order)


def _in_batches(chunks: Iterator[_Chunk], rows: int) -> Iterator[_Chunk]:
    """The same rows in chunks of equal size, the last one smaller."""
    held: list[_Chunk] = []
    for chunk in chunks:
        held.append(chunk)
        while sum(one.rows for one in held) >= rows:
            whole = _joined(held)
            yield _slice(whole, 0, rows)
            held = [_slice(whole, rows, whole.rows)]
    rest = _joined(held) if held else None
    if rest is not None and rest.rows:
        yield rest


def _joined(chunks: list[_Chunk]) -> _Chunk:
    import pyarrow as pa

    if len(chunks) == 1:
        return chunks[0]
    cells = {
        name: pa.chunked_array([one.cells[name] for one in chunks]).unify_dictionaries().combine_chunks()
        for name in chunks[0].cells
    }
    lines = {number: text for one in chunks for number, text in one.lines.items()}
    return _Chunk(np.concatenate([one.number for one in chunks]), cells, lines)


def _slice(chunk: _Chunk, first: int, last: int) -> _Chunk:
    number = chunk.number[first:last]
    cells = {name: column.slice(first, last - first) for name, column in chunk.cells.items()}
    inside = {
        one: text for one, text in chunk.lines.items() if len(number) and number[0] <= one <= number[-1]
    }
    return replace(chunk, number=number, cells=cells, lines=inside)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _plain(value: object) -> object:
    """A cell as JSON can say it: a number where the text is one, nothing for nothing."""
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return number if np.isfinite(number) and "_" not in value else value


def read_instruments(path: Path) -> list[Instrument]:
    """The instruments that a file lists. Raises InvalidInputError."""
    wanted = ("symbol", "exchange", "currency")
    return [_instrument(row, path) for _, row in _read_all(path, _INSTRUMENT_SYNONYMS, wanted)]


def _instrument(row: dict[str, object], path: Path) -> Instrument:
    symbol = parse_symbol(str(row["symbol"]))
    kind, currency = str(row.get("kind") or "stock").lower(), str(row["currency"]).upper()
    if kind not in KINDS or not re.fullmatch("[A-Z]{3}", currency):
        known = ", ".join(KINDS)
        what = f"{printable(kind)!r} in {printable(currency)!r}"
        raise InvalidInputError(f"{path.name}: {symbol} is {what}; the kinds are {known}")
    return Instrument(symbol, str(row.get("name") or symbol), str(row["exchange"]).upper(), currency, kind)


def read_actions(path: Path) -> tuple[bytes, list[tuple[str, CorporateAction]], list[Rejected]]:
    """The fingerprint of a file of corporate actions, its actions by symbol, and the rows that are none."""
    found: list[tuple[str, CorporateAction]] = []
    rejected: list[Rejected] = []
    for number, row in _read_all(path, _ACTION_SYNONYMS, ("symbol", "ex_date", "kind", "value")):
        try:
            found.append(parse_action(row, path.name))
        except (InvalidInputError, ValueError):
            rejected.append(Rejected(number, _parsed_symbol(str(row["symbol"])), None, row, ["unparsable"]))
    return fingerprint(path, FileOptions()), found, rejected


def parse_action(row: dict[str, object], source: str) -> tuple[str, CorporateAction]:
    """A row of a file of corporate actions. Raises InvalidInputError, or ValueError, if it is none."""
    when, value = row["ex_date"], float(str(row["value"]))
    ex_date = when if isinstance(when, date) else date.fromisoformat(str(when)[:10])
    if not (np.isfinite(value) and value > 0):
        raise InvalidInputError(f"an action's value must be positive, not {value}")
    kind = ActionKind(str(row["kind"]).strip().lower())
    return parse_symbol(str(row["symbol"])), CorporateAction(
        ex_date, kind, value, str(row.get("source") or source)
    )


def _read_all(
    path: Path, synonyms: dict[str, tuple[str, ...]], required: Sequence[str]
) -> Iterator[tuple[int, dict[str, object]]]:
    """The rows of a small file with their numbers, by column."""
    table = _open_table(path, FileOptions())
    columns = _find_columns(table.names, synonyms, required, path)
    for chunk in table.chunks(columns):
        for row, number in enumerate(chunk.number.tolist()):
            yield number, {name: cells[row].as_py() for name, cells in chunk.cells.items()}
