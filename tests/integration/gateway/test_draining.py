"""A real process that is told to stop while it is busy."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from stock_analysis.testing.processes import free_port

PROGRAM = Path(__file__).with_name("slow_gateway.py")
WHOLE = b"".join(bytes([48 + piece]) * 10_000 for piece in range(10))


class Gateway:
    def __init__(
        self,
        log: Path,
        *,
        drain_s: float = 0.0,
        shutdown_timeout_s: float = 20.0,
        request_timeout_s: float = 30.0,
    ) -> None:
        self.port = free_port()
        self._log = log
        seconds = (drain_s, shutdown_timeout_s, request_timeout_s)
        command = [sys.executable, str(PROGRAM), str(self.port), *map(str, seconds)]
        with log.open("w") as file:
            self.process = subprocess.Popen(command, stderr=file)
        while not self.accepts():
            assert self.process.poll() is None, self.log
            time.sleep(0.02)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def accepts(self) -> bool:
        try:
            return self.get("/livez")[0] == 200
        except ConnectionError:
            return False

    def get(self, path: str) -> tuple[int, bytes, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers.get("connection")
        finally:
            connection.close()

    def terminate(self) -> float:
        self.process.send_signal(signal.SIGTERM)
        return time.monotonic()

    def wait(self) -> int:
        return self.process.wait(timeout=30)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as pool:
        yield pool


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def begin(
    threads: ThreadPoolExecutor, gateway: Gateway, seconds: float
) -> Future[tuple[int, bytes, str | None]]:
    under_way = threads.submit(gateway.get, f"/api/v1/stocks/{seconds}")
    time.sleep(0.3)
    return under_way


def test_requests_under_way_are_finished_to_the_last_byte(threads: ThreadPoolExecutor, log: Path) -> None:
    gateway = Gateway(log)
    under_way = [begin(threads, gateway, 2.0) for _ in range(5)]
    gateway.terminate()
    assert [one.result()[:2] for one in under_way] == [(200, WHOLE)] * 5
    assert gateway.wait() == 0


def test_it_says_unready_and_still_answers_before_it_closes_the_door(
    threads: ThreadPoolExecutor, log: Path
) -> None:
    gateway = Gateway(log, drain_s=1.0)
    under_way = begin(threads, gateway, 2.5)
    gateway.terminate()
    time.sleep(0.2)
    status, body, connection = gateway.get("/readyz")
    assert (status, json.loads(body)["stopping"], connection) == (503, True, "close")
    assert gateway.get("/livez")[0] == 200
    assert gateway.get("/api/v1/stocks/0.1")[:2] == (200, WHOLE)
    time.sleep(1.2)
    assert not gateway.accepts()
    assert not under_way.done()
    assert under_way.result()[:2] == (200, WHOLE)
    assert gateway.wait() == 0


def test_a_second_signal_ends_it_at_once(threads: ThreadPoolExecutor, log: Path) -> None:
    gateway = Gateway(log, drain_s=20)
    under_way = begin(threads, gateway, 20)
    gateway.terminate()
    time.sleep(0.3)
    asked = gateway.terminate()
    gateway.wait()
    assert time.monotonic() - asked < 10  # of the 20 s
    assert isinstance(under_way.exception(), http.client.HTTPException | ConnectionError)


def test_requests_that_never_end_are_given_up_in_time(threads: ThreadPoolExecutor, log: Path) -> None:
    gateway = Gateway(log, shutdown_timeout_s=1)
    under_way = begin(threads, gateway, 20)
    asked = gateway.terminate()
    gateway.wait()
    assert 1 <= time.monotonic() - asked < 10  # of the 20 s
    assert isinstance(under_way.exception(), http.client.HTTPException | ConnectionError)


def test_idle_connections_do_not_delay_the_end(log: Path) -> None:
    gateway = Gateway(log)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    connection.request("GET", "/livez")
    connection.getresponse().read()
    asked = gateway.terminate()
    assert gateway.wait() == 0
    assert time.monotonic() - asked < 10  # of the 20 s
    connection.close()


def test_the_way_down_is_in_the_log(log: Path) -> None:
    gateway = Gateway(log)
    gateway.terminate()
    gateway.wait()
    messages = [json.loads(line)["message"] for line in gateway.log.splitlines()]
    assert [one for one in messages if one != "request"] == ["serving", "draining", "stopped"]


def test_it_serves_and_stops_in_order_when_nobody_reads_its_log_any_more(log: Path) -> None:
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    gateway = Gateway(log)
    os.close(reader)
    assert gateway.get("/api/v1/stocks/0.1")[:2] == (200, WHOLE)
    gateway.terminate()
    assert gateway.wait() == 0
