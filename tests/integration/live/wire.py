"""A client of the live stream, and replays, for the tests of this folder."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment

PROGRAM = Path(sys.executable).with_name("stock-analysis")
Message = dict[str, Any]


@dataclass
class Wire:
    """One WebSocket; `seen` has every message in its order."""

    socket: ClientConnection
    seen: list[Message] = field(default_factory=list)

    async def ask(self, **content: Any) -> None:
        await self.socket.send(json.dumps(content))

    async def until(self, wanted: Callable[[Message], bool], timeout_s: float = 60) -> Message:
        """The next message that is wanted."""
        async with asyncio.timeout(timeout_s):
            while True:
                message: Message = json.loads(await self.socket.recv())
                self.seen.append(message)
                if wanted(message):
                    return message

    async def of_type(self, kind: str, timeout_s: float = 60) -> Message:
        return await self.until(lambda message: message["type"] == kind, timeout_s)


@asynccontextmanager
async def wire(url: str, **options: Any) -> AsyncIterator[Wire]:
    async with connect(url.replace("http", "ws", 1) + "/ws", compression=None, **options) as socket:
        yield Wire(socket)


@asynccontextmanager
async def replaying(settings: Settings, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`stock-analysis replay` meanwhile."""
    import os

    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        "replay",
        *arguments,
        env=os.environ | environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


class Mirror:
    """What a client knows of a channel: snapshot and deltas put together, numbers checked."""

    def __init__(self) -> None:
        self.n = 0
        self.bars: dict[int, list[float]] = {}
        self.states: dict[int, str] = {}
        self.indicators: dict[str, dict[str, dict[int, float | None]]] = {}
        self.gaps = 0
        self.closed_changed = 0

    def take(self, message: Message) -> None:
        if message["type"] not in ("snapshot", "delta", "state"):
            return
        if message["type"] == "snapshot":
            self.__init__()  # type: ignore[misc]  # all begins anew
            self._take_snapshot(message)
        else:
            self.gaps += message["n"] != self.n + 1
        self.n = message["n"]
        if message["type"] == "delta":
            for row, (t, *values, state) in enumerate(message["bars"]):
                if self.states.get(t) == "closed":
                    self.closed_changed += 1
                self.bars[t], self.states[t] = values, state
                for spec, outputs in message.get("indicators", {}).items():
                    for name, column in outputs.items():
                        self.indicators[spec][name][t] = column[row]

    def _take_snapshot(self, message: Message) -> None:
        bars = message["bars"]
        size = len(bars["t"])
        for row, t in enumerate(bars["t"]):
            self.bars[t] = [bars[name][row] for name in "ohlcv"]
            self.states[t] = "forming" if row >= size - message["forming"] else "closed"
        for one in message["indicators"]:
            self.indicators[one["spec"]] = {
                name: dict(zip(bars["t"], column, strict=True)) for name, column in one["outputs"].items()
            }
