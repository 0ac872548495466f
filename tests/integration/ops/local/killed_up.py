"""`stockops up` that kills itself without warning at one of its steps: killed_up DATA PORT STEP DELAY_S

It uses the very functions of the command; only the report is another. Prints the titles of its steps.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stock_ops.kit.files import exclusive
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import ConsoleReport
from stock_ops.local.facts.observe import observe
from stock_ops.local.plans.up import plan_up
from stock_ops.local.runners.run import run_steps


class KillingReport(ConsoleReport):
    """Kills this process `delay_s` after the given step has begun."""

    def __init__(self, step: int, delay_s: float) -> None:
        super().__init__()
        self._left, self._delay_s = step, delay_s

    @contextmanager
    def step(self, title: str, detail: str, *, quiet: bool) -> Iterator[None]:  # noqa: ARG002
        sys.stdout.write(f"{title} {detail}\n")
        sys.stdout.flush()
        if self._left == 0:
            threading.Thread(target=self._kill, daemon=True).start()
            if not self._delay_s:
                time.sleep(10)
        self._left -= 1
        yield

    def _kill(self) -> None:
        time.sleep(self._delay_s)
        os.kill(os.getpid(), signal.SIGKILL)


def main(data: str, port: str, step: str, delay_s: str) -> None:
    layout = Layout(Path(data))
    with exclusive(layout, "up"):
        facts = observe(layout, port=int(port))
        plan = plan_up(facts, int(port))
        run_steps(plan.steps, facts, KillingReport(int(step), float(delay_s)), undo=True)
