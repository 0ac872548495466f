"""CSV files: their encoding, delimiter and header, and their rows as text."""

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.bounds import (
    BATCH_BYTES,
    BROKEN_LINES,
    ROW_BYTES,
    LineLengths,
    check_cells,
    check_unpacked,
)
from stock_analysis.ingest.chunks import SAMPLE_ROWS, Chunk
from stock_analysis.ingest.headers import LINES_LOOKED_AT, Header, find_header

_SCAN_BYTES = 1 << 20

_ENCODINGS = ("cp949", "cp1252", "cp932", "gb18030", "latin-1")
"""Of files that are not UTF-8: the first in which the header is known, else the first that reads all of it.

The last one reads everything. Those of Japan and China stand behind that of western Windows, whose currency
signs and marks between digits they would read as letters.
"""


_UNREADABLE = (OSError, EOFError, zlib.error)
_LONG_ROW = (
    f"{{}} has a row of more than {ROW_BYTES:,} bytes: no row of prices is that long; is a quote left open?"
)
_BROKEN = "{} has {:,} lines one after the other with another number of cells than its header: it is no table"


class CsvTable:
    """A CSV file. Looked through once: fingerprint, lines, encoding, header.

    is_header: whether a line's cells are those of a header. skipped: what stands before it.
    """

    def __init__(
        self, path: Path, *, decompress: bool, is_header: Callable[[Sequence[str]], bool] = lambda _: True
    ) -> None:
        self.path = path
        self._decompress = decompress
        scan = _scan(self._open, path, packed=decompress)
        self.sha256, self._quoted = scan.sha256, scan.quoted
        self.encoding, header = self._find_header(scan.encodings, is_header)
        self._header_line, self.delimiter, self.names = header.last_line, header.delimiter, header.names
        self.skipped = header.skipped
        self.rows = max(scan.lines - self._header_line - 1, 0)

    def sample(self, columns: dict[str, int]) -> dict[str, list[str]]:
        """The first cells of each column."""
        first = next(self.chunks(columns), None)
        if first is None:
            return {name: [] for name in columns}
        return {
            name: [str(text or "") for text in cells[:SAMPLE_ROWS].to_pylist()]
            for name, cells in first.cells.items()
        }

    def chunks(self, columns: dict[str, int]) -> Iterator[Chunk]:
        """The rows as text, a block at a time."""
        import pyarrow as pa
        from pyarrow import csv as arrow

        broken: dict[int, str] = {}
        skip = self._header_line + 1

        held_bytes = 0

        def note(line: Any) -> str:
            nonlocal held_bytes
            held_bytes = held_bytes + len(line.text) if broken else len(line.text)
            broken[line.number - skip] = line.text
            return "skip" if len(broken) <= BROKEN_LINES and held_bytes <= BATCH_BYTES else "error"

        labels = [f"c{place}" for place in range(len(self.names))]
        wanted = {name: labels[place] for name, place in columns.items()}
        # Arrow reads ahead in a thread of its own, which must not need Python while the process ends.
        with self._open() if self._decompress else pa.OSFile(str(self.path)) as stream:
            try:
                reader = arrow.open_csv(
                    stream,
                    read_options=arrow.ReadOptions(
                        use_threads=False,
                        block_size=ROW_BYTES,
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
                    check_cells(self.path.name, chunk.cells, next_number)
                    next_number = int(chunk.number[-1]) + 1 if chunk.rows else next_number
                    yield chunk
                if broken:
                    yield _only_broken(broken, wanted)
            except pa.ArrowInvalid as error:
                if len(broken) > BROKEN_LINES or held_bytes > BATCH_BYTES:
                    raise InvalidInputError(_BROKEN.format(self.path.name, len(broken))) from error
                if "straddling" in str(error):
                    raise InvalidInputError(_LONG_ROW.format(self.path.name)) from error
                if "Empty CSV" not in str(error):
                    raise InvalidInputError(f"{self.path.name} cannot be read: {error}") from error
                if broken:
                    yield _only_broken(broken, wanted)
            except (UnicodeDecodeError, *_UNREADABLE) as error:
                raise InvalidInputError(f"{self.path.name} cannot be read: {error}") from error

    def _open(self) -> IO[bytes]:
        return cast("IO[bytes]", gzip.open(self.path)) if self._decompress else self.path.open("rb")

    def _find_header(
        self, encodings: Sequence[str], is_header: Callable[[Sequence[str]], bool]
    ) -> tuple[str, Header]:
        """The encoding in which the header is known, else the first one that may be, and the header."""
        found: list[tuple[str, Header]] = []
        for encoding in encodings:
            with io.TextIOWrapper(self._open(), encoding, errors="replace") as text:
                lines = [line.strip("\r\n\ufeff") for line in islice(text, LINES_LOOKED_AT)]
            if not any(line.strip() for line in lines):
                raise InvalidInputError(f"{self.path.name} is empty")
            header = find_header(lines, is_header)
            if header is not None and is_header(header.names):
                return encoding, header
            found += [] if header is None else [(encoding, header)]
        if not found:
            raise InvalidInputError(
                f"{self.path.name} is not a table: no comma, semicolon, tab or bar in its first lines"
            )
        return found[0]


def _numbered(batch: Any, wanted: dict[str, str], first: int, broken: dict[int, str]) -> Chunk:
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
    return Chunk(number, cells, own)


def _only_broken(broken: dict[int, str], wanted: dict[str, str]) -> Chunk:
    import pyarrow as pa

    number = np.array(sorted(broken), np.int64)
    cells = {name: pa.nulls(len(number), pa.string()) for name in wanted}
    return Chunk(number, cells, dict(broken))


@dataclass(frozen=True, slots=True)
class _Scan:
    sha256: bytes
    lines: int
    encodings: list[str]
    quoted: bool


def _scan(opener: Any, path: Path, *, packed: bool) -> _Scan:
    """Read a text file once: fingerprint, number of lines, encodings it may have, whether it quotes."""
    lengths, size_bytes = LineLengths(path.name, LINES_LOOKED_AT), 0
    digest, lines, quoted, start, end = hashlib.sha256(), 0, False, b"", b""
    is_utf_8, utf_8 = True, codecs.getincrementaldecoder("utf-8")()
    try:
        with opener() as stream:
            while block := stream.read(_SCAN_BYTES):
                lengths.look(block)
                size_bytes += len(block)
                if packed:
                    check_unpacked(path.name, size_bytes)
                digest.update(block)
                lines += block.count(b"\n") or block.count(b"\r")
                quoted = quoted or b'"' in block
                start, end = start or block[:4], block[-1:]
                is_utf_8 = is_utf_8 and _decodes(utf_8, block)
        if start[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            encodings = ["utf-16"]
        else:
            encodings = ["utf-8"] if is_utf_8 else _other_encodings(opener)
    except _UNREADABLE as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    return _Scan(digest.digest(), lines + (end not in {b"\n", b"\r", b""}), encodings, quoted)


def _other_encodings(opener: Any) -> list[str]:
    decoders = {name: codecs.getincrementaldecoder(name)() for name in _ENCODINGS}
    with opener() as stream:
        while block := stream.read(_SCAN_BYTES):
            decoders = {name: one for name, one in decoders.items() if _decodes(one, block)}
    return list(decoders)


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes) -> bool:
    try:
        decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True
