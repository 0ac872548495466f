"""Parquet files: their rows in Arrow's types."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.bounds import COLUMN_BYTES, FOOTER_BYTES, check_batch, check_cells, text_bytes
from stock_analysis.ingest.chunks import BATCH_ROWS, SAMPLE_ROWS, Chunk
from stock_analysis.ingest.numbers import is_text


class ParquetTable:
    """A Parquet file."""

    delimiter = None

    def __init__(self, path: Path) -> None:
        self.skipped: list[str] = []
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        with path.open("rb") as stream:
            self.sha256 = hashlib.file_digest(stream, "sha256").digest()
            _check_footer(stream, path)
        try:
            with pq.ParquetFile(path, **_LIMITS) as file:
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
            name: [str(value) for value in cells[:SAMPLE_ROWS].to_pylist() if value is not None]
            for name, cells in first.cells.items()
        }

    def chunks(self, columns: dict[str, int]) -> Iterator[Chunk]:
        """The rows in Arrow's types, a batch at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        seen = 0
        try:
            with pq.ParquetFile(self.path, **_LIMITS) as file:
                schema = file.schema_arrow
                names = {name: schema.names[place] for name, place in columns.items()}
                self._check_groups(file.metadata, set(names.values()))
                texts = [one for one in names.values() if _is_text(schema.field(one).type)]
            # Read as a dictionary, a text that stands in a million rows takes the room of one.
            with pq.ParquetFile(
                self.path,
                pre_buffer=False,
                buffer_size=_BUFFER_BYTES,
                read_dictionary=texts,
                **_LIMITS,
            ) as file:
                for batch in file.iter_batches(
                    BATCH_ROWS, columns=sorted(set(names.values())), use_threads=False
                ):
                    if not batch.num_rows:
                        continue
                    cells = {name: batch.column(label) for name, label in names.items()}
                    check_cells(self.path.name, cells, seen + 1)
                    size_bytes = sum(map(text_bytes, cells.values()))
                    check_batch(self.path.name, size_bytes, seen + 1, seen + batch.num_rows)
                    cells = {
                        name: column.dictionary_decode() if names[name] in texts else column
                        for name, column in cells.items()
                    }
                    yield Chunk(np.arange(1, batch.num_rows + 1, dtype=np.int64) + seen, cells)
                    seen += batch.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise InvalidInputError(f"{self.path.name} cannot be read: {error}") from error

    def _check_groups(self, metadata: Any, names: set[str]) -> None:
        """Raise InvalidInputError for a row group whose column is too large."""
        for group in range(metadata.num_row_groups):
            for place in range(metadata.num_columns):
                column = metadata.row_group(group).column(place)
                if column.path_in_schema in names and column.total_uncompressed_size > COLUMN_BYTES:
                    raise InvalidInputError(
                        f"{self.path.name} has over {COLUMN_BYTES // 2**20:,} MiB in a row group's column "
                        f"{column.path_in_schema}: write it with smaller row groups"
                    )


_BUFFER_BYTES = 2**20
_LIMITS: dict[str, int] = {
    "thrift_string_size_limit": FOOTER_BYTES,
    "thrift_container_size_limit": 100_000,
}


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return is_text(kind) or bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _check_footer(stream: IO[bytes], path: Path) -> None:
    """Raise InvalidInputError for a description of the columns that is too large to be read."""
    stream.seek(-min(8, path.stat().st_size), os.SEEK_END)
    end = stream.read(8)
    if end[4:] == b"PAR1" and int.from_bytes(end[:4], "little") > FOOTER_BYTES:
        raise InvalidInputError(
            f"{path.name} describes its columns and row groups in more than {FOOTER_BYTES // 2**20} MiB: "
            "it is no table of prices, or has far too small row groups"
        )
