"""A small HTTP client for measuring: it sends ready bytes and counts what comes back."""

import socket
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Timing:
    """Latencies in milliseconds, and requests a second, of a number of equal requests."""

    p50_ms: float
    p99_ms: float
    per_second: float
    size_bytes: int


@dataclass(frozen=True)
class Answer:
    """How long one took, and the size of its body."""

    seconds: float
    size_bytes: int


class Connection:
    """One kept-alive connection; `ask` returns status and size of the answer's body."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(2**20)

    def ask(self, request: bytes) -> tuple[int, int, bytes]:
        """Send one request and read its whole answer; the third value is the answer's head."""
        self._socket.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._read(65_536)
        head, _, body = head.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = 0 if status == 304 else int(_header(head, b"content-length"))
        received = len(body)
        while received < length:
            received += self._socket.recv_into(self._buffer)
        return status, length, head

    def _read(self, size: int) -> bytes:
        data = self._socket.recv(size)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


def request_bytes(path: str, **headers: str) -> bytes:
    """A GET request as it goes over the wire."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept-Encoding: gzip"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def etag_of(port: int, path: str) -> str:
    """The ETag that the server gives for this path."""
    return _header(Connection(port).ask(request_bytes(path))[2], b"etag").decode()


def time_requests(port: int, requests: list[bytes], status: int = 200) -> Timing:
    """Send the requests one after the other on one connection."""
    return timing(ask_all(port, requests, status))


def ask_all(port: int, requests: Iterable[bytes], status: int = 200) -> list[Answer]:
    """Each answer to requests that are sent one after the other on one connection."""
    connection = Connection(port)
    answers = []
    for request in requests:
        started = time.perf_counter()
        answered, size, head = connection.ask(request)
        answers.append(Answer(time.perf_counter() - started, size))
        if answered != status:
            raise RuntimeError(f"answered {answered} instead of {status}: {head[:300]!r}")
    return answers


def timing(answers: Sequence[Answer]) -> Timing:
    """What so many answers have in common."""
    seconds = np.array([answer.seconds for answer in answers])
    p50, p99 = np.percentile(seconds * 1000, [50, 99])
    return Timing(float(p50), float(p99), len(seconds) / float(seconds.sum()), answers[-1].size_bytes)


def saturate(port: int, request: bytes, *, clients: int, count: int) -> Timing:
    """So many clients, each a process of its own, send the request as fast as it is answered."""
    with ProcessPoolExecutor(clients) as pool:
        list(pool.map(abs, range(clients)))
        started = time.perf_counter()
        found = list(pool.map(_repeat, [port] * clients, [request] * clients, [count] * clients))
        seconds = time.perf_counter() - started
    worst = max(found, key=lambda timing: timing.p99_ms)
    return Timing(worst.p50_ms, worst.p99_ms, clients * count / seconds, worst.size_bytes)


def _repeat(port: int, request: bytes, count: int) -> Timing:
    return time_requests(port, [request] * count)


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    raise KeyError(name)
