"""The real importer as a process of its own, ready to run and to be killed in milliseconds.

A zygote loads everything once and forks a child for each import, so that a test can kill many of them.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment

_PROGRAM = """
import json, os, sys
from stock_analysis.cli import main
from stock_analysis.domain.calendars import load_calendar
import pyarrow.csv, pyarrow.parquet, pyarrow.compute
load_calendar("XNYS")
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        handle = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, 1), os.dup2(handle, 2)
        os.environ |= order["environment"]
        sys.argv = ["stock-analysis", *order["arguments"]]
        main()
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Zygote:
    """A process with everything loaded, that forks."""

    def __init__(self) -> None:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("STOCK_")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=plain | {"TERMINAL_WIDTH": "400"},  # no path is broken over two lines
            text=True,
        )

    def fork(self, log: Path, settings: Settings, arguments: tuple[str, ...]) -> int:
        """Begin a command; returns its process id."""
        order = {"log": str(log), "environment": environment(settings), "arguments": arguments}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> int:
        """Its next number: the id of a child, then how that child ended."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Importer:
    """Runs `stock-analysis ARGUMENTS`, one at a time."""

    def __init__(self, zygote: Zygote, settings: Settings, folder: Path) -> None:
        self._zygote = zygote
        self._settings = settings
        folder.mkdir(exist_ok=True)
        self._log = folder / "importer.log"
        self._child = 0

    def start(self, *arguments: str) -> None:
        """Begin a command; its output begins anew."""
        self._log.unlink(missing_ok=True)
        self._child = self._zygote.fork(self._log, self._settings, arguments)

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
            os.kill(self._child, number)
        except ProcessLookupError:
            return

    def wait(self) -> int:
        """Its exit code once it has ended; negative: the signal that ended it."""
        return self._zygote.answer()

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
