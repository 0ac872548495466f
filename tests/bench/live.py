"""The live stream with a thousand clients on loopback, beside `websockets.broadcast` in the same run.

Server and clients are processes of their own; the clients are raw sockets that count bytes, so that they
cost as little as they can. Both servers send the same frames of 200 bytes to the same clients.
"""

import asyncio
import json
import os
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from typing import Any

import psutil
import uvloop

from tests.bench.table import Row

CLIENTS = 1000
MESSAGE_BYTES = 200
BURST = 300
UPDATES_S = 20
LATENCY_S = 10.0
_HEAD = 4


def measure_live() -> Iterator[Row]:
    """Messages a second, memory a client, and the time from an update to the client."""
    peer = _measure("websockets")
    ours = _measure("ours")
    rate, other = ours["rate"], peer["rate"]
    yield Row(
        f"live stream, {CLIENTS:,} clients, {MESSAGE_BYTES}-byte messages",
        ">= 150,000/s",
        f"{rate:,.0f}/s ({rate / other:.1f}x), {ours['cost'] * 1e6:.1f} us of CPU each",
        f"websockets.broadcast {other:,.0f}/s, {peer['cost'] * 1e6:.1f} us",
        met=rate >= 150_000,
    )
    yield Row(
        "the same: memory a client",
        "<= 30 KB",
        f"{ours['bytes'] / 1000:.1f} KB",
        f"websockets {peer['bytes'] / 1000:.1f} KB",
        met=ours["bytes"] <= 30_000,
    )
    yield Row(
        f"the same at {UPDATES_S} updates/s: update to client, p99",
        "<= 100 ms",
        f"{ours['p99'] * 1000:.1f} ms (median {ours['p50'] * 1000:.1f})",
        f"websockets {peer['p99'] * 1000:.1f} ms (unconflated)",
        met=ours["p99"] <= 0.1,
    )


def _measure(kind: str) -> dict[str, float]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.live", kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None

    def ask(question: str) -> Any:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(question + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    try:
        port = json.loads(server.stdout.readline())["port"]
        before = psutil.Process(server.pid).memory_info().rss
        mine, theirs = Pipe()
        clients = Process(target=_clients, args=(port, theirs, kind))
        clients.start()
        assert mine.recv() == "joined"
        time.sleep(1)
        memory = psutil.Process(server.pid).memory_info().rss - before
        began, busy = time.perf_counter(), _cpu_s(server.pid)
        mine.send(("count", CLIENTS * BURST * (_HEAD + MESSAGE_BYTES)))
        ask("burst")
        received_at = mine.recv()
        rate = CLIENTS * BURST / (received_at - began)
        cost = (_cpu_s(server.pid) - busy) / (CLIENTS * BURST)
        mine.send(("latency", LATENCY_S))
        ask("steady")
        delays = mine.recv()
        clients.join()
    finally:
        server.kill()
        server.wait()
    delays.sort()
    p99 = delays[int(len(delays) * 0.99)]
    return {
        "rate": rate,
        "cost": cost,
        "bytes": memory / CLIENTS,
        "p99": p99,
        "p50": statistics.median(delays),
    }


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _clients(port: int, mine: Connection, kind: str) -> None:
    uvloop.run(_client_loop(port, mine, kind))


class _Reader(asyncio.Protocol):
    """Reads one connection as cheaply as it can: bytes of a burst, frames of known times."""

    def __init__(self, counts: "_Counts") -> None:
        self._counts = counts
        self._buffer = bytearray()
        self.greeted = False

    def data_received(self, data: bytes) -> None:
        if self._counts.is_burst:
            self._counts.burst_bytes += len(data)
            return
        self._buffer += data
        if not self.greeted:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert b" 101 " in self._buffer[:end], bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            self.greeted = True
            self._counts.greeted += 1
        self._take()

    def _take(self) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            size, head = buffer[at + 1], 2
            if size == 126:
                if len(buffer) - at < _HEAD:
                    break
                size, head = struct.unpack_from(">H", buffer, at + 2)[0], 4
            if len(buffer) - at < head + size:
                break
            self._counts.take(buffer, at + head, size)
            at += head + size
        del buffer[:at]


class _Counts:
    def __init__(self) -> None:
        self.greeted = 0
        self.is_burst = False
        self.burst_bytes = 0
        self.delays: list[float] = []
        self.is_timing = False
        self.snapshots = 0

    def take(self, buffer: bytearray, at: int, size: int) -> None:
        start = buffer.find(b'"sent":', at, at + size)
        if start >= 0:
            sent = start + 7, 1.0
        elif buffer.find(b'"delta"', at, at + 40) >= 0:
            sent = buffer.find(b'"as_of":', at, at + size) + 8, 1000.0
        else:
            self.snapshots += buffer.find(b'"snapshot"', at, at + 40) >= 0
            return
        if self.is_timing:
            begin, unit = sent
            self.delays.append(time.time() - float(buffer[begin : buffer.find(b",", begin)]) / unit)


async def _client_loop(port: int, mine: Connection, kind: str) -> None:
    loop, counts = asyncio.get_running_loop(), _Counts()
    head = (
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    asked = json.dumps({"op": "subscribe", "id": 1, "symbol": "TEST", "interval": "1m", "limit": 1}).encode()
    subscribe = bytes((0x81, 0x80 | len(asked))) + bytes(4) + asked
    for number in range(CLIENTS):
        transport, _ = await loop.create_connection(lambda: _Reader(counts), "127.0.0.1", port)
        transport.write(head)
        while counts.greeted <= number:  # noqa: ASYNC110 - one after the other
            await asyncio.sleep(0)
        if kind == "ours":
            transport.write(subscribe)
    while kind == "ours" and counts.snapshots < CLIENTS:  # noqa: ASYNC110 - counted by the readers
        await asyncio.sleep(0.05)
    counts.is_burst = True
    mine.send("joined")
    _, wanted = await asyncio.to_thread(mine.recv)
    while counts.burst_bytes < wanted:  # noqa: ASYNC110 - an event would cost the reader time
        await asyncio.sleep(0.002)
    counts.is_burst = False
    mine.send(time.perf_counter())
    _, seconds = await asyncio.to_thread(mine.recv)
    counts.is_timing = True
    await asyncio.sleep(seconds)
    counts.is_timing = False
    mine.send(counts.delays)


def _payload(number: int) -> dict[str, Any]:
    """What makes a message of MESSAGE_BYTES."""
    return {"sent": time.time(), "n": number, "pad": ""}


async def _commands(burst: Any, steady: Any) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().strip():
        print(json.dumps({}), flush=True)  # noqa: T201 - the answer to who started this
        if line == "burst":
            await burst()
        else:
            asyncio.create_task(steady())  # noqa: RUF006 - it ends with the process


async def _serve_peer() -> None:
    """websockets' own server and broadcast."""
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    connections: set[ServerConnection] = set()

    async def handler(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()

    def message() -> str:
        text = json.dumps(_payload(0))
        return text[:-2] + "x" * (MESSAGE_BYTES - len(text)) + text[-2:]

    async def burst() -> None:
        for _ in range(BURST):
            broadcast(connections, message())
            await asyncio.sleep(0)

    async def steady() -> None:
        while True:
            broadcast(connections, message())
            await asyncio.sleep(1 / UPDATES_S)

    async with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)  # noqa: T201 - its address
        await _commands(burst, steady)


async def _serve_ours() -> None:
    """The gateway's live door on the server that the gateway uses; bars come straight into the hub."""
    from tests.bench.live_server import serve_live

    await serve_live(_commands, BURST, UPDATES_S, MESSAGE_BYTES)


if __name__ == "__main__":
    os.setpgrp()
    uvloop.run(_serve_peer() if sys.argv[1] == "websockets" else _serve_ours())
