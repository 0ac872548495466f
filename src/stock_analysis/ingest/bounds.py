"""How much of a file is read at once, and how much memory an import may take, whatever the file."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from stock_analysis.domain.errors import InvalidInputError

HEADER_BYTES = 64 * 2**10
"""Of each of the first lines, among which the header is looked for."""

ROW_BYTES = 2**20
CELL_BYTES = 4 * 2**10
BATCH_BYTES = 32 * 2**20
"""Of the cells that are read of a batch, and of its broken lines."""

BROKEN_LINES = 100_000
"""One after the other, with another number of cells than the header."""

UNPACKED_BYTES = 8 * 2**30
FOOTER_BYTES = 4 * 2**20
COLUMN_BYTES = 2**30
"""Of one column in one row group of a Parquet file, unpacked."""

MEMORY_BYTES = 300 * 2**20
_STATUS = Path("/proc/self/status")


class LineLengths:
    """Looks for lines that are too long in the blocks of a text. first: how many lines may be the header."""

    def __init__(self, name: str, first: int) -> None:
        self._name = name
        self._first = first
        self._line = 1
        self._begun = 0

    def look(self, block: bytes) -> None:
        """The next block. Raises InvalidInputError naming the line."""
        data = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero((data == ord("\n")) | (data == ord("\r")))
        edges = np.concatenate([[-1 - self._begun], ends, [len(data)]])
        lengths = np.diff(edges) - 1
        most = np.where(
            np.arange(self._line, self._line + len(lengths)) <= self._first, HEADER_BYTES, ROW_BYTES
        )
        long = np.flatnonzero(lengths > most)
        if len(long):
            row = int(long[0])
            raise InvalidInputError(
                f"{self._name} has a line of more than {most[row]:,} bytes, line {self._line + row:,}: "
                "no table of prices is that wide"
            )
        self._line += len(ends)
        self._begun = int(lengths[-1])


def check_unpacked(name: str, size_bytes: int) -> None:
    """Raise InvalidInputError for a packed file that is too large unpacked."""
    if size_bytes > UNPACKED_BYTES:
        raise InvalidInputError(
            f"{name} is larger than {UNPACKED_BYTES // 2**30} GiB unpacked: unpack it, and import that"
        )


def check_cells(name: str, cells: dict[str, Any], first: int) -> None:
    """Raise InvalidInputError for a text cell that is too long. first: number of the first row."""
    import pyarrow.compute as pc

    for column in cells.values():
        lengths = _lengths(column)
        if lengths is not None and (pc.max(lengths).as_py() or 0) > CELL_BYTES:
            row = first + pc.index(pc.greater(lengths, CELL_BYTES), True).as_py()
            raise InvalidInputError(
                f"{name} has a cell of more than {CELL_BYTES:,} bytes in row {row:,}: "
                "no date or number is that long"
            )


def check_batch(name: str, size_bytes: int, first: int, last: int) -> None:
    """Raise InvalidInputError for rows that hold too much. first, last: their numbers."""
    if size_bytes > BATCH_BYTES:
        raise InvalidInputError(
            f"{name} holds more than {BATCH_BYTES // 2**20} MiB in its rows {first:,} to {last:,}: "
            "too much for dates and numbers"
        )


def text_bytes(column: Any) -> int:
    """How long the texts of a column are together; of a dictionary as if each stood for itself."""
    import pyarrow.compute as pc

    lengths = _lengths(column)
    return 0 if lengths is None else int(pc.sum(lengths).as_py() or 0)


def _lengths(column: Any) -> Any:
    """The length of each text of a column; None where it holds none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    texts = pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary
    if not any(is_one(kind) for is_one in texts):
        return None
    if not pa.types.is_dictionary(column.type):
        return pc.binary_length(column)
    return pc.binary_length(column.dictionary).cast(pa.int64()).take(column.indices)


@contextmanager
def bounded_memory(what: str) -> Iterator[None]:
    """Let this process map MEMORY_BYTES more at most, by a limit of the kernel, for what no bound foresaw.

    Where there is no such limit (it is Linux that counts RLIMIT_DATA so), nothing is done.
    Raises InvalidInputError when the limit is met. what: names what is read.
    """
    import resource

    # The system's allocator maps what it needs; Arrow's own would map a gigabyte ahead, which counts as data.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    data = _data_bytes()
    if data is None:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = data + MEMORY_BYTES  # much of it is never touched: each thread maps 8 MiB, and uses little
    limit = wanted if before[1] == resource.RLIM_INFINITY else min(wanted, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    except MemoryError as error:
        raise InvalidInputError(
            f"{what} cannot be read within {MEMORY_BYTES // 2**20} MiB, the most memory an import may take: "
            "write it anew, with smaller pages and row groups if it is Parquet"
        ) from error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _data_bytes() -> int | None:
    """Bytes of data that this process has mapped."""
    if not _STATUS.exists():
        return None
    found = re.search(r"^VmData:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else None
