"""Clients of the part `backup` that take their time, on the wire."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from stock_analysis.testing.processes import free_port
from stock_ops.watch.runners import status_page

LARGE = b"x" * 50_000_000
HEAD = b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(status_page, "PATIENCE_S", 1.0)
    port = free_port()
    pages = {"/large": lambda: ("text/plain", LARGE), "/livez": lambda: ("text/plain", b"ok\n")}
    async with await status_page.serve(port, pages):
        yield port


async def is_cut_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drop: bytes) -> bool:
    """Whether the connection ends in time, while something is sent all the time."""
    began = time.monotonic()
    while time.monotonic() - began < 3:
        try:
            writer.write(drop)
            await writer.drain()
            async with asyncio.timeout(0.1):
                if not await reader.read(100):
                    return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


@pytest.mark.parametrize(
    ("sent", "drop"),
    [(b"", b""), (b"GET /li", b"v"), (HEAD, b"X"), (HEAD + b"X-Filler: ", b"x")],
    ids=["nothing", "a line", "a head", "a field"],
)
async def test_a_head_that_drips_is_cut_off_in_time(port: int, sent: bytes, drop: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    assert await is_cut_off(reader, writer, drop)
    writer.close()


async def test_an_answer_that_is_not_read_is_dropped_in_time(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
    writer.write(HEAD + b"\r\n")
    await asyncio.sleep(1.5)
    received = b""
    try:
        while piece := await reader.read(2**20):
            received += piece
    except ConnectionError:
        pass
    assert received.startswith(b"HTTP/1.1 200 ")
    assert len(received) < len(LARGE)
    writer.close()


async def test_a_head_without_end_and_one_connection_too_many_are_answered(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b"X-Filler: " + b"x" * 20_000)
    assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
    writer.close()
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(64)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told = await reader.read()
    assert told.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1" in told
    for one in [writer, *(writer for _, writer in held)]:
        one.close()
