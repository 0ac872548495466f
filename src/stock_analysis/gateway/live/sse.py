"""One client of server-sent events."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from starlette.types import Receive, Send

from stock_analysis.gateway.live.channel import Channel
from stock_analysis.gateway.live.connection import CHECK_KEY_S, SLOW_S, WAITING_BYTES
from stock_analysis.gateway.live.frames import Frame
from stock_analysis.gateway.live.hub import CLOSED, CUT, Hub
from stock_analysis.gateway.live.requests import Subscribe

_BEGIN = b"retry: 2000\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream:
    """What waits for one client, and the way out of it."""

    form = "sse"

    def __init__(self, hub: Hub, allowed: Callable[[], Awaitable[bool]]) -> None:
        self._hub = hub
        self._allowed = allowed
        self._channels: list[Channel] = []
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._ready = asyncio.Event()
        self._cut_at: float | None = None
        self._ends = ""
        self._checked_at = time.monotonic()
        self.write: Callable[[bytes], object] = self._take
        self._hub.enter("sse")

    async def subscribe(self, asked: Subscribe) -> None:
        """Begin with a snapshot, or what was missed; raises what `Hub.subscribe` raises."""
        channel = await self._hub.subscribe(self, asked.topic(), asked.limit, asked.resume)
        self._channels.append(channel)

    async def run(self, receive: Receive, send: Send) -> None:
        """Send until the client goes, the server stops, or the client is too slow."""
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BEGIN, "more_body": True})
        gone = asyncio.create_task(_gone(receive))
        try:
            while not gone.done():
                await self._send_waiting(send)
                if self._ends:
                    break
                waiting = asyncio.create_task(self._ready.wait())
                await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
        except TimeoutError:
            # Left unfinished: the server closes the connection.
            self._ends = self._ends or "slow"
            return
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """Nothing is wanted any more."""
        self._hub.leave("sse")
        CLOSED.labels(self._ends or "client").inc()
        for channel in self._channels:
            self._hub.unsubscribe(self, channel)

    def shutdown(self) -> None:
        """The server is stopping."""
        self._end("drain", "this server is stopping; connect again")

    def beat(self, heartbeat: Frame, now: float) -> None:
        """Prove that the connection works, and end it where it does not."""
        del now  # who is too slow is found out where it is waited for
        if self._cut_at is None:
            self._take(heartbeat.sse)

    async def check_key(self, now: float) -> None:
        """End the stream if the key that opened it holds no more."""
        if now - self._checked_at >= CHECK_KEY_S:
            self._checked_at = now
            if not await self._allowed():
                self._end("key", "the API key is expired or revoked")

    async def _send_waiting(self, send: Send) -> None:
        while self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            async with asyncio.timeout(SLOW_S):
                await send({"type": "http.response.body", "body": data, "more_body": True})
            if self._cut_at is not None and not self._ends:
                self._cut_at = None
                for channel in self._channels:
                    channel.catch_up(self)
        self._ready.clear()

    def _take(self, data: bytes) -> None:
        """Keep it until it can be sent; when too much waits, nothing but a snapshot comes after it."""
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self._ready.set()
        if self._waiting_bytes > WAITING_BYTES and self._cut_at is None:
            self._cut_at = time.monotonic()
            CUT.inc()
            for channel in self._channels:
                channel.pause(self)

    def _end(self, why: str, reason: str) -> None:
        if not self._ends:
            self._ends = why
            self._take(Frame("bye", {"reason": reason}).sse)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
