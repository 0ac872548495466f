"""The platform itself for tests: `stock-analysis serve` in a process of its own."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment
from stock_analysis.testing.processes import Server, free_port, server_folder

PROGRAM = Path(sys.executable).with_name("stock-analysis")


class Platform:
    """`serve --target all` on a free loopback port; `url` is the address of its one door."""

    def __init__(self, settings: Settings) -> None:
        self._port = free_port()
        self._folder = server_folder("platform")
        own = {"port": self._port, "drain_s": 0.0, "log_format": "json"}
        self.settings = Settings.model_validate(settings.model_dump() | own)
        self.url = f"http://127.0.0.1:{self._port}"
        self._server: Server | None = None
        self.start()

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return (self._folder / "platform.log").read_text()

    @property
    def memory_bytes(self) -> int:
        """What its process has in memory."""
        assert self._server is not None  # noqa: S101 - only a running platform has some
        return int(psutil.Process(self._server.pid).memory_info().rss)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command: list[str | Path] = ["env", *_assignments(self.settings), PROGRAM, "serve", "--target", "all"]
        self._server = Server(command, self._folder / "platform.log")
        self._server.wait_until(self.is_ready)

    def stop(self) -> None:
        """Stop it in order."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """SIGKILL, whatever it is answering."""
        assert self._server is not None  # noqa: S101 - only a running platform can be killed
        psutil.Process(self._server.pid).send_signal(signal.SIGKILL)
        self.stop()

    def is_ready(self) -> bool:
        """Whether it has all that it needs."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def remove(self) -> None:
        """Stop it and delete its files."""
        self.stop()
        shutil.rmtree(self._folder)


def import_sample(settings: Settings) -> None:
    """Load the sample data by the command that loads it for everyone."""
    known = os.environ | environment(settings)
    done = subprocess.run([PROGRAM, "import-sample"], env=known, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the sample data cannot be loaded: {done.stderr or done.stdout}")


def _assignments(settings: Settings) -> list[str]:
    return [f"{name}={value}" for name, value in environment(settings).items()]
