"""Ready answers: a bounded store in this process, Valkey behind it; losing either costs speed only."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog
from prometheus_client import Counter
from valkey.asyncio import Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import ValkeyError

from stock_analysis.kit.settings import Settings

log = structlog.get_logger(__name__)

CACHE_ERRORS = (ValkeyError, OSError, TimeoutError)
LOOKUPS = Counter("cache_lookups_total", "Look-ups of ready answers by where they were found.", ["result"])
FAILURES = Counter("cache_failures_total", "Calls to Valkey that failed; the answer came without it.")


STEP_BACK_S = 5.0


class StepBack:
    """Leaves a failing server alone for STEP_BACK_S: a hung one then costs one wait, not one a request.

    After that one caller asks; the others go on without it until that one knows.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: float | None = None

    def may_ask(self) -> bool:
        """Whether to ask the server now; who may, tells how it went."""
        if self._until is None:
            return True
        if self._clock() < self._until:
            return False
        self.note_failure()  # for the others, until this caller knows better
        return True

    def note_answer(self) -> None:
        """The server works."""
        self._until = None

    def note_failure(self) -> None:
        """The server did not answer."""
        self._until = self._clock() + STEP_BACK_S


class Cache(Protocol):
    """Bytes by key. A miss and a store that is down look the same."""

    async def get(self, key: str) -> bytes | None:
        """The bytes stored under this key, or None."""

    async def put(self, key: str, value: bytes) -> None:
        """Keep the bytes for a while."""


class InMemoryCache:
    """Bytes in this process, the least recently used thrown out past max_bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, bytes] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        """The bytes stored under this key, or None."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes) -> None:
        """Keep the bytes until they are the oldest of more than max_bytes; a quarter of it is too large."""
        if len(value) > self._max_bytes // 4:
            return
        self._bytes += len(value) - len(self._entries.pop(key, b""))
        self._entries[key] = value
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._entries.popitem(last=False)[1])


class ValkeyCache:
    """Bytes in Valkey for ttl_s seconds; a failing Valkey is a miss, counted, and left alone a while."""

    def __init__(self, client: Valkey, ttl_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._ttl_s = ttl_s
        self._step_back = StepBack(clock)

    async def get(self, key: str) -> bytes | None:
        """The bytes stored under this key, or None."""
        value: bytes | None = await self._ask(lambda: self._client.get(key))
        return value

    async def put(self, key: str, value: bytes) -> None:
        """Keep the bytes for ttl_s seconds, if Valkey is there."""
        await self._ask(lambda: self._client.set(key, value, ex=self._ttl_s))

    async def _ask(self, command: Callable[[], Awaitable[Any]]) -> Any:
        if not self._step_back.may_ask():
            return None
        try:
            answer = await command()
        except CACHE_ERRORS as error:
            self._step_back.note_failure()
            FAILURES.inc()
            log.warning("cache unavailable", error=str(error), asked_again_after_s=STEP_BACK_S)
            return None
        self._step_back.note_answer()
        return answer


class LayeredCache:
    """The near cache first, then the far one, which refills the near one."""

    def __init__(self, near: Cache, far: Cache) -> None:
        self._near = near
        self._far = far

    async def get(self, key: str) -> bytes | None:
        """The bytes stored under this key in either, or None."""
        value = await self._near.get(key)
        if value is not None:
            LOOKUPS.labels("local").inc()
            return value
        value = await self._far.get(key)
        LOOKUPS.labels("miss" if value is None else "valkey").inc()
        if value is not None:
            await self._near.put(key, value)
        return value

    async def put(self, key: str, value: bytes) -> None:
        """Keep the bytes in both."""
        await self._near.put(key, value)
        await self._far.put(key, value)


def open_valkey(settings: Settings) -> Valkey:
    """A client that gives up after valkey_timeout_s and never retries: the cache must not slow a request."""
    password = settings.valkey_password
    return Valkey(
        host=settings.valkey_host,
        port=settings.valkey_port,
        password=password.get_secret_value() if password else None,
        socket_timeout=settings.valkey_timeout_s,
        socket_connect_timeout=settings.valkey_timeout_s,
        retry=Retry(NoBackoff(), 0),
    )


async def check_valkey(client: Valkey) -> str:
    """Version of the server. Raises when it cannot be reached."""
    facts = await client.info("server")
    return str(facts.get("valkey_version") or facts["redis_version"])
