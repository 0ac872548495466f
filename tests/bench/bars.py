"""A file of bars to import, the same for every row of the table."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stock_analysis.testing.builders import random_bars, sessions

SYMBOLS, BARS = 500, 3000
BIN = Path(sys.executable).parent


def write_bars(path: Path) -> None:
    """A file of SYMBOLS random walks of BARS sessions each."""
    t = sessions("2012-01-03", BARS)
    days = pa.array(np.tile(t // 86_400, SYMBOLS).astype(np.int32), pa.int32()).cast(pa.date32())
    walks = [random_bars(t, seed=seed) for seed in range(SYMBOLS)]
    symbols = pa.array(np.repeat([f"B{number}" for number in range(SYMBOLS)], BARS)).dictionary_encode()
    columns = {
        name: np.concatenate([getattr(walk, name) for walk in walks])
        for name in ("open", "high", "low", "close", "volume")
    }
    pq.write_table(pa.table({"symbol": symbols, "session": days, **columns}), path, compression="zstd")
