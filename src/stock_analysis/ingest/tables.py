"""A file as a table, CSV or Parquet, and where its known columns stand."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.csv_table import CsvTable
from stock_analysis.ingest.parquet_table import ParquetTable
from stock_analysis.kit.terminal import printable

Format = Literal["csv", "parquet"]
Table = CsvTable | ParquetTable

SYMBOL_WORDS = ("symbol", "ticker", "code", "instrument", "종목코드", "단축코드", "심볼", "티커")
_PACKED = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of the old form: save the sheet as CSV",
    b"\x28\xb5\x2f\xfd": "packed with zstd: unpack it (`zstd -d`)",
    b"\xfd7zXZ\x00": "packed with xz: unpack it (`xz -d`)",
    b"BZh": "packed with bzip2: unpack it (`bzip2 -d`)",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
}
"""What is packed is not unpacked here, gzip excepted, so that none of it can fill the memory."""

_WORDS = {"when": "the date", "ex_date": "the ex-date"}


def open_table(
    path: Path, said: Format | None, is_header: Callable[[Sequence[str]], bool] = lambda _: True
) -> Table:
    """The file in the format the user said, or its first bytes tell. Raises InvalidInputError."""
    if not path.is_file():
        raise InvalidInputError(f"{path}: no such file")
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error
    if not start:
        raise InvalidInputError(f"{path.name} is empty")
    packed = next((how for mark, how in _PACKED.items() if start.startswith(mark)), None)
    if packed:
        raise InvalidInputError(f"{path.name} is {packed}; CSV, CSV packed with gzip and Parquet are read")
    if (said or ("parquet" if start[:4] == b"PAR1" else "csv")) == "parquet":
        return ParquetTable(path)
    return CsvTable(path, decompress=start[:2] == b"\x1f\x8b", is_header=is_header)


def find_columns(
    names: Sequence[str], synonyms: dict[str, tuple[str, ...]], required: Sequence[str], path: Path
) -> dict[str, int]:
    """Where each known column stands. Raises InvalidInputError naming those that are missing."""
    plain = [plain_heading(name) for name in names]
    found = {}
    for column, words in synonyms.items():
        places = [plain.index(word) for word in map(plain_heading, words) if word in plain]
        if places:
            found[column] = places[0]
    missing = [_WORDS.get(column, column) for column in required if column not in found]
    if missing:
        listed = printable(", ".join(names), 200) or "nothing"
        raise InvalidInputError(
            f"{path.name} has no column for {', '.join(missing)}; its first line says: {listed}"
        )
    return found


def plain_heading(text: str) -> str:
    """A heading without what programs put around it: <CLOSE>, "Close", 4. close, adj_close."""
    bare = text.strip().strip('"\ufeff').strip().lower().lstrip("<").rstrip(">").replace("_", " ")
    return re.sub(r"^\d+\.\s*", "", " ".join(bare.split()))
