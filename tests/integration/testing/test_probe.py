"""The health check of a container, against a real server of this process."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from stock_analysis.kit.server import ListenError, announced


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def probe(file: Path | None) -> tuple[int, str]:
    environ = {} if file is None else {"STOCK_SERVING_FILE": str(file)}
    command = [sys.executable, "-m", "stock_analysis.kit.probe"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_it_finds_the_port_that_is_served_and_not_a_moment_longer(tmp_path: Path, port: int) -> None:
    file = tmp_path / "serving"
    assert probe(file) == (1, f"unhealthy: nothing serves yet: there is no {file}\n")
    with announced(file, "0.0.0.0", port, "word"):  # noqa: S104 - that is what a container listens on
        assert probe(file) == (0, "")
        assert file.stat().st_mode & 0o777 == 0o600
    assert probe(file)[0] == 1


def test_it_says_why_a_process_is_not_ready(tmp_path: Path) -> None:
    file = tmp_path / "serving"
    file.write_text("127.0.0.1\n1\nword\n")
    assert "unhealthy: no answer from port 1: " in probe(file)[1]
    file.write_text("nonsense")
    assert "holds no address" in probe(file)[1]
    assert probe(None) == (1, "unhealthy: STOCK_SERVING_FILE is not set\n")


def test_a_file_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    refused = pytest.raises(ListenError, match=r"serving_file .* cannot be written: No such file")
    with refused, announced(tmp_path / "nowhere" / "serving", "127.0.0.1", 1, "word"):
        pytest.fail("it went on")
