"""A chart that many ask for: 3,000 bars and five indicators."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from stock_analysis.domain.bars import Bars
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment

SPECS = ("rsi(14)", "macd(12,26,9)", "bbands(20)", "atr(14)", "sma(50)")
CHART = "/api/v1/stocks/HOT/chart?limit=3000" + "".join(f"&i={spec}" for spec in SPECS)


def import_chart(settings: Settings, bars: Bars) -> None:
    """Import the bars as HOT by the command of the platform."""
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "HOT.csv"
        days = np.datetime_as_string(bars.t.astype("datetime64[s]"), "D")
        rows = zip(days, *(column.tolist() for column in bars.columns()[1:]), strict=True)
        text = "\n".join(",".join(map(str, row)) for row in rows)
        path.write_text(f"Date,Open,High,Low,Close,Volume\n{text}\n")
        program = Path(sys.executable).with_name("stock-analysis")
        command = [str(program), "import", str(path), "--exchange", "XNYS", "--adjusted", "none"]
        subprocess.run(command, env=os.environ | environment(settings), check=True, capture_output=True)
