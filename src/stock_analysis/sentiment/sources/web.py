"""HTTP and WebSocket as the sources use them: bounded in time and bytes, answers in words."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

LARGEST_ANSWER_BYTES = 8 * 2**20
LARGEST_MESSAGE_BYTES = 2**20
CONNECT_S, ANSWER_S = 10.0, 60.0
PING_S = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer read whole. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Its content. Raises ValueError."""
        return orjson.loads(self.body)


class WebError(Exception):
    """No answer, or one that is too large or broke off."""


class Web:
    """One session; no cookies, no redirects to other hosts."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask. Raises WebError."""
        return await self._ask("GET", url, params=params, headers=headers)

    async def post(
        self, url: str, data: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a form. Raises WebError."""
        return await self._ask("POST", url, data=data, headers=headers)

    async def post_json(self, url: str, content: Any, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send JSON. Raises WebError."""
        own = {**(headers or {}), "Content-Type": "application/json"}
        return await self._ask("POST", url, data=orjson.dumps(content), headers=own)

    @asynccontextmanager
    async def lines(
        self, url: str, *, params: Mapping[str, str], headers: Mapping[str, str], silence_s: float
    ) -> AsyncIterator[tuple[Answer, AsyncGenerator[bytes, None]]]:
        """An answer without end, line by line; its body is read at once where it is no 200. Raises WebError.

        silence_s: so long without a byte, and it is given up.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s)
        try:
            async with self._session.get(
                url, params=params, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                body = b"" if response.status == 200 else await response.content.read(4096)
                names = {name.lower(): value for name, value in response.headers.items()}
                yield Answer(response.status, names, body), _lines_of(response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise WebError(f"{type(error).__name__}: {error}"[:300].rstrip(": ")) from error

    async def _ask(self, method: str, url: str, **more: Any) -> Answer:
        try:
            async with self._session.request(method, url, allow_redirects=False, **more) as response:
                body = await response.content.read(LARGEST_ANSWER_BYTES + 1)
                while len(body) <= LARGEST_ANSWER_BYTES and not response.content.at_eof():
                    body += await response.content.read(LARGEST_ANSWER_BYTES + 1 - len(body))
                headers = {name.lower(): value for name, value in response.headers.items()}
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise WebError(f"{type(error).__name__}: {error}"[:300].rstrip(": ")) from error
        if len(body) > LARGEST_ANSWER_BYTES:
            raise WebError(f"an answer of more than {LARGEST_ANSWER_BYTES:,} bytes")
        return Answer(response.status, headers, body)

    async def messages(self, url: str) -> AsyncGenerator[Any, None]:
        """What a WebSocket says, decoded; None for what is no JSON. Raises WebError when it breaks off."""
        try:
            async with self._session.ws_connect(
                url, heartbeat=PING_S, max_msg_size=LARGEST_MESSAGE_BYTES
            ) as socket:
                async for message in socket:
                    yield _decoded(message)
                raise WebError(f"the connection was closed ({socket.close_code})")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise WebError(f"{type(error).__name__}: {error}"[:300].rstrip(": ")) from error


async def _lines_of(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    while line := await response.content.readline():
        yield line.strip()
    raise WebError("the connection was closed")


def _decoded(message: aiohttp.WSMessage) -> Any:
    if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
        raise WebError(f"the connection broke off: {message.data}"[:300])
    try:
        return orjson.loads(message.data)
    except orjson.JSONDecodeError:
        return None


@asynccontextmanager
async def open_web(user_agent: str) -> AsyncIterator[Web]:
    """A session that names itself so."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S)
    async with aiohttp.ClientSession(
        timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": user_agent}
    ) as session:
        yield Web(session)


def again_at(
    headers: Mapping[str, str],
    now: datetime,
    reset: str = "",
    read: Callable[[str, datetime], datetime | None] = lambda *_: None,
) -> datetime | None:
    """When a source says that it may be asked again: its own header, else Retry-After; a day at most.

    reset: name of its own header; read: what that means.
    """
    found = read(headers[reset], now) if reset in headers else None
    if found is None and "retry-after" in headers:
        found = in_seconds(headers["retry-after"], now) or _date(headers["retry-after"])
    return None if found is None else min(max(found, now), now + timedelta(days=1))


def in_seconds(text: str, now: datetime) -> datetime | None:
    """So many seconds from now."""
    seconds = _number(text)
    return None if seconds is None else now + timedelta(seconds=seconds)


def at_epoch(text: str, _: datetime) -> datetime | None:
    """A time as epoch seconds."""
    seconds = _number(text)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < 1e11 else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
