"""A service that stops while clients come: who was let in is answered, who was not is refused."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from stock_analysis.kit.health import Health
from stock_analysis.kit.server import serve
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.processes import free_port

REQUEST = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


async def busy(scope: Scope, receive: Receive, send: Send) -> None:
    """Keeps the whole process busy for a while, so that clients wait at the door."""
    del scope, receive
    time.sleep(0.02)  # noqa: ASYNC251 - on purpose
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Visitors:
    """Threads that come as fast as they can, each time on a new connection."""

    def __init__(self, port: int) -> None:
        self.seen: Counter[str] = Counter()
        self._port = port
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            self.seen[self._visit()] += 1

    def _visit(self) -> str:
        with socket.socket() as client:
            client.settimeout(5)
            try:
                client.connect(("127.0.0.1", self._port))
            except OSError:
                self._over.wait(0.01)
                return "refused"
            try:
                client.sendall(REQUEST)
                answer = client.recv(1000)
            except OSError as error:
                return f"lost: {error}"
            return "answered" if answer.startswith(b"HTTP/1.1 200 ") else f"lost: {answer!r}"

    @contextmanager
    def coming(self, count: int) -> Iterator[None]:
        threads = [threading.Thread(target=self.run) for _ in range(count)]
        for one in threads:
            one.start()
        try:
            yield
        finally:
            self._over.set()
            for one in threads:
                one.join()


async def serve_for(seconds: float, port: int, drain_s: float = 0.0) -> None:
    settings = Settings.model_validate({"drain_s": drain_s})
    asyncio.get_running_loop().call_later(seconds, os.kill, os.getpid(), signal.SIGTERM)
    await serve(busy, Health({}, {}), settings, port=port)


@pytest.mark.parametrize("drain_s", [0.0, 0.3])
def test_nobody_whose_connection_was_taken_is_reset_when_the_door_closes(drain_s: float) -> None:
    for _ in range(4):
        visitors = Visitors(port := free_port())
        with visitors.coming(16):
            uvloop.run(serve_for(0.5, port, drain_s))
        lost = {what: count for what, count in visitors.seen.items() if what.startswith("lost")}
        assert not lost
        assert visitors.seen["answered"] > 10


def test_a_connection_without_a_request_delays_the_end_by_a_second_at_most() -> None:
    port = free_port()
    held = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, lambda: held.append(socket.create_connection(("127.0.0.1", port))))
        await serve_for(0.4, port)

    began = time.monotonic()
    uvloop.run(scene())
    assert held[0].recv(1) == b""
    held[0].close()
    assert time.monotonic() - began < 4


def test_one_connection_too_many_is_told_to_come_again() -> None:
    port = free_port()
    told = []

    def visit() -> None:
        time.sleep(0.5)
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            time.sleep(0.3)
            with socket.create_connection(("127.0.0.1", port), timeout=5) as third:
                told.append(third.recv(65536))
        time.sleep(0.3)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as again:
            time.sleep(0.3)
            again.sendall(REQUEST)
            told.append(again.recv(65536))

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        visits = loop.run_in_executor(None, visit)
        visits.add_done_callback(lambda _: os.kill(os.getpid(), signal.SIGTERM))
        settings = Settings.model_validate({"drain_s": 0, "max_connections": 2})
        await serve(busy, Health({}, {}), settings, port=port)
        await visits

    uvloop.run(scene())
    assert told[0].startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in told[0]
    assert told[1].startswith(b"HTTP/1.1 200 ")
