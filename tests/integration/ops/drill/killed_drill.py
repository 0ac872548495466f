"""`stockops drill` that kills itself without warning at one of its checks: killed_drill DATA LABEL DELAY_S

It uses the very functions of the command; only the report is another.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stock_ops.drill.runners.drill import Wish, rehearse, run_drill
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.files import exclusive
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import ConsoleReport


class KillingReport(ConsoleReport):
    """Kills this process `delay_s` after the check of that label has begun."""

    def __init__(self, label: str, delay_s: float) -> None:
        super().__init__()
        self._label, self._delay_s = label, delay_s

    @contextmanager
    def step(self, title: str, detail: str, *, quiet: bool) -> Iterator[None]:  # noqa: ARG002
        if title == self._label:
            threading.Thread(target=self._kill, daemon=True).start()
            if not self._delay_s:
                time.sleep(10)
        yield

    def _kill(self) -> None:
        time.sleep(self._delay_s)
        os.kill(os.getpid(), signal.SIGKILL)


def main(data: str, label: str, delay_s: str) -> None:
    layout = Layout(Path(data))
    with exclusive(layout, "drill", layout.backup_lock, patience_s=60):
        wish = Wish(read_backup_settings(layout))
        run_drill(layout, wish, rehearse, KillingReport(label, float(delay_s)))
