"""`stockops restore` that kills itself without warning: killed_restore DATA STORAGE KEY STEP DELAY_S

STEP: the number of one of its steps, the first being 0. It uses the very function of the command; only the
report is another. Prints the titles of its steps.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stock_ops.kit.layout import Layout
from stock_ops.kit.report import JsonReport
from stock_ops.restore.cli.bring_back import bring_back
from stock_ops.restore.cli.source import Wish
from stock_ops.restore.plans.recovery import Request


class KillingReport(JsonReport):
    """Kills this process `delay_s` after the given step has begun; with 0 before it does anything."""

    def __init__(self, step: int, delay_s: float) -> None:
        super().__init__()
        self._left, self._delay_s = step, delay_s

    @contextmanager
    def step(self, title: str, detail: str, *, quiet: bool) -> Iterator[None]:  # noqa: ARG002 - as the other
        sys.stdout.write(f"{title} {detail}\n")
        sys.stdout.flush()
        if self._left == 0 and not self._delay_s:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._left == 0:
            threading.Thread(target=self._kill, daemon=True).start()
        self._left -= 1
        yield

    def _kill(self) -> None:
        time.sleep(self._delay_s)
        os.kill(os.getpid(), signal.SIGKILL)


def main(data: str, storage: str, key: str, step: str, delay_s: str) -> None:
    wish = Wish(Request(), storage, Path(key))
    report = KillingReport(int(step), float(delay_s))
    bring_back(Layout(Path(data)), wish, report, dry_run=False, yes=True)
