"""What providers on WebSockets share: connecting, reading JSON, saying what went wrong."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import orjson
import structlog
from prometheus_client import Counter

from stock_analysis.domain.errors import ProviderError
from stock_analysis.domain.ticks import MICROSECONDS, Said

log = structlog.get_logger(__name__)

GARBAGE = Counter("live_garbage_total", "Messages of providers that could not be understood.", ["provider"])
LARGEST_MESSAGE_BYTES = 2**20
CONNECT_S = 10.0
PING_S = 20.0
MOST_GARBAGE = 100
"""So many messages in a row that cannot be understood, and the connection is given up."""

Parse = Callable[[Any], Iterable[Said]]


class Messages:
    """The messages of one connection, decoded."""

    def __init__(self, provider: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._provider = provider
        self._socket = socket
        self._garbage = 0

    async def send(self, content: Any) -> None:
        """Send a message. Raises ProviderError."""
        try:
            await self._socket.send_str(orjson.dumps(content).decode())
        except (aiohttp.ClientError, ConnectionError) as error:
            raise ProviderError(f"{self._provider} broke off: {error}") from error

    async def receive(self) -> Any:
        """The next message that is JSON. Raises ProviderError when there is none any more."""
        while True:
            message = await self._socket.receive()
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                try:
                    return orjson.loads(message.data)
                except orjson.JSONDecodeError as error:
                    self.count_garbage(str(error))
            elif message.type is aiohttp.WSMsgType.ERROR:
                raise ProviderError(f"{self._provider} broke off: {self._socket.exception()}")
            else:
                code, reason = self._socket.close_code, str(message.extra or "")[:200]
                raise ProviderError(f"{self._provider} closed the connection ({code}) {reason}".rstrip())

    async def said(self, parse: Parse) -> AsyncIterator[Said]:
        """All that the messages say; what cannot be understood is counted and passed over."""
        while True:
            content = await self.receive()
            try:
                found = list(parse(content))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self.count_garbage(f"{type(error).__name__}: {error}")
                continue
            self._garbage = 0
            for one in found:
                yield one

    def count_garbage(self, reason: str) -> None:
        """A message could not be understood. Raises ProviderError when too many could not."""
        GARBAGE.labels(self._provider).inc()
        self._garbage += 1
        if self._garbage == 1:
            log.warning("live message not understood", provider=self._provider, reason=reason[:200])
        if self._garbage >= MOST_GARBAGE:
            raise ProviderError(f"{self._provider} sends nothing that can be understood: {reason[:200]}")


@asynccontextmanager
async def connected(provider: str, url: str) -> AsyncIterator[Messages]:
    """A connection. Raises ProviderError when there can be none."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        try:
            socket = await session.ws_connect(url, heartbeat=PING_S, max_msg_size=LARGEST_MESSAGE_BYTES)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise ProviderError(f"{provider} cannot be reached: {error or type(error).__name__}") from error
        async with socket:
            yield Messages(provider, socket)


def epoch_us(text: str) -> int:
    """Epoch microseconds of an RFC 3339 time with up to nanoseconds. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return round(found.replace(microsecond=0).timestamp()) * MICROSECONDS + found.microsecond
