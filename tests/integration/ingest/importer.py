"""The real importer as a process of its own, ready to run and to be killed in milliseconds.

A zygote loads everything once and forks a child for each import, so that a test can kill many of them.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment

_ZYGOTE = """
import os, sys
from stock_analysis.cli import main
from stock_analysis.domain.calendars import load_calendar
import pyarrow.csv, pyarrow.parquet, pyarrow.compute
load_calendar("XNYS")
print("ready", flush=True)
for line in sys.stdin:
    log, *arguments = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if child == 0:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, 1), os.dup2(handle, 2)
        os.setpgid(0, 0)
        sys.argv = ["stock-analysis", *arguments]
        main()
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Importer:
    """Runs `stock-analysis ARGUMENTS`, one at a time."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._log = folder / "importer.log"
        plain = {name: value for name, value in os.environ.items() if not name.startswith("STOCK_")}
        self._zygote = subprocess.Popen(
            [sys.executable, "-c", _ZYGOTE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=plain | environment(settings),
            text=True,
        )
        self._child = 0

    def __enter__(self) -> Self:
        assert self._answer() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        self._zygote.kill()
        self._zygote.communicate()

    def start(self, *arguments: str) -> None:
        """Begin a command; its output begins anew."""
        self._log.unlink(missing_ok=True)
        assert self._zygote.stdin is not None
        self._zygote.stdin.write("\t".join([str(self._log), *arguments]) + "\n")
        self._zygote.stdin.flush()
        self._child = int(self._answer())

    def kill(self) -> None:
        """SIGKILL, whatever it is doing, unless it has ended."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """A signal, unless it has ended."""
        try:
            os.kill(self._child, number)
        except ProcessLookupError:
            return

    def wait(self) -> int:
        """Its exit code once it has ended; negative: the signal that ended it."""
        return int(self._answer())

    def is_running(self) -> bool:
        """Whether the command has not ended yet."""
        return Path(f"/proc/{self._child}").exists()

    @property
    def output(self) -> str:
        """All it has said."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def acknowledged(self) -> int:
        """How many rows it has said to be safe."""
        said = [line for line in self.output.splitlines(keepends=True) if line.endswith("/s\n")]
        return int(said[-1].split(": ")[1].split(" of ")[0].replace(",", "")) if said else 0

    def wait_for(self, rows: int, timeout_s: float = 30) -> None:
        """Return when so many rows are safe, or the command has ended."""
        deadline = time.monotonic() + timeout_s
        while self.acknowledged < rows and self.is_running():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.005)

    def _answer(self) -> str:
        assert self._zygote.stdout is not None
        return self._zygote.stdout.readline().strip()
