"""Built bars as rows for the quality gate."""

from collections.abc import Sequence

import numpy as np

from stock_analysis.domain.bar_builder import BuiltBar
from stock_analysis.domain.bars import PRICE_COLUMNS, Bars, IntArray, Interval
from stock_analysis.ingest.live.ports import LiveInstrument
from stock_analysis.ingest.rows import RowBatch, row_of_bar


def batch_of_built(bars: Sequence[tuple[LiveInstrument, BuiltBar]], first_number: int) -> RowBatch:
    """Bars of minutes as a batch whose rows count on from a number."""
    symbols = list(dict.fromkeys(one.listed.symbol for one, _ in bars))
    code = {symbol: place for place, symbol in enumerate(symbols)}
    columns = (np.array([getattr(bar, name) for _, bar in bars], np.float64) for name in PRICE_COLUMNS)
    found = Bars(np.array([bar.t for _, bar in bars], np.int64), *columns)

    def rows_as_read(rows: IntArray) -> list[dict[str, object]]:
        return [row_of_bar(bars[row][0].listed.symbol, Interval.M1, found, int(row)) for row in rows.tolist()]

    return RowBatch(
        number=np.arange(first_number, first_number + len(bars), dtype=np.int64),
        symbol=np.array([code[one.listed.symbol] for one, _ in bars], np.int64),
        symbols=symbols,
        bars=found,
        defects=np.zeros(len(bars), np.uint16),
        rows_as_read=rows_as_read,
    )
