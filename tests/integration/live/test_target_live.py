"""`stock-analysis serve --target live` as a process: healthy, tells how it stands, ends on SIGTERM."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from websockets.asyncio.server import ServerConnection, serve

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment, instrument, store_instrument
from stock_analysis.testing.processes import free_port

PROGRAM = Path(sys.executable).with_name("stock-analysis")


@asynccontextmanager
async def live_part(
    settings: Settings, **values: object
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The process and its address, once it answers."""
    own = settings.model_copy(update={"live_port": free_port(), **values})
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM), "serve", "--target", "live", env=os.environ | environment(own)
    )
    url = f"http://127.0.0.1:{own.live_port}"
    try:
        await told(url, lambda _: True)
        yield url, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def told(url: str, wanted: Any) -> dict[str, Any]:
    """What /readyz says of each part, once it is what is wanted; it is ready all the time."""
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        while True:
            try:
                answer = await client.get(f"{url}/readyz")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            assert answer.status_code == 200, answer.text
            parts = {part["name"]: part for part in answer.json()["parts"]}
            if wanted(parts["sources"]):
                return parts
            await asyncio.sleep(0.1)


async def measured(url: str) -> str:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{url}/metrics")).text


async def ended(process: asyncio.subprocess.Process) -> int:
    """Its exit code after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        return await process.wait()


def match(number: int) -> str:
    told = {"type": "match", "trade_id": number, "price": "64000.5", "size": "0.1", "product_id": "BTC-USD"}
    return json.dumps(told | {"time": datetime.now(UTC).isoformat()})


async def test_it_is_healthy_with_a_source_and_ends_in_order(settings: Settings, pool: asyncpg.Pool) -> None:
    await store_instrument(pool, instrument("BTC-USD", exchange="CRYP"))
    left = asyncio.Event()

    async def exchange(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(match(1))
        await socket.wait_closed()
        left.set()

    async with serve(exchange, "127.0.0.1", 0) as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        sources = {"live_sources": ("coinbase/BTC-USD",), "live_coinbase_url": address}
        async with live_part(settings, **sources) as (url, process):
            parts = await told(url, lambda part: "1 live, as of" in (part["version"] or ""))
            assert parts["sources"]["version"].startswith(
                f"coinbase: 1 live, as of {datetime.now(UTC):%Y-%m-%d}"
            )
            assert set(parts) == {"postgresql", "events", "sources"}
            metrics = await measured(url)
            assert 'live_source_connected{provider="coinbase"} 1.0' in metrics
            assert 'live_source_begun{provider="coinbase"} 1.0' in metrics
            assert 'live_symbols{provider="coinbase",state="live"} 1.0' in metrics
            assert 'live_symbols{provider="coinbase",state="silent"} 0.0' in metrics
            assert await ended(process) == 0
            async with asyncio.timeout(5):
                await left.wait()


async def test_without_a_source_it_is_healthy_and_says_so(settings: Settings) -> None:
    async with live_part(settings) as (url, process):
        parts = await told(url, lambda _: True)
        assert parts["sources"]["version"] == "no source is configured"
        assert await ended(process) == 0


async def test_a_symbol_that_is_not_stored_is_told_and_ends_nothing(settings: Settings) -> None:
    async with live_part(settings, live_sources=("coinbase/NOSUCH-USD",)) as (url, process):
        parts = await told(url, lambda part: not part["healthy"])
        assert parts["sources"]["reason"].startswith("coinbase not begun: live_sources names NOSUCH-USD")
        assert 'live_source_begun{provider="coinbase"} 0.0' in await measured(url)
        assert await ended(process) == 0
