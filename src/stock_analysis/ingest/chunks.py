"""Rows of a file as they were read, whatever its format: their numbers and their cells."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stock_analysis.domain.bars import PRICE_COLUMNS, BoolArray, IntArray, Interval
from stock_analysis.ingest.bounds import check_batch, text_bytes
from stock_analysis.ingest.numbers import DecimalMark
from stock_analysis.ingest.rows import time_cell

BATCH_ROWS = 100_000
SAMPLE_ROWS = 5000
"""As many of the first rows are looked at to guess what a file means."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows: their numbers, Arrow arrays by name, and the lines that were no rows."""

    number: IntArray
    cells: dict[str, Any]
    lines: dict[int, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many they are."""
        return len(self.number)

    @property
    def size_bytes(self) -> int:
        """How long its texts are, those of broken lines included."""
        return sum(map(text_bytes, self.cells.values())) + sum(map(len, self.lines.values()))

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


def in_batches(chunks: Iterator[Chunk], rows: int, name: str) -> Iterator[Chunk]:
    """The same rows in chunks of equal size, the last one smaller.

    Raises InvalidInputError for rows of the file of this name that hold too much.
    """
    held: list[Chunk] = []
    for chunk in chunks:
        if not chunk.rows:
            continue
        held.append(chunk)
        last = int(chunk.number[-1])
        check_batch(name, sum(one.size_bytes for one in held), last - sum(one.rows for one in held) + 1, last)
        while sum(one.rows for one in held) >= rows:
            whole = _joined(held)
            yield _slice(whole, 0, rows)
            held = [_slice(whole, rows, whole.rows)]
    rest = _joined(held) if held else None
    if rest is not None and rest.rows:
        yield rest


def _joined(chunks: list[Chunk]) -> Chunk:
    import pyarrow as pa

    if len(chunks) == 1:
        return chunks[0]
    cells = {
        name: pa.chunked_array([one.cells[name] for one in chunks]).unify_dictionaries().combine_chunks()
        for name in chunks[0].cells
    }
    lines = {number: text for one in chunks for number, text in one.lines.items()}
    return Chunk(np.concatenate([one.number for one in chunks]), cells, lines)


def _slice(chunk: Chunk, first: int, last: int) -> Chunk:
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
