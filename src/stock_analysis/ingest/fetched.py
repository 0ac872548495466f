"""What a provider fetched, as a source of rows."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stock_analysis.domain.bars import Bars, IntArray, Interval
from stock_analysis.ingest.forms import Adjusted
from stock_analysis.ingest.rows import RowBatch, Stated, row_of_bar


@dataclass(frozen=True)
class FetchedRows:
    """Bars that a provider fetched, as a source."""

    name: str
    symbol: str
    interval: Interval
    bars: Bars

    @property
    def sha256(self) -> bytes:
        """Fingerprint of provider, symbol, interval and all values."""
        digest = hashlib.sha256(f"{self.name}:{self.interval}".encode())
        for column in self.bars.columns():
            digest.update(column.tobytes())
        return digest.digest()

    @property
    def rows_total(self) -> int:
        """How many bars it has."""
        return len(self.bars)

    @property
    def terms(self) -> Adjusted | None:
        """What is taken out of its prices already."""
        return "none"

    @property
    def terms_given(self) -> bool:
        """Whether the user said so."""
        return False

    @property
    def stated(self) -> list[Stated]:
        """How it is read."""
        return [
            Stated("source", self.name, given=True),
            Stated("symbol", self.symbol, given=True),
            Stated("interval", str(self.interval), given=True),
            Stated("prices", "as traded", why="the provider's are turned back into them"),
        ]

    def batches(self) -> Iterator[RowBatch]:
        """All bars at once."""
        if len(self.bars):
            yield batch_of_bars(self.symbol, self.interval, self.bars)


def batch_of_bars(symbol: str, interval: Interval, bars: Bars) -> RowBatch:
    """Bars of one instrument as rows; their numbers count from 1, in the bars' order."""
    n = len(bars)

    def rows_as_read(rows: IntArray) -> list[dict[str, object]]:
        return [row_of_bar(symbol, interval, bars, int(row)) for row in rows]

    number = np.arange(1, n + 1, dtype=np.int64)
    return RowBatch(number, np.zeros(n, np.int64), [symbol], bars, np.zeros(n, np.uint16), rows_as_read)
