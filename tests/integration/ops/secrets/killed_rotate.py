"""`secrets rotate` that kills itself without warning before one of its steps: killed_rotate DATA NAME STEP"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stock_ops.kit.files import exclusive
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import ConsoleReport
from stock_ops.kit.rotating import change
from stock_ops.local.runners.rotation import LocalHolder


class KillingReport(ConsoleReport):
    """Kills this process before the given step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._left = step

    @contextmanager
    def step(self, title: str, detail: str, *, quiet: bool) -> Iterator[None]:  # noqa: ARG002
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        sys.stdout.write(f"{title}\n")
        sys.stdout.flush()
        self._left -= 1
        yield


def main(data: str, name: str, step: str) -> None:
    layout = Layout(Path(data))
    with exclusive(layout, "secrets rotate"):
        change(LocalHolder(layout), name, KillingReport(int(step)))
