"""The real importer as a process of its own, ready to run and to be killed in milliseconds."""

import os
import signal
import time
from pathlib import Path

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment
from tests.zygote import Forked, Zygote

_SETUP = """
from stock_analysis.domain.calendars import load_calendar
import pyarrow.csv, pyarrow.parquet, pyarrow.compute
load_calendar("XNYS")
"""


def importers() -> Zygote:
    """What forks importers."""
    return Zygote("stock_analysis.cli", _SETUP)


class Importer:
    """Runs `stock-analysis ARGUMENTS`, one at a time."""

    def __init__(self, zygote: Zygote, settings: Settings, folder: Path) -> None:
        self._zygote = zygote
        self._settings = settings
        folder.mkdir(exist_ok=True)
        self._log = folder / "importer.log"
        self._child: Forked | None = None

    def start(self, *arguments: str) -> None:
        """Begin a command; its output begins anew."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("STOCK_")}
        wide = {"TERMINAL_WIDTH": "400"}  # no path is broken over two lines
        with self._log.open("wb", buffering=0) as log:
            self._child = self._zygote.fork(
                ["stock-analysis", *arguments], plain | wide | environment(self._settings), log, log
            )

    def run(self, *arguments: str | Path) -> tuple[int, str]:
        """Run a command to its end; returns its exit code and all it said."""
        self.start(*map(str, arguments))
        return self.wait(), self.output

    def kill(self) -> None:
        """SIGKILL, whatever it is doing, unless it has ended."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """A signal, unless it has ended."""
        try:
            os.kill(self._running.pid, number)
        except ProcessLookupError:
            return

    def wait(self) -> int:
        """Its exit code once it has ended; negative: the signal that ended it."""
        return self._running.wait()

    def is_running(self) -> bool:
        """Whether the command has not ended yet."""
        return not self._running.has_ended()

    @property
    def _running(self) -> Forked:
        assert self._child
        return self._child

    @property
    def output(self) -> str:
        """All it has said."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def acknowledged(self) -> int:
        """How many rows it has said to be safe."""
        said = [
            line
            for line in self.output.splitlines(keepends=True)
            if " rows safe, " in line and line.endswith("/s\n")
        ]
        return int(said[-1].split(": ")[1].split(" of ")[0].replace(",", "")) if said else 0

    def wait_for(self, rows: int, timeout_s: float = 30) -> None:
        """Return when so many rows are safe, or the command has ended."""
        deadline = time.monotonic() + timeout_s
        while self.acknowledged < rows and self.is_running():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.005)
