"""Parquet files: their rows in Arrow's types."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.chunks import BATCH_ROWS, SAMPLE_ROWS, Chunk


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
            name: [str(value) for value in cells[:SAMPLE_ROWS].to_pylist() if value is not None]
            for name, cells in first.cells.items()
        }

    def chunks(self, columns: dict[str, int]) -> Iterator[Chunk]:
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
                    yield Chunk(np.arange(1, batch.num_rows + 1, dtype=np.int64) + seen, cells)
                    seen += batch.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise InvalidInputError(f"{self.path.name} cannot be read: {error}") from error
